//! A server that lies: replays, reorders, mixes up, swaps keys, hands out what it should not.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use keyfold_engine::view::{State, What};
use keyfold_engine::{Command, Event, Input};
use keyfold_protocol::identity::AccountKey;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use rand::Rng as _;
use rand::seq::SliceRandom as _;

use super::town::{Town, Who};
use super::{goes_on, sees};

fn group() -> (Town, [Who; 3], ConversationId) {
    let mut town = Town::new(1);
    let people = town.people(["ada", "bo", "cy"]);
    let [ada, bo, cy] = people;
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.says(ada, group, "one");
    town.settles();
    town.says(cy, group, "two");
    town.settles();
    town.does(
        ada,
        Command::Update {
            conversation: group,
        },
    )
    .unwrap();
    town.settles();
    town.says(ada, group, "three");
    town.settles();
    (town, people, group)
}

#[test]
fn replayed_and_reordered_items_change_nothing_also_in_another_mailbox() {
    let (mut town, [ada, bo, cy], group) = group();
    let talk = town.meets(bo, cy);
    town.says(bo, talk, "elsewhere");
    town.settles();
    let before = [group, talk].map(|conversation| sees(&town, bo, conversation));
    let serials: Vec<u64> = town.people[bo.0]
        .recorded
        .iter()
        .map(|item| item.serial)
        .collect();
    let mut items: Vec<v1::Item> = [ada, bo, cy]
        .into_iter()
        .flat_map(|who| town.people[who.0].recorded.clone())
        .collect();
    let mut rng = town.rng.clone();
    let now = town.now();
    for round in 0..4 {
        items.shuffle(&mut rng);
        for item in &items {
            let mut item = item.clone();
            // As pushed, and for each address of this mailbox.
            if let Some(serial) = serials.get(round) {
                item.serial = *serial;
            }
            town.people[bo.0].slip_in(item, now);
        }
        assert_eq!(sees(&town, bo, group), before[0]);
        assert_eq!(sees(&town, bo, talk), before[1]);
    }
    goes_on(&mut town, &[ada, bo, cy], group);
    goes_on(&mut town, &[bo, cy], talk);
}

#[test]
fn what_comes_in_the_wrong_order_is_read_in_the_end() {
    // The commit before the welcome, messages before the commit: whatever the server turns round within an epoch's grace.
    for seed in 0..10 {
        let mut town = Town::new(seed);
        let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
        town.goes_offline(bo);
        let group = town.creates_group(ada, "club", &[bo, cy]);
        town.says(ada, group, "one");
        town.says(cy, group, "two");
        town.settles();
        town.does(
            cy,
            Command::Update {
                conversation: group,
            },
        )
        .unwrap();
        town.settles();
        town.says(ada, group, "three");
        town.says(cy, group, "four");
        town.settles();
        // Contents change places; sequences stay.
        let waiting = Rc::new(RefCell::new(Vec::<v1::Item>::new()));
        let kept = Rc::clone(&waiting);
        town.people[bo.0].bends_item = Some(Box::new(move |item| {
            kept.borrow_mut().push(item.clone());
            item.content = None;
        }));
        town.comes_back(bo);
        town.people[bo.0].bends_item = None;
        let mut items = std::mem::take(&mut *waiting.borrow_mut());
        assert!(items.len() >= 6);
        items.shuffle(&mut town.rng.clone());
        let now = town.now();
        for item in items {
            town.people[bo.0].slip_in(item, now);
        }
        town.settles();
        let mut read = town.reads(bo, group);
        read.sort();
        assert_eq!(read, ["four", "one", "three", "two"], "seed {seed}");
        let gap = |left: &What| matches!(left, What::Gap(count) if *count > 0);
        let gaps = town.timeline(bo, group);
        assert!(!gaps.iter().any(|entry| gap(&entry.what)), "seed {seed}");
        goes_on(&mut town, &[ada, bo, cy], group);
    }
}

