//! Accounts that this person wants to hear nothing of, on this device.

use keyfold_wire::ids::AccountId;
use rusqlite::Connection;

use super::id;
use crate::Fault;

/// Whether one is.
pub(crate) fn has(tx: &Connection, account: &AccountId) -> Result<bool, Fault> {
    tx.prepare_cached("SELECT 1 FROM blocked WHERE account = ?1")?
        .exists([account.as_ref()])
        .map_err(Fault::from)
}

/// It is from now on, or not any more. `false`: it was so.
pub(crate) fn set(tx: &Connection, account: &AccountId, blocked: bool) -> Result<bool, Fault> {
    let sql = if blocked {
        "INSERT OR IGNORE INTO blocked VALUES (?1)"
    } else {
        "DELETE FROM blocked WHERE account = ?1"
    };
    let changed = tx.prepare_cached(sql)?.execute([account.as_ref()])?;
    Ok(changed > 0)
}

/// All of them.
pub(crate) fn all(tx: &Connection) -> Result<Vec<AccountId>, Fault> {
    let mut statement = tx.prepare_cached("SELECT account FROM blocked ORDER BY account")?;
    let mut rows = statement.query(())?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let account: Vec<u8> = row.get(0)?;
        all.push(id(&account)?);
    }
    Ok(all)
}
