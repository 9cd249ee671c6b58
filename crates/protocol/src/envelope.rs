//! Envelopes: each body at the server is an MLS message, padded and sealed once more, so that no MLS header lies there.
//!
//! `nonce (12) || AES-256-GCM(key of the epoch, aad, padded MLSMessage)`, with
//! `aad = "keyfold envelope v1" 0x00 epoch (u64 BE) message id (16)`. The key comes from the MLS exporter
//! (RFC 9420 section 8.5), label [`EXPORTER_LABEL`], empty context, 32 bytes.

use aes_gcm::aead::AeadInPlace as _;
use aes_gcm::{Aes256Gcm, Key, KeyInit as _, Nonce, Tag};
use keyfold_wire::ids::{Epoch, MessageId};
use keyfold_wire::limits::MAX_COMMIT_BODY;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::padding;

/// The exporter label of the envelope key.
pub const EXPORTER_LABEL: &str = "keyfold envelope";

const AAD_LABEL: &[u8] = b"keyfold envelope v1\0";
const NONCE: usize = 12;
const TAG: usize = 16;

/// The key that an epoch's bodies are sealed under. Not `Clone`; prints as `<secret>`.
pub struct EnvelopeKey(Zeroizing<[u8; 32]>);

impl EnvelopeKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for the device's encrypted database.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(self.0.as_slice()))
    }
}

impl std::fmt::Debug for EnvelopeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Why a body was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Sealed it would be over the limit of a body.
    #[error("the message is too large to send: shorten it or send it as a file")]
    TooLarge,
    /// Not sealed under this key for this epoch and message id, or changed on the way.
    #[error("the message is not one of this conversation, or was changed on its way")]
    Unreadable,
}

/// How long a body is that seals an MLS message of this length.
pub const fn sealed_length(length: usize) -> usize {
    NONCE + padding::padded_length(length) + TAG
}

/// Seals one MLS message for one epoch and message id, under a random nonce.
///
/// # Errors
/// [`EnvelopeError::TooLarge`] when the body would be over `MAX_COMMIT_BODY`.
pub fn seal(
    key: &EnvelopeKey,
    epoch: Epoch,
    message_id: MessageId,
    mls_message: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, EnvelopeError> {
    if sealed_length(mls_message.len()) > MAX_COMMIT_BODY {
        return Err(EnvelopeError::TooLarge);
    }
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let mut padded = padding::pad(mls_message).map_err(|_| EnvelopeError::TooLarge)?;
    let tag = key
        .cipher()
        .encrypt_in_place_detached(
            Nonce::from_slice(&nonce),
            &aad(epoch, message_id),
            &mut padded,
        )
        .map_err(|_| EnvelopeError::TooLarge)?;
    Ok([nonce.as_slice(), &padded, &tag].concat())
}

/// Opens a body and gives the MLS message in it.
///
/// # Errors
/// [`EnvelopeError::TooLarge`] over `MAX_COMMIT_BODY`, [`EnvelopeError::Unreadable`] for any other key, epoch or id, and for any changed byte.
pub fn open(
    key: &EnvelopeKey,
    epoch: Epoch,
    message_id: MessageId,
    body: &[u8],
) -> Result<Vec<u8>, EnvelopeError> {
    if body.len() > MAX_COMMIT_BODY {
        return Err(EnvelopeError::TooLarge);
    }
    let (nonce, sealed) = body
        .split_first_chunk::<NONCE>()
        .ok_or(EnvelopeError::Unreadable)?;
    let (sealed, tag) = sealed
        .split_last_chunk::<TAG>()
        .ok_or(EnvelopeError::Unreadable)?;
    let mut padded = sealed.to_vec();
    key.cipher()
        .decrypt_in_place_detached(
            Nonce::from_slice(nonce),
            &aad(epoch, message_id),
            &mut padded,
            Tag::from_slice(tag),
        )
        .map_err(|_| EnvelopeError::Unreadable)?;
    padding::unpad(&padded)
        .map(<[u8]>::to_vec)
        .map_err(|_| EnvelopeError::Unreadable)
}

fn aad(epoch: Epoch, message_id: MessageId) -> Vec<u8> {
    [AAD_LABEL, &epoch.0.to_be_bytes(), message_id.as_bytes()].concat()
}
