//! Intents: what a person or the schedule wants changed, until it is done or can't be.
//!
//! Messages are not here: a waiting entry on the timeline is its own intent.

use std::collections::HashMap;

use keyfold_protocol::state::{Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, DeviceId, Timestamp};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::conversation::Row;
use super::{from_sql, id, instant};
use crate::Fault;
use crate::command::Deed;
use crate::limits::RETRY_MOST;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// Begin the conversation of this row. What is gathered are the people.
    Create {
        /// The suite asked for.
        suite: Option<u16>,
    },
    /// Add the people gathered.
    Add,
    /// Remove these accounts.
    Remove(Vec<[u8; 32]>),
    /// Remove those who have said that they leave.
    RemoveLeavers,
    /// A new name.
    Rename(String),
    /// A new role: 0 member, 1 admin, 2 owner.
    Role([u8; 32], u8),
    /// New keys for the own leaf, and new key packages: somebody asked for it.
    Update,
    /// New keys for the own leaf: it is time.
    Renew,
    /// Add a device of the own account. What is gathered is the own account.
    AddDevice([u8; 16]),
    /// Remove a device of the own account.
    RemoveDevice([u8; 16]),
    /// Go on in a fresh group. What is gathered are all members.
    Move,
    /// Ask a member to be let in again. What is gathered is whom to ask.
    Rejoin,
    /// Let a device in again that has lost its state, with this key package.
    Readmit {
        /// Whose.
        account: [u8; 32],
        /// Which.
        device: [u8; 16],
        /// An encoded `MLSMessage`.
        key_package: Vec<u8>,
    },
    /// After a move of one's own: invite those again who have not come in, for the how-manyth time. What is gathered are they.
    Reinvite(u8),
    /// Those at these addresses cannot be reached: take them out and add them again. What is gathered are they.
    Reach(Vec<Vec<u8>>),
    /// Tell an account that the group of so many moves at this handle is not followed. What is gathered is that account.
    NotFollowed(u64, [u8; 32]),
    /// Tell an account that it was taken out, in case it has not heard. What is gathered is that account.
    TellGone,
    /// In a while: tell some members where this device is.
    Look,
    /// Tell an account where this device is, so that it is let in where the others are. What is gathered is that account.
    Locate,
    /// End a line that the conversation has left behind, so that nobody says anything in it any more.
    End,
    /// Own devices that could not be brought in are brought in again, for the how-manyth time.
    Bring(u8),
    /// Another description.
    Describe(String),
    /// Other people may do something.
    Allow(Deed, Policy),
    /// Messages disappear after so many seconds; `None`: they stay.
    Timer(Option<u32>),
    /// Another picture; `None`: none any more.
    Picture(Option<Vec<u8>>),
    /// Add the account gathered: it has asked by an invitation link.
    Admit,
}

impl Wish {
    /// A person asked for it and wants to hear how it went.
    pub(crate) const fn is_asked(&self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Remove(_)
                | Self::Rename(_)
                | Self::Role(..)
                | Self::Update
                | Self::Describe(_)
                | Self::Allow(..)
                | Self::Timer(_)
                | Self::Picture(_)
        )
    }

    /// Nobody waits for it: the schedule wants it, or the way back.
    pub(crate) const fn is_background(&self) -> bool {
        matches!(
            self,
            Self::Renew
                | Self::RemoveLeavers
                | Self::Move
                | Self::Rejoin
                | Self::Readmit { .. }
                | Self::Reinvite(_)
                | Self::Bring(_)
                | Self::Reach(_)
                | Self::NotFollowed(..)
                | Self::TellGone
                | Self::Look
                | Self::Locate
                | Self::End
        )
    }

    /// A commit of the conversation does it.
    pub(crate) const fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::Create { .. }
                | Self::Move
                | Self::Rejoin
                | Self::NotFollowed(..)
                | Self::TellGone
                | Self::Look
                | Self::Locate
                | Self::Bring(_)
        )
    }

    /// Others hear something by it, whether or not this device is in the conversation.
    pub(crate) const fn is_errand(&self) -> bool {
        matches!(self, Self::NotFollowed(..) | Self::TellGone)
    }

    /// Somebody who is in already is invited once more.
    pub(crate) const fn is_another_invitation(&self) -> bool {
        matches!(
            self,
            Self::Reinvite(_) | Self::Reach(_) | Self::Readmit { .. }
        )
    }

    /// Somebody comes in by it who has not heard what was said before.
    pub(crate) const fn adds(&self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::AddDevice(_)
                | Self::Readmit { .. }
                | Self::Reinvite(_)
                | Self::Reach(_)
                | Self::Admit
        )
    }

    /// As a role.
    pub(crate) const fn role(number: u8) -> Role {
        match number {
            2 => Role::Owner,
            1 => Role::Admin,
            _ => Role::Member,
        }
    }

    /// As a number.
    pub(crate) const fn role_number(role: Role) -> u8 {
        match role {
            Role::Member => 0,
            Role::Admin => 1,
            Role::Owner => 2,
        }
    }

    /// The suite asked for, where one was.
    pub(crate) fn suite(&self) -> Option<Suite> {
        match self {
            Self::Create { suite } => suite.and_then(|number| Suite::try_from(number).ok()),
            _ => None,
        }
    }
}

