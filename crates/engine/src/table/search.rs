//! The index of words: which messages have them, by their places.
//!
//! It is an FTS5 table without content: words can be taken out of it only by those who know them, and with `secure-delete` they are then in
//! none of its pages any more. Who keeps it in step with the timelines is `step::index`.

use rusqlite::Connection;

use super::conversation::Row;
use super::timeline::{Place, WAITING};
use crate::Fault;

/// A timeline whose words are not all in the index.
pub(crate) struct Behind {
    /// Whose.
    pub(crate) shown_in: Row,
    /// The last position whose words are.
    pub(crate) up_to: i64,
    /// The last position that there is, but for what has none yet.
    pub(crate) last: i64,
}

/// Puts in the words of the message at this place.
pub(crate) fn insert(tx: &Connection, place: Place, words: &str) -> Result<(), Fault> {
    tx.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?
        .execute((place.0, words))?;
    Ok(())
}

/// Takes out the words of the message at this place, which must be those that were put in.
pub(crate) fn delete(tx: &Connection, place: Place, words: &str) -> Result<(), Fault> {
    tx.prepare_cached("INSERT INTO search (search, rowid, words) VALUES ('delete', ?1, ?2)")?
        .execute((place.0, words))?;
    Ok(())
}

/// Empties the index.
pub(crate) fn delete_all(tx: &Connection) -> Result<(), Fault> {
    tx.execute_batch("INSERT INTO search (search) VALUES ('delete-all'); DELETE FROM searched;")?;
    Ok(())
}

/// Up to which position the words of a timeline are in the index.
pub(crate) fn up_to(tx: &Connection, shown_in: Row) -> Result<i64, Fault> {
    let mut statement = tx.prepare_cached("SELECT up_to FROM searched WHERE conversation = ?1")?;
    let mut rows = statement.query([shown_in.0])?;
    Ok(match rows.next()? {
        Some(row) => row.get(0)?,
        None => 0,
    })
}

/// The words of a timeline are in the index up to there.
pub(crate) fn reached(tx: &Connection, shown_in: Row, up_to: i64) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO searched (conversation, up_to) VALUES (?1, ?2)")?
        .execute((shown_in.0, up_to))?;
    Ok(())
}

/// A timeline is shown by another one from now on.
pub(crate) fn forget(tx: &Connection, shown_in: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM searched WHERE conversation = ?1")?
        .execute([shown_in.0])?;
    Ok(())
}

/// Timelines that are not all in the index, or that have something without a position.
pub(crate) fn behind(tx: &Connection) -> Result<Vec<Behind>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT c.id, coalesce(s.up_to, 0), c.next - 1 FROM conversation c
         LEFT JOIN searched s ON s.conversation = c.id
         WHERE c.shown_in = c.id AND c.line_of IS NULL
           AND (c.next - 1 > coalesce(s.up_to, 0) OR c.next_waiting > 0) ORDER BY c.id",
    )?;
    let rows = statement.query_map((), |row| {
        Ok(Behind {
            shown_in: Row(row.get(0)?),
            up_to: row.get(1)?,
            last: row.get(2)?,
        })
    })?;
    rows.collect::<Result<_, _>>().map_err(Fault::from)
}

/// Places of messages with these words (as `words::Query::for_index` says them), on one timeline or on all, the newest first, with the time of
/// each; those before such a one.
pub(crate) fn find(
    tx: &Connection,
    words: &str,
    within: Option<Row>,
    before: (i64, i64),
    limit: i64,
) -> Result<Vec<(i64, Place)>, Fault> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, Place(row.get(1)?)));
    let found = match within {
        Some(row) => tx
            .prepare_cached(
                "SELECT t.at, t.id FROM search JOIN timeline t ON t.id = search.rowid
                 WHERE search MATCH ?1 AND search.rowid >= ?2 AND search.rowid < ?3
                 ORDER BY search.rowid DESC LIMIT ?4",
            )?
            .query_map(
                (
                    words,
                    Place::new(row, 0).0,
                    before.1.min(Place::new(row, WAITING).0),
                    limit,
                ),
                read,
            )?
            .collect::<Result<_, _>>(),
        None => tx
            .prepare_cached(
                "SELECT t.at, t.id FROM search JOIN timeline t ON t.id = search.rowid
                 WHERE search MATCH ?1 AND (t.at, t.id) < (?2, ?3)
                 ORDER BY t.at DESC, t.id DESC LIMIT ?4",
            )?
            .query_map((words, before.0, before.1, limit), read)?
            .collect::<Result<_, _>>(),
    };
    found.map_err(Fault::from)
}
