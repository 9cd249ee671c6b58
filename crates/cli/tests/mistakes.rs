//! What people get wrong at first: each mistake is told with a way out, and spoils nothing for later.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::{Person, Server, text};

#[test]
fn a_forgotten_ca_or_a_mistyped_server_is_mended_by_registering_again() {
    let server = Server::start();
    let ada = Person::new("ada");
    let (code, failure) = ada.fails(&["register", "ada", "--server", &server.url]);
    assert_eq!(
        (code, &failure["kind"]),
        (4, &"offline".into()),
        "{failure}"
    );
    assert!(text(&failure, "error").contains("--ca FILE"), "{failure}");
    let without_tls = server.url.replace("https://", "http://");
    let (code, failure) = ada.fails(&["register", "ada", "--server", &without_tls]);
    assert_eq!(code, 4, "{failure}");
    assert!(text(&failure, "error").contains("https://"), "{failure}");
    let (code, failure) = ada.fails(&server.registration("somebody.else"));
    assert_eq!(code, 3, "{failure}");

    ada.ok(&server.registration("ada"));
    let me = ada.ok(&["whoami"]).remove(0);
    assert_eq!(text(&me, "server"), server.url);
    let (code, failure) = ada.fails(&["register", "ada", "--server", &without_tls]);
    assert_eq!(code, 3, "{failure}");
    assert_eq!(text(&ada.ok(&["whoami"])[0], "server"), server.url);
}

#[test]
fn a_conversation_that_failed_or_was_left_does_not_stand_in_the_way_of_its_name() {
    let server = Server::start();
    let ada = server.person("ada");
    for _ in 0..2 {
        assert_eq!(ada.fails(&["new", "bo"]).0, 7);
        assert_eq!(ada.fails(&["new", "bo", "--name", "climbing"]).0, 7);
    }
    assert_eq!(
        ada.fails(&["send", "bo", "hi"]).0,
        7,
        "several, none in use"
    );
    let bo = server.person("bo");
    ada.begins(&["bo"]);
    ada.says("bo", "hi");
    let left = ada.begins(&["bo", "--name", "climbing"]);
    ada.ok(&["leave", "climbing"]);
    assert_eq!(ada.fails(&["send", &left, "hi"]).0, 3);
    ada.begins(&["bo", "--name", "climbing"]);
    ada.says("climbing", "once more");
    assert_eq!(ada.reads("climbing"), ["once more"]);
    drop(bo);
}

#[test]
fn names_and_people_that_make_no_sense_are_refused() {
    let server = Server::start();
    let [ada, _bo] = server.people(["ada", "bo"]);
    let group = ada.begins(&["bo", "--name", "climbing"]);
    for (arguments, expected, word) in [
        (&["new", "bo", "--name", ""][..], 3, "empty"),
        (&["rename", &group, " "], 3, "empty"),
        (&["remove", &group, "ada"], 3, "leave"),
        (&["new", "ada"], 3, "other people"),
        (&["verify", "ada"], 2, "is you"),
    ] {
        let (code, failure) = ada.fails(arguments);
        assert_eq!(code, expected, "{arguments:?}: {failure}");
        assert!(
            text(&failure, "error").contains(word),
            "{arguments:?}: {failure}"
        );
    }
    assert_eq!(text(&ada.ok(&["list"])[0], "name"), "climbing");
    std::fs::remove_file(ada.home.path().join("passphrase")).unwrap();
    assert_eq!(ada.fails(&["list"]).0, 2, "there is no such file");
}

#[test]
fn what_one_does_oneself_is_told_as_such() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let group = ada.begins(&["bo", "--name", "climbing"]);
    assert_eq!(bo.sees(&["sync"]), "1 new conversation");
    ada.ok(&["rename", &group, "bouldering"]);
    bo.ok(&["leave", &group]);
    bo.syncs();
    let entries = bo.ok(&["read", &group]);
    let kinds: Vec<_> = entries
        .iter()
        .map(|entry| (text(entry, "kind"), entry["mine"].as_bool().unwrap()))
        .collect();
    let expected = [("began", false), ("renamed", false), ("left", true)];
    assert_eq!(kinds, expected.map(|(kind, mine)| (kind.to_owned(), mine)));
    assert!(bo.sees(&["read", &group]).ends_with("· you left"));
    ada.syncs();
    let seen = ada.sees(&["read", &group]);
    assert!(seen.contains("· you named the group bouldering"), "{seen}");
    assert!(seen.ends_with("· bo left"), "{seen}");
}
