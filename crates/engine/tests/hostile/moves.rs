//! The ways back in the hands of members with modified clients: moves that may not be made, lies about who is a member, and groups
//! that somebody breaks on purpose.

use std::time::Duration;

use keyfold_engine::Command;
use keyfold_engine::limits::{
    LEAVE_OUT_AFTER, LOCATE_AGAIN, LOCATE_AT_MOST, OBJECT_AGAIN, OBJECT_TO_OTHERS,
};
use keyfold_engine::view::{Standing, What};
use keyfold_protocol::group::{Change, Update};
use keyfold_protocol::state::{ConversationState, Errand, Role};
use keyfold_wire::ids::{AccountId, ConversationId, Epoch};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::town::copied::Copied;
use super::town::{Town, Who};
use super::{goes_on, packages};

const MINUTE: Duration = Duration::from_mins(1);

/// Eve is a plain member of ada's group; dan is nobody there.
fn town() -> (Town, [Who; 5], ConversationId, Copied) {
    let mut town = Town::on_disk(1);
    let people = town.people(["ada", "bo", "cy", "eve", "dan"]);
    let [ada, bo, cy, eve, _] = people;
    let group = town.creates_group(ada, "club", &[bo, cy, eve]);
    town.says(eve, group, "hello");
    town.passes(MINUTE * 10);
    town.goes_offline(eve);
    let copied = Copied::of(&town.people[eve.0]);
    (town, people, group, copied)
}

/// Eve moves the group, with these people and in the state that `bends` leaves.
fn moves(
    town: &mut Town,
    eve: &mut Copied,
    group: ConversationId,
    people: &[Who],
    bends: impl FnOnce(&mut ConversationState),
) {
    let added = packages(town, eve, people);
    let from = eve.group(group);
    let state = from.state().moved_to(eve.handle(), from.view().epoch);
    let create = eve.creates(&from, state, added, bends);
    town.asks(Body::Create(create)).unwrap();
    town.settles();
}

fn refusals(town: &Town, who: Who, group: ConversationId) -> Vec<String> {
    let timeline = town.timeline(who, group).into_iter();
    let words = timeline.filter_map(|entry| match entry.what {
        What::Refused(words) => Some(words),
        _ => None,
    });
    words.collect()
}

fn has_moved(town: &Town, who: Who, group: ConversationId) -> bool {
    let timeline = town.timeline(who, group);
    timeline.iter().any(|entry| entry.what == What::Moved)
}

#[test]
fn a_move_that_its_maker_may_not_make_is_followed_by_nobody_and_told_once() {
    type Bends = fn(&mut ConversationState, AccountId);
    let cases: [(&str, &[usize], Bends); 4] = [
        ("may not remove", &[0, 1], |_, _| ()),
        ("only admins may add", &[0, 1, 2, 4], |_, _| ()),
        (
            "may not change this person's role",
            &[0, 1, 2],
            |state, eve| {
                state.set_role(eve, Role::Admin);
            },
        ),
        ("only admins may change", &[0, 1, 2], |state, _| {
            state.name = keyfold_protocol::state::Name::new("eve's").unwrap();
        }),
    ];
    for (why, with, bends) in cases {
        let (mut town, people, group, mut eve) = town();
        let [ada, bo, cy, ..] = people;
        let eves = town.me(people[3]).account;
        let with: Vec<Who> = with.iter().map(|number| people[*number]).collect();
        for _ in 0..2 {
            moves(&mut town, &mut eve, group, &with, |state| {
                bends(state, eves);
            });
        }
        for who in [ada, bo] {
            let words = refusals(&town, who, group);
            assert_eq!(words.len(), 1, "{who:?} {words:?}");
            assert!(words[0].contains(why), "{why}: {words:?}");
        }
        for who in [ada, bo, cy] {
            assert!(!has_moved(&town, who, group));
            assert_eq!(town.members(who, group), ["ada", "bo", "cy", "eve"]);
        }
        goes_on(&mut town, &[ada, bo, cy], group);
    }
}

