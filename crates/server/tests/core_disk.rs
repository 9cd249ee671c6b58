//! Stories of the disk: a crash, a copy, a full disk, damage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod core_town;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use core_town::{Group, Papers, Person, Town, received};
use keyfold_server::Refusal;
use keyfold_server::store::Store;
use keyfold_server::store::sqlite::{OpenError, SqliteStore};
use keyfold_wire::ids::{MailboxId, Sequence};
use keyfold_wire::v1::client_frame::Request;
use sha2::{Digest as _, Sha256};

fn file(folder: &Path) -> PathBuf {
    folder.join("keyfold.sqlite")
}

/// Copies the folder as a crash would leave it: nothing is closed, the write-ahead log is as it is.
fn crash(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), copy.path().join(name)).unwrap();
        }
    }
    copy
}

#[tokio::test]
async fn whatever_was_answered_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let town = Town::new(SqliteStore::open(&file(folder.path())).unwrap());
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada, &bo]).await;
    group.says(&town, "one").await.unwrap();
    let commit = group.commit("on", &group.roster);
    group.commits(&town, commit).await.unwrap();
    group.says(&town, "two").await.unwrap();
    let first = bo.sequences().await[0];
    bo.core.acknowledge(&bo.device, Sequence(first));
    group.says(&town, "three").await.unwrap();

    let copy = crash(folder.path());
    let again = Town::new(SqliteStore::open(&file(copy.path())).unwrap());
    let (device, greeting) = again.core.hello(bo.papers.hello(0)).await.unwrap();
    assert_eq!(device, bo.device);
    assert_eq!((greeting.acknowledged, greeting.known), (first, 0));
    let mut feed = again.core.subscribe(&device, Sequence(0));
    let texts: Vec<_> = core_town::all_of(&mut feed)
        .await
        .iter()
        .map(core_town::text)
        .collect();
    assert_eq!(texts, ["on", "two", "three"]);
    let repeated = received(again.ask(Request::Send(group.send("three"))).await);
    assert!(
        repeated.is_ok(),
        "the same request again is the same message"
    );
    assert!(group.says(&again, "four").await.is_ok());
    let texts: Vec<_> = core_town::all_of(&mut feed)
        .await
        .iter()
        .map(core_town::text)
        .collect();
    assert_eq!(
        texts,
        ["four"],
        "sequences and the epoch go on where they were"
    );
}

#[tokio::test]
async fn a_server_put_back_from_a_backup_gives_no_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let town = Town::new(SqliteStore::open(&file(folder.path())).unwrap());
    let (mut ada, mut bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    group.says(&town, "one").await.unwrap();
    let read = bo.sequences().await[0];
    bo.core.acknowledge(&bo.device, Sequence(read));
    group.says(&town, "two").await.unwrap();
    let kept = bo.sequences().await[0];
    let backup = crash(folder.path());

    // The server goes on for an hour, and all that is forgotten.
    town.clock.advance(HOUR);
    for text in ["three", "four", "five"] {
        group.says(&town, text).await.unwrap();
    }
    ada.take_addresses(200).await;
    bo.take_addresses(100).await;
    let sequences = bo.sequences().await;
    let [.., position] = sequences[..] else {
        panic!("four wait")
    };
    bo.core.acknowledge(&bo.device, Sequence(position));
    group.says(&town, "six").await.unwrap();
    let newest = ada.sequences().await[5];
    let given: HashSet<_> = serials(&ada).chain(serials(&bo)).collect();

    let again = Town::new(SqliteStore::open(&file(backup.path())).unwrap());
    again.clock.advance(HOUR);
    again.clock.advance(Duration::from_millis(1));
    let (device, greeting) = again.core.hello(bo.papers.hello(position)).await.unwrap();
    assert_eq!(device, bo.device);
    assert_eq!((greeting.acknowledged, greeting.known), (read, kept));
    let mut feed = again.core.subscribe(&device, Sequence(greeting.known));
    for text in ["seven", "eight"] {
        group.says(&again, text).await.unwrap();
    }
    let (_, later) = again.core.hello(bo.papers.hello(position)).await.unwrap();
    assert_eq!(
        later.known, kept,
        "what has come since makes the position no better known"
    );
    let heard = core_town::all_of(&mut feed).await;
    assert_eq!(
        heard.iter().map(core_town::text).collect::<Vec<_>>(),
        ["seven", "eight"],
        "a device that is ahead of the backup misses nothing that comes now"
    );
    assert!(heard.iter().all(|item| item.sequence > newest));

    let person = |one: Person<SqliteStore>| Person {
        core: again.core.clone(),
        addresses: Vec::new(),
        ..one
    };
    let (mut ada, mut bo) = (person(ada), person(bo));
    ada.take_addresses(200).await;
    bo.take_addresses(100).await;
    let since: HashSet<_> = serials(&ada).chain(serials(&bo)).collect();
    assert_eq!((given.len(), since.len()), (316, 300));
    assert!(given.is_disjoint(&since), "a serial was given twice");
}

const HOUR: Duration = Duration::from_hours(1);

