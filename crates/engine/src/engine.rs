//! The engine: one database, what is kept in memory of it, and the steps over them.

use std::collections::BTreeMap;

use keyfold_protocol::group::{Crypto, Rng};
use keyfold_wire::ids::Timestamp;
use keyfold_wire::{Message as _, v1};
use rand_core::CryptoRng;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::Fault;
use crate::clock::Clock;
use crate::command::{Answer, Complaint};
use crate::identity::Identity;
use crate::input::Input;
use crate::limits::{ERASE_AFTER, MAX_IN_FLIGHT, MAX_OVERTAKING};
use crate::memory::{Index, Memory, Session};
use crate::outcome::{Channel, Outcome, Request, RequestId};
use crate::step::Step;
use crate::store::{self, Durability, MlsStorage, Place, StoreKey};
use crate::table::clock;
use crate::table::conversation::Row;
use crate::table::outbox::{self, Kind, Waiting};
use crate::table::setting::{self, Setting};

/// One device's whole messenger.
pub struct Engine {
    pub(crate) database: Connection,
    crypto: Crypto,
    pub(crate) identity: Option<Identity>,
    pub(crate) memory: Memory,
    session: Session,
}

/// What a step leaves behind beside the tables.
struct Done {
    answer: Result<Answer, Complaint>,
    outcome: Outcome,
    erase: bool,
}

impl Engine {
    /// Opens the database, making it where there is none.
    ///
    /// Without a key it is not encrypted: for tests and simulations.
    ///
    /// # Errors
    /// [`Fault`]: wrong key, corrupt, of a newer version, in use, no space. Nothing is ever overwritten.
    pub fn open(
        place: Place<'_>,
        key: Option<&StoreKey>,
        durability: Durability,
    ) -> Result<Self, Fault> {
        let database = store::open(place, key, durability)?;
        let identity = Identity::load(&database)?;
        let memory = Memory::load(&database)?;
        // Whatever was scheduled before is looked at in the first step.
        let session = Session {
            // What is in the outbox now may be answered after it was settled: its number is nobody else's.
            last_request: memory.outbox.keys().copied().max().unwrap_or(0),
            deadline: Some(Timestamp(0)),
            // After a crash the write-ahead log still holds what had been erased.
            erase_due: Some(Timestamp(0)),
            // And a part of what came may not be in the index.
            index: Index {
                due: Some(Timestamp(0)),
                is_ours: false,
            },
            clock: clock::get(&database)?,
            ..Session::default()
        };
        Ok(Self {
            database,
            crypto: Crypto::default(),
            identity,
            memory,
            session,
        })
    }

    /// The time that is counted, in milliseconds.
    pub(crate) fn counted_time(&self) -> i64 {
        self.session.clock.map_or(0, |clock| clock.passed)
    }

    /// Takes in one input: decides, and writes everything that it decided in one transaction.
    ///
    /// # Errors
    /// [`Fault`] when the database fails; then nothing of the step has happened.
    pub fn apply(
        &mut self,
        input: Input,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Outcome, Fault> {
        self.session.passes_to(now);
        let delivers = matches!(input, Input::Delivered(_));
        let dues = self.session.dues();
        match self.step(input, now, rng) {
            Ok(done) => {
                Step::trim(&mut self.memory);
                if done.erase && store::erase(&self.database).is_err() {
                    // The step is durable: it did happen. The log is emptied as soon as that is possible.
                    let again = now.after(ERASE_AFTER);
                    self.session.erase_due = Some(again);
                    self.session.deadline =
                        Some(self.session.deadline.map_or(again, |due| due.min(again)));
                }
                Ok(Outcome {
                    answer: done.answer,
                    ..done.outcome
                })
            }
            Err(fault) => {
                // What was not applied waits at the server for the next connection.
                self.session.caught_up &= !delivers;
                self.session.not_done(dues, now);
                self.session.broken_off |= delivers;
                self.memory = Memory::load(&self.database)?;
                self.identity = Identity::load(&self.database)?;
                Err(fault)
            }
        }
    }

    fn step(
        &mut self,
        input: Input,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Done, Fault> {
        let transaction =
            Transaction::new_unchecked(&self.database, TransactionBehavior::Immediate)?;
        let mut step = Step {
            tx: &transaction,
            storage: MlsStorage::new(&transaction),
            crypto: &self.crypto,
            rng: Rng::new(rng),
            identity: &mut self.identity,
            memory: &mut self.memory,
            session: &mut self.session,
            now,
            events: Vec::new(),
            touched: std::collections::BTreeSet::new(),
            recount: std::collections::BTreeSet::new(),
            reschedule: false,
            unpark: std::collections::BTreeSet::new(),
            acknowledge: None,
            dropped: 0,
            erase: false,
            unindexed: std::collections::BTreeSet::new(),
        };
        let answer = step.run(input)?;
        step.storage.check_settled()?;
        // Not only in a tick: a step that somebody waits for may come before the first one.
        let erase = step.erases() || step.erase;
        if step.reschedule {
            step.session.deadline = step.next_deadline()?;
        }
        let outcome = Outcome {
            answer: Ok(Answer::Taken),
            events: std::mem::take(&mut step.events),
            acknowledge: step.acknowledge,
            acknowledge_signals: step.session.signals.acknowledge.take(),
        };
        drop(step);
        transaction.commit()?;
        Ok(Done {
            answer,
            outcome,
            erase,
        })
    }

    /// The first frame for the mailbox socket. Its answer is [`Input::Connected`] or [`Input::TurnedAway`]. `None`: there
    /// is no account here yet.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn hello(&self) -> Result<Option<v1::client_frame::Request>, Fault> {
        let Some(identity) = &self.identity else {
            return Ok(None);
        };
        if !identity.registered
            && let Some(frame) = setting::get(&self.database, Setting::Registration)?
        {
            let register = v1::Register::decode(frame.as_slice())
                .map_err(|_| Fault::corrupt("the registration does not read"))?;
            return Ok(Some(v1::client_frame::Request::Register(register)));
        }
        let token = identity.token.to_secret_bytes();
        Ok(Some(v1::client_frame::Request::Hello(v1::Hello {
            token: token.to_vec().into(),
            after: self.memory.applied.0,
        })))
    }

    /// The next request to send, `None` when there is none now. Requests of one conversation come in order; a request is not
    /// given again before it was answered or lost.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn next_request(&mut self) -> Result<Option<Request>, Fault> {
        if !self
            .identity
            .as_ref()
            .is_some_and(|identity| identity.registered)
        {
            return Ok(None);
        }
        let Some((id, channel)) = self.choose() else {
            return Ok(self.next_signal());
        };
        let frame = outbox::frame(&self.database, id)?;
        let frame = frame.ok_or_else(|| Fault::corrupt("a request is missing"))?;
        let frame = v1::ClientFrame::decode(frame.as_slice())
            .map_err(|_| Fault::corrupt("a request does not read"))?;
        let body = frame
            .request
            .ok_or_else(|| Fault::corrupt("a request is empty"))?;
        let conversation = self.memory.outbox.get(&id);
        let conversation = conversation.and_then(|waiting| waiting.conversation);
        self.session.in_flight.insert(id, conversation);
        let id = RequestId(u64::try_from(id).unwrap_or(u64::MAX));
        Ok(Some(Request { id, channel, body }))
    }

