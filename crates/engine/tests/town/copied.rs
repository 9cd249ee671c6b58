//! A copy of a device's whole state, in the hands of somebody who keeps to no rules: a member with a modified client, or a
//! thief.

use std::path::Path;

use keyfold_engine::store::MlsStorage;
use keyfold_protocol::content;
use keyfold_protocol::envelope::{self, EnvelopeKey};
use keyfold_protocol::group::{
    Change, CheckedKeyPackage, Crypto, Device, Group, Mls, NewGroup, Processed, Rng, Staged,
    Update, join,
};
use keyfold_protocol::identity::DeviceKeys;
use keyfold_protocol::rules::{GroupView, LeafIndex};
use keyfold_protocol::state::ConversationState;
use keyfold_protocol::welcome;
use keyfold_wire::ids::{
    AccountId, ConversationHandle, ConversationId, Epoch, MessageId, Timestamp,
};
use keyfold_wire::v1;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rusqlite::Connection;
use tempfile::TempDir;

use super::person::{Person, copy_database};

/// What takes a version's changes back.
macro_rules! undo {
    (15) => {
        "DROP TABLE group_picture; ALTER TABLE hidden DROP COLUMN place; ALTER TABLE clock DROP COLUMN credit;"
    };
    (14) => {
        "DROP INDEX timeline_once; ALTER TABLE timeline DROP COLUMN once_until;"
    };
    (13) => {
        "DROP TABLE invitation; DROP TABLE join_request; DROP TABLE opened;"
    };
    (12) => {
        "DROP TABLE request; DELETE FROM setting WHERE name = 'ask_first';"
    };
    (11) => {
        "DROP TABLE profile; DROP TABLE told; DROP TABLE blocked;"
    };
    (10) => {
        "DROP TABLE signal_key; DROP TABLE signal_told; DROP TABLE signal_heard;
         DROP TABLE presence; DROP TABLE cursor; DROP TABLE shown_to;
         DELETE FROM setting WHERE name IN ('signal_secret', 'signal_counter', 'privacy');"
    };
    (9) => {
        "DROP TABLE clock; DROP INDEX timeline_goes_at; DROP INDEX timeline_lasts;
         ALTER TABLE timeline DROP COLUMN lasts; ALTER TABLE timeline DROP COLUMN goes_at;"
    };
    (8) => {
        "DROP TABLE upload; DROP INDEX timeline_upload;"
    };
}

/// What takes all changes back from today down to a version.
macro_rules! down_to {
    (12) => {
        concat!(undo!(15), undo!(14), undo!(13))
    };
    (11) => {
        concat!(down_to!(12), undo!(12))
    };
    (10) => {
        concat!(down_to!(11), undo!(11))
    };
    (8) => {
        concat!(down_to!(10), undo!(10), undo!(9))
    };
    (7) => {
        concat!(down_to!(8), undo!(8))
    };
}

/// What makes a database of today one of version 12.
pub const TO_VERSION_12: &str = concat!(down_to!(12), "PRAGMA user_version = 12;");

/// What makes a database of today one of version 11.
pub const TO_VERSION_11: &str = concat!(down_to!(11), "PRAGMA user_version = 11;");

/// What makes a database of today one of version 10.
pub const TO_VERSION_10: &str = concat!(down_to!(10), "PRAGMA user_version = 10;");

/// What makes a database of today one of version 8.
pub const TO_VERSION_8: &str = concat!(down_to!(8), "PRAGMA user_version = 8;");

/// What makes a database of today one of version 7.
pub const TO_VERSION_7: &str = concat!(down_to!(7), "PRAGMA user_version = 7;");

/// What makes a database of today one of version 5.
pub const TO_VERSION_5: &str = concat!(
    down_to!(7),
    "
    DROP INDEX timeline_pin; DROP TABLE agreed;
    DROP TABLE search; DROP TABLE searched; DROP TABLE mark; DROP TABLE hidden;
    DROP INDEX timeline_starred; ALTER TABLE timeline DROP COLUMN starred;
    DELETE FROM setting WHERE name = 'search_rules';
    PRAGMA user_version = 5;"
);