/// Whose, and which.
fn serials<S: Store>(person: &Person<S>) -> impl Iterator<Item = (MailboxId, u64)> {
    let mailbox = person.device.mailbox;
    person
        .addresses
        .iter()
        .map(move |one| (mailbox, one.serial))
}

/// All bytes of a folder's files, the write-ahead log included.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap();
    files
        .flat_map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn a_copied_disk_shows_no_roster_no_handle_of_a_conversation_and_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let town = Town::new(SqliteStore::open(&file(folder.path())).unwrap());
    let (ada, bo) = (town.person("adalovelace").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada, &bo]).await;
    group.says(&town, "sealed body").await.unwrap();
    let commit = group.commit("sealed commit", &group.roster);
    group.commits(&town, commit).await.unwrap();
    let code = town.core.invite().await.unwrap();
    bo.core
        .acknowledge(&bo.device, Sequence(bo.sequences().await[0]));
    group.says(&town, "another").await.unwrap();

    let disk = all_bytes(folder.path());
    assert!(
        holds(&disk, b"sealed body"),
        "the search finds what is there"
    );
    assert!(holds(&disk, b"adalovelace"), "the directory knows handles");
    for address in ada.addresses.iter().chain(&bo.addresses) {
        assert!(!holds(&disk, &address.address), "an address in the clear");
    }
    let secrets = [
        group.handle.clone(),
        group.key(1),
        group.key(2),
        Bytes::from(code),
    ];
    for secret in secrets
        .iter()
        .map(|secret| &secret[..])
        .chain([&ada.papers.token[..]])
    {
        assert!(!holds(&disk, secret));
    }
    assert!(
        holds(&disk, &Sha256::digest(ada.papers.token)),
        "tokens lie hashed"
    );

    let db = rusqlite::Connection::open(file(folder.path())).unwrap();
    let places: i64 = db
        .query_row(
            "SELECT count(*) FROM accounts WHERE handle = 'adalovelace'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(places, 1);
    let linked: i64 = db
        .query_row(
            "SELECT count(*) FROM once JOIN bodies ON once.key = bodies.message_id \
             OR once.request = bodies.message_id OR once.hidden = bodies.received",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(linked, 0, "nothing leads from a conversation to what waits");
}

#[tokio::test]
async fn acknowledged_by_all_is_gone_from_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let town = Town::new(SqliteStore::open(&file(folder.path())).unwrap());
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    group.says(&town, "one").await.unwrap();
    let bodies = || -> i64 {
        let db = rusqlite::Connection::open(file(folder.path())).unwrap();
        db.query_row("SELECT count(*) FROM bodies", [], |row| row.get(0))
            .unwrap()
    };
    let one = ada.sequences().await[0];
    assert_eq!(bo.sequences().await, [one]);
    ada.core.acknowledge(&ada.device, Sequence(one));
    town.core.sweep().await.unwrap();
    assert_eq!(bodies(), 1, "one of two has it: it stays");
    bo.core.acknowledge(&bo.device, Sequence(one));
    town.core.sweep().await.unwrap();
    assert_eq!(bodies(), 0);
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_taken_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(SqliteStore::open(&file(folder.path())).unwrap());
    let town = Town::new(Shared(store.clone()));
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    group.says(&town, "before").await.unwrap();
    store.limit_bytes(0).await.unwrap();
    let long = "x".repeat(100_000);
    assert_eq!(group.says(&town, &long).await, Err(Refusal::Unavailable));
    assert_eq!(ada.reads().await, ["before"], "reading goes on");
    store.limit_bytes(1 << 40).await.unwrap();
    assert!(
        group.says(&town, &long).await.is_ok(),
        "with room again it is taken as new"
    );
    assert!(ada.reads().await == ["before", &long]);
    assert!(bo.reads().await == ["before", &long]);
}

#[tokio::test]
async fn one_that_does_not_fit_costs_only_itself_and_what_would_overtake_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(SqliteStore::open(&file(folder.path())).unwrap());
    let town = Town::new(Shared(store.clone()));
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    let other = Group::of("lists", &[&ada]).await;
    let pages: u64 = {
        let db = rusqlite::Connection::open(file(folder.path())).unwrap();
        let pages: i64 = db
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        pages.unsigned_abs()
    };
    store.limit_bytes((pages + 15) * 4_096).await.unwrap();
    let long = "x".repeat(120_000);
    let (small, large, behind, other) = tokio::join!(
        group.says(&town, "small"),
        group.says(&town, &long),
        group.says(&town, "behind"),
        other.says(&town, "other")
    );
    let full = Err(Refusal::Unavailable);
    assert_eq!((small.is_ok(), other.is_ok()), (true, true));
    assert_eq!((large, behind), (full, full));
    assert_eq!(town.core.stats().refused, 2);
    assert_eq!(ada.reads().await, ["small", "other"]);
}

/// A store that the test holds on to.
struct Shared(std::sync::Arc<SqliteStore>);

mod shared {
    use std::sync::Arc;

