//! Timelines: one conversation's entries lie together, in order.
//!
//! The row id is the conversation's row times 2^40 plus the position. What waits to be sent has positions from 2^39
//! on, hence stands last; when the server has it, it moves to the next position before them.

use keyfold_protocol::content::{self, Body, ContentId, Kept, Text};
use keyfold_wire::ids::{AccountId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow};

use super::conversation::Row;
use super::{from_sql, hidden, id, instant};
use crate::Fault;

/// Where positions of what waits to be sent begin.
pub(crate) const WAITING: i64 = 1 << 39;

/// Behind all positions.
pub(crate) const END: i64 = 1 << 40;

/// A place on a timeline: conversation and position in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) i64);

impl Place {
    /// The place of this position.
    pub(crate) const fn new(conversation: Row, position: i64) -> Self {
        Self((conversation.0 << 40) + position)
    }

    /// Behind all places of a conversation's timeline.
    const fn behind(conversation: Row) -> Self {
        Self::new(Row(conversation.0.saturating_add(1)), 0)
    }

    /// The conversation whose timeline it is on.
    pub(crate) const fn conversation(self) -> Row {
        Row(self.0 >> 40)
    }

    /// The position within the conversation.
    pub(crate) const fn position(self) -> i64 {
        self.0 & ((1 << 40) - 1)
    }
}

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Encoded content, own or received.
    Content,
    /// So many messages of the sender are missing (u64, big endian).
    Gap,
    /// Something that the conversation says, encoded by `step::notice`.
    Notice,
    /// What was content and has been taken back: nothing of it is left but who had said it, and when.
    Deleted,
    /// What was an edit or a reaction of somebody who has said another one since: its id is all that counts.
    Superseded,
    /// Encoded content that pins a message, or does not any more.
    Pin,
    /// An own file that is on its way to the server: the number of its row in `upload` (i64, big endian).
    Upload,
    /// Encoded content that votes on a poll, or ends one.
    Vote,
}

impl Kind {
    /// The kind of a message that says this.
    pub(crate) const fn of(body: &Body) -> Self {
        match body {
            Body::Pin { .. } => Self::Pin,
            Body::Vote(_) | Body::PollEnd(_) => Self::Vote,
            _ => Self::Content,
        }
    }
}

/// How far an entry has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Own, not encrypted.
    Waiting,
    /// Own, encrypted, its request in the outbox.
    Encrypted,
    /// Own, at the server.
    Sent,
    /// Of somebody else, or of the conversation itself.
    Received,
    /// Own, can't be sent any more.
    Failed,
    /// Own, its file is not at the server yet.
    Uploading,
}

const STAGES: [Stage; 6] = [
    Stage::Waiting,
    Stage::Encrypted,
    Stage::Sent,
    Stage::Received,
    Stage::Failed,
    Stage::Uploading,
];

/// One row.
#[derive(Clone)]
pub(crate) struct EntryRow {
    pub(crate) place: Place,
    pub(crate) origin: Row,
    pub(crate) content_id: Option<ContentId>,
    pub(crate) sender: Option<AccountId>,
    pub(crate) mine: bool,
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Timestamp,
    pub(crate) stage: Stage,
    /// The message that this one is about, where it is no entry of its own.
    pub(crate) target: Option<ContentId>,
    /// It came from an admin.
    pub(crate) by_admin: bool,
    /// A person has starred it.
    pub(crate) starred: bool,
    /// Seconds after which it is to be gone, from when it was read or, one's own, accepted.
    pub(crate) lasts: Option<u32>,
    /// When it goes, by the time that is counted (`clock.rs`).
    pub(crate) goes_at: Option<i64>,
    /// When the key of its file, which is opened once, is erased; by the same time.
    pub(crate) once_until: Option<i64>,
}

impl EntryRow {
    /// Whether it says that its account leaves.
    pub(crate) fn is_leaving(&self) -> bool {
        content::is_leaving(&self.body).unwrap_or(false)
    }

    /// Whether it takes this message back, and its author may.
    pub(crate) fn takes_back(&self, message: &Self) -> bool {
        let deletion = matches!(self.says().map(|kept| kept.body), Some(Body::Deletion(_)));
        let moderated = self.by_admin && message.target.is_none();
        deletion && self.stage != Stage::Failed && (self.sender == message.sender || moderated)
    }

