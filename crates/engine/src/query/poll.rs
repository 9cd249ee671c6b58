//! Polls, places, contact cards and files that are opened once, as a screen shows them.

use keyfold_protocol::content::{Attachment, Body, Card, ContentId, Location, Once, Poll};
use keyfold_wire::ids::{AccountId, ConversationId};

use crate::command::UploadId;
use crate::identity::Identity;
use crate::limits::MAX_VOTERS;
use crate::step::card;
use crate::table::contact;
use crate::table::timeline::{self, EntryRow, Stage};
use crate::tally::Tally;
use crate::view::{CardEntry, Contact, LocationEntry, OnceEntry, OnceState, PollEntry, PollOption};
use crate::{Engine, Fault};

impl Engine {
    /// Who has chosen an option of a poll, by their accounts, at most `limit` and [`MAX_VOTERS`] behind `after`. Empty where there is no such poll or
    /// option.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn voters(
        &self,
        conversation: ConversationId,
        message: &ContentId,
        option: u8,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Contact>, Fault> {
        let Some(row) = self.shown_row(&conversation)? else {
            return Ok(Vec::new());
        };
        let found = timeline::find(&self.database, row.row, message)?;
        let Some(entry) = found.filter(|entry| entry.target.is_none()) else {
            return Ok(Vec::new());
        };
        let Some(Body::Poll(poll)) = entry.says().map(|kept| kept.body) else {
            return Ok(Vec::new());
        };
        if !self.is_shown(&entry)? || self.fate(row.row, &entry)?.taken_back.is_some() {
            return Ok(Vec::new());
        }
        let tally = self.tally(&entry, &poll)?;
        let behind = tally
            .voters(option)
            .filter(|account| after.is_none_or(|after| **account > after));
        let mut people = Vec::new();
        for account in behind.take(limit.min(MAX_VOTERS)) {
            people.extend(contact::get(&self.database, account)?);
        }
        Ok(people)
    }

    /// The file of a message that is opened once, to be loaded before [`Command::OpenOnce`](crate::Command::OpenOnce). `None`: there is none, or it was
    /// opened here, or nobody did in time.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn once(
        &self,
        conversation: ConversationId,
        message: &ContentId,
    ) -> Result<Option<Attachment>, Fault> {
        let entry = self.said_here(conversation, message)?;
        let entry = entry.filter(|entry| !entry.mine);
        Ok(
            match entry.and_then(|entry| entry.says()).map(|kept| kept.body) {
                Some(Body::Once(once)) => once.file,
                _ => None,
            },
        )
    }

    fn tally(&self, entry: &EntryRow, poll: &Poll) -> Result<Tally, Fault> {
        let Some(id) = &entry.content_id else {
            return Ok(Tally::default());
        };
        let about = timeline::about(&self.database, entry.place.conversation(), id)?;
        Ok(Tally::of(entry, poll, &about))
    }

    pub(super) fn poll_entry(&self, row: &EntryRow, poll: &Poll) -> Result<PollEntry, Fault> {
        let tally = self.tally(row, poll)?;
        let me = self.identity.as_ref().map(Identity::account);
        let options = (0_u8..).zip(&poll.options).map(|(number, text)| {
            let mine = me.is_some_and(|me| tally.voters(number).any(|voter| *voter == me));
            PollOption {
                text: text.clone(),
                votes: tally.voters(number).count(),
                mine,
            }
        });
        Ok(PollEntry {
            question: poll.question.clone(),
            choice: poll.choice,
            options: options.collect(),
            voters: tally.votes.len(),
            ended: tally.ended.is_some(),
            ended_by: self.person(tally.ended.as_ref())?,
        })
    }

    pub(super) fn card_entry(&self, card: &Card) -> Result<CardEntry, Fault> {
        Ok(CardEntry {
            account: card.account,
            handle: card.handle.clone(),
            name: card.name.to_string(),
            check: card::check(&self.database, &card.account, &card.handle)?,
        })
    }
}

pub(super) fn location_entry(location: &Location) -> LocationEntry {
    LocationEntry {
        latitude: location.latitude,
        longitude: location.longitude,
        accuracy: location.accuracy,
        label: location.label.to_string(),
        uri: location.uri(),
    }
}

/// What an entry shows of a file that is opened once, and is said.
pub(super) fn once_entry(row: &EntryRow, once: &Once) -> OnceEntry {
    let state = match (&once.file, row.mine, row.stage) {
        (_, true, Stage::Failed) => OnceState::Unsent,
        (_, true, _) => OnceState::Sent,
        (Some(_), ..) => OnceState::Unopened,
        (None, ..) => OnceState::Over,
    };
    OnceEntry {
        media_type: once.media_type.clone(),
        size: once.size,
        state,
    }
}

/// The same of one that is on its way to the server.
pub(super) fn once_upload(once: &Once, id: UploadId, failed: Option<String>) -> OnceEntry {
    OnceEntry {
        media_type: once.media_type.clone(),
        size: once.size,
        state: match failed {
            Some(why) => OnceState::Failed(id, why),
            None => OnceState::Uploading(id),
        },
    }
}
