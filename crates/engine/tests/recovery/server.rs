//! A server that showed two lines, or was put back to an earlier state.

use std::time::Duration;

use keyfold_engine::limits::{LOCATE_AFTER, LOCATE_WITHIN, OFFER_RETENTION, REINVITE_TIMES};
use keyfold_engine::view::What;
use keyfold_engine::{Command, Event};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;

use super::town::copied::Copied;
use super::town::{Town, Who};
use super::{MINUTE, is_active, refusal, talks_on, tells, town};

#[test]
fn in_a_fork_whoever_is_off_the_servers_line_comes_back_to_it() {
    let (mut town, everybody, club) = town(7);
    let [ada, bo, cy] = everybody;
    // The server shows bo another commit for the epoch than ada and cy: bo's own, which it does not take in truth.
    town.does(
        bo,
        Command::Rename {
            conversation: club,
            name: "fork".to_owned(),
        },
    )
    .unwrap_err();
    town.people[bo.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::Commit(_)).then(|| refusal(RefusalCode::Busy))
    }));
    town.does(bo, Command::Update { conversation: club })
        .unwrap();
    town.settles();
    let item = last_commit_as_item(&town, bo);
    let now = town.now();
    town.people[bo.0].slip_in(item, now);
    town.people[bo.0].refuses = None;
    town.does(ada, Command::Update { conversation: club })
        .unwrap();
    town.settles();
    assert_eq!(
        town.shows(bo, club).epoch,
        town.shows(ada, club).epoch,
        "two lines, one number"
    );
    town.says(bo, club, "from the wrong line");
    town.says(cy, club, "from the right one");
    town.passes(MINUTE * 5);
    for who in [ada, cy] {
        let mut read = town.reads(who, club);
        read.sort();
        assert_eq!(
            read,
            ["from the right one", "from the wrong line", "one", "two"],
            "{who:?}"
        );
    }
    talks_on(&mut town, &everybody, club);
}

/// A commit that a device has asked for, as the server would deliver it to that device.
fn last_commit_as_item(town: &Town, bo: Who) -> v1::Item {
    let Some(Body::Commit(commit)) = town.people[bo.0]
        .asked
        .iter()
        .rev()
        .find(|body| matches!(body, Body::Commit(_)))
        .cloned()
    else {
        panic!("no commit");
    };
    v1::Item {
        sequence: 0,
        serial: serial_of(town, bo),
        received_ms: town.now().0,
        content: Some(v1::item::Content::Message(v1::Message {
            message_id: commit.message_id.clone(),
            epoch: commit.epoch,
            body: commit.body.clone(),
            commit: Some(v1::CommitCheck {
                roster_hash: keyfold_wire::roster::hash(&commit.next_roster)
                    .to_vec()
                    .into(),
                roster_key_hash: keyfold_wire::roster::key_hash(
                    &keyfold_wire::roster::RosterKey::try_from(&*commit.next_roster_key).unwrap(),
                )
                .to_vec()
                .into(),
            }),
        })),
    }
}

/// The serial of the address that the last item came for.
fn serial_of(town: &Town, who: Who) -> u64 {
    let mut items = town.people[who.0].recorded.iter().rev();
    let is_message = |item: &&v1::Item| matches!(item.content, Some(v1::item::Content::Message(_)));
    items.find(is_message).unwrap().serial
}

#[test]
fn after_the_server_was_put_back_everything_goes_on_and_what_may_be_missing_is_said() {
    let (mut town, everybody, club) = town(9);
    let [ada, bo, cy] = everybody;
    town.goes_offline(cy);
    let backup = town.store.backup();
    town.says(ada, club, "cy will not get this");
    town.settles();
    town.does(bo, Command::Update { conversation: club })
        .unwrap();
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "in a conversation that the server will not know");
    town.passes(MINUTE * 5);
    town.puts_server_back(&backup);
    town.people[cy.0].online = true;
    town.passes(MINUTE * 10);
    for who in [ada, bo] {
        assert!(
            town.events(who).contains(&Event::ServerRolledBack),
            "{who:?}"
        );
    }
    assert_eq!(town.reads(cy, club), ["one", "two"]);
    talks_on(&mut town, &everybody, club);
    assert_eq!(tells(&town, cy, club, |what| *what == What::Gap(1)), 1);
    for who in [ada, bo] {
        let said = |what: &What| matches!(what, What::MayBeMissing(_));
        assert_eq!(tells(&town, who, club, said), 1, "{who:?}");
    }
    talks_on(&mut town, &[ada, bo], talk);
}

