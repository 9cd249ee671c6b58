//! The one connection that writes: a batch is a transaction.
//!
//! What it keeps in memory (sequences, revoked serials, conversations) only follows what is committed: after a failure
//! it is forgotten and read again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use keyfold_wire::ids::{MailboxId, Timestamp};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use super::super::recent::Recent;
use super::super::record::{Conversation, ConversationKey};
use super::super::{Answer, Operation, Outcome};
use super::conversations::NewItem;
use super::sweep::IdSweep;
use super::{ConversationCache, read};
use crate::refusal::Refusal;

/// Memory for mailboxes in use.
const MAILBOX_CACHE: usize = 32 * 1024 * 1024;

/// Why an operation stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// It alone, before it has written anything.
    Refused(Refusal),
    /// The transaction, all of it.
    Fault(rusqlite::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(error)
    }
}

/// What the writer knows of a mailbox.
pub(super) struct MailboxEntry {
    pub(super) row: i64,
    pub(super) acknowledged: u64,
    pub(super) newest: u64,
    pub(super) revoked: HashSet<u64>,
}

/// One that is known not to exist weighs something, too.
fn weight(entry: Option<&MailboxEntry>) -> usize {
    128 + entry.map_or(0, |entry| entry.revoked.len() * 16)
}

/// Owns the connection.
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) mailboxes: Recent<MailboxId, Option<MailboxEntry>>,
    cache: ConversationCache,
    /// Conversations as this transaction leaves them; `None`: deleted.
    touched: HashMap<ConversationKey, Option<Arc<Conversation>>>,
    /// Items of this transaction that are not in their table yet. They are written together, before anything reads
    /// or deletes items.
    pub(super) items: Vec<NewItem>,
    /// Bodies that lost a reference in this transaction.
    pub(super) released: Vec<i64>,
    pub(super) id_sweep: IdSweep,
    /// What writing fails with at present, so that the log says it once.
    trouble: Option<ErrorCode>,
}

impl Writer {
    pub(super) fn new(db: Connection, cache: ConversationCache) -> Self {
        Self {
            db,
            mailboxes: Recent::new(MAILBOX_CACHE),
            cache,
            touched: HashMap::new(),
            items: Vec::new(),
            released: Vec::new(),
            id_sweep: IdSweep::default(),
            trouble: None,
        }
    }

    pub(super) fn transact(&mut self, now: Timestamp, batch: &[Operation]) -> Vec<Answer> {
        match self.attempt(now, batch) {
            Ok(answers) => {
                if self.trouble.take().is_some() {
                    tracing::info!("the database can be written again");
                }
                answers
            }
            Err(error) if batch.len() <= 1 => {
                self.complain(&error);
                vec![Err(Refusal::Unavailable); batch.len()]
            }
            Err(_) => self.one_by_one(now, batch),
        }
    }

    /// One that does not fit must not cost the others, but for those that would overtake it.
    fn one_by_one(&mut self, now: Timestamp, batch: &[Operation]) -> Vec<Answer> {
        let mut behind = HashSet::new();
        let answers = batch.chunks(1).flat_map(|one| {
            let key = one.first().and_then(Operation::appends_to);
            if key.is_some_and(|key| behind.contains(&key)) {
                return vec![Err(Refusal::Unavailable)];
            }
            let answers = self.transact(now, one);
            if answers.contains(&Err(Refusal::Unavailable)) {
                behind.extend(key);
            }
            answers
        });
        answers.collect()
    }

    fn complain(&mut self, error: &rusqlite::Error) {
        let trouble = error.sqlite_error_code().unwrap_or(ErrorCode::Unknown);
        if self.trouble.replace(trouble) == Some(trouble) {
            return;
        }
        if trouble == ErrorCode::DiskFull {
            tracing::error!("the disk is full: nothing is stored until there is room again");
        } else {
            tracing::error!(%error, "the database cannot be written");
        }
    }

