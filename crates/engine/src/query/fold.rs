//! What became of a message: edited, taken back, reacted to.
//!
//! Such messages lie on the timeline behind the one that they are about; the last word of each author counts. What its author may
//! not say is passed over.

use keyfold_protocol::content::{Body, ContentId, Reaction, Text};
use keyfold_wire::ids::AccountId;

use super::words::as_typed;
use crate::table::contact;
use crate::table::conversation::Row;
use crate::table::timeline::{self, EntryRow, Kind, Stage};
use crate::view::{QUOTE, Quote, Reacted};
use crate::{Engine, Fault};

/// What became of a message.
#[derive(Default)]
pub(super) struct Fate {
    /// What it says now, where that is another text.
    pub(super) edited: Option<Text>,
    /// It is pinned.
    pub(super) pinned: bool,
    /// Who took it back.
    pub(super) taken_back: Option<AccountId>,
    reactions: Vec<(AccountId, String)>,
}

impl Fate {
    /// The text that a message which says this shows: its last edit, or what is said about its file. `None`: it has none, or was taken back.
    pub(super) fn text<'a>(&'a self, said: Option<&'a Body>) -> Option<&'a Text> {
        match said.filter(|_| self.taken_back.is_none())? {
            Body::Text(text) => Some(self.edited.as_ref().unwrap_or(text)),
            Body::File(file) => file.caption.as_ref(),
            _ => None,
        }
    }
}

impl Engine {
    /// What became of a message on the timeline of this conversation.
    pub(super) fn fate(&self, shown_in: Row, message: &EntryRow) -> Result<Fate, Fault> {
        let mut fate = Fate::default();
        let Some(id) = &message.content_id else {
            return Ok(fate);
        };
        for one in timeline::about(&self.database, shown_in, id)? {
            let Some(author) = one.sender.filter(|_| one.stage != Stage::Failed) else {
                continue;
            };
            if one.kind == Kind::Deleted {
                fate.reactions.retain(|(other, _)| *other != author);
                continue;
            }
            match one.says().map(|kept| kept.body) {
                Some(Body::Edit { text, .. }) if one.sender == message.sender => {
                    fate.edited = Some(text);
                }
                Some(Body::Pin { pinned, .. }) => fate.pinned = pinned,
                Some(Body::Deletion(_)) if one.takes_back(message) => {
                    fate.taken_back = Some(author);
                }
                Some(Body::Reaction(Reaction { emoji, .. })) => {
                    fate.reactions.retain(|(other, _)| *other != author);
                    // Of others what is taken back has been erased; of one's own that may still wait.
                    if !(one.mine && timeline::is_taken_back(&self.database, shown_in, &one)?) {
                        fate.reactions.push((author, emoji));
                    }
                }
                _ => {}
            }
        }
        if fate.taken_back.is_some() {
            fate.reactions.clear();
            fate.pinned = false;
        }
        Ok(fate)
    }

    /// Who reacts how, by whose reaction came first.
    pub(super) fn reactions(&self, fate: Fate) -> Result<Vec<Reacted>, Fault> {
        let me = self
            .identity
            .as_ref()
            .map(crate::identity::Identity::account);
        let mut reactions = Vec::new();
        for (account, emoji) in fate.reactions {
            if let Some(from) = contact::get(&self.database, &account)? {
                let mine = Some(account) == me;
                reactions.push(Reacted { from, emoji, mine });
            }
        }
        Ok(reactions)
    }

    /// The message that another one answers, in short.
    pub(super) fn quote(&self, shown_in: Row, id: &ContentId) -> Result<Quote, Fault> {
        let unknown = Quote {
            id: *id,
            from: None,
            mine: false,
            text: None,
        };
        let Some(mut found) = timeline::find(&self.database, shown_in, id)? else {
            return Ok(unknown);
        };
        // Other clients may answer an edit.
        if let Some(target) = &found.target {
            match timeline::find(&self.database, shown_in, target)? {
                Some(first) => found = first,
                None => return Ok(unknown),
            }
        }
        if !self.is_shown(&found)? {
            return Ok(unknown);
        }
        let fate = self.fate(shown_in, &found)?;
        let said = found.says().map(|kept| kept.body);
        let text = fate.text(said.as_ref());
        let text = text
            .map(|text| as_typed(&self.database, text))
            .transpose()?;
        let stands = said.filter(|_| fate.taken_back.is_none());
        let text = text.or_else(|| short(&stands?));
        Ok(Quote {
            id: found.content_id.unwrap_or(*id),
            from: self.person(found.sender.as_ref())?,
            mine: found.mine,
            text: text.map(|text| text.chars().take(QUOTE).collect()),
        })
    }
}

/// A message that is no text, in a few words; what is opened once has none.
fn short(body: &Body) -> Option<String> {
    match body {
        Body::Poll(poll) => Some(poll.question.clone()),
        Body::Location(location) if !location.label.is_empty() => Some(location.label.to_string()),
        Body::Location(location) => Some(location.uri()),
        Body::Card(card) => Some(card.handle.clone()),
        _ => None,
    }
}
