//! The request of whoever opens an invitation link, sealed for those who made it. `docs/protocol/invitations.md`, section "The request".

use aes_gcm::aead::AeadInPlace as _;
use aes_gcm::{Aes256Gcm, Key, KeyInit as _, Nonce, Tag};
use keyfold_wire::certificate::verify;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::MAX_KEY_PACKAGE;
use minicbor::Decoder;
use rand_core::CryptoRng;

use super::link::LinkSecret;
use crate::cbor::{self, Malformed};
use crate::group::{CheckedKeyPackage, Crypto};
use crate::identity::DeviceKeys;
use crate::limits::MAX_JOIN_REQUEST;
use crate::padding;

const LABEL: &[u8] = b"keyfold join request v1\0";
const KEY_LABEL: &[u8] = b"keyfold join request key v1";
const AAD: &[u8] = b"keyfold join request body v1\0";
const NONCE: usize = 12;
const TAG: usize = 16;
const VERSION: u16 = 1;
const ENTRIES: u64 = 4;

/// Makes the key of one request another than that of every other.
pub type Salt = [u8; 32];

/// Names one request.
pub type JoinRequestId = [u8; 16];

/// A request as it goes to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRequest {
    /// Beside what is sealed.
    pub salt: Salt,
    /// At most [`MAX_JOIN_REQUEST`] bytes.
    pub sealed: Vec<u8>,
}

/// Why a request is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not sealed with this link's secret, or changed on the way.
    #[error("the request is not one for this link, or was changed on its way")]
    Unreadable,
    /// What was sealed is no request.
    #[error("the request is malformed")]
    Malformed,
    /// Its key package would be taken from nobody, or is another device's than the one that has asked.
    #[error("the request is not of the device whose key package it shows")]
    Forged,
    /// It does not fit.
    #[error("the request is too large")]
    TooLarge,
}

impl From<Malformed> for RequestError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<minicbor::decode::Error> for RequestError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// A device asks to be let in. Whose it is, and that it is that device's, [`JoinRequest::check`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Its id.
    pub id: JoinRequestId,
    /// An encoded `MLSMessage`.
    pub key_package: Vec<u8>,
    signature: [u8; 64],
}

impl JoinRequest {
    /// The request of this device, by a key package of its own.
    pub fn make(
        secret: &LinkSecret,
        id: JoinRequestId,
        key_package: Vec<u8>,
        keys: &DeviceKeys,
    ) -> Self {
        let signature = keys.sign(&signing_input(secret, &id, &key_package));
        Self::new(id, key_package, signature)
    }

    /// The request with this signature.
    pub fn new(id: JoinRequestId, key_package: Vec<u8>, signature: [u8; 64]) -> Self {
        Self {
            id,
            key_package,
            signature,
        }
    }

    /// Its signature.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// The key package, when it can be used now and its device has signed the request for this link.
    ///
    /// # Errors
    /// [`RequestError::Forged`].
    pub fn check(
        &self,
        crypto: &Crypto,
        secret: &LinkSecret,
        now: Timestamp,
    ) -> Result<CheckedKeyPackage, RequestError> {
        let checked = CheckedKeyPackage::check(crypto, &self.key_package, now)
            .map_err(|_| RequestError::Forged)?;
        let input = signing_input(secret, &self.id, &self.key_package);
        let key = &checked.certificate().signature_key;
        verify(key, &input, &self.signature).map_err(|_| RequestError::Forged)?;
        Ok(checked)
    }