/// How many groups the server gets within a minute when eve moves ada's group so: her own, and an errand each.
fn groups_made(
    town: &mut Town,
    eve: &mut Copied,
    group: ConversationId,
    people: &[Who],
    bends: impl FnOnce(&mut ConversationState),
) -> usize {
    let before = town.store.census().conversations;
    moves(town, eve, group, people, bends);
    town.passes(MINUTE / 2);
    town.store.census().conversations - before
}

#[test]
fn who_moves_badly_hears_of_it_again_but_not_at_once() {
    let (mut town, people, group, mut eve) = town();
    let [ada, bo, cy, ..] = people;
    // Cy is left out, and she may not do that.
    let with = [ada, bo];
    let shortly = Duration::from_secs(1);
    // Ada and bo tell her.
    assert_eq!(
        groups_made(&mut town, &mut eve, group, &with, |_| ()),
        1 + 2
    );
    town.passes(OBJECT_AGAIN.saturating_sub(MINUTE / 2 + shortly));
    assert_eq!(groups_made(&mut town, &mut eve, group, &with, |_| ()), 1);
    town.passes(shortly);
    assert_eq!(
        groups_made(&mut town, &mut eve, group, &with, |_| ()),
        1 + 2
    );
    goes_on(&mut town, &[ada, bo, cy], group);
}

/// Strangers who are named in a move that nobody follows hear of it from each member, so many of them; while eve is a member.
#[test]
fn strangers_in_a_bad_move_are_told_by_few_and_not_at_all_when_a_stranger_makes_it() {
    let lies = |state: &mut ConversationState| {
        state.name = keyfold_protocol::state::Name::new("eve's").unwrap();
    };
    for (named, is_member, told) in [
        (OBJECT_TO_OTHERS, true, OBJECT_TO_OTHERS),
        (OBJECT_TO_OTHERS + 1, true, OBJECT_TO_OTHERS),
        (OBJECT_TO_OTHERS + 1, false, 0),
    ] {
        let (mut town, people, group, mut eve) = town();
        let [ada, bo, cy, ..] = people;
        let strangers = town.people(["fay", "gus", "hal", "ida", "jon"]);
        for who in strangers {
            town.goes_offline(who);
        }
        if !is_member {
            town.removes(ada, group, &[people[3]]);
            town.passes(OBJECT_AGAIN);
        }
        let with = [&[ada, bo, cy][..], &strangers[..named]].concat();
        let made = groups_made(&mut town, &mut eve, group, &with, lies);
        // Hers, and of each of the three one to her.
        assert_eq!(made, 1 + 3 * (1 + told), "{named} {is_member}");
        goes_on(&mut town, &[ada, bo, cy], group);
    }
}

/// Cy has withdrawn her key packages: the conversation waits for her for an hour.
#[test]
fn who_has_no_key_package_for_long_is_left_out_of_a_move() {
    let (mut town, people, group, mut eve) = town();
    let [ada, bo, cy, ..] = people;
    town.goes_offline(cy);
    let cys = town.me(cy).account.to_wire();
    for who in [ada, bo] {
        let cys = cys.clone();
        town.people[who.0].bends_reply = Some(Box::new(move |body, reply| {
            if let (Body::FetchKeyPackages(fetch), Content::KeyPackages(found)) = (body, reply)
                && fetch.account == cys
            {
                found.devices.clear();
            }
        }));
    }
    let mut commit = eve.commits(group, |_| Change {
        update: Some(Update::default()),
        ..Change::default()
    });
    commit.next_roster.pop();
    town.asks(Body::Commit(commit)).unwrap();
    // It is first missed when the first move is tried.
    town.passes(MINUTE);
    town.passes(LEAVE_OUT_AFTER.saturating_sub(MINUTE * 3));
    for who in [ada, bo] {
        let held = town.shows(who, group).standing;
        assert!(
            matches!(held, Standing::Held(_)),
            "{who:?} {held:?} {:?}",
            town.timeline(who, group)
        );
    }
    town.passes(MINUTE * 10);
    for who in [ada, bo] {
        assert!(has_moved(&town, who, group), "{who:?}");
        assert_eq!(town.members(who, group), ["ada", "bo", "eve"]);
    }
    goes_on(&mut town, &[ada, bo], group);
}

