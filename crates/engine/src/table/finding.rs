//! What this device has found out about members of a conversation on its way back.

use std::collections::BTreeSet;

use keyfold_wire::ids::AccountId;
use rusqlite::Connection;

use super::conversation::Row;
use super::id;
use crate::Fault;

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It says that this device is not a member any more.
    SaysGone,
    /// It has broken the group: every member refuses its commit.
    Broke,
    /// It has made a move that is not followed.
    MovedBadly,
    /// It does not follow this account to where it is.
    Objects,
    /// It has left, or was removed: it lets nobody in.
    IsOut,
    /// Somebody who is out says that it was a member then.
    Named,
    /// The own account has left, and was not removed.
    HasLeft,
}

/// Remembers a finding. `false`: it was known.
pub(crate) fn add(
    tx: &Connection,
    conversation: Row,
    account: &AccountId,
    finding: Finding,
) -> Result<bool, Fault> {
    let changed = tx
        .prepare_cached("INSERT OR IGNORE INTO finding VALUES (?1, ?2, ?3)")?
        .execute((conversation.0, account.as_ref(), finding as i64))?;
    Ok(changed > 0)
}

/// The accounts of which this was found.
pub(crate) fn all(
    tx: &Connection,
    conversation: Row,
    finding: Finding,
) -> Result<BTreeSet<AccountId>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT account FROM finding WHERE conversation = ?1 AND kind = ?2")?;
    let mut rows = statement.query((conversation.0, finding as i64))?;
    let mut accounts = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let account: Vec<u8> = row.get(0)?;
        accounts.insert(id(&account)?);
    }
    Ok(accounts)
}

/// Whether this was found of an account.
pub(crate) fn has(
    tx: &Connection,
    conversation: Row,
    account: &AccountId,
    finding: Finding,
) -> Result<bool, Fault> {
    tx.prepare_cached(
        "SELECT 1 FROM finding WHERE conversation = ?1 AND account = ?2 AND kind = ?3",
    )?
    .exists((conversation.0, account.as_ref(), finding as i64))
    .map_err(Fault::from)
}

/// This does not hold of an account any more.
pub(crate) fn remove(
    tx: &Connection,
    conversation: Row,
    account: &AccountId,
    finding: Finding,
) -> Result<(), Fault> {
    tx.prepare_cached(
        "DELETE FROM finding WHERE conversation = ?1 AND account = ?2 AND kind = ?3",
    )?
    .execute((conversation.0, account.as_ref(), finding as i64))?;
    Ok(())
}

/// The conversation goes on: nothing of this matters any more.
pub(crate) fn forget(tx: &Connection, conversation: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM finding WHERE conversation = ?1")?
        .execute([conversation.0])?;
    Ok(())
}
