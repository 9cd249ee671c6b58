//! Cases about signals.

use super::{
    Bench, Bytes, DAY, Duration, Epoch, MailboxId, Operation, Outcome, Refusal, Serial, Store,
    Target, commit, key, limits, send,
};
use crate::request::Grace;
use crate::store::operation::{NewSignal, SignalCopy};
use crate::store::{Answer, SignalPage};

/// To all of these, under one replace key.
fn signal(row: i64, epoch: u64, place: u16, body: u16, people: &[MailboxId]) -> NewSignal {
    let copies = people.iter().map(|mailbox| {
        let mut at = [0; 16];
        for (byte, number) in at.iter_mut().zip(place.to_be_bytes()) {
            *byte = number;
        }
        SignalCopy {
            target: Target {
                mailbox: *mailbox,
                serial: Serial(1),
            },
            place: at,
            sealed: Bytes::copy_from_slice(&body.to_be_bytes()),
        }
    });
    NewSignal {
        key: key(1),
        conversation: row,
        epoch: Epoch(epoch),
        copies: copies.collect(),
    }
}

fn signalling(signal: NewSignal) -> Operation {
    Operation::Signal(Box::new(signal))
}

fn reached(answer: &Answer) -> Option<usize> {
    match answer {
        Ok(Outcome::Signalled { mailboxes, .. }) => Some(mailboxes.len()),
        _ => None,
    }
}

async fn page<S: Store>(bench: &Bench<S>, mailbox: MailboxId) -> SignalPage {
    let page = bench.store.signals(mailbox, 0, usize::MAX).await;
    page.unwrap_or_default()
}

async fn bodies<S: Store>(bench: &Bench<S>, mailbox: MailboxId) -> Vec<u16> {
    let signals = page(bench, mailbox).await.signals.into_iter();
    let bodies = signals.map(|(_, sealed)| sealed[..].try_into().map_or(0, u16::from_be_bytes));
    bodies.collect()
}

async fn acknowledge<S: Store>(bench: &Bench<S>, mailbox: MailboxId, number: u64) {
    let answer = bench.run(Operation::AcknowledgeSignals { mailbox, number });
    assert!(answer.await == Ok(Outcome::Done));
}

pub(super) async fn a_newer_one_takes_an_older_ones_place<S: Store>(bench: Bench<S>) {
    let people @ [ada, bo] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    for (place, body) in [(1, 1), (2, 2), (1, 3)] {
        let answer = bench.run(signalling(signal(row, 1, place, body, &people)));
        assert!(reached(&answer.await) == Some(2));
    }
    assert!(bodies(&bench, ada).await == [2, 3]);
    assert!(bodies(&bench, bo).await == [2, 3]);
    assert!(bench.bodies(ada).await.is_empty(), "it is no item");
    let first = bench.store.signals(ada, 0, 1).await.unwrap_or_default();
    assert!(first.more && first.signals.len() == 1);
    let after = first.signals.first().map_or(0, |(number, _)| *number);
    let rest = bench.store.signals(ada, after, 1).await.unwrap_or_default();
    assert!(!rest.more && rest.signals.len() == 1);
}

pub(super) async fn what_is_acknowledged_is_gone_and_no_number_comes_twice<S: Store>(
    bench: Bench<S>,
) {
    let people @ [ada, bo] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    bench
        .run(signalling(signal(row, 1, 1, 1, &people)))
        .await
        .ok();
    let pushed = page(&bench, ada).await.signals;
    let last = pushed.last().map_or(0, |(number, _)| *number);
    bench
        .run(signalling(signal(row, 1, 1, 2, &people)))
        .await
        .ok();
    acknowledge(&bench, ada, last).await;
    assert!(
        bodies(&bench, ada).await == [2],
        "the newer one was not pushed yet"
    );
    let last = page(&bench, ada).await.signals;
    let last = last.last().map_or(0, |(number, _)| *number);
    acknowledge(&bench, ada, last).await;
    acknowledge(&bench, ada, last).await;
    assert!(bodies(&bench, ada).await.is_empty());
    assert!(bodies(&bench, bo).await == [2], "to each its own");
    bench
        .run(signalling(signal(row, 1, 1, 3, &people)))
        .await
        .ok();
    acknowledge(&bench, ada, last).await;
    assert!(
        bodies(&bench, ada).await == [3],
        "a late repeat of an acknowledgement touches nothing new"
    );
    acknowledge(&bench, ada, u64::MAX).await;
    assert!(bodies(&bench, ada).await.is_empty());
}

