//! A machine that fails: full disks, damaged files, clocks that are off.

use std::path::Path;

use keyfold_engine::store::{Durability, Place, StoreKey};
use keyfold_engine::{Command, Engine, Fault, Input};
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::town::person::copy_database;
use super::town::{Town, Who};
use super::{goes_on, sees};

#[test]
fn a_clock_an_hour_off_in_either_direction_disturbs_nobody() {
    const HOUR: i64 = 60 * 60 * 1_000;
    for (adas, bos) in [(HOUR, -HOUR), (-HOUR, HOUR), (HOUR, HOUR), (-HOUR, -HOUR)] {
        let mut town = Town::new(1);
        let [ada, bo] = [town.newcomer(), town.newcomer()];
        for (who, handle, skew) in [(ada, "ada", adas), (bo, "bo", bos)] {
            town.people[who.0].skew = skew;
            let register = Command::Register {
                handle: handle.to_owned(),
                invitation: String::new(),
                suites: keyfold_protocol::suite::Suite::ALL.to_vec(),
            };
            town.does(who, register).unwrap();
            town.settles();
        }
        let [cy] = town.people(["cy"]);
        let group = town.creates_group(ada, "club", &[bo, cy]);
        goes_on(&mut town, &[ada, bo, cy], group);
        town.does(
            bo,
            Command::Update {
                conversation: group,
            },
        )
        .unwrap();
        town.says(cy, group, "around the update");
        town.says(ada, group, "around it as well");
        town.settles();
        town.passes(std::time::Duration::from_mins(10));
        town.goes_offline(bo);
        town.says(cy, group, "while bo is away");
        town.settles();
        town.passes(std::time::Duration::from_hours(192));
        town.comes_back(bo);
        town.passes(std::time::Duration::from_mins(10));
        town.agree(&[ada, bo, cy], group);
        assert_eq!(town.reads(bo, group).len(), 6);
        // The order and the times are the server's, not those of anybody's device.
        let times: Vec<Timestamp> = town
            .timeline(bo, group)
            .iter()
            .map(|entry| entry.at)
            .collect();
        assert!(times.is_sorted());
    }
}

fn hundred_messages(town: &mut Town, ada: Who, group: ConversationId) {
    town.goes_offline(Who(1));
    for number in 0..100 {
        town.says(ada, group, &format!("{number} {}", "words ".repeat(300)));
    }
    town.settles();
}

/// Pages enough.
const NO_LIMIT: u32 = 1_000_000;

/// Lets the database grow by so many pages at most.
fn room(file: &Path, pages: u32) -> Engine {
    let engine = Engine::open(Place::File(file), None, Durability::Full).unwrap();
    engine.set_quota(pages).unwrap();
    engine
}

#[test]
fn on_a_full_disk_nothing_changes_and_it_goes_on_once_there_is_room() {
    let mut town = Town::on_disk(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "club", &[bo]);
    hundred_messages(&mut town, ada, group);
    let before = sees(&town, bo, group);
    let file = town.people[bo.0].file.clone().unwrap();
    let full = file.with_file_name("full.db");
    copy_database(&file, &full);
    town.people[bo.0].engine = room(&full, 1);
    town.people[bo.0].file = Some(full.clone());

    let now = town.now();
    let mut rng = StdRng::seed_from_u64(1);
    let mut items = Vec::new();
    for item in &town.people[ada.0].recorded {
        items.push(item.clone());
    }
    // What waits for bo, as the server would push it.
    let applied = town.people[bo.0].applied();
    let deliveries = || v1::Deliveries {
        items: items
            .iter()
            .enumerate()
            .map(|(number, item)| v1::Item {
                sequence: applied + 1 + number as u64,
                serial: bos_serial(&full),
                ..item.clone()
            })
            .collect(),
        caught_up: true,
    };
    let engine = &mut town.people[bo.0].engine;
    for _ in 0..3 {
        engine.apply(greeted(), now, &mut rng).unwrap();
        let fault = engine
            .apply(Input::Delivered(deliveries()), now, &mut rng)
            .unwrap_err();
        assert_eq!(fault, Fault::DiskFull);
        assert!(fault.to_string().contains("free some space"));
    }
    let text = "x".repeat(60_000);
    let send = |text: &str| {
        Input::Command(Command::Send {
            conversation: group,
            text: text.to_owned(),
        })
    };
    assert_eq!(
        engine.apply(send(&text), now, &mut rng).unwrap_err(),
        Fault::DiskFull
    );
    assert_eq!(sees(&town, bo, group), before, "nothing has changed");
    let engine = &mut town.people[bo.0].engine;
    engine.set_quota(NO_LIMIT).unwrap();
    // What the connection brings behind a push that could not be written would tear a hole.
    let mut behind = deliveries();
    behind.items.drain(..50);
    let outcome = engine.apply(Input::Delivered(behind), now, &mut rng);
    assert_eq!(outcome.unwrap().acknowledge, None);
    assert_eq!(sees(&town, bo, group), before, "nothing is passed over");
    let engine = &mut town.people[bo.0].engine;
    engine.apply(greeted(), now, &mut rng).unwrap();
    engine
        .apply(Input::Delivered(deliveries()), now, &mut rng)
        .unwrap();
    assert_eq!(town.reads(bo, group).len(), 100, "each of them once");
}

