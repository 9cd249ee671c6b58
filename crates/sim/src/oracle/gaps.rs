//! Lines that say that something is missing: each must be right.

use super::screen::{Gap, Screen};
use super::{Leaving, Oracle, Placed, Said};
use crate::device::Device;

impl Oracle {
    /// A gap is right where as many texts of the same person are not shown, and that is excused. More may be missing that are no
    /// texts: that the person leaves, or what they did to texts. Such a one alone is a gap where the server or the device was put back, and on a device that had lost
    /// its place.
    pub(super) fn judge_gaps(
        &self,
        screen: &Screen,
        device: &Device,
        devices: &[Device],
    ) -> Vec<String> {
        // Of several one-to-one conversations that two people have begun, one shows all.
        let is_shown_in = |said: &Said, gap: &Gap| {
            let direct = screen.conversations.get(&gap.conversation);
            let direct = direct.is_some_and(|shown| shown.direct);
            said.conversation == gap.conversation
                || direct && !screen.conversations.contains_key(&said.conversation)
        };
        let right = |gap: &&Gap| {
            let rightly = self.said.values().filter(|said| {
                Some(devices[said.device].person) == gap.from
                    && is_shown_in(said, gap)
                    && screen.count(&said.text) == 0
                    && self.is_missing_rightly(said, device, devices)
            });
            let rightly = rightly.count() as u64;
            let leavings: Vec<&Leaving> = self
                .leavings
                .iter()
                .filter(|leaving| {
                    Some(devices[leaving.device].person) == gap.from
                        && leaving.conversation == gap.conversation
                })
                .collect();
            let lost = leavings.iter().filter(|one| self.is_lost(one, device));
            let lost = lost.count() as u64;
            let amendments = self
                .amendments
                .values()
                .map(|one| &one.said)
                .filter(|said| {
                    Some(devices[said.device].person) == gap.from && is_shown_in(said, gap)
                });
            let amendments: Vec<&Said> = amendments.collect();
            let amended = amendments
                .iter()
                .filter(|said| self.is_missing_rightly(said, device, devices));
            let lost = lost + amended.count() as u64;
            let rightly = rightly + self.said_again_behind(gap, screen, devices);
            let more = (leavings.len() as u64).max(1) + amendments.len() as u64;
            let rogue = gap.from.is_some_and(|from| self.rogues.contains(&from));
            rogue || rightly + lost > 0 && gap.missing <= rightly + more
        };
        let wrong = screen.gaps.iter().filter(|gap| !right(gap));
        wrong
            .map(|gap| format!("device {} shows {}", screen.device, gap.words))
            .collect()
    }

    /// Texts that were said before the one that a gap stands before, and are shown behind it: their device had lost its place, and has said
    /// them again. The gap stays, since a device that was put back gives its counters anew, to other texts as well.
    fn said_again_behind(&self, gap: &Gap, screen: &Screen, devices: &[Device]) -> u64 {
        let Some((before, next)) = gap.before.and_then(|id| Some((id, self.said.get(&id)?))) else {
            return 0;
        };
        let shown = screen.shown.iter().skip_while(|(id, _)| *id != before);
        let again = shown
            .skip(1)
            .filter_map(|(id, _)| self.said.get(id))
            .filter(|said| {
                Some(devices[said.device].person) == gap.from
                    && said.conversation == gap.conversation
                    && said.number < next.number
                    && self.is_said_again(said)
            });
        again.count() as u64
    }

    /// Whether a text's device has said it more than once, or had lost its place then.
    fn is_said_again(&self, said: &Said) -> bool {
        let lost = |at| {
            self.excuse_of_sender(said.device, at).is_some()
                || self.had_lost_its_place(said.device, said.conversation, at)
        };
        let placed = said.messages.iter();
        let placed = placed.filter(|id| self.placed.contains_key(*id)).count();
        let mut times = self.places_of(said).map(|placed| placed.at);
        placed > 1 || lost(said.at) || times.any(lost)
    }

    /// Whether the device need not have heard of a leaving: by when it was said, or by when the server took it, which may be much later.
    fn is_lost(&self, leaving: &Leaving, device: &Device) -> bool {
        let talk = leaving.conversation;
        let placed = leaving.messages.iter().filter_map(|id| self.placed.get(id));
        let mut of_server = placed.clone().filter_map(|placed| {
            self.excuse_of_server([device.number, leaving.device], talk, placed)
        });
        let mut times = placed.map(|placed| placed.at).chain([leaving.at]);
        of_server.next().is_some()
            || self.excuse_of_sender(leaving.device, leaving.at).is_some()
            || times.any(|at| {
                self.excuse_of_device(device.number, talk, at).is_some()
                    || self.had_lost_its_place(device.number, talk, at)
            })
    }

    fn is_missing_rightly(&self, said: &Said, device: &Device, devices: &[Device]) -> bool {
        let mut places = self.places_of(said).peekable();
        if places.peek().is_none() {
            // What a device that was taken out had not sent yet fails there.
            return self.has_parted(said) || self.excuse_unsent(said, devices).is_some();
        }
        let missing = |placed: &Placed| {
            self.was_out(said, placed, device)
                || self.has_overtaken(said, placed, device)
                || self.excuse(said, placed, device, devices).is_some()
                || self.excuse_of_sender(said.device, placed.at).is_some()
        };
        places.all(missing)
    }

    /// What was said after it had overtaken it, and this came in an epoch that the device was not in: it was out for a while.
    fn was_out(&self, said: &Said, placed: &Placed, device: &Device) -> bool {
        let home = (device.number, said.conversation.as_ref().to_vec());
        !self.was_in(device, placed) && self.parted.contains(&home)
    }

    /// What came in an epoch that the device was not in, and had overtaken something that was said before it and came in one that it was in: it
    /// came in between.
    fn has_overtaken(&self, said: &Said, placed: &Placed, device: &Device) -> bool {
        let same = |other: &&Said| {
            (other.device, other.conversation) == (said.device, said.conversation)
                && other.number < said.number
        };
        let later = |other: &Said| {
            self.places_of(other)
                .any(|one| one.order > placed.order && self.was_in(device, one))
        };
        !self.was_in(device, placed) && self.said.values().filter(same).any(later)
    }
}
