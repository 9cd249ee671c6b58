//! Messages and whole conversations are deleted on this device alone, at once and out of its files.
//!
//! Nobody else hears of it. What was deleted stays away: of each message its id is kept, and nothing about it is taken in any more.

use keyfold_protocol::content::ContentId;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::{MAX_MARKED, UNINDEX_AT_ONCE};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::timeline::{self, EntryRow, Kind, Stage, WAITING};
use crate::table::{agreed, hidden, mark, request, search};
use crate::view::Standing;

impl EntryRow {
    /// It is on its way to the others, and its reader has deleted it, or it is not to be seen: it is about itself, so that nothing shows it, and goes when the
    /// server has it.
    pub(super) fn is_veiled(&self) -> bool {
        self.target.is_some() && self.target == self.content_id
    }

    /// It is not shown, and goes when the server has it.
    pub(super) const fn veils(&mut self) {
        self.target = self.content_id;
    }

    fn is_on_its_way(&self) -> bool {
        self.place.position() >= WAITING && self.stage != Stage::Failed
    }
}

impl Step<'_> {
    /// Deletes messages here: all of them, or none.
    pub(super) fn hide(
        &mut self,
        loaded: &mut Loaded,
        messages: &[ContentId],
    ) -> Result<Answered, Fault> {
        if !(1..=MAX_MARKED).contains(&messages.len()) {
            return Ok(Err(Complaint::TooManyMessages(MAX_MARKED)));
        }
        let shown_in = loaded.row.row;
        let mut entries = Vec::new();
        for id in messages {
            let found = timeline::find(self.tx, shown_in, id)?;
            let shown = |one: &EntryRow| {
                let said = matches!(one.kind, Kind::Content | Kind::Deleted);
                said && one.target.is_none() && !one.is_leaving()
            };
            let Some(entry) = found.filter(shown) else {
                return Ok(Err(Complaint::NoSuchMessage));
            };
            entries.push(entry);
        }
        entries.sort_by_key(|entry| entry.place);
        entries.dedup_by_key(|entry| entry.place);
        for entry in &entries {
            self.hide_one(loaded, entry)?;
        }
        self.reindex()?;
        self.erase = true;
        self.tell(Event::Hidden(loaded.row.public_id));
        Ok(Ok(Answer::Taken))
    }

    pub(super) fn hide_one(&mut self, loaded: &mut Loaded, entry: &EntryRow) -> Result<(), Fault> {
        if entry.is_on_its_way() {
            return timeline::veil(self.tx, entry.place);
        }
        let Some(id) = &entry.content_id else {
            return Ok(());
        };
        let row = loaded.row.row;
        self.unindex(entry.place)?;
        for one in timeline::about(self.tx, row, id)? {
            if one.is_on_its_way() {
                continue;
            }
            if let Some(id) = &one.content_id {
                hidden::add(self.tx, row, id)?;
            }
            timeline::remove(self.tx, one.place)?;
        }
        hidden::add(self.tx, row, id)?;
        timeline::remove(self.tx, entry.place)?;
        let position = entry.place.position();
        let unread = !entry.mine && position > loaded.row.read_up_to && position < WAITING;
        if unread {
            let row = loaded.change();
            row.unread = row.unread.saturating_sub(1);
        }
        Ok(())
    }

    /// A message that its reader has deleted while it was on its way is with the others, or will never be: it goes. `false`: it is no such.
    pub(super) fn drop_veiled(&mut self, entry: &EntryRow) -> Result<bool, Fault> {
        let (true, Some(id)) = (entry.is_veiled(), &entry.content_id) else {
            return Ok(false);
        };
        hidden::add(self.tx, entry.place.conversation(), id)?;
        timeline::remove(self.tx, entry.place)?;
        self.erase_soon();
        Ok(true)
    }

    /// Deletes everything that a conversation shows.
    pub(super) fn clear(&mut self, loaded: &mut Loaded) -> Result<Answered, Fault> {
        self.clear_timeline(loaded)?;
        mark::seen(self.tx, loaded.row.row)?;
        self.tell(Event::Hidden(loaded.row.public_id));
        Ok(Ok(Answer::Taken))
    }

    pub(super) fn clear_timeline(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        let up_to = search::up_to(self.tx, row)?;
        let some = UNINDEX_AT_ONCE.saturating_add(1);
        let indexed = timeline::said(self.tx, row, 0, up_to.saturating_add(1), some)?;
        if indexed.len() > UNINDEX_AT_ONCE {
            self.index_anew()?;
        } else {
            for entry in &indexed {
                self.unindex(entry.place)?;
            }
        }
        hidden::add_all(self.tx, row)?;
        for entry in timeline::without_place(self.tx, row)? {
            if entry.kind == Kind::Upload {
                self.give_up_upload(loaded, entry.upload(), entry.place)?;
            } else if entry.stage == Stage::Failed {
                timeline::remove(self.tx, entry.place)?;
            } else if entry.target.is_none() && !entry.is_leaving() {
                timeline::veil(self.tx, entry.place)?;
            }
        }
        timeline::clear(self.tx, row)?;
        self.reindex()?;
        self.erase = true;
        let row = loaded.change();
        (row.read_up_to, row.unread) = (row.next.saturating_sub(1), 0);
        Ok(())
    }

    /// Deletes a conversation from the list, with everything that it shows.
    pub(super) fn delete_conversation(&mut self, loaded: &mut Loaded) -> Result<Answered, Fault> {
        let over = matches!(loaded.row.standing, Standing::Left | Standing::Failed(_));
        if !loaded.row.direct && !over && self.is_request(loaded)? {
            return self.decline_group(loaded);
        }
        if !loaded.row.direct && !over {
            return Ok(Err(Complaint::LeaveFirst));
        }
        self.clear_timeline(loaded)?;
        let row = loaded.row.row;
        // One that waits to be accepted asks again with what comes from now on.
        request::begin_anew(self.tx, row, loaded.row.next)?;
        mark::delete(self.tx, row)?;
        self.renumber(None)?;
        if !loaded.row.direct {
            loaded.change().title = String::new();
            agreed::forget(self.tx, row)?;
            self.erase = true;
        }
        self.tell(Event::Marked(loaded.row.public_id));
        Ok(Ok(Answer::Taken))
    }
}
