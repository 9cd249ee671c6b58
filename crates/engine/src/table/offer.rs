//! Key packages that were offered to a member, to be let in again with.

use keyfold_wire::ids::{Serial, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use super::conversation::Row;
use super::{from_sql, instant, to_sql};
use crate::Fault;

/// Remembers one.
pub(crate) fn add(
    tx: &Connection,
    serial: Serial,
    reference: &[u8],
    conversation: Row,
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO offer VALUES (?1, ?2, ?3)")?
        .execute((to_sql(serial.0)?, reference, conversation.0))?;
    Ok(())
}

/// The conversation that an offered key package with this address is for.
pub(crate) fn is_for(tx: &Connection, serial: Serial) -> Result<Option<Row>, Fault> {
    Ok(tx
        .prepare_cached("SELECT conversation FROM offer WHERE serial = ?1")?
        .query_row([to_sql(serial.0)?], |row| row.get(0).map(Row))
        .optional()?)
}

/// References and serials of all that were offered for a conversation, oldest first.
pub(crate) fn of(tx: &Connection, conversation: Row) -> Result<Vec<(Vec<u8>, Serial)>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT reference, serial FROM offer WHERE conversation = ?1 ORDER BY serial",
    )?;
    let found = statement
        .query_map([conversation.0], |row| {
            Ok((row.get(0)?, Serial(from_sql(row.get(1)?))))
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// How many of a conversation's were made at this time or later.
pub(crate) fn count_since(
    tx: &Connection,
    conversation: Row,
    time: Timestamp,
) -> Result<usize, Fault> {
    let sql = "SELECT count(*) FROM offer JOIN key_package USING (reference)
               WHERE conversation = ?1 AND made >= ?2";
    let count: i64 = tx
        .prepare_cached(sql)?
        .query_row((conversation.0, instant(time)), |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Forgets one.
pub(crate) fn remove(tx: &Connection, serial: Serial) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM offer WHERE serial = ?1")?
        .execute([to_sql(serial.0)?])?;
    Ok(())
}
