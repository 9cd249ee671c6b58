//! A store in memory, for tests and the simulator: the semantics of a durable one, and nothing survives it.

mod accounts;
mod conversations;
mod files;
mod look;
mod reports;
mod signals;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use keyfold_wire::ids::{AccountId, DeviceId, MailboxId, Sequence, Timestamp};
use keyfold_wire::v1;

use super::file::{FilePlace, FileRecord};
use super::record::{
    Account, Conversation, ConversationKey, MailboxState, OnceKey, Page, SignalPage, item_size,
};
use super::report::{ReportId, ReportRecord};
use super::{Answer, Operation, Outcome, Store};
use crate::core::Device;
use crate::refusal::Refusal;
use crate::request::KeyPackage;

pub use look::Census;

#[derive(Clone, Default)]
struct State {
    accounts: HashMap<AccountId, AccountRow>,
    handles: HashMap<String, AccountId>,
    skeletons: HashSet<String>,
    tokens: HashMap<[u8; 32], MailboxId>,
    invitations: HashSet<[u8; 32]>,
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    conversations: BTreeMap<ConversationKey, Arc<Conversation>>,
    conversations_ever: i64,
    once: BTreeMap<(i64, [u8; 16]), Once>,
    files: BTreeMap<FilePlace, FileRecord>,
    reports: BTreeMap<ReportId, reports::Kept>,
}

#[derive(Clone)]
struct AccountRow {
    account: Account,
    digest: [u8; 32],
    first_token: [u8; 32],
    devices: Vec<MailboxId>,
}

#[derive(Clone)]
struct Mailbox {
    account: AccountId,
    device: DeviceId,
    certificate: Bytes,
    token_hash: [u8; 32],
    packages: Vec<Package>,
    given: u64,
    revoked: BTreeSet<u64>,
    acknowledged: u64,
    newest: u64,
    expired: u64,
    items: BTreeMap<u64, v1::Item>,
    signals: signals::Waiting,
}

#[derive(Clone)]
struct Package {
    content: KeyPackage,
    spent: Option<u32>,
}

#[derive(Clone)]
struct Once {
    request: [u8; 16],
    hidden: u64,
    day: u32,
}

/// Keeps everything in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of all that it holds now, as a backup is one.
    #[must_use]
    pub fn backup(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// From now on it holds what a backup held.
    pub fn put_back(&self, backup: &Self) {
        let state = backup.lock().clone();
        *self.lock() = state;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, now: Timestamp, operation: Operation) -> Answer {
        match operation {
            Operation::Register(new) => self.register(*new),
            Operation::AddDevice { account, device } => self.add_device(account, device),
            Operation::RenewCertificate {
                account,
                device,
                former,
                certificate,
            } => self.renew_certificate(account, device, &former, certificate),
            Operation::RemoveDevice { account, device } => Ok(self.remove_device(account, device)),
            Operation::ReplaceToken {
                mailbox,
                token_hash,
            } => self.replace_token(mailbox, token_hash),
            Operation::Publish {
                mailbox,
                packages,
                replace,
            } => self.publish(mailbox, packages, replace),
            Operation::FetchKeyPackages {
                account,
                suite,
                vouched,
            } => self.fetch(account, suite, &vouched, now),
            Operation::TakeSerials { mailbox, count } => self.take_serials(mailbox, count, now),
            Operation::Revoke { mailbox, serials } => self.revoke(mailbox, &serials, now),
            Operation::Create(new) => self.create(*new, now),
            Operation::Send(append) => self.send(&append, now),
            Operation::Commit(advance) => self.commit(*advance, now),
            Operation::Acknowledge { mailbox, sequence } => {
                self.acknowledge(mailbox, sequence);
                Ok(Outcome::Done)
            }
            Operation::Invite(code) => {
                self.invitations.insert(code);
                Ok(Outcome::Done)
            }
            Operation::Sweep { portion } => Ok(Outcome::Swept {
                more: self.sweep(now, portion as usize),
            }),
            Operation::BeginFile { place, length } => self.begin_file(place, length, now),
            Operation::ExtendFile {
                place,
                offset,
                bytes,
            } => self.extend_file(place, offset, bytes, now),
            Operation::ForgetFile(place) => Ok(self.forget_file(place)),
            Operation::Signal(signal) => self.signal(*signal, now),
            Operation::AcknowledgeSignals { mailbox, number } => {
                Ok(self.acknowledge_signals(mailbox, number))
            }
            Operation::Report(new) => self.report(*new, now),
            Operation::ForgetReport(id) => self.forget_report(id),
        }
    }

    fn acknowledge(&mut self, mailbox: MailboxId, sequence: Sequence) {
        let Some(mailbox) = self.mailboxes.get_mut(&mailbox) else {
            return;
        };
        let sequence = sequence.0.min(mailbox.newest);
        mailbox.acknowledged = sequence.max(mailbox.acknowledged);
        mailbox.items = mailbox.items.split_off(&(sequence + 1));
    }

    fn page(&self, mailbox: MailboxId, after: u64, max_items: usize, max_bytes: usize) -> Page {
        let mut page = Page::default();
        let Some(mailbox) = self.mailboxes.get(&mailbox) else {
            return page;
        };
        let mut bytes = 0;
        for item in mailbox
            .items
            .range(after.saturating_add(1)..)
            .map(|(_, item)| item)
        {
            bytes += item_size(item);
            if page.items.len() >= max_items || (bytes > max_bytes && !page.items.is_empty()) {
                page.more = true;
                break;
            }
            page.items.push(item.clone());
        }
        page
    }

    fn account(&self, id: AccountId) -> Option<Account> {
        let row = self.accounts.get(&id)?;
        let devices = row
            .devices
            .iter()
            .filter_map(|mailbox| self.mailboxes.get(mailbox));
        let certificates = devices.map(|mailbox| mailbox.certificate.clone()).collect();
        Some(Account {
            certificates,
            ..row.account.clone()
        })
    }
}

