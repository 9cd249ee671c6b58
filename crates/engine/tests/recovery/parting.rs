//! Who was removed or has left hears of it, whatever was put back.

use std::time::Duration;

use keyfold_engine::limits::{LOCATE_AFTER, LOCATE_WITHIN};
use keyfold_engine::view::Standing;
use keyfold_engine::{Command, Event};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::item::Content;

use super::town::Town;
use super::{MINUTE, copy, is_active, puts_back, refusal, talks_on, town};

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

/// Cy's phone is put back, moves the conversation, and leaves it there; the laptop hears nothing of all that, and finds that the phone is not reached
/// where it is itself.
#[test]
fn who_has_left_where_one_of_their_devices_went_on_leaves_where_the_other_lets_it_in() {
    let mut town = Town::on_disk(50);
    let [ada, cy] = town.people(["ada", "cy"]);
    let laptop = town.links(cy, &Suite::ALL);
    let club = town.creates_group(ada, "club", &[cy]);
    town.passes(MINUTE * 5);
    let copy = copy(&town, cy, "copy.db");
    town.says(ada, club, "one");
    town.passes(MINUTE * 5);
    town.goes_offline(ada);
    town.people[laptop.0].bends_item = Some(Box::new(|item| item.content = None));
    puts_back(&mut town, cy, &copy);
    town.passes(MINUTE * 10);
    assert!(town.events(cy).contains(&Event::Moved(club)));
    let leave = Command::Leave { conversation: club };
    town.does(cy, leave).unwrap();
    town.passes(MINUTE * 5);
    assert_eq!(town.shows(cy, club).standing, Standing::Left);
    town.people[laptop.0].bends_item = None;
    town.says(laptop, club, "two");
    town.passes(MINUTE * 10);
    for who in [cy, laptop] {
        assert_eq!(town.shows(who, club).standing, Standing::Left, "{who:?}");
    }
}

/// Ada's laptop is not in the conversation, from which her phone has removed bo; it answers him first.
#[test]
fn who_was_removed_hears_it_from_one_device_though_another_has_said_that_its_person_is_out() {
    let mut town = Town::on_disk(51);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let tablet = town.links(bo, &Suite::ALL);
    let club = town.creates_group(bo, "club", &[ada]);
    town.passes(MINUTE * 5);
    town.does(ada, Command::Leave { conversation: club })
        .unwrap();
    town.passes(MINUTE * 5);
    assert_eq!(town.shows(laptop, club).standing, Standing::Left);
    town.people[laptop.0].bends_item = Some(Box::new(|item| item.content = None));
    town.adds(bo, club, &[ada]);
    town.passes(MINUTE);
    town.promotes(bo, club, ada, Role::Owner);
    town.passes(MINUTE);
    for who in [bo, tablet] {
        town.goes_offline(who);
    }
    town.removes(ada, club, &[bo]);
    town.passes(Duration::from_hours(24 * 31));
    town.runtime.block_on(town.core.sweep()).unwrap();
    town.people[laptop.0].bends_item = None;
    town.goes_offline(ada);
    town.comes_back(bo);
    // Bo asks his own tablet, and after 20 seconds ada.
    town.passes(Duration::from_secs(30));
    town.comes_back(ada);
    town.passes(MINUTE * 5);
    assert_eq!(town.shows(laptop, club).standing, Standing::Left);
    assert_eq!(town.shows(bo, club).standing, Standing::Left);
    assert!(!town.events(bo).contains(&Event::Moved(club)));
}

/// Bo has left. His phone knows of cy, who came in later; his laptop, which was put back, does not, and says that ada is no member.
#[test]
fn whom_one_device_of_a_former_member_has_named_is_asked_though_another_says_that_nobody_is_left() {
    let mut town = Town::on_disk(52);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let laptop = town.links(bo, &Suite::ALL);
    let club = town.creates_group(ada, "club", &[bo]);
    town.passes(MINUTE * 5);
    let copies = [
        (ada, copy(&town, ada, "ada.db")),
        (laptop, copy(&town, laptop, "laptop.db")),
    ];
    town.adds(ada, club, &[cy]);
    town.passes(MINUTE * 5);
    town.does(bo, Command::Leave { conversation: club })
        .unwrap();
    town.passes(MINUTE * 5);
    assert_eq!(town.members(ada, club), ["ada", "cy"]);
    puts_back(&mut town, laptop, &copies[1].1);
    town.passes(MINUTE * 5);
    assert_eq!(town.shows(laptop, club).standing, Standing::Left);
    for who in [laptop, cy] {
        town.goes_offline(who);
    }
    puts_back(&mut town, ada, &copies[0].1);
    town.passes(Duration::from_secs(8));
    town.comes_back(laptop);
    town.passes(Duration::from_secs(8));
    town.comes_back(cy);
    town.passes(MINUTE * 5);
    assert!(!town.events(ada).contains(&Event::Removed(club)));
    talks_on(&mut town, &[ada, cy], club);
}

