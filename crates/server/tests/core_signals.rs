//! Stories of signals: who hears them, in what order, and what is left of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod core_town;

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use core_town::{Group, Person, Town, all_of};
use keyfold_server::Refusal;
use keyfold_server::clock::ManualClock;
use keyfold_server::delivery::Feed;
use keyfold_server::seal::AddressKey;
use keyfold_server::store::Store;
use keyfold_server::store::memory::MemoryStore;
use keyfold_wire::ids::Epoch;
use keyfold_wire::limits::{MAX_SIGNALS_PER_PUSH, SIGNAL_BODY};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{Message as _, v1};

stories![
    everybody_hears_it_and_the_newest_alone_waits,
    it_comes_behind_the_items_before_it,
    what_was_not_acknowledged_comes_again,
    many_come_in_pages,
    a_former_epoch_is_not_signalled_to,
    who_has_no_key_signals_to_nobody,
    a_body_has_one_size_alone,
];

fn signal(group: &Group, place: u8, body: u8) -> v1::Signal {
    v1::Signal {
        handle: group.handle.clone(),
        epoch: group.epoch,
        roster_key: group.key(group.epoch),
        replace_key: Bytes::copy_from_slice(&[place; 32]),
        body: vec![body; SIGNAL_BODY].into(),
    }
}

async fn signals<S: Store>(town: &Town<S>, group: &Group, place: u8, body: u8) {
    let answer = town
        .ask(Request::Signal(signal(group, place, body)))
        .await
        .unwrap();
    assert!(matches!(answer, Content::Done(done) if done.now_ms == town_now(town)));
}

fn town_now<S: Store>(town: &Town<S>) -> u64 {
    use keyfold_server::clock::Clock as _;
    town.clock.now().0
}

/// The next frame, when it is here.
fn now<S: Store>(feed: &mut Feed<S, ManualClock>) -> Poll<Result<Content, Refusal>> {
    pin!(feed.next()).poll(&mut Context::from_waker(Waker::noop()))
}

/// The next signals that come: number, serial, first byte of the body.
async fn heard<S: Store>(feed: &mut Feed<S, ManualClock>) -> Vec<(u64, u64, u8)> {
    let Content::Signals(signals) = feed.next().await.unwrap() else {
        panic!("no signals")
    };
    let signals = signals.signals.into_iter();
    signals
        .map(|one| {
            assert_eq!(one.body.len(), SIGNAL_BODY);
            (one.number, one.serial, one.body[0])
        })
        .collect()
}

async fn connected<S: Store>(person: &Person<S>) -> Feed<S, ManualClock> {
    let mut feed = person.listens(0);
    all_of(&mut feed).await;
    feed
}

async fn everybody_hears_it_and_the_newest_alone_waits<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let mut ada_hears = connected(&ada).await;
    signals(&town, &group, 1, 1).await;
    assert_eq!(
        heard(&mut ada_hears).await,
        [(1, ada.addresses[0].serial, 1)]
    );
    signals(&town, &group, 2, 2).await;
    signals(&town, &group, 1, 3).await;
    let mut bo_hears = connected(&bo).await;
    let serial = bo.addresses[0].serial;
    assert_eq!(
        heard(&mut bo_hears).await,
        [(2, serial, 2), (3, serial, 3)],
        "who was away hears what was said last"
    );
    assert!(now(&mut bo_hears).is_pending());
    assert!(bo.sequences().await.is_empty(), "they are no items");
}

async fn it_comes_behind_the_items_before_it<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let mut bo_hears = connected(&bo).await;
    group.says(&town, "one").await.unwrap();
    signals(&town, &group, 1, 1).await;
    let mut later = bo.listens(0);
    for feed in [&mut bo_hears, &mut later] {
        let first = feed.next().await;
        if first == Err(Refusal::Conflict) {
            // The newer connection has taken over.
            continue;
        }
        assert!(matches!(first, Ok(Content::Deliveries(items)) if items.items.len() == 1));
        assert_eq!(heard(feed).await.len(), 1);
    }
}

