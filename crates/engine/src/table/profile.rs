//! What people show of themselves, and who has been told of one's own.

use keyfold_protocol::content::Profile;
use keyfold_wire::ids::AccountId;
use rusqlite::{Connection, OptionalExtension as _};

use super::conversation::Row;
use super::{from_sql, to_sql};
use crate::Fault;

/// The profile of an account, where it has one.
pub(crate) fn get(tx: &Connection, account: &AccountId) -> Result<Option<Profile>, Fault> {
    let encoded: Option<Vec<u8>> = tx
        .prepare_cached("SELECT encoded FROM profile WHERE account = ?1")?
        .query_row([account.as_ref()], |row| row.get(0))
        .optional()?;
    let read = |bytes: Vec<u8>| {
        Profile::decode(&bytes).map_err(|_| Fault::corrupt("a profile does not read"))
    };
    encoded.map(read).transpose()
}

/// Keeps a profile, where it is newer than the one that is there. `false`: it is not.
pub(crate) fn put(tx: &Connection, account: &AccountId, profile: &Profile) -> Result<bool, Fault> {
    let encoded = profile.encode();
    let changed = tx
        .prepare_cached(
            "INSERT INTO profile VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account) DO UPDATE
             SET version = excluded.version, name = excluded.name, encoded = excluded.encoded
             WHERE (excluded.version, excluded.encoded) > (profile.version, profile.encoded)",
        )?
        .execute((
            account.as_ref(),
            to_sql(profile.version)?,
            profile.name.as_str(),
            encoded,
        ))?;
    Ok(changed > 0)
}

/// The version of one's own profile that everybody in a conversation has.
pub(crate) fn told(tx: &Connection, conversation: Row) -> Result<Option<u64>, Fault> {
    let version: Option<i64> = tx
        .prepare_cached("SELECT version FROM told WHERE conversation = ?1")?
        .query_row([conversation.0], |row| row.get(0))
        .optional()?;
    Ok(version.map(from_sql))
}

/// Everybody in a conversation has this version, or is about to.
pub(crate) fn tell(tx: &Connection, conversation: Row, version: u64) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO told VALUES (?1, ?2)")?
        .execute((conversation.0, to_sql(version)?))?;
    Ok(())
}

/// Somebody has come into a conversation who has not been told.
pub(crate) fn untell(tx: &Connection, conversation: Row) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE told SET version = 0 WHERE conversation = ?1")?
        .execute([conversation.0])?;
    Ok(())
}
