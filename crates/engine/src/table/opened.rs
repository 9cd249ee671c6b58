//! Invitation links that were opened on this device, until they have let it in.

use keyfold_wire::ids::{AccountId, ConversationId, Serial, Timestamp};
use rusqlite::{Connection, Row as SqlRow};

use super::{from_sql, id, instant, to_sql};
use crate::Fault;
use crate::view::OpenedState;

/// One link.
pub(crate) struct OpenedRow {
    pub(crate) id: i64,
    /// The link's id.
    pub(crate) link: [u8; 32],
    pub(crate) maker: AccountId,
    /// `None`: it leads to the maker.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) title: String,
    /// Of the key package in the request.
    pub(crate) serial: Serial,
    pub(crate) reference: Vec<u8>,
    pub(crate) made: Timestamp,
    /// By the time that is counted.
    pub(crate) lasts_until: i64,
    pub(crate) state: OpenedState,
}

const COLUMNS: &str =
    "id, link, maker, conversation, title, serial, reference, made, lasts_until, state, failure";

fn read(row: &SqlRow<'_>) -> Result<OpenedRow, Fault> {
    let bytes = |place: usize| row.get::<_, Vec<u8>>(place);
    let conversation: Option<Vec<u8>> = row.get(3)?;
    let failure: Option<String> = row.get(10)?;
    let state: i64 = row.get(9)?;
    Ok(OpenedRow {
        id: row.get(0)?,
        link: id(&bytes(1)?)?,
        maker: id(&bytes(2)?)?,
        conversation: conversation.as_deref().map(id).transpose()?,
        title: row.get(4)?,
        serial: Serial(from_sql(row.get(5)?)),
        reference: row.get(6)?,
        made: Timestamp(from_sql(row.get(7)?)),
        lasts_until: row.get(8)?,
        state: match state {
            0 => OpenedState::Asking,
            1 => OpenedState::Waiting,
            _ => OpenedState::Failed(failure.unwrap_or_default()),
        },
    })
}

fn some(
    tx: &Connection,
    rest: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<OpenedRow>, Fault> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM opened {rest}"))?;
    let mut rows = statement.query(params)?;
    let mut links = Vec::new();
    while let Some(row) = rows.next()? {
        links.push(read(row)?);
    }
    Ok(links)
}

/// Writes a new one down, on its way, and gives its number.
pub(crate) fn insert(tx: &Connection, opened: &OpenedRow) -> Result<i64, Fault> {
    tx.prepare_cached(
        "INSERT INTO opened (link, maker, conversation, title, serial, reference, made, lasts_until, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
    )?
    .execute((
        opened.link.as_slice(),
        opened.maker.as_ref(),
        opened.conversation.as_ref().map(AsRef::<[u8]>::as_ref),
        &opened.title,
        to_sql(opened.serial.0)?,
        &opened.reference,
        instant(opened.made),
        opened.lasts_until,
    ))?;
    Ok(tx.last_insert_rowid())
}

/// The one with this number.
pub(crate) fn get(tx: &Connection, id: i64) -> Result<Option<OpenedRow>, Fault> {
    Ok(some(tx, "WHERE id = ?1", [id])?.pop())
}

/// The one of this link.
pub(crate) fn of_link(tx: &Connection, link: &[u8; 32]) -> Result<Option<OpenedRow>, Fault> {
    Ok(some(tx, "WHERE link = ?1", [link.as_slice()])?.pop())
}

/// All of them, oldest first.
pub(crate) fn all(tx: &Connection) -> Result<Vec<OpenedRow>, Fault> {
    some(tx, "ORDER BY id", ())
}

/// Those that have not failed.
pub(crate) fn open(tx: &Connection) -> Result<Vec<OpenedRow>, Fault> {
    some(tx, "WHERE state < 2 ORDER BY id", ())
}

/// When the first of those that have not failed is given up.
pub(crate) fn next_over(tx: &Connection) -> Result<Option<i64>, Fault> {
    Ok(tx
        .prepare_cached("SELECT min(lasts_until) FROM opened WHERE state < 2")?
        .query_row((), |row| row.get(0))?)
}

/// The server has its request.
pub(crate) fn waits(tx: &Connection, id: i64) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE opened SET state = 1 WHERE id = ?1 AND state = 0")?
        .execute([id])?;
    Ok(())
}

/// It comes to nothing.
pub(crate) fn fail(tx: &Connection, id: i64, why: &str) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE opened SET state = 2, failure = ?2 WHERE id = ?1")?
        .execute((id, why))?;
    Ok(())
}

/// Forgets it.
pub(crate) fn remove(tx: &Connection, id: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM opened WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}