/// How many groups everybody has asked the server for: here, errands.
fn errands(town: &Town, everybody: &[Who]) -> usize {
    let asked = everybody.iter().flat_map(|who| &town.people[who.0].asked);
    asked.filter(|body| matches!(body, Body::Create(_))).count()
}

#[test]
fn after_the_server_was_put_back_each_device_tells_the_others_where_it_is_neither_at_once_nor_late()
{
    let (mut town, everybody, club) = town(23);
    let shortly = Duration::from_secs(1);
    let backup = town.store.backup();
    town.says(everybody[0], club, "three");
    town.passes(MINUTE);
    let before = errands(&town, &everybody);
    town.puts_server_back(&backup);
    town.passes(LOCATE_AFTER.saturating_sub(shortly));
    assert_eq!(errands(&town, &everybody), before);
    town.passes(LOCATE_WITHIN + shortly * 2);
    // Each of the three has two others.
    assert_eq!(errands(&town, &everybody), before + 6);
    town.passes(MINUTE * 10);
    assert_eq!(errands(&town, &everybody), before + 6);
    talks_on(&mut town, &everybody, club);
}

/// What a device would be let in again by, and when it renews its keys, in milliseconds.
fn offers(town: &Town, who: Who) -> (i64, u64) {
    let copy = Copied::of(&town.people[who.0]);
    let one = |sql: &str| copy.database.query_row(sql, [], |row| row.get(0)).unwrap();
    let due: i64 = one("SELECT max(update_due) FROM conversation");
    (one("SELECT count(*) FROM offer"), due.try_into().unwrap())
}

#[test]
fn an_offered_key_package_is_kept_for_a_day_and_goes_with_the_next_renewal() {
    let told = LOCATE_AFTER + LOCATE_WITHIN;
    for (ahead, kept) in [
        (OFFER_RETENTION, 2),
        (OFFER_RETENTION + told + MINUTE * 2, 0),
    ] {
        let (mut town, [ada, bo, cy], club) = town(24);
        town.passes(Duration::from_hours(24 * 2));
        for who in [bo, cy] {
            town.goes_offline(who);
        }
        let (none, due) = offers(&town, ada);
        assert_eq!(none, 0);
        let wait = Timestamp(due).since(town.now()).saturating_sub(ahead);
        town.passes(wait.saturating_sub(MINUTE));
        let backup = town.store.backup();
        town.says(ada, club, "three");
        town.passes(MINUTE);
        town.puts_server_back(&backup);
        town.passes(told + MINUTE);
        assert_eq!(offers(&town, ada), (2, due));
        town.passes(ahead.saturating_sub(told));
        let (left, renewed) = offers(&town, ada);
        assert!(renewed > due, "it has renewed its keys");
        assert_eq!(left, kept, "{ahead:?}");
    }
}

/// Nothing had come for bo, so that he stood where his new mailbox stands as well; but his addresses lead to the former one.
/// Cy says it in the epoch that the server has fallen back to, and hears only then that the others, who can't open that any more, have moved.
#[test]
fn what_is_said_in_an_epoch_that_the_others_had_left_is_said_again_where_they_are() {
    let (mut town, everybody, club) = town(27);
    let [ada, bo, cy] = everybody;
    town.goes_offline(cy);
    town.says(cy, club, "from behind");
    let backup = town.store.backup();
    town.does(bo, Command::Update { conversation: club })
        .unwrap();
    town.passes(MINUTE * 5);
    town.puts_server_back(&backup);
    town.passes(MINUTE);
    assert!(town.events(ada).contains(&Event::Moved(club)));
    town.people[cy.0].online = true;
    town.passes(MINUTE * 10);
    for who in everybody {
        assert_eq!(
            town.reads(who, club),
            ["one", "two", "from behind"],
            "{who:?}"
        );
    }
    talks_on(&mut town, &everybody, club);
}