    /// What it says in the place of this message, if it does and its author may.
    pub(crate) fn edits(&self, message: &Self) -> Option<Text> {
        if self.sender != message.sender || self.stage == Stage::Failed {
            return None;
        }
        match self.says()?.body {
            Body::Edit { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The number of its row in `upload`, where it is a file on its way.
    pub(crate) fn upload(&self) -> i64 {
        self.body
            .as_slice()
            .try_into()
            .map_or(0, i64::from_be_bytes)
    }

    /// What it says, unless that has been taken back.
    pub(crate) fn says(&self) -> Option<Kept> {
        matches!(self.kind, Kind::Content | Kind::Pin | Kind::Vote)
            .then(|| Kept::read(&self.body).ok())
            .flatten()
    }
}

const COLUMNS: &str = "id, origin, content_id, sender, mine, kind, body, at, state, target, by_admin, starred, lasts, goes_at,
    once_until";

pub(super) const fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Content => 0,
        Kind::Gap => 1,
        Kind::Notice => 2,
        Kind::Deleted => 3,
        Kind::Superseded => 4,
        Kind::Pin => 5,
        Kind::Upload => 6,
        Kind::Vote => 7,
    }
}

fn stage(number: i64) -> Stage {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    STAGES.get(index).copied().unwrap_or(Stage::Failed)
}

fn read(row: &SqlRow<'_>) -> Result<EntryRow, Fault> {
    let content_id: Option<Vec<u8>> = row.get(2)?;
    let sender: Option<Vec<u8>> = row.get(3)?;
    let target: Option<Vec<u8>> = row.get(9)?;
    let kind: i64 = row.get(5)?;
    Ok(EntryRow {
        place: Place(row.get(0)?),
        origin: Row(row.get(1)?),
        content_id: content_id.as_deref().map(id).transpose()?,
        sender: sender.as_deref().map(id).transpose()?,
        mine: row.get(4)?,
        kind: match kind {
            0 => Kind::Content,
            1 => Kind::Gap,
            3 => Kind::Deleted,
            4 => Kind::Superseded,
            5 => Kind::Pin,
            6 => Kind::Upload,
            7 => Kind::Vote,
            _ => Kind::Notice,
        },
        body: row.get(6)?,
        at: Timestamp(from_sql(row.get(7)?)),
        stage: stage(row.get(8)?),
        target: target.as_deref().map(id).transpose()?,
        by_admin: row.get(10)?,
        starred: row.get(11)?,
        lasts: row.get(12)?,
        goes_at: row.get(13)?,
        once_until: row.get(14)?,
    })
}

/// Inserts an entry.
pub(crate) fn insert(tx: &Connection, entry: &EntryRow) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO timeline (id, origin, content_id, sender, mine, kind, body, at, state, target, by_admin, lasts, goes_at,
             once_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute((
        entry.place.0,
        entry.origin.0,
        entry.content_id.as_ref().map(AsRef::<[u8]>::as_ref),
        entry.sender.as_ref().map(AsRef::<[u8]>::as_ref),
        entry.mine,
        kind_number(entry.kind),
        &entry.body,
        instant(entry.at),
        entry.stage as i64,
        entry.target.as_ref().map(AsRef::<[u8]>::as_ref),
        entry.by_admin,
        entry.lasts,
        entry.goes_at,
        entry.once_until,
    ))?;
    Ok(())
}

/// Moves an own entry to its final place: the server has it.
pub(crate) fn settle(tx: &Connection, from: Place, to: Place, at: Timestamp) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET id = ?2, at = ?3, state = 2 WHERE id = ?1")?
        .execute((from.0, to.0, instant(at)))?;
    Ok(())
}

/// Marks an own entry. Of one that waits (again) the time has not begun.
pub(crate) fn mark(tx: &Connection, place: Place, stage: Stage) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE timeline SET state = ?2, goes_at = iif(?2 = 0, NULL, goes_at) WHERE id = ?1",
    )?
    .execute((place.0, stage as i64))?;
    Ok(())
}

/// Changes the number in a gap; zero removes it.
pub(crate) fn resize_gap(tx: &Connection, place: Place, missing: u64) -> Result<(), Fault> {
    if missing == 0 {
        tx.prepare_cached("DELETE FROM timeline WHERE id = ?1")?
            .execute([place.0])?;
    } else {
        tx.prepare_cached("UPDATE timeline SET body = ?2 WHERE id = ?1")?
            .execute((place.0, missing.to_be_bytes().as_slice()))?;
    }
    Ok(())
}

