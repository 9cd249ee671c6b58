//! What people show of themselves: to whom they talk, to nobody else, and the same on all devices.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::limits::{PROFILE_AHEAD, TOLD_IN};
use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::content::{Picture, Profile, Saying};
use keyfold_protocol::limits::{MAX_ABOUT, MAX_NAME, MAX_PICTURE, MAX_PROFILE_VERSION};
use keyfold_protocol::state::{Description, Name};
use keyfold_protocol::suite::Suite;
use town::copied::TO_VERSION_10;
use town::mallory::Hostile;
use town::{Town, Who};

fn picture(byte: u8) -> Vec<u8> {
    let mut picture = vec![0xff, 0xd8, 0xff];
    picture.resize(20_000, byte);
    picture
}

fn shows(town: &mut Town, who: Who, name: &str) -> Result<Answer, Complaint> {
    let command = Command::SetProfile {
        name: name.to_owned(),
        about: "on the mountain\nmostly".to_owned(),
        picture: Some(picture(name.len().to_le_bytes()[0])),
    };
    town.does(who, command)
}

/// What somebody knows another one by.
fn knows(town: &Town, who: Who, other: Who) -> Option<String> {
    let account = town.me(other).account;
    let engine = &town.people[who.0].engine;
    let profile = engine.profile(&account).unwrap()?;
    let name = profile.name.to_string();
    let picture = profile.picture.unwrap();
    assert_eq!(picture.as_bytes()[3], name.len().to_le_bytes()[0]);
    assert_eq!(profile.about.as_str(), "on the mountain\nmostly");
    let contact = engine.contact(&town.handle(other)).unwrap().unwrap();
    assert_eq!(contact.name.unwrap().to_string(), name);
    Some(name)
}

