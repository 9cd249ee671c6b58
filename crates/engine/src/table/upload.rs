//! Own files that are on their way to the server.

use keyfold_wire::file::UploadToken;
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow};

use super::timeline::Place;
use crate::Fault;

/// One file.
pub(crate) struct UploadRow {
    pub(crate) id: i64,
    pub(crate) token: UploadToken,
    /// The message as it will be said, but for its counter and id.
    pub(crate) content: Vec<u8>,
    /// Why it can't be sent.
    pub(crate) failed: Option<String>,
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<UploadRow> {
    Ok(UploadRow {
        id: row.get(0)?,
        token: UploadToken::new(row.get(1)?),
        content: row.get(2)?,
        failed: row.get(3)?,
    })
}

/// Writes a new one down and gives its number.
pub(crate) fn insert(tx: &Connection, token: &UploadToken, content: &[u8]) -> Result<i64, Fault> {
    tx.prepare_cached("INSERT INTO upload (token, content) VALUES (?1, ?2)")?
        .execute((token.as_bytes().as_slice(), content))?;
    Ok(tx.last_insert_rowid())
}

/// The one with this number.
pub(crate) fn get(tx: &Connection, id: i64) -> Result<Option<UploadRow>, Fault> {
    Ok(tx
        .prepare_cached("SELECT id, token, content, failed FROM upload WHERE id = ?1")?
        .query_row([id], read)
        .optional()?)
}

/// All of them, oldest first.
pub(crate) fn all(tx: &Connection) -> Result<Vec<UploadRow>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT id, token, content, failed FROM upload ORDER BY id")?;
    let rows = statement.query_map((), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many there are, and how many of them are on their way.
pub(crate) fn count(tx: &Connection) -> Result<(u64, u64), Fault> {
    let (all, going): (i64, i64) = tx
        .prepare_cached("SELECT count(*), count(*) - count(failed) FROM upload")?
        .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((super::from_sql(all), super::from_sql(going)))
}

/// It can't be sent.
pub(crate) fn fail(tx: &Connection, id: i64, why: &str) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE upload SET failed = ?2 WHERE id = ?1")?
        .execute((id, why))?;
    Ok(())
}

/// It is said, or given up.
pub(crate) fn remove(tx: &Connection, id: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM upload WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Where it is shown.
pub(crate) fn place(tx: &Connection, id: i64) -> Result<Option<Place>, Fault> {
    Ok(tx
        .prepare_cached("SELECT id FROM timeline WHERE kind = 6 AND body = ?1")?
        .query_row([id.to_be_bytes().as_slice()], |row| row.get(0).map(Place))
        .optional()?)
}
