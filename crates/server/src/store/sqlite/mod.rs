//! The embedded store: one SQLite database, one writer, a few readers.
//!
//! Durable means WAL with `synchronous=FULL`: when `transact` answers, the disk has it. Conversations are cached with
//! their sealed rosters; the writer alone fills the cache, after its commit, so that it is never behind the disk.

mod accounts;
mod conversations;
mod files;
mod packages;
mod read;
mod reports;
mod schema;
mod signals;
mod sweep;
mod worker;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use keyfold_wire::ids::{AccountId, MailboxId, Sequence, Timestamp};
use rusqlite::{Connection, OpenFlags};

use super::file::{FilePlace, FileRecord};
use super::recent::Recent;
use super::record::{
    Account, Conversation, ConversationKey, MailboxState, OnceKey, Page, SignalPage,
};
use super::report::{ReportId, ReportRecord};
use super::{Answer, Operation, Store};
use crate::core::Device;
use crate::refusal::Refusal;
pub use schema::OpenError;
use worker::Worker;
use writer::Writer;

/// Threads that read.
const READERS: usize = 2;

/// Memory for sealed rosters of conversations in use.
const CONVERSATION_CACHE: usize = 64 * 1024 * 1024;

/// Different statements; all of them stay prepared.
const STATEMENTS: usize = 128;

type ConversationCache = Arc<Mutex<Recent<ConversationKey, Arc<Conversation>>>>;

/// Everything in one SQLite database.
pub struct SqliteStore {
    writer: Worker<Writer>,
    readers: Vec<Worker<Connection>>,
    turn: AtomicUsize,
    conversations: ConversationCache,
    // The last field: given back when the connections are closed.
    _lock: Option<File>,
}

/// A file layer of `SQLite`'s that the process has registered, for simulations.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Pages in the log beyond which a commit moves them into the database; the product waits for 4,000, which a short story
    /// does not reach.
    pub checkpoint_pages: u32,
}

impl SqliteStore {
    /// Opens the database, or makes it where there is none.
    ///
    /// # Errors
    /// [`OpenError`]; whatever it is, the file is left as it is.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        create_private(path)?;
        let explain = |error| schema::explain(path, error);
        let open = || Connection::open(path).map_err(explain);
        let failed = |error| OpenError::File(path.into(), error);
        let (db, conversations) = (first(open()?, path)?, conversations());
        let writer = Writer::new(db, conversations.clone());
        let readers = (0..READERS).map(|_| {
            let db = reader(open()?, path)?;
            Worker::start("store-reader", db).map_err(failed)
        });
        Ok(Self {
            readers: readers.collect::<Result<_, _>>()?,
            writer: Worker::start("store-writer", writer).map_err(failed)?,
            turn: AtomicUsize::new(0),
            conversations,
            _lock: Some(lock),
        })
    }

    /// Opens the database in a file layer of the process's own, without threads and without a lock on the folder: for
    /// simulations, in which the same calls have to lead to the same operations.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_in(layer: Layer<'_>, path: &Path) -> Result<Self, OpenError> {
        let explain = |error| schema::explain(path, error);
        let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let open = || Connection::open_with_flags_and_vfs(path, flags, layer.name).map_err(explain);
        let (db, conversations) = (first(open()?, path)?, conversations());
        db.pragma_update(None, "wal_autocheckpoint", layer.checkpoint_pages)
            .map_err(explain)?;
        let writer = Writer::new(db, conversations.clone());
        let readers = (0..READERS).map(|_| Ok(Worker::inline(reader(open()?, path)?)));
        Ok(Self {
            readers: readers.collect::<Result<_, _>>()?,
            writer: Worker::inline(writer),
            turn: AtomicUsize::new(0),
            conversations,
            _lock: None,
        })
    }

    /// Limits the database to this many bytes: beyond it, as on a full disk, nothing is stored.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn limit_bytes(&self, bytes: u64) -> Result<(), Refusal> {
        self.writer
            .call(move |writer| writer.limit_bytes(bytes))
            .await?
    }

    async fn read<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, Refusal> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % READERS;
        let reader = self.readers.get(turn).ok_or(Refusal::Unavailable)?;
        reader.call(move |db| job(db)).await?.map_err(|error| {
            tracing::error!(%error, "the database cannot be read");
            Refusal::Unavailable
        })
    }

    fn cached(&self, key: &ConversationKey) -> Option<Arc<Conversation>> {
        self.conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .peek(key)
            .cloned()
    }
}

