//! Conversations: where each stands, beside its MLS group.

use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{
    AccountId, ConversationHandle, ConversationId, Epoch, Sequence, Serial, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

use super::{from_sql, id, instant, to_sql};
use crate::Fault;
use crate::limits::MAX_PRESENCE;
use crate::view::Standing;

/// A conversation in this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Row(pub(crate) i64);

/// One row, as the table comments in `schema.sql` say.
#[derive(Clone)]
pub(crate) struct ConversationRow {
    pub(crate) row: Row,
    pub(crate) public_id: ConversationId,
    pub(crate) shown_in: Row,
    pub(crate) group_id: Option<Vec<u8>>,
    pub(crate) handle: Option<ConversationHandle>,
    pub(crate) direct: bool,
    pub(crate) peer: Option<AccountId>,
    pub(crate) title: String,
    pub(crate) standing: Standing,
    pub(crate) epoch: Epoch,
    pub(crate) server_epoch: Epoch,
    pub(crate) suite: Suite,
    pub(crate) serial: Option<Serial>,
    pub(crate) counter: u64,
    pub(crate) rejected: u64,
    pub(crate) since_update: u64,
    pub(crate) update_due: Option<Timestamp>,
    pub(crate) past_until: Option<Timestamp>,
    pub(crate) past_due: Option<Timestamp>,
    pub(crate) past_key: Option<Zeroizing<Vec<u8>>>,
    pub(crate) commit_bytes: u64,
    pub(crate) next: i64,
    pub(crate) next_waiting: i64,
    pub(crate) read_up_to: i64,
    pub(crate) unread: u64,
    pub(crate) applied: Sequence,
    /// Another line of this conversation: a group that it has left behind, or that is to take over.
    pub(crate) line_of: Option<Row>,
    /// The conversation's id, where `public_id` is that of a line.
    pub(crate) talk: Option<ConversationId>,
    /// How often it has moved.
    pub(crate) moves: u64,
    /// How often it has asked to be let in again.
    pub(crate) attempts: u64,
}

impl ConversationRow {
    /// A new conversation that has no group yet.
    pub(crate) fn new(
        public_id: ConversationId,
        direct: bool,
        title: String,
        suite: Suite,
    ) -> Self {
        Self {
            row: Row(0),
            public_id,
            shown_in: Row(0),
            group_id: None,
            handle: None,
            direct,
            peer: None,
            title,
            standing: Standing::Creating,
            epoch: Epoch(0),
            server_epoch: Epoch(0),
            suite,
            serial: None,
            counter: 0,
            rejected: 0,
            since_update: 0,
            update_due: None,
            past_until: None,
            past_due: None,
            past_key: None,
            commit_bytes: 0,
            next: 1,
            next_waiting: 0,
            read_up_to: 0,
            unread: 0,
            applied: Sequence(0),
            line_of: None,
            talk: None,
            moves: 0,
            attempts: 0,
        }
    }

    /// The conversation that its messages name.
    pub(crate) fn talk(&self) -> ConversationId {
        self.talk.unwrap_or(self.public_id)
    }
}

const fn standing_number(standing: &Standing) -> i64 {
    match standing {
        Standing::Creating => 0,
        Standing::Active => 1,
        Standing::Left => 2,
        Standing::Failed(_) => 3,
        Standing::Held(_) => 4,
        Standing::Rejoining(_) => 5,
    }
}

fn standing_words(standing: &Standing) -> &str {
    match standing {
        Standing::Failed(words) | Standing::Held(words) | Standing::Rejoining(words) => words,
        Standing::Creating | Standing::Active | Standing::Left => "",
    }
}

fn standing(number: i64, words: String) -> Standing {
    match number {
        0 => Standing::Creating,
        1 => Standing::Active,
        2 => Standing::Left,
        3 => Standing::Failed(words),
        5 => Standing::Rejoining(words),
        _ => Standing::Held(words),
    }
}

/// Inserts it and gives it its row.
pub(crate) fn insert(tx: &Connection, conversation: &mut ConversationRow) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO conversation (public_id, shown_in, direct, title, standing, words, epoch,
           server_epoch, suite, counter, rejected, since_update, commit_bytes, next, next_waiting,
           read_up_to, unread, applied)
         VALUES (?1, 0, 0, '', 0, '', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)",
    )?
    .execute([conversation.public_id.as_ref()])?;
    conversation.row = Row(tx.last_insert_rowid());
    if conversation.shown_in == Row(0) {
        conversation.shown_in = conversation.row;
    }
    update(tx, conversation)
}

