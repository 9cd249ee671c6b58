//! The device token: what a device shows its server in the first frame of its mailbox socket.

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::signing::WrongSecretLength;

/// 256 random bits, made by the device. The server learns the hash at registration. Not `Clone`; prints as `<secret>`.
pub struct DeviceToken(Zeroizing<[u8; 32]>);

impl DeviceToken {
    /// A new one.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self(bytes)
    }

    /// The token with these bytes.
    ///
    /// # Errors
    /// [`WrongSecretLength`] when they are not 32.
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, WrongSecretLength> {
        let token = bytes
            .try_into()
            .map_err(|_| WrongSecretLength(bytes.len()))?;
        Ok(Self(Zeroizing::new(token)))
    }

    /// Its bytes, for `Hello` and the device's encrypted database.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// What the server keeps: its SHA-256.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }
}

impl std::fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}
