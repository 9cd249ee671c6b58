//! Files: sealed in segments under a key of their own, so that any part of one can be opened, and nothing changed is.
//!
//! The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance", CRYPTO 2015, section 7) over AES-256-GCM, as the crate `aead` has it (`StreamBE32`): the nonce of a segment is
//! the file's 7 random bytes, the segment's number (u32, big endian) and whether it is the last one (one byte). The content is
//! padded with zeros to its Padme size, so that a length says little. Carries nothing of the message that names the file: that is
//! [`crate::content::Attachment`].

mod name;

use aes_gcm::aead::stream::{NewStream as _, StreamBE32, StreamPrimitive as _};
use aes_gcm::{Aes256Gcm, Key, KeyInit as _};
use keyfold_wire::limits::MAX_FILE;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::limits::MIN_PADDED_FILE;

pub use name::{FileName, FileNameError};

/// Bytes of padded content in one segment; the last one may be shorter. Small enough to be opened for one picture of a film, large
/// enough that tags and calls cost nothing.
pub const SEGMENT: usize = 64 * 1024;

/// What a segment grows by when it is sealed.
pub const TAG: usize = 16;

/// A sealed segment, unless it is the last one.
pub const SEALED_SEGMENT: usize = SEGMENT + TAG;

/// The bytes of a nonce that are one file's.
pub const NONCE: usize = 7;

/// Why a file, or a part of it, was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Over `MAX_FILE`.
    #[error("the file is over {} GB: send it in parts", MAX_FILE >> 30)]
    TooLarge,
    /// A segment that has not its length, or none of this number.
    #[error("the file has another length than was said")]
    Length,
    /// Sealed under another key or at another place, or changed.
    #[error("the file was changed on its way: it is not handed out")]
    Changed,
}

/// What a file is sealed under: a key and the beginning of its nonces, drawn for it alone. Prints as `<secret>`.
#[derive(Clone)]
pub struct FileKey {
    key: Zeroizing<[u8; 32]>,
    nonce: [u8; NONCE],
}

impl FileKey {
    /// A fresh one, for one file.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut fresh = Self::new([0; 32], [0; NONCE]);
        rng.fill_bytes(fresh.key.as_mut_slice());
        rng.fill_bytes(&mut fresh.nonce);
        fresh
    }

    /// The one with these bytes.
    pub fn new(key: [u8; 32], nonce: [u8; NONCE]) -> Self {
        Self {
            key: Zeroizing::new(key),
            nonce,
        }
    }

    /// The key's bytes.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The beginning of its nonces.
    pub const fn nonce(&self) -> &[u8; NONCE] {
        &self.nonce
    }
}

impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        let same: bool =
            subtle::ConstantTimeEq::ct_eq(self.key.as_slice(), other.key.as_slice()).into();
        same && self.nonce == other.nonce
    }
}

impl Eq for FileKey {}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// How a file of some length lies in segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    size: u64,
    padded: u64,
}

impl Layout {
    /// Of a file with so many bytes.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] over `MAX_FILE`.
    pub fn new(size: u64) -> Result<Self, FileError> {
        if size > MAX_FILE {
            return Err(FileError::TooLarge);
        }
        let padded = padme(size.max(MIN_PADDED_FILE));
        Ok(Self { size, padded })
    }

    /// The file's own length.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// How many segments there are, at least one.
    pub const fn segments(&self) -> u32 {
        // 2 GiB and its padding make 32,768.
        #[allow(clippy::cast_possible_truncation, reason = "bounded by MAX_FILE")]
        let segments = self.padded.div_ceil(SEGMENT as u64) as u32;
        segments
    }

    /// The length of the sealed file.
    pub const fn sealed_length(&self) -> u64 {
        self.padded + self.segments() as u64 * TAG as u64
    }

    /// The segment that holds this byte of the content, and the byte's place in it.
    pub const fn segment_of(&self, byte: u64) -> (u32, usize) {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "bounded by MAX_FILE and SEGMENT"
        )]
        let place = (
            (byte / SEGMENT as u64) as u32,
            (byte % SEGMENT as u64) as usize,
        );
        place
    }

    /// Where a segment begins in the sealed file.
    pub const fn begins_at(&self, segment: u32) -> u64 {
        segment as u64 * SEALED_SEGMENT as u64
    }

    /// The length of a sealed segment; zero behind the last one.
    pub fn sealed_segment(&self, segment: u32) -> usize {
        match self.padded_in(segment) {
            0 => 0,
            padded => padded + TAG,
        }
    }

    /// How many bytes of a segment are the file's own.
    pub fn content_in(&self, segment: u32) -> usize {
        let before = u64::from(segment) * SEGMENT as u64;
        usize::try_from(self.size.saturating_sub(before)).map_or(SEGMENT, |left| left.min(SEGMENT))
    }

    fn padded_in(&self, segment: u32) -> usize {
        let before = u64::from(segment) * SEGMENT as u64;
        usize::try_from(self.padded.saturating_sub(before))
            .map_or(SEGMENT, |left| left.min(SEGMENT))
    }

    const fn is_last(&self, segment: u32) -> bool {
        segment + 1 == self.segments()
    }
}

/// Padme over 64 bits, as [`crate::padding::padme`].
const fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1_u64 << exponent.saturating_sub(kept)) - 1;
    (length + mask) & !mask
}

/// Seals and opens the segments of one file, in any order.
pub struct Segments {
    stream: StreamBE32<Aes256Gcm>,
    layout: Layout,
}

impl Segments {
    /// Of a file under its key. The content that is sealed under one key must never be another.
    pub fn new(key: &FileKey, layout: Layout) -> Self {
        let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key.key.as_slice()));
        Self {
            stream: StreamBE32::from_aead(cipher, (&key.nonce).into()),
            layout,
        }
    }

    /// How the file lies in them.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Pads and seals a segment in place.
    ///
    /// # Errors
    /// [`FileError::Length`] when it has not the content that belongs into it.
    pub fn seal(&self, number: u32, segment: &mut Vec<u8>) -> Result<(), FileError> {
        if segment.len() != self.layout.content_in(number) || number >= self.layout.segments() {
            return Err(FileError::Length);
        }
        segment.reserve(self.layout.sealed_segment(number) - segment.len());
        segment.resize(self.layout.padded_in(number), 0);
        self.stream
            .encrypt_in_place(number, self.layout.is_last(number), b"", segment)
            .map_err(|_| FileError::Length)
    }

    /// Opens a sealed segment in place, and leaves the file's own bytes.
    ///
    /// # Errors
    /// [`FileError::Length`], [`FileError::Changed`]: what is left in `segment` is of no use then.
    pub fn open(&self, number: u32, segment: &mut Vec<u8>) -> Result<(), FileError> {
        let expected = self.layout.sealed_segment(number);
        if segment.len() != expected || expected == 0 {
            return Err(FileError::Length);
        }
        self.stream
            .decrypt_in_place(number, self.layout.is_last(number), b"", segment)
            .map_err(|_| FileError::Changed)?;
        let content = self.layout.content_in(number);
        if segment.iter().skip(content).any(|byte| *byte != 0) {
            return Err(FileError::Changed);
        }
        segment.truncate(content);
        Ok(())
    }
}

/// The hash of a sealed file: by it a file is the one that was meant, whatever keys somebody may find for its bytes.
#[derive(Clone, Default)]
pub struct SealedHash(Sha256);

impl SealedHash {
    /// Takes in the next bytes.
    pub fn update(&mut self, sealed: &[u8]) {
        self.0.update(sealed);
    }

    /// SHA-256 over all of them.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
