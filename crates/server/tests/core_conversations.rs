//! Stories of conversations: one order, races, repeats, grace, and who is not let in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod core_town;

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use core_town::{Group, START, Town, all_of, received, text};
use keyfold_server::Refusal;
use keyfold_server::seal::AddressKey;
use keyfold_server::store::Store;
use keyfold_server::store::memory::MemoryStore;
use keyfold_wire::ids::{Epoch, Sequence};
use keyfold_wire::limits::MAX_UNREACHABLE;
use keyfold_wire::roster::{self, RosterKey};
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, client_frame::Request};

stories![
    everybody_reads_the_same_in_the_same_order,
    exactly_one_of_two_racing_commits_wins,
    of_ten_that_race_each_gets_its_turn,
    a_repeat_appends_nothing,
    another_message_under_a_used_id_is_a_conflict,
    the_epoch_before_is_taken_for_a_minute,
    a_removed_member_s_epoch_ends_at_once,
    a_wrong_roster_key_opens_nothing,
    an_address_of_another_server_or_one_twice_is_refused,
    members_are_told_what_the_server_opened,
    who_joins_is_welcomed_and_reads_from_there_on,
    a_revoked_address_leads_nowhere,
    of_many_addresses_that_lead_nowhere_some_are_named,
    a_fallen_back_server_says_so,
    a_conversation_is_created_once,
];

async fn everybody_reads_the_same_in_the_same_order<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let mut live = bo.listens(0);
    assert!(all_of(&mut live).await.is_empty());
    let texts = ["meet at six", "where?", "at the wall"];
    for text in texts {
        group.says(&town, text).await.unwrap();
    }
    assert_eq!(ada.reads().await, texts);
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.extend(all_of(&mut live).await.iter().map(text));
    }
    assert_eq!(heard, texts);
    assert_eq!(
        bo.reads().await,
        texts,
        "what was pushed waits until it is acknowledged"
    );
    bo.core
        .acknowledge(&bo.device, Sequence(bo.sequences().await[1]));
    group.says(&town, "ok").await.unwrap();
    assert_eq!(bo.reads().await, ["at the wall", "ok"]);
    assert_eq!(ada.reads().await.len(), 4);
}

async fn exactly_one_of_two_racing_commits_wins<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    let (mut hers, mut his) = (group.clone(), group.clone());
    let (one, other) = (
        group.commit("hers", &group.roster),
        group.commit("his", &group.roster),
    );
    let (one, other) = tokio::join!(hers.commits(&town, one), his.commits(&town, other));
    let stale = Err(Refusal::Stale { current: Epoch(2) });
    assert!(one.is_ok() != other.is_ok(), "one wins");
    assert!(
        one == stale || other == stale,
        "the other is told where the conversation is"
    );
    assert_eq!(ada.reads().await.len(), 1);
    assert_eq!(ada.reads().await, bo.reads().await);
}

async fn of_ten_that_race_each_gets_its_turn<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let mut group = Group::of("climbing", &[&ada]).await;
    let mut waiting: Vec<usize> = (0..10).collect();
    while !waiting.is_empty() {
        let mut wins = Vec::new();
        let requests: Vec<_> = waiting
            .iter()
            .map(|who| {
                let name = format!("{who} at {}", group.epoch);
                let commit = group.commit(&name, &group.roster);
                let core = town.core.clone();
                tokio::spawn(async move { core_town::ask(&core, Request::Commit(commit)).await })
            })
            .collect();
        for (request, who) in requests.into_iter().zip(waiting.clone()) {
            match received(request.await.unwrap()) {
                Ok(_) => wins.push(who),
                Err(refusal) => {
                    let current = Epoch(group.epoch + 1);
                    assert_eq!(refusal, Refusal::Stale { current });
                }
            }
        }
        assert_eq!(wins.len(), 1, "in each round exactly one wins");
        waiting.retain(|who| *who != wins[0]);
        group.epoch += 1;
    }
    assert_eq!(ada.reads().await.len(), 10);
}