async fn what_was_not_acknowledged_comes_again<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    signals(&town, &group, 1, 1).await;
    signals(&town, &group, 2, 2).await;
    let pushed = heard(&mut connected(&ada).await).await;
    assert_eq!(pushed.len(), 2);
    assert_eq!(heard(&mut connected(&ada).await).await, pushed);

    town.core.acknowledge_signals(&ada.device, pushed[0].0);
    // The next answer shows that it is stored.
    signals(&town, &group, 3, 3).await;
    let rest: Vec<u8> = heard(&mut connected(&ada).await)
        .await
        .iter()
        .map(|one| one.2)
        .collect();
    assert_eq!(rest, [2, 3]);
}

async fn many_come_in_pages<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    let count = u8::try_from(MAX_SIGNALS_PER_PUSH).unwrap() + 1;
    for place in 0..count {
        signals(&town, &group, place, place).await;
    }
    let mut feed = connected(&ada).await;
    assert_eq!(heard(&mut feed).await.len(), MAX_SIGNALS_PER_PUSH);
    assert_eq!(heard(&mut feed).await.len(), 1);
    assert!(now(&mut feed).is_pending());
    signals(&town, &group, 0, 77).await;
    assert_eq!(heard(&mut feed).await[0].2, 77);
}

async fn a_former_epoch_is_not_signalled_to<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada, &bo]).await;
    let early = signal(&group, 1, 1);
    let commit = group.commit("renew", &group.roster.clone());
    group.commits(&town, commit).await.unwrap();
    let current = Epoch(2);
    let stale = town.ask(Request::Signal(early)).await;
    assert!(stale == Err(Refusal::Stale { current }));
    group.epoch = 3;
    let ahead = town.ask(Request::Signal(signal(&group, 1, 1))).await;
    assert!(ahead == Err(Refusal::Ahead { current }));
    group.epoch = 2;
    signals(&town, &group, 1, 1).await;
    assert_eq!(heard(&mut connected(&bo).await).await.len(), 1);
}

async fn who_has_no_key_signals_to_nobody<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    let mut forged = signal(&group, 1, 1);
    forged.roster_key = Bytes::copy_from_slice(&[9; 32]);
    assert!(town.ask(Request::Signal(forged)).await == Err(Refusal::Forbidden));
    let mut elsewhere = signal(&group, 1, 1);
    elsewhere.handle = Bytes::copy_from_slice(&[9; 32]);
    assert!(town.ask(Request::Signal(elsewhere)).await == Err(Refusal::NotFound));
    assert!(now(&mut connected(&ada).await).is_pending());
}

async fn a_body_has_one_size_alone<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("notes", &[&ada]).await;
    for (size, refusal) in [
        (0, Refusal::Malformed),
        (SIGNAL_BODY - 1, Refusal::Malformed),
        (SIGNAL_BODY + 1, Refusal::TooLarge),
    ] {
        let mut other = signal(&group, 1, 1);
        other.body = vec![1; size].into();
        assert!(town.ask(Request::Signal(other)).await == Err(refusal));
    }
    for size in [31, 33] {
        let mut other = signal(&group, 1, 1);
        other.replace_key = vec![1; size].into();
        assert!(town.ask(Request::Signal(other)).await == Err(Refusal::Malformed));
    }
    signals(&town, &group, 1, 1).await;
}

/// What lies at the server for two devices that hear the same has nothing in common, and says nothing of where it came from.
#[tokio::test]
async fn copies_have_nothing_in_common_at_rest() {
    let store = MemoryStore::new();
    let key = AddressKey::new(1, &[42; 32]);
    let town = Town::under(store.clone(), key);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let before = store.everything();
    let sent = signal(&group, 7, 8);
    town.ask(Request::Signal(sent.clone())).await.unwrap();
    assert_eq!(store.census().signals, 2);
    let all = store.everything();
    let copies: Vec<_> = all.iter().filter(|one| !before.contains(one)).collect();
    assert_eq!(copies.len(), 2);
    let shares = |one: &[u8], other: &[u8]| {
        one.windows(8)
            .any(|window| other.windows(8).any(|other| other == window))
    };
    assert!(!shares(copies[0], copies[1]));
    for copy in copies {
        for part in [
            &sent.body,
            &sent.handle,
            &sent.roster_key,
            &sent.replace_key,
        ] {
            assert!(!shares(copy, part));
        }
    }
    assert_eq!(sent.encoded_len(), signal(&group, 1, 2).encoded_len());
}
