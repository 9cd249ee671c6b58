//! A device that the server does not know, and what waits on it.

use std::time::Duration;

use keyfold_engine::limits::UNKNOWN_PATIENCE;
use keyfold_engine::view::{Standing, State};
use keyfold_engine::{Answer, Command, Event};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;

use super::town::{Town, Who};
use super::{MINUTE, copy, puts_back, talks_on};

/// It tries to be greeted; whether it is said to be removed.
fn looks(town: &mut Town, who: Who) -> bool {
    town.comes_back(who);
    town.events(who).contains(&Event::DeviceRemoved)
}

fn last(town: &Town, who: Who, conversation: ConversationId) -> State {
    town.timeline(who, conversation).pop().unwrap().state
}

/// Ada's phone is put back to before it linked the laptop, and the request that adds it is gone. The laptop's clock was a day ahead.
#[test]
fn what_was_typed_on_a_device_that_nobody_adds_fails_after_half_an_hour() {
    let mut town = Town::on_disk(32);
    let [ada, bo] = town.people(["ada", "bo"]);
    let copy = copy(&town, ada, "copy.db");
    town.goes_offline(ada);
    let laptop = town.newcomer();
    town.people[laptop.0].skew = 24 * 3_600_000;
    let suites = Suite::ALL.to_vec();
    let Ok(Answer::LinkRequest(link_request)) = town.does(laptop, Command::RequestLink { suites })
    else {
        panic!("no link request");
    };
    let Ok(Answer::Certificate(certificate)) = town.does(ada, Command::AddDevice { link_request })
    else {
        panic!("no certificate");
    };
    let accept = Command::AcceptLink { certificate };
    town.does(laptop, accept).unwrap();
    let club = town.creates_group(laptop, "club", &[bo]);
    town.says(laptop, club, "is anybody there?");
    puts_back(&mut town, ada, &copy);
    town.people[laptop.0].skew = 0;
    assert!(!looks(&mut town, laptop));
    town.passes(UNKNOWN_PATIENCE.saturating_sub(MINUTE));
    assert!(!looks(&mut town, laptop));
    assert_eq!(last(&town, laptop, club), State::Waiting);
    town.passes(MINUTE * 2);
    assert!(looks(&mut town, laptop));
    assert_eq!(last(&town, laptop, club), State::Failed);
    let standing = town.shows(laptop, club).standing;
    assert!(matches!(standing, Standing::Failed(_)), "{standing:?}");
}

#[test]
fn what_waits_on_a_removed_device_fails_after_half_an_hour() {
    let mut town = Town::on_disk(33);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let club = town.creates_group(laptop, "club", &[ada, bo]);
    town.passes(MINUTE * 5);
    town.goes_offline(laptop);
    let device = town.me(laptop).device;
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.passes(MINUTE * 5);
    // Nothing is encrypted before this process is greeted, so the server can't have it.
    town.people[laptop.0].restarts();
    town.says(laptop, club, "written far away");
    let name = "the club".to_owned();
    let conversation = club;
    town.does(laptop, Command::Rename { conversation, name })
        .unwrap();
    assert!(looks(&mut town, laptop));
    assert_eq!(last(&town, laptop, club), State::Waiting);
    town.passes(UNKNOWN_PATIENCE);
    looks(&mut town, laptop);
    assert_eq!(last(&town, laptop, club), State::Failed);
    let failed = |event: &Event| matches!(event, Event::ChangeFailed(id, _) if *id == club);
    assert!(town.events(laptop).iter().any(failed));
    talks_on(&mut town, &[ada, bo], club);
}

/// The server has lost that the laptop was added, until ada's phone is back.
#[test]
fn what_waits_on_a_device_that_the_server_has_forgotten_is_sent_when_it_is_known_again() {
    let mut town = Town::on_disk(34);
    let [ada, bo] = town.people(["ada", "bo"]);
    let backup = town.store.backup();
    let laptop = town.links(ada, &Suite::ALL);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE * 5);
    for who in [ada, laptop] {
        town.goes_offline(who);
    }
    town.puts_server_back(&backup);
    town.says(laptop, club, "written meanwhile");
    assert!(looks(&mut town, laptop));
    town.passes(Duration::from_mins(10));
    assert_eq!(last(&town, laptop, club), State::Waiting);
    town.comes_back(ada);
    town.passes(MINUTE);
    town.comes_back(laptop);
    town.passes(MINUTE * 15);
    for who in [ada, bo, laptop] {
        assert_eq!(town.reads(who, club), ["written meanwhile"], "{who:?}");
    }
    talks_on(&mut town, &[ada, bo, laptop], club);
}
