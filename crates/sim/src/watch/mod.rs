//! What must never be seen by those who carry the frames: looked for in every frame, and in what the server keeps.

mod frames;
mod keys;
mod rest;

use crate::oracle::Violation;

/// Looks at every frame.
#[derive(Default)]
pub(crate) struct Watch {
    found: Vec<Violation>,
    /// What people typed, and what groups are called.
    secrets: frames::Secrets,
    keys: keys::Keys,
    /// What must not lie at the server beside these: roster keys, and handles of conversations.
    in_passing: frames::Secrets,
}

impl Watch {
    /// Somebody typed this: a text, or the name of a group.
    pub(crate) fn names(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// Of how many bodies the use of keys could be read, and of how many not.
    pub(crate) const fn keys_read(&self) -> (usize, usize) {
        (self.keys.read, self.keys.unread)
    }

    /// What it found.
    pub(crate) fn found(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.found)
    }
}
