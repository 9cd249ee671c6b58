//! A profile: the folder of one account on one device, held by one process at a time.
//!
//! | file | holds |
//! |---|---|
//! | `lock` | nothing; the process that uses the profile holds an exclusive lock on it |
//! | `settings` | the server's address and its CA, as JSON |
//! | `key` | the database key under a passphrase, or the name of a keychain entry; see [`key`] |
//! | `database` | the engine's database (SQLCipher), with SQLite's own files beside it |
//!
//! Making one can be interrupted anywhere: each file appears whole or not at all, `settings` before `key` before
//! `database`, and making it again goes on where it stopped.

mod folder;
pub mod key;
mod keychain;
pub mod settings;

use std::path::{Path, PathBuf};

use keyfold_engine::store::{Durability, Place, StoreKey};
use keyfold_engine::{Answer, Command, Engine, Fault, Input};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::error::ClientError;
use folder::Folder;
use key::{DatabaseKey, KeyFile, Passphrase, Protection};
use settings::Settings;

/// Why a profile can't be used. Nothing in it has changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is none.
    #[error("there is no profile at {0}: make one with `keyfold register HANDLE --server URL`")]
    Missing(PathBuf),
    /// Another process has it open.
    #[error(
        "the profile at {0} is in use by another process: end that one, or name another profile"
    )]
    InUse(PathBuf),
    /// The folder is somebody else's.
    #[error("{0} holds other files: name an empty or new folder as profile")]
    NotEmpty(PathBuf),
    /// The profile is under a passphrase and none came.
    #[error("this profile is under a passphrase: name a file that holds it with --passphrase-file")]
    PassphraseNeeded,
    /// Not this one.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// An empty or far too long passphrase.
    #[error(
        "a passphrase has between 1 and {} bytes",
        crate::limits::MAX_PASSPHRASE
    )]
    PassphraseSize,
    /// No keychain service, or it refused.
    #[error(
        "the system keychain can't be used ({0}): use a passphrase instead, with --passphrase-file"
    )]
    Keychain(String),
    /// The keychain has no such entry (any more).
    #[error(
        "the system keychain no longer holds the key of this profile: without it nothing can be read"
    )]
    KeychainEntryGone,
    /// A key or settings file that makes no sense.
    #[error("the file {path} is damaged ({why}): restore it from a backup; it was left as it is")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The database is damaged: its key is the right one, and it does not open.
    #[error(
        "the database {path} is damaged ({why}). It was left as it is. Keep a copy of the folder, then restore it from an \
         earlier copy, or move it away and register anew"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The database can't be opened for another reason.
    #[error("{path}: {fault}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        fault: Fault,
    },
    /// There is no room for a file.
    #[error("{0}: the disk is full: free some space and try again (nothing was lost)")]
    Full(PathBuf),
    /// The disk.
    #[error("{path}: {error}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

impl ProfileError {
    /// What the system says of a file.
    fn disk(path: PathBuf, error: std::io::Error) -> Self {
        if is_full(&error) {
            Self::Full(path)
        } else {
            Self::Disk { path, error }
        }
    }
}

/// Whether there is no room on the disk, or none for this user.
pub fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// How a new profile's key is to be kept.
pub enum Keep {
    /// Under this passphrase.
    Passphrase(Passphrase),
    /// In the system's keychain.
    Keychain,
}

/// A profile's folder, locked for this process, its database still closed.
pub struct Locked {
    folder: Folder,
}

/// An open profile: its engine and its settings. The lock is held until this is dropped.
pub struct Profile {
    /// The device's messenger.
    pub engine: Engine,
    /// Where its server is.
    pub settings: Settings,
    /// Keeps other processes out.
    pub(crate) folder: Folder,
}

impl Locked {
    /// Takes the profile at `path`.
    ///
    /// # Errors
    /// [`ProfileError::Missing`], [`ProfileError::InUse`], [`ProfileError::Full`], [`ProfileError::Disk`].
    pub fn take(path: &Path) -> Result<Self, ProfileError> {
        let folder = Folder::lock(path)?;
        if !folder.has(key::FILE) {
            return Err(ProfileError::Missing(path.to_owned()));
        }
        Ok(Self { folder })
    }

    /// Takes the profile at `path`, or makes its folder where there is none.
    ///
    /// # Errors
    /// [`ProfileError::NotEmpty`], [`ProfileError::InUse`], [`ProfileError::Full`], [`ProfileError::Disk`].
    pub fn take_or_make(path: &Path) -> Result<Self, ProfileError> {
        Folder::make(path)?;
        Ok(Self {
            folder: Folder::lock(path)?,
        })
    }

    /// What the key is kept under; `None` while the profile has none yet.
    ///
    /// # Errors
    /// [`ProfileError::Damaged`], [`ProfileError::Disk`].
    pub fn protection(&self) -> Result<Option<Protection>, ProfileError> {
        Ok(KeyFile::read(&self.folder)?.map(|file| file.protection()))
    }

