//! A device's own keys: its id and the signature key of its MLS leaves.

use keyfold_wire::ids::DeviceId;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::signing::{Secret, WrongSecretLength};

const STORED: usize = DeviceId::LENGTH + 32;

/// A device's id and Ed25519 signature key. Not `Clone`; shows its id only.
pub struct DeviceKeys {
    device: DeviceId,
    secret: Secret,
}

impl DeviceKeys {
    /// A new device's.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut device = [0; DeviceId::LENGTH];
        rng.fill_bytes(&mut device);
        Self {
            device: DeviceId::new(device),
            secret: Secret::generate(rng),
        }
    }

    /// What [`DeviceKeys::to_secret_bytes`] wrote.
    ///
    /// # Errors
    /// [`WrongSecretLength`] when it is not 48 bytes.
    pub fn from_secret_bytes(stored: &[u8]) -> Result<Self, WrongSecretLength> {
        let wrong = WrongSecretLength(stored.len());
        let (device, seed) = stored
            .split_first_chunk::<{ DeviceId::LENGTH }>()
            .ok_or(wrong)?;
        let secret = Secret::from_slice(seed).map_err(|_| wrong)?;
        Ok(Self {
            device: DeviceId::new(*device),
            secret,
        })
    }

    /// Device id (16) and seed (32), for the device's encrypted database.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; STORED]> {
        let mut stored = Zeroizing::new([0; STORED]);
        let (device, seed) = stored.split_at_mut(DeviceId::LENGTH);
        device.copy_from_slice(self.device.as_bytes());
        seed.copy_from_slice(self.seed().as_slice());
        stored
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The public half of the signature key.
    pub fn public(&self) -> [u8; 32] {
        self.secret.public()
    }

    /// The 32-byte seed of the signature key, for an MLS signer.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        self.secret.seed()
    }

    /// Signs with the signature key. What is signed must begin with a label of its own.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message)
    }
}

impl std::fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceKeys")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
