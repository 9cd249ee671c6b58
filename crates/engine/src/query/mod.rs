//! Reads: what screens and scripts show, straight from the tables.

mod conversation;
mod file;
mod fold;
mod invitation;
mod poll;
mod profile;
mod request;
mod search;
mod signal;
mod timeline;
mod words;

use keyfold_wire::ids::ConversationId;

pub(crate) use request::{is_shown, reported_words};
pub(crate) use words::as_typed;

use crate::table::outbox::Kind;
use crate::table::setting::{self, Setting};
use crate::table::{contact, conversation as table, intent};
use crate::view::{Contact, Conversation, Me, Standing};
use crate::{Engine, Fault};

impl Engine {
    /// The account and device here; `None` before registration or linking.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn me(&self) -> Result<Option<Me>, Fault> {
        Ok(self.identity.as_ref().map(|identity| Me {
            handle: identity.certificate.handle.clone(),
            account: identity.account(),
            device: identity.device(),
            registered: identity.registered,
            primary: identity.account_key.is_some(),
            account_key: identity.certificate.account_key,
        }))
    }

    /// The recovery key's digits, until [`Command::RecoveryKeyKept`](crate::Command::RecoveryKeyKept).
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn recovery_key(&self) -> Result<Option<String>, Fault> {
        let digits = setting::get(&self.database, Setting::Recovery)?;
        Ok(digits.map(|digits| String::from_utf8_lossy(&digits).into_owned()))
    }

    /// A person by handle.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn contact(&self, handle: &str) -> Result<Option<Contact>, Fault> {
        let handle = keyfold_wire::handle::normal_form(handle);
        contact::by_handle(&self.database, &handle)
    }

    /// How many messages, files, requests and intents are not finished. What the schedule wants (own keys to renew, people who left to
    /// be removed, secrets to be erased) does not count.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn waiting(&self) -> Result<u64, Fault> {
        let tx = &self.database;
        let scheduled = self.memory.requests(Kind::Barrier);
        let requests = self.memory.outbox.len().saturating_sub(scheduled);
        let requests = u64::try_from(requests).unwrap_or(u64::MAX);
        let messages = crate::table::timeline::count_all_waiting(tx)?;
        let (_, uploads) = crate::table::upload::count(tx)?;
        Ok(intent::count(tx)?
            .saturating_add(uploads)
            .saturating_add(requests)
            .saturating_add(messages))
    }

    /// Conversations that these words may mean: an id, the beginning of one (at least four digits), a name, or a handle.
    /// What fits exactly comes alone; of several by one name, those that were left or could not be created come only when there is
    /// no other.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn find(&self, words: &str) -> Result<Vec<ConversationId>, Fault> {
        let all = self.conversations()?;
        let words = words.trim();
        let handle = keyfold_wire::handle::normal_form(words);
        let exact = |wanted: &dyn Fn(&Conversation) -> bool| -> Vec<ConversationId> {
            all.iter()
                .filter(|one| wanted(one))
                .map(|one| one.id)
                .collect()
        };
        let by_id = exact(&|one| one.id.to_string() == words);
        if !by_id.is_empty() {
            return Ok(by_id);
        }
        let is_named = |one: &Conversation| one.name == words || (one.direct && one.name == handle);
        let is_over =
            |one: &Conversation| matches!(one.standing, Standing::Left | Standing::Failed(_));
        for by_name in [
            exact(&|one| is_named(one) && !is_over(one)),
            exact(&is_named),
        ] {
            if !by_name.is_empty() {
                return Ok(by_name);
            }
        }
        if words.len() < 4 {
            return Ok(Vec::new());
        }
        Ok(exact(&|one| one.id.to_string().starts_with(words)))
    }

    /// The row of a conversation, of the twin that shows it where it has one.
    fn shown_row(&self, id: &ConversationId) -> Result<Option<table::ConversationRow>, Fault> {
        let tx = &self.database;
        let Some(row) = table::row_of(tx, id)? else {
            return Ok(None);
        };
        let Some(found) = table::get(tx, row)? else {
            return Ok(None);
        };
        if found.shown_in == row {
            return Ok(Some(found));
        }
        table::get(tx, found.shown_in)
    }
}