/// The entry at this place.
pub(crate) fn get(tx: &Connection, place: Place) -> Result<Option<EntryRow>, Fault> {
    let mut statement =
        tx.prepare_cached(&format!("SELECT {COLUMNS} FROM timeline WHERE id = ?1"))?;
    let mut rows = statement.query([place.0])?;
    rows.next()?.map(read).transpose()
}

/// Own entries of a conversation's group that wait for encryption, oldest first.
pub(crate) fn waiting(
    tx: &Connection,
    shown_in: Row,
    origin: Row,
    limit: usize,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline
         WHERE id >= ?1 AND id < ?2 AND origin = ?3 AND state = 0 ORDER BY id LIMIT ?4"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query((
        Place::new(shown_in, WAITING).0,
        Place::behind(shown_in).0,
        origin.0,
        i64::try_from(limit).unwrap_or(i64::MAX),
    ))?;
    collect(rows)
}

/// Whether a conversation's timeline has a message with this id already.
pub(crate) fn has(tx: &Connection, shown_in: Row, id: &ContentId) -> Result<bool, Fault> {
    tx.prepare_cached("SELECT 1 FROM timeline WHERE id >= ?1 AND id < ?2 AND content_id = ?3")?
        .exists((
            Place::new(shown_in, 0).0,
            Place::behind(shown_in).0,
            id.as_ref(),
        ))
        .map_err(Fault::from)
}

/// The message with this id, on the timeline of a conversation.
pub(crate) fn find(
    tx: &Connection,
    shown_in: Row,
    id: &ContentId,
) -> Result<Option<EntryRow>, Fault> {
    let sql =
        format!("SELECT {COLUMNS} FROM timeline WHERE id >= ?1 AND id < ?2 AND content_id = ?3");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query((
        Place::new(shown_in, 0).0,
        Place::behind(shown_in).0,
        id.as_ref(),
    ))?;
    rows.next()?.map(read).transpose()
}

/// Where the message with this id stands, if it has its place, or stood before it was deleted here.
pub(crate) fn place_of(
    tx: &Connection,
    shown_in: Row,
    id: &ContentId,
) -> Result<Option<Place>, Fault> {
    let place = tx
        .prepare_cached("SELECT id FROM timeline WHERE id >= ?1 AND id < ?2 AND content_id = ?3")?
        .query_row(
            (
                Place::new(shown_in, 0).0,
                Place::new(shown_in, WAITING).0,
                id.as_ref(),
            ),
            |row| row.get(0).map(Place),
        )
        .optional()?;
    match place {
        None => hidden::place_of(tx, shown_in, id),
        place => Ok(place),
    }
}

/// The last message of somebody else after a position, up to and with another.
pub(crate) fn last_of_others(
    tx: &Connection,
    shown_in: Row,
    after: i64,
    up_to: i64,
) -> Result<Option<ContentId>, Fault> {
    let found: Option<Vec<u8>> = tx
        .prepare_cached(
            "SELECT content_id FROM timeline WHERE id > ?1 AND id <= ?2 AND id < ?3 AND mine = 0 AND kind IN (0, 3)
             AND target IS NULL AND content_id IS NOT NULL ORDER BY id DESC LIMIT 1",
        )?
        .query_row(
            (
                Place::new(shown_in, after).0,
                Place::new(shown_in, up_to).0,
                Place::new(shown_in, WAITING).0,
            ),
            |row| row.get(0),
        )
        .optional()?;
    found.as_deref().map(id).transpose()
}

/// How many messages of others there are after a position.
pub(crate) fn count_of_others(tx: &Connection, shown_in: Row, after: i64) -> Result<u64, Fault> {
    let count: i64 = tx
        .prepare_cached(
            "SELECT count(*) FROM timeline WHERE id > ?1 AND id < ?2 AND mine = 0 AND kind = 0
             AND target IS NULL AND content_id IS NOT NULL",
        )?
        .query_row(
            (
                Place::new(shown_in, after).0,
                Place::new(shown_in, WAITING).0,
            ),
            |row| row.get(0),
        )?;
    Ok(from_sql(count))
}

