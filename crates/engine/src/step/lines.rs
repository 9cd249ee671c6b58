//! The lines of a conversation: one is in use; those that it has left behind are read until they end, and then forgotten.
//!
//! A line other than the one in use is a row of conversations of its own. Standing `Creating`, it is to take over once the server
//! has it; `Active`, it is left behind and what still comes in it is shown; `Held`, it is over as soon as nothing can be on its
//! way any more, or, where it has a time, only read until then.

use keyfold_protocol::group::Group;
use keyfold_protocol::rules::GroupView;
use keyfold_wire::ids::{AccountId, ConversationId, Timestamp};

use super::{Notice, Step};
use crate::Fault;
use crate::limits::{END_JITTER, LINE_RETENTION, MAX_GONE, MAX_LINES, RECEIPT_AFTER};
use crate::memory::Loaded;
use crate::outcome::{Event, Failure};
use crate::table::conversation::{self, ConversationRow, Row};
use crate::table::intent::{self, Progress, Wish};
use crate::table::outbox::{self, Kind};
use crate::table::timeline::{self, Place};
use crate::table::{address, agreed, finding, given_up, key_package, member, parked, profile};
use crate::view::Standing;

impl Step<'_> {
    /// A further line of a conversation, with its group.
    pub(super) fn new_line(&mut self, host: &Loaded, group: Group) -> Result<Loaded, Fault> {
        let view = group.view().clone();
        let public_id = ConversationId::new(self.rng.bytes());
        let mut row = ConversationRow::new(public_id, host.row.direct, String::new(), view.suite);
        row.shown_in = host.row.shown_in;
        row.line_of = Some(host.row.row);
        row.talk = Some(host.row.talk());
        row.group_id = Some(view.group_id.clone());
        conversation::insert(self.tx, &mut row)?;
        let mut line = Loaded::new(self.tx, row)?;
        line.group = Some(self.current(group)?);
        self.mirror(&mut line, &view)?;
        Ok(line)
    }

    /// Takes the conversation that a line is of. `None`: it is no line of any.
    pub(super) fn take_host(&mut self, line: &Loaded) -> Result<Option<Loaded>, Fault> {
        let host = line.row.line_of.map(|row| self.take(row));
        Ok(host.transpose()?.flatten())
    }

    /// The server has this line: members follow it, if it comes before the one in use.
    pub(super) fn take_line(
        &mut self,
        line: &mut Loaded,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let Some(mut host) = self.take_host(line)? else {
            return self.end_line(line);
        };
        let in_use = !matches!(host.row.standing, Standing::Left | Standing::Failed(_));
        if !in_use {
            self.end_line(line)?;
        } else if line.row.place() > host.row.place() {
            self.change_lines(&mut host, line, by, at)?;
        } else {
            self.leave_behind(line)?;
        }
        self.put(host);
        Ok(())
    }

    /// The conversation goes on in `line`, which becomes what the conversation's row was: the line left behind.
    fn change_lines(
        &mut self,
        host: &mut Loaded,
        line: &mut Loaded,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        self.load_group(host)?;
        self.swap(host, line)?;
        let before = std::mem::replace(&mut host.change().standing, Standing::Active);
        let usable = before == Standing::Active;
        let view = host
            .group
            .as_ref()
            .map(|current| current.group.view().clone());
        if let Some(view) = view {
            // Whoever is let in by the move may have missed it.
            profile::untell(self.tx, host.row.row)?;
            let left_behind = line.group.as_ref();
            if let Some(had) = left_behind.map(|former| former.group.view().accounts()) {
                let has = view.accounts();
                self.remember_gone(host.row.row, &had, &has, at)?;
                // The end of the line tells those who stay behind, where this device can commit to it.
                if let Some(place) = line.row.place().filter(|_| !usable) {
                    let astray: Vec<AccountId> = had.difference(&has).copied().collect();
                    self.tell_astray(host, place, &astray)?;
                }
            }
            self.mirror(host, &view)?;
            self.leavers_of(host.row.row, &view)?;
            self.bring_own_devices(host.row.row, &view)?;
            self.unsend_unread(line, &view)?;
        }
        if let Some(place) = host.row.place() {
            given_up::remove(self.tx, host.row.row, place)?;
        }
        let due = self.now.after(self.renewal_after_join(host));
        let row = host.change();
        (row.since_update, row.attempts) = (0, 0);
        row.update_due = Some(due);
        self.on_the_way_again(host)?;
        self.stop_reinviting(host.row.row)?;
        if usable {
            self.leave_behind(line)?;
        } else if line.row.serial.is_some() {
            self.only_read(line);
        } else {
            // Nothing that is said there comes to this device any more.
            self.line_over(line)?;
        }
        let me = self.me()?.account();
        if by == Some(me) {
            self.reinvite_later(host.row.row, 0)?;
        }
        // Whoever has moved it may have come in after them.
        let current = host.group.as_ref().map(|current| current.group.view());
        if by == Some(me) || current.and_then(GroupView::acting_owner) == Some(me) {
            self.tell_gone(host)?;
        }
        self.note_move(host, by, before, at)?;
        // While it was held nothing could be told.
        self.receipt_due(host.row.shown_in, RECEIPT_AFTER)?;
        self.reschedule = true;
        self.touched.insert(host.row.row);
        self.unpark.extend(host.row.serial);
        self.unpark.extend(line.row.serial);
        let shown = self.shown_id(host)?;
        self.tell(Event::Moved(shown));
        Ok(())
    }

    /// Who had lost its place is back by the move.
    fn note_move(
        &mut self,
        host: &mut Loaded,
        by: Option<AccountId>,
        before: Standing,
        at: Timestamp,
    ) -> Result<(), Fault> {
        self.note(host, by, &Notice::Moved, at)?;
        match before {
            Standing::Rejoining(why) => self.note(host, by, &Notice::Back(why), at),
            _ => Ok(()),
        }
    }

    /// What belongs to a group changes places between two rows: the group, where it is, and what is under way in it.
    fn swap(&mut self, host: &mut Loaded, line: &mut Loaded) -> Result<(), Fault> {
        use std::mem::swap;
        swap(&mut host.group, &mut line.group);
        let (one, other) = (host.change(), line.change());
        swap(&mut one.group_id, &mut other.group_id);
        swap(&mut one.handle, &mut other.handle);
        swap(&mut one.epoch, &mut other.epoch);
        swap(&mut one.server_epoch, &mut other.server_epoch);
        swap(&mut one.suite, &mut other.suite);
        swap(&mut one.serial, &mut other.serial);
        swap(&mut one.rejected, &mut other.rejected);
        swap(&mut one.past_until, &mut other.past_until);
        swap(&mut one.past_due, &mut other.past_due);
        swap(&mut one.past_key, &mut other.past_key);
        swap(&mut one.commit_bytes, &mut other.commit_bytes);
        swap(&mut one.moves, &mut other.moves);
        let (host, line) = (one.row, other.row);
        address::swap(self.tx, host, line)?;
        self.memory.serials.clear();
        member::replace(self.tx, line, &[])?;
        self.rehome(host, line)
    }

    /// What is under way in the line that is left behind is answered there. Commits are of no use any more: what they were for is
    /// tried again.
    fn rehome(&mut self, from: Row, to: Row) -> Result<(), Fault> {
        let mut wishes = Vec::new();
        for (id, waiting) in &mut self.memory.outbox {
            if waiting.conversation != Some(from)
                || !matches!(waiting.kind, Kind::Send | Kind::Commit)
            {
                continue;
            }
            waiting.conversation = Some(to);
            if waiting.kind == Kind::Commit {
                wishes.push(waiting.reference);
                waiting.reference = 0;
            }
            outbox::rehome(self.tx, *id, waiting)?;
        }
        for intent in wishes {
            intent::set_progress(self.tx, intent, Progress::Ready)?;
        }
        Ok(())
    }

    /// The conversation goes on: nothing more is to be done for that.
    pub(super) fn on_the_way_again(&mut self, host: &mut Loaded) -> Result<(), Fault> {
        let row = host.row.row;
        for intent in intent::of(self.tx, row)? {
            let over = match intent.wish {
                // The server may have it already, and somebody may be in it.
                Wish::Move => intent.progress != Progress::Requested,
                Wish::Rejoin | Wish::Readmit { .. } | Wish::Look | Wish::Locate => true,
                _ => false,
            };
            if over {
                self.forget_intent(intent.id)?;
            }
        }
        finding::forget(self.tx, row)?;
        self.withdraw_offers(row, 0)
    }

    /// A line is left behind: it is read until somebody has ended it.
    fn leave_behind(&mut self, line: &mut Loaded) -> Result<(), Fault> {
        let due = self.now.after(LINE_RETENTION);
        let row = line.change();
        row.standing = Standing::Active;
        row.update_due = Some(due);
        let behind = row.epoch < row.server_epoch;
        let row = row.row;
        if behind {
            // Whatever was to show whether the commit comes speaks of the row that the group was in.
            self.look_again(row)?;
        }
        let when = self.now.after(self.within(END_JITTER));
        self.intend(row, &Wish::End, Progress::Ready, when)?;
        self.wake(when);
        self.reschedule = true;
        Ok(())
    }

    /// A line is left behind in which nothing may be encrypted here: what others say in it, until they have heard of the move, is read.
    fn only_read(&mut self, line: &mut Loaded) {
        let due = self.now.after(LINE_RETENTION);
        let row = line.change();
        row.standing = Standing::Held(String::new());
        row.update_due = Some(due);
        self.reschedule = true;
    }

    /// Nothing more can be said in a line: it ends when what is on its way has come.
    pub(super) fn line_over(&mut self, line: &mut Loaded) -> Result<(), Fault> {
        let row = line.change();
        row.standing = Standing::Held(String::new());
        row.update_due = None;
        let row = row.row;
        self.barrier(row, self.now)
    }

    /// A line is forgotten. What this device has said in it and nobody has heard is said again where the conversation goes on.
    pub(super) fn end_line(&mut self, line: &mut Loaded) -> Result<(), Fault> {
        let row = line.row.row;
        self.say_again(line)?;
        for intent in intent::of(self.tx, row)? {
            self.forget_intent(intent.id)?;
        }
        self.load_group(line)?;
        if let Some(current) = line.group.take() {
            current
                .group
                .delete(&self.storage)
                .map_err(Fault::from_mls)?;
        }
        let mut unused = Vec::new();
        for serial in address::of(self.tx, row)? {
            parked::take(self.tx, serial)?;
            if !key_package::is_last_resort(self.tx, serial)? {
                unused.push(serial);
            }
        }
        self.revoke(unused)?;
        member::replace(self.tx, row, &[])?;
        agreed::forget(self.tx, row)?;
        conversation::remove(self.tx, row)?;
        self.memory.serials.retain(|_, used| *used != row);
        self.memory.intents.remove(&row);
        line.ended = true;
        self.erase = true;
        self.reschedule = true;
        self.touched.extend(line.row.line_of);
        Ok(())
    }

    /// This device is not in the conversation any more: none of its lines is read.
    pub(super) fn drop_lines(&mut self, host: &mut Loaded) -> Result<(), Fault> {
        for row in conversation::lines(self.tx, Some(host.row.row))? {
            if let Some(mut line) = self.take(row)? {
                self.see_off(host, row)?;
                self.abandon(host, &mut line)?;
                self.end_line(&mut line)?;
                self.put(line);
            }
        }
        Ok(())
    }

    /// A line that this device was going to end is ended by nobody, maybe: whoever is in it, and not where the conversation goes on, hears
    /// that it is not followed.
    fn abandon(&mut self, host: &Loaded, line: &mut Loaded) -> Result<(), Fault> {
        let Some(place) = line.row.place() else {
            return Ok(());
        };
        if line.row.standing != Standing::Active || !self.load_group(line)? {
            return Ok(());
        }
        let current = line.group.as_ref().ok_or_else(Fault::no_group)?;
        let mut astray = current.group.view().accounts();
        for member in member::all(self.tx, host.row.row)? {
            astray.remove(&member.account);
        }
        let astray: Vec<AccountId> = astray.into_iter().take(MAX_GONE as usize).collect();
        self.tell_astray(host, place, &astray)
    }

    /// What is under way in a line is read by those who are in it, though this device is in none any more: it is not said to have
    /// failed before the server has refused it.
    fn see_off(&mut self, host: &mut Loaded, line: Row) -> Result<(), Fault> {
        let of_line = |waiting: &outbox::Waiting| {
            waiting.conversation == Some(line) && waiting.kind == Kind::Send
        };
        let requests = self.memory.outbox.iter();
        let requests: Vec<(i64, Place)> = requests
            .filter(|(_, waiting)| of_line(waiting))
            .map(|(id, waiting)| (*id, Place(waiting.reference)))
            .collect();
        for (id, place) in requests {
            let entry = timeline::get(self.tx, place)?;
            let leaves = entry.is_some_and(|entry| entry.is_leaving());
            let Some(waiting) = self.memory.outbox.get_mut(&id).filter(|_| !leaves) else {
                continue;
            };
            waiting.kind = Kind::Parting;
            waiting.conversation = Some(host.row.row);
            outbox::rehome(self.tx, id, waiting)?;
            if waiting.accepted {
                let now = self.now;
                self.settle_parting(host, id, now)?;
            }
        }
        Ok(())
    }

    /// The server has such a message: this is its place.
    pub(super) fn settle_parting(
        &mut self,
        host: &mut Loaded,
        request: i64,
        at: Timestamp,
    ) -> Result<(), Fault> {
        match self.take_sent(request)? {
            Some((waiting, entry)) => self.place_own(host, &waiting, &entry, at),
            None => Ok(()),
        }
    }

    /// The server has refused such a message: it will never be sent.
    pub(super) fn fail_parting(&mut self, host: &mut Loaded, request: i64) -> Result<(), Fault> {
        match self.take_sent(request)? {
            Some((_, entry)) => self.fail(host, &entry, &Failure::NotAMember),
            None => Ok(()),
        }
    }

    /// Requests of a line that were not seen through: its messages wait again.
    fn say_again(&mut self, line: &mut Loaded) -> Result<(), Fault> {
        let row = line.row.row;
        let of_line = |waiting: &&outbox::Waiting| waiting.conversation == Some(row);
        let requests = self.memory.outbox.iter();
        let requests: Vec<(i64, Kind, i64)> = requests
            .filter(|(_, waiting)| of_line(waiting))
            .map(|(id, waiting)| (*id, waiting.kind, waiting.reference))
            .collect();
        for (id, kind, reference) in requests {
            self.drop_request(id)?;
            match kind {
                Kind::Send => self.unsend(line, Place(reference))?,
                // Nobody hears any more whether the move that it was for has been made.
                Kind::Create => self.forget_intent(reference)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whoever has moved the conversation reads nothing of another epoch than the one that it was moved from, and of an earlier one only for a
    /// while: the server may have fallen back to it, and takes that still.
    fn unsend_unread(&mut self, line: &mut Loaded, view: &GroupView) -> Result<(), Fault> {
        let (row, epoch) = (line.row.row, line.row.epoch);
        let stood = line.row.place().map(|place| (place, epoch));
        let elsewhere = stood != view.state.origin();
        let mut said = self.memory.outbox.values();
        if elsewhere || said.any(|waiting| is_said_in(row, waiting) && waiting.epoch < epoch) {
            self.unsend_all(line)?;
        }
        Ok(())
    }

    /// What is under way in a line waits for no answer: it is said where the conversation goes on. Who hears both shows one.
    fn unsend_all(&mut self, line: &mut Loaded) -> Result<(), Fault> {
        let row = line.row.row;
        let requests = self.memory.outbox.iter();
        let requests: Vec<(i64, Place)> = requests
            .filter(|(_, waiting)| is_said_in(row, waiting))
            .map(|(id, waiting)| (*id, Place(waiting.reference)))
            .collect();
        for (id, place) in requests {
            self.drop_request(id)?;
            self.unsend(line, place)?;
        }
        Ok(())
    }

    /// Somebody has let this device in again in a line that it has left behind: the group has taken the place of the one that was there.
    pub(super) fn replace_line(&mut self, host: &Loaded, view: &GroupView) -> Result<(), Fault> {
        for row in conversation::lines(self.tx, Some(host.row.row))? {
            let mut line = self.expect(row)?;
            if line.row.group_id.as_ref() == Some(&view.group_id) {
                line.group = None;
                line.change().group_id = None;
                self.end_line(&mut line)?;
            }
            self.put(line);
        }
        Ok(())
    }

    /// A conversation has only so many lines: the oldest goes.
    pub(super) fn make_room(&mut self, host: &Loaded) -> Result<(), Fault> {
        let lines = conversation::lines(self.tx, Some(host.row.row))?;
        if lines.len() < MAX_LINES {
            return Ok(());
        }
        if let Some(oldest) = lines.first() {
            let mut line = self.expect(*oldest)?;
            self.end_line(&mut line)?;
            self.put(line);
        }
        Ok(())
    }

    /// Whether something that this device said in a line left behind is not answered yet: what it says now would overtake it.
    pub(super) fn lines_wait(&self, host: &Loaded) -> Result<bool, Fault> {
        if host.row.moves == 0 {
            return Ok(false);
        }
        let lines = conversation::lines(self.tx, Some(host.row.row))?;
        Ok(lines.into_iter().any(|line| {
            let mut said = self.memory.outbox.values();
            said.any(|waiting| is_said_in(line, waiting) && !waiting.accepted)
        }))
    }
}

/// Whether a request is a message in a group.
fn is_said_in(row: Row, waiting: &outbox::Waiting) -> bool {
    waiting.conversation == Some(row) && waiting.kind == Kind::Send
}
