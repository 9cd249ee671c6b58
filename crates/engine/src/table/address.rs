//! Own delivery addresses and what each is used for.

use keyfold_wire::ids::{Serial, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use super::conversation::Row;
use super::{from_sql, instant, to_sql};
use crate::Fault;

/// What an address is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Nothing yet.
    Free,
    /// In a key package at the directory.
    Package,
    /// In the own leaf of this conversation.
    Conversation(Row),
    /// It was in this conversation; its last items may still come.
    Retiring(Row),
    /// In an invitation link.
    Invitation,
}

const fn numbers(purpose: Use) -> (i64, Option<i64>) {
    match purpose {
        Use::Free => (0, None),
        Use::Package => (1, None),
        Use::Conversation(row) => (2, Some(row.0)),
        Use::Retiring(row) => (3, Some(row.0)),
        Use::Invitation => (4, None),
    }
}

fn purpose(number: i64, conversation: Option<i64>) -> Use {
    match (number, conversation) {
        (2, Some(row)) => Use::Conversation(Row(row)),
        (3, Some(row)) => Use::Retiring(Row(row)),
        (1, _) => Use::Package,
        (4, _) => Use::Invitation,
        _ => Use::Free,
    }
}

/// Remembers a fresh one.
pub(crate) fn add(tx: &Connection, serial: Serial, address: &[u8]) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR IGNORE INTO address (serial, address, use) VALUES (?1, ?2, 0)")?
        .execute((to_sql(serial.0)?, address))?;
    Ok(())
}

/// What this serial is used for; `None`: not ours, or revoked.
pub(crate) fn used_for(tx: &Connection, serial: Serial) -> Result<Option<Use>, Fault> {
    Ok(tx
        .prepare_cached("SELECT use, conversation FROM address WHERE serial = ?1")?
        .query_row([to_sql(serial.0)?], |row| {
            Ok(purpose(row.get(0)?, row.get(1)?))
        })
        .optional()?)
}

/// The serial of an own address.
pub(crate) fn serial_of(tx: &Connection, address: &[u8]) -> Result<Option<Serial>, Fault> {
    Ok(tx
        .prepare_cached("SELECT serial FROM address WHERE address = ?1")?
        .query_row([address], |row| Ok(Serial(from_sql(row.get(0)?))))
        .optional()?)
}

/// A free one.
pub(crate) fn free(tx: &Connection) -> Result<Option<(Serial, Vec<u8>)>, Fault> {
    Ok(tx
        .prepare_cached(
            "SELECT serial, address FROM address WHERE use = 0 ORDER BY serial LIMIT 1",
        )?
        .query_row([], |row| Ok((Serial(from_sql(row.get(0)?)), row.get(1)?)))
        .optional()?)
}

/// How many are free.
pub(crate) fn count_free(tx: &Connection) -> Result<usize, Fault> {
    let count: i64 = tx
        .prepare_cached("SELECT count(*) FROM address WHERE use = 0")?
        .query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Says what it is used for from now on; a retiring one until when.
pub(crate) fn assign(
    tx: &Connection,
    serial: Serial,
    purpose: Use,
    until: Option<Timestamp>,
) -> Result<(), Fault> {
    let (number, conversation) = numbers(purpose);
    tx.prepare_cached(
        "UPDATE address SET use = ?2, conversation = ?3, until = ?4 WHERE serial = ?1",
    )?
    .execute((to_sql(serial.0)?, number, conversation, until.map(instant)))?;
    Ok(())
}

/// Retiring ones whose time is over.
pub(crate) fn retired(tx: &Connection, now: Timestamp) -> Result<Vec<Serial>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT serial FROM address WHERE use = 3 AND until <= ?1 LIMIT 256")?;
    let serials = statement
        .query_map([instant(now)], |row| Ok(Serial(from_sql(row.get(0)?))))?
        .collect::<Result<_, _>>()?;
    Ok(serials)
}

/// When the next retiring one is over.
pub(crate) fn next_retired(tx: &Connection) -> Result<Option<Timestamp>, Fault> {
    let until: Option<i64> = tx
        .prepare_cached("SELECT min(until) FROM address WHERE use = 3")?
        .query_row([], |row| row.get(0))?;
    Ok(until.map(|until| Timestamp(from_sql(until))))
}

/// The mailbox that they led to is gone: those that nobody uses yet.
pub(crate) fn remove_free(tx: &Connection) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM address WHERE use = 0")?
        .execute([])?;
    Ok(())
}

/// Two rows of conversations change places: their addresses go along.
pub(crate) fn swap(tx: &Connection, one: Row, other: Row) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE address SET conversation = CASE conversation WHEN ?1 THEN ?2 ELSE ?1 END
         WHERE conversation IN (?1, ?2)",
    )?
    .execute((one.0, other.0))?;
    Ok(())
}

/// Those in use for a row of conversations, or retiring from it.
pub(crate) fn of(tx: &Connection, row: Row) -> Result<Vec<Serial>, Fault> {
    let mut statement = tx.prepare_cached("SELECT serial FROM address WHERE conversation = ?1")?;
    let serials = statement
        .query_map([row.0], |row| Ok(Serial(from_sql(row.get(0)?))))?
        .collect::<Result<_, _>>()?;
    Ok(serials)
}

/// Forgets it: it is revoked.
pub(crate) fn remove(tx: &Connection, serial: Serial) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM address WHERE serial = ?1")?
        .execute([to_sql(serial.0)?])?;
    Ok(())
}

/// The address with this serial.
pub(crate) fn bytes_of(tx: &Connection, serial: Serial) -> Result<Option<Vec<u8>>, Fault> {
    Ok(tx
        .prepare_cached("SELECT address FROM address WHERE serial = ?1")?
        .query_row([to_sql(serial.0)?], |row| row.get(0))
        .optional()?)
}
