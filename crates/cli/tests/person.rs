//! What people show of themselves, from one terminal to another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::{Server, text};
use serde_json::Value;

/// A PNG of one red pixel.
const PIXEL: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90\x77\x53\
    \xde\x00\x00\x00\x0c\x49\x44\x41\x54\x78\x9c\x63\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00\x49\x45\x4e\
    \x44\xae\x42\x60\x82";

#[test]
fn a_name_and_a_picture_come_with_the_first_words() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("me.png");
    std::fs::write(&picture, PIXEL).unwrap();
    let picture = picture.display().to_string();
    let set = ada.ok(&["me", "--name", "Ada B.", "--picture", &picture]);
    assert_eq!(text(&set[0], "name"), "Ada B.");
    assert_eq!(set[0]["picture"]["media_type"], "image/jpeg");
    ada.ok(&["me", "--about", "on the mountain"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    assert_eq!(bo.ok(&["person", "ada"])[0]["name"], Value::Null);
    ada.says(&talk, "hello");
    bo.syncs();
    assert_eq!(bo.reads(&talk), ["hello"]);
    let saved = folder.path().join("ada.jpg").display().to_string();
    let shown = bo.ok(&["person", "ada", "--picture", &saved]).remove(0);
    assert_eq!(text(&shown, "name"), "Ada B.");
    assert_eq!(text(&shown, "about"), "on the mountain");
    let jpeg = std::fs::read(&saved).unwrap();
    assert_eq!(shown["picture"]["size"], jpeg.len());
    assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]));

    // What is there is not written over, and nobody has what was taken back.
    bo.fails(&["person", "ada", "--picture", &saved]);
    ada.ok(&["me", "--no-picture", "--name", ""]);
    bo.syncs();
    let shown = bo.ok(&["person", "ada"]).remove(0);
    assert_eq!(
        (&shown["name"], &shown["picture"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(text(&shown, "about"), "on the mountain");
    let words = bo.sees(&["person", "ada"]);
    assert!(words.contains("about    on the mountain"), "{words}");
    ada.fails(&["me", "--picture", &saved[..saved.len() - 1]]);
    ada.fails(&["me", "--name", "two\nlines"]);
    bo.fails(&["person", "cy"]);
}

#[test]
fn who_is_blocked_is_not_read_until_they_are_unblocked() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "hello");
    bo.syncs();
    assert_eq!(bo.ok(&["block", "ada"])[0]["blocked"], true);
    assert_eq!(text(&bo.ok(&["blocked"])[0], "handle"), "ada");
    ada.says(&talk, "are you there?");
    bo.syncs();
    assert_eq!(bo.reads(&talk), ["hello"]);
    let (_, complaint) = bo.fails(&["send", &talk, "no"]);
    assert!(complaint.to_string().contains("blocked"), "{complaint}");
    assert!(bo.sees(&["unblock", "ADA"]).contains("ada"));
    assert!(bo.ok(&["blocked"]).is_empty());
    ada.says(&talk, "now?");
    bo.syncs();
    assert_eq!(bo.reads(&talk), ["hello", "now?"]);
    bo.fails(&["block", "cy"]);
}
