//! The ways back: a group that moves, a device that is let in again, without anybody pressing anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::limits::{LOCATE_AFTER, LOCATE_WITHIN, OFFER_RETENTION};
use keyfold_engine::view::{Standing, What};
use keyfold_engine::{Command, Event, Input};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;
use town::copied::Copied;
use town::{Town, Who};

const MINUTE: Duration = Duration::from_mins(1);

/// A group of three that has talked, on disks that can be copied.
fn town(seed: u64) -> (Town, [Who; 3], ConversationId) {
    let mut town = Town::on_disk(seed);
    let everybody = town.people(["ada", "bo", "cy"]);
    let [ada, bo, cy] = everybody;
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.says(ada, club, "one");
    town.says(bo, club, "two");
    town.passes(MINUTE * 5);
    town.agree(&everybody, club);
    (town, everybody, club)
}

fn is_active(town: &Town, who: Who, conversation: ConversationId) -> bool {
    town.shows(who, conversation).standing == Standing::Active
}

fn tells(
    town: &Town,
    who: Who,
    conversation: ConversationId,
    wanted: impl Fn(&What) -> bool,
) -> usize {
    let timeline = town.timeline(who, conversation);
    timeline.iter().filter(|entry| wanted(&entry.what)).count()
}

/// Everybody can talk, and reads the same from here on.
fn talks_on(town: &mut Town, everybody: &[Who], conversation: ConversationId) {
    for (number, who) in everybody.iter().enumerate() {
        assert!(
            is_active(town, *who, conversation),
            "{who:?}: {:?}",
            town.shows(*who, conversation).standing
        );
        town.says(*who, conversation, &format!("afterwards {number}"));
        town.settles();
    }
    town.passes(MINUTE * 5);
    let said: Vec<String> = (0..everybody.len())
        .map(|number| format!("afterwards {number}"))
        .collect();
    for who in everybody {
        let mut read = town.reads(*who, conversation);
        let read = read.split_off(read.len() - said.len());
        assert_eq!(read, said, "{who:?}");
        assert_eq!(
            town.people[who.0].engine.waiting().unwrap(),
            0,
            "{who:?} waits"
        );
    }
    let first = town.shows(everybody[0], conversation);
    for who in everybody {
        let shown = town.shows(*who, conversation);
        assert_eq!(
            (shown.epoch, shown.direct || shown.name == first.name),
            (first.epoch, true),
            "{who:?}"
        );
        let both = (
            town.members(*who, conversation),
            town.members(everybody[0], conversation),
        );
        assert_eq!(both.0, both.1);
    }
}

fn refusal(code: RefusalCode) -> v1::Refused {
    v1::Refused {
        code: code.into(),
        epoch: 1,
        retry_after_ms: 0,
    }
}

/// The server says so of whatever is asked about the handle that everybody is at now.
fn refuses(town: &mut Town, everybody: &[Who], code: RefusalCode) {
    let handle = town.people[everybody[0].0]
        .asked
        .iter()
        .rev()
        .find_map(|body| match body {
            Body::Send(send) => Some(send.handle.clone()),
            Body::Create(create) => Some(create.handle.clone()),
            _ => None,
        })
        .unwrap();
    for who in everybody {
        let handle = handle.clone();
        town.people[who.0].refuses = Some(Box::new(move |body| {
            let about = match body {
                Body::Send(send) => &send.handle,
                Body::Commit(commit) => &commit.handle,
                Body::Probe(probe) => &probe.handle,
                _ => return None,
            };
            (*about == handle).then(|| refusal(code))
        }));
    }
}

#[test]
fn where_the_server_does_not_know_a_conversation_any_more_it_moves() {
    for code in [RefusalCode::NotFound, RefusalCode::Ahead] {
        let (mut town, everybody, club) = town(1);
        let [ada, bo, cy] = everybody;
        refuses(&mut town, &everybody, code);
        town.says(bo, club, "is anybody there?");
        town.settles();
        assert!(matches!(town.shows(bo, club).standing, Standing::Held(_)));
        town.passes(MINUTE * 5);
        for who in everybody {
            assert_eq!(
                town.reads(who, club),
                ["one", "two", "is anybody there?"],
                "{who:?}"
            );
            assert_eq!(
                tells(&town, who, club, |what| *what == What::Moved),
                1,
                "{who:?}"
            );
        }
        assert!(town.events(cy).contains(&Event::Moved(club)));
        talks_on(&mut town, &[ada, bo, cy], club);
        assert_eq!(town.people[ada.0].engine.conversations().unwrap().len(), 1);
    }
}

#[test]
fn two_who_move_at_once_end_in_one_place() {
    for seed in 1..6 {
        let (mut town, everybody, club) = town(seed);
        let [ada, bo, cy] = everybody;
        town.does(
            ada,
            Command::ChangeRole {
                conversation: club,
                account: town.people[bo.0].engine.me().unwrap().unwrap().account,
                role: keyfold_protocol::state::Role::Admin,
            },
        )
        .unwrap();
        town.passes(MINUTE * 5);
        refuses(&mut town, &everybody, RefusalCode::NotFound);
        for who in everybody {
            town.says(who, club, &format!("from {}", who.0));
        }
        // Each is out of the others' reach until it has moved.
        town.settles();
        for who in [bo, cy] {
            town.goes_offline(who);
        }
        town.passes(Duration::from_secs(30));
        town.goes_offline(ada);
        town.people[bo.0].bends_item = Some(Box::new(|item| item.content = None));
        town.people[bo.0].online = true;
        town.passes(Duration::from_secs(30));
        town.people[bo.0].bends_item = None;
        for who in everybody {
            town.people[who.0].online = true;
        }
        town.passes(MINUTE * 10);
        for who in everybody {
            assert!(is_active(&town, who, club), "seed {seed} {who:?}");
        }
        let mut first = town.reads(ada, club);
        first.sort();
        assert_eq!(
            first,
            ["from 0", "from 1", "from 2", "one", "two"],
            "seed {seed}"
        );
        talks_on(&mut town, &[ada, cy], club);
    }
}

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