#[test]
fn a_damaged_welcome_lets_nobody_in_and_the_genuine_one_does_after_it() {
    let mut town = Town::new(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let waiting = Rc::new(RefCell::new(Vec::<v1::Item>::new()));
    let kept = Rc::clone(&waiting);
    town.people[bo.0].bends_item = Some(Box::new(move |item| {
        kept.borrow_mut().push(item.clone());
        item.content = None;
    }));
    let group = town.creates_group(ada, "club", &[bo]);
    town.people[bo.0].bends_item = None;
    let genuine = waiting.borrow()[0].clone();
    let Some(v1::item::Content::Welcome(welcome)) = &genuine.content else {
        panic!("no welcome");
    };
    let now = town.now();
    let mut rng = town.rng.clone();
    for round in 0..120 {
        let mut welcome = welcome.clone();
        let part = if round % 2 == 0 {
            &mut welcome.secrets
        } else {
            &mut welcome.group_info
        };
        let mut bytes = part.to_vec();
        let at = rng.random_range(0..bytes.len());
        match round / 2 % 4 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes.insert(at, rng.random()),
            _ => rng.fill(bytes.as_mut_slice()),
        }
        *part = bytes.into();
        let item = v1::Item {
            content: Some(v1::item::Content::Welcome(welcome)),
            ..genuine.clone()
        };
        town.people[bo.0].slip_in(item, now);
        let joined = town.people[bo.0].engine.conversations().unwrap();
        assert!(joined.is_empty(), "round {round}");
    }
    town.people[bo.0].slip_in(genuine, now);
    town.settles();
    goes_on(&mut town, &[ada, bo], group);
}

