//! People and their devices for the tests: everything from one seed.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    unreachable_pub,
    missing_docs
)]

pub mod town;

use keyfold_protocol::identity::{AccountKey, CertificateRequest, DeviceKeys};
use keyfold_protocol::rules::{GroupView, LeafIndex, LeafView};
use keyfold_protocol::state::{ConversationState, Name};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationHandle, ConversationId, Epoch, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub struct Person {
    pub name: &'static str,
    pub key: AccountKey,
}

pub struct Device {
    pub keys: DeviceKeys,
    pub leaf: LeafView,
}

impl Person {
    pub fn new(name: &'static str, rng: &mut StdRng) -> Self {
        Self {
            name,
            key: AccountKey::generate(rng),
        }
    }

    pub fn account(&self) -> AccountId {
        self.key.account()
    }

    /// A new device at this leaf.
    pub fn device(&self, leaf: u32, suites: &[Suite], rng: &mut StdRng) -> Device {
        let keys = DeviceKeys::generate(rng);
        let leaf = self.leaf_of(&keys, leaf, suites, &[leaf_byte(leaf), 0xAD]);
        Device { keys, leaf }
    }

    /// Another leaf of a device that there is.
    pub fn leaf_of(
        &self,
        keys: &DeviceKeys,
        leaf: u32,
        suites: &[Suite],
        address: &[u8],
    ) -> LeafView {
        let certificate = self.key.certify(&request(self.name, keys, suites)).unwrap();
        LeafView::verify(LeafIndex(leaf), &certificate, &keys.public(), Some(address)).unwrap()
    }
}

fn leaf_byte(leaf: u32) -> u8 {
    u8::try_from(leaf % 251).unwrap()
}

pub fn request(handle: &str, keys: &DeviceKeys, suites: &[Suite]) -> CertificateRequest {
    CertificateRequest {
        handle: handle.to_owned(),
        device: keys.device(),
        signature_key: keys.public(),
        suites: suites.to_vec(),
        created: Timestamp(1_000),
        expires: Timestamp(2_000_000),
    }
}

pub const ID: ConversationId = ConversationId::new([1; 16]);
pub const HANDLE: ConversationHandle = ConversationHandle::new([2; 32]);

pub fn group_of(owner: AccountId, leaves: Vec<LeafView>) -> GroupView {
    GroupView {
        group_id: b"group".to_vec(),
        epoch: Epoch(7),
        suite: Suite::Hybrid,
        state: ConversationState::group(ID, HANDLE, Name::new("climbing").unwrap(), owner),
        leaves,
    }
}
