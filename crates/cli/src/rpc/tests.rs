//! A program that does not read what it is told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::path::Path;

use keyfold_client::profile::key::Passphrase;
use keyfold_client::profile::settings::Settings;
use keyfold_client::profile::{Keep, Locked, Profile};
use keyfold_engine::Event;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::sync::broadcast;

use super::*;

/// Notices that wait at most.
const BACKLOG: usize = 16;

/// What of the output waits unread at most: some notifications.
const UNREAD: usize = 512;

/// A profile without an account, whose server is not there.
fn profile(path: &Path) -> Profile {
    let passphrase = || Passphrase::new("sesame".to_owned().into()).unwrap();
    let locked = Locked::take_or_make(path).unwrap();
    let server = "http://127.0.0.1:1".parse().unwrap();
    locked.settle(&Settings { server, ca: None }).unwrap();
    locked.protect(&Keep::Passphrase(passphrase())).unwrap();
    locked.open(Some(&passphrase())).unwrap()
}

#[tokio::test]
async fn whoever_does_not_read_stops_their_own_calls_and_is_told_that_they_have_missed_something() {
    let folder = tempfile::tempdir().unwrap();
    let client = Arc::new(Client::start(profile(&folder.path().join("profile"))).unwrap());
    let (tell, told) = broadcast::channel(BACKLOG);
    let (mut calls, input) = duplex(UNREAD);
    let (output, mut reader) = duplex(UNREAD);
    let mut talk = Talk {
        client,
        output,
        beside: JoinSet::new(),
    };
    let talking = tokio::spawn(async move {
        talk.run(BufReader::new(input), Some(Notices::of(told)))
            .await
    });
    let happens = |number: usize| {
        let event = Event::NotFound(format!("nobody.{number}"));
        tell.send(Notice::Event(event)).unwrap();
    };
    (0..BACKLOG).for_each(happens);
    // It writes until nothing fits any more.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    calls
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"me\"}\n")
        .await
        .unwrap();
    (BACKLOG..10 * BACKLOG).for_each(happens);
    tokio::task::yield_now().await;
    drop((calls, tell));

    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    talking.await.unwrap().unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let handles: Vec<_> = lines
        .iter()
        .filter_map(|line| line["params"]["handle"].as_str())
        .collect();
    assert_eq!(handles.first(), Some(&"nobody.0"));
    assert_eq!(handles.last(), Some(&"nobody.159"), "the newest are told");
    assert!(
        lines.iter().any(|line| line["id"] == 1),
        "the call is answered in the end"
    );
    let missed = lines.iter().position(|line| line["method"] == "missed");
    let missed = missed.expect("told that something was missed");
    let before = lines[..missed]
        .iter()
        .filter(|line| line["method"] == "event")
        .count();
    assert!(
        before < BACKLOG,
        "what was written before nothing fitted: {before}"
    );
}
