//! Strangers and reports, from one terminal to another, and to the operator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::process::Command;

use kit::{Server, text};
use serde_json::Value;

/// What the operator is told.
fn operator(server: &Server, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(kit::server_program());
    let data = server.home.path().join("data");
    command.arg("reports").args(words).arg("--data").arg(data);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_stranger_waits_is_accepted_declined_or_blocked() {
    let server = Server::start();
    let bo = server.person_who_asks_first("bo");
    let [ada, cy, dee] = server.people(["ada", "cy", "dee"]);
    let mut talks = Vec::new();
    for one in [&ada, &cy, &dee] {
        let talk = one.begins(&["bo"]);
        one.says(&talk, "first");
        one.says(&talk, "second");
        talks.push(talk);
    }
    let synced = bo.syncs();
    assert_eq!(
        (&synced["requests"], &synced["arrived"]),
        (&3.into(), &0.into())
    );
    assert!(bo.ok(&["list"]).is_empty());
    assert!(bo.sees(&["list"]).contains("3 requests"));
    assert_eq!(bo.ok(&["list", "--show", "requests"]).len(), 3);
    let asked = bo.ok(&["requests"]);
    assert_eq!(asked.len(), 3);
    let of_ada = asked.iter().find(|one| one["handle"] == "ada").unwrap();
    assert_eq!(text(of_ada, "text"), "first");
    assert_eq!(of_ada["group"], Value::Null);
    assert_eq!(bo.reads("ada"), ["first"]);
    let (_, refused) = bo.fails(&["send", "ada", "no"]);
    assert!(refused.to_string().contains("accept"), "{refused}");

    assert!(bo.sees(&["accept", "ada"]).contains("ada"));
    assert_eq!(bo.reads("ada"), ["first", "second"]);
    bo.says("ada", "hello");
    ada.syncs();
    assert_eq!(ada.reads(&talks[0]), ["first", "second", "hello"]);
    bo.ok(&["delete", "cy"]);
    bo.ok(&["block", "dee"]);
    assert!(bo.ok(&["requests"]).is_empty());
    assert!(bo.sees(&["requests"]).contains("Nobody"));
    assert_eq!(bo.ok(&["list"]).len(), 1);
    bo.ok(&["requests", "--ask", "off"]);
    let eve = server.person("eve");
    let talk = eve.begins(&["bo"]);
    eve.says(&talk, "hello");
    bo.syncs();
    assert_eq!(bo.reads("eve"), ["hello"]);
}

#[test]
fn what_is_reported_is_the_operators_to_read_and_to_delete() {
    let mut server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "buy \u{1b}[2J now");
    ada.says(&talk, "harmless");
    bo.syncs();
    assert_eq!(operator(&server, &[]), (true, String::new()));
    let read = bo.ok(&["read", &talk]);
    let buy = read.iter().find(|entry| entry["kind"] == "text").unwrap();
    let id = text(buy, "id");
    let queued = ["report", &talk, &id, "--about", "each day", "--queue"];
    assert_eq!(bo.ok(&queued)[0]["done"], false);
    assert_eq!(operator(&server, &["list"]).1, "");
    bo.syncs();
    let (_, listed) = operator(&server, &["list"]);
    assert_eq!(listed.lines().count(), 1);
    let report = listed.split_whitespace().next().unwrap().to_owned();
    // While the server runs, and while it does not.
    let (_, running) = operator(&server, &["show", &report]);
    server.kill();
    let (_, shown) = operator(&server, &["show", &report]);
    assert_eq!(shown, running);
    for line in [
        "from      bo",
        "about     ada",
        "says      each day",
        "          buy [2J now",
    ] {
        assert!(shown.lines().any(|one| one == line), "{line} in {shown}");
    }
    assert!(!shown.contains("harmless"));
    assert!(shown.contains("nothing proves"));
    server.restart();
    let (done, _) = operator(&server, &["delete", &report]);
    assert!(done);
    let (done, why) = operator(&server, &["delete", &report]);
    assert!(!done && why.contains("no such report"), "{why}");
    assert!(!operator(&server, &["show", "1"]).0);
    assert_eq!(bo.ok(&["report", &talk])[0]["done"], true);
    let (_, listed) = operator(&server, &["list"]);
    assert_eq!(listed.lines().count(), 1);
    bo.fails(&["report", &talk, "ffffffff"]);
}
