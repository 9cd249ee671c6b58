//! Signals of others: opened, judged, and what they change. Whatever is not acceptable is ignored: a signal that is lost costs nothing.

use keyfold_protocol::content::ContentId;
use keyfold_protocol::rules::LeafView;
use keyfold_protocol::signal::{self, Cursors, Kind, Says, Signal, SignalKey, Spot, Unverified};
use keyfold_wire::ids::{AccountId, DeviceId, Epoch, Serial, Timestamp};
use keyfold_wire::v1;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::{
    MAX_READ_BY, READ_BY_AGAIN, READ_BY_HEEDED, READ_BY_WITHIN, SIGNAL_LIFETIME, SIGNAL_SLACK,
    TYPING_LASTS,
};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::address::{self, Use};
use crate::table::conversation::{self, Row};
use crate::table::signal as table;
use crate::table::timeline::{self, WAITING};
use crate::table::{blocked, key_package, member};
use crate::view::Standing;

/// A signal of a member.
struct Heard {
    /// The row whose timeline shows the conversation.
    shown_in: Row,
    account: AccountId,
    /// The devices that are members now.
    devices: Vec<DeviceId>,
    signal: Signal,
}

impl Step<'_> {
    /// Takes in a push.
    pub(super) fn hear_signals(&mut self, signals: &v1::Signals) -> Result<(), Fault> {
        if self.session.broken_off || self.identity.is_none() {
            return Ok(());
        }
        let mut last = None;
        for one in &signals.signals {
            last = last.max(Some(one.number));
            for row in self.rows_at(one.serial)? {
                if let Some(heard) = self.open_signal(row, &one.body)? {
                    if !blocked::has(self.tx, &heard.account)? {
                        self.heard_signal(&heard)?;
                    }
                    break;
                }
            }
        }
        self.session.signals.acknowledge = last;
        Ok(())
    }

    /// Conversations that a signal for an own address may belong to.
    fn rows_at(&mut self, serial: u64) -> Result<Vec<Row>, Fault> {
        if i64::try_from(serial).is_err() {
            return Ok(Vec::new());
        }
        let serial = Serial(serial);
        if let Some(row) = self.memory.serials.get(&serial) {
            return Ok(vec![*row]);
        }
        match address::used_for(self.tx, serial)? {
            Some(Use::Conversation(row) | Use::Retiring(row)) => Ok(vec![row]),
            Some(Use::Package) if key_package::is_last_resort(self.tx, serial)? => {
                self.write_rows()?;
                conversation::sharing(self.tx, serial)
            }
            Some(Use::Package | Use::Free | Use::Invitation) | None => Ok(Vec::new()),
        }
    }

    fn open_signal(&mut self, row: Row, body: &[u8]) -> Result<Option<Heard>, Fault> {
        let Some(mut loaded) = self.take(row)? else {
            return Ok(None);
        };
        let heard = self.open_in(&mut loaded, body);
        self.put(loaded);
        heard
    }

    /// Opens it by the key of this epoch or of one that was; the device must be a member now.
    fn open_in(&mut self, loaded: &mut Loaded, body: &[u8]) -> Result<Option<Heard>, Fault> {
        let stands = matches!(loaded.row.standing, Standing::Active | Standing::Held(_));
        if !stands || !self.load_group(loaded)? {
            return Ok(None);
        }
        let current = loaded.group.as_ref().ok_or_else(Fault::no_group)?;
        let view = current.group.view();
        let mut found = signal::open(&current.signal, view.epoch, body)
            .ok()
            .map(|opened| (view.epoch, opened));
        if found.is_none() {
            found = self.open_by_kept(&view.group_id, body)?;
        }
        let Some((epoch, opened)) = found else {
            return Ok(None);
        };
        let spot = Spot {
            group_id: &view.group_id,
            epoch,
        };
        let mut leaves = view.leaves.iter();
        let Some(leaf) = leaves.find(|leaf| leaf.device() == opened.device()) else {
            return Ok(None);
        };
        let account = leaf.account();
        let devices = view.leaves.iter().map(LeafView::device).collect();
        Ok(opened.verify(spot, leaf).ok().map(|signal| Heard {
            shown_in: loaded.row.shown_in,
            account,
            devices,
            signal,
        }))
    }

    fn open_by_kept(
        &self,
        group_id: &[u8],
        body: &[u8],
    ) -> Result<Option<(Epoch, Unverified)>, Fault> {
        for (epoch, key) in table::keys(self.tx, group_id)? {
            if let Ok(key) = key.as_slice().try_into()
                && let Ok(opened) = signal::open(&SignalKey::new(key), epoch, body)
            {
                return Ok(Some((epoch, opened)));
            }
        }
        Ok(None)
    }

    /// Judges a signal that a member has signed, and does what follows from it.
    fn heard_signal(&mut self, heard: &Heard) -> Result<(), Fault> {
        let signal = &heard.signal;
        let me = self.me()?;
        let other = signal.device != me.device();
        let Some(kind) = signal.says.kind() else {
            return Ok(());
        };
        if !other || !self.is_current(heard, kind)? {
            return Ok(());
        }
        if other && self.is_own(&heard.account, &signal.device)? {
            let mut loaded = self.expect(heard.shown_in)?;
            let accepted = self.accepted_elsewhere(&mut loaded);
            self.put(loaded);
            accepted?;
        }
        match signal.says {
            Says::Presence(at) => self.heard_presence(heard, at),
            Says::Typing(on) => self.heard_typing(heard, on),
            Says::Receipt(cursors) => self.heard_cursors(heard, &cursors),
            Says::ReadBy(message) => self.heard_question(heard, &message),
            Says::Unknown => Ok(()),
        }
    }

    /// Neither over, nor from too far ahead, nor older than what was heard.
    fn is_current(&mut self, heard: &Heard, kind: Kind) -> Result<bool, Fault> {
        let (row, signal) = (heard.shown_in, &heard.signal);
        let now = self.session.signals.to_server(self.now);
        let latest = now.after(SIGNAL_LIFETIME).after(SIGNAL_SLACK);
        if signal.expires <= now || signal.expires > latest {
            return Ok(false);
        }
        let device = signal.device;
        if kind == Kind::Typing {
            let known = &mut self.session.signals.typing_heard;
            let last = known.get(&(row, device)).copied();
            if last.is_some_and(|last| signal.counter <= last) {
                return Ok(false);
            }
            if last.is_none() {
                known.retain(|(other, one), _| *other != row || heard.devices.contains(one));
            }
            known.insert((row, device), signal.counter);
            return Ok(true);
        }
        let last = table::heard(self.tx, row, &device, kind)?;
        if last.is_some_and(|last| signal.counter <= last) {
            return Ok(false);
        }
        if last.is_none() {
            table::keep_heard(self.tx, row, &heard.devices)?;
        }
        table::hear(self.tx, row, &device, kind, signal.counter)?;
        Ok(true)
    }

    /// Of the other side of a one-to-one conversation alone; nobody was active in the future.
    fn heard_presence(&mut self, heard: &Heard, at: Option<Timestamp>) -> Result<(), Fault> {
        let loaded = self.expect(heard.shown_in)?;
        let peer = loaded.row.peer;
        self.put(loaded);
        if peer != Some(heard.account) {
            return Ok(());
        }
        let at = at.map(|at| self.session.signals.to_own(at).min(self.now));
        let device = &heard.signal.device;
        table::put_presence(self.tx, &heard.account, device, at, &heard.devices)?;
        self.tell_signal(heard.shown_in)
    }

    fn heard_typing(&mut self, heard: &Heard, on: bool) -> Result<(), Fault> {
        let own = heard.account == self.me()?.account();
        let loaded = self.expect(heard.shown_in)?;
        let lively = self.is_lively(&loaded);
        self.put(loaded);
        if own || !lively? || !self.privacy()?.typing {
            return Ok(());
        }
        let typing = &mut self.session.signals.typing;
        let slot = (heard.shown_in, heard.account);
        if on {
            let expires = self.session.signals.offset.saturating_neg();
            let expires = Timestamp(heard.signal.expires.0.saturating_add_signed(expires));
            let until = expires.min(self.now.after(TYPING_LASTS));
            typing.insert(slot, until);
            self.wake(until);
        } else if typing.remove(&slot).is_none() {
            return Ok(());
        }
        self.tell_signal(heard.shown_in)
    }

    /// Somebody has said something: they are not typing any more.
    pub(super) fn stops_typing(&mut self, row: Row, account: AccountId) {
        self.session.signals.typing.remove(&(row, account));
    }

    fn heard_cursors(&mut self, heard: &Heard, cursors: &Cursors) -> Result<(), Fault> {
        if heard.account == self.me()?.account() {
            return self.read_elsewhere(heard.shown_in, cursors);
        }
        let row = heard.shown_in;
        let loaded = self.expect(row)?;
        let lively = self.is_lively(&loaded);
        self.put(loaded);
        let asked = self.session.signals.asked.get(&row).copied();
        let heeded = asked.is_some_and(|asked| self.now.since(asked) <= READ_BY_HEEDED);
        if !(heeded || lively?) || !self.privacy()?.receipts {
            return Ok(());
        }
        let known = table::cursors(self.tx, row, &heard.account)?;
        let next = Cursors {
            delivered: self.later(row, known.delivered, cursors.delivered)?,
            read: self.later(row, known.read, cursors.read)?,
        };
        if next.delivered.is_none() && next.read.is_none() {
            return Ok(());
        }
        table::put_cursors(self.tx, row, &heard.account, &next)?;
        self.tell_signal(row)
    }

    /// A cursor, where it leads further than the one that is known. Nobody can have come to what is not there.
    fn later(
        &self,
        row: Row,
        known: Option<ContentId>,
        new: Option<ContentId>,
    ) -> Result<Option<ContentId>, Fault> {
        let place = |id: Option<ContentId>| match id {
            Some(id) => timeline::place_of(self.tx, row, &id),
            None => Ok(None),
        };
        let (known, found) = (place(known)?, place(new)?);
        Ok(new.filter(|_| found.is_some() && found > known))
    }

    /// This person has read something on another device: it is read here, too.
    fn read_elsewhere(&mut self, row: Row, cursors: &Cursors) -> Result<(), Fault> {
        let Some(read) = cursors.read else {
            return Ok(());
        };
        let Some(place) = timeline::place_of(self.tx, row, &read)? else {
            return Ok(());
        };
        let mut loaded = self.expect(row)?;
        let position = place.position();
        if position > loaded.row.read_up_to {
            let unread = timeline::count_of_others(self.tx, row, position)?;
            let row = loaded.change();
            (row.read_up_to, row.unread) = (position, unread);
            self.begin_read(loaded.row.row, position)?;
            let id = loaded.row.public_id;
            self.tell(Event::Signal(id));
        }
        self.put(loaded);
        Ok(())
    }

    /// A member wants to know who has read a message.
    fn heard_question(&mut self, heard: &Heard, message: &ContentId) -> Result<(), Fault> {
        let row = heard.shown_in;
        let loaded = self.expect(row)?;
        let group = !loaded.row.direct;
        self.put(loaded);
        let people = member::count(self.tx, row)?;
        let own = heard.account == self.me()?.account();
        let last = self.session.signals.answered.get(&row).copied();
        let again =
            last.is_none_or(|last| self.now.since(last) >= READ_BY_AGAIN || last > self.now);
        let known = timeline::place_of(self.tx, row, message)?.is_some();
        if own || !group || people > MAX_READ_BY || !again || !known || !self.privacy()?.receipts {
            return Ok(());
        }
        self.session.signals.answered.insert(row, self.now);
        self.session.signals.owed.insert(row);
        let after = self.within(READ_BY_WITHIN);
        self.receipt_due(row, after)
    }

    /// Asks the members of a group who has read a message.
    pub(super) fn ask_read_by(
        &mut self,
        loaded: &mut Loaded,
        message: &ContentId,
    ) -> Result<Answered, Fault> {
        let row = loaded.row.row;
        if loaded.row.direct {
            return Ok(Err(Complaint::GroupsOnly));
        }
        if !self.privacy()?.receipts {
            return Ok(Err(Complaint::ReceiptsOff));
        }
        if member::count(self.tx, row)? > MAX_READ_BY {
            return Ok(Err(Complaint::ReadByPeople(MAX_READ_BY)));
        }
        let entry = match self.meant(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        if entry.place.position() >= WAITING {
            return Ok(Err(Complaint::NoSuchMessage));
        }
        self.session.signals.asked.insert(row, self.now);
        let until = self.now.after(READ_BY_HEEDED);
        self.want((row, Kind::ReadBy), Says::ReadBy(*message), until);
        Ok(Ok(Answer::Taken))
    }

    /// Whoever shows the conversation asks anew.
    pub(super) fn tell_signal(&mut self, row: Row) -> Result<(), Fault> {
        let loaded = self.expect(row)?;
        let id = loaded.row.public_id;
        self.put(loaded);
        let event = Event::Signal(id);
        if self.events.last() != Some(&event) {
            self.tell(event);
        }
        Ok(())
    }
}
