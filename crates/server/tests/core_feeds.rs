//! Stories of connected devices: what they are told, when they fall behind, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod core_town;

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use core_town::{Group, Papers, START, Town, all_of, text};
use keyfold_server::clock::ManualClock;
use keyfold_server::delivery::Feed;
use keyfold_server::seal::AddressKey;
use keyfold_server::store::memory::MemoryStore;
use keyfold_server::store::report::{ReportId, ReportRecord};
use keyfold_server::store::{
    Account, Answer, Conversation, ConversationKey, FilePlace, FileRecord, MailboxState, OnceKey,
    Operation, Page, SignalPage, Store,
};
use keyfold_server::{Core, Device, Refusal, Settings};
use keyfold_wire::ids::{AccountId, MailboxId, Sequence, Timestamp};
use keyfold_wire::limits;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use tokio::sync::Notify;

stories![
    an_empty_mailbox_says_so_at_once,
    what_waits_comes_in_pages_and_then_what_is_new,
    who_falls_behind_reads_from_the_store_and_misses_nothing,
    a_newer_connection_takes_over,
    a_closing_server_ends_every_feed_after_the_last_answer,
    a_cancelled_wait_loses_nothing,
    a_sweep_says_when_to_come_again,
];

/// Polls once.
fn now<S: Store>(feed: &mut Feed<S, ManualClock>) -> Poll<Result<Content, Refusal>> {
    pin!(feed.next()).poll(&mut Context::from_waker(Waker::noop()))
}

async fn an_empty_mailbox_says_so_at_once<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let mut feed = ada.listens(0);
    let Ok(Content::Deliveries(first)) = feed.next().await else {
        panic!("no deliveries")
    };
    assert!(first.items.is_empty() && first.caught_up);
    assert!(now(&mut feed).is_pending());
    assert_eq!(town.core.stats().feeds, 1);
    drop(feed);
    assert_eq!(town.core.stats().feeds, 0);
}

async fn what_waits_comes_in_pages_and_then_what_is_new<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let count = limits::MAX_ITEMS_PER_PUSH + 10;
    for number in 0..count {
        group.says(&town, &number.to_string()).await.unwrap();
    }
    let mut feed = bo.listens(0);
    let Ok(Content::Deliveries(first)) = feed.next().await else {
        panic!("no deliveries")
    };
    assert_eq!(
        (first.items.len(), first.caught_up),
        (limits::MAX_ITEMS_PER_PUSH, false)
    );
    group.says(&town, "new").await.unwrap();
    let rest: Vec<_> = all_of(&mut feed).await.iter().map(text).collect();
    assert_eq!((rest.len(), rest.last().unwrap().as_str()), (11, "new"));
    let sequences = bo.sequences().await;
    let mut later = bo.listens(sequences[count - 1]);
    assert_eq!(
        all_of(&mut later).await.len(),
        1,
        "who has the rest gets the rest only"
    );
}

async fn who_falls_behind_reads_from_the_store_and_misses_nothing<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let mut feed = bo.listens(0);
    assert!(all_of(&mut feed).await.is_empty());
    let large = "x".repeat(limits::MAX_SEND_BODY - 8);
    let mut said = Vec::new();
    for number in 0..12 {
        said.push(format!("{large}{number}"));
        group.says(&town, &said[number]).await.unwrap();
    }
    let mut heard: Vec<String> = Vec::new();
    while heard.len() < said.len() {
        let Ok(Content::Deliveries(next)) = feed.next().await else {
            panic!("no deliveries")
        };
        let size: usize = next.items.iter().map(|item| text(item).len()).sum();
        assert!(size <= limits::MAX_PUSH_BYTES, "a push is bounded");
        heard.extend(next.items.iter().map(text));
    }
    assert!(heard == said);
    group.says(&town, "and now live again").await.unwrap();
    let Ok(Content::Deliveries(next)) = feed.next().await else {
        panic!("no deliveries")
    };
    assert_eq!(
        next.items.iter().map(text).collect::<Vec<_>>(),
        ["and now live again"]
    );
}