/// Writes all of it.
///
/// The peer has a statement of its own: SQLite would write an index anew whose column is among those that are set, even to
/// what it was.
pub(crate) fn update(tx: &Connection, c: &ConversationRow) -> Result<(), Fault> {
    let peer = c.peer.as_ref().map(AsRef::<[u8]>::as_ref);
    tx.prepare_cached("UPDATE conversation SET peer = ?2 WHERE id = ?1 AND peer IS NOT ?2")?
        .execute((c.row.0, peer))?;
    tx.prepare_cached(
        "UPDATE conversation SET shown_in = ?2, group_id = ?3, handle = ?4, direct = ?5,
           title = ?6, standing = ?7, words = ?8, epoch = ?9, server_epoch = ?10, suite = ?11,
           serial = ?12, counter = ?13, rejected = ?14, since_update = ?15, update_due = ?16,
           past_until = ?17, past_due = ?18, past_key = ?19, commit_bytes = ?20, next = ?21,
           next_waiting = ?22, read_up_to = ?23, unread = ?24, applied = ?25,
           line_of = ?26, talk = ?27, moves = ?28, attempts = ?29
         WHERE id = ?1",
    )?
    .execute(params![
        c.row.0,
        c.shown_in.0,
        c.group_id.as_deref(),
        c.handle.as_ref().map(AsRef::<[u8]>::as_ref),
        c.direct,
        c.title,
        standing_number(&c.standing),
        standing_words(&c.standing),
        to_sql(c.epoch.0)?,
        to_sql(c.server_epoch.0)?,
        i64::from(c.suite.number()),
        c.serial.map(|serial| to_sql(serial.0)).transpose()?,
        to_sql(c.counter)?,
        to_sql(c.rejected)?,
        to_sql(c.since_update)?,
        c.update_due.map(instant),
        c.past_until.map(instant),
        c.past_due.map(instant),
        c.past_key.as_ref().map(|key| key.as_slice()),
        to_sql(c.commit_bytes)?,
        c.next,
        c.next_waiting,
        c.read_up_to,
        to_sql(c.unread)?,
        to_sql(c.applied.0)?,
        c.line_of.map(|row| row.0),
        c.talk.as_ref().map(AsRef::<[u8]>::as_ref),
        to_sql(c.moves)?,
        to_sql(c.attempts)?,
    ])?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<ConversationRow, Fault> {
    let public_id: Vec<u8> = row.get("public_id")?;
    let handle: Option<Vec<u8>> = row.get("handle")?;
    let peer: Option<Vec<u8>> = row.get("peer")?;
    let talk: Option<Vec<u8>> = row.get("talk")?;
    let line_of: Option<i64> = row.get("line_of")?;
    let suite: u16 = row.get("suite")?;
    let past_key: Option<Vec<u8>> = row.get("past_key")?;
    let time = |name| -> Result<Option<Timestamp>, Fault> {
        let value: Option<i64> = row.get(name)?;
        Ok(value.map(|value| Timestamp(from_sql(value))))
    };
    let count = |name| -> Result<u64, Fault> { Ok(from_sql(row.get(name)?)) };
    let serial: Option<i64> = row.get("serial")?;
    Ok(ConversationRow {
        row: Row(row.get("id")?),
        public_id: id(&public_id)?,
        shown_in: Row(row.get("shown_in")?),
        group_id: row.get("group_id")?,
        handle: handle.as_deref().map(id).transpose()?,
        direct: row.get("direct")?,
        peer: peer.as_deref().map(id).transpose()?,
        title: row.get("title")?,
        standing: standing(row.get("standing")?, row.get("words")?),
        epoch: Epoch(count("epoch")?),
        server_epoch: Epoch(count("server_epoch")?),
        suite: Suite::try_from(suite).unwrap_or(Suite::Hybrid),
        serial: serial.map(|serial| Serial(from_sql(serial))),
        counter: count("counter")?,
        rejected: count("rejected")?,
        since_update: count("since_update")?,
        update_due: time("update_due")?,
        past_until: time("past_until")?,
        past_due: time("past_due")?,
        past_key: past_key.map(Zeroizing::new),
        commit_bytes: count("commit_bytes")?,
        next: row.get("next")?,
        next_waiting: row.get("next_waiting")?,
        read_up_to: row.get("read_up_to")?,
        unread: count("unread")?,
        applied: Sequence(count("applied")?),
        line_of: line_of.map(Row),
        talk: talk.as_deref().map(id).transpose()?,
        moves: count("moves")?,
        attempts: count("attempts")?,
    })
}

/// The conversation in this row.
pub(crate) fn get(tx: &Connection, row: Row) -> Result<Option<ConversationRow>, Fault> {
    let mut statement = tx.prepare_cached("SELECT * FROM conversation WHERE id = ?1")?;
    let mut rows = statement.query([row.0])?;
    rows.next()?.map(read).transpose()
}

/// The row of a public id.
pub(crate) fn row_of(tx: &Connection, public_id: &ConversationId) -> Result<Option<Row>, Fault> {
    let row = tx
        .prepare_cached("SELECT id FROM conversation WHERE public_id = ?1")?
        .query_row([public_id.as_ref()], |row| row.get(0))
        .optional()?;
    Ok(row.map(Row))
}

/// One-to-one conversations with this account that are in use or being made.
pub(crate) fn with_peer(tx: &Connection, peer: &AccountId) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE peer = ?1 AND standing IN (0, 1, 4, 5) ORDER BY public_id",
        [peer.as_ref()],
    )
}

