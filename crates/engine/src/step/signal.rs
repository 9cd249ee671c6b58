//! Own signals: what is to be said, made into requests, and what their answers mean.
//!
//! Nothing of it is in the outbox. What must be told in the end (cursors, and that presence is not shown any more) is noted in `signal_told` until the
//! server has taken it; all else is forgotten when it is lost. `docs/protocol/signals.md`.

use std::time::Duration;

use keyfold_protocol::rules::GroupView;
use keyfold_protocol::signal::{self, Cursors, Kind, Says, Signal, SignalKey, SignalSecret, Spot};
use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1;

use super::Step;
use crate::Fault;
use crate::input::Reply;
use crate::limits::{
    GROUP_RECEIPT_AFTER, MAX_LIVELY, MAX_READ_BY, PRESENCE_EVERY, RECEIPT_AFTER, RECEIPT_AGAIN,
    RETRY_MOST, SIGNAL_COUNTER_AHEAD, SIGNAL_KEY_RETENTION, SIGNAL_LIFETIME, TYPING_AGAIN,
    TYPING_LASTS,
};
use crate::memory::Loaded;
use crate::signals::{Made, Slot};
use crate::table::conversation::{self, Row};
use crate::table::setting::{self, Setting};
use crate::table::signal::{self as table, Shown, Told};
use crate::table::{blocked, member, timeline};
use crate::view::Standing;