/// How far an intent has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something from the directory is missing.
    Gathering,
    /// Can be turned into a request.
    Ready,
    /// Its request is in the outbox.
    Requested,
}

/// One intent.
#[derive(Clone, Debug)]
pub(crate) struct IntentRow {
    pub(crate) id: i64,
    pub(crate) conversation: Row,
    pub(crate) progress: Progress,
    pub(crate) wish: Wish,
    pub(crate) not_before: Timestamp,
}

/// What the directory has told about one person of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatheredRow {
    pub(crate) handle: String,
    pub(crate) account: Option<AccountId>,
    /// The devices with their key packages, once fetched.
    pub(crate) packages: Option<Vec<Fetched>>,
}

/// A fetched key package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fetched {
    device: [u8; 16],
    pub(crate) key_package: Vec<u8>,
}

impl Fetched {
    /// Of this device; empty when it has none.
    pub(crate) fn new(device: &DeviceId, key_package: Vec<u8>) -> Self {
        Self {
            device: *device.as_bytes(),
            key_package,
        }
    }

    /// The device.
    pub(crate) const fn device(&self) -> DeviceId {
        DeviceId::new(self.device)
    }
}

const fn progress_number(progress: Progress) -> i64 {
    match progress {
        Progress::Gathering => 0,
        Progress::Ready => 1,
        Progress::Requested => 2,
    }
}

/// Records an intent.
pub(crate) fn insert(
    tx: &Connection,
    conversation: Row,
    wish: &Wish,
    progress: Progress,
    not_before: Timestamp,
) -> Result<i64, Fault> {
    let body = rmp_serde::to_vec(wish).map_err(|_| Fault::corrupt("an intent does not write"))?;
    tx.prepare_cached(
        "INSERT INTO intent (conversation, state, body, not_before) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        conversation.0,
        progress_number(progress),
        body,
        instant(not_before),
    ))?;
    Ok(tx.last_insert_rowid())
}

fn read(row: &rusqlite::Row<'_>) -> Result<IntentRow, Fault> {
    let body: Vec<u8> = row.get(3)?;
    let state: i64 = row.get(2)?;
    Ok(IntentRow {
        id: row.get(0)?,
        conversation: Row(row.get(1)?),
        progress: match state {
            0 => Progress::Gathering,
            1 => Progress::Ready,
            _ => Progress::Requested,
        },
        wish: rmp_serde::from_slice(&body)
            .map_err(|_| Fault::corrupt("an intent does not read"))?,
        not_before: Timestamp(from_sql(row.get(4)?)),
    })
}

const COLUMNS: &str = "id, conversation, state, body, not_before";

/// The intents of a conversation, oldest first.
pub(crate) fn of(tx: &Connection, conversation: Row) -> Result<Vec<IntentRow>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM intent WHERE conversation = ?1 ORDER BY id");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query([conversation.0])?;
    let mut intents = Vec::new();
    while let Some(row) = rows.next()? {
        intents.push(read(row)?);
    }
    Ok(intents)
}

/// One intent.
pub(crate) fn get(tx: &Connection, intent: i64) -> Result<Option<IntentRow>, Fault> {
    let mut statement =
        tx.prepare_cached(&format!("SELECT {COLUMNS} FROM intent WHERE id = ?1"))?;
    let mut rows = statement.query([intent])?;
    rows.next()?.map(read).transpose()
}

/// It is to wait, and what was gathered for it is old by then.
pub(crate) fn put_off(tx: &Connection, intent: i64, not_before: Timestamp) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM gathered WHERE intent = ?1")?
        .execute([intent])?;
    tx.prepare_cached("UPDATE intent SET state = 1, not_before = ?2 WHERE id = ?1")?
        .execute((intent, instant(not_before)))?;
    Ok(())
}