/// Whether this account has said something, on whichever device, that has not failed. A file that was only begun is nothing yet.
pub(crate) fn has_spoken(tx: &Connection, shown_in: Row) -> Result<bool, Fault> {
    tx.prepare_cached(
        "SELECT 1 FROM timeline WHERE id >= ?1 AND id < ?2 AND mine = 1 AND state NOT IN (4, 5)",
    )?
    .exists((Place::new(shown_in, 0).0, Place::behind(shown_in).0))
    .map_err(Fault::from)
}

/// Messages whose id begins with these hexadecimal digits (in capitals), at most ten.
pub(crate) fn with_id(
    tx: &Connection,
    shown_in: Row,
    digits: &str,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE id >= ?1 AND id < ?2 AND kind = 0 AND target IS NULL
         AND substr(hex(content_id), 1, ?3) = ?4 ORDER BY id LIMIT 10"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((
        Place::new(shown_in, 0).0,
        Place::behind(shown_in).0,
        i64::try_from(digits.len()).unwrap_or(i64::MAX),
        digits,
    ))?)
}

/// The newest message that was not taken back.
pub(crate) fn last_message(tx: &Connection, shown_in: Row) -> Result<Option<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE id >= ?1 AND id < ?2 AND kind = 0 AND target IS NULL
         ORDER BY id DESC LIMIT 1"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query((Place::new(shown_in, 0).0, Place::behind(shown_in).0))?;
    rows.next()?.map(read).transpose()
}

/// What is about this message, in order, without what has been superseded.
pub(crate) fn about(
    tx: &Connection,
    shown_in: Row,
    target: &ContentId,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE target = ?1 AND kind <> 4 AND id >= ?2 AND id < ?3 ORDER BY id"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((
        target.as_ref(),
        Place::new(shown_in, 0).0,
        Place::behind(shown_in).0,
    ))?)
}

/// What pins messages of this conversation or does not any more, in order, without what has been superseded.
pub(crate) fn pins(tx: &Connection, shown_in: Row) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE kind = 5 AND id >= ?1 AND id < ?2 ORDER BY id"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((Place::new(shown_in, 0).0, Place::behind(shown_in).0))?)
}

/// Whether a message, or a reaction, is taken back, be it by words that still wait to be sent.
pub(crate) fn is_taken_back(
    tx: &Connection,
    shown_in: Row,
    message: &EntryRow,
) -> Result<bool, Fault> {
    let Some(id) = &message.content_id else {
        return Ok(false);
    };
    let about = about(tx, shown_in, id)?;
    Ok(about.iter().any(|one| one.takes_back(message)))
}

/// Erases what a message says. Its id stays: it is not shown again should it come again.
pub(crate) fn erase(tx: &Connection, place: Place) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE timeline SET kind = 3, body = x'', starred = 0, once_until = NULL WHERE id = ?1",
    )?
    .execute([place.0])?;
    Ok(())
}

/// Erases what another message of the same author has taken the place of. Its id stays: it is not shown again should it come again.
pub(crate) fn supersede(tx: &Connection, place: Place) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET kind = 4, body = x'' WHERE id = ?1")?
        .execute([place.0])?;
    Ok(())
}

/// What an own message is about, as it was judged at its place.
pub(crate) fn aim_at(
    tx: &Connection,
    place: Place,
    target: &ContentId,
    by_admin: bool,
) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET target = ?2, by_admin = ?3 WHERE id = ?1")?
        .execute((place.0, target.as_ref(), by_admin))?;
    Ok(())
}

/// Forgets a message that nobody shows.
pub(crate) fn remove(tx: &Connection, place: Place) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM timeline WHERE id = ?1")?
        .execute([place.0])?;
    Ok(())
}

