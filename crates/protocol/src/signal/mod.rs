//! Signals: presence, typing, delivered and read cursors, and the wish to know who has read something.
//!
//! They are sealed under a key of their own for each epoch and signed by the device, outside of the message ratchet: one that is lost costs
//! nothing, and an older one is ignored. All are of one size. See `docs/protocol/signals.md`.
//!
//! A body is `nonce (12) || AES-256-GCM(key of the epoch, aad, plain (484))` with `aad = "keyfold signal body v1" 0x00 epoch (u64 BE)`. `plain` is a
//! length (u16 BE), a CBOR array of the signed part and its signature, and zeros. The key comes from the MLS exporter (RFC 9420 section 8.5),
//! label [`EXPORTER_LABEL`], empty context, 32 bytes.

mod replace;
mod says;

use aes_gcm::aead::AeadInPlace as _;
use aes_gcm::{Aes256Gcm, Key, KeyInit as _, Nonce, Tag};
use keyfold_wire::certificate::verify;
use keyfold_wire::ids::{DeviceId, Epoch, Timestamp};
use keyfold_wire::limits::SIGNAL_BODY;
use minicbor::Decoder;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

pub use replace::SignalSecret;
pub use says::{Cursors, Kind, Says};

use crate::cbor::{self, Malformed};
use crate::identity::DeviceKeys;
use crate::limits::MAX_COUNTER;
use crate::rules::LeafView;

/// The exporter label of the key that signals are sealed under.
pub const EXPORTER_LABEL: &str = "keyfold signal";

const LABEL: &[u8] = b"keyfold signal v1\0";
const AAD_LABEL: &[u8] = b"keyfold signal body v1\0";
const NONCE: usize = 12;
const TAG: usize = 16;
const PLAIN: usize = SIGNAL_BODY - NONCE - TAG;
const PREFIX: usize = 2;

/// The key that an epoch's signals are sealed under. Not `Clone`; prints as `<secret>`.
pub struct SignalKey(Zeroizing<[u8; 32]>);

impl SignalKey {
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

impl std::fmt::Debug for SignalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Why a signal is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// Not sealed under this key for this epoch, of another size, or changed on the way.
    #[error("the signal is not one of this conversation, or was changed on its way")]
    Unreadable,
    /// What was sealed is no signal.
    #[error("the signal is malformed")]
    Malformed,
    /// Not signed by the device that it names.
    #[error("the signal is not signed by its device")]
    Signature,
    /// It does not fit into a body.
    #[error("the signal is too large")]
    TooLarge,
}

impl From<Malformed> for SignalError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What a device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Who says it.
    pub device: DeviceId,
    /// Greater than in every earlier one of this device, at most [`MAX_COUNTER`].
    pub counter: u64,
    /// From then on, by the server's clock, it means nothing.
    pub expires: Timestamp,
    /// What.
    pub says: Says,
}

/// Where a signal belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot<'a> {
    /// The MLS group id.
    pub group_id: &'a [u8],
    /// The epoch.
    pub epoch: Epoch,
}

/// A signal that opened, and that anybody in the epoch may have sealed: [`Unverified::verify`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    signal: Signal,
    signed: Vec<u8>,
    signature: [u8; 64],
}

/// Signs a signal by the device's key and seals it, under a random nonce: always [`SIGNAL_BODY`] bytes.
///
/// # Errors
/// [`SignalError::TooLarge`]: for what is unknown here only.
pub fn seal(
    key: &SignalKey,
    spot: Spot<'_>,
    signal: &Signal,
    device: &DeviceKeys,
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, SignalError> {
    let signed = signal.encode();
    let signature = device.sign(&signing_input(spot, &signed));
    seal_signed(key, spot.epoch, &signed, &signature, rng)
}

/// Seals a signed part with its signature.
///
/// # Errors
/// [`SignalError::TooLarge`].
pub fn seal_signed(
    key: &SignalKey,
    epoch: Epoch,
    signed: &[u8],
    signature: &[u8; 64],
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, SignalError> {
    let content = cbor::encode(|e| e.array(2)?.bytes(signed)?.bytes(signature)?.ok());
    let length = u16::try_from(content.len()).map_err(|_| SignalError::TooLarge)?;
    if content.len() > PLAIN - PREFIX {
        return Err(SignalError::TooLarge);
    }
    let mut plain = Zeroizing::new([&length.to_be_bytes(), content.as_slice()].concat());
    plain.resize(PLAIN, 0);
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let tag = key
        .cipher()
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), &aad(epoch), &mut plain)
        .map_err(|_| SignalError::TooLarge)?;
    Ok([nonce.as_slice(), &plain, &tag].concat())
}