    /// Signals go behind everything else. They are not in the outbox: one that is lost is said again, or is of no use any more.
    fn next_signal(&mut self) -> Option<Request> {
        let (id, signal) = self.session.signals.next(self.session.now)?;
        let id = RequestId(u64::try_from(id).unwrap_or(u64::MAX));
        Some(Request {
            id,
            channel: Channel::Anonymous,
            body: v1::client_frame::Request::Signal(signal),
        })
    }

    fn choose(&self) -> Option<(i64, Channel)> {
        let mut flying: BTreeMap<bool, usize> = BTreeMap::new();
        let mut queues: BTreeMap<Row, Queue> = BTreeMap::new();
        for (id, waiting) in &self.memory.outbox {
            let channel = waiting.kind.channel();
            let count = flying.entry(channel == Channel::Mailbox).or_default();
            let turn = match waiting.conversation {
                Some(row) => {
                    let doubtful = self.session.accepted_before.binary_search(id).is_ok();
                    let queue = queues.entry(row).or_default();
                    queue.closed |= doubtful;
                    queue.takes(*id, waiting)
                }
                None => true,
            };
            if self.session.in_flight.contains_key(id) {
                *count = count.saturating_add(1);
            } else if !waiting.accepted
                && waiting.is_due(self.session.now)
                && turn
                && *count < MAX_IN_FLIGHT
            {
                return Some((*id, channel));
            }
        }
        None
    }

    /// When something goes that goes at this time, as it is counted, by the device's clock as it was seen last.
    pub(crate) fn shown_at(&self, goes_at: i64) -> Timestamp {
        let clock = self
            .session
            .clock
            .unwrap_or_else(|| Clock::new(self.session.now));
        let left = goes_at.saturating_sub(clock.passed).max(0);
        Timestamp(u64::try_from(clock.seen.saturating_add(left)).unwrap_or(0))
    }

    /// The last time that the shell has told.
    pub(crate) const fn now(&self) -> Timestamp {
        self.session.now
    }

    pub(crate) const fn signals(&self) -> &crate::signals::Signals {
        &self.session.signals
    }

    /// When to apply [`Input::Tick`]; `None`: nothing is scheduled. May lie in the past.
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.session.deadline
    }
}

/// The requests of one conversation, oldest first: how far the next may run ahead of the first that is not accepted.
///
/// Messages are encrypted in the order of their ids, and whoever keeps keys for so many that were overtaken keeps them in
/// that order: none goes before one that must wait.
#[derive(Default)]
struct Queue {
    /// The first message that is not accepted.
    first: Option<i64>,
    /// Nothing goes before something that is not accepted was, or that the server may have lost since.
    closed: bool,
}

impl Queue {
    /// Whether this request may go while those before it stand as they do.
    fn takes(&mut self, id: i64, waiting: &Waiting) -> bool {
        let ahead = self.first.map_or(0, |first| id.saturating_sub(first));
        let turn = !self.closed && ahead < MAX_OVERTAKING;
        if !waiting.accepted {
            self.first.get_or_insert(id);
            // What was put off once goes alone: the next time as many could overtake it again.
            let alone = waiting.kind != Kind::Send || waiting.attempts > 0;
            self.closed |= alone || !turn;
        }
        turn
    }
}
