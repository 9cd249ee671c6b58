//! A server's core on a data folder.
//!
//! The folder holds `keyfold.db` (SQLite, with its `-wal` and `-shm`), `address.key` (seals delivery addresses) and,
//! while a server runs, `admin.sock`. A backup needs the first two together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::Registrations;
use crate::core::{Core, Registration, Settings};
use crate::delivery::{Committer, Feed};
use crate::seal::{AddressKey, SealError};
use crate::store::sqlite::{OpenError as StoreError, SqliteStore};

/// The core that the product runs.
pub type ServerCore = Core<SqliteStore, SystemClock>;
/// Its committer.
pub type ServerCommitter = Committer<SqliteStore, SystemClock>;
/// One device's feed of it.
pub type ServerFeed = Feed<SqliteStore, SystemClock>;

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key.
    #[error(transparent)]
    Key(#[from] SealError),
    /// Without its key, no address that the database's devices gave away leads anywhere.
    #[error("{} is missing, but its database is there: put it back from a backup", .0.display())]
    KeyMissing(PathBuf),
}

/// Opens what is in a data folder, or begins it.
///
/// # Errors
/// [`OpenError`]; nothing that was there has changed.
pub fn core(
    data: &Path,
    registrations: Registrations,
) -> Result<(Arc<ServerCore>, ServerCommitter), OpenError> {
    let (database, key) = (data.join("keyfold.db"), data.join("address.key"));
    if database.exists() && !key.exists() {
        return Err(OpenError::KeyMissing(key));
    }
    let key = AddressKey::open_or_create(&key)?;
    let store = SqliteStore::open(&database)?;
    let registration = match registrations {
        Registrations::Open => Registration::Open,
        Registrations::Invite => Registration::Invite,
        Registrations::Closed => Registration::Closed,
    };
    let settings = Settings {
        registration,
        ..Settings::default()
    };
    Ok(Core::new(store, SystemClock, key, settings))
}
