//! What strangers begin waits until it is accepted: until then nothing of it is shown but who asks and their first text, and nothing goes out
//! there. Decision 0021.

use std::collections::BTreeMap;

use keyfold_protocol::content::ContentId;
use keyfold_protocol::rules::GroupView;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, Serial, Timestamp};
use rusqlite::Connection;

use super::command::{Answered, may_speak};
use super::{Notice, Step};
use crate::Fault;
use crate::command::{Answer, Command, Complaint};
use crate::limits::{MAX_REQUEST_KEPT, MAX_REQUESTS, RECEIPT_AFTER};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::conversation::{self, Row};
use crate::table::finding::{self, Finding};
use crate::table::request::{self, RequestRow};
use crate::table::setting::{self, Setting};
use crate::table::timeline::{self, Kind, WAITING};
use crate::table::{agreed, blocked, contact, leaver, mark, member};
use crate::view::Standing;

/// How this device came into a group.
#[derive(Clone, Copy)]
pub(super) struct Brought {
    /// Whose device has added it, and which.
    pub(super) by: Option<(AccountId, DeviceId)>,
    /// The address to which the welcome came: that of the key package.
    pub(super) serial: Serial,
}

impl Step<'_> {
    /// Whether it is a device of this account, and was not removed: one that was may be in other hands.
    pub(super) fn is_own(&self, account: &AccountId, device: &DeviceId) -> Result<bool, Fault> {
        Ok(*account == self.me()?.account() && !self.removed_devices()?.contains(device))
    }

    /// Whether what strangers begin waits from now on. What waits already goes on waiting.
    pub(super) fn ask_first(&self, wanted: bool) -> Result<Answered, Fault> {
        setting::put(self.tx, Setting::AskFirst, &[u8::from(wanted)])?;
        Ok(Ok(Answer::Taken))
    }

    /// Whether a conversation comes anew: this account was never in it, has left it, had not accepted it, or was taken out and is brought in by
    /// somebody who was not in it then. Ask before it is entered.
    pub(super) fn comes_anew(
        &self,
        id: &ConversationId,
        inviter: Option<AccountId>,
    ) -> Result<bool, Fault> {
        let Some(row) = conversation::row_of(self.tx, id)? else {
            return Ok(true);
        };
        let me = self.me()?.account();
        if request::holds(self.tx, row)? || finding::has(self.tx, row, &me, Finding::HasLeft)? {
            return Ok(true);
        }
        let found = conversation::get(self.tx, row)?;
        let out = found.is_some_and(|found| found.standing == Standing::Left);
        let known = member::all(self.tx, row)?;
        Ok(out && !known.iter().any(|member| Some(member.account) == inviter))
    }

    /// A conversation that has come anew waits, if a stranger brought this account into it, and not because this device had asked for that.
    pub(super) fn judge_request(
        &mut self,
        loaded: &Loaded,
        view: &GroupView,
        brought: Brought,
    ) -> Result<(), Fault> {
        let row = loaded.row.row;
        request::remove(self.tx, row)?;
        let Some((sender, device)) = brought.by else {
            return Ok(());
        };
        let own = self.is_own(&sender, &device)?;
        let asked_for = !self.was_asked_for(view, brought)?.is_empty();
        if own || asked_for || !asks_first(self.tx)? || self.talks_to(&sender, row)? {
            return Ok(());
        }
        let since = loaded.row.next;
        request::put(self.tx, row, &RequestRow { sender, since }, self.now)
    }

    /// Whether this person talks to somebody one to one, or has begun to.
    fn talks_to(&self, account: &AccountId, but: Row) -> Result<bool, Fault> {
        if request::is_known(self.tx, account, but)? {
            return Ok(true);
        }
        let contact = contact::get(self.tx, account)?;
        let Some(contact) = contact.filter(|contact| contact.confirmed) else {
            return Ok(false);
        };
        Ok(conversation::direct_being_made(self.tx, &contact.handle)?.is_some())
    }

    /// Whether a conversation waits to be accepted.
    pub(super) fn is_request(&self, loaded: &Loaded) -> Result<bool, Fault> {
        Ok(request::get(self.tx, loaded.row.shown_in)?.is_some())
    }

    /// What a person may do with a conversation that waits: accept it, report it, or be rid of it.
    pub(super) fn may_be_done(
        &self,
        loaded: &Loaded,
        command: &Command,
    ) -> Result<Result<(), Complaint>, Fault> {
        let always = matches!(
            command,
            Command::Accept { .. }
                | Command::Report { .. }
                | Command::MarkRead { .. }
                | Command::Leave { .. }
                | Command::DeleteConversation { .. }
        );
        Ok(if always || !self.is_request(loaded)? {
            Ok(())
        } else {
            Err(Complaint::NotAccepted)
        })
    }

    /// A person accepts a conversation.
    pub(super) fn accept(&mut self, loaded: &mut Loaded) -> Result<Answered, Fault> {
        let Some(request) = request::get(self.tx, loaded.row.shown_in)? else {
            return Ok(Ok(Answer::Taken));
        };
        if blocked::has(self.tx, &request.sender)? {
            return Ok(Err(Complaint::Blocked));
        }
        self.request_accepted(loaded)?;
        if may_speak(loaded).is_ok() {
            self.tell_profile(loaded)?;
        }
        Ok(Ok(Answer::Taken))
    }

    /// This person, on whichever device, has accepted a conversation: what came is shown, and goes on from here as everywhere.
    pub(super) fn request_accepted(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let shown_in = loaded.row.shown_in;
        if !request::remove(self.tx, shown_in)? {
            return Ok(());
        }
        self.has_begun(shown_in)?;
        mark::heard(self.tx, shown_in)?;
        self.go_on_with(loaded)?;
        self.write_rows()?;
        for row in conversation::shown_in(self.tx, shown_in)? {
            if row != loaded.row.row
                && let Some(mut twin) = self.take(row)?
            {
                let done = self.go_on_with(&mut twin);
                self.put(twin);
                done?;
            }
        }
        self.receipt_due(shown_in, RECEIPT_AFTER)?;
        self.index_soon();
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Ready(shown));
        Ok(())
    }

    /// What was not done in a conversation while it waited is done: own devices come in, keys are renewed, who has left is taken out.
    fn go_on_with(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        self.touched.insert(row);
        if !self.load_group(loaded)? {
            return Ok(());
        }
        let due = self.now.after(self.renewal_after_join(loaded));
        loaded.change().update_due = Some(due);
        self.reschedule = true;
        let view = loaded.group.as_ref().map(|current| current.group.view());
        if let Some(view) = view.cloned() {
            self.bring_own_devices(row, &view)?;
        }
        if !leaver::all(self.tx, row)?.is_empty() {
            self.take_out_leavers(row)?;
        }
        Ok(())
    }

    /// This person has said or told something here on another device: it is accepted.
    pub(super) fn accepted_elsewhere(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        if self.is_request(loaded)? {
            self.request_accepted(loaded)?;
        }
        Ok(())
    }

    /// Whether so much waits in a conversation that nothing more is kept. That it is so stands at its end.
    pub(super) fn keeps_no_more(
        &mut self,
        loaded: &mut Loaded,
        at: Timestamp,
    ) -> Result<bool, Fault> {
        let Some(request) = request::get(self.tx, loaded.row.shown_in)? else {
            return Ok(false);
        };
        let next = self.in_shown(loaded, |shown| shown.row.next)?;
        let full = next.saturating_sub(request.since) >= MAX_REQUEST_KEPT;
        if full {
            let words = "more was said before you accepted than is kept".to_owned();
            let body = Notice::MayBeMissing(words).encode()?;
            let last = timeline::last(self.tx, loaded.row.shown_in, WAITING, 1)?;
            if last.first().is_none_or(|last| last.body != body) {
                self.append(loaded, None, Kind::Notice, body, at, |_| {})?;
            }
        }
        Ok(full)
    }

    /// Something came in a conversation that waits, and is not being left: it is shown again if it was put away, and beyond so many that are shown
    /// the oldest goes out of the way.
    pub(super) fn request_heard(&mut self, shown_in: Row) -> Result<(), Fault> {
        if let Some(request) = request::get(self.tx, shown_in)?
            && blocked::has(self.tx, &request.sender)?
        {
            // It stays out of the way, whoever else says something in it.
            return Ok(());
        }
        if mark::get(self.tx, shown_in)?.deleted {
            request::renew(self.tx, shown_in, self.now)?;
        }
        mark::heard(self.tx, shown_in)?;
        self.bound_requests(shown_in)
    }

    /// Beyond so many requests that are shown the oldest goes out of the way; this one is the newest.
    fn bound_requests(&mut self, newest: Row) -> Result<(), Fault> {
        for row in request::beyond(self.tx, MAX_REQUESTS)? {
            if row != newest
                && let Some(mut oldest) = self.take(row)?
            {
                let away = self.put_request_away(&mut oldest);
                self.put(oldest);
                away?;
            }
        }
        Ok(())
    }

    /// What has come of a request is deleted here, and it is not shown until something new comes.
    pub(super) fn put_request_away(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        self.clear_timeline(loaded)?;
        // What comes from now on is kept and shown as if it were the first.
        request::begin_anew(self.tx, loaded.row.shown_in, loaded.row.next)?;
        mark::delete(self.tx, loaded.row.row)?;
        self.tell(Event::Marked(loaded.row.public_id));
        Ok(())
    }

    /// Somebody is blocked: what they have asked is out of the way.
    pub(super) fn requests_away(&mut self, sender: &AccountId) -> Result<(), Fault> {
        for row in request::of(self.tx, sender)? {
            if let Some(mut loaded) = self.take(row)? {
                let away = self.put_request_away(&mut loaded);
                self.put(loaded);
                away?;
            }
        }
        Ok(())
    }

    /// A person does not want a group that they were brought into: they leave it, and it is out of the way at once.
    pub(super) fn decline_group(&mut self, loaded: &mut Loaded) -> Result<Answered, Fault> {
        if !loaded.leaving
            && let Err(complaint) = self.leave(loaded)?
        {
            return Ok(Err(complaint));
        }
        self.put_request_away(loaded)?;
        Ok(Ok(Answer::Taken))
    }

    /// This account is out of a conversation that it has not accepted: there is nothing to show, but for what was there before. It stays noted, or who
    /// takes somebody out and adds them again would not have to ask.
    pub(super) fn request_over(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let request = request::get(self.tx, loaded.row.row)?;
        let Some(request) = request else {
            return Ok(());
        };
        if timeline::last(self.tx, loaded.row.row, request.since, 1)?.is_empty() {
            self.put_request_away(loaded)?;
            if !loaded.row.direct {
                loaded.change().title = String::new();
                agreed::forget(self.tx, loaded.row.row)?;
                self.erase = true;
            }
        }
        Ok(())
    }

    /// Two conversations are shown as one: it waits only if both did.
    pub(super) fn merge_requests(
        &mut self,
        guest: &mut Loaded,
        host: &mut Loaded,
    ) -> Result<(), Fault> {
        let (guest_row, host_row) = (guest.row.row, host.row.row);
        let waits = request::get(self.tx, host_row)?.is_some();
        let waited = request::remove(self.tx, guest_row)?;
        if waited && !waits {
            return self.go_on_with(guest);
        }
        if waits && !waited {
            request::remove(self.tx, host_row)?;
            self.has_begun(host_row)?;
            self.go_on_with(host)?;
            self.tell(Event::Ready(host.row.public_id));
        }
        Ok(())
    }

    /// Of a conversation that waits nothing is told but that it is there, and that its first text is.
    pub(super) fn quiet(&mut self) -> Result<(), Fault> {
        let mut known = BTreeMap::new();
        for event in std::mem::take(&mut self.events) {
            let (Event::Arrived(id, _)
            | Event::Amended(id, _)
            | Event::Ready(id)
            | Event::Moved(id)
            | Event::Held(id, _)
            | Event::Rejoining(id, _)
            | Event::Back(id)
            | Event::Gap(id)
            | Event::Signal(id)) = &event
            else {
                self.events.push(event);
                continue;
            };
            let id = *id;
            let first = match known.get(&id) {
                Some(first) => *first,
                None => *known.entry(id).or_insert(self.shown_of_request(&id)?),
            };
            match (first, &event) {
                ((false, _), _) => self.events.push(event),
                ((true, first), Event::Arrived(_, message) | Event::Amended(_, message))
                    if first == Some(*message) =>
                {
                    self.events.push(Event::Changed(id));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a conversation waits, and its message that is shown then.
    fn shown_of_request(&self, id: &ConversationId) -> Result<(bool, Option<ContentId>), Fault> {
        let Some(row) = conversation::row_of(self.tx, id)? else {
            return Ok((false, None));
        };
        let Some(request) = request::get(self.tx, row)? else {
            return Ok((false, None));
        };
        let first = request::first_text(self.tx, row, &request)?;
        Ok((true, first.and_then(|entry| entry.content_id)))
    }
}

/// Whether what strangers begin waits.
pub(crate) fn asks_first(tx: &Connection) -> Result<bool, Fault> {
    let stored = setting::get(tx, Setting::AskFirst)?;
    Ok(stored.is_none_or(|stored| stored.as_slice() != [0]))
}
