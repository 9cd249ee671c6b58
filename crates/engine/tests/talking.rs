//! People talk: one to one, in groups, offline, all at once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod town;

use std::time::Duration;

use keyfold_engine::view::{Standing, What};
use keyfold_protocol::suite::Suite;
use town::Town;

#[test]
fn two_people_talk() {
    let mut town = Town::new(1);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello bo");
    town.settles();
    town.says(bo, talk, "hello ada");
    town.settles();
    assert_eq!(town.reads(ada, talk), ["hello bo", "hello ada"]);
    town.agree(&[ada, bo], talk);
    assert_eq!(town.shows(bo, talk).suite, Suite::Hybrid);
    assert_eq!(town.shows(bo, talk).name, "ada");
}

#[test]
fn a_removed_member_reads_nothing_new() {
    let mut town = Town::new(2);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let climbing = town.creates_group(ada, "climbing", &[bo, cy]);
    town.says(ada, climbing, "meet at six");
    town.settles();
    town.removes(ada, climbing, &[cy]);
    town.says(ada, climbing, "new place, same time");
    town.settles();
    assert_eq!(
        town.reads(bo, climbing),
        ["meet at six", "new place, same time"]
    );
    assert_eq!(town.reads(cy, climbing), ["meet at six"]);
    assert_eq!(town.shows(cy, climbing).standing, Standing::Left);
    town.agree(&[ada, bo], climbing);
}

#[test]
fn somebody_offline_catches_up_over_several_epochs() {
    let mut town = Town::new(3);
    let [ada, bo, cy, di] = town.people(["ada", "bo", "cy", "di"]);
    let group = town.creates_group(ada, "trip", &[bo, cy]);
    town.goes_offline(cy);
    town.says(ada, group, "one");
    town.passes(Duration::from_hours(3 * 24));
    town.adds(ada, group, &[di]);
    town.settles();
    town.says(bo, group, "two");
    town.says(di, group, "three");
    town.settles();
    town.says(cy, group, "written offline");
    town.comes_back(cy);
    assert_eq!(
        town.reads(cy, group),
        ["one", "two", "three", "written offline"]
    );
    assert_eq!(town.reads(di, group), ["two", "three", "written offline"]);
    town.agree(&[ada, bo, cy], group);
}

#[test]
fn somebody_leaves() {
    let mut town = Town::new(4);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.does(
        bo,
        keyfold_engine::Command::Leave {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    assert_eq!(town.shows(bo, group).standing, Standing::Left);
    town.passes(Duration::from_mins(1));
    assert_eq!(town.members(ada, group), ["ada", "cy"]);
    town.says(cy, group, "bo is gone");
    town.settles();
    assert!(town.reads(bo, group).is_empty());
    town.agree(&[ada, cy], group);
    let left = town.timeline(ada, group);
    assert!(left.iter().any(|entry| entry.what == What::Left));
}

#[test]
fn the_classical_suite_works_where_a_device_speaks_nothing_else() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people_speaking(["ada", "bo"], &[Suite::Classic]);
    let [cy] = town.people(["cy"]);
    let group = town.creates_group(cy, "old friends", &[ada, bo]);
    town.says(ada, group, "classical");
    town.settles();
    assert_eq!(town.shows(bo, group).suite, Suite::Classic);
    town.agree(&[ada, bo, cy], group);
}

#[test]
fn ten_people_commit_at_once_and_all_converge() {
    let mut town = Town::new(6);
    let everybody = town.people([
        "ada", "bo", "cy", "di", "ed", "fy", "gus", "hal", "ida", "jo",
    ]);
    let group = town.creates_group(everybody[0], "race", &everybody[1..]);
    let before = town.shows(everybody[0], group).epoch.0;
    for who in everybody {
        town.does(
            who,
            keyfold_engine::Command::Update {
                conversation: group,
            },
        )
        .unwrap();
        town.says(who, group, &format!("from {}", who.0));
    }
    town.settles();
    town.agree(&everybody, group);
    assert_eq!(town.reads(everybody[0], group).len(), 10);
    assert_eq!(
        town.shows(everybody[0], group).epoch.0,
        before + 10,
        "each update took effect"
    );
}

#[test]
fn two_conversations_begun_at_the_same_moment_become_one() {
    let mut town = Town::new(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let create = |handle: &str| keyfold_engine::Command::Create {
        people: vec![handle.to_owned()],
        name: None,
        suite: None,
    };
    town.does(ada, create("bo")).unwrap();
    town.does(bo, create("ada")).unwrap();
    let of = |town: &Town, who: town::Who| town.people[who.0].engine.conversations().unwrap();
    let (one, other) = (of(&town, ada)[0].id, of(&town, bo)[0].id);
    town.says(ada, one, "from ada");
    town.says(bo, other, "from bo");
    town.settles();
    assert_eq!(of(&town, ada).len(), 1);
    assert_eq!(of(&town, bo).len(), 1);
    assert_eq!(of(&town, ada)[0].id, one.min(other));
    let goes_on = one.min(other);
    for who in [ada, bo] {
        let mut texts = town.reads(who, goes_on);
        texts.sort();
        assert_eq!(texts, ["from ada", "from bo"]);
    }
    town.says(ada, one, "on we go");
    town.settles();
    assert_eq!(town.reads(bo, goes_on).last().unwrap(), "on we go");
}
