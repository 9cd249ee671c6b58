//! The order in which one socket's requests are carried out.
//!
//! A request that has to look up its conversation first must not be overtaken by a later one that finds it in memory. Nor must one
//! that was put off, by those that were under way behind it: whoever joins between the two would miss for ever what was said before
//! their time. The order is kept for each socket by itself, so that a socket which is not served holds up nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Shared, MutexGuard as SharedGuard, PoisonError};
use std::time::Duration;

use keyfold_wire::ids::{ConversationHandle, Epoch, MessageId, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use crate::refusal::Refusal;
use crate::request::{AnonymousRequest, Commit, Send};

/// How long a request that was put off is waited for: what was sent before its sender heard of that has come by then.
const WAITED_FOR: Duration = Duration::from_mins(1);

/// Conversations of one socket in which a request that was put off is waited for: more than it fills in that time, as long as
/// somebody means well.
const MAX_WAITED_FOR: usize = 1_024;

/// What the sender of a request is told to wait that was under way behind one that was put off: its turn comes after that.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The requests of one socket.
#[derive(Default)]
pub struct Lane {
    /// Taken in the order in which they ask for it; how many turns there have been.
    turns: Mutex<u64>,
    put_off: Arc<Shared<PutOff>>,
}

/// By conversation, the first request that was put off and has not come again.
type PutOff = HashMap<ConversationHandle, Waited>;

struct Waited {
    number: u64,
    message_id: MessageId,
    epoch: Epoch,
    until: Timestamp,
}

/// What a request appends, and where.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    handle: ConversationHandle,
    epoch: Epoch,
    message_id: MessageId,
}

/// A request's place in the order of its conversation.
#[derive(Clone)]
pub(crate) struct Claim {
    number: u64,
    subject: Subject,
    put_off: Arc<Shared<PutOff>>,
}

/// From the first look at a request until it is in the queue.
pub(super) struct Turn<'a> {
    claim: Claim,
    held: Option<MutexGuard<'a, u64>>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}

impl Lane {
    /// Waits for those that asked before.
    pub(super) async fn turn(&self, subject: Subject) -> Turn<'_> {
        let mut turns = self.turns.lock().await;
        *turns = turns.saturating_add(1);
        let claim = Claim {
            number: *turns,
            subject,
            put_off: Arc::clone(&self.put_off),
        };
        Turn {
            claim,
            held: Some(turns),
        }
    }
}

impl Turn<'_> {
    /// See [`Claim::may_go`].
    pub(super) fn may_go(&self, now: Timestamp) -> Result<(), Refusal> {
        self.claim.may_go(now)
    }

    /// What it is known by in the queue.
    pub(super) fn claim(&self) -> Claim {
        self.claim.clone()
    }

    /// It is in the queue: the next one may look.
    pub(super) fn passes(&mut self) {
        self.held = None;
    }

    /// See [`Claim::over`].
    pub(super) fn over<T>(self, outcome: &Result<T, Refusal>, now: Timestamp) {
        self.claim.over(outcome, now);
    }
}

impl Subject {
    /// Of a request that appends.
    pub(super) fn of(request: &AnonymousRequest) -> Option<Self> {
        match request {
            AnonymousRequest::Send(send) => Some(send.into()),
            AnonymousRequest::Commit(commit) => Some(commit.into()),
            _ => None,
        }
    }
}

impl From<&Send> for Subject {
    fn from(send: &Send) -> Self {
        Self {
            handle: send.handle,
            epoch: send.epoch,
            message_id: send.message_id,
        }
    }
}

impl From<&Commit> for Subject {
    fn from(commit: &Commit) -> Self {
        Self {
            handle: commit.handle,
            epoch: commit.epoch,
            message_id: commit.message_id,
        }
    }
}

impl Claim {
    /// Nothing that was put off must be carried out before this one.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub(crate) fn may_go(&self, now: Timestamp) -> Result<(), Refusal> {
        let mut put_off = self.put_off();
        put_off.retain(|_, waited| waited.until > now);
        let Subject { handle, epoch, .. } = self.subject;
        let Some(waited) = put_off.get(&handle) else {
            return Ok(());
        };
        if waited.epoch < epoch {
            // It would be refused now: its sender encrypts it anew.
            put_off.remove(&handle);
            return Ok(());
        }
        if self.is(waited) || self.number < waited.number {
            return Ok(());
        }
        Err(Refusal::Busy {
            retry_after: RETRY_AFTER,
        })
    }

    /// What has become of it. Whatever was put off is to come again before what stands behind it.
    pub(crate) fn over<T>(&self, outcome: &Result<T, Refusal>, now: Timestamp) {
        let mut put_off = self.put_off();
        let is_put_off = matches!(outcome, Err(Refusal::Busy { .. } | Refusal::Unavailable));
        let Subject {
            handle,
            epoch,
            message_id,
        } = self.subject;
        let waited = put_off.get(&handle);
        if !is_put_off {
            if waited.is_some_and(|waited| self.is(waited)) {
                put_off.remove(&handle);
            }
            return;
        }
        let first = match waited {
            Some(waited) if self.is(waited) => waited.number,
            Some(waited) if waited.number < self.number => return,
            _ => self.number,
        };
        if waited.is_none() && put_off.len() >= MAX_WAITED_FOR {
            forget_oldest(&mut put_off);
        }
        let waited = Waited {
            number: first,
            message_id,
            epoch,
            until: now.after(WAITED_FOR),
        };
        put_off.insert(handle, waited);
    }

    fn is(&self, waited: &Waited) -> bool {
        waited.message_id == self.subject.message_id
    }

    fn put_off(&self) -> SharedGuard<'_, PutOff> {
        self.put_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_oldest(put_off: &mut PutOff) {
    let oldest = put_off.iter().min_by_key(|(_, waited)| waited.until);
    if let Some(handle) = oldest.map(|(handle, _)| *handle) {
        put_off.remove(&handle);
    }
}
