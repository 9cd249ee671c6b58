//! Who holds which lock on a file: `SQLite`'s five levels, for all connections of one simulated machine.

use std::collections::BTreeMap;

use rusqlite::ffi;

/// `SQLITE_LOCK_NONE` to `SQLITE_LOCK_EXCLUSIVE`.
pub(super) type Level = i32;

/// The levels that are held, by the number of the open file.
#[derive(Default)]
pub(super) struct Locks(BTreeMap<u64, Level>);

impl Locks {
    /// Raises a lock. `false`: somebody else is in the way.
    pub(super) fn raise(&mut self, owner: u64, level: Level) -> bool {
        let own = self.0.get(&owner).copied().unwrap_or_default();
        if level <= own {
            return true;
        }
        let others = self.others(owner);
        let free = match level {
            ffi::SQLITE_LOCK_SHARED => others < ffi::SQLITE_LOCK_PENDING,
            ffi::SQLITE_LOCK_RESERVED => others < ffi::SQLITE_LOCK_RESERVED,
            _ => others == ffi::SQLITE_LOCK_NONE,
        };
        if free {
            self.0.insert(owner, level);
        } else if level == ffi::SQLITE_LOCK_EXCLUSIVE && others < ffi::SQLITE_LOCK_RESERVED {
            // Nobody new comes in while those who read are waited for.
            self.0.insert(owner, ffi::SQLITE_LOCK_PENDING);
        }
        free
    }

    /// Lowers a lock.
    pub(super) fn lower(&mut self, owner: u64, level: Level) {
        if level == ffi::SQLITE_LOCK_NONE {
            self.0.remove(&owner);
        } else {
            self.0.insert(owner, level);
        }
    }

    /// Whether anybody is about to write.
    pub(super) fn is_reserved(&self) -> bool {
        self.0
            .values()
            .any(|level| *level >= ffi::SQLITE_LOCK_RESERVED)
    }

    fn others(&self, owner: u64) -> Level {
        let others = self.0.iter().filter(|(one, _)| **one != owner);
        others.map(|(_, level)| *level).max().unwrap_or_default()
    }
}