/// Notes what messages are about that came before anybody looked at that, and erases what their authors have taken back.
pub(crate) fn find_targets(tx: &Connection) -> Result<(), Fault> {
    let mut statement = tx.prepare("SELECT id, sender, body FROM timeline WHERE kind = 0")?;
    let mut rows = statement.query(())?;
    let mut update = tx.prepare("UPDATE timeline SET target = ?2 WHERE id = ?1")?;
    let mut amending = Vec::new();
    while let Some(row) = rows.next()? {
        let (place, sender): (i64, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
        let Ok(kept) = Kept::read(&row.get::<_, Vec<u8>>(2)?) else {
            continue;
        };
        if let Some(target) = kept.body.about() {
            update.execute((place, target.as_ref()))?;
            amending.push((
                place,
                sender,
                target,
                matches!(kept.body, Body::Deletion(_)),
            ));
        }
    }
    let select = "SELECT id FROM timeline WHERE content_id = ?1 AND sender = ?2 AND kind = 0";
    let mut select = tx.prepare(select)?;
    // By the columns that there are in that version.
    let mut erase = tx.prepare("UPDATE timeline SET kind = 3, body = x'' WHERE id = ?1")?;
    for (_, sender, target, _) in amending.iter().filter(|(.., deletion)| *deletion) {
        let taken_back = select
            .query_map((target.as_ref(), sender), |row| row.get(0).map(Place))?
            .collect::<Result<Vec<_>, _>>()?;
        for place in &taken_back {
            erase.execute([place.0])?;
        }
        let about = |one: &&(i64, _, _, bool)| one.2 == *target && !one.3 && !taken_back.is_empty();
        for (place, ..) in amending.iter().filter(about) {
            erase.execute([*place])?;
        }
    }
    Ok(())
}

/// Notes which messages pin others that came before anybody looked at that.
pub(crate) fn find_pins(tx: &Connection) -> Result<(), Fault> {
    let mut statement =
        tx.prepare("SELECT id, body FROM timeline WHERE kind = 0 AND target IS NULL")?;
    let mut rows = statement.query(())?;
    let mut update = tx.prepare("UPDATE timeline SET kind = 5, target = ?2 WHERE id = ?1")?;
    while let Some(row) = rows.next()? {
        let kept = Kept::read(&row.get::<_, Vec<u8>>(1)?);
        if let Ok(Body::Pin { of, .. }) = kept.map(|kept| kept.body) {
            update.execute((row.get::<_, i64>(0)?, of.as_ref()))?;
        }
    }
    Ok(())
}

/// An own message that is on its way is not shown any more: it is about itself.
pub(crate) fn veil(tx: &Connection, place: Place) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET target = content_id, starred = 0 WHERE id = ?1")?
        .execute([place.0])?;
    Ok(())
}

/// Forgets everything that has its place on a timeline.
pub(crate) fn clear(tx: &Connection, shown_in: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM timeline WHERE id >= ?1 AND id < ?2")?
        .execute((Place::new(shown_in, 0).0, Place::new(shown_in, WAITING).0))?;
    Ok(())
}

/// Stars a message, or does not any more.
pub(crate) fn star(tx: &Connection, place: Place, starred: bool) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET starred = ?2 WHERE id = ?1")?
        .execute((place.0, starred))?;
    Ok(())
}

/// Messages that are starred, the newest first, with the time of each; those before such a one.
pub(crate) fn starred(
    tx: &Connection,
    within: Option<Row>,
    before: (i64, i64),
    limit: i64,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE starred <> 0 AND (at, id) < (?1, ?2) AND id >= ?3 AND id < ?4
         ORDER BY at DESC, id DESC LIMIT ?5"
    );
    let (first, behind) = within.map_or((0, i64::MAX), |row| {
        (Place::new(row, 0).0, Place::behind(row).0)
    });
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((before.0, before.1, first, behind, limit))?)
}

/// Messages after a position and before another, oldest first, with what is about others.
pub(crate) fn said(
    tx: &Connection,
    shown_in: Row,
    after: i64,
    before: i64,
    limit: usize,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE id > ?1 AND id < ?2 AND kind = 0 ORDER BY id LIMIT ?3"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((
        Place::new(shown_in, after).0,
        Place::new(shown_in, before).0,
        i64::try_from(limit).unwrap_or(i64::MAX),
    ))?)
}

/// What somebody has said by itself after a position, as [`said`].
pub(crate) fn said_by(
    tx: &Connection,
    shown_in: Row,
    sender: &AccountId,
    after: i64,
    limit: usize,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline
         WHERE id > ?1 AND id < ?2 AND kind = 0 AND target IS NULL AND sender = ?3 ORDER BY id LIMIT ?4"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((
        Place::new(shown_in, after).0,
        Place::new(shown_in, WAITING).0,
        sender.as_ref(),
        i64::try_from(limit).unwrap_or(i64::MAX),
    ))?)
}

