//! Who was invited, and had not come in: by a welcome or a key package that was of no use, or that another copy of the device had.

use std::ops::RangeBounds;

use keyfold_wire::ids::ConversationId;

use super::excuse::{DELAY, PutBack, RETENTION};
use super::past::Entered;
use super::turned_away::Clones;
use super::{Handle, Oracle, Placed};
use crate::device::Device;

impl Oracle {
    /// Whether a device said within this time that it was in a conversation, was back in it or had moved with it.
    pub(super) fn came_in(
        &self,
        device: usize,
        conversation: ConversationId,
        when: impl RangeBounds<u64>,
    ) -> bool {
        let entered = self.entered.get(&(device, conversation));
        entered.into_iter().flatten().any(|at| when.contains(at))
    }

    /// Whether a device was invited to this place by a welcome that the server did not keep until it came, and has not come in since.
    pub(super) fn was_invited_unheard(
        &self,
        device: usize,
        conversation: ConversationId,
        placed: &Placed,
    ) -> bool {
        let invited = self.first_in(device, &placed.handle);
        invited.is_some_and(|invited| {
            self.was_away(device, invited)
                && !self.came_in(device, conversation, invited..=placed.at)
        })
    }

    /// Whether a device was invited to a conversation while there were two of it, or only the other one was at this place, and it has not
    /// come in since.
    pub(super) fn was_for_a_copy(
        &self,
        device: usize,
        conversation: ConversationId,
        placed: &Placed,
    ) -> bool {
        let came_in = |since: u64| self.came_in(device, conversation, since..=placed.at);
        let place = |who: usize| (who, placed.handle.clone());
        self.clones_of(device).any(|clones| {
            // A copy that had not come to the server by then is invited with the other one.
            let invited = clones.pair.iter();
            let invited = invited.filter_map(|one| self.first_in(*one, &placed.handle));
            let invited = invited.min();
            let mut others = clones.pair.into_iter().filter(|one| *one != device);
            let both = clones.from..=self.packages_replaced(device, clones).saturating_add(DELAY);
            // Whoever invites it may have had its key package for as long as they were out of touch.
            let fetched = |since| {
                self.inviter(&placed.handle, since)
                    .map_or(since, |one| self.last_up_to_date(one, since))
            };
            invited.is_some_and(|since| {
                *both.start() <= since && fetched(since) <= *both.end() && !came_in(since)
            }) || !self.shows.contains(&place(device))
                && others.any(|other| {
                    self.shows.contains(&place(other)) || self.shows_in.contains_key(&place(other))
                })
        })
    }

    /// Until when key packages of the other copy of a device may be handed out: the one that goes on replaces them when it notices.
    fn packages_replaced(&self, device: usize, clones: &Clones) -> u64 {
        let mut replaced = self.replaced.get(&device).into_iter().flatten().copied();
        let replaced = replaced.find(|at| *at >= clones.until);
        replaced.unwrap_or_else(|| self.in_touch_after(device, clones.until))
    }

    /// When a device was in touch after this.
    fn in_touch_after(&self, device: usize, at: u64) -> u64 {
        let spans = self.out_of_touch.get(&device).into_iter().flatten();
        let away = spans.filter(|span| (span.from..=span.to).contains(&at));
        away.map(|span| span.to).max().unwrap_or(at)
    }

    /// Whether a device was invited to this place by a key package that a server which was put back had handed out before, or that the device
    /// had replaced long before, or had made after the copy that it went on from, and has not come in since.
    pub(super) fn was_invited_in_vain(
        &self,
        device: &Device,
        conversation: ConversationId,
        placed: &Placed,
    ) -> bool {
        let Some(invited) = self.first_in(device.number, &placed.handle) else {
            return false;
        };
        let id = device.id.map(|id| id.as_bytes().to_vec());
        let again = id.and_then(|id| self.handed_again.get(&id));
        let mut again = again.into_iter().flatten();
        let used = !self.server_restored.is_empty() && again.any(|at| *at <= invited);
        let restored = self.restored.get(&device.number).into_iter().flatten();
        let mut restored = restored.filter(|one| one.at <= placed.at);
        // A server that was put back to before the device had replaced them has them again.
        let replaced = |one: &PutBack| {
            let again = self.server_restored.iter();
            let again = again.filter(|server| server.copied <= one.noticed && server.at >= one.at);
            let again = again.map(|server| self.in_touch_after(device.number, server.at));
            again.chain([one.noticed]).max().unwrap_or(one.noticed)
        };
        let lost = restored
            .any(|one| (one.copied..=replaced(one).saturating_add(DELAY)).contains(&invited));
        // It has those that the device had replaced long before.
        let stale = self.server_restored.iter().any(|one| {
            let back = self.in_touch_after(device.number, one.at);
            one.at.saturating_sub(one.copied) >= RETENTION && (one.at..=back).contains(&invited)
        });
        let came_in = || self.came_in(device.number, conversation, invited..=placed.at);
        (used || lost || stale) && !came_in()
    }

    /// Whose commit was taken at this place then.
    fn inviter(&self, handle: &Handle, at: u64) -> Option<usize> {
        let epochs = (handle.clone(), 0)..=(handle.clone(), u64::MAX);
        let mut moved = self.moved.range(epochs).flat_map(|(_, moved)| moved);
        moved.find(|moved| moved.at == at).map(|moved| moved.device)
    }

    /// When the server first had this place.
    pub(super) fn began(&self, handle: &Handle) -> Option<u64> {
        self.rosters_of(handle).map(|entered| entered.at).min()
    }

    fn rosters_of(&self, handle: &Handle) -> impl Iterator<Item = &Entered> {
        let epochs = (handle.clone(), 0)..=(handle.clone(), u64::MAX);
        self.rosters.range(epochs).flat_map(|(_, rosters)| rosters)
    }

    /// When the server first had a device in a roster of this place.
    pub(super) fn first_in(&self, device: usize, handle: &Handle) -> Option<u64> {
        let rosters = self.rosters_of(handle);
        let with = rosters.filter(|entered| entered.members.contains(&device));
        with.map(|entered| entered.at).min()
    }

    /// Whether a device had come into a conversation after the copy that it went on from, and was not in it again.
    pub(super) fn was_not_back(
        &self,
        device: usize,
        conversation: ConversationId,
        copy: PutBack,
        at: u64,
    ) -> bool {
        self.came_in(device, conversation, copy.copied..=copy.at)
            && at >= copy.at
            && !self.came_in(device, conversation, copy.at + 1..=at)
    }
}