pub struct Copied {
    _folder: TempDir,
    pub database: Connection,
    pub keys: DeviceKeys,
    pub certificate: Vec<u8>,
    pub crypto: Crypto,
    pub rng: StdRng,
}

impl Copied {
    pub fn of(person: &Person) -> Self {
        Self::of_file(person.file.as_deref().expect("a town on disk"))
    }

    pub fn of_file(path: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        copy_database(path, &copy);
        let database = Connection::open(&copy).unwrap();
        let setting = |name: &str| -> Vec<u8> {
            database
                .query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| {
                    row.get(0)
                })
                .unwrap()
        };
        let keys = DeviceKeys::from_secret_bytes(&setting("device_keys")).unwrap();
        let certificate = setting("certificate");
        Self {
            _folder: folder,
            database,
            keys,
            certificate,
            crypto: Crypto::default(),
            rng: StdRng::seed_from_u64(99),
        }
    }

    pub fn with<T>(&mut self, run: impl FnOnce(&Mls<'_, MlsStorage<'_>>, Device<'_>) -> T) -> T {
        let storage = MlsStorage::new(&self.database);
        let rng = Rng::new(&mut self.rng);
        let mls = Mls::new(&self.crypto, &storage, &rng);
        let device = Device {
            keys: &self.keys,
            certificate: &self.certificate,
        };
        run(&mls, device)
    }

    fn load(&mut self, group_id: &[u8]) -> Option<Group> {
        let storage = MlsStorage::new(&self.database);
        Group::load(&storage, group_id).unwrap()
    }

    /// The group of a conversation.
    pub fn group(&mut self, conversation: ConversationId) -> Group {
        let id: Vec<u8> = self
            .database
            .query_row(
                "SELECT group_id FROM conversation WHERE public_id = ?1",
                [conversation.as_bytes().as_slice()],
                |row| row.get(0),
            )
            .unwrap();
        self.load(&id).unwrap()
    }

    pub fn message_id(&mut self) -> MessageId {
        MessageId::new(self.rng.random())
    }

    /// The leaf of an account.
    pub fn leaf(view: &GroupView, account: AccountId) -> LeafIndex {
        let mut leaves = view.leaves.iter();
        leaves.find(|leaf| leaf.account() == account).unwrap().index
    }

    /// Stages a change, whether or not it is permitted.
    pub fn stages(
        &mut self,
        group: &mut Group,
        change: impl FnOnce(&GroupView) -> Change,
    ) -> Staged {
        let change = change(group.view());
        self.with(|mls, device| group.stage(mls, device, change))
            .unwrap()
    }

    /// A commit request that no honest engine would make.
    pub fn commits(
        &mut self,
        conversation: ConversationId,
        change: impl FnOnce(&GroupView) -> Change,
    ) -> v1::Commit {
        let mut group = self.group(conversation);
        let change = change(group.view());
        let joiners: Vec<(Vec<u8>, Vec<u8>)> = change.added.iter().map(reference).collect();
        let staged = self.stages(&mut group, |_| change);
        self.commit_request(&group, &staged, &joiners)
    }

    pub fn commit_request(
        &mut self,
        group: &Group,
        staged: &Staged,
        joiners: &[(Vec<u8>, Vec<u8>)],
    ) -> v1::Commit {
        let (message_id, body) = self.seals(group, &staged.commit);
        let split = staged
            .welcome
            .as_ref()
            .map(|message| welcome::split(message).unwrap());
        let address = |reference: &[u8]| {
            let found = joiners.iter().find(|(joiner, _)| joiner == reference);
            found.unwrap().1.clone()
        };
        let welcomes = split.iter().flat_map(|split| &split.joiners);
        v1::Commit {
            handle: group.state().handle.to_wire(),
            epoch: group.epoch().0,
            roster_key: self.roster_key(group),
            message_id: message_id.to_wire(),
            body: body.into(),
            next_roster: staged
                .next
                .roster
                .addresses()
                .iter()
                .map(|one| bytes::Bytes::copy_from_slice(one))
                .collect(),
            next_roster_key: bytes::Bytes::copy_from_slice(staged.next.roster_key.as_bytes()),
            welcomes: welcomes
                .map(|joiner| v1::WelcomeItem {
                    address: address(&joiner.key_package_ref).into(),
                    secrets: joiner.secrets.clone().into(),
                })
                .collect(),
            group_info: split
                .as_ref()
                .map(|split| split.group_info.clone().into())
                .unwrap_or_default(),
            removes: !staged.facts.removed.is_empty(),
        }
    }

    /// A request that begins a group of this device's making with these devices, in the state that `bends` leaves.
    pub fn creates(
        &mut self,
        from: &Group,
        mut state: ConversationState,
        added: Vec<CheckedKeyPackage>,
        bends: impl FnOnce(&mut ConversationState),
    ) -> v1::Create {
        bends(&mut state);
        let joiners: Vec<(Vec<u8>, Vec<u8>)> = added.iter().map(reference).collect();
        let group_id: [u8; 32] = self.rng.random();
        let (suite, own) = (from.suite(), from.own_index());
        let address = from.view().leaf(own).unwrap().address.clone();
        let new = NewGroup {
            group_id: &group_id,
            suite,
            state: &state,
            address: &address,
        };
        let change = Change {
            added,
            update: Some(Update::default()),
            ..Change::default()
        };
        let mut group = self.with(|mls, device| Group::create(mls, device, new).unwrap());
        let staged = self.with(|mls, device| group.stage(mls, device, change).unwrap());
        let commit = self.commit_request(&group, &staged, &joiners);
        v1::Create {
            handle: state.handle.to_wire(),
            epoch: staged.next.epoch.0,
            roster: commit.next_roster,
            roster_key: commit.next_roster_key,
            message_id: self.message_id().to_wire(),
            welcomes: commit.welcomes,
            group_info: commit.group_info,
        }
    }

    pub fn handle(&mut self) -> ConversationHandle {
        ConversationHandle::new(self.rng.random())
    }

    pub fn roster_key(&mut self, group: &Group) -> bytes::Bytes {
        let key = self.with(|mls, _| group.roster_key(mls)).unwrap();
        bytes::Bytes::copy_from_slice(key.as_bytes())
    }

    /// Seals any bytes as a body of the group's present epoch.
    pub fn seals(&mut self, group: &Group, inside: &[u8]) -> (MessageId, Vec<u8>) {
        let id = self.message_id();
        let key = self.with(|mls, _| group.envelope_key(mls)).unwrap();
        let body = envelope::seal(&key, group.epoch(), id, inside, &mut self.rng).unwrap();
        (id, body)
    }

    /// A Send of any bytes in a right envelope.
    pub fn sends(&mut self, conversation: ConversationId, inside: &[u8]) -> v1::Send {
        let group = self.group(conversation);
        let (id, body) = self.seals(&group, inside);
        v1::Send {
            handle: group.state().handle.to_wire(),
            epoch: group.epoch().0,
            roster_key: self.roster_key(&group),
            message_id: id.to_wire(),
            body: body.into(),
        }
    }

    /// An application message of this device, as MLS makes it.
    pub fn encrypts(&mut self, conversation: ConversationId, content: &[u8]) -> Vec<u8> {
        let mut group = self.group(conversation);
        self.with(|mls, device| {
            let sealed = group.encrypt(mls, device, content).unwrap();
            group.flush(mls).unwrap();
            sealed
        })
    }

    /// A key package of the directory, checked.
    pub fn checks(&self, message: &[u8], now: Timestamp) -> CheckedKeyPackage {
        CheckedKeyPackage::check(&self.crypto, message, now).unwrap()
    }

    /// All texts that this state opens among recorded items, following whatever commits and welcomes it can.
    pub fn opens(&mut self, recorded: &[v1::Item]) -> Vec<String> {
        let mut holds = self.holds();
        let mut texts = Vec::new();
        let mut done = vec![false; recorded.len()];
        // Whatever opens in the present epochs first, then on through the commits, until nothing more opens.
        loop {
            for (item, done) in recorded.iter().zip(&mut done) {
                let Some(v1::item::Content::Message(message)) = &item.content else {
                    continue;
                };
                if !*done && message.commit.is_none() {
                    *done = holds
                        .iter_mut()
                        .any(|held| held.opens_text(self, message, &mut texts));
                }
            }
            let mut moved = false;
            for (item, done) in recorded.iter().zip(&mut done) {
                if *done || moved {
                    continue;
                }
                moved = match &item.content {
                    Some(v1::item::Content::Message(message)) if message.commit.is_some() => {
                        holds.iter_mut().any(|held| held.follows(self, message))
                    }
                    Some(v1::item::Content::Welcome(welcome)) => {
                        let joined = self.joins(welcome);
                        let came = joined.is_some();
                        holds.extend(joined);
                        came
                    }
                    _ => false,
                };
                *done = moved;
            }
            if !moved {
                texts.sort();
                return texts;
            }
        }
    }

    fn holds(&mut self) -> Vec<Held> {
        let rows: Vec<(Vec<u8>, Option<Vec<u8>>)> = self
            .database
            .prepare("SELECT group_id, past_key FROM conversation WHERE group_id IS NOT NULL")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut holds = Vec::new();
        for (group_id, past) in rows {
            if let Some(group) = self.load(&group_id) {
                let past = past.and_then(|key| key.try_into().ok());
                holds.push(Held { group, past });
            }
        }
        holds
    }

    fn joins(&mut self, item: &v1::Welcome) -> Option<Held> {
        let message = welcome::rebuild(&item.secrets, &item.group_info).ok()?;
        self.database.execute_batch("SAVEPOINT try").unwrap();
        let joined = self.with(|mls, _| join(mls, &message).ok());
        let end = if joined.is_some() {
            "RELEASE try"
        } else {
            "ROLLBACK TO try; RELEASE try"
        };
        self.database.execute_batch(end).unwrap();
        Some(Held {
            group: joined?.group,
            past: None,
        })
    }
}

