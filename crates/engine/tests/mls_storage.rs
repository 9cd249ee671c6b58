//! MLS state in the database: all of it reads back, within steps that happen altogether or not at all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use keyfold_engine::Fault;
use keyfold_engine::store::{Durability, MlsStorage, Place, StoreKey, open};
use keyfold_protocol::group::{
    Change, CheckedKeyPackage, Crypto, Device, Error, Group, Mls, NewGroup, Processed, Reject, Rng,
    Staged, Storage as _, Update, Use, join, make,
};
use keyfold_protocol::identity::{AccountKey, CertificateRequest, DeviceKeys};
use keyfold_protocol::rules::LeafIndex;
use keyfold_protocol::state::{ConversationState, Name};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationHandle, ConversationId, Timestamp};
use openmls::prelude::{GroupId, LeafNodeIndex, LeafNodeParameters, MlsGroup};
use openmls_traits::OpenMlsProvider as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::Connection;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const GROUP: &[u8] = &[9; 32];

struct Person {
    account: AccountKey,
    keys: DeviceKeys,
    certificate: Vec<u8>,
    database: Connection,
    crypto: Crypto,
    rng: StdRng,
    name: u8,
}

impl Person {
    fn new(name: u8) -> Self {
        let mut rng = StdRng::seed_from_u64(u64::from(name));
        let (account, keys) = (
            AccountKey::generate(&mut rng),
            DeviceKeys::generate(&mut rng),
        );
        let request = CertificateRequest {
            handle: "somebody".to_owned(),
            device: keys.device(),
            signature_key: keys.public(),
            suites: Suite::ALL.to_vec(),
            created: NOW,
            expires: Timestamp(NOW.0 + 1_000_000),
        };
        let certificate = account.certify(&request).unwrap();
        let database = open(
            Place::Memory,
            Some(&StoreKey::new([name; 32])),
            Durability::Off,
        )
        .unwrap();
        Self {
            account,
            keys,
            certificate,
            database,
            crypto: Crypto::default(),
            rng,
            name,
        }
    }

