//! One device keeps its conversations in order: what is found, deleted here alone, and marked, without the server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::{Person, Server, text};

fn names(person: &Person, args: &[&str]) -> Vec<String> {
    let listed = person.ok(args);
    listed.iter().map(|one| text(one, "name")).collect()
}

fn texts(person: &Person, args: &[&str]) -> Vec<String> {
    let found = person.ok(args);
    found.iter().map(|one| text(one, "text")).collect()
}

const NORTH: [&str; 2] = [
    "Élise brings the rope to the north side",
    "meet at the north wall",
];

/// Ada and bo have talked to each other and in a group, and the server is gone.
fn people_who_have_talked() -> [Person; 2] {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    let group = ada.begins(&["bo", "--name", "climbing"]);
    bo.syncs();
    for words in [NORTH[1], "a regret", "東京都で会う"] {
        ada.says(&talk, words);
    }
    bo.says(&group, NORTH[0]);
    ada.syncs();
    bo.syncs();
    [ada, bo]
}

#[test]
fn messages_are_found_by_their_words_without_the_server() {
    let [_, bo] = people_who_have_talked();
    assert_eq!(texts(&bo, &["search", "NORTH"]), NORTH);
    assert_eq!(texts(&bo, &["search", "nor", "elise"]), NORTH[..1]);
    assert_eq!(texts(&bo, &["search", "north", "--in", "ada"]), NORTH[1..]);
    assert_eq!(texts(&bo, &["search", "north", "--last", "1"]), NORTH[..1]);
    let hit = bo.ok(&["search", "京都"]).remove(0);
    assert_eq!(
        (&hit["name"], &hit["kind"]),
        (&"ada".into(), &"text".into())
    );
    assert_eq!(hit["marks"][0], serde_json::json!([3, 9]));
    assert!(bo.sees(&["search", "rope"]).contains("climbing"));
    let (code, failure) = bo.fails(&["search", "?"]);
    assert_eq!(
        (code, &failure["kind"]),
        (3, &"refused".into()),
        "{failure}"
    );
}

#[test]
fn messages_are_starred_and_deleted_on_one_device_without_the_server() {
    let [ada, bo] = people_who_have_talked();
    bo.ok(&["star", "climbing", "last"]);
    assert_eq!(texts(&bo, &["starred"]), NORTH[..1]);
    assert_eq!(
        bo.ok(&["read", "climbing", "--last", "1"])[0]["starred"],
        true
    );
    let regret = text(&bo.ok(&["search", "regret"])[0], "id");
    assert_eq!(bo.ok(&["hide", "ada", &regret[..12]])[0]["state"], "hidden");
    assert_eq!(bo.reads("ada"), ["meet at the north wall", "東京都で会う"]);
    assert!(texts(&bo, &["search", "regret"]).is_empty());
    let (code, failure) = bo.fails(&["hide", "ada", &regret[..12]]);
    assert_eq!(
        (code, &failure["kind"]),
        (7, &"not_found".into()),
        "{failure}"
    );
    assert_eq!(ada.reads("bo").len(), 3, "elsewhere nothing is deleted");
}

#[test]
fn conversations_are_marked_without_the_server() {
    let [_, bo] = people_who_have_talked();
    for seen in ["ada", "climbing"] {
        bo.ok(&["read", seen]);
    }
    assert_eq!(bo.ok(&["top", "ada"])[0]["pinned"], 1);
    assert_eq!(bo.ok(&["top", "climbing", "--turn", "1"])[0]["pinned"], 1);
    assert_eq!(names(&bo, &["list"]), ["climbing", "ada"]);
    assert!(bo.ok(&["top", "climbing", "--off"])[0]["pinned"].is_null());
    assert_eq!(bo.ok(&["archive", "climbing"])[0]["archived"], true);
    assert_eq!(names(&bo, &["list"]), ["ada"]);
    assert_eq!(names(&bo, &["list", "--show", "archived"]), ["climbing"]);
    assert_eq!(
        bo.ok(&["archive", "climbing", "--off"])[0]["archived"],
        false
    );
    assert_eq!(names(&bo, &["list", "--show", "groups"]), ["climbing"]);
    assert_eq!(bo.ok(&["mute", "ada"])[0]["muted"], "always");
    let until = text(&bo.ok(&["mute", "ada", "--hours", "8"])[0], "muted");
    assert!(until.ends_with('Z'), "{until}");
    assert_eq!(
        bo.ok(&["mute", "ada", "--but-mentions"])[0]["muted"],
        "but_mentions"
    );
    assert!(bo.ok(&["mute", "ada", "--off"])[0]["muted"].is_null());
    assert!(names(&bo, &["list", "--show", "unread"]).is_empty());
    bo.ok(&["unread", "ada"]);
    assert_eq!(names(&bo, &["list", "--show", "unread"]), ["ada"]);
    bo.ok(&["draft", "ada", "not said yet"]);
    let seen = bo.sees(&["list"]);
    assert!(
        seen.contains("draft: not said yet") && seen.contains("marked"),
        "{seen}"
    );
    bo.ok(&["draft", "ada", ""]);
    assert!(bo.ok(&["list", "--show", "people"])[0]["draft"].is_null());
}

#[test]
fn conversations_are_cleared_and_deleted_on_one_device_without_the_server() {
    let [ada, bo] = people_who_have_talked();
    bo.ok(&["star", "climbing", "last"]);
    assert!(bo.ok(&["clear", "climbing"])[0]["last"].is_null());
    assert!(texts(&bo, &["starred"]).is_empty());
    let (code, failure) = bo.fails(&["delete", "climbing"]);
    assert_eq!(
        (code, &failure["kind"]),
        (3, &"refused".into()),
        "{failure}"
    );
    assert_eq!(bo.ok(&["delete", "ada"])[0]["deleted"], true);
    assert_eq!(names(&bo, &["list"]), ["climbing"]);
    assert_eq!(bo.fails(&["read", "ada"]).1["kind"], "not_found");
    assert_eq!(ada.reads("bo").len(), 3);
}
