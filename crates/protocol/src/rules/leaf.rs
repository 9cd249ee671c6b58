//! One leaf of a group as the rules see it: whose it is and where it gets its items.

use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, DeviceId, Timestamp};
use keyfold_wire::limits::MAX_ADDRESS;
use keyfold_wire::{Message as _, v1};
use serde::{Deserialize, Serialize};

use super::Violation;

/// The MLS leaf node extension type of the delivery address (opaque bytes), for private use (RFC 9420 section 17.3).
pub const ADDRESS_EXTENSION_TYPE: u16 = 0xF0F2;

/// A leaf's position in the ratchet tree (RFC 9420 section 4): leaves only, from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeafIndex(pub u32);

/// A leaf whose certificate, signature key and address fit together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct LeafView {
    /// Its position.
    pub index: LeafIndex,
    /// Whose it is.
    pub certificate: Certificate,
    /// Its delivery address.
    pub address: Vec<u8>,
    credential: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Stored(u32, Vec<u8>, Vec<u8>);

impl LeafView {
    /// A leaf that comes in from outside: verifies its certificate (the credential's identity), and that the leaf's signature
    /// key is the certified one.
    ///
    /// # Errors
    /// [`Violation`]: the certificate does not verify, is for another key, or the address is missing or too long.
    pub fn verify(
        index: LeafIndex,
        credential: &[u8],
        signature_key: &[u8],
        address: Option<&[u8]>,
    ) -> Result<Self, Violation> {
        let certificate = Certificate::verify(credential).map_err(Violation::Certificate)?;
        if certificate.signature_key != signature_key {
            return Err(Violation::SignatureKey);
        }
        Self::with_address(index, certificate, credential, address)
    }

    /// A leaf of a group state that was verified when it came in: reads it without verifying signatures again.
    ///
    /// # Errors
    /// [`Violation`]: the credential or address are not of their form.
    pub fn known(
        index: LeafIndex,
        credential: &[u8],
        address: Option<&[u8]>,
    ) -> Result<Self, Violation> {
        let certificate = read(credential).ok_or(Violation::Certificate(
            keyfold_wire::certificate::CertificateError::Malformed,
        ))?;
        Self::with_address(index, certificate, credential, address)
    }

    fn with_address(
        index: LeafIndex,
        certificate: Certificate,
        credential: &[u8],
        address: Option<&[u8]>,
    ) -> Result<Self, Violation> {
        let address = address
            .filter(|address| !address.is_empty())
            .ok_or(Violation::AddressMissing)?;
        if address.len() > MAX_ADDRESS {
            return Err(Violation::AddressTooLong);
        }
        Ok(Self {
            index,
            certificate,
            address: address.to_vec(),
            credential: credential.to_vec(),
        })
    }

    /// Its account.
    pub fn account(&self) -> AccountId {
        self.certificate.account
    }

    /// Its device.
    pub fn device(&self) -> DeviceId {
        self.certificate.device
    }

    /// The encoded certificate, as it stands in the MLS credential.
    pub fn credential(&self) -> &[u8] {
        &self.credential
    }
}

/// Without handle and address, which do not belong into logs.
impl std::fmt::Debug for LeafView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeafView")
            .field("index", &self.index.0)
            .field("device", &self.device())
            .finish_non_exhaustive()
    }
}

impl TryFrom<Stored> for LeafView {
    type Error = Violation;

    fn try_from(Stored(index, credential, address): Stored) -> Result<Self, Violation> {
        Self::known(LeafIndex(index), &credential, Some(&address))
    }
}

impl From<LeafView> for Stored {
    fn from(leaf: LeafView) -> Self {
        Self(leaf.index.0, leaf.credential, leaf.address)
    }
}

fn read(credential: &[u8]) -> Option<Certificate> {
    let signed = v1::DeviceCertificate::decode(credential).ok()?;
    let body = v1::DeviceCertificateBody::decode(signed.body).ok()?;
    Some(Certificate {
        account: AccountId::try_from(&*body.account).ok()?,
        account_key: (*body.account_key).try_into().ok()?,
        handle: body.handle,
        device: DeviceId::try_from(&*body.device).ok()?,
        signature_key: (*body.signature_key).try_into().ok()?,
        suites: body
            .suites
            .iter()
            .map(|suite| u16::try_from(*suite).ok())
            .collect::<Option<_>>()?,
        created: Timestamp(body.created_ms),
        expires: Timestamp(body.expires_ms),
    })
}