#[test]
fn a_profile_comes_with_what_is_said_and_is_no_message() {
    let mut town = Town::new(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let tablet = town.links(ada, &Suite::ALL);
    let talk = town.meets(ada, bo);
    let group = town.creates_group(cy, "hut", &[ada]);
    town.says(cy, group, "a stranger's words");
    town.settles();
    assert_eq!(shows(&mut town, ada, "Ada B."), Ok(Answer::Taken));
    town.settles();
    assert_eq!(knows(&town, ada, ada), Some("Ada B.".to_owned()));
    for who in [bo, cy] {
        assert_eq!(knows(&town, who, ada), None, "nobody has been spoken to");
    }
    town.says(ada, talk, "hello");
    town.settles();
    for who in [bo, tablet] {
        assert_eq!(knows(&town, who, ada), Some("Ada B.".to_owned()));
        assert_eq!(town.reads(who, talk), ["hello"]);
    }
    assert_eq!(knows(&town, cy, ada), None, "a stranger hears nothing");
    let account = town.me(ada).account;
    let told = |events: &[Event]| {
        let mut told = events.iter();
        told.any(|event| *event == Event::PersonChanged(account))
    };
    assert!(told(town.events(bo)) && told(town.events(tablet)));
    let sent = |event: &&Event| matches!(event, Event::Sent(..));
    assert_eq!(town.events(ada).iter().filter(sent).count(), 1);
    let conversations = town.people[bo.0].engine.conversations().unwrap();
    assert_eq!(conversations[0].unread, 1);
    town.agree(&[ada, bo, tablet], talk);
}

#[test]
fn a_change_is_told_at_once_to_whom_one_talks_to_and_the_newest_stands_on_all_devices() {
    let mut town = Town::new(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let tablet = town.links(ada, &Suite::ALL);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.says(bo, talk, "hello ada");
    town.settles();
    town.goes_offline(bo);
    shows(&mut town, ada, "Ada").unwrap();
    town.settles();
    shows(&mut town, tablet, "Ada the Second").unwrap();
    town.settles();
    town.comes_back(bo);
    town.settles();
    for who in [ada, bo, tablet] {
        assert_eq!(knows(&town, who, ada), Some("Ada the Second".to_owned()));
    }
    // Both at once: the later one stands, everywhere.
    town.goes_offline(ada);
    town.goes_offline(tablet);
    shows(&mut town, tablet, "from the tablet").unwrap();
    town.passes(Duration::from_secs(5));
    shows(&mut town, ada, "from the phone").unwrap();
    town.comes_back(ada);
    town.settles();
    town.comes_back(tablet);
    town.settles();
    for who in [ada, bo, tablet] {
        assert_eq!(knows(&town, who, ada), Some("from the phone".to_owned()));
    }
    assert_eq!(town.reads(bo, talk), ["hello", "hello ada"]);
    town.agree(&[ada, bo, tablet], talk);
}

#[test]
fn whoever_comes_in_hears_of_it_when_its_owner_speaks() {
    let mut town = Town::new(3);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "hut", &[bo]);
    town.says(bo, group, "hello");
    town.settles();
    shows(&mut town, bo, "Bo").unwrap();
    town.settles();
    assert_eq!(knows(&town, ada, bo), Some("Bo".to_owned()));
    town.adds(ada, group, &[cy]);
    town.settles();
    assert_eq!(knows(&town, cy, bo), None);
    town.says(bo, group, "welcome");
    town.settles();
    assert_eq!(knows(&town, cy, bo), Some("Bo".to_owned()));
    assert_eq!(town.reads(cy, group), ["welcome"]);
    // A new device of somebody who is there has not heard it either.
    let phone = town.links(cy, &Suite::ALL);
    town.settles();
    town.says(bo, group, "once more");
    town.settles();
    assert_eq!(knows(&town, phone, bo), Some("Bo".to_owned()));
    // Where only admins may say something, everybody may still be called something else.
    let allow = Command::Allow {
        conversation: group,
        deed: keyfold_engine::Deed::Post,
        policy: keyfold_protocol::state::Policy::Admins,
    };
    town.does(ada, allow).unwrap();
    town.settles();
    shows(&mut town, bo, "Bo the Quiet").unwrap();
    town.settles();
    for who in [ada, cy, phone] {
        assert_eq!(knows(&town, who, bo), Some("Bo the Quiet".to_owned()));
    }
}

#[test]
fn what_is_set_offline_survives_a_restart_and_what_was_shown_before_is_in_no_file() {
    let mut town = Town::on_disk(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.settles();
    shows(&mut town, ada, "MARKEDNAME").unwrap();
    town.settles();
    assert!(town.holds(ada, "MARKEDNAME") && town.holds(bo, "MARKEDNAME"));
    town.goes_offline(ada);
    shows(&mut town, ada, "Ada").unwrap();
    town.people[ada.0].restarts();
    town.comes_back(ada);
    town.settles();
    town.passes(Duration::from_mins(10));
    for who in [ada, bo] {
        assert_eq!(knows(&town, who, ada), Some("Ada".to_owned()));
        assert!(!town.holds(who, "MARKEDNAME"));
    }
    // The same again is no change.
    let before = town.events(bo).len();
    shows(&mut town, ada, "Ada").unwrap();
    town.settles();
    assert_eq!(town.events(bo).len(), before);
}

#[test]
fn what_can_t_be_shown_is_said_at_once() {
    let mut town = Town::new(5);
    let [ada] = town.people(["ada"]);
    let set = |town: &mut Town, name: &str, about: &str, picture| {
        let command = Command::SetProfile {
            name: name.to_owned(),
            about: about.to_owned(),
            picture,
        };
        town.does(ada, command)
    };
    let mut largest = picture(1);
    largest.resize(MAX_PICTURE, 1);
    let mut larger = largest.clone();
    larger.push(1);
    let (name, about) = ("n".repeat(MAX_NAME), "a".repeat(MAX_ABOUT));
    assert!(set(&mut town, &name, &about, Some(largest)).is_ok());
    let refused = Err(Complaint::Profile(MAX_ABOUT, MAX_PICTURE));
    assert_eq!(set(&mut town, "", &format!("{about}a"), None), refused);
    assert_eq!(set(&mut town, "", "", Some(larger)), refused);
    assert_eq!(set(&mut town, "", "", Some(b"GIF89a".to_vec())), refused);
    assert_eq!(set(&mut town, "", "\u{202e}", None), refused);
    for name in ["a\u{202e}da", "two\nlines", &format!("{name}n")] {
        let answer = set(&mut town, name, "", None);
        assert!(matches!(answer, Err(Complaint::Name(_))), "{name}");
    }
    let account = town.me(ada).account;
    let kept = town.people[ada.0].engine.profile(&account).unwrap();
    assert_eq!(kept.unwrap().name.as_str(), name, "nothing changed");
    assert!(set(&mut town, " ", "", None).is_ok());
    let nobody = town.people[ada.0].engine.contact("ada").unwrap().unwrap();
    assert_eq!(nobody.name, None);
}

#[test]
fn a_large_group_is_told_when_its_member_speaks_a_small_one_at_once() {
    let mut town = Town::new(6);
    let names: Vec<String> = (0..=TOLD_IN).map(|n| format!("p{n}")).collect();
    let people: Vec<Who> = names
        .iter()
        .map(|name| town.people([name.as_str()])[0])
        .collect();
    let (ada, others) = people.split_first().unwrap();
    let (last, few) = others.split_last().unwrap();
    let group = town.creates_group(*ada, "hut", few);
    town.says(*ada, group, "hello");
    town.settles();
    shows(&mut town, *ada, "Ada").unwrap();
    town.settles();
    assert_eq!(knows(&town, few[0], *ada), Some("Ada".to_owned()));
    town.adds(*ada, group, &[*last]);
    town.settles();
    shows(&mut town, *ada, "Ada B.").unwrap();
    town.settles();
    assert_eq!(knows(&town, few[0], *ada), Some("Ada".to_owned()));
    town.says(*ada, group, "welcome");
    town.settles();
    for who in [few[0], *last] {
        assert_eq!(knows(&town, who, *ada), Some("Ada B.".to_owned()));
    }
}

#[test]
fn a_version_of_a_clock_that_stands_far_ahead_locks_nobody_out() {
    let mut scene = Hostile::new();
    let profile = |version, name: &str| Profile {
        version,
        name: Name::new(name).unwrap(),
        about: Description::new("on the mountain\nmostly").unwrap(),
        picture: Some(Picture::new(picture(name.len().to_le_bytes()[0])).unwrap()),
    };
    let [_, bo, mallory] = scene.people;
    scene.says(Saying::Profile(&profile(MAX_PROFILE_VERSION, "2038")));
    assert_eq!(knows(&scene.town, bo, mallory), Some("2038".to_owned()));
    let now = scene.town.now().0;
    scene.says(Saying::Profile(&profile(now, "today")));
    assert_eq!(knows(&scene.town, bo, mallory), Some("2038".to_owned()));
    scene.town.passes(PROFILE_AHEAD + Duration::from_hours(1));
    let later = scene.town.now().0;
    scene.says(Saying::Profile(&profile(later, "tomorrow")));
    assert_eq!(knows(&scene.town, bo, mallory), Some("tomorrow".to_owned()));
}

#[test]
fn a_database_of_the_version_before_learns_of_profiles() {
    let mut town = Town::on_disk(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "hello");
    town.settles();
    town.people[ada.0].restarts_with(|database| {
        database.execute_batch(TO_VERSION_10).unwrap();
    });
    shows(&mut town, ada, "Ada").unwrap();
    town.settles();
    assert_eq!(knows(&town, bo, ada), Some("Ada".to_owned()), "at once");
}