    /// What is sealed.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(|e| {
            e.map(ENTRIES)?.u8(0)?.u16(VERSION)?;
            e.u8(1)?.bytes(&self.id)?;
            e.u8(2)?.bytes(&self.key_package)?;
            e.u8(3)?.bytes(&self.signature)?.ok()
        })
    }

    /// Reads what was sealed.
    ///
    /// # Errors
    /// [`RequestError::Malformed`].
    pub fn decode(encoded: &[u8]) -> Result<Self, RequestError> {
        let mut d = Decoder::new(encoded);
        let entries = cbor::map(&mut d)?;
        if entries < ENTRIES || d.u8()? != 0 || d.u16()? != VERSION {
            return Err(RequestError::Malformed);
        }
        key(&mut d, 1)?;
        let id = cbor::fixed(&mut d)?;
        key(&mut d, 2)?;
        let key_package = d.bytes()?.to_vec();
        key(&mut d, 3)?;
        let signature = cbor::fixed(&mut d)?;
        let mut last = 3;
        for _ in ENTRIES..entries {
            let further = d.u64()?;
            if further <= last {
                return Err(RequestError::Malformed);
            }
            last = further;
            cbor::any(&mut d)?;
        }
        cbor::end(&d)?;
        if key_package.len() > MAX_KEY_PACKAGE {
            return Err(RequestError::Malformed);
        }
        Ok(Self::new(id, key_package, signature))
    }

    /// Seals it for those who made the link, under a random salt and nonce.
    ///
    /// # Errors
    /// [`RequestError::TooLarge`] over [`MAX_JOIN_REQUEST`].
    pub fn seal(
        &self,
        secret: &LinkSecret,
        rng: &mut dyn CryptoRng,
    ) -> Result<SealedRequest, RequestError> {
        let (mut salt, mut nonce) = ([0; 32], [0; NONCE]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        seal_with(secret, salt, nonce, &self.encode())
    }

    /// Opens a request.
    ///
    /// # Errors
    /// [`RequestError::Unreadable`] for any other secret or salt and any changed byte; [`RequestError::Malformed`].
    pub fn open(secret: &LinkSecret, salt: &[u8], sealed: &[u8]) -> Result<Self, RequestError> {
        let salt = Salt::try_from(salt).map_err(|_| RequestError::Unreadable)?;
        if sealed.len() > MAX_JOIN_REQUEST {
            return Err(RequestError::Unreadable);
        }
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE>()
            .ok_or(RequestError::Unreadable)?;
        let (sealed, tag) = sealed
            .split_last_chunk::<TAG>()
            .ok_or(RequestError::Unreadable)?;
        let mut padded = sealed.to_vec();
        cipher(secret, &salt)
            .decrypt_in_place_detached(
                Nonce::from_slice(nonce),
                AAD,
                &mut padded,
                Tag::from_slice(tag),
            )
            .map_err(|_| RequestError::Unreadable)?;
        let encoded = padding::unpad(&padded).map_err(|_| RequestError::Malformed)?;
        Self::decode(encoded)
    }
}

/// Seals the content of a request under this salt and nonce, neither of which may be used twice.
///
/// # Errors
/// [`RequestError::TooLarge`].
fn seal_with(
    secret: &LinkSecret,
    salt: Salt,
    nonce: [u8; NONCE],
    encoded: &[u8],
) -> Result<SealedRequest, RequestError> {
    let mut padded = padding::pad(encoded).map_err(|_| RequestError::TooLarge)?;
    if padded.len() > MAX_JOIN_REQUEST - NONCE - TAG {
        return Err(RequestError::TooLarge);
    }
    let tag = cipher(secret, &salt)
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), AAD, &mut padded)
        .map_err(|_| RequestError::TooLarge)?;
    Ok(SealedRequest {
        salt,
        sealed: [nonce.as_slice(), &padded, &tag].concat(),
    })
}

/// This key is next.
fn key(d: &mut Decoder<'_>, wanted: u8) -> Result<(), Malformed> {
    if d.u8()? == wanted {
        Ok(())
    } else {
        Err(Malformed)
    }
}

fn cipher(secret: &LinkSecret, salt: &Salt) -> Aes256Gcm {
    let key = secret.derive(salt, KEY_LABEL);
    Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key.as_slice()))
}

fn signing_input(secret: &LinkSecret, id: &JoinRequestId, key_package: &[u8]) -> Vec<u8> {
    let length = u32::try_from(key_package.len()).unwrap_or(u32::MAX);
    [
        LABEL,
        &secret.link_id(),
        id,
        &length.to_be_bytes(),
        key_package,
    ]
    .concat()
}
