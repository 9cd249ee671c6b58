//! Who has asked to be let in by a link that was made on this device.

use keyfold_protocol::invitation::JoinRequestId;
use keyfold_wire::ids::{AccountId, DeviceId, Timestamp};
use rusqlite::{Connection, Row as SqlRow};

use super::{from_sql, id, instant};
use crate::Fault;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Somebody has to approve of it.
    Waits,
    /// An intent lets it in.
    Admitting,
    /// It was let in.
    Done,
    /// Somebody does not want it.
    Refused,
}

const fn number(progress: Progress) -> i64 {
    match progress {
        Progress::Waits => 0,
        Progress::Admitting => 1,
        Progress::Done => 2,
        Progress::Refused => 3,
    }
}

const fn progress(number: i64) -> Progress {
    match number {
        0 => Progress::Waits,
        1 => Progress::Admitting,
        2 => Progress::Done,
        _ => Progress::Refused,
    }
}

/// One request.
#[derive(Clone)]
pub(crate) struct RequestRow {
    pub(crate) id: i64,
    pub(crate) invitation: i64,
    pub(crate) request: JoinRequestId,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    /// As the certificate says.
    pub(crate) handle: String,
    /// Empty: it was dealt with.
    pub(crate) key_package: Vec<u8>,
    /// By the server's clock.
    pub(crate) at: Timestamp,
    pub(crate) progress: Progress,
    /// Why it could not be let in.
    pub(crate) failure: Option<String>,
}

const COLUMNS: &str =
    "id, invitation, request, account, device, handle, key_package, at, state, failure";

fn read(row: &SqlRow<'_>) -> Result<RequestRow, Fault> {
    let bytes = |place: usize| row.get::<_, Vec<u8>>(place);
    Ok(RequestRow {
        id: row.get(0)?,
        invitation: row.get(1)?,
        request: id(&bytes(2)?)?,
        account: id(&bytes(3)?)?,
        device: id(&bytes(4)?)?,
        handle: row.get(5)?,
        key_package: row.get(6)?,
        at: Timestamp(from_sql(row.get(7)?)),
        progress: progress(row.get(8)?),
        failure: row.get(9)?,
    })
}

fn some(
    tx: &Connection,
    rest: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<RequestRow>, Fault> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM join_request {rest}"))?;
    let mut rows = statement.query(params)?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        requests.push(read(row)?);
    }
    Ok(requests)
}

/// Writes a new one down and gives its number.
pub(crate) fn insert(tx: &Connection, asked: &RequestRow) -> Result<i64, Fault> {
    tx.prepare_cached(
        "INSERT INTO join_request (invitation, request, account, device, handle, key_package, at, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        asked.invitation,
        asked.request.as_slice(),
        asked.account.as_ref(),
        asked.device.as_ref(),
        &asked.handle,
        &asked.key_package,
        instant(asked.at),
        number(asked.progress),
    ))?;
    Ok(tx.last_insert_rowid())
}

/// The one with this number.
pub(crate) fn get(tx: &Connection, id: i64) -> Result<Option<RequestRow>, Fault> {
    Ok(some(tx, "WHERE id = ?1", [id])?.pop())
}

/// All by one link, oldest first, without their key packages: there may be thousands.
pub(crate) fn of(tx: &Connection, invitation: i64) -> Result<Vec<RequestRow>, Fault> {
    let columns = COLUMNS.replace("key_package", "x''");
    let sql = format!("SELECT {columns} FROM join_request WHERE invitation = ?1 ORDER BY id");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query([invitation])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        requests.push(read(row)?);
    }
    Ok(requests)
}

/// The one that this intent lets in.
pub(crate) fn of_intent(tx: &Connection, intent: i64) -> Result<Option<RequestRow>, Fault> {
    Ok(some(tx, "WHERE intent = ?1", [intent])?.pop())
}

/// The intents that let in those who have asked by one link.
pub(crate) fn admitting(tx: &Connection, invitation: i64) -> Result<Vec<i64>, Fault> {
    let sql =
        "SELECT intent FROM join_request WHERE invitation = ?1 AND intent IS NOT NULL ORDER BY id";
    let mut statement = tx.prepare_cached(sql)?;
    let intents = statement.query_map([invitation], |row| row.get(0))?;
    intents.collect::<Result<_, _>>().map_err(Fault::from)
}

/// The oldest by one link that waits for this reason.
pub(crate) fn oldest_waiting(
    tx: &Connection,
    invitation: i64,
    why: &str,
) -> Result<Option<RequestRow>, Fault> {
    let rest = "WHERE invitation = ?1 AND state = 0 AND failure = ?2 ORDER BY id LIMIT 1";
    Ok(some(tx, rest, (invitation, why))?.pop())
}

/// How many wait by one link.
pub(crate) fn count_waiting(tx: &Connection, invitation: i64) -> Result<usize, Fault> {
    let sql = "SELECT count(*) FROM join_request WHERE invitation = ?1 AND state = 0";
    let count: i64 = tx
        .prepare_cached(sql)?
        .query_row([invitation], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Forgets one.
pub(crate) fn remove(tx: &Connection, id: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM join_request WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// An intent lets it in from now on.
pub(crate) fn admit(tx: &Connection, id: i64, intent: i64) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE join_request SET state = 1, intent = ?2, failure = NULL WHERE id = ?1",
    )?
    .execute((id, intent))?;
    Ok(())
}

/// It waits again, for it could not be let in.
pub(crate) fn waits_again(tx: &Connection, id: i64, why: &str) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE join_request SET state = 0, intent = NULL, failure = ?2 WHERE id = ?1",
    )?
    .execute((id, why))?;
    Ok(())
}

/// It was dealt with: only that it was is kept.
pub(crate) fn settle(tx: &Connection, id: i64, how: Progress) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE join_request SET state = ?2, intent = NULL, failure = NULL, key_package = x'' WHERE id = ?1",
    )?
    .execute((id, number(how)))?;
    Ok(())
}

/// Forgets those by a link that wait: it was revoked.
pub(crate) fn forget_waiting(tx: &Connection, invitation: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM join_request WHERE invitation = ?1 AND state = 0")?
        .execute([invitation])?;
    Ok(())
}
