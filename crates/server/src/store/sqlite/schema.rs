//! The tables, and how a database of an older version becomes one of this version.
//!
//! A copied database must not say who talks to whom: conversations are named by a hash and hold sealed rosters only;
//! `once` and `items` have no column in common; tokens and invitations are hashes. Integer ids stay inside.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

/// "KFLD": so that another program's database is not taken for ours.
const APPLICATION_ID: i64 = 0x4B46_4C44;

/// Larger databases are not read through at the start; damage in them shows when it is met.
const CHECKED_BYTES: u64 = 256 * 1024 * 1024;

/// Each takes the database from the version of its index to the next.
const MIGRATIONS: &[&str] = &[FIRST, FILES, SIGNALS, REPORTS];

/// What people have handed to the operator, sealed under the server's key: only that an account has reported something, and when, can be read.
const REPORTS: &str = r"
CREATE TABLE reports (
    id BLOB PRIMARY KEY,
    account BLOB NOT NULL,
    digest BLOB NOT NULL,
    received INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX reports_account ON reports (account, received);
CREATE INDEX reports_received ON reports (received);
";

/// Signals that wait. Each copy is sealed by the server for its mailbox, its place is a hash that differs from mailbox to mailbox, and only the day says when
/// it came: nothing leads from one copy to another, nor to a conversation.
const SIGNALS: &str = r"
CREATE TABLE signals (
    mailbox INTEGER NOT NULL,
    place BLOB NOT NULL,
    number INTEGER NOT NULL,
    day INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (mailbox, place)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX signals_number ON signals (mailbox, number);
CREATE INDEX signals_day ON signals (day);
-- The last number given.
ALTER TABLE cursors ADD COLUMN signals INTEGER NOT NULL DEFAULT 0;
";

/// Sealed files, named by a hash of their ids. Nothing says whose they are.
const FILES: &str = r"
CREATE TABLE files (
    place BLOB PRIMARY KEY,
    length INTEGER NOT NULL,
    received INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_until ON files (until);
";

const FIRST: &str = r"
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    account BLOB NOT NULL UNIQUE,
    handle TEXT NOT NULL UNIQUE,
    skeleton TEXT NOT NULL UNIQUE,
    account_key BLOB NOT NULL,
    recovery_key BLOB NOT NULL,
    digest BLOB NOT NULL,
    first_token BLOB NOT NULL
) STRICT;
CREATE TABLE devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    device BLOB NOT NULL,
    certificate BLOB NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    mailbox BLOB NOT NULL UNIQUE,
    given INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, device)
) STRICT;
-- Apart from devices, since it changes with every acknowledgement.
CREATE TABLE cursors (
    mailbox INTEGER PRIMARY KEY,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE revoked (
    mailbox INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    PRIMARY KEY (mailbox, serial)
) STRICT, WITHOUT ROWID;
-- Mailboxes of removed devices, whose items are deleted in portions.
CREATE TABLE doomed (mailbox INTEGER PRIMARY KEY) STRICT;
CREATE TABLE key_packages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device INTEGER NOT NULL,
    suite INTEGER NOT NULL,
    last_resort INTEGER NOT NULL,
    spent INTEGER,
    digest BLOB NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (device, digest)
) STRICT;
CREATE INDEX key_packages_left ON key_packages (device, suite, last_resort, id) WHERE spent IS NULL;
CREATE INDEX key_packages_spent ON key_packages (spent) WHERE spent IS NOT NULL;
CREATE TABLE invitations (code BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    roster BLOB NOT NULL,
    previous BLOB,
    previous_until INTEGER,
    used INTEGER NOT NULL
) STRICT;
CREATE INDEX conversations_used ON conversations (used);
CREATE INDEX conversations_grace ON conversations (previous_until) WHERE previous_until IS NOT NULL;
CREATE TABLE once (
    conversation INTEGER NOT NULL,
    key BLOB NOT NULL,
    request BLOB NOT NULL,
    hidden INTEGER NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (conversation, key)
) STRICT, WITHOUT ROWID;
-- A message has an id, a welcome's shared part has none. Ids grow with time.
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY,
    received INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    message_id BLOB,
    roster_hash BLOB,
    roster_key_hash BLOB,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE items (
    mailbox INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    body INTEGER NOT NULL,
    secrets BLOB,
    PRIMARY KEY (mailbox, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_of_body ON items (body);
";

/// Why a database cannot be used. It is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the database {0} is in use by another keyfold-server: stop that one first")]
    InUse(PathBuf),
    /// Not a database, or damaged.
    #[error(
        "the database {0} is damaged and was left as it is: stop the server and put the data folder back from a \
         backup, or move the file away to start with an empty server"
    )]
    Corrupt(PathBuf),
    /// The log of changes is there without the database that it belongs to.
    #[error(
        "the database {0} is missing, but its -wal file is there: put back the file, or move the -wal file away"
    )]
    Missing(PathBuf),
    /// Somebody else's.
    #[error("the file {0} is a database of another program: choose another data folder")]
    Foreign(PathBuf),
    /// Written by a newer server.
    #[error(
        "the database {path} was written by a newer keyfold-server (version {found}, this one knows {known}): update"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The folder or file cannot be used.
    #[error("the database {0} cannot be opened: {1}")]
    File(PathBuf, std::io::Error),
    /// No room for what opening needs.
    #[error(
        "the disk that holds the database {0} is full: free some space and start again (nothing was lost)"
    )]
    Full(PathBuf),
    /// SQLite says no.
    #[error("the database {0} cannot be opened: {1}")]
    Database(PathBuf, rusqlite::Error),
}

