//! How far the mailbox has been applied.

use keyfold_wire::ids::Sequence;
use rusqlite::Connection;

use super::{from_sql, to_sql};
use crate::Fault;

/// The last sequence applied. Reads all conversations: for when the database is opened.
pub(crate) fn applied(tx: &Connection) -> Result<Sequence, Fault> {
    let applied = tx
        .prepare_cached(
            "SELECT max(applied, (SELECT coalesce(max(applied), 0) FROM conversation)) FROM mailbox",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(Sequence(from_sql(applied)))
}

/// The mailbox stands at this sequence, whatever was noted before.
pub(crate) fn stand(tx: &Connection, applied: Sequence) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE conversation SET applied = 0 WHERE applied > 0")?
        .execute([])?;
    tx.prepare_cached("UPDATE mailbox SET applied = ?1")?
        .execute([to_sql(applied.0)?])?;
    Ok(())
}

/// Everything up to this sequence has been applied, of which so many more items were dropped. A step that drops nothing and
/// writes a conversation notes it there instead.
pub(crate) fn advance(tx: &Connection, applied: Sequence, dropped: u64) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE mailbox SET applied = ?1, dropped = dropped + ?2")?
        .execute((to_sql(applied.0)?, to_sql(dropped)?))?;
    Ok(())
}
