//! People, as remembered keys.

use keyfold_protocol::state::Name;
use keyfold_wire::ids::AccountId;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::id;
use crate::Fault;
use crate::view::Contact;

const COLUMNS: &str = "account, handle, account_key, confirmed, verified,
    (SELECT name FROM profile WHERE profile.account = contact.account AND name <> ''),
    EXISTS (SELECT 1 FROM blocked WHERE blocked.account = contact.account)";

fn read(row: &Row<'_>) -> rusqlite::Result<Result<Contact, Fault>> {
    let account: Vec<u8> = row.get(0)?;
    let key: Vec<u8> = row.get(2)?;
    let handle = row.get(1)?;
    let (confirmed, verified) = (row.get(3)?, row.get(4)?);
    let name: Option<String> = row.get(5)?;
    let blocked = row.get(6)?;
    Ok((|| {
        Ok(Contact {
            account: id(&account)?,
            handle,
            account_key: id(&key)?,
            confirmed,
            verified,
            name: name.and_then(|name| Name::new(&name).ok()),
            blocked,
        })
    })())
}

/// The contact with this account.
pub(crate) fn get(tx: &Connection, account: &AccountId) -> Result<Option<Contact>, Fault> {
    tx.prepare_cached(&format!("SELECT {COLUMNS} FROM contact WHERE account = ?1"))?
        .query_row([account.as_ref()], read)
        .optional()?
        .transpose()
}

/// The contact that the directory last confirmed under this handle, else the first that claims it.
pub(crate) fn by_handle(tx: &Connection, handle: &str) -> Result<Option<Contact>, Fault> {
    tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM contact WHERE handle = ?1 ORDER BY confirmed DESC, account LIMIT 1"
    ))?
    .query_row([handle], read)
    .optional()?
    .transpose()
}

/// Inserts or overwrites.
pub(crate) fn put(tx: &Connection, contact: &Contact) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO contact VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((
            contact.account.as_ref(),
            &contact.handle,
            contact.account_key.as_slice(),
            contact.confirmed,
            contact.verified,
        ))?;
    Ok(())
}
