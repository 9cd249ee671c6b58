//! Messages that disappear: how long they last, and when they go, as columns of the timeline.

use keyfold_protocol::content::{Expires, Kept};
use rusqlite::Connection;

use super::conversation::Row;
use super::timeline::{self, EntryRow, Kind, Place};
use crate::Fault;

/// Those received ones up to this position whose time had not begun have been read: it begins. Whether there were any.
pub(crate) fn read(tx: &Connection, shown_in: Row, up_to: i64, passed: i64) -> Result<bool, Fault> {
    let begun = tx
        .prepare_cached(
            "UPDATE timeline SET goes_at = ?3 + lasts * 1000
             WHERE lasts IS NOT NULL AND goes_at IS NULL AND NOT mine AND id >= ?1 AND id <= ?2",
        )?
        .execute((
            Place::new(shown_in, 0).0,
            Place::new(shown_in, up_to).0,
            passed,
        ))?;
    Ok(begun > 0)
}

/// This one goes then.
pub(crate) fn set(tx: &Connection, place: Place, goes_at: i64) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET goes_at = ?2 WHERE id = ?1")?
        .execute((place.0, goes_at))?;
    Ok(())
}

/// Those whose time is over, the first to go first, at most so many.
pub(crate) fn due(tx: &Connection, passed: i64, limit: usize) -> Result<Vec<EntryRow>, Fault> {
    selected(
        tx,
        "SELECT id FROM timeline WHERE goes_at <= ?1 AND goes_at IS NOT NULL AND target IS NULL
             ORDER BY goes_at LIMIT ?2",
        passed,
        limit,
    )
}

/// Those whose places this selects: of what is over by then, at most so many.
pub(super) fn selected(
    tx: &Connection,
    select: &str,
    passed: i64,
    limit: usize,
) -> Result<Vec<EntryRow>, Fault> {
    let places = tx
        .prepare_cached(select)?
        .query_map((passed, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
            row.get(0).map(Place)
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut entries = Vec::new();
    for place in places {
        entries.extend(timeline::get(tx, place)?);
    }
    Ok(entries)
}

/// When the next one goes.
pub(crate) fn next(tx: &Connection) -> Result<Option<i64>, Fault> {
    let next = tx
        .prepare_cached(
            "SELECT min(goes_at) FROM timeline WHERE goes_at IS NOT NULL AND target IS NULL",
        )?
        .query_row((), |row| row.get(0))?;
    Ok(next)
}

/// Notes of messages that came before anybody looked at that how long they last, and what they are about.
pub(crate) fn find_all(tx: &Connection) -> Result<(), Fault> {
    let mut statement = tx.prepare(
        "SELECT id, body, mine, at, state FROM timeline WHERE kind = 0 AND target IS NULL",
    )?;
    let mut rows = statement.query(())?;
    let mut ends =
        tx.prepare("UPDATE timeline SET lasts = ?2, goes_at = ?3 WHERE id = ?1 AND state <> 4")?;
    let mut aims = tx.prepare("UPDATE timeline SET target = ?2, kind = ?3 WHERE id = ?1")?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let Ok(kept) = Kept::read(&row.get::<_, Vec<u8>>(1)?) else {
            continue;
        };
        let Some(expires) = kept.expires else {
            continue;
        };
        if let Some(target) = kept.body.about() {
            let kind = timeline::kind_number(Kind::of(&kept.body));
            aims.execute((id, target.as_ref(), kind))?;
            continue;
        }
        // By the clock as it stands before the server tells the time.
        // Own ones were said on a device of a newer version, and are running since.
        let (mine, at, state): (bool, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let (lasts, goes_at) = match expires {
            Expires::AfterReading(seconds) => {
                let began = (mine && state == 2).then_some(at);
                let span = i64::from(seconds).saturating_mul(1_000);
                (Some(seconds), began.map(|at| at.saturating_add(span)))
            }
            Expires::At(seconds) => (None, Some(i64::from(seconds).saturating_mul(1_000))),
        };
        ends.execute((id, lasts, goes_at))?;
    }
    Ok(())
}
