//! Disks that are really full, under the real programs: it is said, nothing is lost or doubled, and with room again it goes on.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::time::{Duration, Instant};

use kit::disk::SmallDisk;
use kit::{Finished, PATIENCE, Person, Running, Server, text};
use serde_json::Value;

const MEGABYTE: u64 = 1024 * 1024;

/// The one way in which a command may fail on a full disk.
#[track_caller]
fn is_full(code: Option<i32>, failure: &Value) {
    assert_eq!(
        (code, &failure["kind"]),
        (Some(1), &"disk_full".into()),
        "{failure}"
    );
    let words = text(failure, "error");
    assert!(
        words.contains("the disk is full: free some space"),
        "{words}"
    );
}

/// Tries a command. `None`: the disk was too full for it, and it said so.
fn tries(person: &Person, arguments: &[&str]) -> Option<Finished> {
    let finished = person.start(arguments).finish();
    if finished.code == Some(0) {
        return Some(finished);
    }
    is_full(finished.code, &finished.failure());
    None
}

/// The texts of a conversation that somebody wrote, in order.
fn written_by(reader: &Person, talk: &str, writer: &str) -> Vec<String> {
    let entries = reader.ok(&["read", talk]);
    let texts = entries.iter().filter(|entry| entry["kind"] == "text");
    texts
        .filter(|entry| entry["from"] == writer)
        .map(|entry| text(entry, "text"))
        .collect()
}

#[test]
fn registering_on_a_full_disk_is_told_and_goes_on_with_the_same_words() {
    let Some(disk) = SmallDisk::of(4 * MEGABYTE) else {
        return;
    };
    let server = Server::start();
    let ada = server.person("ada");
    let bo = Person::on(disk, "bo");
    let disk = bo.disk.as_ref().unwrap();
    let mut registration = server.registration("bo");
    let recovery = disk.path().join("recovery");
    registration.extend(["--recovery-file".to_owned(), recovery.display().to_string()]);
    let mut stages = Vec::new();
    for room in (0..).step_by(3) {
        disk.leaves(room);
        let finished = bo.start(&registration).finish();
        let outside = disk.outside();
        let stage = ["settings", "key", "database"].map(|file| {
            outside
                .join("profile")
                .join(file)
                .metadata()
                .is_ok_and(|found| found.len() > 0)
        });
        stages.push(stage);
        if finished.code == Some(0) {
            break;
        }
        is_full(finished.code, &finished.failure());
        let key = std::fs::read(outside.join("recovery")).unwrap_or_default();
        if !key.is_empty() {
            // The account exists and its key is in its file: what is left to be done is done by the next command.
            break;
        }
    }
    stages.dedup();
    assert!(stages.len() >= 3, "it was full at each file: {stages:?}");
    disk.empties();
    bo.syncs();
    assert_eq!(bo.ok(&["whoami"])[0]["registered"], true);
    let key = std::fs::read_to_string(disk.outside().join("recovery")).unwrap();
    assert_eq!(key.chars().filter(char::is_ascii_digit).count(), 64);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "welcome");
    bo.syncs();
    assert_eq!(bo.reads(&talk), ["welcome"]);
}

#[test]
fn on_a_full_disk_nothing_that_was_taken_or_waits_is_lost_or_doubled() {
    let Some(disk) = SmallDisk::of(8 * MEGABYTE) else {
        return;
    };
    let server = Server::start();
    let ada = server.person("ada");
    let bo = Person::on(disk, "bo");
    bo.ok(&server.registration("bo"));
    let disk = bo.disk.as_ref().unwrap();
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    bo.says(&talk, "before");

    // Full while messages come: whoever follows hears of it.
    let written: Vec<_> = (0..400)
        .map(|number| format!("{number} {}", "words ".repeat(200)))
        .collect();
    disk.leaves(40);
    let following = bo.start(&["read", &talk, "--follow"]);
    following.object();
    let mut sending = ada.start(&["send", &talk, "-", "--lines"]);
    sending.write(&(written.join("\n") + "\n"));
    sending.no_more();
    let followed = following.finish();
    is_full(followed.code, &followed.failure());
    assert_eq!(sending.finish().objects().len(), 400);

    // Quite full: reading goes on, all else says why not.
    disk.fill();
    let shown = bo.ok(&["list"]);
    assert_eq!(shown[0]["id"], talk.as_str());
    assert_eq!(bo.ok(&["whoami"])[0]["handle"], "bo");
    for command in [
        &["sync"][..],
        &["send", &talk, "not taken"],
        &["send", &talk, "not taken", "--queue"],
    ] {
        let (code, failure) = bo.fails(command);
        is_full(Some(code), &failure);
    }

    // With a little more room each time, a little more is done. What was taken is kept.
    let (mut taken, mut failed) = (vec!["before".to_owned()], 0);
    for (number, room) in (0..).step_by(40).enumerate() {
        disk.leaves(room);
        let own = format!("own {number}");
        match tries(&bo, &["send", &talk, &own, "--queue"]) {
            Some(_) => taken.push(own),
            None => failed += 1,
        }
        if tries(&bo, &["sync", "--wait", "60"]).is_some() {
            break;
        }
        failed += 1;
    }
    assert!(failed >= 3, "the disk was full {failed} times");
    disk.empties();
    bo.syncs();
    ada.syncs();
    for reader in [&bo, &ada] {
        assert_eq!(written_by(reader, &talk, "ada"), written);
        assert_eq!(written_by(reader, &talk, "bo"), taken);
    }
    assert_eq!(bo.reads(&talk), ada.reads(&talk), "in one order");
}

