//! Messages that disappear, through the real programs: set, shown, and gone by themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::rpc::Rpc;
use kit::{Server, text};
use serde_json::json;

#[test]
fn two_people_let_their_messages_disappear() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "stays");
    bo.syncs();
    assert_eq!(bo.ok(&["disappear", "ada", "1d"])[0]["done"], true);
    ada.syncs();
    assert_eq!(ada.ok(&["list"])[0]["timer"], 86_400);
    let line = &ada.ok(&["read", &talk, "--last", "1"])[0];
    assert_eq!(
        (&line["kind"], &line["from"], &line["seconds"]),
        (&json!("timer"), &json!("bo"), &json!(86_400))
    );
    let seen = ada.sees(&["read", &talk]);
    let words = "bo set messages to disappear 1 day after they are read";
    assert!(seen.contains(words), "{seen}");

    ada.says(&talk, "gone tomorrow");
    ada.ok(&["send", &talk, "gone soon", "--for", "100m"]);
    let own = &ada.ok(&["read", &talk, "--last", "2"]);
    assert!(own[0]["disappears_at"].is_string(), "{own:?}");
    bo.syncs();
    let unread = bo.ok(&["read", "ada", "--last", "2"]);
    assert_eq!(
        (&unread[0]["lasts"], &unread[1]["lasts"]),
        (&json!(86_400), &json!(6_000))
    );
    assert!(unread[0]["disappears_at"].is_null());
    // Reading began it.
    let read = bo.ok(&["read", "ada", "--last", "2"]);
    assert!(text(&read[0], "disappears_at") > text(&read[0], "sent_at"));
    let seen = bo.sees(&["read", "ada"]);
    assert!(seen.contains("gone soon  (disappears in 1 hour)"), "{seen}");

    ada.ok(&["disappear", &talk, "off"]);
    ada.says(&talk, "stays, too");
    bo.syncs();
    let last = &bo.ok(&["read", "ada", "--last", "1"])[0];
    assert!(last["lasts"].is_null() && last["disappears_at"].is_null());
    assert!(bo.ok(&["list"])[0]["timer"].is_null());
    let (code, failure) = ada.fails(&["disappear", &talk, "4s"]);
    assert_eq!((code, &failure["kind"]), (2, &"usage".into()), "{failure}");
}

#[test]
fn a_program_is_told_when_a_message_is_gone() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let mut program = Rpc::start(&bo, &[]);
    program.settles();
    ada.ok(&["send", &talk, "gone soon", "--for", "5s"]);
    program.event("arrived");
    let newest = json!({ "conversation": talk, "limit": 1 });
    let shown = program.ok("timeline_last", &newest);
    assert_eq!(shown[0]["expiry"], json!({ "lasts": 5, "at": null }));
    program.ok("mark_read", &json!({ "conversation": talk }));
    assert_eq!(program.event("hidden")["conversation"], talk.as_str());
    let left = program.ok("timeline_last", &newest);
    assert_ne!(left[0]["what"]["type"], "text", "{left}");
    program.ends();
    let seen = bo.sees(&["read", "ada"]);
    assert!(!seen.contains("gone soon"), "{seen}");
    assert!(bo.ok(&["search", "gone"]).is_empty());
    // The author's own goes as well, with the next word of the server's.
    ada.syncs();
    assert!(ada.reads(&talk).is_empty());
}
