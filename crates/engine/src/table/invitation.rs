//! Invitation links that were made on this device.

use keyfold_protocol::invitation::LinkSecret;
use keyfold_wire::ids::{ConversationId, Serial, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow};

use super::{from_sql, id, instant, to_sql};
use crate::Fault;
use crate::view::Ended;

/// One link.
pub(crate) struct InvitationRow {
    pub(crate) id: i64,
    /// Of its delivery address. `None`: it has ended.
    pub(crate) serial: Option<Serial>,
    /// `None`: it has ended.
    pub(crate) secret: Option<LinkSecret>,
    pub(crate) suite: u16,
    /// `None`: it leads to this person.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) title: String,
    pub(crate) made: Timestamp,
    /// By the time that is counted.
    pub(crate) lasts_until: i64,
    /// How many may still be let in.
    pub(crate) uses: u64,
    /// Somebody has to approve of each.
    pub(crate) approval: bool,
    pub(crate) admitted: u64,
    /// What came for it and is no request.
    pub(crate) useless: u64,
    pub(crate) ended: Option<Ended>,
}

const COLUMNS: &str = "id, serial, secret, suite, conversation, title, made, lasts_until, uses, approval, admitted, useless, ended";

const ENDED: [Ended; 5] = [
    Ended::Revoked,
    Ended::Over,
    Ended::UsedUp,
    Ended::Flooded,
    Ended::Left,
];

fn number(ended: Ended) -> i64 {
    let place = ENDED.iter().position(|one| *one == ended);
    place
        .and_then(|place| i64::try_from(place).ok())
        .map_or(1, |place| place.saturating_add(1))
}

fn ended(number: i64) -> Option<Ended> {
    let place = usize::try_from(number.checked_sub(1)?).ok()?;
    ENDED.get(place).copied()
}

fn read(row: &SqlRow<'_>) -> Result<InvitationRow, Fault> {
    let secret: Option<Vec<u8>> = row.get(2)?;
    let conversation: Option<Vec<u8>> = row.get(4)?;
    let serial: Option<i64> = row.get(1)?;
    Ok(InvitationRow {
        id: row.get(0)?,
        serial: serial.map(|serial| Serial(from_sql(serial))),
        secret: secret
            .map(|secret| id(&secret).map(LinkSecret::new))
            .transpose()?,
        suite: row.get(3)?,
        conversation: conversation.as_deref().map(id).transpose()?,
        title: row.get(5)?,
        made: Timestamp(from_sql(row.get(6)?)),
        lasts_until: row.get(7)?,
        uses: from_sql(row.get(8)?),
        approval: row.get(9)?,
        admitted: from_sql(row.get(10)?),
        useless: from_sql(row.get(11)?),
        ended: ended(row.get(12)?),
    })
}

/// Writes a new one down and gives its number.
pub(crate) fn insert(tx: &Connection, link: &InvitationRow) -> Result<i64, Fault> {
    tx.prepare_cached(
        "INSERT INTO invitation (serial, secret, suite, conversation, title, made, lasts_until, uses, approval)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        link.serial.map(|serial| to_sql(serial.0)).transpose()?,
        link.secret
            .as_ref()
            .map(|secret| secret.to_secret_bytes().to_vec()),
        link.suite,
        link.conversation.as_ref().map(AsRef::<[u8]>::as_ref),
        &link.title,
        instant(link.made),
        link.lasts_until,
        to_sql(link.uses)?,
        link.approval,
    ))?;
    Ok(tx.last_insert_rowid())
}

fn some(
    tx: &Connection,
    rest: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<InvitationRow>, Fault> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM invitation {rest}"))?;
    let mut rows = statement.query(params)?;
    let mut links = Vec::new();
    while let Some(row) = rows.next()? {
        links.push(read(row)?);
    }
    Ok(links)
}

/// The one with this number.
pub(crate) fn get(tx: &Connection, id: i64) -> Result<Option<InvitationRow>, Fault> {
    Ok(some(tx, "WHERE id = ?1", [id])?.pop())
}

/// The one with this address.
pub(crate) fn of_serial(tx: &Connection, serial: Serial) -> Result<Option<InvitationRow>, Fault> {
    Ok(some(tx, "WHERE serial = ?1", [to_sql(serial.0)?])?.pop())
}

/// All of them, oldest first.
pub(crate) fn all(tx: &Connection) -> Result<Vec<InvitationRow>, Fault> {
    some(tx, "ORDER BY id", ())
}

/// Those that have not ended.
pub(crate) fn open(tx: &Connection) -> Result<Vec<InvitationRow>, Fault> {
    some(tx, "WHERE ended = 0 ORDER BY id", ())
}

/// Those that have not ended, and that are over by now.
pub(crate) fn over(tx: &Connection, passed: i64) -> Result<Vec<InvitationRow>, Fault> {
    some(tx, "WHERE ended = 0 AND lasts_until <= ?1", [passed])
}

/// When the first of those that have not ended is over.
pub(crate) fn next_over(tx: &Connection) -> Result<Option<i64>, Fault> {
    Ok(tx
        .prepare_cached("SELECT min(lasts_until) FROM invitation WHERE ended = 0")?
        .query_row((), |row| row.get(0))?)
}

/// One has ended: nothing of it is kept that opens anything.
pub(crate) fn end(tx: &Connection, id: i64, how: Ended) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE invitation SET ended = ?2, serial = NULL, secret = NULL WHERE id = ?1",
    )?
    .execute((id, number(how)))?;
    Ok(())
}

/// How many may still be let in, and how many were.
pub(crate) fn count(tx: &Connection, id: i64, uses: u64, admitted: u64) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE invitation SET uses = ?2, admitted = ?3 WHERE id = ?1")?
        .execute((id, to_sql(uses)?, to_sql(admitted)?))?;
    Ok(())
}

/// Something came for it that is no request. How many that were by now.
pub(crate) fn count_useless(tx: &Connection, id: i64) -> Result<u64, Fault> {
    let count: i64 = tx
        .prepare_cached(
            "UPDATE invitation SET useless = useless + 1 WHERE id = ?1 RETURNING useless",
        )?
        .query_row([id], |row| row.get(0))?;
    Ok(from_sql(count))
}

/// Forgets the oldest that has ended, and who has asked by it. `false`: none has.
pub(crate) fn forget_oldest(tx: &Connection) -> Result<bool, Fault> {
    let oldest: Option<i64> = tx
        .prepare_cached("SELECT id FROM invitation WHERE ended <> 0 ORDER BY id LIMIT 1")?
        .query_row((), |row| row.get(0))
        .optional()?;
    let Some(oldest) = oldest else {
        return Ok(false);
    };
    tx.prepare_cached("DELETE FROM join_request WHERE invitation = ?1")?
        .execute([oldest])?;
    tx.prepare_cached("DELETE FROM invitation WHERE id = ?1")?
        .execute([oldest])?;
    Ok(true)
}
