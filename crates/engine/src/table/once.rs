//! Files that are opened once: until when their keys are kept, as a column of the timeline.

use keyfold_protocol::content::{self, Body, Kept};
use rusqlite::Connection;

use super::expiry;
use super::timeline::{self, EntryRow, Kind, Place};
use crate::Fault;
use crate::clock::in_millis;
use crate::limits::ONCE_KEPT;

/// Keeps what a message says without the file's key.
pub(crate) fn strip(tx: &Connection, place: Place, without_key: &[u8]) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE timeline SET body = ?2, once_until = NULL, starred = 0 WHERE id = ?1",
    )?
    .execute((place.0, without_key))?;
    Ok(())
}

/// Those whose time is over, the first to go first, at most so many.
pub(crate) fn due(tx: &Connection, passed: i64, limit: usize) -> Result<Vec<EntryRow>, Fault> {
    expiry::selected(
        tx,
        "SELECT id FROM timeline WHERE once_until <= ?1 AND once_until IS NOT NULL
             ORDER BY once_until LIMIT ?2",
        passed,
        limit,
    )
}

/// When the next one goes.
pub(crate) fn next(tx: &Connection) -> Result<Option<i64>, Fault> {
    let next = tx
        .prepare_cached("SELECT min(once_until) FROM timeline WHERE once_until IS NOT NULL")?
        .query_row((), |row| row.get(0))?;
    Ok(next)
}

/// Notes votes, ends of polls and files that are opened once that came before anybody knew of them.
pub(crate) fn find_all(tx: &Connection) -> Result<(), Fault> {
    let mut statement =
        tx.prepare("SELECT id, body, mine, at FROM timeline WHERE kind = 0 AND target IS NULL")?;
    let mut rows = statement.query(())?;
    let mut aims = tx.prepare("UPDATE timeline SET target = ?2, kind = ?3 WHERE id = ?1")?;
    let mut keeps = tx.prepare("UPDATE timeline SET once_until = ?2 WHERE id = ?1")?;
    let mut strips = tx.prepare("UPDATE timeline SET body = ?2 WHERE id = ?1")?;
    while let Some(row) = rows.next()? {
        let (id, encoded): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let Ok(kept) = Kept::read(&encoded) else {
            continue;
        };
        match &kept.body {
            Body::Vote(_) | Body::PollEnd(_) => {
                let kind = timeline::kind_number(Kind::of(&kept.body));
                let target = kept.body.about();
                aims.execute((id, target.as_ref().map(AsRef::<[u8]>::as_ref), kind))?;
            }
            // Own ones were sent on a device of a newer version.
            Body::Once(_) if row.get(2)? => {
                if let Ok(without_key) = content::without_key(&encoded) {
                    strips.execute((id, without_key))?;
                }
            }
            // By the clock as it stands before the server tells the time.
            Body::Once(_) => {
                let until = row.get::<_, i64>(3)?.saturating_add(in_millis(ONCE_KEPT));
                keeps.execute((id, until))?;
            }
            _ => {}
        }
    }
    Ok(())
}
