//! Cases about what is kept for how long.

use super::{
    Append, Bench, DAY, Duration, END, MailboxId, Operation, Outcome, Refusal, Sequence, Store,
    create, is_new, is_repeat_of, key, limits, send,
};

const HOUR: Duration = Duration::from_hours(1);

fn sending(append: Append) -> Operation {
    Operation::Send(Box::new(append))
}

pub(super) async fn items_stay_for_thirty_days<S: Store>(mut bench: Bench<S>) {
    let people @ [ada, bo] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    assert!(is_new(
        &bench.run(sending(send(1, row, 1, 1, &people))).await
    ));
    bench.later(HOUR);
    assert!(is_new(
        &bench.run(sending(send(1, row, 1, 2, &people))).await
    ));
    let second = bench.sequences(ada).await.get(1).copied();
    bench.later(limits::ITEM_RETENTION.saturating_sub(HOUR));
    bench.sweep(100).await;
    assert!(
        bench.bodies(ada).await.len() == 2,
        "at thirty days it is still there"
    );
    bench.later(Duration::from_millis(1));
    bench.sweep(100).await;
    assert!(bench.bodies(ada).await.len() == 1, "one past, it is gone");
    assert!(bench.bodies(bo).await.len() == 1);

    bench.later(HOUR);
    bench.sweep(100).await;
    assert!(bench.bodies(ada).await.is_empty());
    let state = bench.store.mailbox(ada, END).await.ok().flatten();
    let newest = state.map(|state| state.known.0);
    assert!(newest == second, "a mailbox remembers how far it was");
    assert!(is_new(
        &bench.run(sending(send(1, row, 1, 3, &people))).await
    ));
    let third = bench.sequences(ada).await.first().copied();
    assert!(third > second);
}

pub(super) async fn a_mailbox_tells_what_went_unseen<S: Store>(mut bench: Bench<S>) {
    let people @ [ada, bo] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    for message in 1..=3 {
        let sent = bench.run(sending(send(1, row, 1, message, &people))).await;
        assert!(is_new(&sent));
        bench.later(HOUR);
    }
    let all = bench.sequences(ada).await;
    let [one, two, three] = all[..] else {
        unreachable!("three were sent")
    };
    let cursors = async |bench: &Bench<S>, mailbox| {
        let state = bench.store.mailbox(mailbox, END).await.ok().flatten();
        state.map(|state| (state.acknowledged.0, state.expired.0, state.known.0))
    };
    let acknowledge = |mailbox, sequence| Operation::Acknowledge {
        mailbox,
        sequence: Sequence(sequence),
    };
    assert!(bench.run(acknowledge(bo, two)).await.is_ok());
    // Two of them are past retention now, the third is not.
    bench.later(limits::ITEM_RETENTION.saturating_sub(HOUR + HOUR));
    bench.later(Duration::from_millis(1));
    bench.sweep(100).await;
    assert!(
        cursors(&bench, ada).await == Some((0, two, three)),
        "two went unseen"
    );
    assert!(
        cursors(&bench, bo).await == Some((two, 0, three)),
        "what was acknowledged did not"
    );

    assert!(bench.run(acknowledge(ada, one)).await.is_ok());
    assert!(cursors(&bench, ada).await == Some((one, two, three)));
    assert!(bench.run(acknowledge(ada, three)).await.is_ok());
    assert!(
        cursors(&bench, ada).await == Some((three, two, three)),
        "past it, the device compares for itself"
    );
    bench.later(DAY);
    bench.sweep(100).await;
    assert!(cursors(&bench, bo).await == Some((two, three, three)));
    assert!(cursors(&bench, ada).await == Some((three, two, three)));
}

pub(super) async fn message_ids_stay_for_sixty_days<S: Store>(mut bench: Bench<S>) {
    let people = bench.people::<1>().await;
    let row = bench.conversation(1).await;
    let first = bench.now;
    let sent = || sending(send(1, row, 1, 1, &people));
    assert!(is_new(&bench.run(sent()).await));
    bench.later(limits::MESSAGE_ID_RETENTION);
    bench.sweep(100).await;
    assert!(
        is_repeat_of(&bench.run(sent()).await, first),
        "at sixty days it is still known"
    );
    // Days are what ids are counted by: on the next one it may be forgotten, on the one after it must be.
    bench.later(DAY * 2);
    bench.sweep(100).await;
    assert!(is_new(&bench.run(sent()).await), "then it is forgotten");
}

pub(super) async fn unused_conversations_go_and_may_come_again<S: Store>(mut bench: Bench<S>) {
    let people = bench.people::<1>().await;
    let [unused, used] = [bench.conversation(1).await, bench.conversation(2).await];
    bench.later(DAY * 3);
    assert!(is_new(
        &bench.run(sending(send(2, used, 1, 1, &people))).await
    ));
    bench.later(limits::CONVERSATION_RETENTION.saturating_sub(DAY * 3));
    bench.sweep(100).await;
    assert!(
        bench.row(1).await == unused,
        "at four hundred days it is still there"
    );
    bench.later(DAY);
    bench.sweep(100).await;
    assert!(bench.store.conversation(key(1)).await == Ok(None));
    assert!(bench.row(2).await == used, "the other one was used since");
    assert!(bench.run(sending(send(1, unused, 1, 2, &people))).await == Err(Refusal::NotFound));
    assert!(is_new(&bench.run(create(1)).await));
    assert!(
        bench.row(1).await != unused,
        "what was opened before is not this one"
    );
}

pub(super) async fn a_sweep_is_bounded<S: Store>(mut bench: Bench<S>) {
    let people = bench.people::<1>().await;
    let row = bench.conversation(1).await;
    for message in 1..=20 {
        assert!(is_new(
            &bench.run(sending(send(1, row, 1, message, &people))).await
        ));
    }
    bench.later(DAY * 70);
    assert!(bench.run(Operation::Sweep { portion: 4 }).await == Ok(Outcome::Swept { more: true }));
    let left = bench.bodies(MailboxId::new([1; 16])).await.len();
    assert!(
        (12..20).contains(&left),
        "a portion deletes some, not all: {left} are left"
    );
    bench.sweep(4).await;
    assert!(bench.bodies(MailboxId::new([1; 16])).await.is_empty());
    let sent = bench.run(sending(send(1, row, 1, 1, &people))).await;
    assert!(is_new(&sent), "the ids are gone as well");
}
