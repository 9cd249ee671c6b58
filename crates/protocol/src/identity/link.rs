//! A device link request: what a new device shows a primary one of the same account, to be certified.
//!
//! CBOR map `{0: 1, 1: device id (16), 2: signature key (32), 3: [suite, ..], 4: token hash (32), 5: signature (64)}`; unknown
//! further keys are passed over. The signature, by the new device, is over `"keyfold device link v1" 0x00`, then device id, signature
//! key, token hash, and each suite (u16 BE): so nobody can have a key certified that is not theirs.

use keyfold_wire::certificate::verify;
use keyfold_wire::ids::{DeviceId, Timestamp};
use keyfold_wire::limits::MAX_SUITES;
use keyfold_wire::v1;
use minicbor::Decoder;

use super::{AccountKey, CertificateRequest, DeviceKeys, DeviceToken, IssueError};
use crate::cbor::{self, Malformed};
use crate::limits::MAX_LINK_REQUEST;
use crate::suite::Suite;

const LABEL: &[u8] = b"keyfold device link v1\0";
const VERSION: u16 = 1;
/// Entries of a request of this version; a later one may have more.
const ENTRIES: u64 = 6;

/// A new device's public part, verified to be its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRequest {
    /// The device.
    pub device: DeviceId,
    /// Its signature key's public half.
    pub signature_key: [u8; 32],
    /// The suites that it speaks, those that this version knows.
    pub suites: Vec<Suite>,
    /// The hash of its token.
    pub token_hash: [u8; 32],
}

/// Why a link request is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not a link request.
    #[error("this is not a request of a new device: show it again there")]
    Malformed,
    /// Of a later version.
    #[error("the new device runs a newer version of Keyfold: update this one first")]
    NewerVersion,
    /// The new device did not sign it.
    #[error("the request was changed on its way: show it again on the new device")]
    Forged,
}

impl From<Malformed> for LinkError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<minicbor::decode::Error> for LinkError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

impl LinkRequest {
    /// A new device's encoded request.
    pub fn encode(keys: &DeviceKeys, suites: &[Suite], token: &DeviceToken) -> Vec<u8> {
        let numbers: Vec<u16> = suites
            .iter()
            .take(MAX_SUITES)
            .map(|suite| suite.number())
            .collect();
        let signature = keys.sign(&input(
            keys.device(),
            &keys.public(),
            &token.hash(),
            &numbers,
        ));
        cbor::encode(|e| {
            e.map(ENTRIES)?.u8(0)?.u16(VERSION)?;
            e.u8(1)?.bytes(keys.device().as_bytes())?;
            e.u8(2)?.bytes(&keys.public())?;
            e.u8(3)?.array(numbers.len() as u64)?;
            for number in &numbers {
                e.u16(*number)?;
            }
            e.u8(4)?.bytes(&token.hash())?;
            e.u8(5)?.bytes(&signature)?.ok()
        })
    }

    /// Reads and verifies a request.
    ///
    /// # Errors
    /// [`LinkError`]: malformed, newer, or not signed by the device.
    pub fn verify(encoded: &[u8]) -> Result<Self, LinkError> {
        if encoded.len() > MAX_LINK_REQUEST {
            return Err(LinkError::Malformed);
        }
        let mut d = Decoder::new(encoded);
        let entries = cbor::map(&mut d)?;
        if entries < 1 || d.u8()? != 0 {
            return Err(LinkError::Malformed);
        }
        match d.u16()? {
            VERSION => Self::body(&mut d, entries),
            _ => Err(LinkError::NewerVersion),
        }
    }

    fn body(d: &mut Decoder<'_>, entries: u64) -> Result<Self, LinkError> {
        if entries < ENTRIES {
            return Err(LinkError::Malformed);
        }
        let device = DeviceId::new(keyed(d, 1, cbor::fixed)?);
        let signature_key = keyed(d, 2, cbor::fixed)?;
        let numbers = keyed(d, 3, numbers)?;
        let token_hash = keyed(d, 4, cbor::fixed)?;
        let signature: [u8; 64] = keyed(d, 5, cbor::fixed)?;
        for _ in ENTRIES..entries {
            cbor::any(d)?;
            cbor::any(d)?;
        }
        cbor::end(d)?;
        verify(
            &signature_key,
            &input(device, &signature_key, &token_hash, &numbers),
            &signature,
        )
        .map_err(|_| LinkError::Forged)?;
        let suites = numbers
            .iter()
            .filter_map(|number| Suite::try_from(*number).ok())
            .collect();
        Ok(Self {
            device,
            signature_key,
            suites,
            token_hash,
        })
    }

    /// Certifies the device: the request by which a primary device adds it to the account.
    ///
    /// # Errors
    /// [`IssueError`] as of [`AccountKey::certify`].
    pub fn accept(
        &self,
        account_key: &AccountKey,
        handle: &str,
        created: Timestamp,
        expires: Timestamp,
    ) -> Result<v1::AddDevice, IssueError> {
        let certificate = account_key.certify(&CertificateRequest {
            handle: handle.to_owned(),
            device: self.device,
            signature_key: self.signature_key,
            suites: self.suites.clone(),
            created,
            expires,
        })?;
        Ok(v1::AddDevice {
            device_certificate: certificate.into(),
            token_hash: self.token_hash.to_vec().into(),
        })
    }
}

/// The value of this key, which must come next.
fn keyed<'b, T>(
    d: &mut Decoder<'b>,
    key: u8,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, Malformed>,
) -> Result<T, LinkError> {
    if d.u8()? != key {
        return Err(LinkError::Malformed);
    }
    Ok(read(d)?)
}

fn numbers(d: &mut Decoder<'_>) -> Result<Vec<u16>, Malformed> {
    let count = cbor::array(d)?;
    if count > MAX_SUITES as u64 {
        return Err(Malformed);
    }
    (0..count)
        .map(|_| d.u16().map_err(Malformed::from))
        .collect()
}

fn input(
    device: DeviceId,
    signature_key: &[u8; 32],
    token_hash: &[u8; 32],
    suites: &[u16],
) -> Vec<u8> {
    let mut input = [LABEL, device.as_bytes(), signature_key, token_hash].concat();
    for suite in suites {
        input.extend(suite.to_be_bytes());
    }
    input
}
