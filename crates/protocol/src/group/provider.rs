//! What `openmls` asks of its surroundings: cryptography, a storage and randomness, gathered for one step.
//!
//! Randomness that goes through [`Rng`] comes from the step. Two things inside `openmls_rust_crypto` draw from a generator
//! of its own, seeded by the operating system when [`Crypto`] is made: the ephemeral key of each HPKE encryption
//! (path secrets of a commit, the parts of a Welcome). So ciphertext bytes of commits and welcomes do not repeat under one
//! seed; their sizes, and everything else, do.

use std::cell::RefCell;

use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::random::OpenMlsRand;
use openmls_traits::storage::{CURRENT_VERSION, StorageProvider};
use rand_core::CryptoRng;

use super::error::Error;

/// The cryptography that groups use. Made once and kept: making it asks the operating system for a seed.
#[derive(Debug, Default)]
pub struct Crypto(RustCrypto);

/// The randomness of one step, shared by everything in it that needs some.
pub struct Rng<'r>(RefCell<&'r mut dyn CryptoRng>);

impl<'r> Rng<'r> {
    /// Shares a generator within one step.
    pub fn new(rng: &'r mut dyn CryptoRng) -> Self {
        Self(RefCell::new(rng))
    }

    /// Lends the generator. `draw` must not use this `Rng` again inside.
    pub fn with<T>(&self, draw: impl FnOnce(&mut dyn CryptoRng) -> T) -> T {
        draw(&mut **self.0.borrow_mut())
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// Hides the lifetime inside [`Rng`], so that [`Mls`] needs only one.
trait Fill {
    fn fill(&self, bytes: &mut [u8]);
}

impl Fill for Rng<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.borrow_mut().fill_bytes(bytes);
    }
}

/// A storage for groups, beyond what `openmls` asks of it.
pub trait Storage: StorageProvider<CURRENT_VERSION> {
    /// The first error that it returned since this was last asked. `openmls` sometimes reports a failed storage as if the
    /// message were at fault.
    fn take_failure(&self) -> Option<<Self as StorageProvider<CURRENT_VERSION>>::Error>;

    /// Whether it has only noted that the message secrets of this group changed, instead of writing them.
    fn owes_secrets(&self, group_id: &[u8]) -> bool;

    /// The next `write_message_secrets` for this group is to be written, not noted.
    fn write_secrets_next(&self, group_id: &[u8]);
}

/// What a storage fails with.
pub(super) type Failure<S> = <S as StorageProvider<CURRENT_VERSION>>::Error;

/// All that MLS operations of one step need: cryptography, the step's storage and its randomness.
pub struct Mls<'a, S> {
    crypto: &'a Crypto,
    storage: &'a S,
    rand: StepRand<'a>,
}

/// The step's randomness in the form that `openmls` wants.
pub struct StepRand<'a>(&'a dyn Fill);

/// The step's generator never fails.
#[derive(Debug, thiserror::Error)]
#[error("no randomness")]
pub struct NoRandomness;

impl Crypto {
    pub(super) fn get(&self) -> &RustCrypto {
        &self.0
    }
}

impl<'a, S: Storage> Mls<'a, S> {
    /// Gathers them.
    pub fn new(crypto: &'a Crypto, storage: &'a S, rng: &'a Rng<'_>) -> Self {
        Self {
            crypto,
            storage,
            rand: StepRand(rng),
        }
    }

    /// What to report instead of this error: the storage's own failure, where there was one.
    pub(super) fn failed(&self, error: Error<Failure<S>>) -> Error<Failure<S>> {
        self.storage.take_failure().map_or(error, Error::Storage)
    }
}

impl OpenMlsRand for StepRand<'_> {
    type Error = NoRandomness;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, NoRandomness> {
        let mut bytes = vec![0; len];
        self.0.fill(&mut bytes);
        Ok(bytes)
    }
}

impl<'a, S: Storage> OpenMlsProvider for Mls<'a, S> {
    type CryptoProvider = RustCrypto;
    type RandProvider = StepRand<'a>;
    type StorageProvider = S;

    fn storage(&self) -> &S {
        self.storage
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto.0
    }

    fn rand(&self) -> &StepRand<'a> {
        &self.rand
    }
}
