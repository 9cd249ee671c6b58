//! What is compiled into a crate that has its mutants in it: `on` says whether a mutant is the one of this process.
//!
//! Not a module of xtask: its text is put at the end of the crate's `lib.rs`, in the copy.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const SIZE: usize = 1;
const UNREAD: u32 = u32::MAX;
const RECORD: u32 = u32::MAX - 1;

static ACTIVE: AtomicU32 = AtomicU32::new(UNREAD);
static SEEN: [AtomicBool; SIZE] = [const { AtomicBool::new(false) }; SIZE];

/// Whether this mutant is on. Read once from the environment, so that a process is one mutant from its first step to
/// its last, and its children are the same one.
#[inline]
pub(crate) fn on(number: u32) -> bool {
    let active = ACTIVE.load(Ordering::Relaxed);
    if active < RECORD {
        active == number
    } else {
        seldom(number)
    }
}

#[cold]
fn seldom(number: u32) -> bool {
    if let Some(file) = std::env::var_os("KEYFOLD_MUTANT_REACHED") {
        ACTIVE.store(RECORD, Ordering::Relaxed);
        let seen = usize::try_from(number).ok().and_then(|at| SEEN.get(at));
        if seen.is_some_and(|seen| !seen.swap(true, Ordering::Relaxed)) {
            let mut open = std::fs::OpenOptions::new();
            let open = open.create(true).append(true).open(file);
            let written = open.and_then(|mut file| file.write_all(format!("{number}\n").as_bytes()));
            if written.is_err() {
                // Otherwise it would look as if no test reached it.
                std::process::abort();
            }
        }
        return false;
    }
    let active = std::env::var("KEYFOLD_MUTANT").ok();
    let active = active.and_then(|text| text.parse().ok()).unwrap_or(0);
    ACTIVE.store(active, Ordering::Relaxed);
    active == number
}