async fn a_newer_connection_takes_over<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    let (mut older, mut newer) = (ada.listens(0), ada.listens(0));
    assert_eq!(older.next().await.err(), Some(Refusal::Conflict));
    drop(older);
    assert!(all_of(&mut newer).await.is_empty());
    group.says(&town, "here").await.unwrap();
    assert_eq!(
        all_of(&mut newer).await.len(),
        1,
        "the end of the older one does not touch it"
    );
}

async fn a_closing_server_ends_every_feed_after_the_last_answer<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    let mut feed = ada.listens(0);
    assert!(all_of(&mut feed).await.is_empty());
    let last = tokio::spawn({
        let (core, send) = (town.core.clone(), group.send("last"));
        async move { core_town::ask(&core, Request::Send(send)).await.is_ok() }
    });
    while town.core.stats().waiting == 0 && !last.is_finished() {
        tokio::task::yield_now().await;
    }
    town.core.close();
    assert!(last.await.unwrap(), "what was taken is stored");
    assert_eq!(
        group.says(&town, "too late").await,
        Err(Refusal::Unavailable)
    );
    let ended = loop {
        if let Err(refusal) = feed.next().await {
            break refusal;
        }
    };
    assert_eq!(ended, Refusal::Unavailable);
}

async fn a_cancelled_wait_loses_nothing<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    group.says(&town, "one").await.unwrap();
    let mut feed = ada.listens(0);
    let mut heard = Vec::new();
    for number in 0..50 {
        if let Poll::Ready(Ok(Content::Deliveries(next))) = now(&mut feed) {
            heard.extend(next.items.iter().map(text));
        }
        group.says(&town, &number.to_string()).await.unwrap();
    }
    while heard.len() < 51 {
        let Ok(Content::Deliveries(next)) = feed.next().await else {
            panic!("no deliveries")
        };
        heard.extend(next.items.iter().map(text));
    }
    let said = ["one".to_owned()]
        .into_iter()
        .chain((0..50).map(|number| number.to_string()));
    assert!(said.eq(heard), "each once, in order");
}

async fn a_sweep_says_when_to_come_again<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    group.says(&town, "old").await.unwrap();
    assert_eq!(
        town.core.sweep().await,
        Ok(START.after(Duration::from_mins(1)))
    );
    town.clock
        .advance(limits::ITEM_RETENTION + Duration::from_millis(1));
    while town.core.sweep().await.unwrap() <= Timestamp(START.0) {}
    assert!(ada.reads().await.is_empty());
}