    fn attempt(&mut self, now: Timestamp, batch: &[Operation]) -> rusqlite::Result<Vec<Answer>> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        match self.apply_all(now, batch) {
            Ok(answers) => {
                self.publish_touched();
                Ok(answers)
            }
            Err(error) => {
                self.forget();
                Err(error)
            }
        }
    }

    fn apply_all(&mut self, now: Timestamp, batch: &[Operation]) -> rusqlite::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(batch.len());
        for operation in batch {
            answers.push(match self.apply(now, operation) {
                Ok(outcome) => Ok(outcome),
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(Stop::Fault(error)) => return Err(error),
            });
        }
        self.write_items()?;
        self.delete_released()?;
        self.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(answers)
    }

    fn apply(&mut self, now: Timestamp, operation: &Operation) -> Result<Outcome, Stop> {
        let only_appends = matches!(
            operation,
            Operation::Send(_) | Operation::Commit(_) | Operation::Create(_)
        );
        if !only_appends {
            self.write_items()?;
        }
        match operation {
            Operation::Send(append) => self.send(append, now),
            Operation::Acknowledge { mailbox, sequence } => self.acknowledge(*mailbox, *sequence),
            Operation::Commit(advance) => self.commit(advance, now),
            Operation::Create(new) => self.create(new, now),
            Operation::Register(new) => self.register(new),
            Operation::AddDevice { account, device } => self.add_device(*account, device),
            Operation::RenewCertificate {
                account,
                device,
                former,
                certificate,
            } => self.renew_certificate(*account, *device, [former, certificate]),
            Operation::RemoveDevice { account, device } => self.remove_device(*account, *device),
            Operation::ReplaceToken {
                mailbox,
                token_hash,
            } => self.replace_token(*mailbox, token_hash),
            Operation::Publish {
                mailbox,
                packages,
                replace,
            } => self.publish(*mailbox, packages, *replace),
            Operation::FetchKeyPackages {
                account,
                suite,
                vouched,
            } => self.fetch(*account, *suite, vouched, now),
            Operation::TakeSerials { mailbox, count } => self.take_serials(*mailbox, *count, now),
            Operation::Revoke { mailbox, serials } => self.revoke(*mailbox, serials, now),
            Operation::Invite(code) => self.invite(code),
            Operation::Sweep { portion } => self.sweep(now, *portion),
            Operation::BeginFile { place, length } => self.begin_file(*place, *length, now),
            Operation::ExtendFile {
                place,
                offset,
                bytes,
            } => self.extend_file(*place, *offset, *bytes, now),
            Operation::ForgetFile(place) => self.forget_file(*place),
            Operation::Signal(signal) => self.signal(signal, now),
            Operation::AcknowledgeSignals { mailbox, number } => {
                self.acknowledge_signals(*mailbox, *number)
            }
            Operation::Report(new) => self.report(new, now),
            Operation::ForgetReport(id) => self.forget_report(*id),
        }
    }

    /// Readers see the conversations as they were committed.
    fn publish_touched(&mut self) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, conversation) in self.touched.drain() {
            match conversation {
                Some(conversation) => {
                    let weight = conversation.weight();
                    cache.insert(key, conversation, weight);
                }
                None => cache.remove(&key),
            }
        }
    }

    fn forget(&mut self) {
        if !self.db.is_autocommit() {
            let rolled_back = self.db.execute_batch("ROLLBACK");
            debug_assert!(
                rolled_back.is_ok(),
                "a transaction that is open can be rolled back"
            );
        }
        self.mailboxes.clear();
        self.touched.clear();
        self.items.clear();
        self.released.clear();
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(super) fn conversation(
        &mut self,
        key: &ConversationKey,
    ) -> rusqlite::Result<Option<Arc<Conversation>>> {
        if let Some(touched) = self.touched.get(key) {
            return Ok(touched.clone());
        }
        let cached = self
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(key, |one| one.weight())
            .cloned();
        if cached.is_some() {
            return Ok(cached);
        }
        let found = read::conversation(&self.db, key)?.map(Arc::new);
        if found.is_some() {
            self.touch(*key, found.clone());
        }
        Ok(found)
    }

    pub(super) fn touch(&mut self, key: ConversationKey, conversation: Option<Arc<Conversation>>) {
        self.touched.insert(key, conversation);
    }

    /// The mailbox, unless its device is gone.
    pub(super) fn mailbox(
        &mut self,
        mailbox: MailboxId,
    ) -> rusqlite::Result<Option<&mut MailboxEntry>> {
        if self.mailboxes.peek(&mailbox).is_none() {
            // The newest sequence is asked of the items.
            self.write_items()?;
            let entry = load_mailbox(&self.db, mailbox)?;
            let weight = weight(entry.as_ref());
            self.mailboxes.insert(mailbox, entry, weight);
        }
        Ok(self
            .mailboxes
            .get_mut(&mailbox, |entry| weight(entry.as_ref()))
            .and_then(Option::as_mut))
    }

    pub(super) fn limit_bytes(&mut self, bytes: u64) -> Result<(), Refusal> {
        let limit = || {
            let page = self
                .db
                .pragma_query_value(None, "page_size", |row| read::unsigned(row, 0))?;
            let pages = i64::try_from(bytes / page.max(1))
                .unwrap_or(i64::MAX)
                .max(1);
            self.db
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        };
        limit().map_err(|_: rusqlite::Error| Refusal::Unavailable)
    }
}

fn load_mailbox(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<MailboxEntry>> {
    let entry = db
        .prepare_cached(
            "SELECT device.id, acknowledged, max(acknowledged, expired, \
             coalesce((SELECT max(sequence) FROM items WHERE items.mailbox = device.id), 0)) \
             FROM devices device JOIN cursors ON cursors.mailbox = device.id WHERE device.mailbox = ?1",
        )?
        .query_row([mailbox.as_bytes()], |row| {
            Ok(MailboxEntry {
                row: row.get(0)?,
                acknowledged: read::unsigned(row, 1)?,
                newest: read::unsigned(row, 2)?,
                revoked: HashSet::new(),
            })
        })
        .optional()?;
    let Some(mut entry) = entry else {
        return Ok(None);
    };
    let mut statement = db.prepare_cached("SELECT serial FROM revoked WHERE mailbox = ?1")?;
    let serials = statement.query_map(params![entry.row], |row| read::unsigned(row, 0))?;
    entry.revoked = serials.collect::<rusqlite::Result<_>>()?;
    Ok(Some(entry))
}
