//! Signals: keys of former epochs, what was told, and what was heard.

use keyfold_protocol::content::ContentId;
use keyfold_protocol::signal::{Cursors, Kind};
use keyfold_wire::ids::{AccountId, DeviceId, Epoch, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};
use zeroize::Zeroizing;

use super::conversation::Row;
use super::{from_sql, id, instant, to_sql};
use crate::Fault;
use crate::limits::MAX_SIGNAL_KEYS;

/// Keeps the key of an epoch that is over. The oldest beyond so many go.
pub(crate) fn keep_key(
    tx: &Connection,
    group_id: &[u8],
    epoch: Epoch,
    key: &[u8],
    until: Timestamp,
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO signal_key VALUES (?1, ?2, ?3, ?4)")?
        .execute((group_id, to_sql(epoch.0)?, key, instant(until)))?;
    tx.prepare_cached(
        "DELETE FROM signal_key WHERE group_id = ?1 AND epoch <=
           (SELECT epoch FROM signal_key WHERE group_id = ?1 ORDER BY epoch DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute((group_id, MAX_SIGNAL_KEYS))?;
    Ok(())
}

/// An epoch and its key.
pub(crate) type KeptKey = (Epoch, Zeroizing<Vec<u8>>);

/// Keys of a group's former epochs, the newest first.
pub(crate) fn keys(tx: &Connection, group_id: &[u8]) -> Result<Vec<KeptKey>, Fault> {
    let sql = "SELECT epoch, key FROM signal_key WHERE group_id = ?1 ORDER BY epoch DESC";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([group_id], |row| {
        Ok((
            Epoch(from_sql(row.get(0)?)),
            Zeroizing::new(row.get::<_, Vec<u8>>(1)?),
        ))
    })?;
    rows.collect::<Result<_, _>>().map_err(Fault::from)
}

/// When the first key goes.
pub(crate) fn next_key_due(tx: &Connection) -> Result<Option<Timestamp>, Fault> {
    let due: Option<i64> = tx
        .prepare_cached("SELECT min(until) FROM signal_key")?
        .query_row([], |row| row.get(0))?;
    Ok(due.map(|due| Timestamp(from_sql(due))))
}

/// Erases keys that are due, and those that a clock which was set back since would keep for longer than `latest`. Whether there were any.
pub(crate) fn erase_keys(
    tx: &Connection,
    now: Timestamp,
    latest: Timestamp,
) -> Result<bool, Fault> {
    let erased = tx
        .prepare_cached("DELETE FROM signal_key WHERE until <= ?1 OR until > ?2")?
        .execute((instant(now), instant(latest)))?;
    Ok(erased > 0)
}

/// What was told in a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) spoken: bool,
    pub(crate) presence: Shown,
    pub(crate) due: bool,
    pub(crate) cursors: Cursors,
}

/// Whether somebody has been told when this person was last active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shown {
    #[default]
    Never,
    Is,
    /// It is to be taken back.
    NotAnyMore,
}

pub(crate) fn told(tx: &Connection, row: Row) -> Result<Told, Fault> {
    let sql =
        "SELECT spoken, presence, due, delivered, read FROM signal_told WHERE conversation = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([row.0])?;
    let Some(row) = rows.next()? else {
        return Ok(Told::default());
    };
    let cursor = |value: Option<Vec<u8>>| value.as_deref().map(id).transpose();
    Ok(Told {
        spoken: row.get(0)?,
        presence: match row.get(1)? {
            0_i64 => Shown::Never,
            1 => Shown::Is,
            _ => Shown::NotAnyMore,
        },
        due: row.get(2)?,
        cursors: Cursors {
            delivered: cursor(row.get(3)?)?,
            read: cursor(row.get(4)?)?,
        },
    })
}

pub(crate) fn put_told(tx: &Connection, row: Row, told: &Told) -> Result<(), Fault> {
    let cursor = |id: &Option<ContentId>| id.map(|id| id.as_bytes().to_vec());
    let presence = match told.presence {
        Shown::Never => 0,
        Shown::Is => 1,
        Shown::NotAnyMore => 2,
    };
    tx.prepare_cached("INSERT OR REPLACE INTO signal_told VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((
            row.0,
            told.spoken,
            presence,
            told.due,
            cursor(&told.cursors.delivered),
            cursor(&told.cursors.read),
        ))?;
    Ok(())
}

/// Conversations in which something is still to be told.
pub(crate) fn due(tx: &Connection) -> Result<Vec<Row>, Fault> {
    let sql = "SELECT conversation FROM signal_told WHERE due <> 0 OR presence = 2";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get(0).map(Row))?;
    rows.collect::<Result<_, _>>().map_err(Fault::from)
}

/// Conversations in which somebody has been shown when this person was last active.
pub(crate) fn shown(tx: &Connection) -> Result<Vec<Row>, Fault> {
    let sql = "SELECT conversation FROM signal_told WHERE presence = 1";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get(0).map(Row))?;
    rows.collect::<Result<_, _>>().map_err(Fault::from)
}

/// The last counter of a kind from a device.
pub(crate) fn heard(
    tx: &Connection,
    row: Row,
    device: &DeviceId,
    kind: Kind,
) -> Result<Option<u64>, Fault> {
    let sql =
        "SELECT counter FROM signal_heard WHERE conversation = ?1 AND device = ?2 AND kind = ?3";
    let counter: Option<i64> = tx
        .prepare_cached(sql)?
        .query_row((row.0, device.as_ref(), kind.number()), |row| row.get(0))
        .optional()?;
    Ok(counter.map(from_sql))
}

