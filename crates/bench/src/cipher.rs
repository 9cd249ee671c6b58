//! One bare SQLCipher commit: a small row into an encrypted database, durable as the engine's own.

use std::path::Path;

use anyhow::Result;
use rusqlite::Connection;

/// A database with one table.
pub(crate) struct Cipher(Connection);

impl Cipher {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let connection = Connection::open(folder.join("bare.db"))?;
        let key = "ab".repeat(32);
        connection.execute_batch(&format!("PRAGMA key = \"x'{key}'\""))?;
        for pragma in ["locking_mode = EXCLUSIVE", "journal_mode = WAL"] {
            connection.query_row(&format!("PRAGMA {pragma}"), (), |_| Ok(()))?;
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection
            .execute_batch("CREATE TABLE row (id INTEGER PRIMARY KEY, value BLOB NOT NULL)")?;
        Ok(Self(connection))
    }

    /// Inserts one row and commits.
    pub(crate) fn commit(&self) -> Result<()> {
        let mut insert = self
            .0
            .prepare_cached("INSERT INTO row (value) VALUES (?1)")?;
        insert.execute([[7_u8; 100].as_slice()])?;
        Ok(())
    }
}
