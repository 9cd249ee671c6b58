//! The engine's limits, each at the limit and one past it.

use keyfold_engine::limits::{
    INVITED_TWICE_AGAIN, MAX_ENCRYPTED_AHEAD, MAX_PARKED, MAX_REJECTED, MAX_WAITING,
};
use keyfold_engine::{Command, Complaint};
use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::MAX_TEXT;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;

use super::goes_on;
use super::town::copied::Copied;
use super::town::{Town, Who};

fn pair() -> (Town, [Who; 2], ConversationId) {
    let mut town = Town::on_disk(1);
    let people = town.people(["ada", "bo"]);
    let group = town.creates_group(people[0], "club", &people[1..]);
    town.says(people[0], group, "hello");
    town.settles();
    town.passes(std::time::Duration::from_mins(10));
    (town, people, group)
}

fn send(conversation: ConversationId, text: String) -> Command {
    Command::Send { conversation, text }
}

#[test]
fn a_text_of_the_largest_size_arrives_and_one_byte_more_is_refused() {
    let (mut town, [ada, bo], group) = pair();
    let largest = "é".repeat(MAX_TEXT / 2);
    assert_eq!(largest.len(), MAX_TEXT);
    town.says(ada, group, &largest);
    town.settles();
    assert_eq!(town.reads(bo, group).last(), Some(&largest));
    for actual in [0, MAX_TEXT + 1] {
        let refused = town.does(ada, send(group, "x".repeat(actual)));
        let limit = MAX_TEXT;
        assert_eq!(refused, Err(Complaint::TextSize { limit, actual }));
    }
    goes_on(&mut town, &[ada, bo], group);
}

#[test]
fn so_many_messages_wait_and_the_next_is_refused_and_all_go_out() {
    let (mut town, [ada, bo], group) = pair();
    town.goes_offline(ada);
    let most = MAX_ENCRYPTED_AHEAD + MAX_WAITING;
    for number in 0..most {
        town.does(ada, send(group, number.to_string())).unwrap();
    }
    let refused = town.does(ada, send(group, "one more".to_owned()));
    assert_eq!(refused, Err(Complaint::TooMuchWaiting(MAX_WAITING)));
    town.comes_back(ada);
    let read = town.reads(bo, group);
    assert_eq!(read.len(), most + 1);
    assert_eq!(read[1], "0");
    assert_eq!(read[most], (most - 1).to_string());
    goes_on(&mut town, &[ada, bo], group);
}

/// An item of an epoch that is not there yet.
fn early(town: &Town, who: Who, number: usize) -> v1::Item {
    let mut item = town.people[who.0].recorded.last().unwrap().clone();
    let Some(v1::item::Content::Message(message)) = &mut item.content else {
        panic!("no message");
    };
    message.epoch += 1_000;
    message.message_id = (number as u128).to_be_bytes().to_vec().into();
    item
}

/// The serial of the address of somebody's only conversation.
fn serial(town: &Town, who: Who) -> i64 {
    let copy = Copied::of(&town.people[who.0]);
    let select = "SELECT serial FROM conversation WHERE serial IS NOT NULL";
    copy.database
        .query_row(select, [], |row| row.get(0))
        .unwrap()
}

fn parked(town: &Town, who: Who) -> i64 {
    let copy = Copied::of(&town.people[who.0]);
    copy.database
        .query_row("SELECT count(*) FROM parked", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn so_many_early_items_are_kept_and_then_the_oldest_goes() {
    let (mut town, [ada, bo], group) = pair();
    let now = town.now();
    for number in 0..MAX_PARKED {
        let item = early(&town, bo, number);
        town.people[bo.0].slip_in(item, now);
    }
    assert_eq!(parked(&town, bo), 1_000);
    let item = early(&town, bo, MAX_PARKED);
    town.people[bo.0].slip_in(item, now);
    assert_eq!(parked(&town, bo), 1_000);
    goes_on(&mut town, &[ada, bo], group);
}

#[test]
fn a_flooded_address_is_replaced_after_so_many_items_that_do_not_open() {
    let (mut town, [ada, bo], group) = pair();
    let mut eve = Copied::of(&town.people[ada.0]);
    let address = |town: &Town| serial(town, bo);
    let before = address(&town);
    let commits = |town: &Town| {
        let asked = town.people[bo.0].asked.iter();
        asked.filter(|body| matches!(body, Body::Commit(_))).count()
    };
    let committed = commits(&town);
    for _ in 0..MAX_REJECTED {
        let noise = eve.sends(group, b"noise");
        town.asks(Body::Send(noise)).unwrap();
    }
    town.settles();
    assert_eq!(address(&town), before, "at the limit");
    assert_eq!(commits(&town), committed);
    let noise = eve.sends(group, b"noise");
    town.asks(Body::Send(noise)).unwrap();
    town.settles();
    assert_ne!(address(&town), before, "one past it");
    assert_eq!(commits(&town), committed + 1);
    town.passes(std::time::Duration::from_secs(200));
    assert!(
        town.people[bo.0]
            .asked
            .iter()
            .any(|body| matches!(body, Body::RevokeAddresses(revoke)
                if revoke.serials.contains(&u64::try_from(before).unwrap()))),
        "the old one is revoked"
    );
    goes_on(&mut town, &[ada, bo], group);
}

#[test]
fn an_invitation_to_the_address_of_a_conversation_has_that_replaced_once_a_day() {
    let (mut town, [ada, bo], group) = pair();
    let minutes = std::time::Duration::from_mins(5);
    let invites = |town: &mut Town| {
        let mut item = town.people[bo.0].recorded.last().unwrap().clone();
        item.serial = serial(town, bo).unsigned_abs();
        item.content = Some(v1::item::Content::Welcome(v1::Welcome::default()));
        let now = town.now();
        town.people[bo.0].slip_in(item, now);
        let before = serial(town, bo);
        town.passes(minutes);
        serial(town, bo) != before
    };
    assert!(invites(&mut town));
    assert!(!invites(&mut town), "again");
    town.passes(INVITED_TWICE_AGAIN.checked_sub(minutes * 3).unwrap());
    assert!(!invites(&mut town), "within a day");
    town.passes(minutes);
    assert!(invites(&mut town), "after a day");
    goes_on(&mut town, &[ada, bo], group);
}