#[test]
fn an_own_message_id_with_other_bytes_settles_nothing() {
    let (mut town, [ada, bo, cy], group) = group();
    town.goes_offline(bo);
    town.says(bo, group, "mine");
    // The server takes it, and gives bo something else under its id.
    town.people[bo.0].online = true;
    town.people[bo.0].bends_item = Some(Box::new(|item| {
        if let Some(v1::item::Content::Message(message)) = &mut item.content {
            let mut body = message.body.to_vec();
            body[20] ^= 1;
            message.body = body.into();
        }
    }));
    town.settles();
    let before = town.timeline(bo, group);
    assert_eq!(before.last().unwrap().what, What::Text("mine".to_owned()));
    let settled = before
        .iter()
        .filter(|entry| entry.what == What::Text("mine".to_owned()))
        .count();
    assert_eq!(settled, 1);
    let genuine = town.people[bo.0].recorded.last().unwrap().clone();
    town.people[bo.0].bends_item = None;
    // It has no place yet: what comes meanwhile stands before it.
    town.says(ada, group, "meanwhile");
    town.settles();
    assert_eq!(
        town.reads(bo, group),
        ["one", "two", "three", "meanwhile", "mine"]
    );
    let now = town.now();
    town.people[bo.0].slip_in(genuine, now);
    town.settles();
    town.says(ada, group, "after it");
    town.settles();
    assert_eq!(
        town.reads(bo, group),
        ["one", "two", "three", "meanwhile", "mine", "after it"]
    );
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn a_withheld_message_leaves_a_gap_that_shows() {
    let (mut town, [ada, bo, cy], group) = group();
    town.people[bo.0].bends_item = Some(Box::new(|item| item.content = None));
    town.says(ada, group, "withheld");
    town.settles();
    let withheld = town.people[bo.0].recorded.last().unwrap().clone();
    town.people[bo.0].bends_item = None;
    town.says(ada, group, "four");
    town.settles();
    let gaps = |town: &Town| -> Vec<u64> {
        let entries = town.timeline(bo, group).into_iter();
        entries
            .filter_map(|entry| match entry.what {
                What::Gap(count) => Some(count),
                _ => None,
            })
            .collect()
    };
    assert_eq!(gaps(&town), [1]);
    assert!(
        town.events(bo)
            .iter()
            .any(|event| matches!(event, Event::Gap(_)))
    );
    let now = town.now();
    town.people[bo.0].slip_in(withheld, now);
    assert!(town.reads(bo, group).contains(&"withheld".to_owned()));
    assert_eq!(gaps(&town).iter().sum::<u64>(), 0, "the gap is closed");
    goes_on(&mut town, &[ada, cy], group);
}

#[test]
fn a_swapped_account_key_is_refused_or_told() {
    let mut town = Town::new(3);
    let [ada, bo, eve] = town.people(["ada", "bo", "eve"]);
    town.does(
        ada,
        Command::LookUp {
            handle: "bo".to_owned(),
        },
    )
    .unwrap();
    town.settles();
    let before = town.people[ada.0].engine.contact("bo").unwrap().unwrap();
    assert!(before.confirmed);
    // The account of bo, with another key: that is not the account's.
    let public = AccountKey::generate(&mut town.rng).public();
    town.people[ada.0].bends_reply = Some(Box::new(move |_, reply| {
        if let Content::Account(account) = reply {
            account.account_key = bytes::Bytes::copy_from_slice(&public);
        }
    }));
    town.does(
        ada,
        Command::LookUp {
            handle: "bo".to_owned(),
        },
    )
    .unwrap();
    town.settles();
    assert!(town.events(ada).contains(&Event::NotFound("bo".to_owned())));
    assert_eq!(
        town.people[ada.0].engine.contact("bo").unwrap().unwrap(),
        before
    );
    // Another account altogether: it is told, and nothing of the old one's standing goes over to it.
    let marked = Command::MarkVerified {
        account: before.account,
    };
    town.does(ada, marked).unwrap();
    let eves = town.me(eve);
    town.people[ada.0].bends_reply = Some(Box::new(move |_, reply| {
        if let Content::Account(account) = reply {
            account.account = eves.account.to_wire();
            account.account_key = bytes::Bytes::copy_from_slice(&eves.account_key);
        }
    }));
    town.does(
        ada,
        Command::LookUp {
            handle: "bo".to_owned(),
        },
    )
    .unwrap();
    town.settles();
    assert!(
        town.events(ada)
            .contains(&Event::IdentityChanged("bo".to_owned()))
    );
    let after = town.people[ada.0].engine.contact("bo").unwrap().unwrap();
    assert_eq!(after.account, town.me(eve).account);
    assert!(!after.verified);
    assert_ne!(after.account_key, before.account_key);
    let _ = bo;
}

/// Bends what the directory hands out as somebody's key package.
fn with_key_packages(
    town: &mut Town,
    who: Who,
    bend: impl Fn(&mut v1::DeviceKeyPackage) + 'static,
) {
    town.people[who.0].bends_reply = Some(Box::new(move |body, reply| {
        if let (Body::FetchKeyPackages(_), Content::KeyPackages(packages)) = (body, reply) {
            packages.devices.iter_mut().for_each(&bend);
        }
    }));
}

/// A new group with bo fails, with these words, and bo hears nothing.
#[track_caller]
fn is_not_added(town: &mut Town, ada: Who, bo: Who, words: &str) {
    let create = Command::Create {
        people: vec!["bo".to_owned()],
        name: Some("club".to_owned()),
        suite: None,
    };
    town.does(ada, create).unwrap();
    town.settles();
    let failed = town.events(ada).iter().rev().find_map(|event| match event {
        Event::CreateFailed(_, failure) => Some(failure.to_string()),
        _ => None,
    });
    let failed = failed.expect("it is told");
    assert!(failed.contains(words), "{failed}");
    assert!(town.people[bo.0].engine.conversations().unwrap().is_empty());
}

#[test]
fn a_key_package_of_somebody_else_or_of_noise_is_refused() {
    let mut town = Town::on_disk(4);
    let [ada, bo, eve] = town.people(["ada", "bo", "eve"]);
    let fetch = v1::FetchKeyPackages {
        account: town.me(eve).account.to_wire(),
        suite: u32::from(Suite::Hybrid.number()),
    };
    let Ok(Content::KeyPackages(found)) = town.asks(Body::FetchKeyPackages(fetch)) else {
        panic!("no key packages");
    };
    let eves = found.devices[0].key_package.clone();
    with_key_packages(&mut town, ada, move |package| {
        package.key_package = eves.clone();
    });
    is_not_added(&mut town, ada, bo, "bo has no device");
    with_key_packages(&mut town, ada, |package| {
        let mut bytes = package.key_package.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        package.key_package = bytes.into();
    });
    is_not_added(&mut town, ada, bo, "bo has no device");
    with_key_packages(&mut town, ada, |package| {
        package.key_package = bytes::Bytes::new();
    });
    is_not_added(&mut town, ada, bo, "bo has no device");
    town.people[ada.0].bends_reply = None;
    let group = town.creates_group(ada, "after all", &[bo]);
    goes_on(&mut town, &[ada, bo], group);
}

#[test]
fn an_expired_certificate_is_refused() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    town.goes_offline(bo);
    let lifetime = keyfold_engine::limits::CERTIFICATE_LIFETIME;
    let slack = keyfold_wire::certificate::CLOCK_SLACK;
    town.people[ada.0].skew = i64::try_from((lifetime + slack).as_millis()).unwrap();
    is_not_added(&mut town, ada, bo, "bo has no device");
    town.people[ada.0].skew -= 60_000;
    let group = town.creates_group(ada, "in time", &[bo]);
    town.comes_back(bo);
    goes_on(&mut town, &[ada, bo], group);
}

