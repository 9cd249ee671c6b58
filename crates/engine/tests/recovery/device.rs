//! A device that missed a change, was put back to an earlier state or is new comes into its conversations.

use std::time::Duration;

use keyfold_engine::limits::{SAY_AGAIN_MOST, UNKNOWN_PATIENCE};
use keyfold_engine::view::What;
use keyfold_engine::{Command, Event, Input};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;

use super::town::{Town, Who};
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
    let device = town.people[laptop.0].engine.me().unwrap().unwrap().device;
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.passes(MINUTE * 5);
    assert!(town.events(laptop).contains(&Event::DeviceRemoved));
    assert_eq!(town.shows(bo, club).members[0].devices, 1);
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

/// Bo is put back to before dee was removed. Nobody is there to tell him, so he moves the conversation, with dee. Nobody follows to there. Of the
/// club, dee is out again when the others come back. They are bo, his laptop, which follows him, and the others.
fn moves_alone(seed: u64) -> (Town, [Who; 5], ConversationId) {
    let mut town = Town::on_disk(seed);
    let people = town.people(["ada", "bo", "cy", "dee"]);
    let [ada, bo, cy, dee] = people;
    let laptop = town.links(bo, &Suite::ALL);
    let club = town.creates_group(ada, "club", &[bo, cy, dee]);
    town.says(bo, club, "from before");
    town.passes(MINUTE * 5);
    for who in [bo, laptop, dee] {
        town.goes_offline(who);
    }
    let copies = [(bo, "copy.db"), (laptop, "laptop.db")];
    let copies = copies.map(|(who, name)| (who, copy(&town, who, name)));
    for who in [bo, laptop] {
        town.comes_back(who);
    }
    town.removes(ada, club, &[dee]);
    town.says(ada, club, "without dee");
    town.passes(MINUTE * 5);
    for who in [ada, cy] {
        town.goes_offline(who);
    }
    for (who, copy) in copies {
        puts_back(&mut town, who, &copy);
    }
    for _ in 0..60 {
        town.passes(MINUTE);
    }
    for who in [bo, laptop] {
        assert!(town.events(who).contains(&Event::Moved(club)), "{who:?}");
    }
    (town, [ada, bo, cy, dee, laptop], club)
}

fn all_come_back(town: &mut Town, everybody: &[Who]) {
    for who in everybody {
        town.comes_back(*who);
        town.passes(MINUTE * 5);
    }
    town.passes(MINUTE * 10);
}

#[test]
fn what_was_said_where_nobody_follows_is_said_again_where_the_others_are() {
    let (mut town, [ada, bo, cy, dee, laptop], club) = moves_alone(5);
    town.says(bo, club, "first word alone");
    town.settles();
    town.says(laptop, club, "second word alone");
    town.passes(MINUTE);
    assert_eq!(town.people[bo.0].engine.waiting().unwrap(), 0);
    town.goes_offline(bo);
    town.says(bo, club, "third word");
    all_come_back(&mut town, &[ada, cy, dee, bo]);
    for who in [ada, bo, cy, laptop] {
        let read = town.reads(who, club);
        for text in ["first word alone", "second word alone", "third word"] {
            let times = read.iter().filter(|one| **one == text).count();
            assert_eq!(times, 1, "{who:?} {read:?}");
        }
        let place = |text: &str| read.iter().position(|one| one == text);
        assert!(place("first word alone") < place("third word"), "{read:?}");
        assert_eq!(town.members(who, club), ["ada", "bo", "cy"]);
        let gaps = tells(&town, who, club, |what| matches!(what, What::Gap(_)));
        assert_eq!(gaps, 0, "{who:?}");
    }
    assert!(
        !town
            .reads(dee, club)
            .iter()
            .any(|text| text.contains("alone"))
    );
    talks_on(&mut town, &[ada, bo, cy, laptop], club);
}

/// Meanwhile ada has added eve, who was not there.
#[test]
fn what_was_said_where_nobody_follows_is_not_said_to_who_was_not_there() {
    let (mut town, [ada, bo, cy, dee, laptop], club) = moves_alone(6);
    let [eve] = town.people(["eve"]);
    town.says(bo, club, "among us");
    town.passes(MINUTE);
    for who in [bo, laptop] {
        town.goes_offline(who);
    }
    town.comes_back(ada);
    town.adds(ada, club, &[eve]);
    all_come_back(&mut town, &[cy, dee, bo, laptop]);
    for who in [ada, cy, eve] {
        let read = town.reads(who, club);
        assert!(!read.contains(&"among us".to_owned()), "{who:?} {read:?}");
    }
    assert_eq!(town.members(bo, club), ["ada", "bo", "cy", "eve"]);
    talks_on(&mut town, &[ada, bo, cy, eve, laptop], club);
}

#[test]
fn not_more_is_said_again_than_the_limit() {
    for (said, again) in [
        (SAY_AGAIN_MOST, SAY_AGAIN_MOST),
        (SAY_AGAIN_MOST + 1, SAY_AGAIN_MOST),
    ] {
        let (mut town, [ada, bo, cy, dee, laptop], club) = moves_alone(7);
        for number in 0..said {
            town.says(bo, club, &format!("alone {number}"));
        }
        town.passes(MINUTE);
        town.goes_offline(bo);
        town.goes_offline(laptop);
        all_come_back(&mut town, &[ada, cy, dee, bo]);
        let read = town.reads(ada, club).into_iter();
        let read: Vec<String> = read.filter(|text| text.starts_with("alone")).collect();
        assert_eq!(read.len(), again);
        assert_eq!(read.last(), Some(&format!("alone {}", said - 1)));
    }
}