impl Step<'_> {
    /// Whether this account tells anything at all in a conversation: in one that it has not begun, only once it has said something in it, or, in a
    /// group, to somebody of it one to one; and nothing to who is blocked, or has not been accepted. Everything that is told of oneself unasked asks here.
    pub(super) fn may_tell(&mut self, row: Row) -> Result<bool, Fault> {
        let mut loaded = self.expect(row)?;
        let told = self.tells(&mut loaded);
        self.put(loaded);
        told
    }

    fn tells(&mut self, loaded: &mut Loaded) -> Result<bool, Fault> {
        if self.is_with_blocked(loaded)? || self.is_request(loaded)? {
            return Ok(false);
        }
        let row = loaded.row.shown_in;
        let mut told = table::told(self.tx, row)?;
        if told.spoken {
            return Ok(true);
        }
        told.spoken = timeline::has_spoken(self.tx, row)? || self.knows_somebody(loaded)?;
        if told.spoken {
            table::put_told(self.tx, row, &told)?;
        }
        Ok(told.spoken)
    }

    /// Whether this account has spoken with anybody of a group one to one: it was brought in among people whom it knows.
    fn knows_somebody(&self, loaded: &Loaded) -> Result<bool, Fault> {
        if loaded.row.direct || member::count(self.tx, loaded.row.row)? > MAX_READ_BY {
            return Ok(false);
        }
        let me = self.me()?.account();
        for one in member::all(self.tx, loaded.row.row)? {
            if one.account == me || blocked::has(self.tx, &one.account)? {
                continue;
            }
            for row in conversation::with_peer(self.tx, &one.account)? {
                if table::told(self.tx, row)?.spoken || timeline::has_spoken(self.tx, row)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// This account has begun a one-to-one conversation.
    pub(super) fn has_begun(&mut self, row: Row) -> Result<(), Fault> {
        let mut told = table::told(self.tx, row)?;
        told.spoken = true;
        table::put_told(self.tx, row, &told)
    }

    /// A connection begins: by the server's clock it is so late. Whatever was not answered over the one before is not any more.
    pub(super) fn signals_begin(&mut self, server_ms: u64) {
        let server = Timestamp(server_ms);
        let now = self.now;
        let signals = &mut self.session.signals;
        if server != Timestamp::default() {
            signals.set_server(server, now);
        }
        signals.ready.clear();
        signals.wanted.clear();
        signals.typing_said.clear();
        if signals.presence_due.is_some() {
            signals.presence_due = Some(now);
        }
    }

    /// All that waited has come: what was not told before this connection is told now.
    pub(super) fn tell_what_is_due(&mut self) -> Result<(), Fault> {
        for row in table::due(self.tx)? {
            self.session.signals.receipts.insert(row, self.now);
        }
        Ok(())
    }

    /// Something came, or this account has said something on one of its devices.
    pub(super) fn cursors_move(&mut self, row: Row, direct: bool, mine: bool) -> Result<(), Fault> {
        let after = match (mine, direct) {
            // To answer is to have read.
            (true, true) => Duration::ZERO,
            (false, true) => RECEIPT_AFTER,
            // In a group one tells all others.
            (_, false) => GROUP_RECEIPT_AFTER,
        };
        self.receipt_due(row, after)
    }

    /// A person has seen everything in a conversation.
    pub(super) fn has_read(&mut self, loaded: &Loaded) -> Result<(), Fault> {
        let after = if loaded.row.direct {
            Duration::ZERO
        } else {
            GROUP_RECEIPT_AFTER
        };
        self.receipt_due(loaded.row.row, after)
    }

    /// Cursors may have moved: tells them after this time, if they have.
    pub(super) fn receipt_due(&mut self, row: Row, after: Duration) -> Result<(), Fault> {
        let due = self.now.after(after);
        let known = self.session.signals.receipts.get(&row).copied();
        if known.is_none() {
            let mut told = table::told(self.tx, row)?;
            if !told.due {
                told.due = true;
                table::put_told(self.tx, row, &told)?;
            }
        }
        let due = known.map_or(due, |known| known.min(due));
        self.session.signals.receipts.insert(row, due);
        // What is due is told at the end of this step, or of the one that makes it possible.
        if due > self.now {
            self.wake(due);
        }
        Ok(())
    }

    /// Says something as soon as possible, if that is before `until`. It takes the place of what was to be said before.
    pub(super) fn want(&mut self, slot: Slot, says: Says, until: Timestamp) {
        self.session.signals.wanted.insert(slot, (says, until));
    }

    /// Makes requests of what is to be said now.
    pub(super) fn make_signals(&mut self) -> Result<(), Fault> {
        if !self.session.caught_up || self.identity.is_none() {
            return Ok(());
        }
        self.presence()?;
        self.receipts()?;
        for (slot, (says, until)) in std::mem::take(&mut self.session.signals.wanted) {
            if until <= self.now {
                continue;
            }
            if self.session.signals.is_busy(slot) {
                self.want(slot, says, until);
                continue;
            }
            let Some(mut loaded) = self.take(slot.0)? else {
                continue;
            };
            let made = self.make_signal(&mut loaded, slot, says, until);
            self.put(loaded);
            made?;
        }
        Ok(())
    }

    fn make_signal(
        &mut self,
        loaded: &mut Loaded,
        slot: Slot,
        says: Says,
        until: Timestamp,
    ) -> Result<(), Fault> {
        let usable = loaded.row.standing == Standing::Active && !loaded.leaving;
        let handle = loaded.row.handle.filter(|_| usable && self.session.greeted);
        let Some(handle) = handle else {
            return Ok(());
        };
        if !self.tells(loaded)? || !self.load_group(loaded)? {
            return Ok(());
        }
        let signal = Signal {
            device: self.me()?.device(),
            counter: self.next_signal_counter()?,
            expires: self.session.signals.to_server(until),
            says,
        };
        let replace_key = self.signal_secret()?.replace_key(loaded.row.talk(), slot.1);
        let current = loaded.group.as_ref().ok_or_else(Fault::no_group)?;
        let spot = Spot {
            group_id: current.group.id(),
            epoch: loaded.row.epoch,
        };
        let keys = &self.me()?.keys;
        let body = self
            .rng
            .with(|rng| signal::seal(&current.signal, spot, &signal, keys, rng))
            .map_err(|_| Fault::internal("sealing a signal"))?;
        let body = v1::Signal {
            handle: handle.to_wire(),
            epoch: loaded.row.epoch.0,
            roster_key: bytes::Bytes::copy_from_slice(current.roster_key.as_bytes()),
            replace_key: bytes::Bytes::copy_from_slice(&replace_key),
            body: body.into(),
        };
        let last = self.memory.outbox.keys().next_back().copied();
        let id = self.session.next_request(last);
        let ready = &mut self.session.signals.ready;
        ready.retain(|_, made| made.slot != slot);
        let made = Made {
            slot,
            says,
            until,
            body,
        };
        ready.insert(id, made);
        Ok(())
    }

    /// Greater than all before it, also those of a copy of this database that was put back: it carries the time.
    fn next_signal_counter(&mut self) -> Result<u64, Fault> {
        let last = setting::get(self.tx, Setting::SignalCounter)?;
        let last = last.and_then(|bytes| bytes.as_slice().try_into().ok());
        let last = last.map_or(0, u64::from_be_bytes);
        let most = self.now.after(SIGNAL_COUNTER_AHEAD).0;
        let now = self.session.signals.to_server(self.now).0.min(most);
        let next = last.saturating_add(1).max(now);
        setting::put(self.tx, Setting::SignalCounter, &next.to_be_bytes())?;
        Ok(next)
    }

    fn signal_secret(&mut self) -> Result<SignalSecret, Fault> {
        if let Some(bytes) = setting::get(self.tx, Setting::SignalSecret)?
            && let Ok(bytes) = bytes.as_slice().try_into()
        {
            return Ok(SignalSecret::new(bytes));
        }
        let secret = self.rng.with(|rng| SignalSecret::generate(rng));
        let bytes = secret.to_secret_bytes();
        setting::put(self.tx, Setting::SignalSecret, bytes.as_slice())?;
        Ok(secret)
    }

    /// Tells how far this account has come, wherever it is time and that has changed.
    fn receipts(&mut self) -> Result<(), Fault> {
        let due = self.session.signals.receipts.iter();
        let due: Vec<Row> = due
            .filter(|(row, due)| {
                **due <= self.now && !self.session.signals.is_busy((**row, Kind::Receipt))
            })
            .map(|(row, _)| *row)
            .collect();
        for row in due {
            self.session.signals.receipts.remove(&row);
            let mut told = table::told(self.tx, row)?;
            if told.presence == Shown::NotAnyMore {
                let until = self.now.after(SIGNAL_LIFETIME);
                self.want((row, Kind::Presence), Says::Presence(None), until);
            }
            let Some(loaded) = self.take(row)? else {
                continue;
            };
            let asked = self.session.signals.owed.remove(&row);
            let tells = self.privacy()?.receipts && (asked || self.is_lively(&loaded)?);
            let cursors = self.own_cursors(&loaded, &told)?;
            self.put(loaded);
            let news = cursors != told.cursors || asked;
            if tells && news && self.may_tell(row)? {
                let until = self.now.after(SIGNAL_LIFETIME);
                self.want((row, Kind::Receipt), Says::Receipt(cursors), until);
            } else if told.due && (!tells || !news) {
                told.due = false;
                table::put_told(self.tx, row, &told)?;
            }
        }
        Ok(())
    }

    /// The last messages of others that have come and that were seen.
    fn own_cursors(&self, loaded: &Loaded, told: &Told) -> Result<Cursors, Fault> {
        let row = loaded.row.row;
        let place = |id| timeline::place_of(self.tx, row, &id);
        let told_at = told.cursors.read.map(place).transpose()?.flatten();
        let after = told_at.map_or(0, |place| place.position().saturating_sub(1));
        let last = |up_to| timeline::last_of_others(self.tx, row, after, up_to);
        Ok(Cursors {
            delivered: last(timeline::WAITING)?.or(told.cursors.delivered),
            read: last(loaded.row.read_up_to)?.or(told.cursors.read),
        })
    }

    /// Whether people tell here unasked that they are typing and what they have read.
    pub(super) fn is_lively(&self, loaded: &Loaded) -> Result<bool, Fault> {
        Ok(loaded.row.direct || member::count(self.tx, loaded.row.row)? <= MAX_LIVELY)
    }

    /// A person looks at the screen, or has gone away.
    pub(super) fn foreground(&mut self, active: bool) -> Result<super::command::Answered, Fault> {
        let now = self.now;
        let was = self.session.signals.presence_due.is_some();
        self.session.signals.presence_due = active.then_some(now);
        if was && !active {
            self.show_presence()?;
        }
        Ok(Ok(crate::command::Answer::Taken))
    }

    /// Tells that this person is active, if it is time.
    fn presence(&mut self) -> Result<(), Fault> {
        let due = self.session.signals.presence_due;
        if due.is_none_or(|due| due > self.now && due <= self.now.after(PRESENCE_EVERY)) {
            return Ok(());
        }
        let next = self.now.after(PRESENCE_EVERY);
        self.session.signals.presence_due = Some(next);
        self.wake(next);
        self.show_presence()
    }

    fn show_presence(&mut self) -> Result<(), Fault> {
        let privacy = self.privacy()?;
        self.write_rows()?;
        for row in conversation::lately_direct(self.tx)? {
            let Some(loaded) = self.take(row)? else {
                continue;
            };
            let peer = loaded.row.peer;
            self.put(loaded);
            let shown = peer.is_some_and(|peer| privacy.presence.includes(&peer));
            if !shown || !self.may_tell(row)? {
                continue;
            }
            let mut told = table::told(self.tx, row)?;
            if told.presence != Shown::Is {
                told.presence = Shown::Is;
                table::put_told(self.tx, row, &told)?;
            }
            let at = self.session.signals.to_server(self.now);
            let until = self.now.after(SIGNAL_LIFETIME);
            self.want((row, Kind::Presence), Says::Presence(Some(at)), until);
        }
        Ok(())
    }

    /// A person is typing, or not any more.
    pub(super) fn typing(
        &mut self,
        loaded: &mut Loaded,
        typing: bool,
    ) -> Result<crate::command::Answer, Fault> {
        let row = loaded.row.row;
        let said = self.session.signals.typing_said.get(&row).copied();
        let again = said.is_none_or(|said| self.now >= said.after(TYPING_AGAIN) || said > self.now);
        let news = if typing { again } else { said.is_some() };
        if news && self.privacy()?.typing && self.is_lively(loaded)? {
            let said = &mut self.session.signals.typing_said;
            if typing {
                said.insert(row, self.now);
            } else {
                said.remove(&row);
            }
            let until = self.now.after(TYPING_LASTS);
            self.want((row, Kind::Typing), Says::Typing(typing), until);
        }
        Ok(crate::command::Answer::Taken)
    }

    /// An own signal was answered. `false`: it is another request.
    pub(super) fn signal_answered(&mut self, request: i64, reply: &Reply) -> Result<bool, Fault> {
        let Some((slot, says)) = self.session.signals.in_flight.remove(&request) else {
            return Ok(false);
        };
        match reply {
            Reply::Done(_) => self.signal_taken(slot, says)?,
            // Made anew where it has to be told in the end; anything else is of no use any more.
            Reply::Refused(refused) => {
                let wait = Duration::from_millis(u64::from(refused.retry_after_ms));
                let gone = refused.code == i32::from(v1::RefusalCode::NotFound);
                let least = if gone { RETRY_MOST } else { RECEIPT_AGAIN };
                self.signal_failed(slot, says, wait.clamp(least, RETRY_MOST));
            }
            _ => self.signal_failed(slot, says, RECEIPT_AGAIN),
        }
        Ok(true)
    }

    /// The socket broke: nobody knows whether the server has it.
    pub(super) fn signal_lost(&mut self, request: i64) {
        if let Some((slot, says)) = self.session.signals.in_flight.remove(&request) {
            self.signal_failed(slot, says, RECEIPT_AGAIN);
        }
    }

    fn signal_failed(&mut self, slot: Slot, says: Says, after: Duration) {
        if matches!(says, Says::Receipt(_) | Says::Presence(None)) {
            let again = self.now.after(after);
            self.session.signals.receipts.entry(slot.0).or_insert(again);
            self.wake(again);
        }
    }

    fn signal_taken(&mut self, (row, _): Slot, says: Says) -> Result<(), Fault> {
        let mut told = table::told(self.tx, row)?;
        match says {
            Says::Receipt(cursors) => {
                told.cursors = cursors;
                told.due = self.session.signals.receipts.contains_key(&row);
                table::put_told(self.tx, row, &told)
            }
            Says::Presence(None) if told.presence == Shown::NotAnyMore => {
                told.presence = Shown::Never;
                table::put_told(self.tx, row, &told)
            }
            _ => Ok(()),
        }
    }

    /// An epoch is over: signals that were sealed in it may still wait at the server.
    pub(super) fn keep_signal_key(
        &mut self,
        before: &GroupView,
        key: &SignalKey,
    ) -> Result<(), Fault> {
        let until = self.now.after(SIGNAL_KEY_RETENTION);
        let bytes = key.to_secret_bytes();
        table::keep_key(
            self.tx,
            &before.group_id,
            before.epoch,
            bytes.as_slice(),
            until,
        )?;
        self.reschedule = true;
        Ok(())
    }

    /// What time brings.
    pub(super) fn signals_tick(&mut self) -> Result<(), Fault> {
        let latest = self.now.after(SIGNAL_KEY_RETENTION);
        if table::erase_keys(self.tx, self.now, latest)? {
            self.erase = true;
        }
        let now = self.now;
        let is_over = |until: &Timestamp| *until <= now || *until > now.after(TYPING_LASTS);
        let typing = &mut self.session.signals.typing;
        let over: Vec<Row> = typing
            .iter()
            .filter(|(_, until)| is_over(until))
            .map(|((row, _), _)| *row)
            .collect();
        typing.retain(|_, until| !is_over(until));
        for row in over {
            self.tell_signal(row)?;
        }
        Ok(())
    }

    /// When to look again.
    pub(super) fn signals_due(&self) -> Result<Option<Timestamp>, Fault> {
        let signals = &self.session.signals;
        let receipts = signals
            .receipts
            .iter()
            .filter(|(row, _)| self.session.caught_up && !signals.is_busy((**row, Kind::Receipt)));
        let presence = signals.presence_due.filter(|_| self.session.caught_up);
        let dues = [
            presence,
            receipts.map(|(_, due)| *due).min(),
            signals.typing.values().copied().min(),
            table::next_key_due(self.tx)?,
        ];
        Ok(dues.into_iter().flatten().min())
    }

    /// Two one-to-one conversations became one.
    pub(super) fn signals_move(&mut self, from: Row, to: Row) -> Result<(), Fault> {
        table::relocate(self.tx, from, to)?;
        self.session.signals.receipts.remove(&from);
        self.receipt_due(to, RECEIPT_AFTER)
    }
}
