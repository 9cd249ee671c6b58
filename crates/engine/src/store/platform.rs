//! What differs between a native database (`SQLCipher`, a file) and one in a browser (`SQLite3` Multiple Ciphers, the
//! origin-private file system).

use rusqlite::Connection;
use zeroize::Zeroizing;

use super::{Place, StoreKey};
use crate::Fault;

/// What [`Fault::Corrupt`] says of a page that does not open; for the first page it means the wrong key.
pub(crate) const UNREADABLE: &str = "a page can't be read";

#[cfg(not(target_family = "wasm"))]
pub(super) use native::{check_encrypted, configure_journal, connect, unlock};
#[cfg(target_family = "wasm")]
pub(super) use web::{check_encrypted, configure_journal, connect, unlock};

/// Takes the database for this connection alone: a second process is refused. To be said before anything is read, else a
/// write-ahead log is read through shared memory, a file for which a full disk has no room.
pub(super) fn keep_others_out(connection: &Connection) -> Result<(), Fault> {
    text(connection, "PRAGMA locking_mode = EXCLUSIVE").map(drop)
}

/// A pragma's answer.
fn text(connection: &Connection, pragma: &str) -> Result<String, Fault> {
    Ok(connection.query_row(pragma, (), |row| row.get(0))?)
}

/// Gives the key, which must be the first thing that a connection hears.
fn give_key(connection: &Connection, literal: &str) -> Result<(), Fault> {
    let statement = Zeroizing::new(format!("PRAGMA key = {literal}"));
    Ok(connection.execute_batch(&statement)?)
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::io::Read as _;
    use std::path::Path;
    use std::time::Duration;

    use rusqlite::OpenFlags;

    use super::{Connection, Fault, Place, StoreKey, Zeroizing, give_key, text};

    /// How every database that is not encrypted begins.
    const PLAIN: &[u8; 16] = b"SQLite format 3\0";

    /// For another process that is just closing.
    const PATIENCE: Duration = Duration::from_millis(200);

    /// How pages are sealed, instead of `SQLCipher`'s 4,096 bytes under HMAC-SHA-512: a step changes few bytes on several
    /// pages, and sealing each costs by its size. Measured, small commits take a quarter to two fifths less CPU. Never to be
    /// changed for a file that exists.
    const FORMAT: &str =
        "PRAGMA cipher_page_size = 2048; PRAGMA cipher_hmac_algorithm = HMAC_SHA256";

    pub(in super::super) fn connect(place: Place<'_>) -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = match place {
            Place::File(path) => Connection::open_with_flags(path, flags)?,
            Place::Memory => Connection::open_in_memory()?,
            Place::Layer { name, path } => Connection::open_with_flags_and_vfs(path, flags, name)?,
        };
        connection.busy_timeout(PATIENCE)?;
        Ok(connection)
    }

    /// `SQLCipher` takes a raw key in this form as it is: no time goes into deriving one.
    pub(in super::super) fn unlock(connection: &Connection, key: &StoreKey) -> Result<(), Fault> {
        let has_cipher =
            connection.query_row("PRAGMA cipher_version", (), |row| row.get::<_, String>(0));
        has_cipher.map_err(|_| Fault::NotEncrypted)?;
        // A wrong key is an answer, not something to print.
        connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
        let hex = key.hex();
        give_key(
            connection,
            &Zeroizing::new(format!("\"x'{}'\"", hex.as_str())),
        )?;
        Ok(connection.execute_batch(FORMAT)?)
    }

    /// A write-ahead log; under the exclusive lock it needs no shared memory.
    pub(in super::super) fn configure_journal(connection: &Connection) -> Result<(), Fault> {
        match text(connection, "PRAGMA journal_mode = WAL")?.as_str() {
            "wal" | "memory" => Ok(()),
            _ => Err(Fault::Internal("no write-ahead log")),
        }
    }

    pub(in super::super) fn check_encrypted(path: &Path) -> Result<(), Fault> {
        let mut start = Vec::new();
        match std::fs::File::open(path) {
            Ok(file) => file
                .take(PLAIN.len() as u64)
                .read_to_end(&mut start)
                .map_err(|error| Fault::Database(error.kind().to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Fault::Database(error.kind().to_string())),
        };
        if start == PLAIN {
            Err(Fault::NotEncrypted)
        } else {
            Ok(())
        }
    }
}

#[cfg(target_family = "wasm")]
mod web {
    use std::path::Path;

    use rusqlite::OpenFlags;

    use super::{Connection, Fault, Place, StoreKey, Zeroizing, give_key, text};

    /// The pool in the origin-private file system, wrapped by the cipher. The shell installs both before it opens.
    const FILES: &std::ffi::CStr = c"multipleciphers-opfs-sahpool";

    pub(in super::super) fn connect(place: Place<'_>) -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Ok(match place {
            Place::File(path) => Connection::open_with_flags_and_vfs(path, flags, FILES)?,
            Place::Memory => Connection::open_in_memory()?,
            Place::Layer { name, path } => Connection::open_with_flags_and_vfs(path, flags, name)?,
        })
    }

    pub(in super::super) fn unlock(connection: &Connection, key: &StoreKey) -> Result<(), Fault> {
        let cipher = connection.query_row("PRAGMA cipher", (), |row| row.get::<_, String>(0));
        cipher.map_err(|_| Fault::NotEncrypted)?;
        let hex = key.hex();
        give_key(
            connection,
            &Zeroizing::new(format!("'raw:{}'", hex.as_str())),
        )
    }

    /// A rollback journal that stays in its slot of the pool. A write-ahead log's recovery after a crash was not tried there.
    pub(in super::super) fn configure_journal(connection: &Connection) -> Result<(), Fault> {
        text(connection, "PRAGMA journal_mode = TRUNCATE").map(drop)
    }

    /// The wrapped file layer refuses to open plain files under a key, and the pool's files can't be read from here.
    pub(in super::super) fn check_encrypted(_path: &Path) -> Result<(), Fault> {
        Ok(())
    }
}