/// Cy has heard of bo's change, and no answer to what was said before it: the server, which has fallen back, would take that still.
#[test]
fn what_was_sealed_before_a_change_is_said_again_where_the_others_have_moved_from_behind_it() {
    let (mut town, everybody, club) = town(43);
    let [ada, bo, cy] = everybody;
    let backup = town.store.backup();
    town.people[cy.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::Send(_)).then(|| refusal(RefusalCode::Busy))
    }));
    town.says(cy, club, "from behind");
    town.does(bo, Command::Update { conversation: club })
        .unwrap();
    town.passes(Duration::from_secs(1));
    town.goes_offline(cy);
    town.passes(MINUTE * 5);
    town.puts_server_back(&backup);
    town.passes(MINUTE);
    assert!(town.events(ada).contains(&Event::Moved(club)));
    town.people[cy.0].refuses = None;
    town.comes_back(cy);
    town.passes(MINUTE * 10);
    for who in everybody {
        let texts = town.reads(who, club);
        assert_eq!(texts, ["one", "two", "from behind"], "{who:?}");
    }
    talks_on(&mut town, &everybody, club);
}

/// The server hands out once more what cy has come in by: the invitation can't be opened.
#[test]
fn whoever_is_invited_by_a_used_key_package_after_the_server_was_put_back_is_invited_again() {
    let (mut town, [ada, bo, cy], talk) = town(28);
    let backup = town.store.backup();
    for name in ["before", "before as well"] {
        town.creates_group(bo, name, &[cy]);
    }
    town.says(ada, talk, "the server will not know this");
    town.passes(MINUTE);
    for who in [bo, cy] {
        town.goes_offline(who);
    }
    town.forgets(&backup);
    town.passes(MINUTE);
    let begun = town.creates_group(ada, "begun", &[bo, cy]);
    let joined = town.creates_group(ada, "joined", &[bo]);
    town.adds(ada, joined, &[cy]);
    town.passes(MINUTE);
    for who in [bo, cy] {
        town.people[who.0].online = true;
    }
    town.passes(MINUTE * 10);
    for club in [begun, joined] {
        talks_on(&mut town, &[ada, bo, cy], club);
    }
}

#[test]
fn who_stays_away_after_the_server_was_put_back_is_invited_again_a_few_times_and_no_more() {
    let (mut town, [ada, bo, cy], talk) = town(29);
    let backup = town.store.backup();
    town.says(ada, talk, "the server will not know this");
    town.passes(MINUTE);
    town.goes_offline(cy);
    town.forgets(&backup);
    town.passes(MINUTE);
    town.creates_group(ada, "begun", &[bo, cy]);
    town.passes(Duration::from_hours(3));
    let invites =
        |body: &&Body| matches!(body, Body::Commit(commit) if !commit.welcomes.is_empty());
    let invited = town.people[ada.0].asked.iter().filter(invites).count();
    assert_eq!(invited, usize::from(REINVITE_TIMES));
}

#[test]
fn a_new_mailbox_is_noticed_before_anything_has_come() {
    let mut town = Town::on_disk(14);
    let [ada] = town.people(["ada"]);
    let backup = town.store.backup();
    let [bo] = town.people(["bo"]);
    assert!(!town.events(bo).contains(&Event::ServerRolledBack));
    town.puts_server_back(&backup);
    town.passes(MINUTE * 5);
    assert!(town.events(bo).contains(&Event::ServerRolledBack));
    let talk = town.meets(bo, ada);
    talks_on(&mut town, &[ada, bo], talk);
}

#[test]
fn who_registered_or_was_linked_after_the_backup_is_there_again() {
    let mut town = Town::on_disk(10);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "before");
    town.passes(MINUTE * 5);
    let backup = town.store.backup();
    let [cy] = town.people(["cy"]);
    let laptop = town.links(ada, &Suite::ALL);
    let club = town.creates_group(cy, "club", &[ada, bo]);
    town.says(cy, club, "hello");
    town.passes(MINUTE * 5);
    assert_eq!(town.reads(laptop, club), ["hello"]);
    town.puts_server_back(&backup);
    town.passes(MINUTE * 5);
    // A device that was turned away looks again now and then.
    town.comes_back(laptop);
    town.passes(MINUTE * 30);
    for who in [ada, bo, cy, laptop] {
        assert!(
            is_active(&town, who, club),
            "{who:?} {:?}",
            town.shows(who, club).standing
        );
    }
    talks_on(&mut town, &[ada, bo, cy, laptop], club);
    talks_on(&mut town, &[ada, bo, laptop], talk);
}
