//! What a person marks conversations and messages with, on this device alone.

use keyfold_protocol::content::ContentId;
use keyfold_wire::limits::MAX_TEXT;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint, Mark, Starred};
use crate::limits::{MAX_MARKED, MAX_PINNED};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::conversation::Row;
use crate::table::{mark, timeline};

impl Step<'_> {
    /// Marks a conversation.
    pub(super) fn mark(&mut self, loaded: &Loaded, with: Mark) -> Result<Answered, Fault> {
        let row = loaded.row.row;
        let before = mark::get(self.tx, row)?;
        let mut after = before.clone();
        let marks = &mut after.marks;
        let mut turn = None;
        match with {
            Mark::Archived => (marks.archived, marks.pinned) = (true, None),
            Mark::Unarchived => marks.archived = false,
            Mark::Muted(mute) => marks.mute = mute,
            Mark::Unread => marks.unread = true,
            Mark::Pinned(wanted) => {
                let others = mark::pinned(self.tx)?;
                if others.len() >= MAX_PINNED && !others.contains(&row) {
                    return Ok(Err(Complaint::TooManyPinned(MAX_PINNED)));
                }
                turn = Some((row, wanted));
                (marks.archived, marks.pinned) = (false, Some(0));
            }
            Mark::Unpinned => marks.pinned = None,
            Mark::Draft(text) if text.len() > MAX_TEXT => {
                return Ok(Err(Complaint::Draft(MAX_TEXT)));
            }
            Mark::Draft(text) => {
                marks.draft = (!text.is_empty()).then_some(text);
                // What was typed before is in no file any more soon.
                self.erase_soon();
            }
        }
        if after != before || turn.is_some() {
            mark::put(self.tx, row, &after)?;
            self.renumber(turn)?;
            self.tell(Event::Marked(loaded.row.public_id));
        }
        Ok(Ok(Answer::Taken))
    }

    /// Gives the pinned conversations their turns from 0 on; this one the wanted turn, or the last.
    pub(super) fn renumber(&self, wanted: Option<(Row, Option<u32>)>) -> Result<(), Fault> {
        let mut order = mark::pinned(self.tx)?;
        if let Some((row, turn)) = wanted {
            order.retain(|other| *other != row);
            let turn = turn.and_then(|turn| usize::try_from(turn).ok());
            order.insert(turn.unwrap_or(usize::MAX).min(order.len()), row);
        }
        for (turn, row) in (0_u32..).zip(order) {
            mark::pin(self.tx, row, turn)?;
        }
        Ok(())
    }

    /// Stars messages, or does not any more: all of them, or none.
    pub(super) fn star(
        &mut self,
        loaded: &mut Loaded,
        messages: &[ContentId],
        starred: Starred,
    ) -> Result<Answered, Fault> {
        if !(1..=MAX_MARKED).contains(&messages.len()) {
            return Ok(Err(Complaint::TooManyMessages(MAX_MARKED)));
        }
        let mut places = Vec::new();
        for id in messages {
            match self.meant(loaded, id)? {
                // What is to be opened once is not to be kept.
                Ok(entry) if entry.is_once() => return Ok(Err(Complaint::OnlyOnce)),
                Ok(entry) => places.push(entry.place),
                Err(complaint) => return Ok(Err(complaint)),
            }
        }
        for place in places {
            timeline::star(self.tx, place, starred == Starred::Yes)?;
        }
        for id in messages {
            self.tell_amended(loaded, id)?;
        }
        Ok(Ok(Answer::Taken))
    }
}
