//! A device that missed a change, was put back to an earlier state or is new comes into its conversations.

use std::time::Duration;

use keyfold_engine::limits::UNKNOWN_PATIENCE;
use keyfold_engine::view::What;
use keyfold_engine::{Command, Event, Input};
use keyfold_protocol::suite::Suite;
use keyfold_wire::v1;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;

use super::town::Town;
use super::{MINUTE, copy, puts_back, refusal, talks_on, tells, town};

#[test]
fn a_device_that_missed_a_change_for_good_is_let_in_again() {
    let (mut town, everybody, club) = town(2);
    let [ada, bo, cy] = everybody;
    town.goes_offline(cy);
    town.does(
        ada,
        Command::Rename {
            conversation: club,
            name: "the club".to_owned(),
        },
    )
    .unwrap();
    town.says(ada, club, "cy will not get this");
    town.passes(Duration::from_hours(24 * 31));
    town.runtime.block_on(town.core.sweep()).unwrap();
    town.comes_back(cy);
    town.passes(MINUTE * 5);
    assert!(town.events(cy).contains(&Event::NotKept));
    assert!(town.events(cy).contains(&Event::Back(club)));
    assert_eq!(
        tells(&town, cy, club, |what| matches!(what, What::Back(_))),
        1
    );
    assert_eq!(
        tells(&town, cy, club, |what| matches!(
            what,
            What::MayBeMissing(_)
        )),
        1
    );
    for who in [ada, bo] {
        assert_eq!(
            tells(&town, who, club, |what| matches!(what, What::Returned(_))),
            1
        );
    }
    assert_eq!(town.reads(cy, club), ["one", "two"]);
    assert_eq!(town.shows(cy, club).name, "the club");
    talks_on(&mut town, &everybody, club);
}

/// The server speaks of a change that has not come. Whether it comes is seen after half a minute, though cy's clock is set back meanwhile.
#[test]
fn a_clock_set_back_does_not_put_off_that_a_missed_change_is_noticed() {
    let (mut town, everybody, club) = town(2);
    let [_, _, cy] = everybody;
    town.people[cy.0].skew = 24 * 3_600_000;
    let refused = v1::Refused {
        epoch: 1_000,
        ..refusal(RefusalCode::Stale)
    };
    town.people[cy.0].refuses = Some(Box::new(move |body| {
        matches!(body, Body::Send(_)).then_some(refused)
    }));
    town.says(cy, club, "three");
    town.passes(Duration::from_secs(5));
    town.people[cy.0].skew = 0;
    let now = town.now();
    town.people[cy.0].apply(Input::Tick, now);
    town.people[cy.0].refuses = None;
    town.passes(MINUTE * 5);
    assert!(town.events(cy).contains(&Event::Back(club)));
    talks_on(&mut town, &everybody, club);
}

#[test]
fn what_a_device_said_while_it_had_lost_its_place_is_said_when_it_is_back() {
    let (mut town, everybody, club) = town(3);
    let [ada, _, cy] = everybody;
    town.goes_offline(cy);
    town.does(ada, Command::Update { conversation: club })
        .unwrap();
    town.passes(Duration::from_hours(24 * 31));
    town.runtime.block_on(town.core.sweep()).unwrap();
    town.says(cy, club, "typed far away");
    town.comes_back(cy);
    town.passes(MINUTE * 5);
    for who in everybody {
        assert_eq!(
            town.reads(who, club),
            ["one", "two", "typed far away"],
            "{who:?}"
        );
    }
    talks_on(&mut town, &everybody, club);
}

#[test]
fn a_device_that_was_put_back_is_let_in_again_everywhere_and_says_nothing_twice() {
    let (mut town, everybody, club) = town(4);
    let [ada, bo, cy] = everybody;
    let talk = town.meets(bo, ada);
    town.passes(MINUTE * 5);
    town.goes_offline(bo);
    town.says(bo, club, "said before the copy");
    let copy = copy(&town, bo, "copy.db");
    town.comes_back(bo);
    town.says(bo, club, "said after the copy");
    town.says(ada, talk, "only between us");
    town.passes(MINUTE * 5);
    puts_back(&mut town, bo, &copy);
    town.passes(MINUTE * 5);
    assert!(town.events(bo).contains(&Event::RolledBack));
    for who in [ada, cy] {
        assert_eq!(
            town.reads(who, club),
            ["one", "two", "said before the copy", "said after the copy"],
            "{who:?}"
        );
    }
    assert_eq!(town.reads(bo, club), ["one", "two", "said before the copy"]);
    for conversation in [club, talk] {
        assert_eq!(
            tells(&town, bo, conversation, |what| matches!(
                what,
                What::Back(_)
            )),
            1
        );
    }
    talks_on(&mut town, &everybody, club);
    talks_on(&mut town, &[ada, bo], talk);
}

