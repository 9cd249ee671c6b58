//! A copy of a device's whole state, in the hands of somebody who keeps to no rules: the oracle, a thief, or a member with a
//! client of their own making.

mod opens;
mod secrets;
mod tricks;

use std::path::Path;

use keyfold_engine::store::MlsStorage;
use keyfold_protocol::envelope::EnvelopeKey;
use keyfold_protocol::group::{Crypto, Device, Group, Mls, Rng};
use keyfold_protocol::identity::DeviceKeys;
use keyfold_wire::ids::Epoch;
use keyfold_wire::{Message as _, v1};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use crate::disk::Disk;

pub(crate) use opens::{Loot, Opened};
pub(crate) use secrets::{all_in, vector};
pub(crate) use tricks::Other;

/// The copy.
pub(crate) struct Copied {
    pub(crate) database: Connection,
    keys: DeviceKeys,
    certificate: Vec<u8>,
    crypto: Crypto,
    rng: StdRng,
    /// Where it lies.
    _place: (Option<TempDir>, Option<Disk>),
}

/// A row of the conversations: handle, epoch, group id, and the envelope key of the epoch before.
type Row = (Vec<u8>, i64, Vec<u8>, Option<Vec<u8>>);

/// A conversation in it.
pub(crate) struct Held {
    pub(crate) handle: Vec<u8>,
    pub(crate) group: Group,
    /// The envelope key of the epoch before.
    pub(crate) past: Option<EnvelopeKey>,
}

impl Copied {
    /// A copy of these files.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        crate::device::copy_database(path, &folder.path().join("copy.db"));
        let database = Connection::open(folder.path().join("copy.db")).unwrap();
        Self::of((Some(folder), None), database)
    }

    /// A file of a disk that nobody else uses. `None`: there is no account in it.
    pub(crate) fn of_disk(disk: Disk, file: &str) -> Option<Self> {
        let database = disk.database(file);
        Self::of((None, Some(disk)), database)
    }

    fn of(place: (Option<TempDir>, Option<Disk>), database: Connection) -> Option<Self> {
        // Nobody opens it again.
        let config = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        database.set_db_config(config, true).unwrap();
        let setting = |name: &str| -> Option<Vec<u8>> {
            let select = "SELECT value FROM setting WHERE name = ?1";
            database.query_row(select, [name], |row| row.get(0)).ok()
        };
        let keys = DeviceKeys::from_secret_bytes(&setting("device_keys")?).ok()?;
        let certificate = setting("certificate")?;
        Some(Self {
            database,
            keys,
            certificate,
            crypto: Crypto::default(),
            rng: StdRng::seed_from_u64(99),
            _place: place,
        })
    }

    pub(crate) fn with<T>(
        &mut self,
        run: impl FnOnce(&Mls<'_, MlsStorage<'_>>, Device<'_>) -> T,
    ) -> T {
        let storage = MlsStorage::new(&self.database);
        let rng = Rng::new(&mut self.rng);
        let mls = Mls::new(&self.crypto, &storage, &rng);
        let device = Device {
            keys: &self.keys,
            certificate: &self.certificate,
        };
        run(&mls, device)
    }

    pub(crate) fn load(&mut self, group_id: &[u8]) -> Option<Group> {
        let storage = MlsStorage::new(&self.database);
        Group::load(&storage, group_id).unwrap()
    }

    /// All conversations that have a group.
    pub(crate) fn holds(&mut self) -> Vec<Held> {
        self.holds_but(|_, _| false)
    }

    /// The same without those of which these epochs, this one and the one before, need not be looked at.
    pub(crate) fn holds_but(&mut self, known: impl Fn(&[u8], Epoch) -> bool) -> Vec<Held> {
        let select = "SELECT handle, epoch, group_id, past_key FROM conversation
                      WHERE group_id IS NOT NULL AND handle IS NOT NULL";
        let rows: Vec<Row> = self
            .database
            .prepare(select)
            .unwrap()
            .query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut holds = Vec::new();
        for (handle, epoch, group_id, past) in rows {
            let epoch = u64::try_from(epoch).unwrap();
            let before = Epoch(epoch.saturating_sub(1));
            if known(&handle, Epoch(epoch)) && (past.is_none() || known(&handle, before)) {
                continue;
            }
            if let Some(group) = self.load(&group_id) {
                let past = past.and_then(|key| key.try_into().ok());
                holds.push(Held {
                    handle,
                    group,
                    past: past.map(EnvelopeKey::new),
                });
            }
        }
        holds
    }

    /// Messages that wait for a welcome or a commit: they have come, and were not opened.
    pub(crate) fn parked(&self) -> Vec<Vec<u8>> {
        let mut select = self.database.prepare("SELECT item FROM parked").unwrap();
        let items = select
            .query_map([], |row| row.get::<_, Vec<u8>>(0))
            .unwrap();
        let items = items.map(|item| v1::Item::decode(&*item.unwrap()).unwrap());
        let messages = items.filter_map(|item| match item.content {
            Some(v1::item::Content::Message(message)) => Some(message.message_id.to_vec()),
            _ => None,
        });
        messages.collect()
    }

    pub(crate) fn envelope_key(&mut self, group: &Group) -> Option<EnvelopeKey> {
        self.with(|mls, _| group.envelope_key(mls)).ok()
    }
}

impl Held {
    /// The envelope keys that are here, with their epochs.
    pub(crate) fn envelope_keys(&self, copied: &mut Copied) -> Vec<(Epoch, EnvelopeKey)> {
        let epoch = self.group.epoch();
        let present = copied.envelope_key(&self.group).map(|key| (epoch, key));
        let before = Epoch(epoch.0.saturating_sub(1));
        let past = self.past.as_ref().map(|key| {
            let key = EnvelopeKey::new(*key.to_secret_bytes());
            (before, key)
        });
        present.into_iter().chain(past).collect()
    }
}
