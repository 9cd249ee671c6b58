//! The one database: opening it safely, its versions, and MLS state in it. The messenger's own tables are in `table`.
//!
//! Encrypted in SQLCipher's format under a raw 256-bit key. One process at a time: it is locked for as long as it is open.

mod codec;
mod mls;
mod platform;
mod schema;

use std::path::Path;

use rusqlite::Connection;
use zeroize::Zeroizing;

pub(crate) use mls::Attempt;
pub use mls::MlsStorage;
pub(crate) use platform::UNREADABLE;

use crate::Fault;

/// Statements kept ready: all that a step uses.
const STATEMENTS: usize = 128;

/// Where the database is.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A file; made where there is none.
    File(&'a Path),
    /// In memory, gone when it is closed. For tests and simulations.
    Memory,
    /// A file of a file layer of SQLite's that the process has registered. For tests and simulations.
    Layer {
        /// The file layer's name.
        name: &'a str,
        /// The file; made where there is none.
        path: &'a Path,
    },
}

/// When a step is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When it returns: what was written is on the disk, whatever happens to the machine.
    #[default]
    Full,
    /// When the operating system gets round to it. For tests and measurements.
    Off,
}

/// The key that a database is encrypted under. Not `Clone`; prints as `<secret>`.
pub struct StoreKey(Zeroizing<[u8; 32]>);

impl StoreKey {
    /// The key with these bytes; they must be random, as they are used without any derivation.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn hex(&self) -> Zeroizing<String> {
        let mut hex = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        hex
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Opens a database, making it where there is none, and brings it to this version's schema. Without a key it is not
/// encrypted; only tests do that.
///
/// # Errors
/// [`Fault`], and the file is as it was: wrong key, not encrypted, damaged, of a newer version, in use, disk full.
pub fn open(
    place: Place<'_>,
    key: Option<&StoreKey>,
    durability: Durability,
) -> Result<Connection, Fault> {
    if let (Place::File(path), Some(_)) = (place, key) {
        platform::check_encrypted(path)?;
    }
    let mut connection = platform::connect(place)?;
    if let Some(key) = key {
        platform::unlock(&connection, key)?;
    }
    platform::keep_others_out(&connection)?;
    check_readable(&connection)?;
    check_version(&connection)?;
    configure(&connection, durability)?;
    migrate(&mut connection)?;
    if let (Place::File(path), Some(_)) = (place, key) {
        platform::check_encrypted(path)?;
    }
    Ok(connection)
}

/// Reads the first page: only the right key opens it.
fn check_readable(connection: &Connection) -> Result<(), Fault> {
    let read = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| {
        row.get::<_, i64>(0)
    });
    match read.map_err(Fault::from) {
        Ok(_) => Ok(()),
        Err(Fault::Corrupt(UNREADABLE)) => Err(Fault::WrongKey),
        Err(fault) => Err(fault),
    }
}

fn version(connection: &Connection) -> Result<u32, Fault> {
    Ok(connection.query_row("PRAGMA user_version", (), |row| row.get(0))?)
}

fn known() -> u32 {
    u32::try_from(schema::STEPS.len()).unwrap_or(u32::MAX)
}

fn check_version(connection: &Connection) -> Result<(), Fault> {
    let (found, known) = (version(connection)?, known());
    if found > known {
        Err(Fault::NewerSchema { found, known })
    } else {
        Ok(())
    }
}

fn configure(connection: &Connection, durability: Durability) -> Result<(), Fault> {
    platform::configure_journal(connection)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Off => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let mut at = version(connection)?;
    while let Some(step) = usize::try_from(at)
        .ok()
        .and_then(|at| schema::STEPS.get(at))
    {
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for part in step.sql {
            transaction.execute_batch(part)?;
        }
        (step.finish)(&transaction)?;
        at = at.saturating_add(1);
        transaction.pragma_update(None, "user_version", at)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Makes erased secrets leave the write-ahead log, too. To be called outside of a transaction.
///
/// # Errors
/// [`Fault`] when the log can't be emptied.
pub fn erase(connection: &Connection) -> Result<(), Fault> {
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(Fault::InUse) }
}
