//! Content ids: the MIMI message id (draft-ietf-mimi-content, "Message ID"), which survives re-encryption.

use std::fmt;

use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, WrongLength, from_hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::rules::LeafView;

/// The number of SHA-256 in the registry of named information hash algorithms.
const SHA_256: u8 = 0x01;

/// A message's id: `0x01` and the first 31 bytes of SHA-256 over author, conversation, content and salt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentId([u8; 32]);

/// Who wrote a message, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The conversation.
    pub conversation: ConversationId,
}

impl Author {
    /// The author of what a leaf sends in a conversation.
    pub fn new(leaf: &LeafView, conversation: ConversationId) -> Self {
        Self {
            account: leaf.account(),
            device: leaf.device(),
            conversation,
        }
    }

    /// The sender URI of MIMI: `keyfold:device/<account>/<device>`, in lower-case hexadecimal.
    pub fn sender_uri(&self) -> String {
        format!("keyfold:device/{}/{}", self.account, self.device)
    }

    /// The room URI of MIMI: `keyfold:conversation/<id>`, in lower-case hexadecimal.
    pub fn room_uri(&self) -> String {
        format!("keyfold:conversation/{}", self.conversation)
    }
}

impl ContentId {
    /// The id of an encoded message.
    pub fn of(author: &Author, encoded: &[u8], salt: &[u8; 16]) -> Self {
        Self::derive(&author.sender_uri(), &author.room_uri(), encoded, salt)
    }

    /// `0x01 || SHA-256(len(sender) || sender || len(room) || room || message || salt)[0..31]`, lengths as u16 BE.
    pub(super) fn derive(
        sender_uri: &str,
        room_uri: &str,
        encoded: &[u8],
        salt: &[u8; 16],
    ) -> Self {
        let mut hasher = Sha256::new();
        for uri in [sender_uri, room_uri] {
            hasher.update(u16::try_from(uri.len()).unwrap_or(u16::MAX).to_be_bytes());
            hasher.update(uri);
        }
        hasher.update(encoded);
        hasher.update(salt);
        let hash: [u8; 32] = hasher.finalize().into();
        let mut id = [SHA_256; 32];
        for (place, byte) in id.iter_mut().skip(1).zip(hash) {
            *place = byte;
        }
        Self(id)
    }

    /// The id with these bytes. `None`: of another hash algorithm.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        (bytes.first() == Some(&SHA_256)).then_some(Self(bytes))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl AsRef<[u8]> for ContentId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for ContentId {
    type Error = WrongLength;

    fn try_from(bytes: &[u8]) -> Result<Self, WrongLength> {
        let wrong = WrongLength {
            name: "ContentId",
            expected: 32,
            actual: bytes.len(),
        };
        bytes
            .try_into()
            .ok()
            .and_then(Self::from_bytes)
            .ok_or(wrong)
    }
}

/// The whole id in lower-case hexadecimal.
impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for ContentId {
    type Err = WrongLength;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, WrongLength> {
        Self::try_from(from_hex(text).unwrap_or_default().as_slice())
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentId(")?;
        self.0
            .iter()
            .skip(1)
            .take(3)
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}