impl Store for MemoryStore {
    async fn transact(&self, now: Timestamp, batch: Vec<Operation>) -> Vec<Answer> {
        let mut state = self.lock();
        batch
            .into_iter()
            .map(|operation| state.apply(now, operation))
            .collect()
    }

    async fn device(&self, token_hash: [u8; 32]) -> Result<Option<Device>, Refusal> {
        Ok(self.lock().device(&token_hash))
    }

    async fn mailbox(
        &self,
        mailbox: MailboxId,
        position: Sequence,
    ) -> Result<Option<MailboxState>, Refusal> {
        Ok(self
            .lock()
            .mailboxes
            .get(&mailbox)
            .map(|mailbox| MailboxState {
                acknowledged: Sequence(mailbox.acknowledged),
                known: Sequence(mailbox.known(position.0)),
                expired: Sequence(mailbox.expired),
                supply: mailbox.supply(),
            }))
    }

    async fn read(
        &self,
        mailbox: MailboxId,
        after: Sequence,
        max_items: usize,
        max_bytes: usize,
    ) -> Result<Page, Refusal> {
        Ok(self.lock().page(mailbox, after.0, max_items, max_bytes))
    }

    async fn signals(
        &self,
        mailbox: MailboxId,
        after: u64,
        max: usize,
    ) -> Result<SignalPage, Refusal> {
        Ok(self.lock().signals(mailbox, after, max))
    }

    async fn account_by_handle(&self, handle: &str) -> Result<Option<Account>, Refusal> {
        let state = self.lock();
        Ok(state.handles.get(handle).and_then(|id| state.account(*id)))
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>, Refusal> {
        Ok(self.lock().account(account))
    }

    async fn conversation(
        &self,
        key: ConversationKey,
    ) -> Result<Option<Arc<Conversation>>, Refusal> {
        Ok(self.lock().conversations.get(&key).cloned())
    }

    async fn accepted(
        &self,
        conversation: ConversationKey,
        once: OnceKey,
    ) -> Result<Option<Timestamp>, Refusal> {
        let state = self.lock();
        let Some(conversation) = state.conversations.get(&conversation) else {
            return Ok(None);
        };
        state.accepted(conversation.id, &once)
    }

    async fn file(&self, place: FilePlace) -> Result<Option<FileRecord>, Refusal> {
        Ok(self.lock().files.get(&place).copied())
    }

    async fn overdue_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(FilePlace, FileRecord)>, Refusal> {
        Ok(self.lock().overdue(now, limit))
    }

    async fn reports(&self) -> Result<Vec<(ReportId, Timestamp)>, Refusal> {
        let state = self.lock();
        let mut all: Vec<_> = state.reports.iter().collect();
        all.sort_by_key(|(id, kept)| (kept.record.at, **id));
        Ok(all
            .into_iter()
            .map(|(id, kept)| (*id, kept.record.at))
            .collect())
    }

    async fn report(&self, id: ReportId) -> Result<Option<ReportRecord>, Refusal> {
        Ok(self.lock().reports.get(&id).map(|kept| kept.record.clone()))
    }
}
