//! One step: everything that one input leads to, inside one transaction.
//!
//! A step changes tables and caches; nothing leaves the device before its transaction is durable. When it fails, the
//! transaction is rolled back and the caches are read anew.

mod amend;
mod asking;
mod block;
pub(crate) mod card;
mod certificate;
mod command;
mod commit;
mod content;
mod create;
mod deliver;
mod devices;
mod errand;
mod expire;
mod forward;
mod gather;
mod gone;
mod hearing;
mod hide;
mod index;
mod join;
mod lines;
mod marking;
mod membership;
mod mention;
mod moving;
mod notice;
mod once;
mod parting;
mod place;
mod poll;
mod preview;
pub(crate) mod privacy;
mod profile;
mod pump;
mod recovery;
mod register;
mod reinvite;
mod reply;
mod report;
pub(crate) mod request;
mod schedule;
mod send;
mod signal;
mod supply;
mod twins;
mod unknown;
mod upload;

mod admit;
mod invite;
mod opened;

use std::collections::BTreeSet;

use keyfold_protocol::group::{Crypto, Device, Group, Mls, Rng};
use keyfold_wire::Message as _;
use keyfold_wire::ids::{Sequence, Serial, Timestamp};
use keyfold_wire::v1::ClientFrame;
use keyfold_wire::v1::client_frame::Request as Body;
use rusqlite::Connection;

pub(crate) use notice::Notice;

use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::identity::Identity;
use crate::input::Input;
use crate::limits::MAX_LOADED;
use crate::memory::{Current, Loaded, Memory, Session};
use crate::outcome::Event;
use crate::store::MlsStorage;
use crate::table::conversation::{self, Row};
use crate::table::heard;
use crate::table::mailbox;
use crate::table::outbox::{self, Waiting};
use crate::table::timeline::Place;

/// A step under way.
pub(crate) struct Step<'e> {
    pub(crate) tx: &'e Connection,
    pub(crate) storage: MlsStorage<'e>,
    pub(crate) crypto: &'e Crypto,
    pub(crate) rng: Rng<'e>,
    pub(crate) identity: &'e mut Option<Identity>,
    pub(crate) memory: &'e mut Memory,
    pub(crate) session: &'e mut Session,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<Event>,
    /// Conversations in which something may now be encrypted or committed.
    pub(crate) touched: BTreeSet<Row>,
    /// Due times have changed.
    pub(crate) reschedule: bool,
    /// Conversations whose own messages that wait are to be counted anew.
    pub(crate) recount: BTreeSet<Row>,
    /// Own addresses for which items may now be taken that came too early.
    pub(crate) unpark: BTreeSet<Serial>,
    /// How far the mailbox may be acknowledged once this is durable.
    pub(crate) acknowledge: Option<Sequence>,
    /// Items of the push that were of no use.
    pub(crate) dropped: u64,
    /// Something was erased that must leave the write-ahead log at once.
    pub(crate) erase: bool,
    /// Messages whose words are out of the index until what is done to them is done.
    pub(crate) unindexed: BTreeSet<Place>,
}

impl<'e> Step<'e> {
    /// Does what the input asks for, and whatever follows from it.
    pub(crate) fn run(&mut self, input: Input) -> Result<Result<Answer, Complaint>, Fault> {
        let mut answer = Ok(Answer::Taken);
        // What a step that failed has taken in comes again.
        self.session.signals.acknowledge = None;
        match input {
            Input::Command(command) => answer = self.command(command)?,
            Input::Connected(greeting) => self.connected(&greeting)?,
            Input::TurnedAway(refused) => self.turned_away(&refused)?,
            Input::Delivered(deliveries) => self.deliver(deliveries)?,
            Input::Signals(signals) => self.hear_signals(&signals)?,
            Input::Supply(supply) => self.restock(&supply)?,
            Input::Reply(id, reply) => self.reply(id.into(), reply)?,
            Input::Lost(id) => {
                self.session.in_flight.remove(&id.into());
                self.signal_lost(id.into());
            }
            Input::Tick => self.tick()?,
        }
        self.retry_parked()?;
        while let Some(row) = self.touched.pop_first() {
            self.pump(row)?;
        }
        self.expire()?;
        self.make_signals()?;
        self.quiet()?;
        self.finish()?;
        Ok(answer)
    }

    /// Writes the rows of conversations that the caches still hold back, for a search among them.
    fn write_rows(&mut self) -> Result<(), Fault> {
        for loaded in self.memory.loaded.values_mut() {
            if std::mem::take(&mut loaded.row_dirty) {
                conversation::update(self.tx, &loaded.row)?;
            }
        }
        Ok(())
    }

    /// Writes what the caches still hold back.
    fn finish(&mut self) -> Result<(), Fault> {
        let Self {
            tx,
            storage,
            crypto,
            rng,
            memory,
            ..
        } = self;
        let mls = Mls::new(crypto, storage, rng);
        let mut applied = self.acknowledge;
        for loaded in memory.loaded.values_mut() {
            if let Some(current) = &mut loaded.group
                && std::mem::take(&mut current.dirty)
            {
                current.group.flush(&mls).map_err(Fault::from_mls)?;
            }
            if std::mem::take(&mut loaded.row_dirty) {
                if self.dropped == 0
                    && let Some(applied) = applied.take()
                {
                    loaded.row.applied = applied;
                }
                conversation::update(tx, &loaded.row)?;
            }
            for (device, (heard, dirty)) in &mut loaded.heard {
                if std::mem::take(dirty) {
                    heard::put(tx, loaded.row.row, device, heard)?;
                }
            }
        }
        if let Some(applied) = applied {
            mailbox::advance(tx, applied, self.dropped)?;
        }
        Ok(())
    }

