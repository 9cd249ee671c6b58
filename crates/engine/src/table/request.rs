//! Conversations that strangers have begun, until they are accepted.

use keyfold_protocol::content::Body;
use keyfold_wire::ids::{AccountId, Timestamp};
use rusqlite::Connection;

use super::conversation::Row;
use super::timeline::{self, EntryRow};
use super::{id, instant};
use crate::Fault;
use crate::limits::MAX_REQUEST_KEPT;

/// One that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestRow {
    /// Who has begun it, or has brought this account into it.
    pub(crate) sender: AccountId,
    /// The first position that is not shown.
    pub(crate) since: i64,
}

/// It waits from now on.
pub(crate) fn put(
    tx: &Connection,
    row: Row,
    request: &RequestRow,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO request VALUES (?1, ?2, ?3, ?4)")?
        .execute((row.0, request.sender.as_ref(), request.since, instant(at)))?;
    Ok(())
}

/// It is new again: it was out of the way.
pub(crate) fn renew(tx: &Connection, row: Row, at: Timestamp) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE request SET at = ?2 WHERE conversation = ?1")?
        .execute((row.0, instant(at)))?;
    Ok(())
}

/// It is out of the way, and begins anew at this position.
pub(crate) fn begin_anew(tx: &Connection, row: Row, since: i64) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE request SET since = ?2 WHERE conversation = ?1")?
        .execute((row.0, since))?;
    Ok(())
}

/// The one that this timeline shows.
pub(crate) fn get(tx: &Connection, shown_in: Row) -> Result<Option<RequestRow>, Fault> {
    let sql = "SELECT sender, since FROM request WHERE conversation = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([shown_in.0])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let sender: Vec<u8> = row.get(0)?;
    Ok(Some(RequestRow {
        sender: id(&sender)?,
        since: row.get(1)?,
    }))
}

/// Whether a conversation, on whichever timeline it is shown, waits to be accepted.
pub(crate) fn holds(tx: &Connection, row: Row) -> Result<bool, Fault> {
    tx.prepare_cached(
        "SELECT 1 FROM request WHERE conversation =
           (SELECT shown_in FROM conversation WHERE id = ?1)",
    )?
    .exists([row.0])
    .map_err(Fault::from)
}

/// It does not wait any more. `false`: it did not.
pub(crate) fn remove(tx: &Connection, shown_in: Row) -> Result<bool, Fault> {
    let removed = tx
        .prepare_cached("DELETE FROM request WHERE conversation = ?1")?
        .execute([shown_in.0])?;
    Ok(removed > 0)
}

/// Those of somebody.
pub(crate) fn of(tx: &Connection, sender: &AccountId) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT conversation FROM request WHERE sender = ?1 ORDER BY conversation",
        [sender.as_ref()],
    )
}

/// Those that are shown beyond the newest so many.
pub(crate) fn beyond(tx: &Connection, most: usize) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT conversation FROM request
         WHERE conversation NOT IN (SELECT conversation FROM mark WHERE deleted)
         ORDER BY at DESC, conversation DESC LIMIT -1 OFFSET ?1",
        [i64::try_from(most).unwrap_or(i64::MAX)],
    )
}

/// Whether this person talks to somebody one to one, in another conversation than this one, that does not wait to be accepted.
pub(crate) fn is_known(tx: &Connection, account: &AccountId, but: Row) -> Result<bool, Fault> {
    tx.prepare_cached(
        "SELECT 1 FROM conversation WHERE peer = ?1 AND id <> ?2 AND line_of IS NULL
         AND shown_in NOT IN (SELECT conversation FROM request)",
    )?
    .exists((account.as_ref(), but.0))
    .map_err(Fault::from)
}

/// Whether somebody is in no conversation of this account but in those that wait to be accepted.
pub(crate) fn is_stranger(tx: &Connection, account: &AccountId) -> Result<bool, Fault> {
    tx.prepare_cached(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM request)
         AND NOT EXISTS (SELECT 1 FROM member
           JOIN conversation ON conversation.id = member.conversation
           WHERE member.account = ?1
           AND conversation.shown_in NOT IN (SELECT conversation FROM request))
         AND EXISTS (SELECT 1 FROM member WHERE member.account = ?1)",
    )?
    .exists([account.as_ref()])
    .map_err(Fault::from)
}

/// The first text of whoever asks.
pub(crate) fn first_text(
    tx: &Connection,
    shown_in: Row,
    request: &RequestRow,
) -> Result<Option<EntryRow>, Fault> {
    let mut after = request.since.saturating_sub(1);
    // Mostly it is the first thing that they say.
    for _ in 0..MAX_REQUEST_KEPT {
        let mut said = timeline::said_by(tx, shown_in, &request.sender, after, 1)?;
        let Some(entry) = said.pop() else { break };
        if matches!(entry.says().map(|kept| kept.body), Some(Body::Text(_))) {
            return Ok(Some(entry));
        }
        after = entry.place.position();
    }
    Ok(None)
}

fn rows(tx: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Row>, Fault> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get(0).map(Row))?;
    rows.collect::<Result<_, _>>().map_err(Fault::from)
}
