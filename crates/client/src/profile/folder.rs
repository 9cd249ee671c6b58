//! A profile's folder on disk: for its owner's eyes only, locked by one process, small files written whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::ProfileError;
use crate::limits::MAX_SMALL_FILE;

const LOCK: &str = "lock";

/// What may lie in a folder that is, or was going to be, a profile.
const OWN_FILES: [&str; 5] = [LOCK, "settings", "key", "settings.new", "key.new"];

/// A folder whose lock this process holds.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, 0700, where there is none. One with other people's files in it is left alone.
    pub(super) fn make(path: &Path) -> Result<(), ProfileError> {
        let disk = |error| ProfileError::disk(path.to_owned(), error);
        match fs::read_dir(path) {
            Ok(entries) => {
                let mut names = entries.map(|entry| entry.map(|entry| entry.file_name()));
                let own = names.try_fold(true, |own, name| {
                    name.map(|name| own && OWN_FILES.iter().any(|file| name == *file))
                });
                if own.map_err(disk)? || path.join("key").exists() {
                    private(path).map_err(disk)
                } else {
                    Err(ProfileError::NotEmpty(path.to_owned()))
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_private(path).map_err(disk)?;
                path.parent().map_or(Ok(()), sync_folder).map_err(disk)
            }
            Err(error) => Err(disk(error)),
        }
    }

    /// Locks the folder for this process.
    pub(super) fn lock(path: &Path) -> Result<Self, ProfileError> {
        let file = path.join(LOCK);
        let opened = private_file()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&file);
        let lock = match opened {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(ProfileError::Missing(path.to_owned()));
            }
            Err(error) => return Err(ProfileError::disk(file, error)),
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(ProfileError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(ProfileError::Disk { path: file, error }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// A small file; `None` when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ProfileError> {
        let path = self.file(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ProfileError::Disk { path, error }),
        };
        let mut bytes = Vec::new();
        match file.take(MAX_SMALL_FILE + 1).read_to_end(&mut bytes) {
            Ok(length) if length as u64 > MAX_SMALL_FILE => Err(ProfileError::Damaged {
                path,
                why: "it is far too long".to_owned(),
            }),
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(ProfileError::Disk { path, error }),
        }
    }

    /// Writes a small file: after a crash it is there whole, or as it was before.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ProfileError> {
        let path = self.file(name);
        let fresh = self.file(&format!("{name}.new"));
        let written = private_file()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&fresh)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&fresh, &path))
            .and_then(|()| sync_folder(&self.path));
        written.map_err(|error| {
            // Half a file is of no use, and where the disk is full, others need its room.
            let _ = fs::remove_file(&fresh);
            ProfileError::disk(path, error)
        })
    }
}

#[cfg(unix)]
fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Makes a rename in this folder durable. Elsewhere than on Unix a folder can't be opened, and need not be.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep").join("ada");
        Folder::make(&path).unwrap();
        let first = Folder::lock(&path).unwrap();
        assert!(matches!(Folder::lock(&path), Err(ProfileError::InUse(_))));
        drop(first);
        assert!(Folder::lock(&path).is_ok());
    }

    #[test]
    fn other_peoples_folders_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.txt"), "do not touch").unwrap();
        assert!(matches!(
            Folder::make(home.path()),
            Err(ProfileError::NotEmpty(_))
        ));
        assert!(matches!(
            Folder::lock(&home.path().join("none")),
            Err(ProfileError::Missing(_))
        ));
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ada");
        Folder::make(&path).unwrap();
        let folder = Folder::lock(&path).unwrap();
        folder.write("key", b"sealed").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("key")), 0o600);
        assert_eq!(folder.read("key").unwrap().unwrap(), b"sealed");
        assert!(folder.read("settings").unwrap().is_none());
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_past_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::lock(home.path()).unwrap();
        let limit = usize::try_from(MAX_SMALL_FILE).unwrap();
        folder.write("settings", &vec![b' '; limit]).unwrap();
        assert!(folder.read("settings").is_ok());
        folder.write("settings", &vec![b' '; limit + 1]).unwrap();
        assert!(matches!(
            folder.read("settings"),
            Err(ProfileError::Damaged { .. })
        ));
    }
}