    /// Writes the settings. They may change as long as the device has no account.
    ///
    /// # Errors
    /// [`ProfileError::Full`], [`ProfileError::Disk`].
    pub fn settle(&self, settings: &Settings) -> Result<(), ProfileError> {
        settings.write(&self.folder)
    }

    /// Makes the database's key and keeps it. Does nothing when there is one.
    ///
    /// # Errors
    /// [`ProfileError::Keychain`], [`ProfileError::Full`], [`ProfileError::Disk`].
    pub fn protect(&self, keep: &Keep) -> Result<(), ProfileError> {
        if self.folder.has(key::FILE) {
            return Ok(());
        }
        let database = DatabaseKey::random()?;
        let file = match keep {
            Keep::Passphrase(passphrase) => KeyFile::under_passphrase(&database, passphrase)?,
            Keep::Keychain => KeyFile::in_keychain(&database)?,
        };
        file.write(&self.folder)
    }

    /// Opens the database.
    ///
    /// # Errors
    /// [`ProfileError::WrongPassphrase`] and the others; nothing has changed then.
    pub fn open(self, passphrase: Option<&Passphrase>) -> Result<Profile, ProfileError> {
        let folder = self.folder;
        let missing = || ProfileError::Missing(folder.path().to_owned());
        let settings = Settings::read(&folder)?.ok_or_else(missing)?;
        let key = KeyFile::read(&folder)?
            .ok_or_else(missing)?
            .unlock(&folder, passphrase)?;
        let path = folder.file(DATABASE);
        let key = StoreKey::new(*key.as_bytes());
        let engine = Engine::open(Place::File(&path), Some(&key), Durability::Full)
            .map_err(|fault| unopened(path, fault))?;
        Ok(Profile {
            engine,
            settings,
            folder,
        })
    }
}

impl Profile {
    /// Carries out a command without a connection. Durable when it returns; what needs the server waits for it.
    ///
    /// # Errors
    /// [`ClientError::Complaint`] when it can't be done, [`ClientError::Fault`] when the device failed.
    pub fn offline(&mut self, command: Command) -> Result<Answer, ClientError> {
        let mut rng =
            StdRng::try_from_os_rng().map_err(|error| ClientError::Random(error.to_string()))?;
        let outcome = self
            .engine
            .apply(Input::Command(command), crate::now(), &mut rng)
            .map_err(ClientError::Fault)?;
        outcome.answer.map_err(ClientError::Complaint)
    }

    /// Changes where the server is. For a device without an account.
    ///
    /// # Errors
    /// [`ProfileError::Full`], [`ProfileError::Disk`].
    pub fn settle(&mut self, settings: Settings) -> Result<(), ProfileError> {
        if settings != self.settings {
            settings.write(&self.folder)?;
            self.settings = settings;
        }
        Ok(())
    }

    /// Whether this device looks at what its person's links lead to. Mostly it does not: the page learns that somebody wrote of it.
    pub fn previews(&self) -> bool {
        self.folder.has(PREVIEWS)
    }

    /// It does from now on.
    ///
    /// # Errors
    /// [`ProfileError::Full`], [`ProfileError::Disk`].
    pub fn switch_previews_on(&mut self) -> Result<(), ProfileError> {
        self.folder.write(PREVIEWS, b"on\n")
    }

    /// It does not any more.
    ///
    /// # Errors
    /// [`ProfileError::Disk`].
    pub fn switch_previews_off(&mut self) -> Result<(), ProfileError> {
        let path = self.folder.file(PREVIEWS);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ProfileError::disk(path, error))
            }
            _ => Ok(()),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The key came out of its seal, so it is the right one: where it does not open the database, that is damaged.
fn unopened(path: PathBuf, fault: Fault) -> ProfileError {
    match fault {
        Fault::WrongKey => ProfileError::Corrupt {
            path,
            why: "its first page can't be read".to_owned(),
        },
        Fault::NotEncrypted => ProfileError::Corrupt {
            path,
            why: "it is not encrypted".to_owned(),
        },
        Fault::Corrupt(why) => ProfileError::Corrupt {
            path,
            why: why.to_owned(),
        },
        Fault::DiskFull => ProfileError::Full(path),
        fault => ProfileError::Database { path, fault },
    }
}

/// The file that is there while previews are on.
const PREVIEWS: &str = "previews";

/// The name of the database in the folder.
pub const DATABASE: &str = "database";

/// Where profiles are when none is named: `$KEYFOLD_PROFILE`, else `keyfold/default` in the platform's data folder.
pub fn default_path() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    if let Some(path) = std::env::var_os("KEYFOLD_PROFILE").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.data_dir().join("keyfold").join("default"))
}