/// The server forgets ada's tablet, and the conversation moves without it. Her laptop, which has not linked the tablet, does not say that it is out.
#[test]
fn a_linked_device_puts_no_other_one_out_that_the_server_had_forgotten() {
    let mut town = Town::new(53);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let backup = town.store.backup();
    let tablet = town.links(ada, &Suite::ALL);
    let club = town.creates_group(bo, "club", &[ada]);
    town.passes(MINUTE * 5);
    town.says(tablet, club, "one");
    town.settles();
    for who in [ada, tablet] {
        town.goes_offline(who);
    }
    town.puts_server_back(&backup);
    town.passes(MINUTE * 10);
    assert_eq!(town.members(bo, club), ["ada", "bo"]);
    town.comes_back(ada);
    town.settles();
    town.goes_offline(ada);
    town.comes_back(tablet);
    town.passes(Duration::from_secs(10));
    town.comes_back(ada);
    town.passes(MINUTE * 10);
    assert!(!town.events(tablet).contains(&Event::Removed(club)));
    talks_on(&mut town, &[ada, laptop, tablet, bo], club);
}

/// Gus was removed and does not know; finn has lost his place as well, and does not know of cy, who could say that gus is out. While eve
/// is away they go on with each other, and finn would let gus in again whenever eve says that nobody follows.
#[test]
fn who_has_lost_their_place_and_followed_somebody_who_is_out_is_told_by_a_member() {
    let mut town = Town::on_disk(27);
    let [cy, eve, finn, gus] = town.people(["cy", "eve", "finn", "gus"]);
    let club = town.creates_group(gus, "club", &[eve, finn]);
    town.promotes(gus, club, eve, Role::Owner);
    town.passes(MINUTE * 5);
    for who in [finn, gus] {
        town.people[who.0].bends_item = Some(Box::new(|item| item.content = None));
    }
    town.adds(eve, club, &[cy]);
    town.removes(eve, club, &[gus]);
    town.passes(MINUTE);
    for who in [cy, eve] {
        town.goes_offline(who);
    }
    for who in [finn, gus] {
        town.people[who.0].bends_item = None;
        town.says(who, club, "is anybody there?");
    }
    town.passes(MINUTE * 10);
    for who in [finn, gus] {
        assert_eq!(town.members(who, club), ["eve", "finn", "gus"]);
        assert!(is_active(&town, who, club));
    }
    for who in [cy, eve] {
        town.comes_back(who);
    }
    town.passes(MINUTE * 30);
    assert_eq!(town.shows(gus, club).standing, Standing::Left);
    talks_on(&mut town, &[cy, eve, finn], club);
}

/// Bo acts as owner once ada has left. Dee, who is added then, takes ada's place among the leaves, and no more than that.
#[test]
fn whoever_is_added_after_the_owner_has_left_is_not_in_charge() {
    let mut town = Town::new(29);
    let [ada, bo, cy, dee] = town.people(["ada", "bo", "cy", "dee"]);
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(MINUTE);
    town.does(ada, Command::Leave { conversation: club })
        .unwrap();
    town.passes(MINUTE * 5);
    town.adds(bo, club, &[dee]);
    town.passes(MINUTE * 5);
    for who in [bo, cy, dee] {
        let members = town.shows(who, club).members;
        let owner = members.iter().find(|one| one.role == Role::Owner).unwrap();
        assert_eq!(owner.contact.handle, "bo", "{who:?}");
    }
    talks_on(&mut town, &[bo, cy, dee], club);
}

/// Ada's phone learns of a conversation only after it has removed the laptop that has come into it meanwhile.
#[test]
fn a_removed_device_goes_out_of_conversations_that_its_primary_comes_into_later() {
    let mut town = Town::new(30);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    town.goes_offline(ada);
    let club = town.creates_group(bo, "club", &[ada]);
    town.passes(MINUTE);
    assert!(is_active(&town, laptop, club));
    let device = town.me(laptop).device;
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.comes_back(ada);
    town.passes(MINUTE * 5);
    for who in [ada, bo] {
        let members = town.shows(who, club).members;
        let devices: Vec<usize> = members.iter().map(|one| one.devices).collect();
        assert_eq!(devices, [1, 1], "{who:?}");
    }
    talks_on(&mut town, &[ada, bo], club);
}

/// The directory has not heard yet that ada's laptop is removed, and hands out its key packages to bo, who adds ada once more.
#[test]
fn a_removed_device_that_somebody_adds_again_goes_out_again() {
    let mut town = Town::new(32);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let club = town.creates_group(bo, "club", &[ada]);
    town.passes(MINUTE * 5);
    town.goes_offline(laptop);
    let device = town.me(laptop).device;
    town.people[ada.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::RemoveDevice(_)).then(|| refusal(RefusalCode::Busy))
    }));
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.passes(MINUTE);
    let devices = |town: &Town, who| {
        let members = town.shows(who, club).members.into_iter();
        members.map(|one| one.devices).collect::<Vec<usize>>()
    };
    assert_eq!(devices(&town, bo), [1, 1]);
    town.adds(bo, club, &[ada]);
    town.passes(MINUTE);
    for who in [ada, bo] {
        assert_eq!(devices(&town, who), [1, 1], "{who:?}");
    }
    town.people[ada.0].refuses = None;
    town.passes(MINUTE * 10);
    talks_on(&mut town, &[ada, bo], club);
}

