//! Timelines as a screen shows them.

use keyfold_protocol::content;
use keyfold_wire::ids::ConversationId;

use crate::identity::Identity;
use crate::step::Notice;
use crate::table::contact;
use crate::table::timeline::{self, EntryRow, Kind, Stage};
use crate::view::{Entry, State, What};
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

    pub(super) fn entry(&self, row: &EntryRow) -> Result<Entry, Fault> {
        let tx = &self.database;
        let me = self.identity.as_ref().map(Identity::account);
        let from = match &row.sender {
            Some(account) => contact::get(tx, account)?,
            None => None,
        };
        let what = match row.kind {
            Kind::Content => said(&row.body),
            Kind::Gap => What::Gap(row.body.as_slice().try_into().map_or(0, u64::from_be_bytes)),
            Kind::Notice => Notice::decode(&row.body)?.show(tx)?,
        };
        Ok(Entry {
            position: row.place.position(),
            id: row.content_id,
            from,
            mine: row.mine || (row.sender.is_some() && row.sender == me),
            at: row.at,
            what,
            state: match row.stage {
                Stage::Waiting | Stage::Encrypted => State::Waiting,
                Stage::Sent => State::Sent,
                Stage::Received => State::Received,
                Stage::Failed => State::Failed,
            },
        })
    }
}

fn said(encoded: &[u8]) -> What {
    match content::text_of(encoded) {
        Ok(Some(text)) => What::Text(text.text),
        Ok(None) if content::is_leaving(encoded).unwrap_or(false) => What::Left,
        Ok(None) | Err(_) => What::NeedsNewerVersion,
    }
}
