//! Why a text may be missing. What is not listed here is no excuse.

use std::collections::BTreeSet;

use keyfold_wire::ids::ConversationId;

use super::screen::Screen;
use super::{Handle, Oracle, Placed, Said};
use crate::device::Device;

/// Why a member's device need not show a text, or why a text never came to be at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Excuse {
    /// The device was removed from its account.
    DeviceRemoved,
    /// Its person had said that they leave, and nobody had taken them out yet.
    Left,
    /// It was said on one device after another one of the same person had said that they leave.
    SaidAfterLeaving,
    /// The device that it was said on was removed from its account before the server had it.
    SenderRemoved,
    /// The device was out of reach for longer than the server keeps an item.
    RetentionPassed,
    /// The device came back from an older copy of its state.
    DeviceRestored,
    /// Two devices went on from one state.
    DeviceCloned,
    /// The device had lost its place in the conversation, for others had gone on elsewhere, and was not back yet; or it was said at a
    /// place that this device never was at, by one that then lost it, or where it had lost its place before it went on elsewhere.
    PlaceLost,
    /// Its person had been taken out where the conversation goes on, when it was said at a place that was left.
    Out,
    /// A malicious server did not deliver it.
    Withheld,
    /// Its sender uses a client of their own making as well, under the same keys.
    SenderTurned,
    /// The server came back from an older copy of what it held.
    ServerRestored,
}

/// Milliseconds that the server keeps an item.
pub(super) const RETENTION: u64 = keyfold_wire::limits::ITEM_RETENTION.as_secs() * 1_000;
/// Milliseconds that an item may be under way to a device that is in reach: broken connections, a process that starts again.
pub(super) const DELAY: u64 = 60_000;

/// From when to when something was not as it should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Span {
    pub(super) const fn length(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

/// That a device, or the server, went on from a copy of its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct PutBack {
    /// When the copy was made.
    pub(super) copied: u64,
    /// Since when something may not have come to that.
    from: u64,
    /// When it went on from there.
    pub(super) at: u64,
    /// When it noticed.
    pub(super) noticed: u64,
}

impl PutBack {
    /// Whether this was between the copy and the restart.
    pub(super) fn holds(&self, at: u64) -> bool {
        (self.copied..=self.at).contains(&at)
    }
}

impl Oracle {
    /// A device is out of reach, from now on and until then.
    pub(crate) fn is_away(&mut self, device: usize, from: u64, to: u64) {
        let span = Span { from, to };
        self.absences.entry(device).or_default().push(span);
    }

    /// It is in reach again, maybe earlier.
    pub(crate) fn is_back(&mut self, device: usize, now: u64) {
        let absences = self.absences.entry(device).or_default();
        for span in absences {
            span.to = span.to.min(now);
        }
    }

    /// A device's connection has ended, or its process.
    pub(crate) fn loses_touch(&mut self, device: usize, now: u64) {
        let spans = self.out_of_touch.entry(device).or_default();
        if spans.last().is_none_or(|span| span.to != u64::MAX) {
            spans.push(Span {
                from: now,
                to: u64::MAX,
            });
        }
    }

    /// It has taken in all that waited.
    pub(super) fn catches_up(&mut self, device: usize, now: u64) {
        let spans = self.out_of_touch.get_mut(&device);
        if let Some(span) = spans.and_then(|spans| spans.last_mut()) {
            span.to = span.to.min(now);
        }
    }

    /// A device has come back from a copy of its state.
    pub(crate) fn is_restored(&mut self, device: usize, copied: u64, now: u64) {
        let put_back = PutBack {
            copied,
            from: self.last_up_to_date(device, copied),
            at: now,
            noticed: u64::MAX,
        };
        self.restored.entry(device).or_default().push(put_back);
        self.past.device_goes_on_from_copy(device);
        self.wishes.goes_on_from_copy(device);
        *self.lives.entry(device).or_default() += 1;
    }

    /// How often a device has gone on from a copy of its state without noticing: the server had had no acknowledgement since.
    pub(crate) fn life(&self, device: usize) -> usize {
        self.lives.get(&device).copied().unwrap_or(0)
    }

