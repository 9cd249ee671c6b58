//! People with one device each and storages in memory.

use keyfold_wire::ids::{ConversationHandle, ConversationId, Timestamp};
use openmls_rust_crypto::MemoryStorageError;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::storage::Notebook;
use crate::group::{
    Application, Change, CheckedKeyPackage, Crypto, Device, Error, Group, Joined, Mls, NewGroup,
    Processed, Reject, Rng, Staged, StagedChange, Update, Use, join, make,
};
use crate::identity::{AccountKey, CertificateRequest, DeviceKeys};
use crate::rules::LeafIndex;
use crate::state::{ConversationState, Name};
use crate::suite::Suite;
use crate::welcome;

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);
const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000;

pub(super) type Failed = Error<MemoryStorageError>;

/// A person with one device.
pub(super) struct Person {
    pub(super) account: AccountKey,
    pub(super) keys: DeviceKeys,
    pub(super) certificate: Vec<u8>,
    pub(super) storage: Notebook,
    pub(super) crypto: Crypto,
    pub(super) rng: StdRng,
    addresses: u8,
    name: u8,
}

impl Person {
    pub(super) fn new(seed: u8) -> Self {
        Self::speaking(seed, &Suite::ALL)
    }

    pub(super) fn speaking(seed: u8, suites: &[Suite]) -> Self {
        let mut rng = StdRng::seed_from_u64(u64::from(seed));
        let account = AccountKey::generate(&mut rng);
        let keys = DeviceKeys::generate(&mut rng);
        let certificate = account.certify(&request(&keys, suites)).unwrap();
        Self {
            account,
            keys,
            certificate,
            storage: Notebook::default(),
            crypto: Crypto::default(),
            rng,
            addresses: 0,
            name: seed,
        }
    }

    pub(super) fn device(&self) -> Device<'_> {
        Device {
            keys: &self.keys,
            certificate: &self.certificate,
        }
    }

    /// A fresh delivery address.
    pub(super) fn address(&mut self) -> Vec<u8> {
        self.addresses += 1;
        vec![self.name, self.addresses, 7]
    }

    /// Runs something with this person's cryptography, storage and randomness.
    pub(super) fn with<T>(&mut self, run: impl FnOnce(&Mls<'_, Notebook>, Device<'_>) -> T) -> T {
        let rng = Rng::new(&mut self.rng);
        let mls = Mls::new(&self.crypto, &self.storage, &rng);
        run(
            &mls,
            Device {
                keys: &self.keys,
                certificate: &self.certificate,
            },
        )
    }

    pub(super) fn creates(&mut self, suite: Suite) -> Group {
        self.creates_another(suite, &[9; 32])
    }

    pub(super) fn creates_another(&mut self, suite: Suite, group_id: &[u8]) -> Group {
        let state = ConversationState::group(
            ConversationId::new([1; 16]),
            ConversationHandle::new([2; 32]),
            Name::new("climbing").unwrap(),
            self.account.account(),
        );
        let address = self.address();
        let new = NewGroup {
            group_id,
            suite,
            state: &state,
            address: &address,
        };
        self.with(|mls, device| Group::create(mls, device, new))
            .unwrap()
    }

    pub(super) fn key_package(&mut self, suite: Suite, usage: Use) -> CheckedKeyPackage {
        let address = self.address();
        let own = self
            .with(|mls, device| make(mls, device, suite, &address, usage))
            .unwrap();
        let checked = CheckedKeyPackage::check(&self.crypto, &own.message, NOW).unwrap();
        assert_eq!(checked.reference(), own.reference);
        assert_eq!(checked.address(), address);
        checked
    }

    pub(super) fn stages(&mut self, group: &mut Group, change: Change) -> Staged {
        self.with(|mls, device| group.stage(mls, device, change))
            .unwrap()
    }

    /// Commits, is accepted, and enters the new epoch.
    pub(super) fn commits(&mut self, group: &mut Group, change: Change) -> Staged {
        let staged = self.stages(group, change);
        group.view().judge(&staged.facts).unwrap();
        self.with(|mls, _| group.merge_pending(mls)).unwrap();
        assert_entered(group, &staged.next.roster, staged.next.epoch);
        let key = self.with(|mls, _| group.roster_key(mls)).unwrap();
        assert_eq!(key, staged.next.roster_key);
        staged
    }

    pub(super) fn says(&mut self, group: &mut Group, content: &[u8]) -> Vec<u8> {
        self.with(|mls, device| group.encrypt(mls, device, content))
            .unwrap()
    }

    pub(super) fn processes(
        &mut self,
        group: &mut Group,
        message: &[u8],
    ) -> Result<Processed, Failed> {
        self.with(|mls, _| group.process(mls, message))
    }

    pub(super) fn hears(&mut self, group: &mut Group, message: &[u8]) -> Application {
        match self.processes(group, message).unwrap() {
            Processed::Application(application) => application,
            Processed::Commit(_) => panic!("a commit"),
        }
    }

    pub(super) fn sees(&mut self, group: &mut Group, commit: &[u8]) -> StagedChange {
        match self.processes(group, commit).unwrap() {
            Processed::Commit(change) => *change,
            Processed::Application(_) => panic!("no commit"),
        }
    }

    /// Opens somebody's commit, judges it and enters the new epoch.
    pub(super) fn follows(&mut self, group: &mut Group, staged: &Staged) {
        let change = self.sees(group, &staged.commit);
        group.view().judge(change.facts()).unwrap();
        assert_eq!(change.facts(), &staged.facts);
        assert!(!change.removes_me());
        let next = change.next().unwrap();
        assert_eq!(next.roster, staged.next.roster);
        assert_eq!(next.roster_key, staged.next.roster_key);
        self.with(|mls, _| group.merge(mls, change)).unwrap();
        assert_entered(group, &staged.next.roster, staged.next.epoch);
    }

    /// Joins by this device's part of a Welcome.
    pub(super) fn joins(&mut self, staged: &Staged, place: usize) -> Joined {
        let joined = self.tries_to_join(staged, place).unwrap();
        assert_entered(&joined.group, &staged.next.roster, staged.next.epoch);
        joined
    }

    pub(super) fn tries_to_join(
        &mut self,
        staged: &Staged,
        place: usize,
    ) -> Result<Joined, Failed> {
        let split = welcome::split(staged.welcome.as_ref().unwrap()).unwrap();
        let message = welcome::rebuild(&split.joiners[place].secrets, &split.group_info).unwrap();
        let joined = self.with(|mls, _| join(mls, &message))?;
        assert_eq!(joined.key_package, split.joiners[place].key_package_ref);
        Ok(joined)
    }

    /// The group as the storage has it.
    pub(super) fn reloads(&self, group: &Group) -> Group {
        let loaded = Group::load(&self.storage, group.id()).unwrap().unwrap();
        assert_eq!(loaded.view(), group.view());
        loaded
    }
}