pub(crate) fn hear(
    tx: &Connection,
    row: Row,
    device: &DeviceId,
    kind: Kind,
    counter: u64,
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO signal_heard VALUES (?1, ?2, ?3, ?4)")?
        .execute((row.0, device.as_ref(), kind.number(), to_sql(counter)?))?;
    Ok(())
}

/// Forgets what was heard from devices that are not there any more, all but these, and how far people had come who are not.
pub(crate) fn keep_heard(tx: &Connection, row: Row, devices: &[DeviceId]) -> Result<(), Fault> {
    let mut statement =
        tx.prepare_cached("SELECT DISTINCT device FROM signal_heard WHERE conversation = ?1")?;
    let known = statement
        .query_map([row.0], |row| row.get::<_, Vec<u8>>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    for device in known {
        if !devices.iter().any(|one| one.as_ref() == device.as_slice()) {
            tx.prepare_cached("DELETE FROM signal_heard WHERE conversation = ?1 AND device = ?2")?
                .execute((row.0, device))?;
        }
    }
    tx.prepare_cached(
        "DELETE FROM cursor WHERE conversation = ?1
         AND account NOT IN (SELECT account FROM member WHERE conversation = ?1)",
    )?
    .execute([row.0])?;
    Ok(())
}

/// When a person was active on a device; `None`: not to be shown any more. Of their devices these alone are kept.
pub(crate) fn put_presence(
    tx: &Connection,
    account: &AccountId,
    device: &DeviceId,
    at: Option<Timestamp>,
    devices: &[DeviceId],
) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached("SELECT device FROM presence WHERE account = ?1")?;
    let known = statement
        .query_map([account.as_ref()], |row| row.get::<_, Vec<u8>>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    for one in known {
        let stays = devices.iter().any(|kept| kept.as_ref() == one.as_slice());
        if !stays || (at.is_none() && one == device.as_ref()) {
            tx.prepare_cached("DELETE FROM presence WHERE account = ?1 AND device = ?2")?
                .execute((account.as_ref(), one))?;
        }
    }
    if let Some(at) = at {
        tx.prepare_cached("INSERT OR REPLACE INTO presence VALUES (?1, ?2, ?3)")?
            .execute((account.as_ref(), device.as_ref(), instant(at)))?;
    }
    Ok(())
}

/// When a person was last active.
pub(crate) fn presence(tx: &Connection, account: &AccountId) -> Result<Option<Timestamp>, Fault> {
    let at: Option<i64> = tx
        .prepare_cached("SELECT max(at) FROM presence WHERE account = ?1")?
        .query_row([account.as_ref()], |row| row.get(0))?;
    Ok(at.map(|at| Timestamp(from_sql(at))))
}

/// How far a member has come. A kind that no message tells yet is `None`.
pub(crate) fn cursors(tx: &Connection, row: Row, account: &AccountId) -> Result<Cursors, Fault> {
    let sql = "SELECT kind, content_id FROM cursor WHERE conversation = ?1 AND account = ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query((row.0, account.as_ref()))?;
    let mut cursors = Cursors::default();
    while let Some(row) = rows.next()? {
        let at = Some(id(&row.get::<_, Vec<u8>>(1)?)?);
        match row.get(0)? {
            0_i64 => cursors.delivered = at,
            _ => cursors.read = at,
        }
    }
    Ok(cursors)
}

pub(crate) fn put_cursors(
    tx: &Connection,
    row: Row,
    account: &AccountId,
    cursors: &Cursors,
) -> Result<(), Fault> {
    for (kind, at) in [(0, cursors.delivered), (1, cursors.read)] {
        if let Some(at) = at {
            tx.prepare_cached("INSERT OR REPLACE INTO cursor VALUES (?1, ?2, ?3, ?4)")?
                .execute((row.0, account.as_ref(), kind, at.as_ref()))?;
        }
    }
    Ok(())
}

/// One timeline shows what two did. Cursors in the guest's order mean nothing in the host's: they are told anew.
pub(crate) fn relocate(tx: &Connection, from: Row, to: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM cursor WHERE conversation = ?1")?
        .execute([from.0])?;
    tx.prepare_cached(
        "INSERT INTO signal_heard SELECT ?2, device, kind, counter FROM signal_heard AS one WHERE conversation = ?1
         ON CONFLICT DO UPDATE SET counter = max(counter, excluded.counter)",
    )?
    .execute((from.0, to.0))?;
    tx.prepare_cached("DELETE FROM signal_heard WHERE conversation = ?1")?
        .execute([from.0])?;
    let (guest, host) = (told(tx, from)?, told(tx, to)?);
    let presence = [guest.presence, host.presence];
    let both = Told {
        spoken: guest.spoken || host.spoken,
        presence: [Shown::NotAnyMore, Shown::Is]
            .into_iter()
            .find(|one| presence.contains(one))
            .unwrap_or_default(),
        due: true,
        cursors: Cursors::default(),
    };
    tx.prepare_cached("DELETE FROM signal_told WHERE conversation = ?1")?
        .execute([from.0])?;
    put_told(tx, to, &both)
}

/// Who may see when this person was last active, where not everybody may.
pub(crate) fn shown_to(tx: &Connection) -> Result<Vec<AccountId>, Fault> {
    let mut statement = tx.prepare_cached("SELECT account FROM shown_to")?;
    let mut rows = statement.query([])?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        accounts.push(id(&row.get::<_, Vec<u8>>(0)?)?);
    }
    Ok(accounts)
}

pub(crate) fn put_shown_to(tx: &Connection, accounts: &[AccountId]) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM shown_to")?.execute([])?;
    for account in accounts {
        tx.prepare_cached("INSERT OR REPLACE INTO shown_to VALUES (?1)")?
            .execute([account.as_ref()])?;
    }
    Ok(())
}