/// Eve says that she knows more than the others. They ask some of those whom they know, at most so many and so often, and stay.
#[test]
fn a_move_that_cant_be_judged_takes_nobody_out_of_where_they_are() {
    let mut town = Town::on_disk(1);
    let people = town.people(["ada", "bo", "cy", "dee", "finn", "eve", "dan"]);
    let [ada, bo, cy, dee, finn, eve, dan] = people;
    let members = [ada, bo, cy, dee, finn];
    let group = town.creates_group(ada, "club", &[bo, cy, dee, finn, eve]);
    town.says(eve, group, "hello");
    town.passes(MINUTE * 10);
    town.goes_offline(eve);
    let mut eve = Copied::of(&town.people[eve.0]);
    let lies = |state: &mut ConversationState| {
        let from = state.moved_from.as_mut().unwrap();
        from.epoch = Epoch(99);
    };
    let with = [ada, bo, cy, dee, finn, dan];
    let shortly = Duration::from_secs(1);
    // Each of the five has five others, and tells four.
    let told = 1 + members.len() * LOCATE_AT_MOST;
    assert_eq!(LOCATE_AT_MOST, members.len() - 1);
    let made = groups_made(&mut town, &mut eve, group, &with, lies);
    assert_eq!(made, told);
    town.passes(LOCATE_AGAIN.saturating_sub(MINUTE / 2 + shortly));
    assert_eq!(groups_made(&mut town, &mut eve, group, &with, lies), 1);
    town.passes(shortly);
    let made = groups_made(&mut town, &mut eve, group, &with, lies);
    assert_eq!(made, told);
    for who in members {
        assert_eq!(town.shows(who, group).standing, Standing::Active);
        assert!(!has_moved(&town, who, group));
    }
    goes_on(&mut town, &members, group);
}