    /// It has noticed.
    pub(super) fn notices_restoring(&mut self, device: usize, now: u64) {
        for put_back in self.restored.entry(device).or_default() {
            put_back.noticed = put_back.noticed.min(now);
        }
        let lives = self.lives.entry(device).or_default();
        *lives = lives.saturating_sub(1);
    }

    /// Since when there may be something that had not come to a device at this time.
    pub(super) fn last_up_to_date(&self, device: usize, at: u64) -> u64 {
        let spans = self.out_of_touch.get(&device).into_iter().flatten();
        let away = spans.filter(|span| (span.from..=span.to.saturating_add(DELAY)).contains(&at));
        let since = away.map(|span| span.from).min().unwrap_or(at);
        since.saturating_sub(DELAY)
    }

    /// A device says that it has lost its place in a conversation. What it missed was under way to it before.
    pub(super) fn loses_place(&mut self, device: usize, conversation: ConversationId, now: u64) {
        let span = Span {
            from: self.last_up_to_date(device, now),
            to: u64::MAX,
        };
        let places = self.places_lost.entry((device, conversation)).or_default();
        places.push(span);
    }

    /// It is in it again, and says so.
    pub(super) fn has_its_place(&mut self, device: usize, conversation: ConversationId, now: u64) {
        let places = self.places_lost.entry((device, conversation)).or_default();
        for span in places.iter_mut().filter(|span| span.to == u64::MAX) {
            span.to = now;
        }
    }

    pub(super) fn moves_about(
        &mut self,
        device: usize,
        conversation: ConversationId,
        event: (u64, bool),
    ) {
        let about = self.moved_about.entry((device, conversation)).or_default();
        about.push(event);
    }

    /// In which groups each device shows anything that was said in no other.
    pub(super) fn shown_of(&self, screens: &[Screen]) -> BTreeSet<(usize, Handle)> {
        let shown = screens.iter().flat_map(|screen| {
            let ids = screen.shown.iter().map(|(id, _)| id);
            ids.map(|id| (screen.device, self.said.get(id)))
        });
        let placed = shown.flat_map(|(device, said)| {
            let places = said.into_iter().flat_map(|said| self.places_of(said));
            let handles: BTreeSet<&Handle> = places.map(|placed| &placed.handle).collect();
            let counts = handles.len() == 1;
            let handles = handles.into_iter().filter(move |_| counts);
            handles.map(move |handle| (device, handle.clone()))
        });
        placed.collect()
    }

    /// Whether this was said in a group that the device never followed to, and the next that its sender heard was that nobody does.
    pub(super) fn was_said_astray(&self, said: &Said, placed: &Placed, device: usize) -> bool {
        let lost_next = |sender: usize| {
            let about = self.moved_about.get(&(sender, said.conversation));
            let about = about.map_or(&[] as &[(u64, bool)], Vec::as_slice);
            // It may have heard that while this was on its way.
            let before = about.iter().rev().find(|(at, _)| *at < placed.at);
            let next = about.iter().find(|(at, _)| *at >= placed.at);
            [before, next].into_iter().flatten().any(|(_, lost)| *lost)
        };
        // What was typed before a copy was made either may say.
        let copies = self.clones_of(said.device).flat_map(|one| one.pair);
        let mut senders = copies.chain([said.device]);
        let never = !self.shows.contains(&(device, placed.handle.clone()));
        self.came_apart() && never && senders.any(lost_next)
    }

    pub(super) fn had_lost_its_place(
        &self,
        device: usize,
        conversation: ConversationId,
        at: u64,
    ) -> bool {
        let places = self.places_lost.get(&(device, conversation));
        let mut places = places.into_iter().flatten();
        self.came_apart() && places.any(|span| (span.from..=span.to).contains(&at))
    }

    /// Whether the last that a device had said of a conversation was that it is out of it.
    fn was_out_of(&self, device: usize, conversation: ConversationId, at: u64) -> bool {
        let said = self.outs.get(&(device, conversation)).into_iter().flatten();
        let last = said.take_while(|(when, _)| *when <= at).last();
        self.came_apart() && last.is_some_and(|(_, out)| *out)
    }

