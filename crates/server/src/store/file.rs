//! What a store remembers of a sealed file. Its bytes lie elsewhere, see [`crate::files`].

use keyfold_wire::file::FileId;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::{FILE_RETENTION, UPLOAD_RETENTION};
use sha2::{Digest as _, Sha256};

use crate::refusal::Refusal;

/// A file's name at rest: a hash of its id, so that neither the database nor the names of objects tell how to download it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilePlace(pub [u8; 32]);

impl FilePlace {
    /// SHA-256 over `"keyfold server file v1"` and the id.
    pub fn of(id: &FileId) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"keyfold server file v1");
        hasher.update(id.as_bytes());
        Self(hasher.finalize().into())
    }
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRecord {
    /// Bytes of the whole file.
    pub length: u64,
    /// Bytes that are here and durable.
    pub received: u64,
    /// Until when it is kept.
    pub until: Timestamp,
}

impl FileRecord {
    /// An upload that begins.
    pub fn begun(length: u64, now: Timestamp) -> Self {
        Self {
            length,
            received: 0,
            until: now.after(UPLOAD_RETENTION),
        }
    }

    /// Whether all of it is here.
    pub const fn is_complete(&self) -> bool {
        self.received == self.length
    }

    /// What it is to whoever begins it (again).
    ///
    /// # Errors
    /// [`Refusal::Conflict`] for another length, [`Refusal::NotFound`] when its time is over.
    pub fn begin_again(self, length: u64, now: Timestamp) -> Result<Self, Refusal> {
        if self.until < now {
            return Err(Refusal::NotFound);
        }
        if self.length == length {
            Ok(self)
        } else {
            Err(Refusal::Conflict)
        }
    }

    /// With `bytes` more behind `offset`. As it is, where it does not end there: somebody was quicker, or asks a second time.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when its time is over.
    pub fn extend(self, offset: u64, bytes: u64, now: Timestamp) -> Result<Self, Refusal> {
        if self.until < now {
            return Err(Refusal::NotFound);
        }
        let received = offset.saturating_add(bytes);
        if self.received != offset || received > self.length {
            return Ok(self);
        }
        let until = if received == self.length {
            now.after(FILE_RETENTION)
        } else {
            self.until
        };
        Ok(Self {
            received,
            until,
            ..self
        })
    }
}
