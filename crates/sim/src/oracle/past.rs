//! What whoever measures secrecy wants to know of the past.

use std::collections::HashSet;

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

/// All texts that a device shows, its own included.
pub(crate) fn reads(device: &Device) -> HashSet<String> {
    let screen = Screen::of(device);
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
        })
    }

    pub(crate) fn moved_by(&self, handle: &[u8], epoch: u64) -> Option<&Moved> {
        self.moved.get(&(handle.to_vec(), epoch))
    }

    /// Whether the device was in the epoch that carried it.
    pub(crate) fn is_in(&self, device: &Device, carried: &Carried) -> bool {
        self.was_in(device, &carried.handle, carried.epoch)
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