    use keyfold_server::store::report::{ReportId, ReportRecord};
    use keyfold_server::store::{
        Account, Answer, Conversation, ConversationKey, FilePlace, FileRecord, MailboxState,
        OnceKey, Operation, Page, SignalPage, Store,
    };
    use keyfold_server::{Device, Refusal};
    use keyfold_wire::ids::{AccountId, MailboxId, Sequence, Timestamp};

    impl Store for super::Shared {
        async fn transact(&self, now: Timestamp, batch: Vec<Operation>) -> Vec<Answer> {
            self.0.transact(now, batch).await
        }
        async fn device(&self, token_hash: [u8; 32]) -> Result<Option<Device>, Refusal> {
            self.0.device(token_hash).await
        }
        async fn mailbox(
            &self,
            mailbox: MailboxId,
            position: Sequence,
        ) -> Result<Option<MailboxState>, Refusal> {
            self.0.mailbox(mailbox, position).await
        }
        async fn read(
            &self,
            mailbox: MailboxId,
            after: Sequence,
            items: usize,
            bytes: usize,
        ) -> Result<Page, Refusal> {
            Store::read(&*self.0, mailbox, after, items, bytes).await
        }
        async fn signals(
            &self,
            mailbox: MailboxId,
            after: u64,
            max: usize,
        ) -> Result<SignalPage, Refusal> {
            self.0.signals(mailbox, after, max).await
        }

        async fn account_by_handle(&self, handle: &str) -> Result<Option<Account>, Refusal> {
            self.0.account_by_handle(handle).await
        }
        async fn account(&self, account: AccountId) -> Result<Option<Account>, Refusal> {
            self.0.account(account).await
        }
        async fn conversation(
            &self,
            key: ConversationKey,
        ) -> Result<Option<Arc<Conversation>>, Refusal> {
            self.0.conversation(key).await
        }
        async fn accepted(
            &self,
            conversation: ConversationKey,
            once: OnceKey,
        ) -> Result<Option<Timestamp>, Refusal> {
            self.0.accepted(conversation, once).await
        }

        async fn file(&self, place: FilePlace) -> Result<Option<FileRecord>, Refusal> {
            self.0.file(place).await
        }

        async fn overdue_files(
            &self,
            now: Timestamp,
            limit: u32,
        ) -> Result<Vec<(FilePlace, FileRecord)>, Refusal> {
            self.0.overdue_files(now, limit).await
        }

        async fn reports(&self) -> Result<Vec<(ReportId, Timestamp)>, Refusal> {
            self.0.reports().await
        }

        async fn report(&self, id: ReportId) -> Result<Option<ReportRecord>, Refusal> {
            self.0.report(id).await
        }
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path());
    {
        let town = Town::new(SqliteStore::open(&path).unwrap());
        for name in ["ada", "bo", "cy", "dee"] {
            let person = town.person(name).await;
            person
                .publishes(&[(1, false), (2, false), (3, true)])
                .await
                .unwrap();
        }
        town.core.close();
        while town
            .core
            .register(Papers::of("late").registration())
            .await
            .is_ok()
        {}
    }
    let whole = wait_for_close(&path).await;
    let mut damages = vec![b"this is no database at all, but long enough to be one".repeat(200)];
    let mut broken = whole.clone();
    for byte in &mut broken[4_096..20_000] {
        *byte ^= 0x5a;
    }
    damages.push(broken);
    damages.push(whole[..whole.len() / 2].to_vec());
    for damage in damages {
        let folder = tempfile::tempdir().unwrap();
        fs::write(file(folder.path()), &damage).unwrap();
        let refused = SqliteStore::open(&file(folder.path())).err().unwrap();
        assert!(matches!(refused, OpenError::Corrupt(_)), "{refused}");
        assert!(refused.to_string().contains("backup"), "{refused}");
        assert!(fs::read(file(folder.path())).unwrap() == damage);
    }
}

/// The bytes of the database once its owner has let go of it.
async fn wait_for_close(path: &Path) -> Vec<u8> {
    loop {
        if SqliteStore::open(path).is_ok() {
            return fs::read(path).unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_is_not_ours_or_too_new_or_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path());
    let store = SqliteStore::open(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::InUse(_))));
    drop(store);
    {
        let db = rusqlite::Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
    }
    let newer = SqliteStore::open(&path).err().unwrap();
    assert!(
        matches!(newer, OpenError::Newer { found: 99, .. }),
        "{newer}"
    );

    let foreign = folder.path().join("foreign.sqlite");
    let db = rusqlite::Connection::open(&foreign).unwrap();
    db.execute_batch("CREATE TABLE recipes (name TEXT)")
        .unwrap();
    drop(db);
    let before = fs::read(&foreign).unwrap();
    assert!(matches!(
        SqliteStore::open(&foreign),
        Err(OpenError::Foreign(_))
    ));
    assert!(fs::read(&foreign).unwrap() == before);

    let missing = folder.path().join("missing.sqlite");
    fs::write(folder.path().join("missing.sqlite-wal"), b"left over").unwrap();
    assert!(matches!(
        SqliteStore::open(&missing),
        Err(OpenError::Missing(_))
    ));
    assert!(!missing.exists());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
