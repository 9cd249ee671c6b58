//! Counts of what happened, for the operator. They say nothing about anybody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Stats;
use crate::store::{Answer, Outcome};

#[derive(Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    appended: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    batches: AtomicU64,
}

impl Counters {
    pub(crate) fn batch(&self) {
        self.batches.fetch_add(1, Relaxed);
    }

    pub(crate) fn count(&self, answer: &Answer) {
        match answer {
            Ok(Outcome::Appended(appended)) if !appended.repeated => {
                self.accepted.fetch_add(1, Relaxed);
                self.appended
                    .fetch_add(appended.items.len() as u64, Relaxed);
                self.dropped.fetch_add(appended.dropped, Relaxed);
            }
            Ok(_) => {}
            Err(_) => {
                self.refused.fetch_add(1, Relaxed);
            }
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            accepted: self.accepted.load(Relaxed),
            appended: self.appended.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            refused: self.refused.load(Relaxed),
            batches: self.batches.load(Relaxed),
            ..Stats::default()
        }
    }
}
