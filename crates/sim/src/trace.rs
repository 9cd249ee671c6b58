//! What happened, in one number: the same seed must give the same one.

use sha2::{Digest as _, Sha256};

/// A hash over what happened, by whom, when and how large. Not over bytes: MLS draws randomness of its own.
#[derive(Default)]
pub(crate) struct Trace {
    hash: Sha256,
    events: u64,
}

impl Trace {
    pub(crate) fn note(&mut self, now: u64, kind: &str, parts: &[u64]) {
        self.events += 1;
        self.hash.update(now.to_be_bytes());
        self.hash.update(kind.as_bytes());
        for part in parts {
            self.hash.update(part.to_be_bytes());
        }
    }

    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn digest(&self) -> u64 {
        let digest = self.hash.clone().finalize();
        u64::from_be_bytes(digest[..8].try_into().unwrap())
    }
}
