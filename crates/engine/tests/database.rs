//! Opening the database: what it accepts, what it refuses, and that refusing changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::path::{Path, PathBuf};

use keyfold_engine::Fault;
use keyfold_engine::store::{Durability, Place, StoreKey, erase, open};
use rusqlite::Connection;

const MARK: &[u8] = b"a word that nobody may read";

fn key(byte: u8) -> StoreKey {
    StoreKey::new([byte; 32])
}

struct Profile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Profile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            path: folder.path().join("keyfold.db"),
            _folder: folder,
        }
    }

    fn open(&self) -> Result<Connection, Fault> {
        open(Place::File(&self.path), Some(&key(7)), Durability::Full)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.path.display()))
    }

    /// A database with many pages, closed.
    fn filled(&self) {
        let connection = self.open().unwrap();
        connection
            .execute_batch(
                "BEGIN; CREATE TABLE marked (id INTEGER PRIMARY KEY, word BLOB NOT NULL)",
            )
            .unwrap();
        for _ in 0..2_000 {
            connection
                .execute("INSERT INTO marked (word) VALUES (?1)", [MARK])
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        erase(&connection).unwrap();
    }
}

fn contains(path: &Path, needle: &[u8]) -> bool {
    std::fs::read(path)
        .unwrap_or_default()
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Nothing opens it, and not a byte of it changes.
#[track_caller]
fn refused(profile: &Profile, key: Option<&StoreKey>) -> Fault {
    let before = std::fs::read(&profile.path).unwrap();
    let fault = open(Place::File(&profile.path), key, Durability::Full).unwrap_err();
    assert!(
        std::fs::read(&profile.path).unwrap() == before,
        "the file was changed"
    );
    fault
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let profile = Profile::new();
    profile.filled();
    let connection = profile.open().unwrap();
    let count: i64 = connection
        .query_row("SELECT count(*) FROM marked", (), |row| row.get(0))
        .unwrap();
    assert_eq!(count, 2_000);
    let pragma = |name: &str| {
        connection
            .query_row(&format!("PRAGMA {name}"), (), |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(
        (
            pragma("synchronous"),
            pragma("secure_delete"),
            pragma("foreign_keys")
        ),
        (2, 1, 1)
    );
}

#[test]
fn nothing_readable_is_on_the_disk_also_in_the_log() {
    let profile = Profile::new();
    profile.filled();
    let connection = profile.open().unwrap();
    connection
        .execute("INSERT INTO marked (word) VALUES (?1)", [MARK])
        .unwrap();
    assert!(std::fs::metadata(profile.beside("-wal")).unwrap().len() > 0);
    for path in [profile.path.clone(), profile.beside("-wal")] {
        assert!(!contains(&path, MARK), "{}", path.display());
    }
    // The search finds it where nothing is encrypted.
    let plain = Profile::new();
    let connection = open(Place::File(&plain.path), None, Durability::Full).unwrap();
    connection
        .execute_batch("CREATE TABLE marked (word BLOB)")
        .unwrap();
    connection
        .execute("INSERT INTO marked (word) VALUES (?1)", [MARK])
        .unwrap();
    erase(&connection).unwrap();
    assert!(contains(&plain.path, MARK));
}

#[test]
fn erasing_empties_the_log() {
    let profile = Profile::new();
    let connection = profile.open().unwrap();
    connection
        .execute_batch("CREATE TABLE marked (word BLOB)")
        .unwrap();
    assert!(std::fs::metadata(profile.beside("-wal")).unwrap().len() > 0);
    erase(&connection).unwrap();
    assert_eq!(std::fs::metadata(profile.beside("-wal")).unwrap().len(), 0);
}

#[test]
fn a_wrong_key_or_none_opens_nothing() {
    let profile = Profile::new();
    profile.filled();
    assert_eq!(refused(&profile, Some(&key(8))), Fault::WrongKey);
    assert_eq!(refused(&profile, None), Fault::WrongKey);
    profile.open().unwrap();
}

#[test]
fn a_database_that_is_not_encrypted_is_refused_under_a_key() {
    let profile = Profile::new();
    drop(open(Place::File(&profile.path), None, Durability::Full).unwrap());
    assert_eq!(refused(&profile, Some(&key(7))), Fault::NotEncrypted);
}

#[test]
fn a_damaged_database_is_refused_with_advice() {
    let intact = Profile::new();
    intact.filled();
    let bytes = std::fs::read(&intact.path).unwrap();
    let damaged = |damage: &dyn Fn(&mut Vec<u8>)| {
        let profile = Profile::new();
        let mut bytes = bytes.clone();
        damage(&mut bytes);
        std::fs::write(&profile.path, bytes).unwrap();
        profile
    };
    // Its beginning: looks like a wrong key, and the sentence says so.
    let beginning = damaged(&|bytes| bytes[100] ^= 1);
    let fault = refused(&beginning, Some(&key(7)));
    assert_eq!(fault, Fault::WrongKey);
    assert!(fault.to_string().contains("damaged"));
    // Something else altogether.
    let nonsense = damaged(&|bytes| bytes.fill(42));
    assert_eq!(refused(&nonsense, Some(&key(7))), Fault::WrongKey);
    // A page in the middle: found when it is read.
    let middle = bytes.len() / 4 * 3;
    let middle = damaged(&|bytes| bytes[middle..middle + 9].fill(0));
    let fault = match middle.open() {
        Ok(connection) => {
            let read = connection.query_row("SELECT sum(length(word)) FROM marked", (), |row| {
                row.get::<_, i64>(0)
            });
            Fault::from(read.unwrap_err())
        }
        Err(fault) => fault,
    };
    assert!(matches!(fault, Fault::Corrupt(_)), "{fault:?}");
    assert!(fault.to_string().contains("restore"));
    // Cut off.
    let cut = damaged(&|bytes| bytes.truncate(3 * 4_096));
    let fault = match cut.open() {
        Ok(connection) => {
            let read = connection.query_row("SELECT sum(length(word)) FROM marked", (), |row| {
                row.get::<_, i64>(0)
            });
            Fault::from(read.unwrap_err())
        }
        Err(fault) => fault,
    };
    assert!(matches!(fault, Fault::Corrupt(_)), "{fault:?}");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let profile = Profile::new();
    let connection = profile.open().unwrap();
    let known: u32 = connection
        .query_row("PRAGMA user_version", (), |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "user_version", known + 1)
        .unwrap();
    erase(&connection).unwrap();
    drop(connection);
    assert_eq!(
        refused(&profile, Some(&key(7))),
        Fault::NewerSchema {
            found: known + 1,
            known
        }
    );
}

#[test]
fn only_one_at_a_time() {
    let profile = Profile::new();
    let first = profile.open().unwrap();
    assert_eq!(profile.open().unwrap_err(), Fault::InUse);
    drop(first);
    profile.open().unwrap();
}

#[test]
fn a_full_disk_is_called_that_and_loses_nothing() {
    let profile = Profile::new();
    let connection = profile.open().unwrap();
    connection
        .execute_batch("CREATE TABLE marked (word BLOB)")
        .unwrap();
    connection
        .execute("INSERT INTO marked VALUES (?1)", [MARK])
        .unwrap();
    let pages: i64 = connection
        .query_row("PRAGMA page_count", (), |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "max_page_count", pages)
        .unwrap();
    let full = connection
        .execute("INSERT INTO marked VALUES (zeroblob(100000))", ())
        .unwrap_err();
    assert_eq!(Fault::from(full), Fault::DiskFull);
    let count: i64 = connection
        .query_row("SELECT count(*) FROM marked", (), |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_place_that_cannot_be_is_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no such folder").join("keyfold.db");
    let fault = open(Place::File(&path), Some(&key(7)), Durability::Full).unwrap_err();
    assert!(matches!(fault, Fault::Database(_)), "{fault:?}");
    assert_eq!(format!("{:?}", key(7)), "<secret>");
}
