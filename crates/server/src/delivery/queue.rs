//! Operations that wait for the store: bounded in number and bytes. Acknowledgements wait beside them, the last one
//! of each mailbox only.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keyfold_wire::ids::{MailboxId, Sequence};
use tokio::sync::oneshot;

use crate::core::Claim;
use crate::refusal::Refusal;
use crate::store::{Answer, Operation};

/// All that waits, together: four of the largest requests.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Operations of one transaction: enough to share the cost of a sync, few enough to answer soon.
const MAX_BATCH: usize = 512;

/// Bytes of one transaction, unless a single operation is larger.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What a device is told to wait when the queue is full.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// An operation and where its answer goes.
pub(crate) struct Waiting {
    pub(crate) operation: Operation,
    pub(crate) answer: oneshot::Sender<Answer>,
    /// Its place among those of its socket, where it has one.
    pub(crate) claim: Option<Claim>,
    weight: usize,
}

/// What is stored together.
pub(crate) struct Batch {
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) acknowledged: BTreeMap<MailboxId, Sequence>,
    pub(crate) signals: BTreeMap<MailboxId, u64>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    acknowledged: BTreeMap<MailboxId, Sequence>,
    /// Signals that were acknowledged.
    signals: BTreeMap<MailboxId, u64>,
    closed: bool,
    committer: Option<Waker>,
}

/// The queue before the store.
pub(crate) struct Queue {
    limit: usize,
    state: Mutex<State>,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// Queues an operation; the receiver gets its answer once it is durable.
    pub(crate) fn push(&self, operation: Operation) -> Result<oneshot::Receiver<Answer>, Refusal> {
        self.put(operation, None)
    }

    /// The same for one of a socket's, which keep their order.
    pub(crate) fn push_in_order(
        &self,
        operation: Operation,
        claim: Claim,
    ) -> Result<oneshot::Receiver<Answer>, Refusal> {
        self.put(operation, Some(claim))
    }

    fn put(
        &self,
        operation: Operation,
        claim: Option<Claim>,
    ) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let weight = operation.weight();
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Unavailable);
        }
        let is_full = state.waiting.len() >= self.limit || state.bytes + weight > MAX_BYTES;
        if is_full {
            return Err(Refusal::Busy {
                retry_after: RETRY_AFTER,
            });
        }
        let (answer, receiver) = oneshot::channel();
        state.bytes += weight;
        state.waiting.push_back(Waiting {
            operation,
            answer,
            claim,
            weight,
        });
        wake(state);
        Ok(receiver)
    }

    /// Notes an acknowledgement.
    pub(crate) fn acknowledge(&self, mailbox: MailboxId, sequence: Sequence) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let last = state.acknowledged.entry(mailbox).or_default();
        *last = sequence.max(*last);
        wake(state);
    }

    /// Notes an acknowledgement of signals.
    pub(crate) fn acknowledge_signals(&self, mailbox: MailboxId, number: u64) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let last = state.signals.entry(mailbox).or_default();
        *last = number.max(*last);
        wake(state);
    }

    /// What is next to be stored; `None` once the queue is closed and empty.
    pub(crate) async fn next(&self) -> Option<Batch> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Option<Batch>> {
        let mut state = self.lock();
        if state.is_empty() {
            if state.closed {
                return Poll::Ready(None);
            }
            state.committer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Some(state.take()))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.acknowledged.is_empty() && self.signals.is_empty()
    }

    fn take(&mut self) -> Batch {
        let mut waiting = Vec::with_capacity(self.waiting.len().min(MAX_BATCH));
        let mut bytes = 0;
        while let Some(next) = self.waiting.front() {
            let is_full = waiting.len() >= MAX_BATCH || bytes + next.weight > MAX_BATCH_BYTES;
            if is_full && !waiting.is_empty() {
                break;
            }
            bytes += next.weight;
            waiting.extend(self.waiting.pop_front());
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        Batch {
            waiting,
            acknowledged: std::mem::take(&mut self.acknowledged),
            signals: std::mem::take(&mut self.signals),
        }
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.committer.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_full_queue_says_busy_and_a_closed_one_drains() {
        let queue = Queue::new(2);
        let one = || Operation::Invite([0; 32]);
        let _first = queue.push(one()).unwrap();
        let _second = queue.push(one()).unwrap();
        assert!(matches!(queue.push(one()), Err(Refusal::Busy { .. })));
        queue.close();
        assert_eq!(queue.push(one()).err(), Some(Refusal::Unavailable));
        assert_eq!(queue.next().await.unwrap().waiting.len(), 2);
        assert!(queue.next().await.is_none());
    }

    #[tokio::test]
    async fn only_the_last_acknowledgement_of_a_mailbox_is_stored() {
        let queue = Queue::new(2);
        let mailbox = MailboxId::new([1; 16]);
        for sequence in [1, 3, 2] {
            queue.acknowledge(mailbox, Sequence(sequence));
        }
        let batch = queue.next().await.unwrap();
        assert_eq!(batch.acknowledged, BTreeMap::from([(mailbox, Sequence(3))]));
    }
}