    /// One step: its changes are kept if it succeeds, and undone if it fails.
    fn step<T>(
        &mut self,
        run: impl FnOnce(&Mls<'_, MlsStorage<'_>>, Device<'_>) -> Result<T, Error<Fault>>,
    ) -> Result<T, Error<Fault>> {
        let transaction = self.database.transaction().unwrap();
        let storage = MlsStorage::new(&transaction);
        let rng = Rng::new(&mut self.rng);
        let device = Device {
            keys: &self.keys,
            certificate: &self.certificate,
        };
        let result = run(&Mls::new(&self.crypto, &storage, &rng), device)?;
        storage.check_settled().map_err(Error::Storage)?;
        drop(storage);
        transaction.commit().unwrap();
        Ok(result)
    }

    /// The group as it is in the database.
    fn group(&mut self) -> Group {
        let transaction = self.database.transaction().unwrap();
        Group::load(&MlsStorage::new(&transaction), GROUP)
            .unwrap()
            .unwrap()
    }

    fn creates(&mut self) {
        let state = ConversationState::group(
            ConversationId::new([1; 16]),
            ConversationHandle::new([2; 32]),
            Name::new("climbing").unwrap(),
            self.account.account(),
        );
        let address = [self.name, 0];
        let new = NewGroup {
            group_id: GROUP,
            suite: Suite::Hybrid,
            state: &state,
            address: &address,
        };
        let made = self
            .step(|mls, device| Group::create(mls, device, new))
            .unwrap();
        assert_eq!(self.group().view(), made.view());
    }

    fn key_package(&mut self, usage: Use) -> CheckedKeyPackage {
        let address = [self.name, 1];
        let own = self
            .step(|mls, device| make(mls, device, Suite::Hybrid, &address, usage))
            .unwrap();
        CheckedKeyPackage::check(&self.crypto, &own.message, NOW).unwrap()
    }

    /// Each of these reads the group from the database first, and writes it back.
    fn stages(&mut self, change: Change) -> Staged {
        let mut group = self.group();
        self.step(|mls, device| group.stage(mls, device, change))
            .unwrap()
    }

    fn merges(&mut self) {
        let mut group = self.group();
        assert!(group.is_pending());
        self.step(|mls, _| group.merge_pending(mls)).unwrap();
        assert_eq!(self.group().view(), group.view());
    }

    fn joins(&mut self, staged: &Staged) {
        let welcome = staged.welcome.clone().unwrap();
        let joined = self.step(|mls, _| join(mls, &welcome)).unwrap();
        assert_eq!(self.group().view(), joined.group.view());
    }

    fn follows(&mut self, commit: &[u8]) {
        let mut group = self.group();
        let merged = self.step(|mls, _| {
            let Processed::Commit(change) = group.process(mls, commit)? else {
                panic!("no commit")
            };
            group.merge(mls, *change)
        });
        merged.unwrap();
        assert_eq!(self.group().view(), group.view());
    }

    fn says(&mut self, content: &[u8]) -> Vec<u8> {
        let mut group = self.group();
        self.step(|mls, device| {
            let message = group.encrypt(mls, device, content)?;
            group.flush(mls)?;
            Ok(message)
        })
        .unwrap()
    }

    fn hears(&mut self, message: &[u8]) -> Result<Vec<u8>, Error<Fault>> {
        let mut group = self.group();
        self.step(|mls, _| {
            let Processed::Application(said) = group.process(mls, message)? else {
                panic!("a commit")
            };
            group.flush(mls)?;
            Ok(said.content)
        })
    }

    fn rows(&self) -> i64 {
        self.database
            .query_row("SELECT count(*) FROM mls", (), |row| row.get(0))
            .unwrap()
    }
}

fn updating() -> Change {
    Change {
        update: Some(Update::default()),
        ..Change::default()
    }
}

fn pair() -> [Person; 2] {
    let [mut ada, mut bo] = [1, 2].map(Person::new);
    ada.creates();
    let package = bo.key_package(Use::Once);
    let staged = ada.stages(Change {
        added: vec![package],
        ..Change::default()
    });
    ada.merges();
    bo.joins(&staged);
    [ada, bo]
}

#[test]
fn a_conversation_lives_though_all_of_it_is_read_anew_each_time() {
    let [mut ada, mut bo] = pair();
    for turn in 0..40_u8 {
        let message = ada.says(&[turn]);
        assert_eq!(bo.hears(&message).unwrap(), [turn]);
        let message = bo.says(&[turn, turn]);
        assert_eq!(ada.hears(&message).unwrap(), [turn, turn]);
    }
    let old = bo.says(b"of the previous epoch");
    let staged = ada.stages(updating());
    ada.merges();
    assert_eq!(ada.hears(&old).unwrap(), b"of the previous epoch");
    bo.follows(&staged.commit);
    let message = bo.says(b"of the new one");
    assert_eq!(ada.hears(&message).unwrap(), b"of the new one");
    assert_eq!(ada.hears(&message), Err(Error::Reject(Reject::Replayed)));
}

#[test]
fn a_removed_member_stays_removed() {
    let [mut ada, mut bo] = pair();
    let staged = ada.stages(Change {
        removed: vec![LeafIndex(1)],
        ..Change::default()
    });
    bo.follows(&staged.commit);
    assert!(!bo.group().is_member());
    let before = bo.rows();
    let group = bo.group();
    bo.step(|mls, _| group.delete(mls.storage())).unwrap();
    assert!(before > 5);
    assert_eq!(bo.rows(), 0);
}

#[test]
fn the_kinds_that_keyfold_does_not_use_read_back_as_well() {
    let [mut ada, _] = pair();
    let id = GroupId::from_slice(GROUP);
    ada.step(|mls, device| {
        let mut group = MlsGroup::load(mls.storage(), &id).unwrap().unwrap();
        group
            .propose_remove_member(mls, &device, LeafNodeIndex::new(1))
            .unwrap();
        group
            .propose_self_update(mls, &device, LeafNodeParameters::default())
            .unwrap();
        mls.storage().write_secrets_next(GROUP);
        let none = openmls::group::PastEpochDeletion::delete_all();
        group
            .delete_past_epoch_secrets(mls, none)
            .map_err(|_| Error::Internal("erasing"))
    })
    .unwrap();
    ada.step(|mls, _| {
        let mut group = MlsGroup::load(mls.storage(), &id).unwrap().unwrap();
        assert_eq!(group.pending_proposals().count(), 2);
        let first = group
            .pending_proposals()
            .next()
            .unwrap()
            .proposal_reference_ref()
            .clone();
        group
            .remove_pending_proposal(mls.storage(), &first)
            .unwrap();
        let mut group = MlsGroup::load(mls.storage(), &id).unwrap().unwrap();
        assert_eq!(group.pending_proposals().count(), 1);
        group
            .clear_pending_proposals(mls.storage())
            .map_err(Error::Storage)?;
        let group = MlsGroup::load(mls.storage(), &id).unwrap().unwrap();
        assert_eq!(group.pending_proposals().count(), 0);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_step_that_fails_leaves_the_database_as_it_was() {
    let [mut ada, mut bo] = pair();
    let message = ada.says(b"twice tried");
    let mut group = bo.group();
    let failed = bo.step(|mls, _| {
        group.process(mls, &message)?;
        group.flush(mls)?;
        Err::<(), _>(Error::Internal("killed here"))
    });
    assert!(failed.is_err());
    assert_eq!(bo.hears(&message).unwrap(), b"twice tried");
}

#[test]
fn a_group_that_was_not_flushed_is_noticed_before_commit() {
    let [mut ada, _] = pair();
    let mut group = ada.group();
    let forgotten = ada.step(|mls, device| group.encrypt(mls, device, b"not flushed").map(|_| ()));
    assert_eq!(
        forgotten,
        Err(Error::Storage(Fault::Internal("a group was not flushed")))
    );
}

#[test]
fn many_messages_in_a_step_are_written_once() {
    let [mut ada, mut bo] = pair();
    let messages: Vec<_> = (0..50_u8).map(|turn| ada.says(&[turn])).collect();
    let mut group = bo.group();
    let before = bo.database.total_changes();
    bo.step(|mls, _| {
        for message in &messages {
            group.process(mls, message)?;
        }
        group.flush(mls)?;
        group.flush(mls)
    })
    .unwrap();
    assert_eq!(bo.database.total_changes() - before, 1);
    assert_eq!(
        bo.hears(&messages[49]),
        Err(Error::Reject(Reject::Replayed))
    );
}

#[test]
fn a_storage_that_fails_is_not_taken_for_a_bad_message() {
    let [mut ada, mut bo] = pair();
    let staged = ada.stages(updating());
    let mut group = bo.group();
    bo.database
        .execute_batch("ALTER TABLE mls RENAME TO put_away")
        .unwrap();
    let result = bo.step(|mls, _| group.process(mls, &staged.commit).map(|_| ()));
    assert!(matches!(result, Err(Error::Storage(_))), "{result:?}");
    bo.database
        .execute_batch("ALTER TABLE put_away RENAME TO mls")
        .unwrap();
    bo.follows(&staged.commit);
}

#[test]
fn a_used_key_package_is_gone_and_the_last_resort_stays() {
    for (usage, rows) in [(Use::Once, 0), (Use::LastResort, 1)] {
        let [mut ada, mut bo] = [1, 2].map(Person::new);
        ada.creates();
        let package = bo.key_package(usage);
        assert_eq!(bo.rows(), 1);
        let staged = ada.stages(Change {
            added: vec![package],
            ..Change::default()
        });
        bo.joins(&staged);
        let left: i64 = bo
            .database
            .query_row("SELECT count(*) FROM mls WHERE kind = 16", (), |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(left, rows);
    }
}