/// The conversation with this handle's person that is still being made: their account may not be known yet.
pub(crate) fn direct_being_made(tx: &Connection, handle: &str) -> Result<Option<Row>, Fault> {
    let row = tx
        .prepare_cached(
            "SELECT id FROM conversation WHERE direct = 1 AND standing = 0 AND title = ?1 LIMIT 1",
        )?
        .query_row([handle], |row| row.get(0))
        .optional()?;
    Ok(row.map(Row))
}

/// Conversations in use that may get items for the address of a last-resort key package: those with it in their tree,
/// and those in the grace after replacing one.
pub(crate) fn sharing(tx: &Connection, serial: Serial) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE standing IN (1, 4, 5) AND (serial = ?1 OR past_key IS NOT NULL)",
        [to_sql(serial.0)?],
    )
}

/// Whether something that the server has accepted at this time, by its clock, may have come for a conversation by this address, which is in a
/// last-resort key package.
pub(crate) fn may_share(tx: &Connection, serial: Serial, at: Timestamp) -> Result<bool, Fault> {
    tx.prepare_cached(
        "SELECT 1 FROM conversation WHERE standing IN (1, 4, 5) AND (serial = ?1 OR past_until >= ?2)",
    )?
    .exists((to_sql(serial.0)?, instant(at)))
    .map_err(Fault::from)
}

/// All rows.
pub(crate) fn all(tx: &Connection) -> Result<Vec<Row>, Fault> {
    rows(tx, "SELECT id FROM conversation ORDER BY id", [])
}