/// Own entries that have no place: on their way, or failed.
pub(crate) fn without_place(tx: &Connection, shown_in: Row) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM timeline WHERE id >= ?1 AND id < ?2 ORDER BY id");
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((Place::new(shown_in, WAITING).0, Place::behind(shown_in).0))?)
}

/// Gives an own entry that was not sent another content.
pub(crate) fn rewrite(
    tx: &Connection,
    place: Place,
    id: &ContentId,
    body: &[u8],
) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET content_id = ?2, body = ?3 WHERE id = ?1")?
        .execute((place.0, id.as_ref(), body))?;
    Ok(())
}

/// Conversations with own entries that wait for encryption.
pub(crate) fn rows_waiting(tx: &Connection) -> Result<Vec<Row>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT DISTINCT origin FROM timeline WHERE state = 0")?;
    let rows = statement
        .query_map([], |row| row.get(0).map(Row))?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Whether an own entry without its final place says that this account leaves.
pub(crate) fn is_leaving(tx: &Connection, shown_in: Row, origin: Row) -> Result<bool, Fault> {
    let unsettled = own_unsettled(tx, shown_in, origin)?;
    Ok(unsettled.iter().any(EntryRow::is_leaving))
}

/// Own entries of a conversation's group that have no final place: waiting, under way, or accepted and not back yet.
pub(crate) fn own_unsettled(
    tx: &Connection,
    shown_in: Row,
    origin: Row,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline
         WHERE id >= ?1 AND id < ?2 AND origin = ?3 AND state IN (0, 1, 2) ORDER BY id"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query((
        Place::new(shown_in, WAITING).0,
        Place::behind(shown_in).0,
        origin.0,
    ))?;
    collect(rows)
}

/// How many own entries of a conversation's group wait for encryption.
pub(crate) fn count_waiting(tx: &Connection, shown_in: Row, origin: Row) -> Result<usize, Fault> {
    let count: i64 = tx
        .prepare_cached(
            "SELECT count(*) FROM timeline WHERE id >= ?1 AND id < ?2 AND origin = ?3 AND state = 0",
        )?
        .query_row(
            (
                Place::new(shown_in, WAITING).0,
                Place::behind(shown_in).0,
                origin.0,
            ),
            |row| row.get(0),
        )?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// How many own entries wait for encryption, in all conversations.
pub(crate) fn count_all_waiting(tx: &Connection) -> Result<u64, Fault> {
    let count: i64 = tx
        .prepare_cached("SELECT count(*) FROM timeline WHERE state = 0")?
        .query_row([], |row| row.get(0))?;
    Ok(from_sql(count))
}

/// Entries after a position, oldest first, without what is about others.
pub(crate) fn after(
    tx: &Connection,
    conversation: Row,
    after: i64,
    limit: usize,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE id > ?1 AND id < ?2 AND target IS NULL ORDER BY id LIMIT ?3"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query((
        Place::new(conversation, after).0,
        Place::behind(conversation).0,
        i64::try_from(limit).unwrap_or(i64::MAX),
    ))?;
    collect(rows)
}

/// The newest entries before a position, oldest first, without what is about others.
pub(crate) fn last(
    tx: &Connection,
    conversation: Row,
    before: i64,
    limit: usize,
) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM timeline WHERE id >= ?1 AND id < ?2 AND target IS NULL
         ORDER BY id DESC LIMIT ?3"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query((
        Place::new(conversation, 0).0,
        Place::new(conversation, before).0,
        i64::try_from(limit).unwrap_or(i64::MAX),
    ))?;
    let mut entries = collect(rows)?;
    entries.reverse();
    Ok(entries)
}

/// All entries of one timeline, to be moved to another.
pub(crate) fn all(tx: &Connection, conversation: Row) -> Result<Vec<EntryRow>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM timeline WHERE id >= ?1 AND id < ?2 ORDER BY id");
    let mut statement = tx.prepare_cached(&sql)?;
    collect(statement.query((Place::new(conversation, 0).0, Place::behind(conversation).0))?)
}

/// Moves one entry as it is.
pub(crate) fn relocate(tx: &Connection, from: Place, to: Place) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE timeline SET id = ?2 WHERE id = ?1")?
        .execute((from.0, to.0))?;
    Ok(())
}

fn collect(mut rows: rusqlite::Rows<'_>) -> Result<Vec<EntryRow>, Fault> {
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(row)?);
    }
    Ok(entries)
}
