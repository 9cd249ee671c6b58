//! What can break on our own side. The step that met it rolled back; nothing of it happened.
//!
//! Sentences are for people, and hold nothing secret: no key, no content, no SQL.

use keyfold_protocol::group::Error;
use rusqlite::ErrorCode;

use crate::store::UNREADABLE;

/// Our side broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The database can't be read under this key. A damaged first page looks just the same.
    #[error(
        "the key does not open this database: check the passphrase; if it is right, the beginning of the file is \
         damaged, and it needs to be restored from a copy (nothing was changed)"
    )]
    WrongKey,
    /// A key was given, and the file is not encrypted, or would not be.
    #[error("the database is not encrypted: it was refused, and nothing was written to it")]
    NotEncrypted,
    /// The file or something in it is not what was written.
    #[error(
        "the database is damaged ({0}): keep a copy of the profile folder, then restore it or register this device anew \
         (nothing was overwritten)"
    )]
    Corrupt(&'static str),
    /// A newer version of Keyfold has used this database.
    #[error("the database has version {found}, and this Keyfold knows {known}: update Keyfold")]
    NewerSchema {
        /// In the file.
        found: u32,
        /// The newest that this version knows.
        known: u32,
    },
    /// Nothing can be written any more.
    #[error("the disk is full: free some space and try again (nothing was lost)")]
    DiskFull,
    /// Somebody else has it open.
    #[error("another program has this profile open: close it and try again")]
    InUse,
    /// The file can't be opened, read or written.
    #[error("the database can't be used ({0}): check the folder, its permissions and the disk")]
    Database(String),
    /// A library did what it says it never does.
    #[error("an internal error ({0}): please report it")]
    Internal(&'static str),
}

impl Fault {
    /// Something that was read from the database is not what was written there; the words say what.
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Corrupt(what)
    }

    /// A library did what it says it never does; the words say where.
    pub(crate) fn internal(what: &'static str) -> Self {
        Self::Internal(what)
    }

    /// A conversation in use has no group.
    pub(crate) fn no_group() -> Self {
        Self::Corrupt("a conversation's group is missing")
    }

    /// What a group operation failed with, where nothing from outside was at fault.
    pub(crate) fn from_mls(error: Error<Self>) -> Self {
        match error {
            Error::Storage(fault) => fault,
            Error::Internal(what) => Self::Internal(what),
            Error::Reject(_) => Self::Corrupt("a conversation's MLS state is refused"),
            Error::NotAMember => Self::Internal("a group was used after this device left it"),
            Error::Pending => Self::Internal("a group was used while a commit waits"),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, _) => of_sqlite(failure),
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::Utf8Error(..) => Self::Corrupt("a row has an unexpected form"),
            // Names of columns and SQL of ours at most, never values.
            _ => Self::Internal("a wrong database statement"),
        }
    }
}

fn of_sqlite(failure: rusqlite::ffi::Error) -> Fault {
    match failure.code {
        // Writing a file meets ENOSPC as this code; only shared memory, which is not used, would make an input/output error of it.
        ErrorCode::DiskFull => Fault::DiskFull,
        ErrorCode::NotADatabase => Fault::Corrupt(UNREADABLE),
        ErrorCode::DatabaseCorrupt => Fault::Corrupt("its pages do not fit together"),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Fault::InUse,
        ErrorCode::ConstraintViolation => Fault::Corrupt("rows do not fit together"),
        code => Fault::Database(format!("{code:?}, {}", failure.extended_code)),
    }
}