    /// The server has come back from a copy of what it held.
    pub(crate) fn server_is_restored(&mut self, devices: &[Device], copied: u64, now: u64) {
        self.overtakes_server(devices, copied, now);
        self.server_restored.push(PutBack {
            copied,
            from: copied,
            at: now,
            noticed: now,
        });
        self.past.server_goes_on_from_copy(self.accepted());
    }

    /// Something befell the world after which conversations move and devices are let in again, with a line that says why.
    pub(crate) fn came_apart(&self) -> bool {
        let mut absences = self.absences.values().flatten();
        self.is_hostile()
            || !(self.restored.is_empty()
                && self.clones.is_empty()
                && self.server_restored.is_empty())
            || absences.any(|span| span.length() >= RETENTION)
    }

    /// The server, or somebody, has cheated.
    pub(super) fn is_hostile(&self) -> bool {
        !(self.rogues.is_empty() && self.withheld.is_empty() && self.slipped_in == 0)
    }

    /// How often the state of this device or of the server was put back.
    pub(super) fn put_back(&self, device: usize) -> usize {
        self.restored.get(&device).map_or(0, Vec::len) + self.server_restored.len()
    }

    /// Why a member's device need not show what the server placed.
    pub(super) fn excuse(
        &self,
        said: &Said,
        placed: &Placed,
        device: &Device,
        devices: &[Device],
    ) -> Option<Excuse> {
        let person = devices[said.device].person;
        let mut own = devices.iter().filter(|device| device.person == person);
        if self.was_removed(device, placed.at) {
            Some(Excuse::DeviceRemoved)
        } else if own.any(|device| {
            self.has_left(device, placed)
                || self.has_left_where_it_goes_on(device.number, said.conversation, placed)
        }) {
            Some(Excuse::SaidAfterLeaving)
        } else if self.has_left(device, placed) {
            Some(Excuse::Left)
        } else if self.is_withheld(device.number, said) {
            Some(Excuse::Withheld)
        } else if self.rogues.contains(&person) {
            Some(Excuse::SenderTurned)
        } else if self.was_away(device.number, placed.at)
            || self.was_invited_unheard(device.number, said.conversation, placed)
        {
            Some(Excuse::RetentionPassed)
        } else {
            let talk = said.conversation;
            let lost = self.had_lost_its_place(device.number, talk, placed.at)
                || self.was_said_astray(said, placed, device.number)
                || self.was_left_behind(said, placed, device.number);
            let out = self.was_out_of(device.number, talk, placed.at);
            let in_vain = self.was_invited_in_vain(device, talk, placed);
            let of_server = || {
                let of_server = self.excuse_of_server([device.number, said.device], talk, placed);
                of_server.or_else(|| in_vain.then_some(Excuse::ServerRestored))
            };
            let copied = self.was_for_a_copy(device.number, talk, placed);
            self.excuse_of_device(device.number, talk, placed.at)
                .or_else(|| copied.then_some(Excuse::DeviceCloned))
                .or_else(|| lost.then_some(Excuse::PlaceLost))
                .or_else(|| out.then_some(Excuse::Out))
                .or_else(of_server)
        }
    }

    /// Why a text need not be anywhere that the server never placed.
    pub(super) fn excuse_unsent(&self, said: &Said, devices: &[Device]) -> Option<Excuse> {
        // Whatever a removed device had not sent: it may have been added and removed before it was ever greeted.
        if devices[said.device].unlinked || self.was_removed(&devices[said.device], said.at) {
            return Some(Excuse::SenderRemoved);
        }
        let of_server = self
            .server_restored
            .iter()
            .any(|one| self.has_moved_about(said.device, said.conversation, said.at.max(one.at)));
        self.excuse_of_sender(said.device, said.at)
            .or_else(|| of_server.then_some(Excuse::ServerRestored))
    }