pub(super) async fn so_many_wait_and_no_more<S: Store>(bench: Bench<S>) {
    let [ada] = bench.people::<1>().await;
    let row = bench.conversation(1).await;
    let most = u16::try_from(limits::MAX_WAITING_SIGNALS).unwrap_or(u16::MAX);
    for number in 1..=most {
        bench
            .run(signalling(signal(row, 1, number, number, &[ada])))
            .await
            .ok();
    }
    assert!(bodies(&bench, ada).await == (1..=most).collect::<Vec<_>>());
    bench
        .run(signalling(signal(row, 1, most + 1, most + 1, &[ada])))
        .await
        .ok();
    assert!(
        bodies(&bench, ada).await == (2..=most + 1).collect::<Vec<_>>(),
        "the oldest has gone"
    );
}

pub(super) async fn they_wait_for_thirty_days<S: Store>(mut bench: Bench<S>) {
    let people @ [ada, bo] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    bench
        .run(signalling(signal(row, 1, 1, 1, &people)))
        .await
        .ok();
    bench.later(DAY);
    bench
        .run(signalling(signal(row, 1, 2, 2, &people)))
        .await
        .ok();
    bench.later(limits::SIGNAL_RETENTION.saturating_sub(DAY));
    bench.sweep(100).await;
    assert!(bodies(&bench, ada).await == [1, 2], "its day is not over");
    bench.later((DAY / 2).saturating_sub(Duration::from_millis(1)));
    bench.sweep(100).await;
    assert!(bodies(&bench, ada).await == [1, 2]);
    bench.later(Duration::from_millis(1));
    bench.sweep(1).await;
    assert!(bodies(&bench, ada).await == [2]);
    assert!(bodies(&bench, bo).await == [2]);
}

pub(super) async fn they_are_of_the_current_epoch_alone<S: Store>(bench: Bench<S>) {
    let people = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    let current = Epoch(1);
    let ahead = bench.run(signalling(signal(row, 2, 1, 1, &people))).await;
    assert!(ahead == Err(Refusal::Ahead { current }));
    let other = bench
        .run(signalling(signal(row + 1, 1, 1, 1, &people)))
        .await;
    assert!(other == Err(Refusal::NotFound));
    let advance = commit(send(1, row, 1, 1, &people), Grace::Granted);
    assert!(bench.run(advance).await.is_ok());
    let stale = bench.run(signalling(signal(row, 1, 1, 1, &people))).await;
    let current = Epoch(2);
    assert!(stale == Err(Refusal::Stale { current }), "it has no grace");
    let now = bench.run(signalling(signal(row, 2, 1, 1, &people))).await;
    assert!(reached(&now) == Some(2));
}

pub(super) async fn a_dead_address_costs_nobody_else<S: Store>(bench: Bench<S>) {
    let [ada, bo] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    bench.takes(ada, 4).await;
    let revoke = Operation::Revoke {
        mailbox: ada,
        serials: vec![Serial(1)],
    };
    assert!(bench.run(revoke).await.is_ok());
    let gone = MailboxId::new([99; 16]);
    let answer = bench
        .run(signalling(signal(row, 1, 1, 1, &[ada, gone, bo])))
        .await;
    assert!(
        answer
            == Ok(Outcome::Signalled {
                mailboxes: vec![bo],
                dropped: 2
            })
    );
    assert!(bodies(&bench, ada).await.is_empty());
    assert!(bodies(&bench, bo).await == [1]);
}
