//! Who is connected, and what has come in for them since they last looked.
//!
//! Each connected device has one slot. While it keeps up, items go from the committer into the slot's short queue.
//! When it does not, the queue is thrown away and the slot remembers only that there is more to read in the store. An
//! idle slot holds no queue at all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use keyfold_wire::ids::{MailboxId, Sequence};
use keyfold_wire::{limits, v1};

use crate::refusal::Refusal;
use crate::store::record::item_size;

/// What a slot has for its device.
pub(crate) enum Taken {
    /// Items that came in, and whether there are more.
    Items(Vec<v1::Item>, bool),
    /// Few key packages are left.
    Supply(v1::Supply),
    /// The store must be read.
    Behind,
    /// Signals may wait in the store: read them, then say so with [`Slot::has_signals_up_to`].
    Signals(u64),
}

#[derive(Default)]
struct State {
    /// The highest sequence that was not queued; `None` while the device keeps up.
    missed: Option<Sequence>,
    queue: VecDeque<v1::Item>,
    bytes: usize,
    supply: Option<v1::Supply>,
    /// How often signals have come in, and as of when they were read.
    signals: (u64, u64),
    ended: Option<Refusal>,
    waker: Option<Waker>,
}

/// One connected device.
#[derive(Default)]
pub(crate) struct Slot(Mutex<State>);

impl Slot {
    fn behind() -> Self {
        Self(Mutex::new(State {
            missed: Some(Sequence(0)),
            signals: (1, 0),
            ..State::default()
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an item. Whom to wake, once everything is pushed that comes with it.
    fn push(&self, item: v1::Item) -> Option<Waker> {
        let mut state = self.lock();
        if let Some(missed) = &mut state.missed {
            *missed = Sequence(item.sequence);
            return None;
        }
        let size = item_size(&item);
        let is_full = state.queue.len() >= limits::MAX_ITEMS_PER_PUSH
            || (state.bytes + size > limits::MAX_PUSH_BYTES && !state.queue.is_empty());
        if is_full {
            state.missed = Some(Sequence(item.sequence));
            state.queue = VecDeque::new();
            state.bytes = 0;
        } else {
            state.queue.push_back(item);
            state.bytes += size;
        }
        state.waker.take()
    }

    fn supply(&self, supply: v1::Supply) {
        let mut state = self.lock();
        state.supply = Some(supply);
        wake(state);
    }

    fn signal(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.signals.0 += 1;
        state.waker.take()
    }

    /// The device has what had come in by then.
    pub(crate) fn has_signals_up_to(&self, time: u64) {
        self.lock().signals.1 = time;
    }

    fn end(&self, refusal: Refusal) {
        let mut state = self.lock();
        *state = State {
            ended: Some(refusal),
            waker: state.waker.take(),
            ..State::default()
        };
        wake(state);
    }

    pub(crate) fn ended(&self) -> Option<Refusal> {
        self.lock().ended
    }

    /// What there is, or a promise to wake.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Result<Taken, Refusal>> {
        let mut state = self.lock();
        if let Some(refusal) = state.ended {
            return Poll::Ready(Err(refusal));
        }
        if state.missed.is_some() {
            return Poll::Ready(Ok(Taken::Behind));
        }
        if !state.queue.is_empty() {
            let items = std::mem::take(&mut state.queue).into();
            state.bytes = 0;
            return Poll::Ready(Ok(Taken::Items(items, false)));
        }
        if let Some(supply) = state.supply.take() {
            return Poll::Ready(Ok(Taken::Supply(supply)));
        }
        let (came, read) = state.signals;
        if came > read {
            return Poll::Ready(Ok(Taken::Signals(came)));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// The device has everything up to `sequence`. Whether nothing has come in since: then it keeps up again.
    pub(crate) fn keeps_up(&self, sequence: Sequence) -> bool {
        let mut state = self.lock();
        if state.missed.is_some_and(|missed| missed > sequence) {
            return false;
        }
        state.missed = None;
        true
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// All connected devices.
#[derive(Default)]
pub(crate) struct Hub {
    slots: Mutex<HashMap<MailboxId, Arc<Slot>>>,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxId, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for a device; an older one of it ends.
    pub(crate) fn connect(&self, mailbox: MailboxId) -> Arc<Slot> {
        let slot = Arc::new(Slot::behind());
        let former = self.lock().insert(mailbox, slot.clone());
        if let Some(former) = former {
            former.end(Refusal::Conflict);
        }
        slot
    }

    /// The device is gone, if this slot is still its own.
    pub(crate) fn disconnect(&self, mailbox: MailboxId, slot: &Arc<Slot>) {
        let mut slots = self.lock();
        if slots
            .get(&mailbox)
            .is_some_and(|current| Arc::ptr_eq(current, slot))
        {
            slots.remove(&mailbox);
            if slots.capacity() > 4 * slots.len() + 1_024 {
                slots.shrink_to_fit();
            }
        }
    }

    /// Hands items to those of their devices that are connected. Each is woken once, when it has all of them: woken
    /// earlier it would write them out one by one.
    pub(crate) fn push(&self, items: impl IntoIterator<Item = (MailboxId, v1::Item)>) {
        let mut wakers = Vec::new();
        let slots = self.lock();
        for (mailbox, item) in items {
            if let Some(slot) = slots.get(&mailbox) {
                wakers.extend(slot.push(item));
            }
        }
        drop(slots);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Signals wait for those of these that are connected.
    pub(crate) fn signal(&self, mailboxes: &[MailboxId]) {
        let slots = self.lock();
        let connected = mailboxes.iter().filter_map(|mailbox| slots.get(mailbox));
        let wakers: Vec<_> = connected.filter_map(|slot| slot.signal()).collect();
        drop(slots);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn supply(&self, mailbox: MailboxId, supply: v1::Supply) {
        if let Some(slot) = self.lock().get(&mailbox) {
            slot.supply(supply);
        }
    }

    pub(crate) fn end(&self, mailbox: MailboxId, refusal: Refusal) {
        if let Some(slot) = self.lock().remove(&mailbox) {
            slot.end(refusal);
        }
    }

    pub(crate) fn end_all(&self, refusal: Refusal) {
        let slots = std::mem::take(&mut *self.lock());
        for slot in slots.into_values() {
            slot.end(refusal);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