/// A new connection of a device whose key packages are all there.
fn greeted() -> Input {
    let suites = keyfold_protocol::suite::Suite::ALL.into_iter();
    let suites = suites.map(|suite| v1::SuiteSupply {
        suite: suite.number().into(),
        one_time: 20,
        last_resort: true,
    });
    Input::Connected(v1::Greeting {
        known: i64::MAX as u64,
        supply: Some(v1::Supply {
            suites: suites.collect(),
        }),
        ..v1::Greeting::default()
    })
}

fn bos_serial(file: &Path) -> u64 {
    let copy = super::town::copied::Copied::of_file(file);
    let serial: i64 = copy
        .database
        .query_row(
            "SELECT serial FROM conversation WHERE serial IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    u64::try_from(serial).unwrap()
}

#[test]
fn a_disk_that_fills_up_at_any_moment_loses_nothing() {
    let mut town = Town::on_disk(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "club", &[bo]);
    let mut rng = StdRng::seed_from_u64(3);
    let mut full = 0;
    let mut said = Vec::new();
    for round in 0..60 {
        let pages = rng.random_range(1..6);
        town.people[bo.0].engine.set_quota(pages).unwrap();
        let text = format!("{round} {}", "words ".repeat(rng.random_range(1..2_000)));
        let now = town.now();
        let send = Input::Command(Command::Send {
            conversation: group,
            text: text.clone(),
        });
        match town.people[bo.0].engine.apply(send, now, &mut rng) {
            Ok(outcome) => {
                outcome.answer.unwrap();
                said.push(text);
            }
            Err(fault) => {
                assert_eq!(fault, Fault::DiskFull);
                full += 1;
            }
        }
        town.people[bo.0].engine.set_quota(NO_LIMIT).unwrap();
        if round % 5 == 0 {
            town.settles();
        }
    }
    town.settles();
    assert!(full > 5, "the disk was full {full} times");
    assert_eq!(town.reads(ada, group), said);
    town.agree(&[ada, bo], group);
}

fn key() -> StoreKey {
    StoreKey::new([5; 32])
}

/// A database under a key, as a device leaves it when it is closed.
fn encrypted(folder: &Path) -> std::path::PathBuf {
    let mut town = Town::new(4);
    let [ada] = town.people(["ada"]);
    let path = folder.join("bo.db");
    let bo = town.newcomer();
    town.people[bo.0].engine =
        Engine::open(Place::File(&path), Some(&key()), Durability::Full).unwrap();
    let open = Command::AskFirst { wanted: false };
    town.does(bo, open).unwrap();
    let register = Command::Register {
        handle: "bo".to_owned(),
        invitation: String::new(),
        suites: keyfold_protocol::suite::Suite::ALL.to_vec(),
    };
    town.does(bo, register).unwrap();
    town.settles();
    let talk = town.meets(bo, ada);
    goes_on(&mut town, &[ada, bo], talk);
    path
}

#[test]
fn a_damaged_database_is_refused_with_advice_or_works_and_is_never_overwritten_by_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = encrypted(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.db");
    let mut rng = StdRng::seed_from_u64(5);
    let (mut refused, mut noticed) = (0, 0);
    for round in 0..120 {
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes.truncate(rng.random_range(1..bytes.len())),
            1 => {
                let at = rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
            2 => {
                let at = rng.random_range(0..bytes.len() - 4_096);
                rng.fill(&mut bytes[at..at + 4_096]);
            }
            _ => {
                let page = bytes.len() / 4_096;
                let (one, other) = (rng.random_range(0..page), rng.random_range(0..page));
                bytes.copy_within(one * 4_096..(one + 1) * 4_096, other * 4_096);
            }
        }
        let _ = std::fs::remove_file(folder.path().join("damaged.db-wal"));
        std::fs::write(&damaged, &bytes).unwrap();
        match Engine::open(Place::File(&damaged), Some(&key()), Durability::Full) {
            Err(fault) => {
                refused += 1;
                assert!(
                    matches!(fault, Fault::Corrupt(_) | Fault::WrongKey),
                    "{fault:?}"
                );
                let advice = fault.to_string();
                assert!(advice.contains("nothing was"), "{advice}");
                assert!(std::fs::read(&damaged).unwrap() == bytes, "round {round}");
            }
            Ok(mut engine) => noticed += u32::from(uses(&mut engine, &mut rng)),
        }
    }
    assert!(refused > 10, "{refused} refused");
    assert!(noticed > 10, "{noticed} noticed later");
}

/// Uses all of a database that may be damaged. `true`: the damage was met, with a fault and advice.
fn uses(engine: &mut Engine, rng: &mut StdRng) -> bool {
    let mut faults = Vec::new();
    let now = Timestamp(1_790_000_000_000);
    faults.extend(engine.apply(greeted(), now, rng).err());
    match engine.conversations() {
        Ok(all) => {
            for one in all {
                faults.extend(engine.timeline(one.id, None, usize::MAX).err());
                let send = Input::Command(Command::Send {
                    conversation: one.id,
                    text: "is all well?".to_owned(),
                });
                faults.extend(engine.apply(send, now, rng).err());
            }
        }
        Err(fault) => faults.push(fault),
    }
    faults.extend(engine.apply(Input::Tick, now, rng).err());
    while let Ok(Some(_)) = engine.next_request() {}
    for fault in &faults {
        assert!(
            matches!(fault, Fault::Corrupt(_) | Fault::Database(_)),
            "{fault:?}"
        );
    }
    !faults.is_empty()
}

#[test]
fn damage_in_a_database_that_nothing_protects_never_panics() {
    let mut town = Town::on_disk(6);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    goes_on(&mut town, &[ada, bo], talk);
    let file = town.people[bo.0].file.clone().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    copy_database(&file, &copy);
    drop(Engine::open(Place::File(&copy), None, Durability::Full).unwrap());
    let whole = std::fs::read(&copy).unwrap();
    let mut rng = StdRng::seed_from_u64(6);
    for _ in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..20) {
            let at = rng.random_range(100..bytes.len());
            bytes[at] = rng.random();
        }
        let damaged = folder.path().join("damaged.db");
        let _ = std::fs::remove_file(folder.path().join("damaged.db-wal"));
        std::fs::write(&damaged, &bytes).unwrap();
        let Ok(mut engine) = Engine::open(Place::File(&damaged), None, Durability::Full) else {
            continue;
        };
        let now = Timestamp(1_790_000_000_000);
        for one in engine.conversations().unwrap_or_default() {
            let _ = engine.timeline(one.id, None, usize::MAX);
            let send = Command::Send {
                conversation: one.id,
                text: "is all well?".to_owned(),
            };
            let _ = engine.apply(Input::Command(send), now, &mut rng);
        }
        let _ = engine.apply(Input::Tick, now, &mut rng);
        while let Ok(Some(_)) = engine.next_request() {}
    }
}
