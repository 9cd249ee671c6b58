//! The hashes by which members check the roster that a server opened against the one they compute.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ids::WrongLength;

/// The key that a conversation's roster is sealed under at rest; members derive it from the epoch.
///
/// Not `Clone`; compares in constant time; prints as `<secret>`.
pub struct RosterKey(Zeroizing<[u8; 32]>);

impl RosterKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for RosterKey {
    type Error = WrongLength;

    fn try_from(bytes: &[u8]) -> Result<Self, WrongLength> {
        let array = bytes.try_into().map_err(|_| WrongLength {
            name: "RosterKey",
            expected: 32,
            actual: bytes.len(),
        })?;
        Ok(Self::new(array))
    }
}

impl PartialEq for RosterKey {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_slice(), other.0.as_slice()).into()
    }
}

impl Eq for RosterKey {}

impl std::fmt::Debug for RosterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// The hash of a roster: SHA-256 over `"keyfold roster v1"`, the number of addresses (u32, big endian) and each
/// address behind its length (u16, big endian).
pub fn hash<A: AsRef<[u8]>>(addresses: &[A]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"keyfold roster v1");
    hasher.update(length_u32(addresses.len()).to_be_bytes());
    for address in addresses {
        let address = address.as_ref();
        hasher.update(
            u16::try_from(address.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        hasher.update(address);
    }
    hasher.finalize().into()
}

/// The hash of a roster key: SHA-256 over `"keyfold roster key v1"` and the key.
pub fn key_hash(key: &RosterKey) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"keyfold roster key v1");
    hasher.update(key.as_bytes());
    hasher.finalize().into()
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_hash_tells_apart_where_addresses_end_and_in_which_order_they_come() {
        let one = hash(&[b"ab".as_slice(), b"c".as_slice()]);
        assert_ne!(one, hash(&[b"a".as_slice(), b"bc".as_slice()]));
        assert_ne!(one, hash(&[b"c".as_slice(), b"ab".as_slice()]));
        assert_eq!(one, hash(&[b"ab".to_vec(), b"c".to_vec()]));
    }

    #[test]
    fn a_roster_key_never_prints() {
        assert_eq!(format!("{:?}", RosterKey::new([9; 32])), "<secret>");
    }
}