/// Ada is away when bo's device is put back, and it moves the conversation: it counts from where it was put back to, and ada has heard of it further than that.
#[test]
fn what_a_device_says_that_was_put_back_and_moved_the_conversation_is_shown() {
    let mut town = Town::on_disk(45);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    town.passes(MINUTE * 5);
    let copy = copy(&town, bo, "copy.db");
    for text in ["one", "two", "three"] {
        town.says(bo, talk, text);
    }
    town.passes(MINUTE * 5);
    town.goes_offline(ada);
    puts_back(&mut town, bo, &copy);
    town.passes(MINUTE * 30);
    assert!(town.events(bo).contains(&Event::Moved(talk)));
    town.comes_back(ada);
    town.passes(MINUTE * 5);
    assert_eq!(town.reads(ada, talk), ["one", "two", "three"]);
    talks_on(&mut town, &[ada, bo], talk);
}

#[test]
fn of_two_copies_of_a_device_one_goes_on_and_the_other_is_told() {
    let (mut town, everybody, club) = town(5);
    let [ada, bo, _] = everybody;
    let copy = copy(&town, bo, "copy.db");
    town.says(ada, club, "three");
    town.passes(MINUTE);
    // The copy is started beside the device.
    let twin = town.newcomer();
    puts_back(&mut town, twin, &copy);
    town.goes_offline(bo);
    town.comes_back(twin);
    town.passes(MINUTE * 5);
    assert!(town.events(twin).contains(&Event::RolledBack));
    town.comes_back(bo);
    town.passes(MINUTE * 5);
    assert!(town.events(bo).contains(&Event::DeviceRemoved));
    talks_on(&mut town, &[ada, twin, everybody[2]], club);
}

#[test]
fn a_device_that_was_just_linked_is_not_said_to_be_removed_while_its_request_is_under_way() {
    let mut town = Town::new(28);
    let [ada, bo] = town.people(["ada", "bo"]);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE);
    town.goes_offline(ada);
    let laptop = town.newcomer();
    let suites = keyfold_protocol::suite::Suite::ALL.to_vec();
    let Ok(keyfold_engine::Answer::LinkRequest(link_request)) =
        town.does(laptop, Command::RequestLink { suites })
    else {
        panic!("no link request");
    };
    let added = town.does(ada, Command::AddDevice { link_request });
    let Ok(keyfold_engine::Answer::Certificate(certificate)) = added else {
        panic!("no certificate");
    };
    town.does(laptop, Command::AcceptLink { certificate })
        .unwrap();
    let looks = |town: &mut Town| {
        town.comes_back(laptop);
        town.settles();
        town.events(laptop).contains(&Event::DeviceRemoved)
    };
    town.passes(UNKNOWN_PATIENCE.saturating_sub(MINUTE));
    assert!(!looks(&mut town));
    town.passes(MINUTE * 2);
    assert!(looks(&mut town));
    town.comes_back(ada);
    town.passes(MINUTE);
    town.comes_back(laptop);
    town.passes(MINUTE * 10);
    talks_on(&mut town, &[ada, bo, laptop], club);
}

#[test]
fn a_new_device_comes_into_conversations_that_begin_before_it_has_published_anything() {
    let mut town = Town::new(11);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.newcomer();
    let suites = keyfold_protocol::suite::Suite::ALL.to_vec();
    let Ok(keyfold_engine::Answer::LinkRequest(link_request)) =
        town.does(laptop, Command::RequestLink { suites })
    else {
        panic!("no link request");
    };
    let added = town.does(ada, Command::AddDevice { link_request });
    let Ok(keyfold_engine::Answer::Certificate(certificate)) = added else {
        panic!("no certificate");
    };
    town.settles();
    let talk = town.meets(bo, ada);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE);
    town.does(laptop, Command::AcceptLink { certificate })
        .unwrap();
    town.passes(MINUTE * 10);
    talks_on(&mut town, &[ada, bo, laptop], club);
    talks_on(&mut town, &[ada, bo, laptop], talk);
}

