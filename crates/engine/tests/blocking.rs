//! Somebody is blocked: nothing of theirs is shown, in no conversation, and nobody else is any different.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::view::{Contact, Receipt};
use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId};
use town::{Town, Who};

fn blocks(town: &mut Town, who: Who, whom: Who) -> Result<Answer, Complaint> {
    let account = town.me(whom).account;
    town.does(who, Command::Block { account })
}

fn unblocks(town: &mut Town, who: Who, whom: Who) {
    let account = town.me(whom).account;
    town.does(who, Command::Unblock { account }).unwrap();
}

fn says(town: &mut Town, who: Who, conversation: ConversationId) -> Result<Answer, Complaint> {
    let text = "hello".to_owned();
    town.does(who, Command::Send { conversation, text })
}

/// Bo, as somebody knows him.
fn bo_of(town: &Town, who: Who) -> Contact {
    let contact = town.people[who.0].engine.contact("bo");
    contact.unwrap().unwrap()
}

#[test]
fn who_is_blocked_is_not_heard_and_does_not_notice() {
    let mut town = Town::new(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let talk = town.meets(ada, bo);
    let group = town.creates_group(ada, "hut", &[bo, cy]);
    town.says(bo, talk, "before");
    town.settles();
    town.passes(Duration::from_secs(30));
    blocks(&mut town, ada, bo).unwrap();
    assert!(bo_of(&town, ada).blocked);
    let blocked = town.people[ada.0].engine.blocked().unwrap();
    assert_eq!(blocked, [bo_of(&town, ada)]);
    let changed = Event::PersonChanged(town.me(bo).account);
    assert_eq!(town.events(ada).last(), Some(&changed));

    let show = Command::SetProfile {
        name: "Bo".to_owned(),
        about: String::new(),
        picture: None,
    };
    town.does(bo, show).unwrap();
    for where_to in [talk, group] {
        town.says(bo, where_to, "unheard");
    }
    town.says(cy, group, "heard");
    town.settles();
    town.passes(Duration::from_secs(30));
    assert_eq!(town.reads(ada, talk), ["before"]);
    // Nor do they hear that it has come.
    let told = town.timeline(bo, talk);
    let told: Vec<_> = told.iter().map(|entry| entry.receipt).collect();
    assert!(
        told.ends_with(&[Receipt::Delivered, Receipt::None]),
        "{told:?}"
    );
    assert_eq!(town.reads(ada, group), ["heard"], "and there is no gap");
    assert_eq!(bo_of(&town, ada).name, None);
    assert_eq!(town.shows(ada, group).unread, 1);
    assert_eq!(town.reads(bo, talk), ["before", "unheard"]);
    assert_eq!(town.reads(cy, group), ["unheard", "heard"]);

    assert_eq!(says(&mut town, ada, talk), Err(Complaint::Blocked));
    assert!(says(&mut town, ada, group).is_ok(), "others are there");
    let other = town.creates_group(bo, "elsewhere", &[ada, cy]);
    town.settles();
    let found = town.people[ada.0].engine.conversation(other).unwrap();
    assert!(found.is_none(), "they begin nothing here");
    assert!(
        town.people[cy.0]
            .engine
            .conversation(other)
            .unwrap()
            .is_some()
    );

    unblocks(&mut town, ada, bo);
    town.says(bo, talk, "after");
    town.says(bo, other, "and here");
    town.settles();
    assert_eq!(
        town.reads(ada, other),
        ["and here"],
        "it was here all along"
    );
    assert!(says(&mut town, ada, talk).is_ok());
    town.settles();
    assert_eq!(town.reads(ada, talk), ["before", "after", "hello"]);
    assert!(!bo_of(&town, ada).blocked);
    assert!(town.people[ada.0].engine.blocked().unwrap().is_empty());
}

#[test]
fn blocking_holds_offline_across_a_restart_and_for_all_devices_of_who_is_blocked() {
    let mut town = Town::on_disk(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(bo, &Suite::ALL);
    let talk = town.meets(ada, bo);
    town.settles();
    town.goes_offline(ada);
    town.says(bo, talk, "while away");
    town.says(tablet, talk, "from elsewhere");
    town.settles();
    blocks(&mut town, ada, bo).unwrap();
    town.people[ada.0].restarts();
    town.comes_back(ada);
    town.settles();
    assert!(town.reads(ada, talk).is_empty());
    unblocks(&mut town, ada, bo);
    town.says(tablet, talk, "here again");
    town.settles();
    assert_eq!(town.reads(ada, talk), ["here again"]);
}

#[test]
fn a_member_who_is_blocked_still_changes_what_all_agree_on() {
    let mut town = Town::new(3);
    let [ada, bo, cy, dee] = town.people(["ada", "bo", "cy", "dee"]);
    let group = town.creates_group(bo, "hut", &[ada, cy]);
    blocks(&mut town, ada, bo).unwrap();
    town.adds(bo, group, &[dee]);
    town.settles();
    town.says(ada, group, "welcome");
    town.settles();
    for who in [ada, bo, cy, dee] {
        assert_eq!(town.reads(who, group), ["welcome"]);
        assert_eq!(town.members(who, group).len(), 4);
    }
    // Taken out and added again by somebody who is blocked: it is not to be seen, until somebody else speaks.
    town.removes(bo, group, &[ada]);
    town.settles();
    town.adds(bo, group, &[ada]);
    town.says(bo, group, "unheard");
    town.settles();
    let seen = |town: &Town| town.people[ada.0].engine.conversation(group).unwrap();
    assert!(seen(&town).is_none());
    town.says(cy, group, "are you there?");
    town.settles();
    assert!(seen(&town).is_some());
    assert_eq!(town.reads(ada, group), ["welcome", "are you there?"]);
}

#[test]
fn what_somebody_began_while_they_were_blocked_is_found_when_they_are_not_any_more() {
    for seed in 10..14 {
        let mut town = Town::new(seed);
        let [ada, bo] = town.people(["ada", "bo"]);
        town.does(
            ada,
            Command::LookUp {
                handle: "bo".to_owned(),
            },
        )
        .unwrap();
        town.settles();
        blocks(&mut town, ada, bo).unwrap();
        let his = town.meets(bo, ada);
        town.says(bo, his, "unheard");
        town.settles();
        assert!(
            town.people[ada.0]
                .engine
                .conversations()
                .unwrap()
                .is_empty()
        );
        unblocks(&mut town, ada, bo);
        // Of two that were begun, either may be the one that goes on.
        let hers = town.meets(ada, bo);
        town.says(ada, hers, "hello");
        town.says(bo, his, "hello yourself");
        town.settles();
        assert_eq!(town.reads(ada, hers), ["hello", "hello yourself"]);
    }
}

#[test]
fn what_a_blocked_member_withholds_leaves_no_line() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(bo, talk, "before");
    town.settles();
    blocks(&mut town, ada, bo).unwrap();
    let lines = town.timeline(ada, talk).len();
    town.people[ada.0].bends_item = Some(Box::new(|item| item.content = None));
    town.says(bo, talk, "withheld");
    town.settles();
    town.people[ada.0].bends_item = None;
    town.says(bo, talk, "unheard");
    let timer = Command::SetTimer {
        conversation: talk,
        timer: Some(60),
    };
    town.does(bo, timer).unwrap();
    town.settles();
    assert_eq!(town.timeline(ada, talk).len(), lines);
    assert_eq!(
        town.shows(ada, talk).timer,
        Some(60),
        "it is agreed all the same"
    );
}

#[test]
fn nobody_blocks_themselves_or_somebody_unknown() {
    let mut town = Town::new(4);
    let [ada] = town.people(["ada"]);
    assert_eq!(blocks(&mut town, ada, ada), Err(Complaint::Oneself));
    let account = AccountId::new([9; 32]);
    let unknown = town.does(ada, Command::Block { account });
    assert!(matches!(unknown, Err(Complaint::NotThere(_))));
}
