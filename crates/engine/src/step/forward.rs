//! What was said in one conversation is said again in others.

use keyfold_protocol::content::{Body, Card, ContentId, Location, Saying};
use keyfold_wire::ids::ConversationId;

use super::Step;
use super::command::{Answered, may_speak};
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::{MAX_FORWARD, MAX_WAITING};
use crate::memory::Loaded;
use crate::query;
use crate::table::timeline;

impl Step<'_> {
    /// A person says a text again elsewhere: everywhere, or, where that can't be, nowhere.
    pub(super) fn forward(
        &mut self,
        conversation: &ConversationId,
        message: &ContentId,
        mut to: Vec<ConversationId>,
    ) -> Result<Answered, Fault> {
        let mut named = std::collections::HashSet::new();
        to.retain(|one| named.insert(*one));
        if to.is_empty() || to.len() > MAX_FORWARD {
            return Ok(Err(Complaint::Forward(MAX_FORWARD)));
        }
        let Some(loaded) = self.named(conversation)? else {
            return Ok(Err(Complaint::NoSuchConversation));
        };
        let said = self.to_forward(&loaded, message);
        self.put(loaded);
        let said = match said? {
            Ok(said) => said,
            Err(complaint) => return Ok(Err(complaint)),
        };
        // First whether it can be said everywhere.
        let mut there = Vec::new();
        for one in &to {
            let Some(loaded) = self.named(one)? else {
                return Ok(Err(Complaint::NoSuchConversation));
            };
            let checked = self.as_said_there(&loaded, &said);
            self.put(loaded);
            match checked? {
                Ok(said) => there.push(said),
                Err(complaint) => return Ok(Err(complaint)),
            }
        }
        let mut messages = Vec::new();
        for (one, said) in to.iter().zip(there) {
            let Some(mut loaded) = self.named(one)? else {
                continue;
            };
            let said = self.say(&mut loaded, said.saying());
            self.put(loaded);
            match said? {
                Ok(Answer::Message(id)) => messages.push(id),
                Ok(_) => {}
                Err(complaint) => return Ok(Err(complaint)),
            }
        }
        Ok(Ok(Answer::Messages(messages)))
    }

    /// What a message says now, if that can be said elsewhere.
    fn to_forward(
        &self,
        loaded: &Loaded,
        message: &ContentId,
    ) -> Result<Result<Forwarded, Complaint>, Fault> {
        if self.is_request(loaded)? {
            return Ok(Err(Complaint::NotAccepted));
        }
        let entry = match self.meant(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let about = timeline::about(self.tx, loaded.row.shown_in, message)?;
        let last = about.iter().rev().find_map(|one| one.edits(&entry));
        Ok(match entry.says().map(|kept| kept.body) {
            Some(Body::Text(text)) => {
                let text = last.unwrap_or(text);
                Ok(Forwarded::Text(query::as_typed(self.tx, &text)?))
            }
            Some(Body::Location(location)) => Ok(Forwarded::Location(location)),
            Some(Body::Card(card)) => Ok(Forwarded::Card(card)),
            _ => Err(Complaint::NoText),
        })
    }

    /// It as it is said there, if it can be.
    fn as_said_there(
        &self,
        loaded: &Loaded,
        said: &Forwarded,
    ) -> Result<Result<Forwarded, Complaint>, Fault> {
        if let Err(complaint) = may_speak(loaded) {
            return Ok(Err(complaint));
        }
        if loaded.waiting >= MAX_WAITING {
            return Ok(Err(Complaint::TooMuchWaiting(loaded.waiting)));
        }
        if self.is_request(loaded)? {
            return Ok(Err(Complaint::NotAccepted));
        }
        let said = match said {
            Forwarded::Text(typed) => Forwarded::Text(self.with_mentions(loaded, typed)?),
            other => other.clone(),
        };
        Ok(super::send::check(said.saying()).map(|()| said))
    }
}

/// What is said elsewhere.
#[derive(Clone)]
enum Forwarded {
    Text(String),
    Location(Box<Location>),
    Card(Box<Card>),
}

impl Forwarded {
    fn saying(&self) -> Saying<'_> {
        match self {
            Self::Text(text) => Saying::Forwarded(text),
            Self::Location(location) => Saying::Location(location),
            Self::Card(card) => Saying::Card(card),
        }
    }
}
