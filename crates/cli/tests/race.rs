//! Ten devices change one group at the same moment, as processes of their own: all of them end in the same epoch.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::{Server, text};

#[test]
fn ten_devices_that_commit_at_once_converge() {
    let server = Server::start();
    let people = server.people([
        "ada", "bo", "cy", "di", "ed", "fay", "gus", "hal", "ida", "jo",
    ]);
    let mut begin: Vec<&str> = people[1..]
        .iter()
        .map(|person| person.handle.as_str())
        .collect();
    begin.extend(["--name", "race"]);
    let group = people[0].begins(&begin);
    for person in &people {
        person.syncs();
    }
    let epoch = |person: &kit::Person| person.ok(&["list"])[0]["epoch"].as_u64().unwrap();
    let before = epoch(&people[0]);

    let racing: Vec<_> = people
        .iter()
        .map(|person| person.start(&["update", &group]))
        .collect();
    for running in racing {
        let finished = running.finish();
        assert_eq!(finished.code, Some(0), "{}", finished.err.join("\n"));
    }
    for person in &people {
        person.says(&group, &format!("{} is here", person.handle));
    }

    let first = {
        people[0].syncs();
        people[0].reads(&group)
    };
    assert_eq!(first.len(), 10);
    for person in &people {
        person.syncs();
        assert_eq!(person.reads(&group), first, "{}", person.handle);
        assert_eq!(epoch(person), epoch(&people[0]), "{}", person.handle);
        assert_eq!(text(&person.ok(&["list"])[0], "standing"), "active");
    }
    assert!(
        epoch(&people[0]) >= before + 10,
        "each of the ten changes took effect"
    );
}