/// The server says that it opened something else than the group's roster.
fn with_check(
    town: &mut Town,
    who: Who,
    bend: impl Fn(&mut Option<v1::CommitCheck>, &mut v1::CommitCheck) + 'static,
) {
    town.people[who.0].bends_item = Some(Box::new(move |item| {
        if let Some(v1::item::Content::Message(message)) = &mut item.content
            && let Some(mut check) = message.commit.take()
        {
            bend(&mut message.commit, &mut check);
        }
    }));
}

#[test]
fn a_server_that_opened_another_roster_is_found_out_also_by_who_committed() {
    type Bend = fn(&mut Option<v1::CommitCheck>, &mut v1::CommitCheck);
    let bends: [(Bend, &str); 4] = [
        (
            |to, check| {
                check.roster_hash = vec![7; 32].into();
                *to = Some(check.clone());
            },
            "another roster than",
        ),
        (
            |to, check| {
                check.roster_key_hash = vec![7; 32].into();
                *to = Some(check.clone());
            },
            "another roster key than",
        ),
        (
            |to, check| {
                check.roster_hash = check.roster_hash.slice(..31);
                *to = Some(check.clone());
            },
            "malformed",
        ),
        (|to, _| *to = Some(v1::CommitCheck::default()), "malformed"),
    ];
    for (bend, words) in bends {
        for deceived in [0, 1] {
            let (mut town, people, group) = group();
            let (ada, deceived) = (people[0], people[deceived]);
            let epoch = town.shows(deceived, group).epoch;
            with_check(&mut town, deceived, bend);
            let update = Command::Update {
                conversation: group,
            };
            town.does(ada, update).unwrap();
            town.settles();
            let why = super::held(&town, deceived, group).expect("it is refused");
            assert!(why.contains(words), "{why}");
            assert_eq!(town.shows(deceived, group).epoch, epoch, "not entered");
            assert_eq!(super::held(&town, people[2], group), None);
        }
    }
}

/// What is asked for, and how it is seen that it was not lost: told as failed, or waiting, or done in the end.
fn is_refused(kind: &str, code: i32) {
    let mut town = Town::new(8);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo]);
    town.says(ada, group, "before");
    town.settles();
    let of_kind: fn(&Body) -> bool = match kind {
        "send" => |body| matches!(body, Body::Send(_)),
        "commit" => |body| matches!(body, Body::Commit(_)),
        "create" => |body| matches!(body, Body::Create(_)),
        "lookup" => |body| matches!(body, Body::Lookup(_)),
        "fetch" => |body| matches!(body, Body::FetchKeyPackages(_)),
        _ => |body| {
            matches!(
                body,
                Body::TakeAddresses(_) | Body::PublishKeyPackages(_) | Body::RevokeAddresses(_)
            )
        },
    };
    town.people[ada.0].refuses = Some(Box::new(move |body| {
        of_kind(body).then_some(v1::Refused {
            code,
            epoch: 0,
            retry_after_ms: 0,
        })
    }));
    town.says(ada, group, "said");
    let rename = Command::Rename {
        conversation: group,
        name: "society".to_owned(),
    };
    town.does(ada, rename).unwrap();
    let talk = town.meets(ada, cy);
    town.passes(Duration::from_secs(20));
    town.people[ada.0].refuses = None;
    town.passes(Duration::from_secs(700));
    let what = format!("{kind} refused with {code}");
    let events = town.events(ada);
    let created = events.contains(&Event::Ready(talk));
    let failed = |event: &Event| matches!(event, Event::CreateFailed(id, why) if *id == talk && !why.to_string().is_empty());
    assert!(created || events.iter().any(failed), "{what}");
    let said = town.timeline(ada, group);
    let mut said = said
        .iter()
        .filter(|entry| entry.what == What::Text("said".to_owned()));
    let said = said.next().expect("it is not lost").state;
    let read = town.reads(bo, group);
    let arrived = read.iter().filter(|text| *text == "said").count();
    let renamed = town.shows(bo, group).name == "society";
    if let Some(why) = super::held(&town, ada, group) {
        assert!(why.contains("the server refused: "), "{what}: {why}");
        assert!(said == State::Waiting || arrived == 1, "{what}: {said:?}");
        return;
    }
    assert_eq!((said, arrived), (State::Sent, 1), "{what}");
    let told =
        |event: &Event| matches!(event, Event::ChangeFailed(_, why) if !why.to_string().is_empty());
    assert!(renamed || town.events(ada).iter().any(told), "{what}");
    assert_eq!(town.people[ada.0].engine.waiting().unwrap(), 0, "{what}");
    goes_on(&mut town, &[ada, bo], group);
}

