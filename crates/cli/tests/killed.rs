//! Processes that are killed at any moment: afterwards every message is there exactly once, in order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::time::Duration;

use kit::{Dice, Server, text};

#[test]
fn a_receiver_killed_again_and_again_has_each_of_a_thousand_messages_once_and_in_order() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let written: Vec<_> = (0..1_000)
        .map(|number| format!("message {number}"))
        .collect();
    let mut sending = ada.start(&["send", &talk, "-", "--lines"]);
    sending.write(&(written.join("\n") + "\n"));
    sending.no_more();

    let mut dice = Dice(20_261_123);
    let mut kills = 0;
    while kills < 12 {
        let mut receiving = bo.start(&["read", &talk, "--follow", "--last", "0"]);
        // Some die before their first line, some in the middle of a burst.
        let lines = dice.below(120);
        for _ in 0..lines {
            if receiving
                .line_within(Duration::from_millis(200 + dice.below(1_500)))
                .is_none()
            {
                break;
            }
        }
        let _ = receiving.line_within(Duration::from_millis(dice.below(400)));
        receiving.kill();
        kills += 1;
    }
    let sent = sending.finish();
    assert_eq!(sent.objects().len(), 1_000, "{:?}", sent.err);
    bo.syncs();
    assert_eq!(bo.reads(&talk), written);
    ada.syncs();
    assert_eq!(ada.reads(&talk), written);
}

#[test]
fn a_sender_killed_while_it_sends_loses_and_doubles_nothing_that_it_has_taken() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let mut dice = Dice(7);
    for round in 0..5 {
        let mut sending = ada.start(&["send", &talk, "-", "--lines"]);
        for number in 0..40 {
            sending.write(&format!("{round}.{number}\n"));
        }
        for _ in 0..dice.below(30) {
            sending.line();
        }
        sending.kill();
    }
    ada.syncs();
    bo.syncs();
    let kept = ada.reads(&talk);
    assert_eq!(bo.reads(&talk), kept);
    let mut once = kept.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), kept.len(), "nothing is doubled");
    for round in 0..5 {
        let of_round: Vec<_> = kept
            .iter()
            .filter(|line| line.starts_with(&format!("{round}.")))
            .cloned()
            .collect();
        let expected: Vec<_> = (0..of_round.len())
            .map(|number| format!("{round}.{number}"))
            .collect();
        assert_eq!(
            of_round, expected,
            "in the order in which they were written, without a gap"
        );
    }
}

#[test]
fn a_server_killed_while_it_acknowledges_keeps_every_message_that_it_has_acknowledged() {
    let mut server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let written: Vec<_> = (0..300).map(|number| format!("message {number}")).collect();
    let mut sending = ada.start(&["send", &talk, "-", "--lines"]);
    let following = bo.start(&["read", &talk, "--follow"]);
    let mut dice = Dice(3);
    let mut acknowledged = Vec::new();
    for part in written.chunks(100) {
        sending.write(&(part.join("\n") + "\n"));
        for _ in 0..10 + dice.below(80) {
            acknowledged.push(text(&sending.object(), "id"));
        }
        server.kill();
        server.restart();
    }
    sending.no_more();
    let rest = sending.finish();
    assert_eq!(rest.code, Some(0), "{:?}", rest.err);
    acknowledged.extend(rest.objects().iter().map(|sent| text(sent, "id")));
    assert_eq!(acknowledged.len(), 300);

    let mut seen = Vec::new();
    while seen.len() < 300 {
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
}
