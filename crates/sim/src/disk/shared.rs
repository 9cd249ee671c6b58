//! The index of a write-ahead log, which all connections to one database share, and the locks on it.

use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::ffi;

/// Bytes of a region; `SQLite` asks for no other size.
pub(super) const REGION: usize = 32 * 1024;

/// One region, which `SQLite` reads and writes under its own locks and barriers.
type Region = Box<[UnsafeCell<u64>]>;

/// Shared by those who have the database open; gone with the last of them, and with the machine.
#[derive(Default)]
pub(super) struct Shared {
    regions: Mutex<Vec<Region>>,
    /// Who holds each slot: one alone, or many together.
    slots: Mutex<BTreeMap<i32, Slot>>,
}

#[derive(Default)]
struct Slot {
    alone: Option<u64>,
    together: Vec<u64>,
}

impl Shared {
    /// A region's address, which stays where it is. `None`: it was never made, and is not to be made now.
    pub(super) fn region(&self, index: usize, make: bool) -> Option<*mut u64> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        while make && regions.len() <= index {
            let words = (0..REGION / 8).map(|_| UnsafeCell::new(0));
            regions.push(words.collect());
        }
        regions.get(index).map(|region| region[0].get())
    }

    /// Takes or gives back a range of slots, as `xShmLock` says. `false`: somebody else is in the way.
    pub(super) fn lock(&self, owner: u64, range: std::ops::Range<i32>, flags: i32) -> bool {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            for slot in range {
                slots.entry(slot).or_default().leave(owner, alone);
            }
            return true;
        }
        let free = range
            .clone()
            .all(|slot| slots.entry(slot).or_default().is_free(owner, alone));
        if free {
            for slot in range {
                slots.entry(slot).or_default().enter(owner, alone);
            }
        }
        free
    }
}

impl Slot {
    fn is_free(&self, owner: u64, alone: bool) -> bool {
        let mine = self.alone.is_none_or(|one| one == owner);
        mine && (!alone || self.together.iter().all(|one| *one == owner))
    }

    fn enter(&mut self, owner: u64, alone: bool) {
        if alone {
            self.alone = Some(owner);
        } else {
            self.together.push(owner);
        }
    }

    fn leave(&mut self, owner: u64, alone: bool) {
        if alone {
            self.alone = self.alone.filter(|one| *one != owner);
        } else if let Some(place) = self.together.iter().position(|one| *one == owner) {
            self.together.swap_remove(place);
        }
    }
}
