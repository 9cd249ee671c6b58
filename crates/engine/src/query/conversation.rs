//! Conversations as a list shows them.

use keyfold_wire::ids::ConversationId;

use crate::table::conversation::{self as table, ConversationRow};
use crate::table::{agreed, contact, mark, member, timeline};
use crate::view::{Conversation, Filter, Member};
use crate::{Engine, Fault};

impl Engine {
    /// All conversations, archived ones and those that wait to be accepted too, in the order of a list: pinned ones first, then the most recent.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn conversations(&self) -> Result<Vec<Conversation>, Fault> {
        let tx = &self.database;
        let mut list = Vec::new();
        for row in table::all(tx)? {
            if let Some(found) = table::get(tx, row)?
                && found.shown_in == row
                && let Some(shown) = self.show(&found)?
            {
                list.push(shown);
            }
        }
        list.sort_by_key(|one| {
            let turn = one.marks.pinned.unwrap_or(u32::MAX);
            let last = one.last.as_ref().map(|entry| entry.at);
            (turn, std::cmp::Reverse(last))
        });
        Ok(list)
    }

    /// Those of them that a list shows.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn list(&self, filter: Filter) -> Result<Vec<Conversation>, Fault> {
        let mut list = self.conversations()?;
        list.retain(|one| match filter {
            Filter::Requests => one.request.is_some(),
            _ if one.request.is_some() => false,
            Filter::Archived => one.marks.archived,
            _ if one.marks.archived => false,
            Filter::All => true,
            Filter::Unread => one.unread > 0 || one.marks.unread,
            Filter::Groups => !one.direct,
            Filter::People => one.direct,
        });
        Ok(list)
    }

    /// One conversation.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, Fault> {
        let found = self.shown_row(&id)?.map(|row| self.show(&row));
        Ok(found.transpose()?.flatten())
    }

    /// As a list shows it; `None` where it was deleted here.
    fn show(&self, row: &ConversationRow) -> Result<Option<Conversation>, Fault> {
        let tx = &self.database;
        let mark = mark::get(tx, row.row)?;
        if mark.deleted {
            return Ok(None);
        }
        let me = self
            .identity
            .as_ref()
            .map(crate::identity::Identity::account);
        let mut members = Vec::new();
        for one in member::all(tx, row.row)? {
            if let Some(contact) = contact::get(tx, &one.account)? {
                members.push(Member {
                    contact,
                    role: one.role,
                    devices: one.devices,
                    me: Some(one.account) == me,
                });
            }
        }
        members.sort_by(|one, other| one.contact.handle.cmp(&other.contact.handle));
        let last = timeline::last(tx, row.row, timeline::END, 1)?.pop();
        let mut last = last.map(|entry| self.entry(&entry)).transpose()?;
        self.note_receipts(row, last.as_mut_slice())?;
        let agreed = agreed::get(tx, row.row)?;
        let (last_active, typing) = (self.last_active(row)?, self.typing(row.row)?);
        let peer = members.iter().find(|member| row.direct && !member.me);
        let title = row.title.clone();
        let shown = Conversation {
            id: row.public_id,
            name: peer.map_or(title, |peer| peer.contact.handle.clone()),
            direct: row.direct,
            standing: row.standing.clone(),
            members,
            epoch: row.epoch,
            suite: row.suite,
            unread: row.unread,
            description: agreed.description,
            timer: agreed.timer,
            may_add: agreed.add,
            may_post: agreed.post,
            may_edit: agreed.edit,
            last,
            marks: mark.marks,
            last_active,
            typing,
            request: None,
        };
        self.show_request(row, shown).map(Some)
    }
}