/// One server has the data folder. The lock goes with the process, however it ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock = path.with_extension("lock");
    let failed = |error| OpenError::File(lock.clone(), error);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&lock)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.into())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Makes an empty file that only its owner can read; SQLite gives its companions the same mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    if path.exists() {
        return Ok(());
    }
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    if std::fs::metadata(PathBuf::from(wal)).is_ok_and(|metadata| metadata.len() > 0) {
        return Err(OpenError::Missing(path.into()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|error| OpenError::File(path.into(), error))
}

fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "secure_delete", "FAST")?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -64 * 1024)?;
    db.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    db.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// The connection that writes, with its database as this version wants it.
fn first(mut db: Connection, path: &Path) -> Result<Connection, OpenError> {
    schema::prepare(&mut db, path)?;
    configure(&db).map_err(|error| schema::explain(path, error))?;
    Ok(db)
}

fn reader(db: Connection, path: &Path) -> Result<Connection, OpenError> {
    db.pragma_update(None, "query_only", true)
        .map_err(|error| schema::explain(path, error))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

fn conversations() -> ConversationCache {
    Arc::new(Mutex::new(Recent::new(CONVERSATION_CACHE)))
}

impl Store for SqliteStore {
    async fn transact(&self, now: Timestamp, batch: Vec<Operation>) -> Vec<Answer> {
        let count = batch.len();
        let answers = self
            .writer
            .call(move |writer| writer.transact(now, &batch))
            .await;
        answers.unwrap_or_else(|refusal| vec![Err(refusal); count])
    }

    async fn device(&self, token_hash: [u8; 32]) -> Result<Option<Device>, Refusal> {
        self.read(move |db| read::device(db, &token_hash)).await
    }

    async fn mailbox(
        &self,
        mailbox: MailboxId,
        position: Sequence,
    ) -> Result<Option<MailboxState>, Refusal> {
        self.read(move |db| read::mailbox(db, mailbox, position))
            .await
    }

    async fn read(
        &self,
        mailbox: MailboxId,
        after: Sequence,
        max_items: usize,
        max_bytes: usize,
    ) -> Result<Page, Refusal> {
        self.read(move |db| read::page(db, mailbox, after, max_items, max_bytes))
            .await
    }

    async fn signals(
        &self,
        mailbox: MailboxId,
        after: u64,
        max: usize,
    ) -> Result<SignalPage, Refusal> {
        self.read(move |db| signals::page(db, mailbox, after, max))
            .await
    }

    async fn account_by_handle(&self, handle: &str) -> Result<Option<Account>, Refusal> {
        let handle = handle.to_owned();
        self.read(move |db| read::account_by_handle(db, &handle))
            .await
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>, Refusal> {
        self.read(move |db| read::account(db, account)).await
    }

    async fn conversation(
        &self,
        key: ConversationKey,
    ) -> Result<Option<Arc<Conversation>>, Refusal> {
        if let Some(conversation) = self.cached(&key) {
            return Ok(Some(conversation));
        }
        let conversation = self.read(move |db| read::conversation(db, &key)).await?;
        Ok(conversation.map(Arc::new))
    }

    async fn accepted(
        &self,
        conversation: ConversationKey,
        once: OnceKey,
    ) -> Result<Option<Timestamp>, Refusal> {
        let found = self
            .read(move |db| read::once(db, &conversation, &once.key))
            .await?;
        found
            .map(|(request, hidden)| once.recognise(&request, hidden))
            .transpose()
    }

    async fn file(&self, place: FilePlace) -> Result<Option<FileRecord>, Refusal> {
        self.read(move |db| files::file(db, place)).await
    }

    async fn overdue_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(FilePlace, FileRecord)>, Refusal> {
        self.read(move |db| files::overdue(db, now, limit)).await
    }

    async fn reports(&self) -> Result<Vec<(ReportId, Timestamp)>, Refusal> {
        self.read(reports::all).await
    }

    async fn report(&self, id: ReportId) -> Result<Option<ReportRecord>, Refusal> {
        self.read(move |db| reports::one(db, id)).await
    }
}
