//! The server's decisions: requests in, replies out.

mod anonymous;
mod counters;
mod device;
mod files;
mod lane;
mod report;
mod signal;
mod vouched;

use std::sync::Arc;
use std::time::Duration;

use keyfold_wire::ids::{AccountId, DeviceId, MailboxId, Sequence, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::delivery::{Committer, Feed, Hub, Queue};
use crate::refusal::Refusal;
use crate::seal::{AddressKey, random};
use crate::store::{Answer, Operation, Outcome, Store};
pub(crate) use counters::Counters;
pub(crate) use lane::Claim;
pub use lane::Lane;
use lane::Turn;
pub use report::OpenedReport;
pub use vouched::Vouched;

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Anybody.
    Open,
    /// Whoever has an invitation of the operator.
    Invite,
    /// Nobody.
    Closed,
}

/// What an operator decides.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Who may register.
    pub registration: Registration,
    /// Operations that wait for the store; beyond it requests are refused as busy.
    pub queue: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            registration: Registration::Open,
            queue: 4_096,
        }
    }
}

/// A device that has shown its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Whose it is.
    pub account: AccountId,
    /// Itself.
    pub id: DeviceId,
    /// Where its items lie.
    pub mailbox: MailboxId,
}

/// What has happened since the start, for `/metrics`. Says nothing about anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sends, commits and creations that were accepted (exact repeats not counted).
    pub accepted: u64,
    /// Items put into mailboxes.
    pub appended: u64,
    /// Items not put anywhere since their address was revoked or its device removed.
    pub dropped: u64,
    /// Requests that waited for the store and were refused.
    pub refused: u64,
    /// Transactions.
    pub batches: u64,
    /// Devices that are connected.
    pub feeds: u64,
    /// Operations that wait for the store now.
    pub waiting: u64,
}

/// The server's core. Shared by all sockets.
pub struct Core<S, C> {
    pub(crate) store: S,
    pub(crate) clock: C,
    pub(crate) hub: Hub,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
    key: AddressKey,
    settings: Settings,
    pub(crate) vouched: Arc<Vouched>,
}

impl<S: Store, C: Clock> Core<S, C> {
    /// A core, and its committer, which must be run (as a task of its own) for anything to be stored.
    pub fn new(
        store: S,
        clock: C,
        key: AddressKey,
        settings: Settings,
    ) -> (Arc<Self>, Committer<S, C>) {
        let core = Arc::new(Self {
            store,
            clock,
            hub: Hub::default(),
            queue: Queue::new(settings.queue),
            counters: Counters::default(),
            key,
            settings,
            vouched: Arc::default(),
        });
        (core.clone(), Committer::new(core))
    }

    /// What waits behind `after`, then whatever comes in. A newer feed of the same device ends the older one.
    pub fn subscribe(self: &Arc<Self>, device: &Device, after: Sequence) -> Feed<S, C> {
        Feed::new(self.clone(), device.mailbox, after)
    }

    /// Everything up to `sequence` is durable at the device. Returns at once; done with the next transaction.
    pub fn acknowledge(&self, device: &Device, sequence: Sequence) {
        self.queue.acknowledge(device.mailbox, sequence);
    }

    /// A fresh, single-use invitation code.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`], [`Refusal::Busy`].
    pub async fn invite(&self) -> Result<String, Refusal> {
        let code: u128 = u128::from_be_bytes(random().map_err(|_| Refusal::Unavailable)?);
        let code = format!("{code:032x}");
        self.store(Operation::Invite(invitation_hash(&code)))
            .await?;
        Ok(code)
    }

    /// Deletes one bounded portion of what is past its retention, and says when to call again.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`], [`Refusal::Busy`].
    pub async fn sweep(&self) -> Result<Timestamp, Refusal> {
        let now = self.clock.now();
        match self
            .store(Operation::Sweep {
                portion: SWEEP_PORTION,
            })
            .await?
        {
            Outcome::Swept { more: true } => Ok(now),
            _ => Ok(now.after(SWEEP_PAUSE)),
        }
    }

    /// What has happened since the start.
    pub fn stats(&self) -> Stats {
        Stats {
            feeds: self.hub.len() as u64,
            waiting: self.queue.waiting() as u64,
            ..self.counters.stats()
        }
    }

    /// Takes no more requests; the committer ends when what waits is durable, and with it every feed.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Queues an operation, ends the turn with that, and waits for the disk.
    async fn store_in_turn(&self, turn: &mut Turn<'_>, operation: Operation) -> Answer {
        let waiting = self.queue.push_in_order(operation, turn.claim())?;
        turn.passes();
        waiting.await.unwrap_or(Err(Refusal::Unavailable))
    }

    /// Waits in the queue, then for the disk.
    async fn store(&self, operation: Operation) -> Answer {
        self.queue
            .push(operation)?
            .await
            .unwrap_or(Err(Refusal::Unavailable))
    }
}

/// Rows that one sweep deletes: a few milliseconds, so that messages hardly wait behind it.
const SWEEP_PORTION: u32 = 1_000;

/// How long a sweep rests when nothing is left: an ended epoch's roster goes soon after its grace.
const SWEEP_PAUSE: Duration = Duration::from_mins(1);

/// What lies at rest for an invitation code.
fn invitation_hash(code: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"keyfold invitation v1");
    hasher.update(code.as_bytes());
    hasher.finalize().into()
}
