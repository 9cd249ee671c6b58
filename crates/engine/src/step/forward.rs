//! What was said in one conversation is said again in others.

use keyfold_protocol::content::{Body, ContentId, Saying, Text};
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
        let text = self.text_to_forward(&loaded, message);
        self.put(loaded);
        let typed = match text? {
            Ok(text) => query::as_typed(self.tx, &text)?,
            Err(complaint) => return Ok(Err(complaint)),
        };
        // First whether it can be said everywhere.
        let mut texts = Vec::new();
        for one in &to {
            let Some(loaded) = self.named(one)? else {
                return Ok(Err(Complaint::NoSuchConversation));
            };
            let text = self.forwarded_text(&loaded, &typed);
            self.put(loaded);
            match text? {
                Ok(text) => texts.push(text),
                Err(complaint) => return Ok(Err(complaint)),
            }
        }
        let mut messages = Vec::new();
        for (one, text) in to.iter().zip(texts) {
            let Some(mut loaded) = self.named(one)? else {
                continue;
            };
            let said = self.say(&mut loaded, Saying::Forwarded(&text));
            self.put(loaded);
            match said? {
                Ok(Answer::Message(id)) => messages.push(id),
                Ok(_) => {}
                Err(complaint) => return Ok(Err(complaint)),
            }
        }
        Ok(Ok(Answer::Messages(messages)))
    }

    /// What a message says now, if that is a text.
    fn text_to_forward(
        &self,
        loaded: &Loaded,
        message: &ContentId,
    ) -> Result<Result<Text, Complaint>, Fault> {
        if self.is_request(loaded)? {
            return Ok(Err(Complaint::NotAccepted));
        }
        let entry = match self.meant(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let about = timeline::about(self.tx, loaded.row.shown_in, message)?;
        let last = about.iter().rev().find_map(|one| one.edits(&entry));
        let said = entry.says().and_then(|kept| match kept.body {
            Body::Text(text) => Some(last.unwrap_or(text)),
            _ => None,
        });
        Ok(said.ok_or(Complaint::NoText))
    }

    /// The text as it is said there, if it can be.
    fn forwarded_text(
        &self,
        loaded: &Loaded,
        typed: &str,
    ) -> Result<Result<String, Complaint>, Fault> {
        if let Err(complaint) = may_speak(loaded) {
            return Ok(Err(complaint));
        }
        if loaded.waiting >= MAX_WAITING {
            return Ok(Err(Complaint::TooMuchWaiting(loaded.waiting)));
        }
        if self.is_request(loaded)? {
            return Ok(Err(Complaint::NotAccepted));
        }
        let text = self.with_mentions(loaded, typed)?;
        Ok(match super::send::check(Saying::Forwarded(&text)) {
            Ok(()) => Ok(text),
            Err(complaint) => Err(complaint),
        })
    }
}
