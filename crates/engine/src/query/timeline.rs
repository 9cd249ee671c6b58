//! Timelines as a screen shows them.

use keyfold_protocol::content::{Body, ContentId, Kept};
use keyfold_wire::ids::{AccountId, ConversationId};

use super::file::shown;
use crate::identity::Identity;
use crate::step::Notice;
use crate::table::contact;
use crate::table::timeline::{self, EntryRow, Kind, Stage};
use crate::view::{Contact, Entry, FileEntry, FileState, QUOTE, State, What};
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
        let entries = timeline::after(tx, row.row, after.unwrap_or(-1), limit)?;
        entries
            .into_iter()
            .map(|entry| self.entry(&entry))
            .collect()
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
            if let Some(id) = found.content_id {
                let text = match self.entry(&found)?.what {
                    What::Text(text) => text.chars().take(QUOTE).collect(),
                    What::File(file) => file.name.unwrap_or_default(),
                    _ => String::new(),
                };
                messages.push((id, text));
            }
        }
        Ok(messages)
    }

    fn newest(&self, id: ConversationId, before: i64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let Some(row) = self.shown_row(&id)? else {
            return Ok(Vec::new());
        };
        let entries = timeline::last(&self.database, row.row, before, limit)?;
        entries
            .into_iter()
            .map(|entry| self.entry(&entry))
            .collect()
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
        let what = match (row.kind, fate.taken_back) {
            (Kind::Content, None) => says(row, said.as_ref(), fate.edited.as_ref()),
            // Superseded ones are about another, and no entries.
            (Kind::Content | Kind::Deleted | Kind::Superseded, by) => What::TakenBack {
                by: self.person(by.as_ref())?,
                mine: by.is_some() && by == me,
            },
            (Kind::Gap, _) => {
                What::Gap(row.body.as_slice().try_into().map_or(0, u64::from_be_bytes))
            }
            (Kind::Upload, _) => self.upload_entry(row)?,
            (Kind::Notice, _) => Notice::decode(&row.body)?.show(tx)?,
        };
        let stands = matches!(what, What::Text(_) | What::File(_));
        let given_up = matches!(
            what,
            What::File(FileEntry {
                state: FileState::Failed(..),
                ..
            })
        );
        let reply_to = said.and_then(|kept| kept.in_reply_to).filter(|_| stands);
        let reply_to = reply_to.map(|id| self.quote(shown_in, &id)).transpose()?;
        let edited = matches!(what, What::Text(_)) && fate.edited.is_some();
        let reactions = self.reactions(fate)?;
        Ok(Entry {
            position: row.place.position(),
            id: row.content_id,
            from,
            mine: row.mine || (row.sender.is_some() && row.sender == me),
            at: row.at,
            what,
            state: match row.stage {
                Stage::Waiting | Stage::Encrypted => State::Waiting,
                Stage::Uploading if given_up => State::Failed,
                Stage::Uploading => State::Waiting,
                Stage::Sent => State::Sent,
                Stage::Received => State::Received,
                Stage::Failed => State::Failed,
            },
            reply_to,
            edited,
            reactions,
        })
    }
}

fn says(row: &EntryRow, kept: Option<&Kept>, edited: Option<&String>) -> What {
    match kept.map(|kept| &kept.body) {
        Some(Body::Text(text)) => What::Text(edited.unwrap_or(&text.text).clone()),
        Some(Body::File(file)) => What::File(shown(file.as_ref().clone(), FileState::AtServer)),
        Some(_) if row.is_leaving() => What::Left,
        _ => What::NeedsNewerVersion,
    }
}
