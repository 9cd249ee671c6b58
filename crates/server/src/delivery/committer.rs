//! Group commit: what waits is stored in one transaction; only what is durable is answered and pushed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyfold_wire::ids::MailboxId;
use keyfold_wire::v1;
use tokio::sync::oneshot;

use super::queue::Batch;
use crate::clock::Clock;
use crate::core::Core;
use crate::refusal::Refusal;
use crate::store::{Answer, Operation, Outcome, Store};

/// Collects waiting operations into transactions. Run it as one task; all that is stored passes through it.
pub struct Committer<S, C> {
    core: Arc<Core<S, C>>,
    /// Hears how long the store took for a batch.
    watcher: Box<dyn Fn(Duration) + Send + Sync>,
}

impl<S: Store, C: Clock> Committer<S, C> {
    pub(crate) fn new(core: Arc<Core<S, C>>) -> Self {
        Self {
            core,
            watcher: Box::new(|_| ()),
        }
    }

    /// Tells `watcher` how long the store took for each batch, before anything in it is answered.
    #[must_use]
    pub fn watched(self, watcher: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self {
            watcher: Box::new(watcher),
            ..self
        }
    }

    /// Commits until [`Core::close`] has been called and everything that waited is durable; then ends every feed.
    pub async fn run(self) {
        while let Some(batch) = self.core.queue.next().await {
            self.commit(batch).await;
        }
        self.core.hub.end_all(Refusal::Unavailable);
    }

    async fn commit(&self, batch: Batch) {
        let core = &self.core;
        let acknowledged = batch.acknowledged.into_iter();
        let mut operations: Vec<_> = acknowledged
            .map(|(mailbox, sequence)| Operation::Acknowledge { mailbox, sequence })
            .collect();
        let signals = batch.signals.into_iter();
        operations.extend(
            signals.map(|(mailbox, number)| Operation::AcknowledgeSignals { mailbox, number }),
        );
        let unanswered = operations.len();
        let now = core.clock.now();
        let mut waiting = Vec::with_capacity(batch.waiting.len());
        for one in batch.waiting {
            // What stands before it was in a batch that has failed.
            if let Some(Err(refusal)) = one.claim.as_ref().map(|claim| claim.may_go(now)) {
                let refused = Err(refusal);
                core.counters.count(&refused);
                let _ = one.answer.send(refused);
                continue;
            }
            operations.push(one.operation);
            waiting.push((one.answer, one.claim));
        }
        let began = Instant::now();
        let answers = core.store.transact(now, operations).await;
        (self.watcher)(began.elapsed());
        core.counters.batch();
        let mut items = Vec::with_capacity(2 * waiting.len());
        for (answer, (sender, claim)) in answers.into_iter().skip(unanswered).zip(waiting) {
            if let Some(claim) = claim {
                claim.over(&answer, now);
            }
            items.extend(self.settle(answer, sender));
        }
        core.hub.push(items);
    }

    /// The answers first, then the pushes: senders are told as soon as their messages are durable. Gives what is to
    /// be pushed.
    fn settle(
        &self,
        mut answer: Answer,
        sender: oneshot::Sender<Answer>,
    ) -> Vec<(MailboxId, v1::Item)> {
        let core = &self.core;
        core.counters.count(&answer);
        let items = match &mut answer {
            Ok(Outcome::Appended(appended)) => std::mem::take(&mut appended.items),
            Ok(Outcome::KeyPackages { low, .. }) => {
                for (mailbox, supply) in std::mem::take(low) {
                    core.hub.supply(mailbox, supply);
                }
                Vec::new()
            }
            Ok(Outcome::Signalled { mailboxes, .. }) => {
                core.hub.signal(mailboxes);
                Vec::new()
            }
            Ok(Outcome::Removed(Some(mailbox))) => {
                core.vouched.forget(*mailbox);
                core.hub.end(*mailbox, Refusal::Unauthenticated);
                Vec::new()
            }
            _ => Vec::new(),
        };
        // Whoever asked may have gone; the operation is done all the same.
        let _ = sender.send(answer);
        items
    }
}
