//! Whoever is a member by others' reckoning and does not know of it comes in when somebody speaks.

use std::time::Duration;

use keyfold_engine::limits::{REACH_AFTER, REACH_AGAIN, UPDATE_AFTER_JOIN};
use keyfold_engine::view::Standing;
use keyfold_engine::{Command, Event, Input};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;

use super::town::{Town, Who};
use super::{MINUTE, copy, is_active, puts_back, refusal, talks_on};

const DAY: Duration = Duration::from_hours(24);

fn knows(town: &Town, who: Who, conversation: ConversationId) -> bool {
    let engine = &town.people[who.0].engine;
    engine.conversation(conversation).unwrap().is_some()
}

/// By the first word his device learns that somebody thinks it is there, and says that the address leads nowhere; whoever says the next
/// hears of that.
fn speaks_twice(town: &mut Town, who: Who, conversation: ConversationId) {
    town.says(who, conversation, "where is bo?");
    town.settles();
    town.says(who, conversation, "he does not answer");
    town.passes(REACH_AFTER * 2 + MINUTE);
}

/// Bo has come in, under the address of a key package or one of his own, when he is put back to before that.
#[test]
fn who_was_put_back_to_before_a_conversation_comes_into_it_when_somebody_speaks() {
    for stays in [Duration::from_secs(1), UPDATE_AFTER_JOIN * 4] {
        let mut town = Town::on_disk(40);
        let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
        let copy = copy(&town, bo, "copy.db");
        let club = town.creates_group(ada, "club", &[bo, cy]);
        town.says(ada, club, "welcome");
        town.passes(stays);
        assert_eq!(town.reads(bo, club), ["welcome"]);
        puts_back(&mut town, bo, &copy);
        town.passes(MINUTE);
        assert!(!knows(&town, bo, club));
        town.says(ada, club, "where is bo?");
        town.settles();
        town.says(cy, club, "he does not answer");
        town.passes(REACH_AFTER * 2 + MINUTE);
        assert!(knows(&town, bo, club));
        assert!(town.reads(bo, club).is_empty());
        talks_on(&mut town, &[ada, bo, cy], club);
    }
}

/// A copy of bo's device has taken the invitation from the mailbox, and was turned away.
#[test]
fn what_only_a_copy_of_a_device_has_come_into_comes_to_the_other_when_somebody_speaks() {
    let mut town = Town::on_disk(41);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let copy = copy(&town, bo, "copy.db");
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(MINUTE);
    let twin = town.newcomer();
    puts_back(&mut town, twin, &copy);
    town.goes_offline(bo);
    town.comes_back(twin);
    town.passes(MINUTE * 5);
    assert!(town.events(twin).contains(&Event::RolledBack));
    assert!(!knows(&town, twin, club));
    speaks_twice(&mut town, cy, club);
    talks_on(&mut town, &[ada, twin, cy], club);
}

/// Bo's copy comes into a conversation by the key package of last resort by which only the other had come into another one, and its first change there
/// is none of its keys.
#[test]
fn what_only_a_copy_came_into_comes_though_another_conversation_came_by_the_same_key_package() {
    let mut town = Town::on_disk(46);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let copy = copy(&town, bo, "copy.db");
    town.goes_offline(bo);
    town.uses_up_key_packages(bo);
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.comes_back(bo);
    town.passes(Duration::from_secs(1));
    town.goes_offline(bo);
    town.uses_up_key_packages(bo);
    let second = town.creates_group(cy, "second", &[bo]);
    town.promotes(cy, second, bo, Role::Admin);
    town.settles();
    let twin = town.newcomer();
    puts_back(&mut town, twin, &copy);
    town.comes_back(twin);
    town.settles();
    assert!(town.events(twin).contains(&Event::RolledBack));
    assert!(knows(&town, twin, second));
    let rename = Command::Rename {
        conversation: second,
        name: "the second".to_owned(),
    };
    town.does(twin, rename).unwrap();
    town.passes(MINUTE * 5);
    assert_eq!(town.shows(cy, second).name, "the second");
    assert!(!knows(&town, twin, club));
    speaks_twice(&mut town, cy, club);
    talks_on(&mut town, &[ada, twin, cy], club);
}

/// The server has lost that bo left, and that his address leads nowhere; his device says so again.
#[test]
fn who_left_unheard_is_a_member_again_for_all_or_for_none() {
    let mut town = Town::on_disk(42);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(MINUTE * 5);
    for who in [ada, cy] {
        town.goes_offline(who);
    }
    let backup = town.store.backup();
    let leave = Command::Leave { conversation: club };
    town.does(bo, leave).unwrap();
    town.passes(MINUTE);
    assert_eq!(town.shows(bo, club).standing, Standing::Left);
    town.puts_server_back(&backup);
    for who in [ada, bo, cy] {
        town.comes_back(who);
    }
    town.passes(MINUTE * 10);
    speaks_twice(&mut town, ada, club);
    assert_eq!(
        is_active(&town, bo, club),
        town.members(ada, club).contains(&"bo".to_owned())
    );
    talks_on(&mut town, &[ada, bo, cy], club);
}

