//! Own key packages: which address each carries, and since when it is out of use.

use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{Serial, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use super::{from_sql, instant, to_sql};
use crate::Fault;

/// Remembers one that was made.
pub(crate) fn add(
    tx: &Connection,
    reference: &[u8],
    suite: Suite,
    serial: Serial,
    last_resort: bool,
    made: Timestamp,
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT INTO key_package VALUES (?1, ?2, ?3, ?4, ?5, NULL)")?
        .execute((
            reference,
            i64::from(suite.number()),
            to_sql(serial.0)?,
            last_resort,
            instant(made),
        ))?;
    Ok(())
}

/// Whether this address is in a last-resort key package, used or not.
pub(crate) fn is_last_resort(tx: &Connection, serial: Serial) -> Result<bool, Fault> {
    let count: i64 = tx
        .prepare_cached("SELECT count(*) FROM key_package WHERE serial = ?1 AND last_resort = 1")?
        .query_row([to_sql(serial.0)?], |row| row.get(0))?;
    Ok(count > 0)
}

/// Whether the one with this address is not at the directory any more.
pub(crate) fn is_retired(tx: &Connection, serial: Serial) -> Result<bool, Fault> {
    let count: i64 = tx
        .prepare_cached(
            "SELECT count(*) FROM key_package WHERE serial = ?1 AND retired IS NOT NULL",
        )?
        .query_row([to_sql(serial.0)?], |row| row.get(0))?;
    Ok(count > 0)
}

/// The reference of the one with this address.
pub(crate) fn reference_of(tx: &Connection, serial: Serial) -> Result<Option<Vec<u8>>, Fault> {
    Ok(tx
        .prepare_cached("SELECT reference FROM key_package WHERE serial = ?1")?
        .query_row([to_sql(serial.0)?], |row| row.get(0))
        .optional()?)
}

/// All that are at the directory are replaced there now.
pub(crate) fn retire_all(tx: &Connection, now: Timestamp) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE key_package SET retired = ?1 WHERE retired IS NULL")?
        .execute([instant(now)])?;
    Ok(())
}

/// Those that were replaced last were, in truth, only now: the directory has handed them out until then.
pub(crate) fn retire_last_again(tx: &Connection, now: Timestamp) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE key_package SET retired = ?1 WHERE retired = (SELECT max(retired) FROM key_package)",
    )?
    .execute([instant(now)])?;
    Ok(())
}

/// When the oldest last-resort one in use was made.
pub(crate) fn oldest_last_resort(tx: &Connection) -> Result<Option<Timestamp>, Fault> {
    time(
        tx,
        "SELECT min(made) FROM key_package WHERE last_resort = 1 AND retired IS NULL",
    )
}

/// References and serials of those that were replaced before this time.
pub(crate) fn retired_before(
    tx: &Connection,
    time: Timestamp,
) -> Result<Vec<(Vec<u8>, Serial)>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT reference, serial FROM key_package WHERE retired <= ?1")?;
    let found = statement
        .query_map([instant(time)], |row| {
            Ok((row.get(0)?, Serial(from_sql(row.get(1)?))))
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// When the first of those that were replaced was.
pub(crate) fn first_retired(tx: &Connection) -> Result<Option<Timestamp>, Fault> {
    time(tx, "SELECT min(retired) FROM key_package")
}

/// When the last of those that were replaced was.
pub(crate) fn last_retired(tx: &Connection) -> Result<Option<Timestamp>, Fault> {
    time(tx, "SELECT max(retired) FROM key_package")
}

fn time(tx: &Connection, select: &str) -> Result<Option<Timestamp>, Fault> {
    let time: Option<i64> = tx.prepare_cached(select)?.query_row([], |row| row.get(0))?;
    Ok(time.map(|time| Timestamp(from_sql(time))))
}

/// Forgets it.
pub(crate) fn remove(tx: &Connection, reference: &[u8]) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM key_package WHERE reference = ?1")?
        .execute([reference])?;
    Ok(())
}