async fn a_repeat_appends_nothing<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada, &bo]).await;
    let before = group.clone();
    assert_eq!(group.says(&town, "six?").await, Ok(START.0));
    town.clock.advance(Duration::from_secs(1));
    let commit = group.commit("on", &group.roster);
    assert_eq!(
        group.commits(&town, commit.clone()).await,
        Ok(START.0 + 1_000)
    );
    town.clock.advance(Duration::from_hours(1));
    assert_eq!(
        before.says(&town, "six?").await,
        Ok(START.0),
        "though its epoch is long over"
    );
    assert_eq!(
        received(town.ask(Request::Commit(commit)).await),
        Ok(START.0 + 1_000)
    );
    let created = received(town.ask(Request::Create(before.create("climbing"))).await);
    assert_eq!(created, Ok(START.0));
    assert_eq!(bo.reads().await, ["six?", "on"]);
}

async fn another_message_under_a_used_id_is_a_conflict<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("climbing", &[&ada]).await;
    group.says(&town, "six").await.unwrap();
    let other = v1::Send {
        body: Bytes::from_static(b"seven"),
        ..group.send("six")
    };
    assert_eq!(
        received(town.ask(Request::Send(other)).await),
        Err(Refusal::Conflict)
    );
    let stale = v1::Send {
        epoch: 0,
        ..group.send("six")
    };
    assert_eq!(
        received(town.ask(Request::Send(stale)).await),
        Err(Refusal::Conflict)
    );
    let elsewhere = Group::of("chess", &[&ada]).await;
    assert!(
        elsewhere.says(&town, "six").await.is_ok(),
        "ids of other conversations are others"
    );
    assert_eq!(ada.reads().await, ["six", "six"]);
}

async fn the_epoch_before_is_taken_for_a_minute<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada, &bo]).await;
    let before = group.clone();
    let commit = group.commit("on", &group.roster);
    group.commits(&town, commit).await.unwrap();
    town.clock.advance(Duration::from_mins(1));
    assert!(before.says(&town, "just in time").await.is_ok());
    town.clock.advance(Duration::from_millis(1));
    let stale = Err(Refusal::Stale { current: Epoch(2) });
    assert_eq!(before.says(&town, "too late").await, stale);
    assert!(group.says(&town, "again").await.is_ok());
    assert_eq!(bo.reads().await, ["on", "just in time", "again"]);
}

async fn a_removed_member_s_epoch_ends_at_once<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada, &bo]).await;
    let before = group.clone();
    let removal = v1::Commit {
        removes: true,
        ..group.commit("without bo", &[ada.address(0)])
    };
    group.commits(&town, removal).await.unwrap();
    let stale = Err(Refusal::Stale { current: Epoch(2) });
    assert_eq!(before.says(&town, "wait").await, stale);
    group.says(&town, "alone").await.unwrap();
    assert_eq!(ada.reads().await, ["without bo", "alone"]);
    assert_eq!(
        bo.reads().await,
        ["without bo"],
        "the commit goes to the whole old roster"
    );
}

async fn a_wrong_roster_key_opens_nothing<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let mut group = Group::of("climbing", &[&ada]).await;
    let wrong = v1::Send {
        roster_key: Bytes::from_static(&[1; 32]),
        ..group.send("psst")
    };
    assert_eq!(
        received(town.ask(Request::Send(wrong)).await),
        Err(Refusal::Forbidden)
    );
    let wrong = group.commit("psst", &group.roster);
    let wrong = v1::Commit {
        roster_key: Bytes::from_static(&[1; 32]),
        ..wrong
    };
    assert_eq!(group.commits(&town, wrong).await, Err(Refusal::Forbidden));
    let nowhere = Group {
        handle: Bytes::from_static(&[1; 32]),
        ..group.clone()
    };
    assert_eq!(nowhere.says(&town, "psst").await, Err(Refusal::NotFound));
    assert!(ada.reads().await.is_empty());
    assert!(group.says(&town, "hello").await.is_ok());
}