/// Opens a body.
///
/// # Errors
/// [`SignalError::Unreadable`] for any other key, epoch or size, and for any changed byte; [`SignalError::Malformed`] where a member has sealed
/// something else.
pub fn open(key: &SignalKey, epoch: Epoch, body: &[u8]) -> Result<Unverified, SignalError> {
    if body.len() != SIGNAL_BODY {
        return Err(SignalError::Unreadable);
    }
    let (nonce, sealed) = body
        .split_first_chunk::<NONCE>()
        .ok_or(SignalError::Unreadable)?;
    let (sealed, tag) = sealed
        .split_last_chunk::<TAG>()
        .ok_or(SignalError::Unreadable)?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    key.cipher()
        .decrypt_in_place_detached(
            Nonce::from_slice(nonce),
            &aad(epoch),
            &mut plain,
            Tag::from_slice(tag),
        )
        .map_err(|_| SignalError::Unreadable)?;
    Unverified::read(&plain)
}

impl Unverified {
    /// Reads what was sealed.
    ///
    /// # Errors
    /// [`SignalError::Malformed`].
    pub fn read(plain: &[u8]) -> Result<Self, SignalError> {
        let (length, rest) = plain.split_first_chunk::<PREFIX>().ok_or(Malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (content, zeros) = rest.split_at_checked(length).ok_or(Malformed)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(SignalError::Malformed);
        }
        let mut d = Decoder::new(content);
        if cbor::array(&mut d)? != 2 {
            return Err(SignalError::Malformed);
        }
        let signed = d.bytes().map_err(Malformed::from)?.to_vec();
        let signature = cbor::fixed(&mut d)?;
        cbor::end(&d)?;
        Ok(Self {
            signal: Signal::decode(&signed)?,
            signed,
            signature,
        })
    }

    /// The device that it names.
    pub fn device(&self) -> DeviceId {
        self.signal.device
    }

    /// The signal, when the device of this leaf signed it for this group and epoch.
    ///
    /// # Errors
    /// [`SignalError::Signature`].
    pub fn verify(self, spot: Spot<'_>, leaf: &LeafView) -> Result<Signal, SignalError> {
        let input = signing_input(spot, &self.signed);
        let key = &leaf.certificate.signature_key;
        if leaf.device() != self.signal.device || verify(key, &input, &self.signature).is_err() {
            return Err(SignalError::Signature);
        }
        Ok(self.signal)
    }
}

impl Signal {
    /// The signed part: a CBOR array of device, counter, expiry in milliseconds, and what is said.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(|e| {
            e.array(4)?.bytes(self.device.as_bytes())?;
            e.u64(self.counter)?.u64(self.expires.0)?;
            self.says.write(e)
        })
    }

    /// Reads the signed part.
    ///
    /// # Errors
    /// [`SignalError::Malformed`].
    pub fn decode(signed: &[u8]) -> Result<Self, SignalError> {
        let mut d = Decoder::new(signed);
        if cbor::array(&mut d)? != 4 {
            return Err(SignalError::Malformed);
        }
        let signal = Self {
            device: DeviceId::new(cbor::fixed(&mut d)?),
            counter: d.u64().map_err(Malformed::from)?,
            expires: Timestamp(d.u64().map_err(Malformed::from)?),
            says: Says::read(&mut d)?,
        };
        cbor::end(&d)?;
        if signal.counter > MAX_COUNTER {
            return Err(SignalError::Malformed);
        }
        Ok(signal)
    }
}

/// What a device signs: `"keyfold signal v1" 0x00`, the group id behind its length (u32 BE), the epoch (u64 BE), and the signed part.
pub fn signing_input(spot: Spot<'_>, signed: &[u8]) -> Vec<u8> {
    let length = u32::try_from(spot.group_id.len()).unwrap_or(u32::MAX);
    [
        LABEL,
        &length.to_be_bytes(),
        spot.group_id,
        &spot.epoch.0.to_be_bytes(),
        signed,
    ]
    .concat()
}

fn aad(epoch: Epoch) -> Vec<u8> {
    [AAD_LABEL, &epoch.0.to_be_bytes()].concat()
}