/// Rows that are in use.
pub(crate) fn active(tx: &Connection) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE standing = 1 AND line_of IS NULL ORDER BY id",
        [],
    )
}

/// One-to-one conversations in use, those in which something came last first, not too many. What waits to be accepted takes nobody's place.
pub(crate) fn lately_direct(tx: &Connection) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE standing = 1 AND line_of IS NULL AND direct = 1 AND shown_in = id
         AND id NOT IN (SELECT conversation FROM request)
         ORDER BY applied DESC, id DESC LIMIT ?1",
        [MAX_PRESENCE],
    )
}

/// What one timeline shows: the conversation itself and its twins.
pub(crate) fn shown_in(tx: &Connection, row: Row) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE shown_in = ?1 AND line_of IS NULL ORDER BY id",
        [row.0],
    )
}

/// Conversations that others may be in with this device: being made, in use, held, or asked to be let in to again.
pub(crate) fn begun(tx: &Connection) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE standing IN (0, 1, 4, 5) AND line_of IS NULL ORDER BY id",
        [],
    )
}

/// Conversations that this device is out of, the newest first, at most so many.
pub(crate) fn left(tx: &Connection, most: u32) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE standing = 2 AND line_of IS NULL ORDER BY id DESC LIMIT ?1",
        [most],
    )
}

/// Further lines of conversations: of this one, or of all.
pub(crate) fn lines(tx: &Connection, of: Option<Row>) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE line_of = coalesce(?1, line_of) ORDER BY id",
        [of.map(|row| row.0)],
    )
}

/// The groups of all lines that are not in use.
pub(crate) fn groups_of_lines(tx: &Connection) -> Result<Vec<Vec<u8>>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT group_id FROM conversation WHERE line_of IS NOT NULL AND group_id IS NOT NULL",
    )?;
    let groups = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(groups)
}

/// Deletes a row: a line that is over.
pub(crate) fn remove(tx: &Connection, row: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM conversation WHERE id = ?1")?
        .execute([row.0])?;
    Ok(())
}

/// Conversations in which this device has lost its place, and asks again only after this time.
pub(crate) fn asking_after(tx: &Connection, time: Timestamp) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE standing = 5 AND update_due > ?1",
        [instant(time)],
    )
}

/// Rows whose past epoch is to be erased after this time.
pub(crate) fn past_after(tx: &Connection, time: Timestamp) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE past_due > ?1",
        [instant(time)],
    )
}

/// Rows whose update or erasure is due.
pub(crate) fn due(tx: &Connection, now: Timestamp) -> Result<Vec<Row>, Fault> {
    rows(
        tx,
        "SELECT id FROM conversation WHERE (standing IN (1, 5) OR standing = 4 AND line_of IS NOT NULL)
         AND (update_due <= ?1 OR past_due <= ?1)",
        [instant(now)],
    )
}

/// When the next update is due, or the next erasure if those are done now.
pub(crate) fn next_due(tx: &Connection, erasures: bool) -> Result<Option<Timestamp>, Fault> {
    let updates: Option<i64> = tx
        .prepare_cached(
            "SELECT min(update_due) FROM conversation
             WHERE standing IN (1, 5) OR standing = 4 AND line_of IS NOT NULL",
        )?
        .query_row([], |row| row.get(0))?;
    let erasure: Option<i64> = tx
        .prepare_cached(
            "SELECT min(past_due) FROM conversation
             WHERE standing = 1 OR standing = 4 AND line_of IS NOT NULL",
        )?
        .query_row([], |row| row.get(0))?;
    let due = updates
        .into_iter()
        .chain(erasure.filter(|_| erasures))
        .min();
    Ok(due.map(|due| Timestamp(from_sql(due))))
}

fn rows(tx: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Row>, Fault> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get(0).map(Row))?;
    rows.collect::<Result<_, _>>().map_err(Fault::from)
}
