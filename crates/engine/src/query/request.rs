//! What is shown of a conversation that waits to be accepted: what was there before, and the first text of whoever asks.

use keyfold_protocol::content::{Body, Text};
use rusqlite::Connection;

use super::as_typed;
use super::file::shown;
use crate::step::request::asks_first;
use crate::table::conversation::{ConversationRow, Row};
use crate::table::request;
use crate::table::timeline::{self, EntryRow};
use crate::view::{Conversation, FileState};
use crate::{Engine, Fault};

impl Engine {
    /// Whether what strangers begin waits until it is accepted, on this device.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn asks_first(&self) -> Result<bool, Fault> {
        asks_first(&self.database)
    }

    /// Whether a timeline shows an entry.
    pub(super) fn is_shown(&self, entry: &EntryRow) -> Result<bool, Fault> {
        is_shown(&self.database, entry)
    }

    /// The newest that the timeline of a conversation that waits shows before a position, oldest first. `None`: it does not wait.
    pub(super) fn last_of_request(
        &self,
        shown_in: Row,
        before: i64,
        limit: usize,
    ) -> Result<Option<Vec<EntryRow>>, Fault> {
        let tx = &self.database;
        let Some(request) = request::get(tx, shown_in)? else {
            return Ok(None);
        };
        let mut shown = timeline::last(tx, shown_in, request.since.min(before), limit)?;
        let first = request::first_text(tx, shown_in, &request)?;
        shown.extend(first.filter(|first| first.place.position() < before));
        let surplus = shown.len().saturating_sub(limit);
        shown.drain(..surplus);
        Ok(Some(shown))
    }

    /// Of entries after a position, those that the timeline of a conversation that waits shows.
    pub(super) fn shown_of_request(
        &self,
        shown_in: Row,
        after: i64,
        mut entries: Vec<EntryRow>,
        limit: usize,
    ) -> Result<Vec<EntryRow>, Fault> {
        let Some(request) = request::get(&self.database, shown_in)? else {
            return Ok(entries);
        };
        entries.retain(|entry| entry.place.position() < request.since);
        let first = request::first_text(&self.database, shown_in, &request)?;
        if entries.len() < limit {
            entries.extend(first.filter(|first| first.place.position() > after));
        }
        Ok(entries)
    }

    /// Leaves of a conversation that waits what is shown of it.
    pub(super) fn show_request(
        &self,
        row: &ConversationRow,
        mut shown: Conversation,
    ) -> Result<Conversation, Fault> {
        let Some(request) = request::get(&self.database, row.row)? else {
            return Ok(shown);
        };
        shown.request = self.person(Some(&request.sender))?;
        (shown.description, shown.unread) = (String::new(), 0);
        (shown.last_active, shown.typing) = (None, Vec::new());
        let last = self.last_of_request(row.row, timeline::END, 1)?;
        let last = last.and_then(|mut last| last.pop());
        shown.last = last.map(|entry| self.entry(&entry)).transpose()?;
        Ok(shown)
    }
}

/// Whether a timeline shows an entry: where it waits to be accepted, most are not.
pub(crate) fn is_shown(tx: &Connection, entry: &EntryRow) -> Result<bool, Fault> {
    let shown_in = entry.place.conversation();
    let Some(request) = request::get(tx, shown_in)? else {
        return Ok(true);
    };
    if entry.place.position() < request.since {
        return Ok(true);
    }
    let first = request::first_text(tx, shown_in, &request)?;
    Ok(first.is_some_and(|first| first.place == entry.place))
}

/// What of a message is handed over in a report: its text, which file it is, or what else it says. `None`: nothing in words.
pub(crate) fn reported_words(
    tx: &Connection,
    entry: &EntryRow,
    edited: Option<Text>,
) -> Result<Option<String>, Fault> {
    let text = match entry.says().map(|kept| kept.body) {
        Some(Body::Text(text)) => edited.unwrap_or(text),
        Some(Body::File(file)) => {
            let caption = file.caption.as_ref();
            let caption = caption.map(|text| as_typed(tx, text)).transpose()?;
            let words = shown(&file.attachment, caption, FileState::AtServer).words();
            return Ok(Some(format!("[{}] {words}", file.attachment.media_type)));
        }
        Some(Body::Poll(poll)) => return Ok(Some(poll.words())),
        Some(Body::Location(location)) => {
            return Ok(Some(format!("{}\n{}", location.label, location.uri())));
        }
        Some(Body::Card(card)) => return Ok(Some(format!("{}\n{}", card.handle, card.name))),
        _ => return Ok(None),
    };
    as_typed(tx, &text).map(Some)
}
