//! Truncated, changed, random and oversized bytes wherever bytes come in.

use std::cell::RefCell;

use keyfold_engine::{Input, RequestId};
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{Message as _, limits, v1};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::town::copied::Copied;
use super::town::{Town, Who};
use super::{goes_on, sees};

/// What is done to bytes.
#[derive(Debug, Clone)]
enum Damage {
    Cut(usize),
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Replace(Vec<u8>),
    Twice,
}

impl Damage {
    fn strategy() -> impl Strategy<Value = Self> {
        prop_oneof![
            any::<usize>().prop_map(Self::Cut),
            (any::<usize>(), 1_u8..).prop_map(|(at, with)| Self::Flip(at, with)),
            (
                any::<usize>(),
                proptest::collection::vec(any::<u8>(), 1..40)
            )
                .prop_map(|(at, more)| Self::Insert(at, more)),
            proptest::collection::vec(any::<u8>(), 0..3_000).prop_map(Self::Replace),
            Just(Self::Twice),
        ]
    }

    fn done_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let place = |at: &usize, len: usize| at % len.max(1);
        match self {
            Self::Cut(at) => bytes.truncate(place(at, bytes.len())),
            Self::Flip(at, with) => {
                let at = place(at, bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= with;
                }
            }
            Self::Insert(at, more) => {
                let at = place(at, bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Replace(other) => bytes.clone_from(other),
            Self::Twice => bytes.extend_from_within(..),
        }
        bytes
    }
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// A group of three on disk, with everything that a server ever pushes recorded.
fn group() -> (Town, [Who; 3], ConversationId) {
    let mut town = Town::on_disk(1);
    let people = town.people(["ada", "bo", "eve"]);
    let [ada, bo, eve] = people;
    let group = town.creates_group(ada, "club", &[bo, eve]);
    town.says(ada, group, "hello");
    town.settles();
    (town, people, group)
}

#[test]
fn any_body_in_a_right_envelope_changes_nothing() {
    let (town, [ada, bo, eve], group) = group();
    let mut copied = Copied::of(&town.people[eve.0]);
    let genuine = copied.encrypts(group, b"not even content");
    let before = [ada, bo].map(|who| sees(&town, who, group));
    let state = RefCell::new((town, copied));
    runner(60)
        .run(&Damage::strategy(), |damage| {
            let (town, copied) = &mut *state.borrow_mut();
            let send = copied.sends(group, &damage.done_to(&genuine));
            town.asks(Body::Send(send)).unwrap();
            town.settles();
            for (who, before) in [ada, bo].into_iter().zip(&before) {
                prop_assert_eq!(&sees(town, who, group), before);
            }
            Ok(())
        })
        .unwrap();
    let (mut town, _) = state.into_inner();
    goes_on(&mut town, &[ada, bo, eve], group);
}

#[test]
fn any_item_whatever_its_kind_changes_nothing() {
    let (mut town, [ada, bo, eve], group) = group();
    town.does(
        ada,
        keyfold_engine::Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    let before = sees(&town, bo, group);
    let kinds = town.people[bo.0].recorded.clone();
    assert!(kinds.len() >= 3, "a welcome, a message, a commit");
    let case = (
        any::<prop::sample::Index>(),
        Damage::strategy(),
        0_u8..4,
        any::<u64>(),
    );
    let town = RefCell::new(town);
    runner(400)
        .run(&case, |(index, damage, part, number)| {
            let town = &mut *town.borrow_mut();
            let mut item = index.get(&kinds).clone();
            match (&mut item.content, part) {
                (Some(v1::item::Content::Message(message)), 0) => {
                    message.body = damage.done_to(&message.body).into();
                    message.epoch = before.shown.epoch.0;
                }
                (Some(v1::item::Content::Message(message)), 1) => {
                    message.message_id = damage.done_to(&message.message_id).into();
                    message.epoch = number;
                }
                (Some(v1::item::Content::Welcome(welcome)), 0) => {
                    welcome.secrets = damage.done_to(&welcome.secrets).into();
                }
                (Some(v1::item::Content::Welcome(welcome)), 1) => {
                    welcome.group_info = damage.done_to(&welcome.group_info).into();
                }
                (_, 2) => {
                    let bytes = damage.done_to(&item.encode_to_vec());
                    item = v1::Item::decode(bytes.as_slice()).unwrap_or_default();
                    item.serial ^= number;
                }
                _ => item.content = None,
            }
            let now = town.now();
            town.people[bo.0].slip_in(item, now);
            prop_assert_eq!(&sees(town, bo, group), &before);
            Ok(())
        })
        .unwrap();
    let mut town = town.into_inner();
    goes_on(&mut town, &[ada, bo, eve], group);
}

#[test]
fn a_body_over_every_limit_is_dropped() {
    let (mut town, [ada, bo, eve], group) = group();
    let before = sees(&town, bo, group);
    let mut item = town.people[bo.0].recorded.last().unwrap().clone();
    let Some(v1::item::Content::Message(message)) = &mut item.content else {
        panic!("no message");
    };
    message.body = vec![7; limits::MAX_COMMIT_BODY + 1].into();
    let now = town.now();
    town.people[bo.0].slip_in(item, now);
    assert_eq!(sees(&town, bo, group), before);
    goes_on(&mut town, &[ada, bo, eve], group);
}

/// Every answer a server can give.
fn replies(number: u64, bytes: &[u8]) -> Vec<Content> {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let code = i32::try_from(number % 24).unwrap();
    vec![
        Content::Refused(v1::Refused {
            code,
            epoch: 0,
            retry_after_ms: u32::MAX,
        }),
        Content::Greeting(v1::Greeting::default()),
        Content::Done(v1::Done::default()),
        Content::Addresses(v1::Addresses {
            addresses: vec![v1::Address {
                serial: number,
                address: bytes.clone(),
            }],
        }),
        Content::Account(v1::Account {
            account: bytes.clone(),
            handle: "bo".to_owned(),
            account_key: bytes.clone(),
            device_certificates: vec![bytes.clone()],
        }),
        Content::KeyPackages(v1::KeyPackages {
            devices: vec![v1::DeviceKeyPackage {
                device: bytes.clone(),
                key_package: bytes.clone(),
                last_resort: true,
            }],
        }),
        Content::Accepted(v1::Accepted {
            received_ms: number,
            unreachable: vec![bytes.clone(), bytes.clone()],
        }),
        Content::Deliveries(v1::Deliveries::default()),
        Content::Supply(v1::Supply {
            suites: vec![v1::SuiteSupply {
                suite: u32::MAX,
                one_time: u32::MAX,
                last_resort: false,
            }],
        }),
    ]
}

#[test]
fn answers_to_requests_that_were_never_made_change_nothing() {
    let (mut town, [ada, bo, eve], group) = group();
    let before = sees(&town, bo, group);
    let now = town.now();
    for number in 0..24 {
        for reply in replies(number, &[7; 32]) {
            let id = RequestId(1_000_000 + number);
            town.people[bo.0].apply(Input::Reply(id, reply), now);
        }
        town.people[bo.0].apply(Input::Lost(RequestId(u64::MAX - number)), now);
    }
    assert_eq!(sees(&town, bo, group), before);
    goes_on(&mut town, &[ada, bo, eve], group);
}

#[test]
fn answers_of_the_wrong_kind_or_full_of_noise_lose_nothing() {
    let kinds = replies(0, b"").len();
    for which in 1..kinds {
        let (mut town, [ada, bo, eve], group) = group();
        let mut count = 0_u64;
        town.people[bo.0].bends_reply = Some(Box::new(move |body, reply| {
            count += 1;
            let noise = replies(count % 3, &[9; 33]).remove(which);
            let fits = std::mem::discriminant(&noise) == std::mem::discriminant(reply);
            // Accepted is believed, and an address is an address: those lies the server can tell anyway.
            let lie = fits && matches!(noise, Content::Accepted(_) | Content::Addresses(_));
            let spoils = matches!(body, Body::Lookup(_) | Body::FetchKeyPackages(_)) && fits;
            let accepts = matches!(noise, Content::Accepted(_));
            if count % 2 == 1 && !lie && !spoils && !accepts {
                *reply = noise;
            }
        }));
        town.says(bo, group, "said in the noise");
        town.does(
            bo,
            keyfold_engine::Command::Rename {
                conversation: group,
                name: "noise".to_owned(),
            },
        )
        .unwrap_err();
        town.does(
            bo,
            keyfold_engine::Command::Update {
                conversation: group,
            },
        )
        .unwrap();
        let talk = town.meets(bo, eve);
        town.passes(std::time::Duration::from_secs(30));
        town.people[bo.0].bends_reply = None;
        town.passes(std::time::Duration::from_secs(700));
        town.says(bo, talk, "in another one");
        town.settles();
        town.passes(std::time::Duration::from_secs(5));
        assert_eq!(
            town.reads(ada, group).last().unwrap(),
            "said in the noise",
            "kind {which}"
        );
        assert_eq!(town.reads(eve, talk), ["in another one"], "kind {which}");
        assert_eq!(
            town.people[bo.0].engine.waiting().unwrap(),
            0,
            "kind {which}"
        );
        goes_on(&mut town, &[ada, bo, eve], group);
    }
}

#[test]
fn numbers_at_the_edge_of_the_wire_format_are_no_fault() {
    let (mut town, [ada, bo, eve], group) = group();
    let before = sees(&town, bo, group);
    let now = town.now();
    let item = town.people[bo.0].recorded.last().unwrap().clone();
    for number in [i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        let mut far = item.clone();
        far.serial = number;
        far.received_ms = number;
        town.people[bo.0].slip_in(far, now);
        let mut late = item.clone();
        if let Some(v1::item::Content::Message(message)) = &mut late.content {
            message.epoch = number;
        }
        late.received_ms = number;
        town.people[bo.0].slip_in(late, now);
    }
    for number in [i64::MAX as u64 + 1, u64::MAX] {
        let deliveries = v1::Deliveries {
            items: vec![v1::Item {
                sequence: number,
                ..item.clone()
            }],
            caught_up: false,
        };
        town.people[bo.0].apply(Input::Delivered(deliveries), now);
    }
    assert_eq!(sees(&town, bo, group), before);
    town.people[bo.0].bends_reply = Some(Box::new(|_, reply| {
        if let Content::Addresses(addresses) = reply {
            addresses.addresses.push(v1::Address {
                serial: u64::MAX,
                address: bytes::Bytes::from_static(b"far"),
            });
        }
    }));
    for _ in 0..3 {
        town.does(
            bo,
            keyfold_engine::Command::Update {
                conversation: group,
            },
        )
        .unwrap();
        town.settles();
    }
    goes_on(&mut town, &[ada, bo, eve], group);
}

#[test]
fn a_greeting_or_supply_of_any_numbers_is_no_fault() {
    let (mut town, [ada, bo, eve], group) = group();
    let now = town.now();
    for number in [0, 1, u64::MAX] {
        let supply = v1::Supply {
            suites: (0..5)
                .map(|suite| v1::SuiteSupply {
                    suite: suite * 0x27,
                    one_time: u32::try_from(number.min(u64::from(u32::MAX))).unwrap(),
                    last_resort: suite % 2 == 0,
                })
                .collect(),
        };
        town.people[bo.0].apply(Input::Supply(supply.clone()), now);
        let greeting = v1::Greeting {
            acknowledged: number,
            known: number,
            now_ms: number,
            supply: Some(supply),
            expired: number,
            mailbox: number.to_be_bytes().to_vec().into(),
        };
        town.people[bo.0].apply(Input::Connected(greeting), now);
        let refused = v1::Refused {
            code: i32::MAX,
            epoch: number,
            retry_after_ms: u32::MAX,
        };
        town.people[bo.0].apply(Input::TurnedAway(refused), now);
    }
    // It believes the server that one of them was put back, and finds its way back.
    town.people[bo.0].disconnect();
    town.passes(std::time::Duration::from_mins(5));
    goes_on(&mut town, &[ada, bo, eve], group);
}
