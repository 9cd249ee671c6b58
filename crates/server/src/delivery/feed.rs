//! What one connected device is told, in the order of its mailbox.

use std::future::poll_fn;
use std::sync::Arc;

use keyfold_wire::ids::{MailboxId, Sequence};
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{limits, v1};

use super::hub::{Slot, Taken};
use crate::clock::Clock;
use crate::core::Core;
use crate::refusal::Refusal;
use crate::store::Store;

/// Everything for one connected device, in order: what waits in its mailbox, then what comes in.
pub struct Feed<S: Store, C: Clock> {
    core: Arc<Core<S, C>>,
    mailbox: MailboxId,
    slot: Arc<Slot>,
    after: Sequence,
    /// The last item that this feed gave; a device's own word for `after` may be ahead of the mailbox.
    given: Sequence,
    greeted: bool,
    /// The last signal that it gave.
    signalled: u64,
}

impl<S: Store, C: Clock> Feed<S, C> {
    pub(crate) fn new(core: Arc<Core<S, C>>, mailbox: MailboxId, after: Sequence) -> Self {
        let slot = core.hub.connect(mailbox);
        Self {
            core,
            mailbox,
            slot,
            after,
            given: Sequence(0),
            greeted: false,
            signalled: 0,
        }
    }

    /// The next frame: `Deliveries` (at most [`limits::MAX_ITEMS_PER_PUSH`] items and [`limits::MAX_PUSH_BYTES`], or
    /// one larger item), `Supply` or `Signals`. Waits while there is none. The first is always a `Deliveries`, empty with
    /// `caught_up` when nothing waits. Cancel safe.
    ///
    /// Stop calling it while [`limits::MAX_UNACKNOWLEDGED`] items are out: what comes in then waits in the store, not
    /// in memory.
    ///
    /// # Errors
    /// The feed has ended, close the socket: [`Refusal::Unauthenticated`] when the device was removed,
    /// [`Refusal::Conflict`] when a newer connection of it took over, [`Refusal::Unavailable`] when the store does not
    /// answer or the server closes.
    pub async fn next(&mut self) -> Result<Content, Refusal> {
        loop {
            match poll_fn(|context| self.slot.poll(context)).await? {
                Taken::Items(items, more) => {
                    if let Some(items) = self.news(items) {
                        return Ok(self.deliver(items, !more));
                    }
                }
                Taken::Supply(supply) => return Ok(Content::Supply(supply)),
                Taken::Signals(time) => {
                    if let Some(content) = self.read_signals(time).await? {
                        return Ok(content);
                    }
                }
                Taken::Behind => {
                    if let Some(content) = self.read().await? {
                        return Ok(content);
                    }
                }
            }
        }
    }

    /// Why it has ended, if it has: [`Feed::next`] says so, too.
    pub fn ended(&self) -> Option<Refusal> {
        self.slot.ended()
    }

    /// What was not given yet. An item that is durable but not yet pushed may have been read in the store.
    fn news(&self, mut items: Vec<v1::Item>) -> Option<Vec<v1::Item>> {
        items.retain(|item| item.sequence > self.given.0);
        (!items.is_empty()).then_some(items)
    }

    /// One page out of the store; `None` when there was nothing and the device knows it.
    async fn read(&mut self) -> Result<Option<Content>, Refusal> {
        let (items, bytes) = (limits::MAX_ITEMS_PER_PUSH, limits::MAX_PUSH_BYTES);
        let page = self
            .core
            .store
            .read(self.mailbox, self.after, items, bytes)
            .await?;
        let last = page
            .items
            .last()
            .map_or(self.after, |item| Sequence(item.sequence));
        let caught_up = !page.more && self.slot.keeps_up(last);
        if page.items.is_empty() && (self.greeted || !caught_up) {
            return Ok(None);
        }
        Ok(Some(self.deliver(page.items, caught_up)))
    }

    /// One page of signals out of the store. They come behind the items that were there before them: the epoch that they were sealed in has begun.
    async fn read_signals(&mut self, time: u64) -> Result<Option<Content>, Refusal> {
        let (mailbox, after) = (self.mailbox, self.signalled);
        let most = limits::MAX_SIGNALS_PER_PUSH;
        let page = self.core.store.signals(mailbox, after, most).await?;
        if !page.more {
            self.slot.has_signals_up_to(time);
        }
        let Some((last, _)) = page.signals.last() else {
            return Ok(None);
        };
        self.signalled = *last;
        let signals = self.core.open_signals(mailbox, &page);
        let some = !signals.signals.is_empty();
        Ok(some.then_some(Content::Signals(signals)))
    }

    fn deliver(&mut self, items: Vec<v1::Item>, caught_up: bool) -> Content {
        self.greeted = true;
        if let Some(last) = items.last() {
            self.given = Sequence(last.sequence);
            self.after = self.given;
        }
        Content::Deliveries(v1::Deliveries { items, caught_up })
    }
}

impl<S: Store, C: Clock> Drop for Feed<S, C> {
    fn drop(&mut self) {
        self.core.hub.disconnect(self.mailbox, &self.slot);
    }
}