async fn an_address_of_another_server_or_one_twice_is_refused<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let mut group = Group::of("climbing", &[&ada]).await;
    let mut forged = ada.address(1).to_vec();
    forged[20] ^= 1;
    let forged = Bytes::from(forged);
    let twice = [ada.address(0), ada.address(0)];
    for roster in [vec![ada.address(0), forged.clone()], twice.to_vec()] {
        let commit = group.commit("with a stranger", &roster);
        assert_eq!(
            group.commits(&town, commit).await,
            Err(Refusal::AddressInvalid)
        );
        let create = v1::Create {
            roster,
            handle: Bytes::from_static(&[9; 32]),
            ..group.create("new")
        };
        assert_eq!(
            received(town.ask(Request::Create(create)).await),
            Err(Refusal::AddressInvalid)
        );
    }
    for joiners in [vec![forged], twice.to_vec()] {
        let welcome = |address| v1::WelcomeItem {
            address,
            secrets: Bytes::from_static(b"x"),
        };
        let commit = v1::Commit {
            welcomes: joiners.into_iter().map(welcome).collect(),
            group_info: Bytes::from_static(b"y"),
            ..group.commit("with a stranger", &group.roster)
        };
        assert_eq!(
            group.commits(&town, commit).await,
            Err(Refusal::AddressInvalid)
        );
    }
    assert!(ada.reads().await.is_empty());
}

async fn members_are_told_what_the_server_opened<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada]).await;
    let next = [ada.address(0), bo.address(3)];
    let commit = group.commit("on", &next);
    group.commits(&town, commit).await.unwrap();
    let items = all_of(&mut ada.listens(0)).await;
    let Some(v1::item::Content::Message(message)) = &items[0].content else {
        panic!("no message")
    };
    let check = message.commit.as_ref().unwrap();
    let key = RosterKey::try_from(&group.key(2)[..]).unwrap();
    assert_eq!(check.roster_hash, roster::hash(&next)[..]);
    assert_eq!(check.roster_key_hash, roster::key_hash(&key)[..]);
    assert_eq!(
        (message.epoch, items[0].serial, items[0].received_ms),
        (1, ada.addresses[0].serial, START.0)
    );
}

async fn who_joins_is_welcomed_and_reads_from_there_on<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let mut group = Group::of("climbing", &[&ada]).await;
    group.says(&town, "before").await.unwrap();
    let welcome = v1::WelcomeItem {
        address: bo.address(1),
        secrets: Bytes::from_static(b"bo"),
    };
    let commit = v1::Commit {
        welcomes: vec![welcome],
        group_info: Bytes::from_static(b"the tree"),
        ..group.commit("with bo", &[ada.address(0), bo.address(1)])
    };
    group.commits(&town, commit).await.unwrap();
    group.says(&town, "hello bo").await.unwrap();
    assert_eq!(ada.reads().await, ["before", "with bo", "hello bo"]);
    assert_eq!(bo.reads().await, ["welcome bo", "hello bo"]);
    let items = all_of(&mut bo.listens(0)).await;
    assert!(
        items
            .iter()
            .all(|item| item.serial == bo.addresses[1].serial),
        "it came for his second address"
    );
    let Some(v1::item::Content::Welcome(welcome)) = &items[0].content else {
        panic!("no welcome")
    };
    assert_eq!(&welcome.group_info[..], b"the tree");
}

async fn a_revoked_address_leads_nowhere<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada, &bo]).await;
    group.says(&town, "one").await.unwrap();
    let serials = vec![bo.addresses[0].serial];
    bo.ask(Request::RevokeAddresses(v1::RevokeAddresses { serials }))
        .await
        .unwrap();
    let dropped = town.core.stats().dropped;
    let told = unreachable(&town, Request::Send(group.send("two"))).await;
    assert_eq!(told, [bo.address(0)], "who speaks hears of it");
    assert_eq!(town.core.stats().dropped, dropped + 1);
    let repeated = unreachable(&town, Request::Send(group.send("two"))).await;
    assert!(repeated.is_empty(), "once");
    let commit = group.commit("on", &group.roster);
    assert_eq!(
        unreachable(&town, Request::Commit(commit)).await,
        [bo.address(0)]
    );
    assert_eq!(bo.reads().await, ["one"]);
    assert_eq!(ada.reads().await, ["one", "two", "on"]);
}