#[test]
fn a_server_with_a_full_disk_refuses_and_goes_on_by_itself() {
    let Some(disk) = SmallDisk::of(8 * MEGABYTE) else {
        return;
    };
    let mut server = Server::start_on(disk);
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let line = |number: usize| format!("{number} {}", "words ".repeat(500));
    let following = bo.start(&["read", &talk, "--follow"]);
    let mut sending = ada.start(&["send", &talk, "-", "--lines"]);
    let mut written = Vec::new();
    let say = |sending: &mut Running, written: &mut Vec<String>, count: usize| {
        for _ in 0..count {
            let next = line(written.len());
            sending.write(&format!("{next}\n"));
            written.push(next);
        }
    };
    say(&mut sending, &mut written, 50);
    let mut acknowledged: Vec<_> = (0..50).map(|_| text(&sending.object(), "id")).collect();

    let disk = server.disk.as_ref().unwrap();
    disk.fill();
    // The log that the database keeps has some room left within itself.
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "the server's disk is never full");
        say(&mut sending, &mut written, 20);
        let complaint = server.running.complaint_within(Duration::from_secs(1));
        if complaint.is_some_and(|line| line.contains("the disk is full")) {
            break;
        }
    }
    assert!(server.running.is_alive());
    let cy = Person::new("cy");
    is_refused_for_now(&server, &cy);

    // Killed while it is full. It does not start without room for what it shares with itself; with that, it does.
    server.kill();
    let disk = server.disk.as_ref().unwrap();
    std::fs::remove_file(disk.outside().join("data/keyfold.db-shm")).unwrap();
    disk.fill();
    let refused = server.try_to_restart().unwrap_err();
    assert!(refused.contains("is full: free some space"), "{refused}");
    server.disk.as_ref().unwrap().leaves(16);
    server.restart();
    server.disk.as_ref().unwrap().empties();
    sending.no_more();
    let sent = sending.finish();
    assert!(matches!(sent.code, Some(0 | 4)), "{:?}", sent.err);
    acknowledged.extend(sent.objects().iter().map(|sent| text(sent, "id")));
    ada.syncs();
    let mut seen = Vec::new();
    while seen.len() < written.len() {
        let entry = following.object();
        if entry["kind"] == "text" {
            seen.push((text(&entry, "id"), text(&entry, "text")));
        }
    }
    let (ids, texts): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    assert_eq!(texts, written);
    assert!(acknowledged.iter().all(|id| ids.contains(id)));
    drop(following);
    bo.syncs();
    assert_eq!(bo.reads(&talk), written);
    cy.ok(&server.registration("cy"));
}

/// Who needs room at the server is told that there is none.
fn is_refused_for_now(server: &Server, newcomer: &Person) {
    let (code, failure) = newcomer.fails(&server.registration(&newcomer.handle));
    let kind = &failure["kind"];
    assert_eq!((code, kind), (4, &"offline".into()), "{failure}");
    assert!(text(&failure, "error").contains("no room"), "{failure}");
}

#[test]
fn a_server_begins_once_its_disk_has_room() {
    let Some(disk) = SmallDisk::of(2 * MEGABYTE) else {
        return;
    };
    let mut server = Server::start_on(disk);
    server.kill();
    let data = server.disk.as_ref().unwrap().outside().join("data");
    std::fs::remove_dir_all(&data).unwrap();
    let mut refused = 0;
    for room in (0..).step_by(5) {
        server.disk.as_ref().unwrap().leaves(room);
        match server.try_to_restart() {
            Ok(()) => break,
            Err(words) => {
                let says = ["is full: free some space", "No space left"];
                assert!(says.iter().any(|said| words.contains(said)), "{words}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 3, "refused {refused} times");
    server.disk.as_ref().unwrap().empties();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "there");
    bo.syncs();
    assert_eq!(bo.reads(&talk), ["there"]);
}