fn assert_entered(group: &Group, roster: &crate::roster::Roster, epoch: keyfold_wire::ids::Epoch) {
    assert_eq!(
        group.roster(),
        *roster,
        "the predicted roster is the tree's"
    );
    assert_eq!(group.epoch(), epoch);
}

pub(super) fn request(keys: &DeviceKeys, suites: &[Suite]) -> CertificateRequest {
    CertificateRequest {
        handle: "somebody".to_owned(),
        device: keys.device(),
        signature_key: keys.public(),
        suites: suites.to_vec(),
        created: NOW,
        expires: Timestamp(NOW.0 + YEAR),
    }
}

pub(super) fn adding(added: Vec<CheckedKeyPackage>) -> Change {
    Change {
        added,
        ..Change::default()
    }
}

pub(super) fn removing(removed: Vec<u32>) -> Change {
    Change {
        removed: removed.into_iter().map(LeafIndex).collect(),
        ..Change::default()
    }
}

pub(super) fn updating(address: Option<Vec<u8>>) -> Change {
    Change {
        update: Some(Update { address }),
        ..Change::default()
    }
}

/// Two people in a group of that suite.
pub(super) fn pair(suite: Suite) -> ([Person; 2], [Group; 2]) {
    // Devices that speak the better suite do not join a group of the other.
    let speak: &[Suite] = if suite == Suite::Hybrid {
        &Suite::ALL
    } else {
        &[Suite::Classic]
    };
    let [mut ada, mut bo] = [1, 2].map(|seed| Person::speaking(seed, speak));
    let mut adas = ada.creates(suite);
    let package = bo.key_package(suite, Use::Once);
    let staged = ada.commits(&mut adas, adding(vec![package]));
    let joined = bo.joins(&staged, 0);
    assert_eq!(joined.inviter, LeafIndex(0));
    ([ada, bo], [adas, joined.group])
}

/// Three people in a hybrid group.
pub(super) fn three() -> ([Person; 3], [Group; 3]) {
    let [mut ada, mut bo, mut cy] = [1, 2, 3].map(Person::new);
    let mut adas = ada.creates(Suite::Hybrid);
    let packages = vec![
        bo.key_package(Suite::Hybrid, Use::Once),
        cy.key_package(Suite::Hybrid, Use::Once),
    ];
    let staged = ada.commits(&mut adas, adding(packages));
    let (bos, cys) = (bo.joins(&staged, 0).group, cy.joins(&staged, 1).group);
    ([ada, bo, cy], [adas, bos, cys])
}

pub(super) fn rejected<T: std::fmt::Debug>(result: Result<T, Failed>) -> Reject {
    match result {
        Err(Error::Reject(reject)) => reject,
        other => panic!("not rejected: {other:?}"),
    }
}
