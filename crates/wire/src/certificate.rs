//! Device certificates and registrations: the directory's signed records (Ed25519, RFC 8032).
//!
//! Server and devices verify them alike. A certificate is public; it travels in MLS credentials byte for byte.
//! Making one takes the account key and lives in `keyfold-protocol`.

use ed25519_dalek::{Signature, VerifyingKey};
use prost::Message as _;
use sha2::{Digest, Sha256};

use crate::ids::{AccountId, DeviceId, Timestamp};
use crate::limits;
use crate::v1;

/// Why a certificate or registration is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not an encoded certificate, without a suite, or a field has a wrong length.
    #[error("the certificate is malformed")]
    Malformed,
    /// Larger than [`limits::MAX_CERTIFICATE`], or a list or name in it is over its limit.
    #[error("the certificate is too large")]
    TooLarge,
    /// The account id is not the hash of the account key.
    #[error("the certificate's account key is not its account's")]
    WrongAccount,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Forged,
}

/// A device certificate whose signature has been verified and whose account id fits its account key.
///
/// Says nothing about time: see [`Certificate::is_valid_at`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The account: hash of its first key.
    pub account: AccountId,
    /// The account key, Ed25519.
    pub account_key: [u8; 32],
    /// What the account calls itself; only the directory can confirm it.
    pub handle: String,
    /// The device.
    pub device: DeviceId,
    /// The signature key of the device's MLS leaves, Ed25519.
    pub signature_key: [u8; 32],
    /// MLS cipher suites that the device speaks.
    pub suites: Vec<u16>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it must not be used to add the device anywhere.
    pub expires: Timestamp,
}

/// The account id of an account whose first key this is: SHA-256 over `"keyfold account v1"` and the key.
pub fn account_id(account_key: &[u8; 32]) -> AccountId {
    let mut hasher = Sha256::new();
    hasher.update(b"keyfold account v1");
    hasher.update(account_key);
    AccountId::new(hasher.finalize().into())
}

/// What a certificate's signature is over: `"keyfold device certificate v1"`, a zero byte, the encoded body.
pub fn certificate_input(body: &[u8]) -> Vec<u8> {
    labelled(b"keyfold device certificate v1", &[body])
}

/// What a registration's signature is over: every field but the signature itself, each behind its length.
pub fn registration_input(register: &v1::Register) -> Vec<u8> {
    labelled(
        b"keyfold registration v1",
        &[
            register.handle.as_bytes(),
            &register.account_key,
            &register.recovery_key,
            &register.device_certificate,
            &register.token_hash,
            register.invitation.as_bytes(),
        ],
    )
}

/// What the removal of a device is signed over: account and device, each behind its length.
pub fn removal_input(account: &AccountId, device: &DeviceId) -> Vec<u8> {
    labelled(
        b"keyfold device removal v1",
        &[account.as_bytes(), device.as_bytes()],
    )
}

/// Label, zero byte, then each part behind its length (u32, big endian).
fn labelled(label: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut input = label.to_vec();
    input.push(0);
    for part in parts {
        input.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        input.extend_from_slice(part);
    }
    input
}

impl Certificate {
    /// Reads and verifies an encoded `DeviceCertificate`.
    ///
    /// # Errors
    /// [`CertificateError`]: malformed, over a limit, of another account than its key, or forged.
    pub fn verify(encoded: &[u8]) -> Result<Self, CertificateError> {
        if encoded.len() > limits::MAX_CERTIFICATE {
            return Err(CertificateError::TooLarge);
        }
        let signed =
            v1::DeviceCertificate::decode(encoded).map_err(|_| CertificateError::Malformed)?;
        let certificate = Self::parse(&signed.body)?;
        if account_id(&certificate.account_key) != certificate.account {
            return Err(CertificateError::WrongAccount);
        }
        verify(
            &certificate.account_key,
            &certificate_input(&signed.body),
            &signed.signature,
        )?;
        Ok(certificate)
    }

    fn parse(body: &[u8]) -> Result<Self, CertificateError> {
        let body =
            v1::DeviceCertificateBody::decode(body).map_err(|_| CertificateError::Malformed)?;
        if body.handle.len() > limits::MAX_HANDLE || body.suites.len() > limits::MAX_SUITES {
            return Err(CertificateError::TooLarge);
        }
        if body.suites.is_empty() {
            return Err(CertificateError::Malformed);
        }
        let malformed = |_| CertificateError::Malformed;
        Ok(Self {
            account: AccountId::try_from(&*body.account).map_err(malformed)?,
            account_key: key(&body.account_key)?,
            handle: body.handle,
            device: DeviceId::try_from(&*body.device).map_err(malformed)?,
            signature_key: key(&body.signature_key)?,
            suites: body
                .suites
                .iter()
                .map(|suite| u16::try_from(*suite).map_err(|_| CertificateError::Malformed))
                .collect::<Result<_, _>>()?,
            created: Timestamp(body.created_ms),
            expires: Timestamp(body.expires_ms),
        })
    }

    /// Whether it may take the place of this one: the same account key's newer word about the same device and its signature key.
    ///
    /// Clocks play no part in it, so all members of a conversation and the directory judge alike.
    pub fn renews(&self, former: &Self) -> bool {
        self.account == former.account
            && self.account_key == former.account_key
            && self.device == former.device
            && self.signature_key == former.signature_key
            && self.created > former.created
    }

    /// Whether a device may be added with it at this time. An hour of slack before its making allows for clocks.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        now.after(CLOCK_SLACK) >= self.created && now < self.expires.after(CLOCK_SLACK)
    }
}

/// How far two clocks may be apart before a certificate is refused for its dates: people's clocks are off by an hour.
pub const CLOCK_SLACK: std::time::Duration = std::time::Duration::from_hours(2);

/// Verifies a registration: its own signature, its device certificate, and that the two agree.
///
/// # Errors
/// [`CertificateError`], as of [`Certificate::verify`]; `Malformed` when lengths are wrong.
pub fn verify_registration(register: &v1::Register) -> Result<Certificate, CertificateError> {
    let certificate = Certificate::verify(&register.device_certificate)?;
    let account_key = key(&register.account_key)?;
    key(&register.recovery_key)?;
    if register.token_hash.len() != 32 {
        return Err(CertificateError::Malformed);
    }
    if account_key != certificate.account_key {
        return Err(CertificateError::WrongAccount);
    }
    verify(
        &account_key,
        &registration_input(register),
        &register.signature,
    )?;
    Ok(certificate)
}

fn key(bytes: &[u8]) -> Result<[u8; 32], CertificateError> {
    bytes.try_into().map_err(|_| CertificateError::Malformed)
}

/// Verifies an Ed25519 signature, strictly (no small-order keys).
///
/// # Errors
/// `Malformed` when key or signature are not of their form, `Forged` when it does not verify.
pub fn verify(key: &[u8; 32], input: &[u8], signature: &[u8]) -> Result<(), CertificateError> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| CertificateError::Malformed)?;
    let signature = Signature::from_slice(signature).map_err(|_| CertificateError::Malformed)?;
    key.verify_strict(input, &signature)
        .map_err(|_| CertificateError::Forged)
}
