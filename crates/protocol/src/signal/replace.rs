//! Under which key a signal takes the place of an older one at the server.

use hkdf::Hkdf;
use keyfold_wire::ids::ConversationId;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Kind;

const LABEL: &[u8] = b"keyfold signal place v1\0";

/// A device's secret from which its replace keys come: members cannot guess each other's, and nobody can tell which of them are one device's. Not
/// `Clone`; prints as `<secret>`.
pub struct SignalSecret(Zeroizing<[u8; 32]>);

impl SignalSecret {
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

    /// The replace key of this kind of signal in a conversation: HKDF-SHA-256 (RFC 5869) of the secret without salt, with
    /// `info = "keyfold signal place v1" 0x00 conversation (16) kind (u8)`.
    pub fn replace_key(&self, conversation: ConversationId, kind: Kind) -> [u8; 32] {
        let info = [LABEL, conversation.as_bytes(), &[kind.number()]].concat();
        let mut key = [0; 32];
        let derived = Hkdf::<Sha256>::new(None, self.0.as_slice()).expand(&info, &mut key);
        debug_assert!(derived.is_ok(), "32 bytes are less than the most");
        key
    }
}

impl std::fmt::Debug for SignalSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}
