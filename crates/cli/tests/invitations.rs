//! People come in by links, with real programs and a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::{Person, Server, text};
use serde_json::Value;

fn link(person: &Person, arguments: &[&str]) -> String {
    let arguments = [&["invite"], arguments].concat();
    text(&person.ok(&arguments)[0], "link")
}

fn number(object: &Value, field: &str) -> String {
    object[field].as_i64().unwrap().to_string()
}

#[test]
fn a_link_leads_into_a_group_once_its_maker_is_online() {
    let server = Server::start();
    let [ada, bo, cy] = server.people(["ada", "bo", "cy"]);
    let group = ada.begins(&["bo", "--name", "climbing"]);
    let link = link(&ada, &["climbing"]);
    assert!(link.contains("/i#"), "{link}");

    // Ada is not connected: it waits, and says so.
    let opened = &cy.ok(&["open", &link])[0];
    assert_eq!(opened["state"], "waiting");
    let shown = cy.sees(&["invitations"]);
    assert!(
        shown.contains("climbing: waiting until somebody who made the invitation is online"),
        "{shown}"
    );
    ada.syncs();
    cy.syncs();
    assert!(cy.ok(&["invitations"]).is_empty());
    cy.says("climbing", "hello from cy");
    bo.syncs();
    assert_eq!(bo.reads(&group), ["hello from cy"]);
    assert_eq!(ada.ok(&["invitations"])[0]["admitted"], 1);
    assert_eq!(cy.ok(&["open", &link])[0]["state"], "there");
}

#[test]
fn who_opens_a_link_while_its_maker_is_there_is_let_in_at_once() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let link = link(&ada, &[]);
    let group = ada.begins(&["bo", "--name", "elsewhere"]);
    let following = ada.start(&["read", &group, "--follow", "--last", "0"]);
    bo.says("elsewhere", "are you there?");
    assert_eq!(text(&following.object(), "text"), "are you there?");
    let opened = &bo.ok(&["open", &link])[0];
    assert_eq!(opened["state"], "let_in", "{opened}");
    drop(following);
    let talk = text(opened, "conversation");
    bo.says(&talk, "found you");
    ada.syncs();
    assert_eq!(ada.reads("bo"), ["found you"]);
}

#[test]
fn links_are_approved_refused_revoked_and_cancelled() {
    let server = Server::start();
    let [ada, bo, cy, dan] = server.people(["ada", "bo", "cy", "dan"]);
    let group = ada.begins(&["dan", "--name", "climbing"]);
    let link = link(
        &ada,
        &[&group, "--approve", "--expires", "1d", "--uses", "5"],
    );
    for person in [&bo, &cy] {
        assert_eq!(person.ok(&["open", &link])[0]["state"], "waiting");
    }
    ada.syncs();
    let shown = ada.sees(&["invitations"]);
    assert!(shown.contains("bo waits for your approval"), "{shown}");
    let invitation = &ada.ok(&["invitations"])[0];
    let requests = invitation["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 2);
    ada.ok(&["approve", &number(&requests[0], "request")]);
    ada.ok(&["refuse", &number(&requests[1], "request")]);
    let (code, failure) = ada.fails(&["approve", &number(&requests[1], "request")]);
    assert_eq!(code, 3, "{failure}");
    bo.says(&group, "in");
    cy.syncs();
    assert_eq!(cy.ok(&["list"]).len(), 0);
    let opened = &cy.ok(&["invitations"])[0];
    cy.ok(&["cancel", &number(opened, "opened")]);
    assert!(cy.ok(&["invitations"]).is_empty());

    ada.ok(&["revoke", &number(invitation, "invitation")]);
    assert_eq!(ada.ok(&["invitations"])[0]["ended"], "revoked");
    assert_eq!(ada.ok(&["invitations"])[0]["link"], Value::Null);
    // A code for a camera, beside the link.
    let drawn = ada.sees(&["invite", &group, "--qr"]);
    assert!(drawn.lines().count() > 20, "{drawn}");
    drop(dan);
}

#[test]
fn what_can_t_be_opened_says_why_and_shows_nothing_of_the_link() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let link = link(&ada, &[]);
    let (place, fragment) = link.split_once('#').unwrap();
    let elsewhere = format!("https://chat.example.org/i#{fragment}");
    let cut = format!("{place}#{}", &fragment[..40]);
    for (link, why) in [
        (elsewhere.as_str(), "is for accounts on"),
        (&cut, "copy it again"),
        (fragment, "not an invitation link"),
        ("hello", "not an invitation link"),
    ] {
        let (code, failure) = bo.fails(&["open", link]);
        let said = failure["error"].as_str().unwrap();
        assert!(said.contains(why), "{said}");
        assert!(!said.contains(&fragment[..40]), "{said}");
        assert_eq!(code, 3);
    }
    let (code, failure) = ada.fails(&["open", &link]);
    assert_eq!((code, failure["kind"].as_str()), (3, Some("refused")));
}
