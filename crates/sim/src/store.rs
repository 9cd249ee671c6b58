//! Where a simulated server keeps things: its real in-memory store, or its real database on a disk that can fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyfold_server::store::memory::{Census, MemoryStore};
use keyfold_server::store::report::{ReportId, ReportRecord};
use keyfold_server::store::sqlite::{Layer, OpenError, SqliteStore};
use keyfold_server::store::{
    Account, Answer, Conversation, ConversationKey, FilePlace, FileRecord, MailboxState, OnceKey,
    Operation, Page, SignalPage, Store,
};
use keyfold_server::{Device, Refusal};
use keyfold_wire::ids::{AccountId, DeviceId, MailboxId, Sequence, Timestamp};
use rusqlite::Connection;

use crate::disk::{self, Disk, VFS};

/// Pages in the log beyond which they are moved into the database: often, so that every story has it.
const CHECKPOINT_PAGES: u32 = 40;

/// The database on the disk.
const FILE: &str = "keyfold.db";

/// How much there is.
pub(crate) struct Kept {
    pub(crate) census: Census,
    /// Items of no mailbox, and bodies of no item: nobody would ever delete them.
    pub(crate) stranded: usize,
}

/// What survives the server's process.
pub(crate) enum Home {
    Memory(MemoryStore),
    Disk(Disk),
}

impl Home {
    /// The same once more, with a life of its own.
    pub(crate) fn copied(&self) -> Self {
        match self {
            Self::Memory(store) => Self::Memory(store.backup()),
            Self::Disk(disk) => Self::Disk(disk.copied()),
        }
    }

    /// Holds what the other one holds.
    ///
    /// # Panics
    /// If they are not of one kind.
    pub(crate) fn becomes(&mut self, other: &Self) {
        match (self, other) {
            (Self::Memory(store), Self::Memory(other)) => *store = other.backup(),
            (Self::Disk(disk), Self::Disk(other)) => disk.restores(&other.snapshot()),
            _ => panic!("a copy is of the same kind"),
        }
    }

    /// How much is in it.
    pub(crate) fn kept(&self) -> Kept {
        match self {
            Self::Memory(store) => Kept {
                census: store.census(),
                stranded: 0,
            },
            Self::Disk(disk) => count(&disk.copied().database(FILE)),
        }
    }

    /// Opens what is there.
    pub(crate) fn open(&self) -> Result<AnyStore, OpenError> {
        match self {
            Self::Memory(store) => Ok(AnyStore::Memory(store.clone())),
            Self::Disk(disk) => {
                let layer = Layer {
                    name: VFS,
                    checkpoint_pages: CHECKPOINT_PAGES,
                };
                let store = SqliteStore::open_in(layer, &disk.path(FILE))?;
                Ok(AnyStore::Disk(Box::new(store)))
            }
        }
    }
}

/// The rows of a database.
fn count(database: &Connection) -> Kept {
    let rows = |of: &str| disk::rows(database, of);
    let waiting = "SELECT devices.device, count(*) FROM items
                   JOIN devices ON devices.id = items.mailbox GROUP BY devices.id";
    let mut items = BTreeMap::new();
    let mut statement = database.prepare(waiting).unwrap();
    let mut found = statement.query([]).unwrap();
    while let Some(row) = found.next().unwrap() {
        let (device, waits): ([u8; 16], i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        items.insert(DeviceId::new(device), usize::try_from(waits).unwrap());
    }
    let orphans = "items WHERE mailbox NOT IN (SELECT id FROM devices)
                   AND mailbox NOT IN (SELECT mailbox FROM doomed)";
    let bodies = "bodies WHERE id NOT IN (SELECT body FROM items)";
    let census = Census {
        accounts: rows("accounts"),
        mailboxes: rows("devices"),
        items,
        revoked: rows("revoked"),
        packages: rows("key_packages WHERE spent IS NULL"),
        spent: rows("key_packages WHERE spent IS NOT NULL"),
        conversations: rows("conversations"),
        once: rows("once"),
        signals: rows("signals"),
    };
    let stranded = rows(orphans) + rows(bodies);
    Kept { census, stranded }
}

/// One of the server's stores.
pub(crate) enum AnyStore {
    Memory(MemoryStore),
    Disk(Box<SqliteStore>),
}

/// Asks whichever it is.
macro_rules! ask {
    ($self:ident, $store:ident => $asked:expr) => {
        match $self {
            Self::Memory($store) => $asked.await,
            Self::Disk($store) => $asked.await,
        }
    };
}

impl Store for AnyStore {
    async fn transact(&self, now: Timestamp, batch: Vec<Operation>) -> Vec<Answer> {
        ask!(self, store => store.transact(now, batch))
    }

    async fn device(&self, token_hash: [u8; 32]) -> Result<Option<Device>, Refusal> {
        ask!(self, store => store.device(token_hash))
    }

    async fn mailbox(
        &self,
        mailbox: MailboxId,
        position: Sequence,
    ) -> Result<Option<MailboxState>, Refusal> {
        ask!(self, store => store.mailbox(mailbox, position))
    }

    async fn read(
        &self,
        mailbox: MailboxId,
        after: Sequence,
        max_items: usize,
        max_bytes: usize,
    ) -> Result<Page, Refusal> {
        match self {
            Self::Memory(store) => Store::read(store, mailbox, after, max_items, max_bytes).await,
            Self::Disk(store) => {
                Store::read(store.as_ref(), mailbox, after, max_items, max_bytes).await
            }
        }
    }

    async fn signals(
        &self,
        mailbox: MailboxId,
        after: u64,
        max: usize,
    ) -> Result<SignalPage, Refusal> {
        ask!(self, store => store.signals(mailbox, after, max))
    }

    async fn account_by_handle(&self, handle: &str) -> Result<Option<Account>, Refusal> {
        ask!(self, store => store.account_by_handle(handle))
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>, Refusal> {
        ask!(self, store => store.account(account))
    }

    async fn conversation(
        &self,
        key: ConversationKey,
    ) -> Result<Option<Arc<Conversation>>, Refusal> {
        ask!(self, store => store.conversation(key))
    }

    async fn accepted(
        &self,
        conversation: ConversationKey,
        once: OnceKey,
    ) -> Result<Option<Timestamp>, Refusal> {
        ask!(self, store => store.accepted(conversation, once))
    }

    async fn file(&self, place: FilePlace) -> Result<Option<FileRecord>, Refusal> {
        ask!(self, store => store.file(place))
    }

    async fn overdue_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(FilePlace, FileRecord)>, Refusal> {
        ask!(self, store => store.overdue_files(now, limit))
    }

    async fn reports(&self) -> Result<Vec<(ReportId, Timestamp)>, Refusal> {
        ask!(self, store => store.reports())
    }

    async fn report(&self, id: ReportId) -> Result<Option<ReportRecord>, Refusal> {
        ask!(self, store => store.report(id))
    }
}
