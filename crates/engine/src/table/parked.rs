//! Items that came too early: for a conversation whose welcome, or an epoch whose commit, is not here yet.

use keyfold_wire::ids::{Sequence, Serial};
use rusqlite::Connection;

use super::{from_sql, to_sql};
use crate::Fault;

/// Keeps an item.
pub(crate) fn add(
    tx: &Connection,
    sequence: Sequence,
    serial: Serial,
    item: &[u8],
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR IGNORE INTO parked (sequence, serial, item) VALUES (?1, ?2, ?3)")?
        .execute((to_sql(sequence.0)?, to_sql(serial.0)?, item))?;
    Ok(())
}

/// How many there are.
pub(crate) fn count(tx: &Connection) -> Result<usize, Fault> {
    let count: i64 = tx
        .prepare_cached("SELECT count(*) FROM parked")?
        .query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Addresses of key packages that are not at the directory any more, for which there are some.
pub(crate) fn of_retired(tx: &Connection) -> Result<Vec<Serial>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT serial FROM parked JOIN key_package USING (serial) WHERE retired IS NOT NULL",
    )?;
    let serials = statement.query_map([], |row| row.get(0))?;
    let serials = serials.collect::<Result<Vec<i64>, _>>()?;
    Ok(serials
        .into_iter()
        .map(|one| Serial(from_sql(one)))
        .collect())
}

/// Drops the oldest.
pub(crate) fn drop_oldest(tx: &Connection) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM parked WHERE sequence = (SELECT min(sequence) FROM parked)")?
        .execute([])?;
    Ok(())
}

/// Takes out those for an address, in order.
pub(crate) fn take(tx: &Connection, serial: Serial) -> Result<Vec<Vec<u8>>, Fault> {
    let serial = to_sql(serial.0)?;
    let mut statement =
        tx.prepare_cached("SELECT item FROM parked WHERE serial = ?1 ORDER BY sequence")?;
    let items = statement
        .query_map([serial], |row| row.get(0))?
        .collect::<Result<Vec<Vec<u8>>, _>>()?;
    if !items.is_empty() {
        tx.prepare_cached("DELETE FROM parked WHERE serial = ?1")?
            .execute([serial])?;
    }
    Ok(items)
}
