//! Polls, places, contact cards, what is opened once, and previews of links, from one terminal to another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::{Person, Server, text};
use serde_json::{Value, json};

fn last(person: &Person, talk: &str) -> Value {
    person.ok(&["read", talk, "--last", "1"]).remove(0)
}

#[test]
fn people_vote_and_see_who_has_chosen_what() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    let asked = ada.ok(&[
        "poll",
        &talk,
        "Where do we climb?",
        "the wall",
        "the rock",
        "--several",
    ]);
    let poll = text(&asked[0], "id");
    bo.syncs();
    bo.ok(&["vote", "ada", "last", "2", "1"]);
    ada.syncs();
    ada.ok(&["vote", &talk, &poll, "2", "--queue"]);
    ada.syncs();
    bo.syncs();
    let shown = last(&bo, "ada");
    assert_eq!(
        (&shown["kind"], &shown["text"]),
        (&json!("poll"), &json!("Where do we climb?"))
    );
    let expected = json!({
        "options": [
            {"text": "the wall", "votes": 1, "mine": true},
            {"text": "the rock", "votes": 2, "mine": true},
        ],
        "several": true, "voters": 2, "ended": false,
    });
    assert_eq!(shown["poll"], expected);
    let voters = bo.ok(&["voters", "ada", &poll]);
    assert_eq!(voters[0]["people"], json!(["bo"]));
    assert_eq!(voters[1]["votes"], 2);
    let seen = bo.sees(&["read", "ada"]);
    assert!(seen.contains("[poll] Where do we climb?"), "{seen}");
    assert!(seen.contains("2. the rock: 2 ✓"), "{seen}");
    assert!(
        seen.contains("2 people have voted; choose one or more"),
        "{seen}"
    );
    let (_, failure) = bo.fails(&["vote", "ada", &poll, "3"]);
    assert_eq!(failure["kind"], "refused");
    let (_, failure) = bo.fails(&["end-poll", "ada", &poll]);
    assert_eq!(failure["kind"], "refused", "it is not hers");
    ada.ok(&["end-poll", &talk, &poll]);
    bo.syncs();
    assert_eq!(last(&bo, "ada")["poll"]["ended_by"], "ada");
    bo.fails(&["vote", "ada", &poll]);
}

#[test]
fn a_place_is_a_uri_and_a_card_leads_to_whom_the_directory_names() {
    let server = Server::start();
    let [ada, bo, cy] = server.people(["ada", "bo", "cy"]);
    let talk = ada.begins(&["bo"]);
    let place = [
        "location",
        &talk,
        "52.5162746",
        "-13.3777041",
        "--label",
        "the gate",
        "--accuracy",
        "20",
    ];
    ada.ok(&place);
    bo.syncs();
    let shown = last(&bo, "ada");
    assert_eq!(shown["location"]["uri"], "geo:52.5162746,-13.3777041;u=20");
    assert_eq!(shown["text"], "the gate");
    let (_, failure) = ada.fails(&["location", &talk, "90.0000001", "0"]);
    assert_eq!(failure["kind"], "refused");

    ada.ok(&["card", &talk, "Cy"]);
    bo.syncs();
    let shown = last(&bo, "ada");
    assert_eq!(
        (&shown["card"]["handle"], &shown["card"]["check"]),
        (&json!("cy"), &json!("not_yet"))
    );
    let met = text(&bo.ok(&["meet", "ada", "last"])[0], "conversation");
    bo.says(&met, "ada says hello");
    cy.syncs();
    assert_eq!(cy.reads("bo"), ["ada says hello"]);
    assert_eq!(last(&bo, "ada")["card"]["check"], "right");
    assert_eq!(
        text(&bo.ok(&["meet", "ada", "last"])[0], "conversation"),
        met
    );
    let (_, failure) = ada.fails(&["card", &talk, "nobody"]);
    assert_eq!(failure["kind"], "not_found");
}

#[test]
fn a_picture_is_opened_once_and_lies_nowhere_else() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("night.jpg");
    std::fs::write(&picture, vec![7; 200_000]).unwrap();
    let picture = picture.display().to_string();
    ada.ok(&["send-file", &talk, &picture, "--once"]);
    assert_eq!(last(&ada, &talk)["once"]["state"], "sent");
    let (_, failure) = ada.fails(&["save", &talk, "last", "--to", "again.jpg"]);
    assert_eq!(failure["kind"], "refused", "{failure}");
    bo.syncs();
    assert_eq!(last(&bo, "ada")["once"]["state"], "unopened");
    // A place that is taken loses nothing.
    bo.fails(&["save", "ada", "last", "--to", &picture]);
    assert_eq!(last(&bo, "ada")["once"]["state"], "unopened");
    let to = folder.path().join("seen.jpg").display().to_string();
    bo.ok(&["save", "ada", "last", "--to", &to]);
    assert_eq!(std::fs::read(&to).unwrap(), vec![7; 200_000]);
    assert_eq!(last(&bo, "ada")["once"]["state"], "over");
    let again = folder.path().join("again.jpg").display().to_string();
    let (_, failure) = bo.fails(&["save", "ada", "last", "--to", &again]);
    assert_eq!(failure["kind"], "refused");
    assert!(!std::path::Path::new(&again).exists());
    let incoming = bo.profile().join("incoming");
    assert_eq!(
        std::fs::read_dir(incoming).unwrap().count(),
        0,
        "what came of it is gone"
    );
    let document = folder.path().join("plan.pdf");
    std::fs::write(&document, b"plan").unwrap();
    let document = document.display().to_string();
    let (_, failure) = ada.fails(&["send-file", &talk, &document, "--once"]);
    assert_eq!(failure["kind"], "refused");
}

#[test]
fn links_are_looked_at_only_where_that_is_switched_on_and_never_in_ones_own_network() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    assert_eq!(ada.ok(&["previews"])[0]["previews"], false);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let link = format!("http://{}/", listener.local_addr().unwrap());
    ada.says(&talk, &link);
    assert_eq!(ada.ok(&["previews", "on"])[0]["previews"], true);
    ada.says(&talk, &link);
    ada.says(&talk, "http://localhost/");
    assert_eq!(ada.ok(&["previews", "off"])[0]["previews"], false);
    bo.syncs();
    assert_eq!(bo.reads("ada"), [&link, &link, "http://localhost/"]);
    assert!(last(&bo, "ada").get("preview").is_none());
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}
