//! Processes that are killed at any moment: afterwards every message is there exactly once, in order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::time::{Duration, Instant, SystemTime};

use kit::{Dice, Server, text};

#[test]
fn receivers_killed_at_random_moments_have_each_of_a_thousand_messages_once_and_in_order() {
    const ROUNDS: usize = 10;
    let server = Server::start();
    let [ada, bo, cy] = server.people(["ada", "bo", "cy"]);
    let group = ada.begins(&["bo", "cy", "--name", "climbing"]);
    bo.syncs();
    cy.syncs();
    let written: Vec<_> = (0..1_000)
        .map(|number| format!("message {number}"))
        .collect();
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut dice = Dice(seed);
    let mut sending = ada.start(&["send", &group, "-", "--lines"]);
    let mut killed_while_receiving = 0;
    for burst in written.chunks(1_000 / ROUNDS) {
        let receiving =
            [&bo, &cy].map(|person| person.start(&["read", &group, "--follow", "--last", "0"]));
        sending.write(&(burst.join("\n") + "\n"));
        // Some die while they start, some in the middle of the burst, some when all of it is there.
        for mut one in receiving {
            let moment = Instant::now() + Duration::from_millis(dice.below(1_500));
            let mut lines = 0;
            while one
                .line_within(moment.saturating_duration_since(Instant::now()))
                .is_some()
            {
                lines += 1;
            }
            assert!(one.is_alive(), "it ended by itself; seed {seed}");
            one.kill();
            killed_while_receiving += usize::from(lines > 0);
        }
    }
    sending.no_more();
    let sent = sending.finish();
    assert_eq!(sent.objects().len(), 1_000, "{:?}", sent.err);
    assert!(killed_while_receiving > 0, "seed {seed}");
    for person in [&ada, &bo, &cy] {
        person.syncs();
        assert_eq!(
            person.reads(&group),
            written,
            "{}, seed {seed}",
            person.handle
        );
    }
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
    let [ada, bo, cy] = server.people(["ada", "bo", "cy"]);
    let talk = ada.begins(&["bo", "cy", "--name", "climbing"]);
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
    for person in [&ada, &bo, &cy] {
        person.syncs();
        assert_eq!(person.reads(&talk), written, "{}", person.handle);
    }
}