/// How far it has come.
pub(crate) fn set_progress(tx: &Connection, intent: i64, progress: Progress) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE intent SET state = ?2 WHERE id = ?1")?
        .execute((intent, progress_number(progress)))?;
    Ok(())
}

/// It is done, or can't be.
pub(crate) fn remove(tx: &Connection, intent: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM gathered WHERE intent = ?1")?
        .execute([intent])?;
    tx.prepare_cached("DELETE FROM intent WHERE id = ?1")?
        .execute([intent])?;
    Ok(())
}

/// Conversations with an intent that can be turned into a request now.
pub(crate) fn due(tx: &Connection, now: Timestamp) -> Result<Vec<Row>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT conversation FROM intent
         WHERE state = 1 AND (not_before <= ?1 OR not_before > ?2)",
    )?;
    let rows = statement
        .query_map([instant(now), instant(now.after(RETRY_MOST))], |row| {
            row.get(0).map(Row)
        })?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

/// When the next one that waits for its time can go.
pub(crate) fn next_due(tx: &Connection, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let due: Option<i64> = tx
        .prepare_cached(
            "SELECT min(not_before) FROM intent
             WHERE state = 1 AND not_before > ?1 AND not_before <= ?2",
        )?
        .query_row([instant(now), instant(now.after(RETRY_MOST))], |row| {
            row.get(0)
        })?;
    Ok(due.map(|due| Timestamp(from_sql(due))))
}

/// How many each conversation has.
pub(crate) fn counts(tx: &Connection) -> Result<HashMap<Row, usize>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT conversation, count(*) FROM intent GROUP BY conversation")?;
    let counts = statement
        .query_map([], |row| {
            let count: i64 = row.get(1)?;
            Ok((
                Row(row.get(0)?),
                usize::try_from(count).unwrap_or(usize::MAX),
            ))
        })?
        .collect::<Result<_, _>>()?;
    Ok(counts)
}

/// How many there are that somebody asked for or waits for.
pub(crate) fn count(tx: &Connection) -> Result<u64, Fault> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM intent"))?;
    let mut rows = statement.query([])?;
    let mut count = 0_u64;
    while let Some(row) = rows.next()? {
        let intent = read(row)?;
        count = count.saturating_add(u64::from(!intent.wish.is_background()));
    }
    Ok(count)
}

/// Adds a person to gather.
pub(crate) fn gather(
    tx: &Connection,
    intent: i64,
    handle: &str,
    account: Option<&AccountId>,
) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO gathered (intent, handle, account) VALUES (?1, ?2, ?3)",
    )?
    .execute((intent, handle, account.map(AsRef::<[u8]>::as_ref)))?;
    Ok(())
}

/// What has been gathered, person by person.
pub(crate) fn gathered(tx: &Connection, intent: i64) -> Result<Vec<GatheredRow>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT handle, account, packages FROM gathered WHERE intent = ?1 ORDER BY handle",
    )?;
    let mut rows = statement.query([intent])?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        let account: Option<Vec<u8>> = row.get(1)?;
        let packages: Option<Vec<u8>> = row.get(2)?;
        people.push(GatheredRow {
            handle: row.get(0)?,
            account: account.as_deref().map(id).transpose()?,
            packages: packages
                .map(|packages| {
                    rmp_serde::from_slice(&packages)
                        .map_err(|_| Fault::corrupt("fetched key packages do not read"))
                })
                .transpose()?,
        });
    }
    Ok(people)
}

/// The directory has told which account a handle is.
pub(crate) fn set_account(
    tx: &Connection,
    intent: i64,
    handle: &str,
    account: &AccountId,
) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE gathered SET account = ?3 WHERE intent = ?1 AND handle = ?2")?
        .execute((intent, handle, account.as_ref()))?;
    Ok(())
}

/// The directory has handed out an account's key packages.
pub(crate) fn set_packages(
    tx: &Connection,
    intent: i64,
    account: &AccountId,
    packages: &[Fetched],
) -> Result<(), Fault> {
    let packages = rmp_serde::to_vec(packages)
        .map_err(|_| Fault::corrupt("fetched key packages do not write"))?;
    tx.prepare_cached("UPDATE gathered SET packages = ?3 WHERE intent = ?1 AND account = ?2")?
        .execute((intent, account.as_ref(), packages))?;
    Ok(())
}
