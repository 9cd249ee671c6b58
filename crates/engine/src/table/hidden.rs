//! Messages that were deleted on this device alone. Their ids are all that is left of them, and where they stood: receipts may name them.

use keyfold_protocol::content::ContentId;
use rusqlite::{Connection, OptionalExtension as _};

use super::conversation::Row;
use super::timeline::{Place, WAITING};
use crate::Fault;

/// Whether a message was deleted here.
pub(crate) fn has(tx: &Connection, shown_in: Row, id: &ContentId) -> Result<bool, Fault> {
    tx.prepare_cached("SELECT 1 FROM hidden WHERE conversation = ?1 AND content_id = ?2")?
        .exists((shown_in.0, id.as_ref()))
        .map_err(Fault::from)
}

/// It is, from now on.
pub(crate) fn add(tx: &Connection, shown_in: Row, id: &ContentId) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO hidden (conversation, content_id, place)
         SELECT ?1, ?2, coalesce(
           (SELECT id FROM timeline WHERE id >= ?3 AND id < ?4 AND content_id = ?2),
           (SELECT max(id) FROM timeline WHERE id >= ?3 AND id < ?4))",
    )?
    .execute((
        shown_in.0,
        id.as_ref(),
        Place::new(shown_in, 0).0,
        Place::new(shown_in, WAITING).0,
    ))?;
    Ok(())
}

/// Where one that was deleted stood, or what was last when it came.
pub(crate) fn place_of(
    tx: &Connection,
    shown_in: Row,
    id: &ContentId,
) -> Result<Option<Place>, Fault> {
    let place = tx
        .prepare_cached("SELECT place FROM hidden WHERE conversation = ?1 AND content_id = ?2")?
        .query_row((shown_in.0, id.as_ref()), |row| {
            row.get::<_, Option<i64>>(0)
        })
        .optional()?;
    Ok(place.flatten().map(Place))
}

/// Everything that has its place on a timeline is.
pub(crate) fn add_all(tx: &Connection, shown_in: Row) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO hidden (conversation, content_id, place)
         SELECT ?1, content_id, id FROM timeline WHERE id >= ?2 AND id < ?3 AND content_id IS NOT NULL",
    )?
    .execute((
        shown_in.0,
        Place::new(shown_in, 0).0,
        Place::new(shown_in, WAITING).0,
    ))?;
    Ok(())
}

/// What one timeline showed is shown by another.
pub(crate) fn relocate(tx: &Connection, from: Row, to: Row) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO hidden (conversation, content_id)
         SELECT ?2, content_id FROM hidden WHERE conversation = ?1",
    )?
    .execute((from.0, to.0))?;
    tx.prepare_cached("DELETE FROM hidden WHERE conversation = ?1")?
        .execute([from.0])?;
    Ok(())
}
