//! Copies of a device that are in use at once, and devices that the server does not greet any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyfold_wire::ids::ConversationId;

use super::excuse::DELAY;
use super::{Check, Oracle};
use crate::device::Device;

/// Two devices of one state.
pub(super) struct Clones {
    pub(super) pair: [usize; 2],
    /// Since when something may have come to one of them alone.
    pub(super) from: u64,
    /// When one of them was turned away.
    pub(super) until: u64,
}

fn of_copy<T: Clone>(of: &mut BTreeMap<usize, T>, original: usize, copy: usize) {
    if let Some(known) = of.get(&original).cloned() {
        of.insert(copy, known);
    }
}

fn in_conversations<T: Clone>(
    of: &mut HashMap<(usize, ConversationId), T>,
    original: usize,
    copy: usize,
) {
    let known = of.iter().filter(|((device, _), _)| *device == original);
    let known: Vec<_> = known
        .map(|((_, conversation), known)| ((copy, *conversation), known.clone()))
        .collect();
    of.extend(known);
}

impl Clones {
    /// Whether both were in use then, or what was said then came to one of them.
    pub(super) fn were_both(&self, at: u64) -> bool {
        (self.from..=self.until.saturating_add(DELAY)).contains(&at)
    }
}

impl Oracle {
    /// Two devices have one state.
    pub(crate) fn are_clones(&mut self, [original, copy]: [usize; 2], now: u64) {
        self.clones.push(Clones {
            pair: [original, copy],
            from: self.last_up_to_date(original, now),
            until: u64::MAX,
        });
        self.was_in_as_well(original, copy);
        self.past.are_clones(original, copy);
        self.wishes.are_clones(original, copy);
        self.inherits(original, copy);
    }

    /// What had befallen a device has befallen the copy of its state.
    fn inherits(&mut self, original: usize, copy: usize) {
        of_copy(&mut self.absences, original, copy);
        of_copy(&mut self.out_of_touch, original, copy);
        of_copy(&mut self.restored, original, copy);
        of_copy(&mut self.leaves, original, copy);
        in_conversations(&mut self.places_lost, original, copy);
        in_conversations(&mut self.left_behind, original, copy);
        in_conversations(&mut self.moved_about, original, copy);
        in_conversations(&mut self.outs, original, copy);
        in_conversations(&mut self.entered, original, copy);
        let former = self.clones.iter().filter(|one| {
            let [first, second] = one.pair;
            one.pair.contains(&original) && [first, second] != [original, copy]
        });
        let former: Vec<Clones> = former
            .map(|one| Clones {
                pair: one
                    .pair
                    .map(|device| if device == original { copy } else { device }),
                ..*one
            })
            .collect();
        self.clones.extend(former);
    }

    /// With which others a device has been of one state.
    pub(super) fn clones_of(&self, device: usize) -> impl Iterator<Item = &Clones> {
        let clones = self.clones.iter();
        clones.filter(move |one| one.pair.contains(&device))
    }

    /// Whether a device is one of two copies.
    pub(super) fn is_copied(&self, device: usize) -> bool {
        self.clones_of(device).next().is_some()
    }

    /// Whether the server would not greet this device any more.
    pub(crate) fn is_turned_away(&self, device: usize) -> bool {
        self.turned_away.contains_key(&device)
    }

    /// Whether two copies of a device were in use then, or it was one that was turned away.
    pub(super) fn was_doubled(&self, device: usize, at: u64) -> bool {
        let mut clones = self.clones_of(device);
        self.is_copied(device) && self.was_turned_away(device, at)
            || clones.any(|one| one.were_both(at))
    }

    /// Whether a device was turned away by then, or what was under way then would have reached it afterwards.
    pub(super) fn was_turned_away(&self, device: usize, at: u64) -> bool {
        let when = self.turned_away.get(&device);
        when.is_some_and(|when| at >= self.last_up_to_date(device, *when))
    }

    /// A device has been given another token.
    pub(super) fn has_another_token(&mut self, device: usize, now: u64) {
        self.tokens.entry(device).or_default().push(now);
    }

    /// A device says that the server does not greet it any more.
    pub(super) fn is_removed(&mut self, device: usize, devices: &[Device], now: u64) {
        for clones in self
            .clones
            .iter_mut()
            .filter(|one| one.pair.contains(&device))
        {
            clones.until = clones.until.min(now);
        }
        self.turned_away.entry(device).or_insert(now);
        if !self.may_be_removed(&devices[device], devices) {
            let words = format!("device {device} was removed, and nobody has removed it");
            self.violated(Check::Ends, &words);
        }
    }

    /// The server greets a device. A new one may have been turned away before the server knew of it; and a copy before the server was put
    /// back to when it knew the token that this one has: then there are two of the device again.
    pub(super) fn is_not_turned_away(&mut self, device: usize, now: u64) {
        if self.turned_away.remove(&device).is_none() {
            return;
        }
        let from = self.last_up_to_date(device, now);
        let parted = self.clones_of(device).filter(|one| one.until < now);
        let pairs: BTreeSet<[usize; 2]> = parted.map(|one| one.pair).collect();
        let again = pairs.into_iter().map(|pair| Clones {
            pair,
            from,
            until: u64::MAX,
        });
        self.clones.extend(again);
    }

    fn may_be_removed(&self, device: &Device, devices: &[Device]) -> bool {
        // One that the server has never greeted may not be known to it yet.
        let Some(came) = self.first_greeted.get(&device.number) else {
            return true;
        };
        let mut own = devices.iter().filter(|one| one.person == device.person);
        let primary = own.next().map_or(device.number, |one| one.number);
        let linked = primary != device.number;
        // A device that server or primary have forgotten.
        let of_primary = self.restored.get(&primary).into_iter().flatten();
        let mut put_back = of_primary.chain(&self.server_restored);
        let forgotten = linked && put_back.any(|one| one.copied <= *came);
        // A copy from before its token was replaced.
        let own = self.restored.get(&device.number).into_iter().flatten();
        let tokens = self.tokens.get(&device.number).into_iter().flatten();
        let old = own
            .clone()
            .any(|copy| tokens.clone().any(|at| copy.holds(*at)));
        device.unlinked || self.is_copied(device.number) || forgotten || old
    }
}