/// Reference and address of a key package.
pub fn reference(package: &CheckedKeyPackage) -> (Vec<u8>, Vec<u8>) {
    (package.reference().to_vec(), package.address().to_vec())
}

/// A group in a thief's hands.
struct Held {
    group: Group,
    past: Option<[u8; 32]>,
}

impl Held {
    fn unseals(&self, thief: &mut Copied, message: &v1::Message) -> Option<Vec<u8>> {
        let id = MessageId::try_from(&*message.message_id).unwrap();
        let epoch = Epoch(message.epoch);
        let present = thief.with(|mls, _| self.group.envelope_key(mls)).ok();
        let past = self.past.map(EnvelopeKey::new);
        present
            .iter()
            .chain(&past)
            .find_map(|key| envelope::open(key, epoch, id, &message.body).ok())
    }

    fn opens_text(
        &mut self,
        thief: &mut Copied,
        message: &v1::Message,
        texts: &mut Vec<String>,
    ) -> bool {
        let Some(sealed) = self.unseals(thief, message) else {
            return false;
        };
        match thief.with(|mls, _| self.group.process(mls, &sealed)) {
            Ok(Processed::Application(said)) => {
                texts.extend(
                    content::text_of(&said.content)
                        .unwrap()
                        .map(|text| text.text),
                );
                true
            }
            _ => false,
        }
    }

    fn follows(&mut self, thief: &mut Copied, message: &v1::Message) -> bool {
        let Some(sealed) = self.unseals(thief, message) else {
            return false;
        };
        let past = thief.with(|mls, _| self.group.envelope_key(mls)).ok();
        let Ok(Processed::Commit(change)) = thief.with(|mls, _| self.group.process(mls, &sealed))
        else {
            return false;
        };
        if change.removes_me() {
            return false;
        }
        thief.with(|mls, _| self.group.merge(mls, *change)).unwrap();
        self.past = past.map(|key| *key.to_secret_bytes());
        true
    }
}
