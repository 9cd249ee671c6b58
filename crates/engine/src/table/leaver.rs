//! People who have said that they leave, until a commit removes them.

use keyfold_wire::ids::AccountId;
use rusqlite::Connection;

use super::conversation::Row;
use super::id;
use crate::Fault;

/// Remembers that somebody leaves.
pub(crate) fn add(
    tx: &Connection,
    conversation: Row,
    account: &AccountId,
    proof: &[u8],
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO leaver VALUES (?1, ?2, ?3)")?
        .execute((conversation.0, account.as_ref(), proof))?;
    Ok(())
}

/// Who leaves, with the encoded proofs.
pub(crate) fn all(tx: &Connection, conversation: Row) -> Result<Vec<(AccountId, Vec<u8>)>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT account, proof FROM leaver WHERE conversation = ?1")?;
    let mut rows = statement.query([conversation.0])?;
    let mut leavers = Vec::new();
    while let Some(row) = rows.next()? {
        let account: Vec<u8> = row.get(0)?;
        leavers.push((id(&account)?, row.get(1)?));
    }
    Ok(leavers)
}

/// Whether somebody has said that they leave.
pub(crate) fn has(tx: &Connection, conversation: Row, account: &AccountId) -> Result<bool, Fault> {
    tx.prepare_cached("SELECT 1 FROM leaver WHERE conversation = ?1 AND account = ?2")?
        .exists((conversation.0, account.as_ref()))
        .map_err(Fault::from)
}

/// This device is not in the conversation any more: who else leaves does not concern it.
pub(crate) fn forget(tx: &Connection, conversation: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM leaver WHERE conversation = ?1")?
        .execute([conversation.0])?;
    Ok(())
}

/// Somebody is gone.
pub(crate) fn remove(tx: &Connection, conversation: Row, account: &AccountId) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM leaver WHERE conversation = ?1 AND account = ?2")?
        .execute((conversation.0, account.as_ref()))?;
    Ok(())
}
