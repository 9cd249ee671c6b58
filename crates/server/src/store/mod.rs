//! What a server keeps, behind one trait: [`sqlite`] on disk, [`memory`] for tests and simulation.
//!
//! A store decides what only it can decide without a race (is the epoch still the current one, is the handle free) and
//! keeps the result. It groups nothing by itself: the committer hands it batches, one batch is one transaction. It
//! never sees a roster in the clear, a roster key, or a conversation's handle. [`conformance`] is what every store
//! must pass.

pub mod conformance;
pub mod file;
pub mod memory;
pub mod operation;
mod recent;
pub mod record;
pub mod report;
pub mod sqlite;

use std::future::Future;
use std::sync::Arc;

use keyfold_wire::ids::{AccountId, MailboxId, Sequence, Timestamp};

use crate::core::Device;
use crate::refusal::Refusal;
use report::{ReportId, ReportRecord};

pub use file::{FilePlace, FileRecord};
pub use operation::{Operation, Outcome};
pub use record::{Account, Conversation, ConversationKey, MailboxState, OnceKey, Page, SignalPage};

/// What one operation came to.
pub type Answer = Result<Outcome, Refusal>;

/// Keeps everything durable. Every read sees what was durable when it began.
pub trait Store: Send + Sync + 'static {
    /// Carries out a batch, in order, in one transaction, and answers when it is durable: one answer for each
    /// operation. A refused operation changes nothing and does not touch the others. When the batch cannot be stored
    /// as a whole (disk full), those that can be are, and each other one is [`Refusal::Unavailable`], with what appends to the
    /// same conversation after it.
    fn transact(
        &self,
        now: Timestamp,
        batch: Vec<Operation>,
    ) -> impl Future<Output = Vec<Answer>> + Send;

    /// The device whose token has this SHA-256.
    fn device(
        &self,
        token_hash: [u8; 32],
    ) -> impl Future<Output = Result<Option<Device>, Refusal>> + Send;

    /// Cursors and key package supply of a mailbox's device, which says that it stands at `position`.
    fn mailbox(
        &self,
        mailbox: MailboxId,
        position: Sequence,
    ) -> impl Future<Output = Result<Option<MailboxState>, Refusal>> + Send;

    /// Items behind `after` in order: at most `max_items`, and at most `max_bytes` of bodies unless the first alone
    /// is larger.
    fn read(
        &self,
        mailbox: MailboxId,
        after: Sequence,
        max_items: usize,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Page, Refusal>> + Send;

    /// Signals whose number is greater than `after`, in order, at most `max`.
    fn signals(
        &self,
        mailbox: MailboxId,
        after: u64,
        max: usize,
    ) -> impl Future<Output = Result<SignalPage, Refusal>> + Send;

    /// The account with this normal form of a handle.
    fn account_by_handle(
        &self,
        handle: &str,
    ) -> impl Future<Output = Result<Option<Account>, Refusal>> + Send;

    /// The account with this id.
    fn account(
        &self,
        account: AccountId,
    ) -> impl Future<Output = Result<Option<Account>, Refusal>> + Send;

    /// A conversation. May be older than the newest transaction: `transact` judges again.
    fn conversation(
        &self,
        key: ConversationKey,
    ) -> impl Future<Output = Result<Option<Arc<Conversation>>, Refusal>> + Send;

    /// When the request with this key was accepted. `None`: never. [`Refusal::Conflict`]: another one was.
    fn accepted(
        &self,
        conversation: ConversationKey,
        once: OnceKey,
    ) -> impl Future<Output = Result<Option<Timestamp>, Refusal>> + Send;

    /// What is known of a sealed file.
    fn file(
        &self,
        place: FilePlace,
    ) -> impl Future<Output = Result<Option<FileRecord>, Refusal>> + Send;

    /// Files whose time is over by `now`, at most `limit`, the oldest first.
    fn overdue_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(FilePlace, FileRecord)>, Refusal>> + Send;

    /// The reports that are kept: each one's id and when it came, the oldest first.
    fn reports(&self) -> impl Future<Output = Result<Vec<(ReportId, Timestamp)>, Refusal>> + Send;

    /// One report.
    fn report(
        &self,
        id: ReportId,
    ) -> impl Future<Output = Result<Option<ReportRecord>, Refusal>> + Send;
}
