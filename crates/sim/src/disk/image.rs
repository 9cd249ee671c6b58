//! Files at one moment, and what a crash leaves of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _};

/// Bytes that reach the disk together.
const SECTOR: usize = 512;

/// What becomes of everything that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It is lost: the machine lost its power.
    All,
    /// It is kept: only the process was killed.
    Nothing,
    /// Each write is kept, lost or torn, each new name kept or lost, by the seed.
    Some,
}

impl Loss {
    /// Each of them.
    pub const EACH: [Self; 3] = [Self::All, Self::Nothing, Self::Some];
}

/// Files by name, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub(super) files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl Image {
    /// Whether a file has exactly this content.
    pub(super) fn holds(&self, name: &str, content: &[u8]) -> bool {
        self.files
            .get(name)
            .is_some_and(|file| file.as_slice() == content)
    }

    /// What a file holds.
    pub(crate) fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|content| content.as_slice())
    }

    /// Has a file with this content.
    pub(crate) fn keeps(&mut self, name: String, content: Vec<u8>) {
        self.files.insert(name, Arc::new(content));
    }

    /// The bytes of all files, for whoever searches them.
    pub fn bytes(&self) -> Vec<u8> {
        self.files
            .values()
            .flat_map(|file| file.iter().copied())
            .collect()
    }
}

/// A change of a file that is not durable.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => write(content, *at, bytes),
            Self::Truncate(size) => content.resize(*size, 0),
        }
    }

    /// Some of it, or none, or all.
    fn apply_some(&self, content: &mut Vec<u8>, kept: f64, rng: &mut StdRng) {
        match (self, rng.random_bool(kept), rng.random()) {
            (_, true, _) => self.apply(content),
            (Self::Write { at, bytes }, false, true) => tear(content, *at, bytes, rng),
            (Self::Write { at, bytes }, false, false) => grow(content, *at + bytes.len(), rng),
            (Self::Truncate(_), ..) => {}
        }
    }
}

/// Puts bytes into a file, which grows with zeros where it is too short.
pub(super) fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// Of a write, each sector arrives or does not; one is cut within.
fn tear(content: &mut Vec<u8>, at: usize, bytes: &[u8], rng: &mut StdRng) {
    grow(content, at + bytes.len(), rng);
    let mut from = 0;
    while from < bytes.len() {
        let rest = SECTOR - (at + from) % SECTOR;
        let to = bytes.len().min(from + rest);
        match rng.random_range(0..3) {
            0 => write(content, at + from, &bytes[from..to]),
            1 => {}
            _ => {
                let cut = rng.random_range(from..=to);
                write(content, at + from, &bytes[from..cut]);
            }
        }
        from = to;
    }
}

/// A lost write may have made the file longer all the same; what is there then is anything.
fn grow(content: &mut Vec<u8>, end: usize, rng: &mut StdRng) {
    if content.len() < end && rng.random_bool(0.5) {
        let begin = content.len();
        content.resize(end, 0);
        if rng.random_bool(0.5) {
            rng.fill_bytes(&mut content[begin..]);
        }
    }
}

/// What a crash leaves of one file.
pub(super) fn leaves(
    durable: &[u8],
    now: &[u8],
    changes: &[Change],
    loss: Loss,
    rng: &mut StdRng,
) -> Vec<u8> {
    match loss {
        Loss::All => durable.to_vec(),
        Loss::Nothing => now.to_vec(),
        Loss::Some => {
            let mut content = durable.to_vec();
            // How far the disk had come differs from crash to crash.
            let kept = [0.1, 0.5, 0.95][rng.random_range(0..3)];
            for change in changes {
                change.apply_some(&mut content, kept, rng);
            }
            content
        }
    }
}
