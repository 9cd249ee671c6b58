//! The account key: who holds it speaks for the account. Only primary devices do.

use keyfold_wire::certificate::account_id;
use keyfold_wire::ids::AccountId;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::signing::{Secret, WrongSecretLength};

/// An account's Ed25519 key. Not `Clone`; prints as `<secret>`.
pub struct AccountKey(Secret);

impl AccountKey {
    /// A new account's key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::generate(rng))
    }

    /// The key that [`AccountKey::to_secret_bytes`] wrote.
    ///
    /// # Errors
    /// [`WrongSecretLength`] when it is not 32 bytes.
    pub fn from_secret_bytes(seed: &[u8]) -> Result<Self, WrongSecretLength> {
        Secret::from_slice(seed).map(Self)
    }

    /// Its 32-byte seed, for the device's encrypted database.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.seed()
    }

    /// Its public half.
    pub fn public(&self) -> [u8; 32] {
        self.0.public()
    }

    /// The account whose first key this is.
    pub fn account(&self) -> AccountId {
        account_id(&self.public())
    }

    /// Signs a labelled input, as those in `keyfold_wire::certificate`.
    pub(super) fn sign(&self, input: &[u8]) -> [u8; 64] {
        self.0.sign(input)
    }
}

impl std::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}