    /// Whether a device had been removed from its account by then, or what was under way then reached it afterwards.
    fn was_removed(&self, device: &Device, at: u64) -> bool {
        // One that the server has never greeted has sent nothing, and got nothing.
        let never = !self.first_greeted.contains_key(&device.number);
        let unlinked = device.unlinked
            && (never || at >= self.last_up_to_date(device.number, device.unlinked_at));
        let away =
            self.was_turned_away(device.number, at) || never && self.is_turned_away(device.number);
        unlinked || away && !self.is_copied(device.number)
    }

    pub(super) fn was_away(&self, device: usize, at: u64) -> bool {
        let spans = self.out_of_touch.get(&device).into_iter().flatten();
        let mut spans = spans.filter(|span| span.from <= at.saturating_add(DELAY));
        spans.any(|span| span.to >= at.saturating_add(RETENTION))
    }

    /// Whether a device had been out of reach by then, once, for as long as the server keeps an item.
    pub(super) fn was_ever_away(&self, device: usize, by: u64) -> bool {
        let spans = self.out_of_touch.get(&device).into_iter().flatten();
        let away = spans.map(|span| span.to.min(by).saturating_sub(span.from));
        away.max()
            .is_some_and(|longest| longest >= RETENTION.saturating_sub(DELAY))
    }

    /// Why a text may be gone, at the server more than once, or under keys that another copy of its device has used.
    pub(super) fn excuse_of_sender(&self, device: usize, at: u64) -> Option<Excuse> {
        if self.was_doubled(device, at) {
            return Some(Excuse::DeviceCloned);
        }
        let mut restored = self.restored.get(&device).into_iter().flatten();
        let lost = |one: &PutBack| (one.from..=one.at).contains(&at);
        let unnoticed = |one: &PutBack| (one.at..=one.noticed).contains(&at);
        restored
            .any(|one| lost(one) || unnoticed(one))
            .then_some(Excuse::DeviceRestored)
    }

    /// Why what was said in a conversation then need not have come to a device: it went on from an older copy, or there were two of it.
    pub(super) fn excuse_of_device(
        &self,
        device: usize,
        conversation: ConversationId,
        at: u64,
    ) -> Option<Excuse> {
        if self.was_doubled(device, at) {
            return Some(Excuse::DeviceCloned);
        }
        let mut restored = self.restored.get(&device).into_iter().flatten();
        restored
            .any(|one| {
                (one.from..=one.at + DELAY).contains(&at)
                    || self.was_not_back(device, conversation, *one, at)
            })
            .then_some(Excuse::DeviceRestored)
    }

    /// Whether a device's person had left where the conversation had moved, before this was placed in a line of before.
    fn has_left_where_it_goes_on(
        &self,
        device: usize,
        conversation: ConversationId,
        placed: &Placed,
    ) -> bool {
        let leaves = self.leaves.get(&device).into_iter().flatten();
        let mut leaves = leaves.filter(|leave| {
            leave.conversation == conversation
                && leave.order <= placed.order
                && self.is_parting(leave)
        });
        leaves.any(|leave| self.began(&placed.handle) < self.began(&leave.handle))
    }

    /// What the server had lost when it was put back; and what was said while somebody had not found the way back from that.
    pub(super) fn excuse_of_server(
        &self,
        parties: [usize; 2],
        conversation: ConversationId,
        placed: &Placed,
    ) -> Option<Excuse> {
        let lost = !self.past.had(placed.accepted, self.accepted() + 1);
        let after = self.server_restored.iter().any(|one| placed.at >= one.at);
        let about = || {
            parties
                .iter()
                .any(|one| self.has_moved_about(*one, conversation, placed.at))
        };
        (lost || after && about()).then_some(Excuse::ServerRestored)
    }

    /// Whether a device said at some time after this that it had lost its place, had found it or was somewhere else.
    fn has_moved_about(&self, device: usize, conversation: ConversationId, since: u64) -> bool {
        let about = self.moved_about.get(&(device, conversation));
        about.into_iter().flatten().any(|(at, _)| *at >= since)
    }
}
