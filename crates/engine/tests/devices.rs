//! Several devices of a person, and what the schedule does with keys over the days.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unchecked_time_subtraction
)]

mod town;

use std::time::Duration;

use keyfold_engine::limits::{
    LAST_RESORT_INTERVAL, UPDATE_AFTER_JOIN, UPDATE_INTERVAL, UPDATE_MESSAGES,
};
use keyfold_engine::view::{Standing, What};
use keyfold_engine::{Command, Complaint, Event};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use town::{Town, Who};

const DAY: Duration = Duration::from_hours(24);

fn epoch(town: &Town, who: Who, conversation: ConversationId) -> u64 {
    town.shows(who, conversation).epoch.0
}

/// The requests of somebody since then, of one kind.
fn asked(town: &Town, who: Who, since: usize, kind: fn(&Body) -> bool) -> usize {
    let asked = &town.people[who.0].asked;
    asked[since..].iter().filter(|body| kind(body)).count()
}

fn is_commit(body: &Body) -> bool {
    matches!(body, Body::Commit(_))
}

fn is_replacement(body: &Body) -> bool {
    matches!(body, Body::PublishKeyPackages(publish) if publish.replace)
}

#[test]
fn a_new_device_comes_into_every_conversation_and_reads_nothing_from_before() {
    let mut town = Town::new(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let talk = town.meets(ada, bo);
    let group = town.creates_group(bo, "club", &[ada, cy]);
    town.says(ada, talk, "before the laptop");
    town.says(cy, group, "before the laptop, too");
    town.settles();
    let laptop = town.links(ada, &Suite::ALL);
    assert!(
        town.events(ada)
            .iter()
            .any(|event| matches!(event, Event::DeviceAdded(_)))
    );
    assert_eq!(town.me(ada).account, town.me(laptop).account);
    assert!(!town.me(laptop).primary);
    for conversation in [talk, group] {
        assert_eq!(town.shows(laptop, conversation).standing, Standing::Active);
        assert!(town.reads(laptop, conversation).is_empty());
        let shown = town.shows(bo, conversation);
        let adas = shown
            .members
            .iter()
            .find(|member| member.contact.handle == "ada")
            .unwrap();
        assert_eq!(adas.devices, 2);
    }
    town.says(ada, talk, "from the phone");
    town.says(bo, talk, "to both");
    town.settles();
    town.says(laptop, talk, "from the laptop");
    town.settles();
    let all = ["from the phone", "to both", "from the laptop"];
    assert_eq!(town.reads(laptop, talk), all);
    assert_eq!(town.reads(ada, talk)[1..], all);
    assert_eq!(town.reads(bo, talk)[1..], all);
    for device in [ada, laptop] {
        let own: Vec<bool> = town
            .timeline(device, talk)
            .iter()
            .filter(|entry| matches!(&entry.what, What::Text(text) if text.starts_with("from")))
            .map(|entry| entry.mine)
            .collect();
        assert_eq!(own, [true, true], "both devices' messages are one's own");
        let unread = town.shows(device, talk).unread;
        assert_eq!(unread, 0, "who speaks on one device has read on all");
    }
}

#[test]
fn a_conversation_begun_later_has_both_devices_from_the_beginning() {
    let mut town = Town::new(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(ada, &Suite::ALL);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "to both");
    town.settles();
    for device in [ada, laptop] {
        assert_eq!(town.reads(device, talk), ["to both"]);
    }
    let other = town.creates_group(laptop, "from the laptop", &[bo]);
    town.says(laptop, other, "hello");
    town.settles();
    assert_eq!(town.reads(ada, other), ["hello"], "the phone is in it");
    town.agree(&[ada, laptop, bo], other);
}

#[test]
fn a_removed_device_reads_nothing_new_and_hears_that_it_is_gone() {
    let mut town = Town::new(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let laptop = town.links(ada, &Suite::ALL);
    town.says(bo, talk, "to both");
    town.settles();
    let device = town.me(laptop).device;
    assert_eq!(
        town.does(laptop, Command::RemoveDevice { device }),
        Err(Complaint::Link("a device can't remove itself".to_owned()))
    );
    let primary = town.me(ada).device;
    assert_eq!(
        town.does(laptop, Command::RemoveDevice { device: primary }),
        Err(Complaint::NotPrimary)
    );
    town.does(ada, Command::RemoveDevice { device }).unwrap();
    town.settles();
    town.says(bo, talk, "the laptop is gone");
    town.settles();
    town.passes(Duration::from_secs(5));
    assert_eq!(town.reads(laptop, talk), ["to both"]);
    assert_eq!(town.reads(ada, talk), ["to both", "the laptop is gone"]);
    assert!(town.events(laptop).contains(&Event::DeviceRemoved));
    let shown = town.shows(bo, talk);
    assert!(shown.members.iter().all(|member| member.devices == 1));
    town.agree(&[ada, bo], talk);
}

#[test]
fn only_a_primary_device_adds_another_and_a_link_code_is_for_one_device() {
    let mut town = Town::new(4);
    let [ada] = town.people(["ada"]);
    let laptop = town.links(ada, &Suite::ALL);
    let [tablet, thief] = [town.newcomer(), town.newcomer()];
    let suites = Suite::ALL.to_vec();
    let request = |town: &mut Town, who| {
        let suites = suites.clone();
        match town.does(who, Command::RequestLink { suites }) {
            Ok(keyfold_engine::Answer::LinkRequest(request)) => request,
            other => panic!("{other:?}"),
        }
    };
    let (for_tablet, _) = (request(&mut town, tablet), request(&mut town, thief));
    let add = |link_request: &[u8]| Command::AddDevice {
        link_request: link_request.to_vec(),
    };
    assert_eq!(
        town.does(laptop, add(&for_tablet)),
        Err(Complaint::NotPrimary)
    );
    for end in 0..for_tablet.len() {
        let mut changed = for_tablet.clone();
        changed[end] ^= 1;
        assert!(
            matches!(town.does(ada, add(&changed)), Err(Complaint::Link(_))),
            "byte {end}"
        );
        let cut = &for_tablet[..end];
        assert!(matches!(town.does(ada, add(cut)), Err(Complaint::Link(_))));
    }
    let Ok(keyfold_engine::Answer::Certificate(certificate)) = town.does(ada, add(&for_tablet))
    else {
        panic!("no certificate");
    };
    let accept = |certificate: &[u8]| Command::AcceptLink {
        certificate: certificate.to_vec(),
    };
    assert!(matches!(
        town.does(thief, accept(&certificate)),
        Err(Complaint::Link(_))
    ));
    assert!(matches!(
        town.does(tablet, accept(&certificate[..20])),
        Err(Complaint::Link(_))
    ));
    town.settles();
    town.does(tablet, accept(&certificate)).unwrap();
    town.settles();
    assert_eq!(town.me(tablet).account, town.me(ada).account);
}

#[test]
fn a_last_resort_key_package_serves_several_conversations_and_each_gets_its_own_address() {
    let mut town = Town::new(5);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    town.goes_offline(bo);
    town.uses_up_key_packages(bo);
    let first = town.creates_group(ada, "first", &[bo]);
    let second = town.creates_group(cy, "second", &[bo, ada]);
    town.says(ada, first, "in the first");
    town.says(cy, second, "in the second");
    town.settles();
    town.says(ada, second, "me too");
    town.settles();
    town.comes_back(bo);
    assert_eq!(town.reads(bo, first), ["in the first"]);
    assert_eq!(town.reads(bo, second), ["in the second", "me too"]);
    // Both have one address as yet; being removed from one of them must not cost the other.
    town.removes(ada, first, &[bo]);
    town.settles();
    assert_eq!(town.shows(bo, first).standing, Standing::Left);
    town.says(cy, second, "still there?");
    town.settles();
    assert_eq!(town.reads(bo, second).last().unwrap(), "still there?");
    // The first update brings an own address; what is said around it arrives as well.
    let before = epoch(&town, bo, second);
    town.passes(UPDATE_AFTER_JOIN * 3);
    assert!(epoch(&town, bo, second) > before);
    town.says(cy, second, "with your own address");
    town.settles();
    assert_eq!(
        town.reads(bo, second).last().unwrap(),
        "with your own address"
    );
    town.agree(&[ada, bo, cy], second);
    town.passes(DAY);
    // The directory's last-resort package works on.
    town.goes_offline(bo);
    town.uses_up_key_packages(bo);
    let third = town.creates_group(cy, "third", &[bo]);
    town.says(cy, third, "again");
    town.settles();
    town.comes_back(bo);
    assert_eq!(town.reads(bo, third), ["again"]);
}

/// Bo's first change there is none of his keys, and so leaves him the address of the last-resort key package.
#[test]
fn who_came_in_by_a_last_resort_key_package_gets_an_own_address_whatever_they_change_first() {
    let mut town = Town::new(23);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    town.goes_offline(bo);
    town.uses_up_key_packages(bo);
    let first = town.creates_group(ada, "first", &[bo]);
    town.promotes(ada, first, bo, Role::Admin);
    town.settles();
    town.comes_back(bo);
    town.adds(bo, first, &[cy]);
    town.settles();
    assert_eq!(town.members(ada, first), ["ada", "bo", "cy"]);
    assert_eq!(asked(&town, bo, 0, is_commit), 1);
    for _ in 0..2 {
        town.passes(UPDATE_AFTER_JOIN * 4);
        assert_eq!(
            asked(&town, bo, 0, is_commit),
            2,
            "his keys are renewed, once"
        );
    }
}

#[test]
fn who_left_or_was_removed_comes_back_and_reads_on() {
    let mut town = Town::new(6);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.says(ada, group, "one");
    town.settles();
    town.does(
        bo,
        Command::Leave {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    town.passes(Duration::from_secs(30));
    town.removes(ada, group, &[cy]);
    town.settles();
    assert_eq!(town.members(ada, group), ["ada"]);
    for gone in [bo, cy] {
        let send = Command::Send {
            conversation: group,
            text: "am I still here?".to_owned(),
        };
        assert_eq!(town.does(gone, send), Err(Complaint::NotAMember));
    }
    town.says(ada, group, "alone");
    town.settles();
    town.adds(ada, group, &[bo, cy]);
    town.settles();
    town.says(bo, group, "back");
    town.settles();
    town.says(ada, group, "welcome");
    town.settles();
    assert_eq!(town.reads(bo, group), ["one", "back", "welcome"]);
    assert_eq!(town.reads(cy, group), ["one", "back", "welcome"]);
    assert_eq!(town.shows(ada, group).epoch, town.shows(bo, group).epoch);
    let gaps = town.timeline(ada, group);
    assert!(!gaps.iter().any(|entry| matches!(entry.what, What::Gap(_))));
}

#[test]
fn roles_decide_who_may_do_what() {
    let mut town = Town::new(7);
    let [ada, bo, cy, di] = town.people(["ada", "bo", "cy", "di"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    let [adas, bos] = [ada, bo].map(|who| town.me(who).account);
    let rename = |name: &str| Command::Rename {
        conversation: group,
        name: name.to_owned(),
    };
    let role = |account, role| Command::ChangeRole {
        conversation: group,
        account,
        role,
    };
    let remove = |who: &str| Command::Remove {
        conversation: group,
        people: vec![who.to_owned()],
    };
    for forbidden in [rename("mine"), role(bos, Role::Admin), remove("cy")] {
        assert_eq!(town.does(bo, forbidden), Err(Complaint::NotAllowed));
    }
    town.does(ada, role(bos, Role::Admin)).unwrap();
    town.settles();
    town.does(bo, rename("ours")).unwrap();
    town.settles();
    assert_eq!(town.shows(cy, group).name, "ours");
    assert_eq!(town.does(bo, remove("ada")), Err(Complaint::NotAllowed));
    town.removes(bo, group, &[cy]);
    town.adds(bo, group, &[di]);
    town.settles();
    assert_eq!(town.members(ada, group), ["ada", "bo", "di"]);
    town.does(ada, role(bos, Role::Owner)).unwrap();
    town.settles();
    let of = |town: &Town, account| {
        let shown = town.shows(di, group);
        let mut members = shown.members.into_iter();
        members
            .find(|member| member.contact.account == account)
            .unwrap()
            .role
    };
    assert_eq!(
        (of(&town, adas), of(&town, bos)),
        (Role::Admin, Role::Owner)
    );
    assert_eq!(town.does(ada, remove("bo")), Err(Complaint::NotAllowed));
    town.agree(&[ada, bo, di], group);
    let direct = town.meets(ada, bo);
    for command in [
        Command::Leave {
            conversation: direct,
        },
        Command::Rename {
            conversation: direct,
            name: "x".to_owned(),
        },
    ] {
        assert_eq!(town.does(ada, command), Err(Complaint::GroupsOnly));
    }
}

#[test]
fn keys_are_renewed_after_joining_each_week_and_after_so_many_messages() {
    let mut town = Town::new(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let start = epoch(&town, ada, talk);
    let [adas, bos] = [ada, bo].map(|who| town.people[who.0].asked.len());
    town.passes(UPDATE_AFTER_JOIN * 3);
    assert_eq!(asked(&town, bo, bos, is_commit), 1, "soon after joining");
    assert_eq!(
        asked(&town, ada, adas, is_commit),
        0,
        "the creator's are new"
    );
    town.passes(UPDATE_INTERVAL - UPDATE_AFTER_JOIN * 4);
    assert_eq!(asked(&town, ada, adas, is_commit), 0);
    town.passes(UPDATE_AFTER_JOIN * 10);
    assert_eq!(asked(&town, ada, adas, is_commit), 1, "after a week");
    assert_eq!(asked(&town, bo, bos, is_commit), 2);
    assert_eq!(epoch(&town, ada, talk), start + 3);
    let [adas, bos] = [ada, bo].map(|who| town.people[who.0].asked.len());
    for number in 1..UPDATE_MESSAGES {
        town.says(ada, talk, &number.to_string());
    }
    town.settles();
    town.passes(Duration::from_secs(1));
    assert_eq!(asked(&town, ada, adas, is_commit), 0);
    town.says(ada, talk, "the thousandth");
    town.settles();
    town.passes(Duration::from_secs(1));
    assert_eq!(asked(&town, ada, adas, is_commit), 1, "the one who spoke");
    assert_eq!(asked(&town, bo, bos, is_commit), 1, "the one who heard");
    town.agree(&[ada, bo], talk);
}

#[test]
fn an_update_replaces_all_key_packages_and_the_last_resort_is_never_older_than_a_week() {
    let mut town = Town::new(9);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let since = town.people[ada.0].asked.len();
    town.does(ada, Command::Update { conversation: talk })
        .unwrap();
    town.settles();
    assert_eq!(asked(&town, ada, since, is_replacement), 1);
    let [cy] = town.people(["cy"]);
    let since = town.people[cy.0].asked.len();
    town.passes(LAST_RESORT_INTERVAL - Duration::from_mins(1));
    assert_eq!(asked(&town, cy, since, is_replacement), 0);
    town.passes(Duration::from_mins(2));
    assert_eq!(asked(&town, cy, since, is_replacement), 1, "weekly");
    town.says(ada, talk, "still talking");
    town.settles();
    town.agree(&[ada, bo], talk);
}

#[test]
fn key_packages_are_restocked_when_they_run_low() {
    let mut town = Town::new(10);
    let [ada] = town.people(["ada"]);
    for _ in 0..4 {
        town.uses_up_key_packages(ada);
        town.settles();
    }
    let [bo] = town.people(["bo"]);
    let fetch = v1::FetchKeyPackages {
        account: town.me(ada).account.to_wire(),
        suite: u32::from(Suite::Hybrid.number()),
    };
    let Ok(Content::KeyPackages(found)) = town.asks(Body::FetchKeyPackages(fetch)) else {
        panic!("no key packages");
    };
    assert!(
        !found.devices[0].last_resort,
        "there are one-time ones again"
    );
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "hello");
    town.settles();
    assert_eq!(town.reads(ada, talk), ["hello"]);
}

#[test]
fn who_was_pushed_off_the_line_reads_what_waited_in_the_epoch_before() {
    let mut town = Town::new(11);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.goes_offline(bo);
    town.says(ada, group, "in the old epoch");
    town.settles();
    town.does(
        cy,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    town.says(ada, group, "in the new epoch");
    town.settles();
    // Long after any grace: nothing is erased before it has been read.
    town.passes(3 * DAY);
    town.comes_back(bo);
    assert_eq!(
        town.reads(bo, group),
        ["in the old epoch", "in the new epoch"]
    );
    town.agree(&[ada, bo, cy], group);
}