    /// Lets go of conversations beyond what is kept in memory. After COMMIT only.
    pub(crate) fn trim(memory: &mut Memory) {
        while memory.loaded.len() > MAX_LOADED {
            let Some(row) = memory.loaded.keys().next().copied() else {
                return;
            };
            memory.loaded.remove(&row);
        }
    }

    /// What MLS operations need.
    pub(crate) fn mls(&self) -> Mls<'_, MlsStorage<'e>> {
        Mls::new(self.crypto, &self.storage, &self.rng)
    }

    /// This device's identity, where something needs one.
    pub(crate) fn me(&self) -> Result<&Identity, Fault> {
        self.identity
            .as_ref()
            .ok_or_else(|| Fault::corrupt("a conversation without an account"))
    }

    /// This device as MLS sees it.
    pub(crate) fn device(&self) -> Result<Device<'_>, Fault> {
        let me = self.me()?;
        Ok(Device {
            keys: &me.keys,
            certificate: &me.encoded,
        })
    }

    /// Takes a conversation out of the caches, reading it where it is not there. Give it back with [`Step::put`].
    pub(crate) fn take(&mut self, row: Row) -> Result<Option<Loaded>, Fault> {
        if let Some(loaded) = self.memory.loaded.remove(&row) {
            return Ok(Some(loaded));
        }
        conversation::get(self.tx, row)?
            .map(|row| Loaded::new(self.tx, row))
            .transpose()
    }

    /// Takes a conversation that must be there.
    pub(crate) fn expect(&mut self, row: Row) -> Result<Loaded, Fault> {
        self.take(row)?
            .ok_or_else(|| Fault::corrupt("a conversation is missing"))
    }

    /// Gives a conversation back to the caches.
    pub(crate) fn put(&mut self, loaded: Loaded) {
        if loaded.ended {
            return;
        }
        self.memory.loaded.insert(loaded.row.row, loaded);
    }

    /// Makes sure that the conversation's group is loaded. `false`: it has none.
    pub(crate) fn load_group(&self, loaded: &mut Loaded) -> Result<bool, Fault> {
        if loaded.group.is_some() {
            return Ok(true);
        }
        let Some(group_id) = &loaded.row.group_id else {
            return Ok(false);
        };
        let Some(group) = Group::load(&self.storage, group_id).map_err(Fault::from_mls)? else {
            return Ok(false);
        };
        loaded.group = Some(self.current(group)?);
        Ok(true)
    }

    /// A group with its keys at hand.
    pub(crate) fn current(&self, group: Group) -> Result<Current, Fault> {
        let mls = self.mls();
        Ok(Current {
            envelope: group.envelope_key(&mls).map_err(Fault::from_mls)?,
            signal: group.signal_key(&mls).map_err(Fault::from_mls)?,
            roster_key: group.roster_key(&mls).map_err(Fault::from_mls)?,
            group,
            dirty: false,
        })
    }

    /// Puts a request into the outbox.
    pub(crate) fn request(&mut self, waiting: Waiting, body: Body) -> Result<i64, Fault> {
        let frame = ClientFrame {
            id: 0,
            request: Some(body),
        }
        .encode_to_vec();
        let last = self.memory.outbox.keys().next_back().copied();
        let id = self.session.next_request(last);
        outbox::insert(self.tx, id, &waiting, &frame)?;
        if let Some(message_id) = waiting.message_id {
            self.memory.by_message.insert(message_id, id);
        }
        self.memory.outbox.insert(id, waiting);
        Ok(id)
    }

    /// Takes a request out of the outbox.
    pub(crate) fn drop_request(&mut self, id: i64) -> Result<Option<Waiting>, Fault> {
        let Some(waiting) = self.memory.outbox.remove(&id) else {
            return Ok(None);
        };
        if let Some(message_id) = waiting.message_id {
            self.memory.by_message.remove(&message_id);
        }
        outbox::remove(self.tx, id)?;
        Ok(Some(waiting))
    }

    /// Calls [`Step::tick`] no later than then.
    pub(crate) fn wake(&mut self, at: Timestamp) {
        let deadline = self
            .session
            .deadline
            .map_or(at, |deadline| deadline.min(at));
        self.session.deadline = Some(deadline);
    }

    /// Used keys were replaced: they leave the write-ahead log soon.
    pub(crate) fn erase_soon(&mut self) {
        if self.session.erase_due.is_none() {
            let due = self.now.after(crate::limits::ERASE_AFTER);
            self.session.erase_due = Some(due);
            self.wake(due);
        }
    }

    /// Whether the write-ahead log is to be emptied after this step.
    pub(crate) fn erases(&mut self) -> bool {
        self.session
            .erase_due
            .take_if(|due| *due <= self.now)
            .is_some()
    }

    /// Tells the person.
    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }
}
