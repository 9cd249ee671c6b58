//! Signals in groups: where people tell by themselves, where they are asked, and where nobody is.

use std::time::Duration;

use keyfold_engine::limits::{MAX_LIVELY, READ_BY_AGAIN, READ_BY_WITHIN};
use keyfold_engine::view::Receipt;
use keyfold_engine::{Command, Complaint};
use keyfold_wire::ids::ConversationId;

use crate::town::{Town, Who};

/// A group of so many people, of whom the first three are told.
fn group_of(town: &mut Town, people: usize) -> ([Who; 3], ConversationId) {
    let three = town.people(["ada", "bo", "cy"]);
    let mut others: Vec<Who> = three[1..].to_vec();
    for number in 3..people {
        let name: &'static str = Box::leak(format!("person{number}").into_boxed_str());
        others.extend(town.people([name]));
    }
    let group = town.creates_group(three[0], "village", &others);
    for who in &three[1..] {
        town.says(*who, group, "glad to be here");
    }
    town.settles();
    town.says(three[0], group, "the fair is on sunday");
    town.settles();
    (three, group)
}

fn asks(town: &mut Town, who: Who, group: ConversationId) -> Result<(), Complaint> {
    let message = town.last_message(who, group);
    let ask = Command::AskReadBy {
        conversation: group,
        message,
    };
    let asked = town.does(who, ask).map(drop);
    town.settles();
    town.passes(READ_BY_WITHIN);
    asked
}

/// Who has read the last message, as far as somebody knows.
fn read_by(town: &Town, who: Who, group: ConversationId) -> Vec<String> {
    let message = town.last_message(who, group);
    let engine = &town.people[who.0].engine;
    let told = engine.read_by(group, &message).unwrap().unwrap();
    let read = told.into_iter().filter(|one| one.receipt == Receipt::Read);
    read.map(|one| one.contact.handle).collect()
}

#[test]
fn in_a_large_group_only_who_is_asked_tells() {
    let mut town = Town::new(31);
    let ([ada, bo, cy], group) = group_of(&mut town, MAX_LIVELY + 1);
    town.passes(Duration::from_mins(10));
    let before: Vec<usize> = [ada, bo, cy].map(|who| town.signalled(who)).to_vec();
    town.has_read(bo, group);
    town.types(bo, group, true);
    town.passes(Duration::from_secs(20));
    let after: Vec<usize> = [ada, bo, cy].map(|who| town.signalled(who)).to_vec();
    assert_eq!(after, before, "nobody tells unasked");
    assert!(town.typing(ada, group).is_empty());
    assert!(read_by(&town, ada, group).is_empty());

    town.goes_offline(cy);
    asks(&mut town, ada, group).unwrap();
    assert_eq!(read_by(&town, ada, group), ["bo"]);
    assert!(
        read_by(&town, bo, group).is_empty(),
        "only who asks hears the answers"
    );
    // Asked again at once, nobody answers again.
    let answered = town.signalled(bo);
    asks(&mut town, ada, group).unwrap();
    assert_eq!(town.signalled(bo), answered);
    town.passes(READ_BY_AGAIN);
    asks(&mut town, ada, group).unwrap();
    assert_eq!(town.signalled(bo), answered + 1);
}

#[test]
fn in_a_group_of_so_many_people_tell_unasked() {
    let mut town = Town::new(32);
    let ([ada, bo, _], group) = group_of(&mut town, MAX_LIVELY);
    town.has_read(bo, group);
    town.passes(Duration::from_secs(10));
    assert_eq!(read_by(&town, ada, group), ["bo"]);
    town.types(bo, group, true);
    assert_eq!(town.typing(ada, group), ["bo"]);
}

#[test]
fn who_does_not_tell_does_not_ask_and_two_people_need_not() {
    let mut town = Town::new(33);
    let ([ada, bo, _], group) = group_of(&mut town, 3);
    town.sets(ada, |privacy| privacy.receipts = false);
    assert_eq!(asks(&mut town, ada, group), Err(Complaint::ReceiptsOff));
    town.sets(ada, |privacy| privacy.receipts = true);
    let talk = town.creates(ada, &["bo".to_owned()], None, None);
    town.says(ada, talk, "hello");
    town.settles();
    assert_eq!(asks(&mut town, ada, talk), Err(Complaint::GroupsOnly));
    town.sets(bo, |privacy| privacy.receipts = false);
    town.passes(Duration::from_mins(1));
    town.says(ada, group, "and on monday");
    town.settles();
    town.has_read(bo, group);
    asks(&mut town, ada, group).unwrap();
    assert!(read_by(&town, ada, group).is_empty());
}

#[test]
fn a_group_of_a_stranger_is_told_nothing_until_one_speaks_or_knows_somebody_in_it() {
    let mut town = Town::new(34);
    let [ada, mallory, cy] = town.people(["ada", "mallory", "cy"]);
    let group = town.creates_group(mallory, "you have won", &[ada, cy]);
    town.says(mallory, group, "a prize");
    town.settles();
    let told = |town: &mut Town| {
        town.has_read(ada, group);
        town.types(ada, group, true);
        asks(town, mallory, group).unwrap();
        town.passes(Duration::from_mins(1));
        (read_by(town, mallory, group), town.signalled(ada))
    };
    assert_eq!(told(&mut town), (Vec::new(), 0));
    assert!(town.typing(mallory, group).is_empty());
    // She talks with another one of its members.
    let talk = town.meets(ada, cy);
    town.says(ada, talk, "do you know them?");
    town.settles();
    assert_eq!(told(&mut town).0, ["ada"]);

    let other = town.creates_group(mallory, "you have won again", &[ada]);
    town.says(mallory, other, "a prize");
    town.settles();
    town.has_read(ada, other);
    town.passes(Duration::from_mins(1));
    assert!(read_by(&town, mallory, other).is_empty());
    town.says(ada, other, "no");
    town.settles();
    town.says(mallory, other, "yes");
    town.settles();
    town.has_read(ada, other);
    town.passes(Duration::from_mins(1));
    assert_eq!(read_by(&town, mallory, other), ["ada"]);
}
