//! Timelines as a screen shows them.

use std::collections::HashSet;

use keyfold_protocol::content::{Body, ContentId, Kept, Text};
use keyfold_wire::ids::{AccountId, ConversationId};

use super::file::shown;
use super::poll::{location_entry, once_entry};
use super::words::{as_typed, mentions};
use crate::identity::Identity;
use crate::step::Notice;
use crate::table::conversation::ConversationRow;
use crate::table::timeline::{self, EntryRow, Kind, Stage};
use crate::table::{contact, request};
use crate::view::{Contact, Entry, Expiry, FileState, OnceState, QUOTE, Receipt, State, What};
use crate::{Engine, Fault};

impl Engine {
    /// Entries after a position (`None`: from the beginning), oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn timeline(
        &self,
        id: ConversationId,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let Some(row) = self.shown_row(&id)? else {
            return Ok(Vec::new());
        };
        let tx = &self.database;
        let after = after.unwrap_or(-1);
        let entries = timeline::after(tx, row.row, after, limit)?;
        let entries = self.shown_of_request(row.row, after, entries, limit)?;
        self.page(&row, &entries)
    }

    /// The newest entries, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn timeline_last(&self, id: ConversationId, limit: usize) -> Result<Vec<Entry>, Fault> {
        self.newest(id, timeline::END, limit)
    }

    /// The newest entries that have their final place, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn timeline_last_placed(
        &self,
        id: ConversationId,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        self.newest(id, timeline::WAITING, limit)
    }

    /// The messages of a conversation whose id is, or begins with, these words of four characters and more, with what they say: at most
    /// ten. `last` means the newest one.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn find_messages(
        &self,
        id: ConversationId,
        words: &str,
    ) -> Result<Vec<(ContentId, String)>, Fault> {
        let Some(row) = self.shown_row(&id)? else {
            return Ok(Vec::new());
        };
        let tx = &self.database;
        let found = match words {
            "last" => timeline::last_message(tx, row.row)?.into_iter().collect(),
            _ if words.len() < 4 || !words.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Vec::new()
            }
            _ => timeline::with_id(tx, row.row, &words.to_uppercase())?,
        };
        let mut messages = Vec::new();
        for found in found {
            if !self.is_shown(&found)? {
                continue;
            }
            if let Some(id) = found.content_id {
                let entry = self.entry(&found)?;
                let says = match entry.what {
                    What::Text(text) => text,
                    What::File(file) => file.name.or(file.caption).unwrap_or_default(),
                    What::Poll(poll) => poll.question,
                    What::Location(place) => place.label,
                    What::Card(card) => card.handle,
                    _ => String::new(),
                };
                messages.push((id, says.chars().take(QUOTE).collect()));
            }
        }
        Ok(messages)
    }

    /// Messages that are pinned for everybody, whatever was pinned last first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn pinned(&self, id: ConversationId, limit: usize) -> Result<Vec<Entry>, Fault> {
        let Some(row) = self.shown_row(&id)? else {
            return Ok(Vec::new());
        };
        let tx = &self.database;
        let mut pinned = Vec::new();
        let mut seen = HashSet::new();
        for pin in timeline::pins(tx, row.row)?.iter().rev() {
            let Some(target) = pin.target.filter(|target| seen.insert(*target)) else {
                continue;
            };
            if let Some(found) = timeline::find(tx, row.row, &target)?
                && self.is_shown(&found)?
            {
                let entry = self.entry(&found)?;
                if entry.pinned {
                    pinned.push(entry);
                }
            }
            if pinned.len() >= limit {
                break;
            }
        }
        Ok(pinned)
    }

    /// One message of a conversation, as it stands now. `None`: there is none of this id, or it is about another one.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn message(&self, id: ConversationId, message: &ContentId) -> Result<Option<Entry>, Fault> {
        let Some(row) = self.shown_row(&id)? else {
            return Ok(None);
        };
        let found = timeline::find(&self.database, row.row, message)?;
        let found = found.filter(|row| row.target.is_none() && row.kind != Kind::Superseded);
        let Some(found) = found else {
            return Ok(None);
        };
        let shown = self.is_shown(&found)?;
        shown.then(|| self.entry(&found)).transpose()
    }

    fn newest(&self, id: ConversationId, before: i64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let Some(row) = self.shown_row(&id)? else {
            return Ok(Vec::new());
        };
        let entries = match self.last_of_request(row.row, before, limit)? {
            Some(shown) => shown,
            None => timeline::last(&self.database, row.row, before, limit)?,
        };
        self.page(&row, &entries)
    }

    fn page(&self, row: &ConversationRow, entries: &[EntryRow]) -> Result<Vec<Entry>, Fault> {
        let entries = entries.iter().map(|entry| self.entry(entry));
        let mut entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
        self.note_receipts(row, &mut entries)?;
        Ok(entries)
    }

    /// The person of an account, where there is one.
    pub(super) fn person(&self, account: Option<&AccountId>) -> Result<Option<Contact>, Fault> {
        let found = account.map(|account| contact::get(&self.database, account));
        Ok(found.transpose()?.flatten())
    }

    pub(super) fn entry(&self, row: &EntryRow) -> Result<Entry, Fault> {
        let tx = &self.database;
        let me = self.identity.as_ref().map(Identity::account);
        let from = self.person(row.sender.as_ref())?;
        let shown_in = row.place.conversation();
        let fate = self.fate(shown_in, row)?;
        let said = row.says();
        let text = fate.text(said.as_ref().map(|kept| &kept.body));
        let what = match (row.kind, fate.taken_back) {
            (Kind::Content, None) => self.says(row, said.as_ref(), text)?,
            // Superseded ones are about another, and no entries.
            (Kind::Content | Kind::Deleted | Kind::Superseded | Kind::Pin | Kind::Vote, by) => {
                What::TakenBack {
                    by: self.person(by.as_ref())?,
                    mine: by.is_some() && by == me,
                }
            }
            (Kind::Gap, _) => {
                What::Gap(row.body.as_slice().try_into().map_or(0, u64::from_be_bytes))
            }
            (Kind::Upload, _) => self.upload_entry(row)?,
            (Kind::Notice, _) => Notice::decode(&row.body)?.show(tx)?,
        };
        let blocks = text.map(|text| self.blocks(text)).transpose()?;
        let blocks = blocks.unwrap_or_default();
        let stands = matches!(
            what,
            What::Text(_)
                | What::File(_)
                | What::Poll(_)
                | What::Location(_)
                | What::Card(_)
                | What::Once(_)
        );
        let preview = match text.and_then(|text| text.preview.clone()) {
            Some(preview) if !request::holds(&self.database, shown_in)? => Some(preview),
            _ => None,
        };
        let said = said.filter(|_| stands);
        let forwarded = said.as_ref().is_some_and(|kept| kept.forwarded);
        let reply_to = said.and_then(|kept| kept.in_reply_to);
        let reply_to = reply_to.map(|id| self.quote(shown_in, &id)).transpose()?;
        let edited = matches!(what, What::Text(_)) && fate.edited.is_some();
        let pinned = fate.pinned;
        let reactions = self.reactions(fate)?;
        Ok(Entry {
            position: row.place.position(),
            id: row.content_id,
            from,
            mine: row.mine || (row.sender.is_some() && row.sender == me),
            at: row.at,
            state: state(row.stage, &what),
            what,
            reply_to,
            edited,
            reactions,
            mentions_me: me.is_some_and(|me| mentions(&blocks, &me)),
            blocks,
            forwarded,
            pinned,
            starred: row.starred,
            expiry: self.expiry(row),
            receipt: Receipt::None,
            preview,
        })
    }

    /// What a message says that stands.
    fn says(
        &self,
        row: &EntryRow,
        said: Option<&Kept>,
        text: Option<&Text>,
    ) -> Result<What, Fault> {
        let typed = text
            .map(|text| as_typed(&self.database, text))
            .transpose()?;
        Ok(match (said.map(|kept| &kept.body), typed) {
            (Some(Body::File(file)), caption) => {
                What::File(shown(&file.attachment, caption, FileState::AtServer))
            }
            (_, Some(text)) => What::Text(text),
            (Some(Body::Poll(poll)), _) => What::Poll(self.poll_entry(row, poll)?),
            (Some(Body::Location(location)), _) => What::Location(location_entry(location)),
            (Some(Body::Card(card)), _) => What::Card(self.card_entry(card)?),
            (Some(Body::Once(once)), _) => What::Once(once_entry(row, once)),
            _ if row.is_leaving() => What::Left,
            _ => What::NeedsNewerVersion,
        })
    }

    fn expiry(&self, row: &EntryRow) -> Option<Expiry> {
        let at = row.goes_at.map(|goes_at| self.shown_at(goes_at));
        let lasts = row.lasts;
        (lasts.is_some() || at.is_some()).then_some(Expiry { lasts, at })
    }
}

/// How far an entry has come that shows this.
const fn state(stage: Stage, what: &What) -> State {
    match (stage, what) {
        (Stage::Uploading, What::File(file)) if matches!(file.state, FileState::Failed(..)) => {
            State::Failed
        }
        (Stage::Uploading, What::Once(once)) if matches!(once.state, OnceState::Failed(..)) => {
            State::Failed
        }
        (Stage::Waiting | Stage::Encrypted | Stage::Uploading, _) => State::Waiting,
        (Stage::Sent, _) => State::Sent,
        (Stage::Received, _) => State::Received,
        (Stage::Failed, _) => State::Failed,
    }
}
