//! The time that is counted, as it stood last: one row.

use rusqlite::Connection;

use crate::Fault;
use crate::clock::Clock;

/// As it stood last. `None`: it was never written.
pub(crate) fn get(tx: &Connection) -> Result<Option<Clock>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT passed, seen, own_lead, server_offset, lost, credit FROM clock")?;
    let mut rows = statement.query(())?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Clock {
        passed: row.get(0)?,
        seen: row.get(1)?,
        own_lead: row.get(2)?,
        offset: row.get(3)?,
        lost: row.get(4)?,
        credit: row.get(5)?,
    }))
}

/// Writes it.
pub(crate) fn put(tx: &Connection, clock: &Clock) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO clock (id, passed, seen, own_lead, server_offset, lost, credit)
         VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        clock.passed,
        clock.seen,
        clock.own_lead,
        clock.offset,
        clock.lost,
        clock.credit,
    ))?;
    Ok(())
}