/// Ada's phone has not brought the laptop into the conversation yet when it is put back to before it had linked it.
#[test]
fn a_device_that_was_linked_in_the_time_that_is_lost_comes_in_with_the_one_that_was_put_back() {
    let mut town = Town::on_disk(47);
    let [ada, bo] = town.people(["ada", "bo"]);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE * 5);
    let copy = copy(&town, ada, "copy.db");
    town.people[ada.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::Commit(_)).then(|| refusal(RefusalCode::Busy))
    }));
    let laptop = town.links(ada, &Suite::ALL);
    town.says(bo, club, "where is the laptop?");
    town.passes(MINUTE);
    let engine = &town.people[laptop.0].engine;
    assert!(engine.conversation(club).unwrap().is_none());
    town.people[ada.0].refuses = None;
    puts_back(&mut town, ada, &copy);
    town.passes(MINUTE * 10);
    assert!(town.events(ada).contains(&Event::RolledBack));
    talks_on(&mut town, &[ada, laptop, bo], club);
    let device = town.me(laptop).device;
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.passes(MINUTE * 5);
    assert!(town.events(laptop).contains(&Event::DeviceRemoved));
    assert_eq!(town.shows(bo, club).members[0].devices, 1);
}

/// The server can't tell that ada's phone is put back to before it had linked the laptop: nothing had come to it since. It meets the laptop in
/// a conversation that this has begun.
#[test]
fn a_device_that_was_linked_in_the_time_that_is_lost_comes_in_where_it_is_met() {
    let mut town = Town::on_disk(50);
    let [ada, bo] = town.people(["ada", "bo"]);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE * 5);
    let copy = copy(&town, ada, "copy.db");
    town.people[ada.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::Commit(_)).then(|| refusal(RefusalCode::Busy))
    }));
    let laptop = town.links(ada, &Suite::ALL);
    town.goes_offline(ada);
    let attic = town.creates_group(laptop, "attic", &[bo]);
    town.people[ada.0].refuses = None;
    puts_back(&mut town, ada, &copy);
    town.comes_back(ada);
    town.passes(MINUTE * 5);
    assert!(!town.events(ada).contains(&Event::RolledBack));
    talks_on(&mut town, &[ada, laptop, bo], club);
    talks_on(&mut town, &[ada, laptop, bo], attic);
}

/// Ada's phone is put back to before it had linked the laptop, and bo is away: the laptop lets it in, and nothing moves.
#[test]
fn a_device_that_was_put_back_to_before_it_linked_another_is_let_in_by_that() {
    let mut town = Town::on_disk(49);
    let [ada, bo] = town.people(["ada", "bo"]);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE * 5);
    let copy = copy(&town, ada, "copy.db");
    let laptop = town.links(ada, &Suite::ALL);
    town.passes(MINUTE * 5);
    town.goes_offline(bo);
    puts_back(&mut town, ada, &copy);
    town.passes(MINUTE * 5);
    for who in [ada, laptop] {
        assert!(!town.events(who).contains(&Event::Moved(club)), "{who:?}");
    }
    assert!(town.events(ada).contains(&Event::Back(club)));
    town.comes_back(bo);
    talks_on(&mut town, &[ada, laptop, bo], club);
}

/// Bo is put back, and the server can't tell: he has acknowledged nothing since. What he did then comes to him as if somebody else had done it.
#[test]
fn a_change_of_its_own_that_a_device_does_not_know_shows_that_it_was_put_back() {
    let (mut town, everybody, club) = town(41);
    let [ada, bo, cy] = everybody;
    let copy = copy(&town, bo, "copy.db");
    town.does(bo, Command::Update { conversation: club })
        .unwrap();
    town.turn(bo);
    town.goes_offline(bo);
    town.says(ada, club, "bo can't read this");
    town.passes(MINUTE);
    puts_back(&mut town, bo, &copy);
    town.people[bo.0].events.clear();
    town.comes_back(bo);
    town.passes(MINUTE * 5);
    let events = town.events(bo);
    assert!(!events.contains(&Event::RolledBack));
    assert!(!events.contains(&Event::Moved(club)));
    assert!(events.contains(&Event::Back(club)));
    for who in [ada, cy] {
        assert_eq!(
            tells(&town, who, club, |what| matches!(what, What::Returned(_))),
            1,
            "{who:?}"
        );
    }
    talks_on(&mut town, &everybody, club);
}
