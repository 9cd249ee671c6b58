//! Killed at any moment, and replies that never come: every message is there once, in one order, and nothing waits for ever.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::Command;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1::client_frame::Request as Body;
use rand::{Rng as _, SeedableRng as _};
use town::person::Loss;
use town::{Town, Who};

/// Everything that a device does: it registers, creates, is added, says, hears, commits, follows and catches up.
/// The first person is the one who may be killed; the others hear of nothing.
fn story(town: &mut Town, prepare: impl Fn(&mut Town, Who)) -> (Vec<Who>, ConversationId) {
    let ada = town.newcomer();
    prepare(town, ada);
    let register = Command::Register {
        handle: "ada".to_owned(),
        invitation: String::new(),
        suites: keyfold_protocol::suite::Suite::ALL.to_vec(),
    };
    town.does(ada, register).unwrap();
    town.settles();
    let [bo, cy] = town.people(["bo", "cy"]);
    let group = town.creates_group(ada, "climbing", &[bo]);
    town.says(ada, group, "one");
    town.settles();
    town.says(bo, group, "two");
    town.says(ada, group, "three");
    town.adds(ada, group, &[cy]);
    town.settles();
    let rename = Command::Rename {
        conversation: group,
        name: "summits".to_owned(),
    };
    town.does(ada, rename).unwrap();
    town.does(
        bo,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.says(ada, group, "four");
    town.says(cy, group, "five");
    town.settles();
    town.goes_offline(ada);
    town.says(ada, group, "six");
    town.says(bo, group, "seven");
    town.settles();
    town.does(
        cy,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    town.comes_back(ada);
    town.passes(Duration::from_mins(5));
    (vec![ada, bo, cy], group)
}

#[track_caller]
fn all_is_well(town: &Town, people: &[Who], group: ConversationId) {
    let [ada, bo, cy] = people else { panic!() };
    for who in [ada, bo] {
        let mut texts = town.reads(*who, group);
        texts.sort();
        assert_eq!(
            texts,
            ["five", "four", "one", "seven", "six", "three", "two"],
            "{who:?}"
        );
    }
    town.agree(&[*ada, *bo], group);
    let read = town.reads(*ada, group);
    let seen_by_cy = town.reads(*cy, group);
    assert!(seen_by_cy.len() >= 4, "{seen_by_cy:?}");
    assert_eq!(
        read[read.len() - seen_by_cy.len()..],
        seen_by_cy,
        "one order"
    );
    assert_eq!(town.shows(*ada, group).epoch, town.shows(*cy, group).epoch);
    assert_eq!(town.shows(*cy, group).name, "summits");
    let gaps = |who: Who| {
        let entries = town.timeline(who, group);
        entries
            .iter()
            .filter(|entry| matches!(entry.what, keyfold_engine::view::What::Gap(_)))
            .count()
    };
    assert_eq!((gaps(*ada), gaps(*bo)), (0, 0));
}

#[test]
fn killed_at_every_moment_of_a_conversation_nothing_is_lost_or_doubled() {
    let mut town = Town::on_disk(1);
    let (people, group) = story(&mut town, |_, _| {});
    all_is_well(&town, &people, group);
    let moments = town.people[people[0].0].moments;
    assert!(moments > 60, "only {moments} moments");
    for moment in 1..=moments {
        let mut town = Town::on_disk(1);
        let (people, group) = story(&mut town, |town, ada| {
            town.people[ada.0].dies_at = [moment].into();
        });
        let context = format!("killed at moment {moment} of {moments}");
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            all_is_well(&town, &people, group);
        }));
        assert!(result.is_ok(), "{context}");
    }
}

#[test]
fn killed_again_and_again_nothing_is_lost_or_doubled() {
    for seed in 0..8 {
        let mut town = Town::on_disk(seed);
        let (people, group) = story(&mut town, |town, ada| {
            let moments: Vec<u64> = (0..40).map(|_| town.rng.random_range(1..400)).collect();
            town.people[ada.0].dies_at = moments.into_iter().collect();
        });
        all_is_well(&town, &people, group);
    }
}

