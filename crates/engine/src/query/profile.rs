//! What people show of themselves.

use keyfold_protocol::content::Profile;
use keyfold_protocol::picture::GroupPicture;
use keyfold_protocol::state::Description;
use keyfold_wire::ids::{AccountId, ConversationId};

use crate::table::{agreed, blocked, contact, profile, request};
use crate::view::Contact;
use crate::{Engine, Fault};

impl Engine {
    /// Whom this person wants to hear nothing of.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn blocked(&self) -> Result<Vec<Contact>, Fault> {
        let mut people = Vec::new();
        for account in blocked::all(&self.database)? {
            people.extend(contact::get(&self.database, &account)?);
        }
        people.sort_by(|one, other| one.handle.cmp(&other.handle));
        Ok(people)
    }

    /// The picture of a group. `None`: it has none, it waits to be accepted, or there is no such group here.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn group_picture(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<GroupPicture>, Fault> {
        let Some(row) = self.shown_row(&conversation)? else {
            return Ok(None);
        };
        if request::holds(&self.database, row.row)? {
            return Ok(None);
        }
        let picture = agreed::picture(&self.database, row.row)?;
        Ok(picture.and_then(|bytes| GroupPicture::new(bytes).ok()))
    }

    /// What somebody, maybe oneself, shows of themselves; of a stranger who waits to be accepted no more than their name. `None`: nothing that has come
    /// here.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn profile(&self, account: &AccountId) -> Result<Option<Profile>, Fault> {
        let found = profile::get(&self.database, account)?;
        if found.is_none() || !request::is_stranger(&self.database, account)? {
            return Ok(found);
        }
        Ok(found.map(|profile| Profile {
            about: Description::default(),
            picture: None,
            ..profile
        }))
    }
}
