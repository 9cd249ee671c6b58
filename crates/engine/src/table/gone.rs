//! Accounts that a commit has taken out of a conversation, for as long as they may not have heard of it.

use keyfold_wire::ids::{AccountId, Timestamp};
use rusqlite::Connection;

use super::conversation::Row;
use super::{id, instant};
use crate::Fault;
use crate::limits::{GONE_RETENTION, MAX_GONE};

/// Somebody was taken out at this time. Those of whom that is long ago are forgotten, and the oldest of too many.
pub(crate) fn add(
    tx: &Connection,
    conversation: Row,
    account: &AccountId,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO gone VALUES (?1, ?2, ?3)")?
        .execute((conversation.0, account.as_ref(), instant(at)))?;
    tx.prepare_cached("DELETE FROM gone WHERE conversation = ?1 AND at < ?2")?
        .execute((conversation.0, instant(at.before(GONE_RETENTION))))?;
    tx.prepare_cached(
        "DELETE FROM gone WHERE conversation = ?1 AND account IN
         (SELECT account FROM gone WHERE conversation = ?1 ORDER BY at DESC, account LIMIT -1 OFFSET ?2)",
    )?
    .execute((conversation.0, MAX_GONE))?;
    Ok(())
}

/// Who was taken out and has not come back.
pub(crate) fn all(tx: &Connection, conversation: Row) -> Result<Vec<AccountId>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT account FROM gone WHERE conversation = ?1 ORDER BY account")?;
    let mut rows = statement.query([conversation.0])?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        let account: Vec<u8> = row.get(0)?;
        accounts.push(id(&account)?);
    }
    Ok(accounts)
}

/// Somebody is in it again.
pub(crate) fn remove(tx: &Connection, conversation: Row, account: &AccountId) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM gone WHERE conversation = ?1 AND account = ?2")?
        .execute((conversation.0, account.as_ref()))?;
    Ok(())
}

/// This device is not in the conversation any more: who is does not concern it.
pub(crate) fn forget(tx: &Connection, conversation: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM gone WHERE conversation = ?1")?
        .execute([conversation.0])?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use keyfold_wire::ids::{AccountId, Timestamp};
    use rusqlite::Connection;

    use super::super::conversation::Row;
    use super::{add, all};
    use crate::limits::{GONE_RETENTION, MAX_GONE};

    const ROW: Row = Row(1);
    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn account(number: u32) -> AccountId {
        let mut bytes = [0; 32];
        bytes[28..].copy_from_slice(&number.to_be_bytes());
        AccountId::new(bytes)
    }

    fn table() -> Connection {
        let table = Connection::open_in_memory().unwrap();
        table
            .execute_batch(super::super::SCHEMA_3)
            .map(|()| table)
            .unwrap()
    }

    #[test]
    fn the_newest_are_remembered_and_no_more() {
        let table = table();
        for number in 0..MAX_GONE {
            add(
                &table,
                ROW,
                &account(number),
                NOW.after(Duration::from_secs(number.into())),
            )
            .unwrap();
        }
        add(&table, Row(2), &account(0), NOW).unwrap();
        assert!(all(&table, ROW).unwrap().contains(&account(0)));
        add(
            &table,
            ROW,
            &account(MAX_GONE),
            NOW.after(Duration::from_secs(MAX_GONE.into())),
        )
        .unwrap();
        let remembered: Vec<_> = (1..=MAX_GONE).map(account).collect();
        assert_eq!(all(&table, ROW).unwrap(), remembered);
        assert_eq!(all(&table, Row(2)).unwrap(), [account(0)]);
    }

    #[test]
    fn they_are_remembered_for_as_long_as_items_are_kept() {
        let table = table();
        add(&table, ROW, &account(0), NOW).unwrap();
        add(&table, ROW, &account(1), NOW.after(GONE_RETENTION)).unwrap();
        assert_eq!(all(&table, ROW).unwrap(), [account(0), account(1)]);
        let past = NOW.after(GONE_RETENTION).after(Duration::from_millis(1));
        add(&table, ROW, &account(2), past).unwrap();
        assert_eq!(all(&table, ROW).unwrap(), [account(1), account(2)]);
    }
}