/// The server has lost that ada has removed her laptop.
#[test]
fn a_device_that_was_removed_stays_so_when_the_server_is_put_back() {
    let mut town = Town::on_disk(31);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let club = town.creates_group(bo, "club", &[ada]);
    town.passes(MINUTE * 5);
    let backup = town.store.backup();
    let device = town.me(laptop).device;
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.says(bo, club, "after that");
    town.passes(MINUTE * 5);
    assert!(town.events(laptop).contains(&Event::DeviceRemoved));
    town.puts_server_back(&backup);
    town.passes(MINUTE * 10);
    town.comes_back(laptop);
    town.passes(MINUTE);
    assert!(town.people[laptop.0].line.is_none(), "it is greeted");
    talks_on(&mut town, &[ada, bo], club);
}

/// The server has lost that bo was added again, not that he was removed; ada, who goes on from the later epoch, has done both.
#[test]
fn who_was_added_again_and_the_server_has_lost_that_comes_in_where_the_conversation_goes_on() {
    let mut town = Town::new(30);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(MINUTE * 5);
    town.removes(ada, club, &[bo]);
    town.passes(MINUTE);
    assert_eq!(town.shows(bo, club).standing, Standing::Left);
    let backup = town.store.backup();
    town.goes_offline(bo);
    town.adds(ada, club, &[bo]);
    town.passes(MINUTE);
    town.puts_server_back(&backup);
    town.passes(MINUTE);
    assert!(town.events(ada).contains(&Event::Moved(club)));
    town.comes_back(bo);
    assert!(
        is_active(&town, bo, club),
        "before anybody is invited again"
    );
    talks_on(&mut town, &[ada, bo, cy], club);
}

/// Cy was removed, which the server has lost, and bo, who goes on, has not heard. Cy declines that; and while cy is away the directory has
/// nothing of cy's but the key package that bo has used.
#[test]
fn who_was_removed_unknown_to_the_others_and_is_away_for_long_comes_in_where_they_go_on() {
    let mut town = Town::new(31);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let club = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(MINUTE * 5);
    let backup = town.store.backup();
    town.does(bo, Command::Update { conversation: club })
        .unwrap();
    town.passes(MINUTE);
    town.goes_offline(bo);
    town.removes(ada, club, &[cy]);
    town.passes(MINUTE);
    assert_eq!(town.shows(cy, club).standing, Standing::Left);
    for who in [ada, cy] {
        town.goes_offline(who);
    }
    town.puts_server_back(&backup);
    town.comes_back(bo);
    town.passes(MINUTE * 60);
    assert!(town.events(bo).contains(&Event::Moved(club)));
    town.comes_back(cy);
    town.passes(MINUTE);
    assert_eq!(town.shows(cy, club).standing, Standing::Left);
    town.passes(MINUTE * 120);
    talks_on(&mut town, &[bo, cy], club);
}

/// Ada was put back to before she began the club and left it, begins it again and adds bo; before that comes back to her she hears that she is out.
#[test]
fn who_was_being_added_where_nobody_follows_is_told() {
    let mut town = Town::on_disk(34);
    let [ada, bo, eve] = town.people(["ada", "bo", "eve"]);
    town.meets(ada, eve);
    town.goes_offline(ada);
    let club = town.creates_group(ada, "club", &[eve]);
    let copy = copy(&town, ada, "copy.db");
    town.comes_back(ada);
    town.does(ada, Command::Leave { conversation: club })
        .unwrap();
    town.passes(MINUTE * 5);
    assert_eq!(town.members(eve, club), ["eve"]);
    town.goes_offline(ada);
    town.goes_offline(bo);
    puts_back(&mut town, ada, &copy);
    town.adds(ada, club, &[bo]);
    // Her change is taken, and does not come back to her before eve's word.
    town.people[ada.0].bends_item = Some(Box::new(|item| {
        if matches!(item.content, Some(Content::Message(_))) {
            item.content = None;
        }
    }));
    town.comes_back(ada);
    town.passes(MINUTE * 5);
    assert_eq!(town.shows(ada, club).standing, Standing::Left);
    town.people[ada.0].bends_item = None;
    town.comes_back(bo);
    town.passes(MINUTE * 15);
    for who in [ada, bo] {
        assert_eq!(town.shows(who, club).standing, Standing::Left, "{who:?}");
    }
    assert_eq!(town.members(eve, club), ["eve"]);
}
