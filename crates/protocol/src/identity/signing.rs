//! An Ed25519 signing key (RFC 8032) that never shows itself.

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Stored secret bytes do not have the length of such a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored key is damaged: it has {0} bytes")]
pub struct WrongSecretLength(pub usize);

/// A signing key; `ed25519-dalek` overwrites it when it is dropped.
pub(super) struct Secret(SigningKey);

impl Secret {
    pub(super) fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub(super) fn from_slice(seed: &[u8]) -> Result<Self, WrongSecretLength> {
        seed.try_into()
            .map(Self::from_seed)
            .map_err(|_| WrongSecretLength(seed.len()))
    }

    pub(super) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    pub(super) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}