/// A store that, once told so, keeps its answer back when a batch is already durable.
struct Slow {
    inner: MemoryStore,
    holds: Arc<AtomicBool>,
    durable: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Store for Slow {
    async fn transact(&self, now: Timestamp, batch: Vec<Operation>) -> Vec<Answer> {
        let answers = self.inner.transact(now, batch).await;
        if self.holds.load(Ordering::SeqCst) {
            self.durable.notify_one();
            self.go_on.notified().await;
        }
        answers
    }

    async fn device(&self, token_hash: [u8; 32]) -> Result<Option<Device>, Refusal> {
        self.inner.device(token_hash).await
    }

    async fn mailbox(
        &self,
        mailbox: MailboxId,
        position: Sequence,
    ) -> Result<Option<MailboxState>, Refusal> {
        self.inner.mailbox(mailbox, position).await
    }

    async fn read(
        &self,
        mailbox: MailboxId,
        after: Sequence,
        max_items: usize,
        max_bytes: usize,
    ) -> Result<Page, Refusal> {
        self.inner.read(mailbox, after, max_items, max_bytes).await
    }

    async fn signals(
        &self,
        mailbox: MailboxId,
        after: u64,
        max: usize,
    ) -> Result<SignalPage, Refusal> {
        self.inner.signals(mailbox, after, max).await
    }

    async fn account_by_handle(&self, handle: &str) -> Result<Option<Account>, Refusal> {
        self.inner.account_by_handle(handle).await
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>, Refusal> {
        self.inner.account(account).await
    }

    async fn conversation(
        &self,
        key: ConversationKey,
    ) -> Result<Option<Arc<Conversation>>, Refusal> {
        self.inner.conversation(key).await
    }

    async fn accepted(
        &self,
        conversation: ConversationKey,
        once: OnceKey,
    ) -> Result<Option<Timestamp>, Refusal> {
        self.inner.accepted(conversation, once).await
    }

    async fn file(&self, place: FilePlace) -> Result<Option<FileRecord>, Refusal> {
        self.inner.file(place).await
    }

    async fn overdue_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(FilePlace, FileRecord)>, Refusal> {
        self.inner.overdue_files(now, limit).await
    }

    async fn reports(&self) -> Result<Vec<(ReportId, Timestamp)>, Refusal> {
        self.inner.reports().await
    }

    async fn report(&self, id: ReportId) -> Result<Option<ReportRecord>, Refusal> {
        self.inner.report(id).await
    }
}

#[tokio::test]
async fn what_was_read_in_the_store_is_not_pushed_as_well() {
    let (durable, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let holds = Arc::new(AtomicBool::new(false));
    let town = Town::new(Slow {
        inner: MemoryStore::new(),
        holds: Arc::clone(&holds),
        durable: Arc::clone(&durable),
        go_on: Arc::clone(&go_on),
    });
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    let mut feed = ada.listens(0);

    holds.store(true, Ordering::SeqCst);
    let (core, send) = (town.core.clone(), group.send("one"));
    let saying = tokio::spawn(async move { core_town::ask(&core, Request::Send(send)).await });
    durable.notified().await;
    let read: Vec<_> = all_of(&mut feed).await.iter().map(text).collect();
    assert_eq!(read, ["one"]);

    holds.store(false, Ordering::SeqCst);
    go_on.notify_one();
    assert!(saying.await.unwrap().is_ok());
    // The push of it comes before that of the next.
    group.says(&town, "two").await.unwrap();
    let pushed: Vec<_> = all_of(&mut feed).await.iter().map(text).collect();
    assert_eq!(pushed, ["two"]);
    assert!(now(&mut feed).is_pending());
}

#[tokio::test]
async fn a_full_queue_is_busy_and_what_waits_is_not_lost() {
    let clock = ManualClock::at(START);
    let settings = Settings {
        queue: 3,
        ..Settings::default()
    };
    let key = AddressKey::new(1, &[1; 32]);
    let (core, committer) = Core::new(MemoryStore::new(), clock, key, settings);
    let waiting: Vec<_> = ["ada", "bo", "cy"]
        .map(|name| {
            let (core, register) = (core.clone(), Papers::of(name).registration());
            tokio::spawn(async move { core.register(register).await.is_ok() })
        })
        .into_iter()
        .collect();
    while core.stats().waiting < 3 {
        tokio::task::yield_now().await;
    }
    let refused = core.register(Papers::of("dee").registration()).await.err();
    assert!(matches!(refused, Some(Refusal::Busy { retry_after }) if !retry_after.is_zero()));
    tokio::spawn(committer.run());
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert!(
        core.register(Papers::of("dee").registration())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_key_of_the_server_is_made_once_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("address.key");
    let target = keyfold_server::seal::Target {
        mailbox: keyfold_wire::ids::MailboxId::new([3; 16]),
        serial: keyfold_wire::ids::Serial(7),
    };
    let address = AddressKey::open_or_create(&path)
        .unwrap()
        .seal(target)
        .unwrap();
    assert!(address.len() <= limits::MAX_ADDRESS);
    assert_eq!(
        AddressKey::open_or_create(&path).unwrap().open(&address),
        Some(target)
    );
    assert_eq!(AddressKey::new(0, &[0; 32]).open(&address), None);
    for length in 0..address.len() {
        assert_eq!(
            AddressKey::open_or_create(&path)
                .unwrap()
                .open(&address[..length]),
            None
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    std::fs::write(&path, b"short").unwrap();
    assert!(AddressKey::open_or_create(&path).is_err());
    assert_eq!(
        std::fs::read(&path).unwrap(),
        b"short",
        "a damaged one is left as it is"
    );
}