/// The addresses that an accepted request is told to lead nowhere.
async fn unreachable<S: Store>(town: &Town<S>, request: Request) -> Vec<Bytes> {
    match town.ask(request).await.unwrap() {
        Content::Accepted(accepted) => accepted.unreachable,
        _ => panic!("not accepted"),
    }
}

async fn of_many_addresses_that_lead_nowhere_some_are_named<S: Store>(store: S) {
    let town = Town::new(store);
    let mut ada = town.person("ada").await;
    ada.take_addresses(u32::try_from(MAX_UNREACHABLE).unwrap() + 2)
        .await;
    let mut group = Group::of("climbing", &[&ada]).await;
    let addresses: Vec<Bytes> = (0..MAX_UNREACHABLE + 2)
        .map(|one| ada.address(one))
        .collect();
    let commit = group.commit("all of them", &addresses);
    group.commits(&town, commit).await.unwrap();
    for (count, number) in [
        (MAX_UNREACHABLE, "at it"),
        (MAX_UNREACHABLE + 1, "beyond it"),
    ] {
        let serials = ada.addresses[1..=count].iter().map(|one| one.serial);
        ada.ask(Request::RevokeAddresses(v1::RevokeAddresses {
            serials: serials.collect(),
        }))
        .await
        .unwrap();
        let told = unreachable(&town, Request::Send(group.send(number))).await;
        let told: HashSet<Bytes> = told.into_iter().collect();
        let revoked: HashSet<Bytes> = addresses[1..=count].iter().cloned().collect();
        assert_eq!(told.len(), MAX_UNREACHABLE, "{number}");
        assert!(told.is_subset(&revoked), "{number}");
    }
    // One that is not named at first is some time.
    let mut told = HashSet::new();
    for number in 0..200 {
        let request = Request::Send(group.send(&number.to_string()));
        told.extend(unreachable(&town, request).await);
    }
    assert_eq!(told.len(), MAX_UNREACHABLE + 1);
}

/// The server has been given another address key.
#[tokio::test]
async fn an_address_under_a_former_key_leads_nowhere() {
    let store = MemoryStore::new();
    let town = Town::new(store.clone());
    let ada = town.person("ada").await;
    let group = Group::of("climbing", &[&ada]).await;
    assert!(
        unreachable(&town, Request::Send(group.send("one")))
            .await
            .is_empty()
    );
    let other = Town::under(store, AddressKey::new(2, &[43; 32]));
    let told = unreachable(&other, Request::Send(group.send("two"))).await;
    assert_eq!(told, [ada.address(0)]);
}

async fn a_fallen_back_server_says_so<S: Store>(store: S) {
    let town = Town::new(store);
    let ada = town.person("ada").await;
    let group = Group::of("climbing", &[&ada]).await;
    let mut later = Group { epoch: 7, ..group };
    let ahead = Err(Refusal::Ahead { current: Epoch(1) });
    assert_eq!(later.says(&town, "hello").await, ahead);
    let commit = later.commit("on", &later.roster);
    assert_eq!(later.commits(&town, commit).await, ahead);
}

async fn a_conversation_is_created_once<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, bo) = (town.person("ada").await, town.person("bo").await);
    let group = Group::of("climbing", &[&ada]).await;
    let other = v1::Create {
        roster: vec![bo.address(0)],
        ..group.create("mine")
    };
    assert_eq!(
        received(town.ask(Request::Create(other)).await),
        Err(Refusal::Exists)
    );
    let same_id = v1::Create {
        roster: vec![bo.address(0)],
        ..group.create("climbing")
    };
    assert_eq!(
        received(town.ask(Request::Create(same_id)).await),
        Err(Refusal::Conflict)
    );
    group.says(&town, "mine").await.unwrap();
    assert_eq!((ada.reads().await.len(), bo.reads().await.len()), (1, 0));
}
