//! The ways back: a group that moves, a device that is let in again, without anybody pressing anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "recovery/device.rs"]
mod device;
#[path = "recovery/parting.rs"]
mod parting;
#[path = "recovery/reached.rs"]
mod reached;
#[path = "recovery/server.rs"]
mod server;
mod town;
#[path = "recovery/unknown.rs"]
mod unknown;

use std::time::Duration;

use keyfold_engine::Event;
use keyfold_engine::view::{Standing, What};
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;
use town::{Town, Who};

const MINUTE: Duration = Duration::from_mins(1);

/// A group of three that has talked, on disks that can be copied.
fn town(seed: u64) -> (Town, [Who; 3], ConversationId) {
    let mut town = Town::on_disk(seed);
    let everybody = town.people(["ada", "bo", "cy"]);
    let [ada, bo, cy] = everybody;
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.says(ada, club, "one");
    town.says(bo, club, "two");
    town.passes(MINUTE * 5);
    town.agree(&everybody, club);
    (town, everybody, club)
}

fn is_active(town: &Town, who: Who, conversation: ConversationId) -> bool {
    town.shows(who, conversation).standing == Standing::Active
}

fn tells(
    town: &Town,
    who: Who,
    conversation: ConversationId,
    wanted: impl Fn(&What) -> bool,
) -> usize {
    let timeline = town.timeline(who, conversation);
    timeline.iter().filter(|entry| wanted(&entry.what)).count()
}

/// Everybody can talk, and reads the same from here on.
fn talks_on(town: &mut Town, everybody: &[Who], conversation: ConversationId) {
    for (number, who) in everybody.iter().enumerate() {
        assert!(
            is_active(town, *who, conversation),
            "{who:?}: {:?}",
            town.shows(*who, conversation).standing
        );
        town.says(*who, conversation, &format!("afterwards {number}"));
        town.settles();
    }
    town.passes(MINUTE * 5);
    let said: Vec<String> = (0..everybody.len())
        .map(|number| format!("afterwards {number}"))
        .collect();
    for who in everybody {
        let mut read = town.reads(*who, conversation);
        let read = read.split_off(read.len() - said.len());
        assert_eq!(read, said, "{who:?}");
        assert_eq!(
            town.people[who.0].engine.waiting().unwrap(),
            0,
            "{who:?} waits"
        );
    }
    let first = town.shows(everybody[0], conversation);
    for who in everybody {
        let shown = town.shows(*who, conversation);
        assert_eq!(
            (shown.epoch, shown.direct || shown.name == first.name),
            (first.epoch, true),
            "{who:?}"
        );
        let both = (
            town.members(*who, conversation),
            town.members(everybody[0], conversation),
        );
        assert_eq!(both.0, both.1);
    }
}

fn refusal(code: RefusalCode) -> v1::Refused {
    v1::Refused {
        code: code.into(),
        epoch: 1,
        retry_after_ms: 0,
    }
}

/// The server says so of whatever is asked about the handle that everybody is at now.
fn refuses(town: &mut Town, everybody: &[Who], code: RefusalCode) {
    let handle = town.people[everybody[0].0]
        .asked
        .iter()
        .rev()
        .find_map(|body| match body {
            Body::Send(send) => Some(send.handle.clone()),
            Body::Create(create) => Some(create.handle.clone()),
            _ => None,
        })
        .unwrap();
    for who in everybody {
        let handle = handle.clone();
        town.people[who.0].refuses = Some(Box::new(move |body| {
            let about = match body {
                Body::Send(send) => &send.handle,
                Body::Commit(commit) => &commit.handle,
                Body::Probe(probe) => &probe.handle,
                _ => return None,
            };
            (*about == handle).then(|| refusal(code))
        }));
    }
}

/// Puts a device back to how its database was.
fn puts_back(town: &mut Town, who: Who, copy: &std::path::Path) {
    let person = &mut town.people[who.0];
    person.line = None;
    person.file = Some(copy.to_owned());
    person.restarts();
}

fn copy(town: &Town, who: Who, name: &str) -> std::path::PathBuf {
    let file = town.people[who.0].file.clone().unwrap();
    let to = file.with_file_name(name);
    town::person::copy_database(&file, &to);
    to
}

#[test]
fn where_the_server_does_not_know_a_conversation_any_more_it_moves() {
    for code in [RefusalCode::NotFound, RefusalCode::Ahead] {
        let (mut town, everybody, club) = town(1);
        let [ada, bo, cy] = everybody;
        refuses(&mut town, &everybody, code);
        town.says(bo, club, "is anybody there?");
        town.settles();
        assert!(matches!(town.shows(bo, club).standing, Standing::Held(_)));
        town.passes(MINUTE * 5);
        for who in everybody {
            assert_eq!(
                town.reads(who, club),
                ["one", "two", "is anybody there?"],
                "{who:?}"
            );
            assert_eq!(
                tells(&town, who, club, |what| *what == What::Moved),
                1,
                "{who:?}"
            );
        }
        assert!(town.events(cy).contains(&Event::Moved(club)));
        talks_on(&mut town, &[ada, bo, cy], club);
        assert_eq!(town.people[ada.0].engine.conversations().unwrap().len(), 1);
    }
}

#[test]
fn two_who_move_at_once_end_in_one_place() {
    for seed in 1..6 {
        let (mut town, everybody, club) = town(seed);
        let [ada, bo, cy] = everybody;
        town.promotes(ada, club, bo, keyfold_protocol::state::Role::Admin);
        town.passes(MINUTE * 5);
        refuses(&mut town, &everybody, RefusalCode::NotFound);
        for who in everybody {
            town.says(who, club, &format!("from {}", who.0));
        }
        // Each is out of the others' reach until it has moved.
        town.settles();
        for who in [bo, cy] {
            town.goes_offline(who);
        }
        town.passes(Duration::from_secs(30));
        town.goes_offline(ada);
        town.people[bo.0].bends_item = Some(Box::new(|item| item.content = None));
        town.people[bo.0].online = true;
        town.passes(Duration::from_secs(30));
        town.people[bo.0].bends_item = None;
        for who in everybody {
            town.people[who.0].online = true;
        }
        town.passes(MINUTE * 10);
        for who in everybody {
            assert!(is_active(&town, who, club), "seed {seed} {who:?}");
        }
        let mut first = town.reads(ada, club);
        first.sort();
        assert_eq!(
            first,
            ["from 0", "from 1", "from 2", "one", "two"],
            "seed {seed}"
        );
        talks_on(&mut town, &[ada, cy], club);
    }
}