/// Puts a device back to how its database was.
fn puts_back(town: &mut Town, who: Who, copy: &std::path::Path) {
    let person = &mut town.people[who.0];
    person.line = None;
    person.file = Some(copy.to_owned());
    person.restarts();
}

fn copy(town: &Town, who: Who, name: &str) -> std::path::PathBuf {
    let file = town.people[who.0].file.clone().unwrap();
    let to = file.with_file_name(name);
    town::person::copy_database(&file, &to);
    to
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
fn who_was_removed_meanwhile_is_told_so() {
    let (mut town, everybody, club) = town(6);
    let [ada, bo, cy] = everybody;
    town.goes_offline(cy);
    town.removes(ada, club, &[cy]);
    town.passes(Duration::from_hours(24 * 31));
    town.runtime.block_on(town.core.sweep()).unwrap();
    town.comes_back(cy);
    town.passes(MINUTE * 10);
    assert_eq!(town.shows(cy, club).standing, Standing::Left);
    assert!(town.events(cy).contains(&Event::Removed(club)));
    talks_on(&mut town, &[ada, bo], club);
}

#[test]
fn who_was_removed_comes_into_a_conversation_that_is_begun_anew_by_a_device_that_was_put_back() {
    let mut town = Town::on_disk(21);
    let [ada, bo] = town.people(["ada", "bo"]);
    town.meets(ada, bo);
    town.goes_offline(ada);
    let club = town.creates_group(ada, "club", &[bo]);
    let copy = copy(&town, ada, "copy.db");
    town.comes_back(ada);
    town.removes(ada, club, &[bo]);
    town.passes(MINUTE);
    assert_eq!(town.shows(bo, club).standing, Standing::Left);
    puts_back(&mut town, ada, &copy);
    town.passes(MINUTE * 10);
    assert_eq!(town.members(ada, club), ["ada", "bo"]);
    talks_on(&mut town, &[ada, bo], club);
}

#[test]
fn who_has_left_puts_no_device_out_whose_account_has_another_one_in() {
    let mut town = Town::on_disk(22);
    let [ada, cy] = town.people(["ada", "cy"]);
    let laptop = town.links(cy, &Suite::ALL);
    let club = town.creates_group(ada, "club", &[cy]);
    town.settles();
    let copy = copy(&town, laptop, "copy.db");
    town.does(ada, Command::Leave { conversation: club })
        .unwrap();
    town.passes(MINUTE * 5);
    assert_eq!(town.members(cy, club), ["cy"]);
    town.goes_offline(cy);
    puts_back(&mut town, laptop, &copy);
    // The phone does not answer; ada does, who was alone with cy.
    town.passes(MINUTE * 5);
    town.comes_back(cy);
    town.passes(MINUTE * 10);
    talks_on(&mut town, &[cy, laptop], club);
}

#[test]
fn an_own_device_says_to_one_that_was_put_back_that_their_person_has_left() {
    let mut town = Town::on_disk(25);
    let [ada, cy] = town.people(["ada", "cy"]);
    let laptop = town.links(cy, &Suite::ALL);
    let club = town.creates_group(cy, "club", &[ada]);
    town.removes(cy, club, &[ada]);
    town.passes(MINUTE * 5);
    let copy = copy(&town, laptop, "copy.db");
    let leave = Command::Leave { conversation: club };
    town.does(cy, leave).unwrap();
    town.passes(MINUTE);
    puts_back(&mut town, laptop, &copy);
    town.passes(MINUTE * 5);
    for who in [cy, laptop] {
        assert_eq!(town.shows(who, club).standing, Standing::Left, "{who:?}");
    }
}

#[test]
fn where_the_server_has_lost_that_somebody_left_their_own_devices_hear_it_from_each_other() {
    let mut town = Town::new(26);
    let [ada, cy] = town.people(["ada", "cy"]);
    let laptop = town.links(cy, &Suite::ALL);
    let club = town.creates_group(ada, "club", &[cy]);
    town.passes(MINUTE * 5);
    town.goes_offline(laptop);
    let backup = town.store.backup();
    let leave = Command::Leave { conversation: club };
    town.does(cy, leave).unwrap();
    town.passes(MINUTE);
    assert_eq!(town.members(ada, club), ["ada"]);
    town.goes_offline(ada);
    town.puts_server_back(&backup);
    town.comes_back(laptop);
    assert!(is_active(&town, laptop, club));
    town.passes(LOCATE_AFTER + LOCATE_WITHIN + MINUTE);
    assert_eq!(town.shows(laptop, club).standing, Standing::Left);
}

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
    let laptop = town.links(ada, &keyfold_protocol::suite::Suite::ALL);
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