#[test]
fn whatever_the_server_refuses_is_told_or_done_later_and_nothing_is_lost() {
    // Those that a device knows by themselves, some that it does not expect, one that nobody knows.
    let codes = [0, 1, 3, 4, 5, 6, 7, 8, 16, 18, 21];
    for kind in ["send", "commit", "create", "lookup", "fetch", "mailbox"] {
        for code in codes {
            is_refused(kind, code);
        }
    }
}

#[test]
fn a_server_that_accepts_and_forgets_loses_nothing_silently() {
    let (mut town, [ada, bo, cy], group) = group();
    town.people[bo.0].bends_item = Some(Box::new(|item| item.content = None));
    town.says(bo, group, "accepted");
    town.settles();
    // It is shown as the server has it; it does not come back, and stays at the end.
    let last = town.timeline(bo, group).pop().unwrap();
    assert_eq!(last.what, What::Text("accepted".to_owned()));
    assert_eq!(last.state, State::Sent);
    assert_eq!(town.reads(ada, group).last().unwrap(), "accepted");
    town.people[bo.0].bends_item = None;
    goes_on(&mut town, &[ada, bo, cy], group);
}

#[test]
fn a_database_that_was_rolled_back_is_noticed() {
    let (mut town, [_, bo, _], _) = group();
    let now = town.now();
    let greeting = v1::Greeting {
        acknowledged: town.people[bo.0].applied() + 1,
        ..v1::Greeting::default()
    };
    town.people[bo.0].apply(Input::Connected(greeting), now);
    assert!(town.events(bo).contains(&Event::RolledBack));
}

/// The directory does not list a linked device, keeps its key package back, or gives one that is no good: the device comes in later.
#[test]
fn a_device_whose_key_package_the_directory_keeps_back_comes_in_later() {
    for cheat in 0..3 {
        let (mut town, [ada, bo, cy], group) = group();
        town.people[ada.0].bends_reply = Some(Box::new(move |_, reply| match reply {
            Content::Account(found) if cheat == 0 => found.device_certificates.truncate(1),
            Content::KeyPackages(found) if cheat == 1 => found.devices.clear(),
            Content::KeyPackages(found) if cheat == 2 => {
                for device in &mut found.devices {
                    device.key_package = bytes::Bytes::from_static(b"none");
                }
            }
            _ => {}
        }));
        let laptop = town.links(ada, &Suite::ALL);
        town.passes(Duration::from_mins(5));
        let came = town.people[laptop.0].engine.conversations().unwrap();
        assert_eq!(came.len(), 0, "cheat {cheat}");
        town.people[ada.0].bends_reply = None;
        town.passes(Duration::from_mins(10));
        goes_on(&mut town, &[ada, bo, cy, laptop], group);
    }
}

#[test]
fn a_device_that_the_directory_never_lists_is_given_up_after_some_hours() {
    let (mut town, [ada, ..], _) = group();
    town.people[ada.0].bends_reply = Some(Box::new(|_, reply| {
        if let Content::Account(found) = reply {
            found.device_certificates.truncate(1);
        }
    }));
    town.links(ada, &Suite::ALL);
    let lookups = |town: &Town| {
        let asked = town.people[ada.0].asked.iter();
        asked.filter(|body| matches!(body, Body::Lookup(_))).count()
    };
    let before = lookups(&town);
    town.passes(Duration::from_hours(10));
    let after = lookups(&town);
    assert!(after > before);
    town.passes(Duration::from_hours(24));
    assert_eq!(lookups(&town), after);
}