#[test]
fn a_move_that_changes_nothing_is_followed_whoever_makes_it() {
    let (mut town, [ada, bo, cy, ..], group, mut eve) = town();
    moves(&mut town, &mut eve, group, &[ada, bo, cy], |_| ());
    for who in [ada, bo, cy] {
        assert!(has_moved(&town, who, group), "{who:?}");
        assert_eq!(town.members(who, group), ["ada", "bo", "cy", "eve"]);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn who_is_no_member_any_more_moves_nothing() {
    let (mut town, people, group, mut eve) = town();
    let [ada, bo, cy, ..] = people;
    town.removes(ada, group, &[people[3]]);
    town.passes(MINUTE * 2);
    moves(&mut town, &mut eve, group, &[ada, bo, cy], |_| ());
    for who in [ada, bo, cy] {
        assert!(!has_moved(&town, who, group));
        assert_eq!(town.members(who, group), ["ada", "bo", "cy"]);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn who_breaks_a_group_is_left_behind_when_it_moves() {
    let (mut town, [ada, bo, cy, ..], group, mut eve) = town();
    let adas = town.me(ada).account;
    let commit = eve.commits(group, |view| Change {
        removed: vec![Copied::leaf(view, adas)],
        state: view.state_after(&[Copied::leaf(view, adas)], &[]),
        ..Change::default()
    });
    town.asks(Body::Commit(commit)).unwrap();
    town.says(bo, group, "said while it was held");
    town.passes(MINUTE * 5);
    for who in [ada, bo, cy] {
        assert_eq!(refusals(&town, who, group).len(), 1);
        assert!(has_moved(&town, who, group), "{who:?}");
        assert_eq!(town.members(who, group), ["ada", "bo", "cy"], "{who:?}");
        let read = town.reads(who, group);
        assert_eq!(read, ["hello", "said while it was held"], "{who:?}");
    }
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn where_the_server_may_have_lied_nobody_is_left_behind() {
    let (mut town, people, group, mut eve) = town();
    let [ada, bo, cy, ..] = people;
    let mut commit = eve.commits(group, |_| Change {
        update: Some(Update::default()),
        ..Change::default()
    });
    commit.next_roster.pop();
    town.asks(Body::Commit(commit)).unwrap();
    town.passes(MINUTE * 5);
    for who in [ada, bo, cy] {
        assert!(has_moved(&town, who, group), "{who:?}");
        assert_eq!(town.members(who, group), ["ada", "bo", "cy", "eve"]);
    }
    town.comes_back(people[3]);
    town.passes(MINUTE * 10);
    goes_on(&mut town, &[ada, bo, cy, people[3]], group);
}

/// An errand of eve's to these people.
fn errand(town: &mut Town, eve: &mut Copied, group: ConversationId, to: &[Who], errand: Errand) {
    let added = packages(town, eve, to);
    let from = eve.group(group);
    let state = ConversationState::errand(group, eve.handle(), errand);
    let create = eve.creates(&from, state, added, |_| ());
    town.asks(Body::Create(create)).unwrap();
    town.passes(MINUTE);
}

#[test]
fn one_who_lies_about_who_is_a_member_puts_nobody_out() {
    let (mut town, [ada, bo, cy, ..], group, mut eve) = town();
    errand(
        &mut town,
        &mut eve,
        group,
        &[ada, bo, cy],
        Errand::NotAMember,
    );
    town.passes(MINUTE * 10);
    for who in [ada, bo, cy] {
        assert_eq!(town.shows(who, group).standing, Standing::Active);
    }
    // Neither somebody who does ask.
    town.goes_offline(cy);
    town.does(
        ada,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.passes(Duration::from_hours(24 * 31));
    town.runtime.block_on(town.core.sweep()).unwrap();
    for who in [ada, bo] {
        town.goes_offline(who);
    }
    town.comes_back(cy);
    town.passes(MINUTE);
    assert!(matches!(
        town.shows(cy, group).standing,
        Standing::Rejoining(_)
    ));
    errand(&mut town, &mut eve, group, &[cy], Errand::NotAMember);
    assert!(matches!(
        town.shows(cy, group).standing,
        Standing::Rejoining(_)
    ));
    for who in [ada, bo] {
        town.comes_back(who);
    }
    town.passes(MINUTE * 60);
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn nobody_is_let_in_by_the_key_package_of_another() {
    let (mut town, people, group, mut eve) = town();
    let [ada, bo, cy, _, dan] = people;
    let asked = v1::FetchKeyPackages {
        account: town.me(dan).account.to_wire(),
        suite: 0x4F,
    };
    let Ok(Content::KeyPackages(found)) = town.asks(Body::FetchKeyPackages(asked)) else {
        panic!("no key packages");
    };
    let package = found.devices[0].key_package.to_vec();
    errand(
        &mut town,
        &mut eve,
        group,
        &[ada, bo, cy],
        Errand::LetMeIn(package),
    );
    errand(
        &mut town,
        &mut eve,
        group,
        &[ada, bo, cy],
        Errand::LetMeIn(b"noise".to_vec()),
    );
    for who in [ada, bo, cy] {
        assert_eq!(town.members(who, group), ["ada", "bo", "cy", "eve"]);
    }
    assert!(
        town.people[dan.0]
            .engine
            .conversations()
            .unwrap()
            .is_empty()
    );
    goes_on(&mut town, &[ada, bo, cy], group);
}
