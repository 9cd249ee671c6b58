//! The file layer itself: what it loses, and what `SQLite` keeps on it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use keyfold_sim::disk::{Disk, Loss, Trouble, VFS};
use rusqlite::{Connection, OpenFlags};

/// Numbers that the story writes, one transaction each.
const NUMBERS: i64 = 12;

fn open(disk: &Disk, synchronous: &str) -> rusqlite::Result<Connection> {
    let path = disk.path("numbers.db");
    let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let db = Connection::open_with_flags_and_vfs(path, flags, VFS)?;
    db.query_row("PRAGMA locking_mode = EXCLUSIVE", (), |_| Ok(()))?;
    db.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))?;
    db.pragma_update(None, "synchronous", synchronous)?;
    db.query_row("PRAGMA wal_autocheckpoint = 12", (), |_| Ok(()))?;
    db.execute_batch("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY, pad BLOB)")?;
    Ok(db)
}

/// Writes on from where it is until something fails; gives the last number whose transaction succeeded.
fn writes(disk: &Disk, synchronous: &str) -> i64 {
    let Ok(db) = open(disk, synchronous) else {
        return 0;
    };
    let mut last = 0;
    for number in 1..=NUMBERS {
        let sql = "INSERT OR IGNORE INTO numbers VALUES (?1, zeroblob(3000))";
        if db.execute(sql, [number]).is_err() {
            break;
        }
        last = number;
    }
    last
}

/// The numbers that are there: always all from 1.
fn last(disk: &Disk) -> i64 {
    let db = open(disk, "FULL").unwrap();
    let sound: String = db
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let (count, last) = db
        .query_row(
            "SELECT count(*), ifnull(max(n), 0) FROM numbers",
            (),
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )
        .unwrap();
    assert_eq!(count, last, "a transaction in the middle is missing");
    last
}

#[test]
fn what_was_committed_is_there_wherever_the_machine_stops() {
    let whole = Disk::new(0);
    assert_eq!(writes(&whole, "FULL"), NUMBERS);
    let operations = whole.operations();
    assert!(operations > 80, "{operations}");
    for operation in 1..=operations {
        for trouble in [Trouble::Crash, Trouble::Tear] {
            for loss in Loss::EACH {
                let disk = Disk::new(operation);
                disk.plan(operation, trouble);
                let committed = writes(&disk, "FULL");
                assert!(disk.has_crashed() || operation + 4 > operations);
                disk.restarts(loss);
                let kept = last(&disk);
                let context = format!("{:?}, {loss:?}", disk.befell());
                assert!(kept >= committed, "{kept} of {committed}: {context}");
                assert!(kept <= committed + 1, "{kept} of {committed}: {context}");
                assert_eq!(writes(&disk, "FULL"), NUMBERS, "{context}");
            }
        }
    }
}

#[test]
fn what_was_not_synced_is_lost() {
    let lost = |seed, loss| {
        let disk = Disk::new(seed);
        assert_eq!(writes(&disk, "FULL"), NUMBERS);
        let db = open(&disk, "OFF").unwrap();
        db.execute(
            "INSERT INTO numbers VALUES (?1, zeroblob(3000))",
            [NUMBERS + 1],
        )
        .unwrap();
        disk.restarts(loss);
        drop(db);
        last(&disk) == NUMBERS
    };
    assert!(lost(1, Loss::All));
    assert!(!lost(1, Loss::Nothing));
    let torn = (0..64).filter(|seed| lost(*seed, Loss::Some)).count();
    assert!((1..64).contains(&torn), "{torn} of 64");
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let whole = Disk::new(0);
    writes(&whole, "FULL");
    for operation in 1..=whole.operations() {
        let disk = Disk::new(operation);
        disk.plan(operation, Trouble::Full);
        let committed = writes(&disk, "FULL");
        disk.is_relieved();
        assert!(last(&disk) >= committed);
        assert_eq!(writes(&disk, "FULL"), NUMBERS, "full at {operation}");
    }
    let small = Disk::new(0);
    small.limits(Some(40_000));
    let committed = writes(&small, "FULL");
    assert!((1..NUMBERS).contains(&committed), "{committed}");
    assert!(small.size() <= 40_000);
    small.is_relieved();
    assert_eq!(writes(&small, "FULL"), NUMBERS);
}

#[test]
fn an_error_of_the_disk_is_an_error_and_loses_nothing_that_was_committed() {
    let whole = Disk::new(0);
    writes(&whole, "FULL");
    for operation in 1..=whole.operations() {
        let disk = Disk::new(operation);
        disk.plan(operation, Trouble::Error);
        let committed = writes(&disk, "FULL");
        assert!(last(&disk) >= committed, "{:?}", disk.befell());
        assert_eq!(writes(&disk, "FULL"), NUMBERS, "error at {operation}");
    }
}

#[test]
fn a_backup_put_back_is_what_was_there() {
    let disk = Disk::new(0);
    assert_eq!(writes(&disk, "FULL"), NUMBERS);
    let backup = disk.snapshot();
    let db = open(&disk, "FULL").unwrap();
    db.execute("DELETE FROM numbers WHERE n > 3", ()).unwrap();
    disk.restores(&backup);
    assert!(db.execute("DELETE FROM numbers", ()).is_err(), "dead");
    drop(db);
    assert_eq!(last(&disk), NUMBERS);
    let clone = Disk::new(1);
    clone.restores(&backup);
    assert_eq!(last(&clone), NUMBERS);
}
