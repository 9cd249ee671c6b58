//! What members of a conversation have agreed on beside its name and roles: a mirror of the group's state for reading.

use keyfold_protocol::picture::GroupPicture;
use keyfold_protocol::state::{ConversationState, Policy};
use rusqlite::{Connection, OptionalExtension as _};

use super::conversation::Row;
use crate::Fault;

/// One row. A conversation without one is as conversations mostly are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) description: String,
    pub(crate) add: Policy,
    pub(crate) post: Policy,
    pub(crate) edit: Policy,
    /// Seconds.
    pub(crate) timer: Option<u32>,
}

impl Default for Agreed {
    fn default() -> Self {
        Self {
            description: String::new(),
            add: Policy::Admins,
            post: Policy::Everyone,
            edit: Policy::Admins,
            timer: None,
        }
    }
}

impl Agreed {
    /// What a group's state says.
    pub(crate) fn of(state: &ConversationState) -> Self {
        Self {
            description: state.description.as_str().to_owned(),
            add: state.add_policy,
            post: state.post_policy,
            edit: state.edit_policy,
            timer: state.timer,
        }
    }
}

/// What is agreed on in a conversation.
pub(crate) fn get(tx: &Connection, conversation: Row) -> Result<Agreed, Fault> {
    let select = "SELECT description, may_add, may_post, may_edit, timer FROM agreed WHERE conversation = ?1";
    let found = tx
        .prepare_cached(select)?
        .query_row([conversation.0], |row| {
            Ok(Agreed {
                description: row.get(0)?,
                add: policy(row.get(1)?),
                post: policy(row.get(2)?),
                edit: policy(row.get(3)?),
                timer: row.get(4)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Nothing is left of what a conversation has agreed on.
pub(crate) fn forget(tx: &Connection, conversation: Row) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM agreed WHERE conversation = ?1",
        "DELETE FROM group_picture WHERE conversation = ?1",
    ] {
        tx.prepare_cached(sql)?.execute([conversation.0])?;
    }
    Ok(())
}

/// The picture of a group.
pub(crate) fn picture(tx: &Connection, conversation: Row) -> Result<Option<Vec<u8>>, Fault> {
    let found = tx
        .prepare_cached("SELECT picture FROM group_picture WHERE conversation = ?1")?
        .query_row([conversation.0], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// Writes it, where it is another than before.
pub(crate) fn put_picture(
    tx: &Connection,
    conversation: Row,
    shown: Option<&GroupPicture>,
) -> Result<(), Fault> {
    let shown = shown.map(GroupPicture::as_bytes);
    if picture(tx, conversation)?.as_deref() == shown {
        return Ok(());
    }
    match shown {
        Some(bytes) => tx
            .prepare_cached("INSERT OR REPLACE INTO group_picture VALUES (?1, ?2)")?
            .execute((conversation.0, bytes))?,
        None => tx
            .prepare_cached("DELETE FROM group_picture WHERE conversation = ?1")?
            .execute([conversation.0])?,
    };
    Ok(())
}

/// Writes it, where it is another than before.
pub(crate) fn put(tx: &Connection, conversation: Row, agreed: &Agreed) -> Result<(), Fault> {
    if get(tx, conversation)? == *agreed {
        return Ok(());
    }
    tx.prepare_cached("INSERT OR REPLACE INTO agreed VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((
            conversation.0,
            &agreed.description,
            number(agreed.add),
            number(agreed.post),
            number(agreed.edit),
            agreed.timer,
        ))?;
    Ok(())
}

const fn number(policy: Policy) -> i64 {
    match policy {
        Policy::Admins => 0,
        Policy::Everyone => 1,
    }
}

const fn policy(number: i64) -> Policy {
    match number {
        0 => Policy::Admins,
        _ => Policy::Everyone,
    }
}
