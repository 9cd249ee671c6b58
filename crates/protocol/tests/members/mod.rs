//! People with a device, a storage and groups, for the tests.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    unreachable_pub,
    missing_docs
)]

mod storage;

use keyfold_protocol::group::{
    Application, Change, CheckedKeyPackage, Crypto, Device, Error, Group, Joined, Mls, NewGroup,
    Processed, Reject, Rng, Staged, StagedChange, Update, Use, join, make,
};
use keyfold_protocol::identity::{AccountKey, DeviceKeys};
use keyfold_protocol::rules::LeafIndex;
use keyfold_protocol::state::{ConversationState, Name};
use keyfold_protocol::suite::Suite;
use keyfold_protocol::welcome;
use keyfold_wire::ids::Timestamp;
use openmls_rust_crypto::MemoryStorageError;
use rand::rngs::StdRng;
pub use storage::Notebook;

use crate::people::{HANDLE, ID, request, rng};

/// When all certificates are valid.
pub const NOW: Timestamp = Timestamp(1_500);

pub type Failed = Error<MemoryStorageError>;

/// A person with one device.
pub struct Member {
    pub account: AccountKey,
    pub keys: DeviceKeys,
    pub certificate: Vec<u8>,
    pub storage: Notebook,
    pub crypto: Crypto,
    pub rng: StdRng,
    seed: u8,
}

impl Member {
    pub fn new(seed: u8) -> Self {
        let mut rng = rng(u64::from(seed));
        let account = AccountKey::generate(&mut rng);
        let keys = DeviceKeys::generate(&mut rng);
        let asked = request("somebody", &keys, &Suite::ALL);
        Self {
            certificate: account.certify(&asked).unwrap(),
            account,
            keys,
            storage: Notebook::default(),
            crypto: Crypto::default(),
            rng,
            seed,
        }
    }

    /// Runs something with this person's cryptography, storage and randomness.
    pub fn with<T>(&mut self, run: impl FnOnce(&Mls<'_, Notebook>, Device<'_>) -> T) -> T {
        let rng = Rng::new(&mut self.rng);
        let mls = Mls::new(&self.crypto, &self.storage, &rng);
        let device = Device {
            keys: &self.keys,
            certificate: &self.certificate,
        };
        run(&mls, device)
    }

    pub fn creates(&mut self) -> Group {
        let name = Name::new("climbing").unwrap();
        let new = NewGroup {
            group_id: b"group",
            suite: Suite::Hybrid,
            state: &ConversationState::group(ID, HANDLE, name, self.account.account()),
            address: &[self.seed, 1],
        };
        self.with(|mls, device| Group::create(mls, device, new))
            .unwrap()
    }

    pub fn key_package(&mut self, suite: Suite) -> CheckedKeyPackage {
        let address = [self.seed, 2];
        let own = self.with(|mls, device| make(mls, device, suite, &address, Use::Once));
        CheckedKeyPackage::check(&self.crypto, &own.unwrap().message, NOW).unwrap()
    }

    pub fn stages(&mut self, group: &mut Group, change: Change) -> Staged {
        self.with(|mls, device| group.stage(mls, device, change))
            .unwrap()
    }

    /// Commits, is accepted, and enters the new epoch.
    pub fn commits(&mut self, group: &mut Group, change: Change) -> Staged {
        let staged = self.stages(group, change);
        assert_eq!(group.view().judge(&staged.facts), Ok(()));
        self.with(|mls, _| group.merge_pending(mls)).unwrap();
        staged
    }

    /// Opens somebody's commit, finds that the rules permit it, and enters the new epoch.
    pub fn follows(&mut self, group: &mut Group, commit: &[u8]) {
        let change = self.sees(group, commit);
        assert_eq!(group.view().judge(change.facts()), Ok(()));
        assert!(!change.removes_me());
        self.merges(group, change);
    }

    pub fn merges(&mut self, group: &mut Group, change: StagedChange) {
        self.with(|mls, _| group.merge(mls, change)).unwrap();
    }

    pub fn tries_to_join(&mut self, invitation: &[u8], place: usize) -> Result<Joined, Failed> {
        let split = welcome::split(invitation).unwrap();
        let secrets = &split.joiners.get(place).unwrap().secrets;
        let message = welcome::rebuild(secrets, &split.group_info).unwrap();
        self.with(|mls, _| join(mls, &message))
    }

    pub fn joins(&mut self, staged: &Staged, place: usize) -> Group {
        let invitation = staged.welcome.as_ref().unwrap();
        self.tries_to_join(invitation, place).unwrap().group
    }

    pub fn says(&mut self, group: &mut Group, content: &[u8]) -> Vec<u8> {
        self.with(|mls, device| group.encrypt(mls, device, content))
            .unwrap()
    }

    pub fn processes(&mut self, group: &mut Group, message: &[u8]) -> Result<Processed, Failed> {
        self.with(|mls, _| group.process(mls, message))
    }

    pub fn hears(&mut self, group: &mut Group, message: &[u8]) -> Application {
        match self.processes(group, message).unwrap() {
            Processed::Application(application) => application,
            Processed::Commit(_) => panic!("a commit"),
        }
    }

    pub fn sees(&mut self, group: &mut Group, commit: &[u8]) -> StagedChange {
        match self.processes(group, commit).unwrap() {
            Processed::Commit(change) => *change,
            Processed::Application(_) => panic!("no commit"),
        }
    }

    /// The group as the storage has it.
    pub fn restarts(&self) -> Option<Group> {
        Group::load(&self.storage, b"group").unwrap()
    }
}

pub fn adding<const N: usize>(added: [CheckedKeyPackage; N]) -> Change {
    Change {
        added: added.into(),
        ..Change::default()
    }
}

pub fn removing(leaf: u32) -> Change {
    Change {
        removed: vec![LeafIndex(leaf)],
        ..Change::default()
    }
}

pub fn updating() -> Change {
    Change {
        update: Some(Update::default()),
        ..Change::default()
    }
}

/// Ada, who owns the group, and bo.
pub fn two() -> ([Member; 2], [Group; 2]) {
    let [mut ada, mut bo] = [1, 2].map(Member::new);
    let mut adas = ada.creates();
    let staged = ada.commits(&mut adas, adding([bo.key_package(Suite::Hybrid)]));
    let bos = bo.joins(&staged, 0);
    ([ada, bo], [adas, bos])
}

/// Ada, who owns the group, bo and cy.
pub fn three() -> ([Member; 3], [Group; 3]) {
    let ([mut ada, mut bo], [mut adas, mut bos]) = two();
    let mut cy = Member::new(3);
    let staged = ada.commits(&mut adas, adding([cy.key_package(Suite::Hybrid)]));
    bo.follows(&mut bos, &staged.commit);
    let cys = cy.joins(&staged, 0);
    ([ada, bo, cy], [adas, bos, cys])
}

pub fn rejected<T: std::fmt::Debug>(result: Result<T, Failed>) -> Reject {
    match result {
        Err(Error::Reject(reject)) => reject,
        other => panic!("not rejected: {other:?}"),
    }
}
