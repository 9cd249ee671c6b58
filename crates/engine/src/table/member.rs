//! Members of conversations, by account: a mirror of the tree for reading.

use keyfold_protocol::state::Role;
use keyfold_wire::ids::AccountId;
use rusqlite::Connection;

use super::conversation::Row;
use super::id;
use crate::Fault;

/// One member account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberRow {
    pub(crate) account: AccountId,
    pub(crate) role: Role,
    pub(crate) devices: usize,
}

/// The members, by account.
pub(crate) fn all(tx: &Connection, conversation: Row) -> Result<Vec<MemberRow>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT account, role, devices FROM member WHERE conversation = ?1 ORDER BY account",
    )?;
    let mut rows = statement.query([conversation.0])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        let account: Vec<u8> = row.get(0)?;
        let devices: i64 = row.get(2)?;
        members.push(MemberRow {
            account: id(&account)?,
            role: role(row.get(1)?),
            devices: usize::try_from(devices).unwrap_or(0),
        });
    }
    Ok(members)
}

/// Replaces them all.
pub(crate) fn replace(
    tx: &Connection,
    conversation: Row,
    members: &[MemberRow],
) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM member WHERE conversation = ?1")?
        .execute([conversation.0])?;
    let mut insert = tx.prepare_cached("INSERT INTO member VALUES (?1, ?2, ?3, ?4)")?;
    for member in members {
        let devices = i64::try_from(member.devices).unwrap_or(i64::MAX);
        insert.execute((
            conversation.0,
            member.account.as_ref(),
            role_number(member.role),
            devices,
        ))?;
    }
    Ok(())
}

const fn role_number(role: Role) -> i64 {
    match role {
        Role::Member => 0,
        Role::Admin => 1,
        Role::Owner => 2,
    }
}

const fn role(number: i64) -> Role {
    match number {
        2 => Role::Owner,
        1 => Role::Admin,
        _ => Role::Member,
    }
}

/// How many accounts are in a conversation.
pub(crate) fn count(tx: &Connection, conversation: Row) -> Result<usize, Fault> {
    let count: i64 = tx
        .prepare_cached("SELECT count(*) FROM member WHERE conversation = ?1")?
        .query_row([conversation.0], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}
