//! Leave proofs: a member's signed word that its account leaves a group. Whoever commits the removal shows it to all.
//!
//! Ed25519 by the leaf's signature key over `"keyfold leave v1" 0x00`, group id behind its length (u32 BE), account id (32),
//! and the leaf's delivery address behind its length (u32 BE). The address is fresh for each joining, so that a proof
//! cannot be shown again after the account has come back.

use keyfold_wire::certificate::verify;
use keyfold_wire::ids::{AccountId, DeviceId};
use minicbor::Decoder;
use serde::{Deserialize, Serialize};

use crate::cbor::{self, Malformed};
use crate::identity::DeviceKeys;
use crate::limits::MAX_LEAVE_PROOFS;
use crate::rules::LeafView;

const LABEL: &[u8] = b"keyfold leave v1\0";

/// Who leaves, and the signature of one of its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct LeaveProof {
    /// The account that leaves, with all its devices.
    pub account: AccountId,
    /// The device that signed.
    pub device: DeviceId,
    signature: [u8; 64],
}

/// The bytes are no list of leave proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the leave proofs are malformed")]
pub struct LeaveProofError;

impl From<Malformed> for LeaveProofError {
    fn from(_: Malformed) -> Self {
        Self
    }
}

impl LeaveProof {
    /// The word of this device that its account leaves; `leaf` is its own leaf now.
    pub fn make(keys: &DeviceKeys, group_id: &[u8], leaf: &LeafView) -> Self {
        Self {
            account: leaf.certificate.account,
            device: leaf.certificate.device,
            signature: keys.sign(&input(group_id, leaf)),
        }
    }

    /// The proof with this signature; [`LeaveProof::is_valid`] judges it.
    pub fn new(account: AccountId, device: DeviceId, signature: [u8; 64]) -> Self {
        Self {
            account,
            device,
            signature,
        }
    }

    /// Its signature.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Whether the device of this leaf signed it for this group.
    pub fn is_valid(&self, group_id: &[u8], leaf: &LeafView) -> bool {
        leaf.certificate.account == self.account
            && leaf.certificate.device == self.device
            && verify(
                &leaf.certificate.signature_key,
                &input(group_id, leaf),
                &self.signature,
            )
            .is_ok()
    }

    /// The authenticated data of a commit (RFC 9420 section 6) that removes leavers: a CBOR array of
    /// `[account (32), device (16), signature (64)]`. Without proofs it is empty.
    pub fn encode_list(proofs: &[Self]) -> Vec<u8> {
        if proofs.is_empty() {
            return Vec::new();
        }
        cbor::encode(|e| {
            e.array(proofs.len() as u64)?;
            for proof in proofs {
                e.array(3)?.bytes(proof.account.as_bytes())?;
                e.bytes(proof.device.as_bytes())?.bytes(&proof.signature)?;
            }
            e.ok()
        })
    }

    /// Reads the authenticated data of a commit.
    ///
    /// # Errors
    /// [`LeaveProofError`] when it is neither empty nor such a list of at most `MAX_LEAVE_PROOFS`.
    pub fn decode_list(encoded: &[u8]) -> Result<Vec<Self>, LeaveProofError> {
        if encoded.is_empty() {
            return Ok(Vec::new());
        }
        let mut d = Decoder::new(encoded);
        let count = cbor::array(&mut d)?;
        if count == 0 || count > MAX_LEAVE_PROOFS as u64 {
            return Err(LeaveProofError);
        }
        let proofs = (0..count)
            .map(|_| Self::read(&mut d))
            .collect::<Result<_, _>>()?;
        cbor::end(&d)?;
        Ok(proofs)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Malformed> {
        if cbor::array(d)? != 3 {
            return Err(Malformed);
        }
        Ok(Self {
            account: AccountId::new(cbor::fixed(d)?),
            device: DeviceId::new(cbor::fixed(d)?),
            signature: cbor::fixed(d)?,
        })
    }
}

impl TryFrom<Vec<u8>> for LeaveProof {
    type Error = LeaveProofError;

    fn try_from(encoded: Vec<u8>) -> Result<Self, LeaveProofError> {
        match Self::decode_list(&encoded)?.as_slice() {
            [proof] => Ok(*proof),
            _ => Err(LeaveProofError),
        }
    }
}

impl From<LeaveProof> for Vec<u8> {
    fn from(proof: LeaveProof) -> Self {
        LeaveProof::encode_list(&[proof])
    }
}

fn input(group_id: &[u8], leaf: &LeafView) -> Vec<u8> {
    let mut input = LABEL.to_vec();
    input.extend(length(group_id));
    input.extend_from_slice(group_id);
    input.extend_from_slice(leaf.certificate.account.as_bytes());
    input.extend(length(&leaf.address));
    input.extend_from_slice(&leaf.address);
    input
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}