/// Bo's laptop is gone from the directory, and his phone cannot take it out of the group yet: it is looked up now and then, and none of the phone's
/// key packages are used up for it.
#[test]
fn who_cannot_be_invited_again_is_not_asked_for_with_each_word() {
    let mut town = Town::new(43);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(bo, &Suite::ALL);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE * 5);
    let device = town.me(laptop).device;
    town.people[bo.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::Commit(_)).then(|| refusal(RefusalCode::Busy))
    }));
    town.does(bo, Command::RemoveDevice { device }).unwrap();
    town.passes(MINUTE);
    assert!(town.events(laptop).contains(&Event::DeviceRemoved));
    let asked = |town: &Town, kind: fn(&Body) -> bool| {
        let asked = town.people[ada.0].asked.iter();
        asked.filter(|body| kind(body)).count()
    };
    let looks = |town: &Town| asked(town, |body| matches!(body, Body::Lookup(_)));
    let fetches = |town: &Town| asked(town, |body| matches!(body, Body::FetchKeyPackages(_)));
    let before = (looks(&town), fetches(&town));
    let words = REACH_AGAIN.as_secs() / 30;
    for number in 0..words {
        town.says(ada, club, &number.to_string());
        town.passes(Duration::from_secs(30));
    }
    assert_eq!((looks(&town), fetches(&town)), (before.0 + 1, before.1));
    town.says(ada, club, "still there?");
    town.passes(REACH_AFTER * 2 + MINUTE);
    assert_eq!((looks(&town), fetches(&town)), (before.0 + 2, before.1));
    town.people[bo.0].refuses = None;
    town.passes(MINUTE * 10);
    talks_on(&mut town, &[ada, bo], club);
}

/// The server was put back while ada is away, and hands out a key package of hers again by which she has come into another group.
#[test]
fn who_is_invited_by_a_used_key_package_comes_in_when_somebody_speaks() {
    for stays in [Duration::from_secs(1), UPDATE_AFTER_JOIN * 4] {
        let mut town = Town::new(44);
        let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
        town.passes(MINUTE);
        let backup = town.store.backup();
        town.creates_group(bo, "first", &[ada]);
        town.passes(stays);
        town.goes_offline(ada);
        town.forgets(&backup);
        let second = town.creates_group(cy, "second", &[ada]);
        town.passes(MINUTE);
        town.comes_back(ada);
        town.passes(MINUTE * 10);
        assert!(!knows(&town, ada, second));
        speaks_twice(&mut town, cy, second);
        talks_on(&mut town, &[ada, cy], second);
    }
}

/// Whoever is not back yet after the server was put back is invited by a key package that was not used.
#[test]
fn who_has_not_come_since_the_server_was_put_back_is_invited_all_the_same() {
    let mut town = Town::new(45);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    town.passes(MINUTE);
    let backup = town.store.backup();
    town.creates_group(bo, "first", &[ada]);
    town.passes(MINUTE);
    town.goes_offline(ada);
    town.puts_server_back(&backup);
    let second = town.creates_group(cy, "second", &[ada]);
    town.says(cy, second, "come in");
    town.passes(MINUTE);
    town.comes_back(ada);
    town.passes(MINUTE);
    assert_eq!(town.reads(ada, second), ["come in"]);
    talks_on(&mut town, &[ada, cy], second);
}

/// Bo is invited while he is away, and comes back when the server has not kept that.
#[test]
fn who_was_invited_and_away_for_too_long_comes_in_when_somebody_speaks() {
    let mut town = Town::on_disk(47);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    town.goes_offline(bo);
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.says(ada, club, "welcome");
    town.passes(DAY * 31);
    town.runtime.block_on(town.core.sweep()).unwrap();
    town.comes_back(bo);
    town.passes(MINUTE * 5);
    assert!(!knows(&town, bo, club));
    speaks_twice(&mut town, ada, club);
    assert!(town.reads(bo, club).is_empty());
    talks_on(&mut town, &[ada, bo, cy], club);
}

/// While bo is away his device replaces its key packages, and the directory does not hear of that: it hands the former ones out.
#[test]
fn who_is_away_for_long_is_invited_by_key_packages_that_still_open() {
    let mut town = Town::on_disk(48);
    let [ada, bo] = town.people_speaking(["ada", "bo"], &[Suite::Classic]);
    town.goes_offline(bo);
    let ticks = |town: &mut Town| {
        let now = town.now();
        town.people[bo.0].apply(Input::Tick, now);
    };
    for days in [8, 31, 1] {
        town.passes(DAY * days);
        ticks(&mut town);
    }
    let club = town.creates_group(ada, "club", &[bo]);
    town.says(ada, club, "welcome");
    town.settles();
    ticks(&mut town);
    // Another invitation by such a one comes after the directory has others.
    town.people[ada.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::Create(_)).then(|| refusal(RefusalCode::Busy))
    }));
    let second = town.creates_group(ada, "second", &[bo]);
    town.comes_back(bo);
    assert_eq!(town.reads(bo, club), ["welcome"]);
    for _ in 0..2 {
        ticks(&mut town);
        town.passes(MINUTE);
    }
    assert!(!knows(&town, bo, second));
    town.people[ada.0].refuses = None;
    town.passes(MINUTE * 10);
    for conversation in [club, second] {
        talks_on(&mut town, &[ada, bo], conversation);
    }
}
