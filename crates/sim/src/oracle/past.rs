//! What whoever measures secrecy wants to know of the past.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use keyfold_engine::view::State;

use super::screen::Screen;
use super::{Handle, MessageId, Oracle};
use crate::device::Device;

/// A text as the server carried it.
pub(crate) struct Carried {
    pub(crate) handle: Handle,
    pub(crate) epoch: u64,
    pub(crate) order: u64,
    pub(crate) at: u64,
    /// Requests that the server had accepted by then, this one included.
    pub(crate) accepted: u64,
}

/// Who moved a conversation on from an epoch, and when.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) device: usize,
    pub(crate) message: MessageId,
    /// Requests that the server had accepted by then, this one included.
    pub(crate) order: u64,
    pub(crate) at: u64,
}

/// Who was in an epoch from when on: a server that was put back may have another epoch of the same number.
#[derive(Clone, Debug)]
pub(super) struct Entered {
    pub(super) members: BTreeSet<usize>,
    /// Requests that the server had accepted by then, this one included.
    pub(super) order: u64,
    pub(super) at: u64,
}

/// What there was before devices and the server were put back.
#[derive(Default)]
pub(super) struct Past {
    /// Messages that each device has taken in: what its state knows of, not what it ever did.
    taken: BTreeMap<usize, BTreeSet<MessageId>>,
    /// The same as the copies of devices have it that were kept last.
    copied: BTreeMap<usize, BTreeSet<MessageId>>,
    /// How many requests the copy of the server knows that was kept last.
    backed_up: u64,
    /// When the server was put back, and to when, in requests that it had accepted.
    put_back: Vec<(u64, u64)>,
}

impl Past {
    pub(super) fn takes_in(&mut self, device: usize, message: MessageId) {
        self.taken.entry(device).or_default().insert(message);
    }

    pub(super) fn device_goes_on_from_copy(&mut self, device: usize) {
        let known = self.copied.get(&device).cloned().unwrap_or_default();
        self.taken.insert(device, known);
    }

    pub(super) fn are_clones(&mut self, original: usize, copy: usize) {
        let known = self.taken.get(&original).cloned().unwrap_or_default();
        self.taken.insert(copy, known);
    }

    pub(super) fn server_goes_on_from_copy(&mut self, accepted: u64) {
        self.put_back.push((accepted, self.backed_up));
    }

    /// Whether the server had a request, by its number, still when it had accepted so many in all.
    pub(super) fn had(&self, request: u64, when: u64) -> bool {
        let lost = |(at, to): &(u64, u64)| *to < request && request <= *at && *at < when;
        request <= when && !self.put_back.iter().any(lost)
    }
}

/// All texts that a device shows, its own included.
pub(crate) fn reads(device: &Device) -> HashSet<String> {
    let screen = Screen::of(device, &|_| None);
    let shown = screen.shown.iter();
    let shown = shown.filter(|(id, _)| screen.states.get(id) != Some(&State::Waiting));
    shown.map(|(_, text)| text.clone()).collect()
}

impl Oracle {
    /// How many messages the server has taken.
    pub(crate) fn order(&self) -> u64 {
        self.placed.len() as u64
    }

    /// How many requests the server has accepted.
    pub(crate) const fn accepted(&self) -> u64 {
        self.accepted as u64
    }

    pub(crate) fn carried(&self, message: &[u8]) -> Option<Carried> {
        let placed = self.placed.get(message)?;
        Some(Carried {
            handle: placed.handle.clone(),
            epoch: placed.epoch,
            order: placed.order,
            at: placed.at,
            accepted: placed.accepted,
        })
    }

    /// Who moved a conversation on from an epoch, as the server knew it when it had accepted so many requests.
    pub(crate) fn moved_by(&self, handle: &[u8], epoch: u64, when: u64) -> Option<&Moved> {
        let mut moved = self.moved.get(&(handle.to_vec(), epoch))?.iter();
        moved.find(|moved| self.past.had(moved.order, when))
    }

    /// Whether the server had a request, by its number, still when it had accepted so many in all.
    pub(crate) fn had(&self, request: u64, when: u64) -> bool {
        self.past.had(request, when)
    }

    /// The messages that a device's state has taken in.
    pub(crate) fn taken_in(&self, device: usize) -> HashSet<MessageId> {
        let taken = self.past.taken.get(&device).into_iter().flatten();
        taken.cloned().collect()
    }

    /// A copy of a device's state is kept.
    pub(crate) fn is_backed_up(&mut self, device: usize) {
        let known = self.past.taken.get(&device).cloned().unwrap_or_default();
        self.past.copied.insert(device, known);
        self.wishes.is_copied(device);
    }

    /// A copy of what the server holds is kept.
    pub(crate) const fn server_is_backed_up(&mut self) {
        self.past.backed_up = self.accepted();
    }

    /// Whether the device was in the epoch that carried it.
    pub(crate) fn is_in(&self, device: &Device, carried: &Carried) -> bool {
        self.was_in_epoch(device, &carried.handle, carried.epoch, carried.accepted)
    }

    /// How many texts the device was to read of what the server took before this and after.
    pub(crate) fn was_to_read(&self, device: &Device, order: u64) -> (usize, usize) {
        let (mut before, mut after) = (0, 0);
        for id in self.placed.keys() {
            let carried = self.carried(id).filter(|one| self.is_in(device, one));
            match carried {
                Some(carried) if carried.order < order => before += 1,
                Some(_) => after += 1,
                None => {}
            }
        }
        (before, after)
    }

    /// How long the device was out of reach in all.
    pub(crate) fn absence(&self, device: usize) -> u64 {
        let absences = self.absences.get(&device).into_iter().flatten();
        absences.map(super::Span::length).sum()
    }
}
