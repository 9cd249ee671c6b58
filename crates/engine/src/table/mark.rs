//! What a person has marked a conversation with, on this device alone. A conversation without a row has no mark.

use rusqlite::Connection;

use super::conversation::Row;
use super::{from_sql, instant};
use crate::Fault;
use crate::view::{Marks, Mute};
use keyfold_wire::ids::Timestamp;

/// One row.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct MarkRow {
    pub(crate) marks: Marks,
    /// It was deleted here, and stays away until somebody says something.
    pub(crate) deleted: bool,
}

const COLUMNS: &str = "archived, muted, muted_until, unread, pinned, draft, deleted";

fn read(row: &rusqlite::Row<'_>) -> Result<MarkRow, Fault> {
    let until: Option<i64> = row.get(2)?;
    let muted: i64 = row.get(1)?;
    Ok(MarkRow {
        marks: Marks {
            archived: row.get(0)?,
            mute: match (muted, until) {
                (1, Some(until)) => Mute::Until(Timestamp(from_sql(until))),
                (2, _) => Mute::Always,
                (3, _) => Mute::ButMentions,
                _ => Mute::Off,
            },
            unread: row.get(3)?,
            pinned: row.get(4)?,
            draft: row.get(5)?,
        },
        deleted: row.get(6)?,
    })
}

/// The marks of a conversation.
pub(crate) fn get(tx: &Connection, row: Row) -> Result<MarkRow, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM mark WHERE conversation = ?1");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query([row.0])?;
    let found = rows.next()?.map(read).transpose()?;
    Ok(found.unwrap_or_default())
}

/// It is deleted here, with all that it was marked with.
pub(crate) fn delete(tx: &Connection, row: Row) -> Result<(), Fault> {
    let gone = MarkRow {
        deleted: true,
        ..MarkRow::default()
    };
    put(tx, row, &gone)
}

/// Writes them.
pub(crate) fn put(tx: &Connection, row: Row, mark: &MarkRow) -> Result<(), Fault> {
    if *mark == MarkRow::default() {
        return remove(tx, row);
    }
    let (muted, until) = match mark.marks.mute {
        Mute::Off => (0, None),
        Mute::Until(until) => (1, Some(instant(until))),
        Mute::Always => (2, None),
        Mute::ButMentions => (3, None),
    };
    let sql = format!(
        "INSERT OR REPLACE INTO mark (conversation, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    );
    tx.prepare_cached(&sql)?.execute((
        row.0,
        mark.marks.archived,
        muted,
        until,
        mark.marks.unread,
        mark.marks.pinned,
        mark.marks.draft.as_deref(),
        mark.deleted,
    ))?;
    Ok(())
}

/// Removes them.
pub(crate) fn remove(tx: &Connection, row: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM mark WHERE conversation = ?1")?
        .execute([row.0])?;
    Ok(())
}

/// Somebody else has said something: a conversation that was put away is back, but for one that is muted for good.
pub(crate) fn heard(tx: &Connection, row: Row) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE mark SET deleted = 0, archived = (archived AND muted = 2)
         WHERE conversation = ?1 AND (archived OR deleted)",
    )?
    .execute([row.0])?;
    Ok(())
}

/// This person has said something, and has seen what was said before: the conversation is back.
pub(crate) fn spoken(tx: &Connection, row: Row) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE mark SET deleted = 0, archived = 0, unread = 0
         WHERE conversation = ?1 AND (archived OR deleted OR unread)",
    )?
    .execute([row.0])?;
    Ok(())
}

/// Conversations that are pinned, in order.
pub(crate) fn pinned(tx: &Connection) -> Result<Vec<Row>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT conversation FROM mark WHERE pinned IS NOT NULL ORDER BY pinned, conversation",
    )?;
    let rows = statement.query_map((), |row| row.get(0).map(Row))?;
    rows.collect::<Result<_, _>>().map_err(Fault::from)
}

/// It has been read: it is not to be shown as unread any more.
pub(crate) fn seen(tx: &Connection, row: Row) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE mark SET unread = 0 WHERE conversation = ?1 AND unread")?
        .execute([row.0])?;
    Ok(())
}

/// Gives a pinned conversation its turn.
pub(crate) fn pin(tx: &Connection, row: Row, turn: u32) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE mark SET pinned = ?2 WHERE conversation = ?1 AND pinned <> ?2")?
        .execute((row.0, turn))?;
    Ok(())
}

/// What one timeline showed is shown by another: what only the first was marked with counts for both, and neither is out of the way
/// unless both are.
pub(crate) fn relocate(tx: &Connection, from: Row, to: Row) -> Result<(), Fault> {
    let (guest, mut host) = (get(tx, from)?, get(tx, to)?);
    let marks = &mut host.marks;
    marks.archived &= guest.marks.archived;
    marks.unread |= guest.marks.unread;
    marks.pinned = marks.pinned.or(guest.marks.pinned);
    marks.draft = marks.draft.take().or(guest.marks.draft);
    if marks.mute == Mute::Off {
        marks.mute = guest.marks.mute;
    }
    host.deleted &= guest.deleted;
    remove(tx, from)?;
    put(tx, to, &host)
}