pub(super) fn explain(path: &Path, error: rusqlite::Error) -> OpenError {
    // The shared memory beside the database is a file, too.
    let extended = error.sqlite_error().map(|error| error.extended_code);
    if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return OpenError::Full(path.into());
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => OpenError::Full(path.into()),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::Corrupt(path.into())
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse(path.into()),
        _ => OpenError::Database(path.into(), error),
    }
}

/// Brings a database to the newest version, or says why it is left alone.
pub(super) fn prepare(db: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let explain = |error| explain(path, error);
    let version = check_identity(db, path)?;
    check_soundness(db, path)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(OpenError::Newer {
            path: path.into(),
            found: version,
            known,
        });
    }
    db.pragma_update(None, "journal_mode", "WAL")
        .map_err(explain)?;
    let pending = MIGRATIONS
        .iter()
        .skip(usize::try_from(version).unwrap_or_default());
    let transaction = db.transaction().map_err(explain)?;
    for migration in pending {
        transaction.execute_batch(migration).map_err(explain)?;
    }
    if version < known {
        transaction
            .pragma_update(None, "user_version", known)
            .map_err(explain)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(explain)?;
    }
    transaction.commit().map_err(explain)
}

/// The version of our database; zero for an empty one.
fn check_identity(db: &Connection, path: &Path) -> Result<i64, OpenError> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = pragma("user_version").map_err(|error| explain(path, error))?;
    let application = pragma("application_id").map_err(|error| explain(path, error))?;
    let tables = db
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(|error| explain(path, error))?;
    let is_empty = version == 0 && application == 0 && tables == 0;
    if is_empty || application == APPLICATION_ID {
        Ok(version)
    } else {
        Err(OpenError::Foreign(path.into()))
    }
}

fn check_soundness(db: &Connection, path: &Path) -> Result<(), OpenError> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > CHECKED_BYTES {
        return Ok(());
    }
    let verdict = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .optional()
        .map_err(|error| explain(path, error))?;
    if verdict.as_deref() == Some("ok") {
        Ok(())
    } else {
        Err(OpenError::Corrupt(path.into()))
    }
}