type Is = fn(&Body) -> bool;

const KINDS: [(&str, Is); 11] = [
    ("register", |body| matches!(body, Body::Register(_))),
    ("hello", |body| matches!(body, Body::Hello(_))),
    ("publish", |body| {
        matches!(body, Body::PublishKeyPackages(_))
    }),
    ("take addresses", |body| {
        matches!(body, Body::TakeAddresses(_))
    }),
    ("revoke", |body| matches!(body, Body::RevokeAddresses(_))),
    ("lookup", |body| matches!(body, Body::Lookup(_))),
    ("fetch", |body| matches!(body, Body::FetchKeyPackages(_))),
    ("create", |body| matches!(body, Body::Create(_))),
    ("send", |body| matches!(body, Body::Send(_))),
    ("commit", |body| matches!(body, Body::Commit(_))),
    ("everything", |_| true),
];

#[test]
fn a_lost_request_or_reply_of_any_kind_costs_nothing() {
    for loss in [Loss::Request, Loss::Reply] {
        for (name, is_kind) in KINDS {
            let mut town = Town::on_disk(3);
            let (people, group) = story(&mut town, |town, ada| {
                let mut dice = rand::rngs::StdRng::seed_from_u64(3);
                let mut times = 0;
                town.people[ada.0].loses = Some(Box::new(move |body| {
                    times += u32::from(is_kind(body));
                    // Three times in a row, then every second time or so.
                    if is_kind(body) && (times <= 3 || dice.random_ratio(1, 2)) {
                        loss
                    } else {
                        Loss::Nothing
                    }
                }));
            });
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                all_is_well(&town, &people, group);
            }));
            assert!(result.is_ok(), "{loss:?} of {name}");
        }
    }
}

#[test]
fn ten_devices_commit_and_talk_at_once_in_any_interleaving_and_converge() {
    const NAMES: [&str; 10] = [
        "ada", "bo", "cy", "di", "ed", "fy", "gus", "hal", "ida", "jo",
    ];
    for seed in 0..20 {
        let mut town = Town::new(seed);
        let everybody = town.people(NAMES);
        let group = town.creates_group(everybody[0], "race", &everybody[1..]);
        let before = town.shows(everybody[0], group).epoch.0;
        for who in everybody {
            town.does(
                who,
                Command::Update {
                    conversation: group,
                },
            )
            .unwrap();
            town.says(who, group, &format!("from {}", who.0));
        }
        // Single turns of anybody, replies lost now and then, and time that passes.
        for who in everybody {
            let mut dice = rand::rngs::StdRng::clone(&town.rng);
            for _ in 0..who.0 {
                dice.random::<u64>();
            }
            town.people[who.0].loses = Some(Box::new(move |_| match dice.random_range(0..12) {
                0 => Loss::Reply,
                1 => Loss::Request,
                _ => Loss::Nothing,
            }));
        }
        for _ in 0..60 {
            let who = everybody[town.rng.random_range(0..everybody.len())];
            town.turn(who);
            if town.rng.random_ratio(1, 8) {
                let late = everybody[town.rng.random_range(0..everybody.len())];
                town.people[late.0].disconnect();
            }
        }
        for who in everybody {
            town.people[who.0].loses = None;
        }
        town.settles();
        town.passes(Duration::from_secs(10));
        town.agree(&everybody, group);
        let mut read = town.reads(everybody[0], group);
        read.sort();
        let mut said: Vec<String> = everybody.map(|who| format!("from {}", who.0)).to_vec();
        said.sort();
        assert_eq!(read, said, "seed {seed}");
        let after = town.shows(everybody[0], group).epoch.0;
        assert!(after >= before + 10, "seed {seed}: each update took effect");
    }
}
