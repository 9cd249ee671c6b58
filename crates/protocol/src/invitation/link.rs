//! What stands behind the `#` of an invitation link. `docs/protocol/invitations.md`, section "The link".

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use keyfold_wire::ids::{AccountId, ConversationId};
use keyfold_wire::limits::MAX_ADDRESS;
use minicbor::Decoder;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::cbor::{self, Malformed};
use crate::limits::{MAX_INVITATION_LINK, MAX_MAKERS};
use crate::state::Name;

const LABEL: &[u8] = b"keyfold invitation link v1\0";
const ID_LABEL: &[u8] = b"keyfold invitation id v1";
const VERSION: u16 = 1;
const CHECKSUM: usize = 4;
/// Entries of a link, without the conversation.
const ENTRIES: u64 = 6;

/// What a link's requests are sealed with. Not `Clone`; prints as `<secret>`.
pub struct LinkSecret(Zeroizing<[u8; 32]>);

impl LinkSecret {
    /// The secret with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new one.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self(bytes)
    }

    /// Its bytes, for the device's encrypted database.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// What requests are signed for: it names the link, and says nothing of the secret.
    pub fn link_id(&self) -> [u8; 32] {
        *self.derive(&[], ID_LABEL)
    }

    pub(super) fn derive(&self, salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let derived =
            Hkdf::<Sha256>::new(Some(salt), self.0.as_slice()).expand(info, key.as_mut_slice());
        debug_assert!(derived.is_ok(), "32 bytes are less than the most");
        key
    }
}

impl std::fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// What a link says. Does not print: whoever has it can ask.
pub struct Invitation {
    /// What requests are sealed with.
    pub secret: LinkSecret,
    /// Who made it.
    pub maker: AccountId,
    /// Where requests go, 1 to [`MAX_MAKERS`].
    pub addresses: Vec<Vec<u8>>,
    /// The number of the suite that the request's key package is to have.
    pub suite: u16,
    /// The group that it leads to. `None`: it leads to the person who made it.
    pub conversation: Option<ConversationId>,
    /// The group's name, or the maker's handle, as whoever made the link says.
    pub title: Name,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Why a link can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Over [`MAX_INVITATION_LINK`].
    #[error("it is too long")]
    TooLong,
    /// Not a link, or not all of one.
    #[error("it is not complete, or was changed: copy it again")]
    Malformed,
    /// Of a later version.
    #[error("it was made by a newer version of Keyfold: update this one first")]
    NewerVersion,
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

impl Invitation {
    /// The fragment of its link, without the `#`.
    pub fn fragment(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(self.encode());
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    /// What the fragment holds before its checksum.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(|e| {
            let further = u64::from(self.conversation.is_some());
            e.map(ENTRIES.saturating_add(further))?
                .u8(0)?
                .u16(VERSION)?;
            e.u8(1)?.bytes(self.secret.0.as_slice())?;
            e.u8(2)?.bytes(self.maker.as_bytes())?;
            e.u8(3)?.array(self.addresses.len() as u64)?;
            for address in &self.addresses {
                e.bytes(address)?;
            }
            e.u8(4)?.u16(self.suite)?;
            if let Some(conversation) = &self.conversation {
                e.u8(5)?.bytes(conversation.as_bytes())?;
            }
            e.u8(6)?.str(self.title.as_str())?.ok()
        })
    }

    /// Reads a fragment.
    ///
    /// # Errors
    /// [`LinkError`], saying what is wrong with it.
    pub fn read(fragment: &str) -> Result<Self, LinkError> {
        if fragment.len() > MAX_INVITATION_LINK {
            return Err(LinkError::TooLong);
        }
        let bytes = URL_SAFE_NO_PAD.decode(fragment).map_err(|_| Malformed)?;
        let bytes = Zeroizing::new(bytes);
        let (encoded, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Malformed)?;
        if checksum(encoded) != *sum {
            return Err(LinkError::Malformed);
        }
        Self::decode(encoded)
    }

    /// Reads what a fragment holds before its checksum.
    ///
    /// # Errors
    /// As [`Invitation::read`].
    pub fn decode(encoded: &[u8]) -> Result<Self, LinkError> {
        let mut d = Decoder::new(encoded);
        let entries = cbor::map(&mut d)?;
        if entries == 0 || d.u8()? != 0 {
            return Err(LinkError::Malformed);
        }
        if d.u16()? != VERSION {
            return Err(LinkError::NewerVersion);
        }
        let mut found = Found::default();
        let mut last = 0;
        for _ in 1..entries {
            let key = d.u64()?;
            if key <= last {
                return Err(LinkError::Malformed);
            }
            last = key;
            found.entry(key, &mut d)?;
        }
        cbor::end(&d)?;
        Ok(found.complete()?)
    }
}

#[derive(Default)]
struct Found {
    secret: Option<LinkSecret>,
    maker: Option<AccountId>,
    addresses: Vec<Vec<u8>>,
    suite: Option<u16>,
    conversation: Option<ConversationId>,
    title: Option<Name>,
}

impl Found {
    fn entry(&mut self, key: u64, d: &mut Decoder<'_>) -> Result<(), Malformed> {
        match key {
            1 => self.secret = Some(LinkSecret::new(cbor::fixed(d)?)),
            2 => self.maker = Some(AccountId::new(cbor::fixed(d)?)),
            3 => {
                let count = cbor::array(d)?;
                if count == 0 || count > MAX_MAKERS as u64 {
                    return Err(Malformed);
                }
                for _ in 0..count {
                    self.address(d.bytes()?)?;
                }
            }
            4 => self.suite = Some(d.u16()?),
            5 => self.conversation = Some(ConversationId::new(cbor::fixed(d)?)),
            6 => self.title = Some(Name::new(d.str()?).map_err(|_| Malformed)?),
            _ => drop(cbor::any(d)?),
        }
        Ok(())
    }

    /// Each once: the server takes no other roster.
    fn address(&mut self, address: &[u8]) -> Result<(), Malformed> {
        let fits = !address.is_empty() && address.len() <= MAX_ADDRESS;
        if !fits || self.addresses.iter().any(|other| other == address) {
            return Err(Malformed);
        }
        self.addresses.push(address.to_vec());
        Ok(())
    }

    fn complete(self) -> Result<Invitation, Malformed> {
        if self.addresses.is_empty() {
            return Err(Malformed);
        }
        Ok(Invitation {
            secret: self.secret.ok_or(Malformed)?,
            maker: self.maker.ok_or(Malformed)?,
            addresses: self.addresses,
            suite: self.suite.ok_or(Malformed)?,
            conversation: self.conversation,
            title: self.title.ok_or(Malformed)?,
        })
    }
}

fn checksum(encoded: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(LABEL)
        .chain_update(encoded)
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}
