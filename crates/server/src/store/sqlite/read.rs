//! Reads, on connections of their own. Each sees what was committed when it began.

use bytes::Bytes;
use keyfold_wire::ids::{AccountId, DeviceId, Epoch, MailboxId, Sequence, Timestamp};
use keyfold_wire::v1::{self, item::Content};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::super::record::{
    Account, Conversation, ConversationKey, MailboxState, Page, Previous, item_size,
};
use crate::core::Device;

pub(super) fn device(db: &Connection, token_hash: &[u8; 32]) -> Result<Option<Device>> {
    db.prepare_cached(
        "SELECT account.account, device.device, device.mailbox FROM devices device \
         JOIN accounts account ON account.id = device.account WHERE device.token_hash = ?1",
    )?
    .query_row([token_hash], |row| {
        Ok(Device {
            account: AccountId::new(row.get(0)?),
            id: DeviceId::new(row.get(1)?),
            mailbox: MailboxId::new(row.get(2)?),
        })
    })
    .optional()
}

pub(super) fn mailbox(
    db: &Connection,
    mailbox: MailboxId,
    position: Sequence,
) -> Result<Option<MailboxState>> {
    let position = position.0.min(i64::MAX as u64).cast_signed();
    let found = db
        .prepare_cached(
            "SELECT device.id, acknowledged, min(?2, max(acknowledged, expired, \
             coalesce((SELECT max(sequence) FROM items \
             WHERE items.mailbox = device.id AND sequence <= ?2), 0))), expired \
             FROM devices device JOIN cursors ON cursors.mailbox = device.id \
             WHERE device.mailbox = ?1",
        )?
        .query_row(params![mailbox.as_bytes(), position], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                Sequence(unsigned(row, 1)?),
                Sequence(unsigned(row, 2)?),
                Sequence(unsigned(row, 3)?),
            ))
        })
        .optional()?;
    let Some((device, acknowledged, known, expired)) = found else {
        return Ok(None);
    };
    Ok(Some(MailboxState {
        acknowledged,
        known,
        expired,
        supply: supply(db, device)?,
    }))
}

pub(super) fn supply(db: &Connection, device: i64) -> Result<v1::Supply> {
    let mut statement = db.prepare_cached(
        "SELECT suite, count(*) - total(last_resort), max(last_resort) FROM key_packages \
         WHERE device = ?1 AND spent IS NULL GROUP BY suite ORDER BY suite",
    )?;
    let suites = statement.query_map([device], |row| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let one_time = row.get::<_, f64>(1)? as u32;
        Ok(v1::SuiteSupply {
            suite: row.get(0)?,
            one_time,
            last_resort: row.get(2)?,
        })
    })?;
    Ok(v1::Supply {
        suites: suites.collect::<Result<_>>()?,
    })
}

pub(super) fn page(
    db: &Connection,
    mailbox: MailboxId,
    after: Sequence,
    max_items: usize,
    max_bytes: usize,
) -> Result<Page> {
    let mut statement = db.prepare_cached(
        "SELECT item.sequence, item.serial, item.secrets, body.received, body.epoch, body.message_id, \
         body.roster_hash, body.roster_key_hash, body.body \
         FROM items item CROSS JOIN bodies body ON body.id = item.body \
         WHERE item.mailbox = (SELECT id FROM devices WHERE mailbox = ?1) AND item.sequence > ?2 \
         ORDER BY item.sequence",
    )?;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![mailbox.as_bytes(), after])?;
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let item = item(row)?;
        bytes += item_size(&item);
        if page.items.len() >= max_items || (bytes > max_bytes && !page.items.is_empty()) {
            page.more = true;
            break;
        }
        page.items.push(item);
    }
    Ok(page)
}

fn item(row: &Row<'_>) -> Result<v1::Item> {
    let body = blob(row, 8)?.unwrap_or_default();
    let content = match blob(row, 5)? {
        Some(message_id) => Content::Message(v1::Message {
            message_id,
            epoch: unsigned(row, 4)?,
            body,
            commit: blob(row, 6)?
                .zip(blob(row, 7)?)
                .map(|(roster_hash, roster_key_hash)| v1::CommitCheck {
                    roster_hash,
                    roster_key_hash,
                }),
        }),
        None => Content::Welcome(v1::Welcome {
            secrets: blob(row, 2)?.unwrap_or_default(),
            group_info: body,
        }),
    };
    Ok(v1::Item {
        sequence: unsigned(row, 0)?,
        serial: unsigned(row, 1)?,
        received_ms: unsigned(row, 3)?,
        content: Some(content),
    })
}

pub(super) fn account_by_handle(db: &Connection, handle: &str) -> Result<Option<Account>> {
    let sql =
        "SELECT id, account, handle, account_key, recovery_key FROM accounts WHERE handle = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([handle], account_row)
        .optional()?;
    found.map(|found| with_certificates(db, found)).transpose()
}

pub(super) fn account(db: &Connection, account: AccountId) -> Result<Option<Account>> {
    let sql =
        "SELECT id, account, handle, account_key, recovery_key FROM accounts WHERE account = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([account.as_bytes()], account_row)
        .optional()?;
    found.map(|found| with_certificates(db, found)).transpose()
}

fn account_row(row: &Row<'_>) -> Result<(i64, Account)> {
    let account = Account {
        id: AccountId::new(row.get(1)?),
        handle: row.get(2)?,
        account_key: row.get(3)?,
        recovery_key: row.get(4)?,
        certificates: Vec::new(),
    };
    Ok((row.get(0)?, account))
}

fn with_certificates(db: &Connection, (id, account): (i64, Account)) -> Result<Account> {
    let sql = "SELECT certificate FROM devices WHERE account = ?1 ORDER BY id";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([id], |row| Ok(blob(row, 0)?.unwrap_or_default()))?;
    Ok(Account {
        certificates: rows.collect::<Result<_>>()?,
        ..account
    })
}

pub(super) fn conversation(db: &Connection, key: &ConversationKey) -> Result<Option<Conversation>> {
    db.prepare_cached(
        "SELECT id, epoch, roster, previous, previous_until, used FROM conversations WHERE key = ?1",
    )?
    .query_row([&key.0], |row| {
        let until = row.get::<_, Option<i64>>(4)?;
        let previous = blob(row, 3)?.zip(until).map(|(roster, until)| Previous {
            roster,
            until: Timestamp(until.cast_unsigned()),
        });
        Ok(Conversation {
            id: row.get(0)?,
            epoch: Epoch(unsigned(row, 1)?),
            roster: blob(row, 2)?.unwrap_or_default(),
            previous,
            used: row.get(5)?,
        })
    })
    .optional()
}

pub(super) fn once(
    db: &Connection,
    conversation: &ConversationKey,
    key: &[u8; 16],
) -> Result<Option<([u8; 16], u64)>> {
    db.prepare_cached(
        "SELECT request, hidden FROM once \
         WHERE conversation = (SELECT id FROM conversations WHERE key = ?1) AND key = ?2",
    )?
    .query_row(params![conversation.0, key], |row| {
        Ok((row.get(0)?, unsigned(row, 1)?))
    })
    .optional()
}

/// SQLite's integers are signed; ours are the same 64 bits.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

pub(super) fn blob(row: &Row<'_>, column: usize) -> Result<Option<Bytes>> {
    let value = row.get_ref(column)?;
    Ok(value.as_blob_or_null()?.map(Bytes::copy_from_slice))
}
