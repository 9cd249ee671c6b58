//! Cases about conversations and mailboxes.

use super::{
    AccountId, Append, Bench, Bytes, DAY, DeviceId, Duration, END, Epoch, Grace, MailboxId,
    Operation, Outcome, Refusal, START, Sequence, Serial, Store, Target, Timestamp, Welcomes, at,
    commit, create, is_new, is_repeat_of, key, limits, once, placed, send, v1,
};

fn sending(append: Append) -> Operation {
    Operation::Send(Box::new(append))
}

fn texts(numbers: &[u8]) -> Vec<Bytes> {
    numbers
        .iter()
        .map(|number| Bytes::from(vec![*number; 100]))
        .collect()
}

pub(super) async fn everybody_gets_everything_in_one_order<S: Store>(bench: Bench<S>) {
    let [ada, bo, cy] = bench.people().await;
    let both = bench.conversation(1).await;
    let all = bench.conversation(2).await;
    let batch = vec![
        sending(send(1, both, 1, 1, &[ada, bo])),
        sending(send(2, all, 1, 2, &[bo, ada, cy])),
        sending(send(1, both, 1, 3, &[ada, bo])),
    ];
    let answers = bench.store.transact(bench.now, batch).await;
    assert!(answers.iter().all(is_new));
    assert!(bench.bodies(ada).await == texts(&[1, 2, 3]));
    assert!(bench.bodies(bo).await == texts(&[1, 2, 3]));
    assert!(bench.bodies(cy).await == texts(&[2]));

    let pushed = answers
        .into_iter()
        .flatten()
        .flat_map(|outcome| match outcome {
            Outcome::Appended(appended) => appended.items,
            _ => Vec::new(),
        });
    let pushed = pushed
        .into_iter()
        .filter(|(mailbox, _)| *mailbox == bo)
        .map(|(_, item)| item);
    let page = bench
        .store
        .read(bo, Sequence(0), 9, usize::MAX)
        .await
        .unwrap_or_default();
    assert!(
        page.items == pushed.collect::<Vec<_>>(),
        "what is pushed and what is read are the same"
    );
    assert!(
        page.items
            .is_sorted_by(|one, next| one.sequence < next.sequence)
    );
}

pub(super) async fn a_batch_is_carried_out_in_its_order<S: Store>(bench: Bench<S>) {
    let [ada, bo] = bench.people().await;
    let row = bench.conversation(1).await;
    let acknowledge = |mailbox, sequence| Operation::Acknowledge {
        mailbox,
        sequence: Sequence(sequence),
    };
    let first = vec![
        sending(send(1, row, 1, 1, &[ada, bo])),
        sending(send(1, row, 1, 2, &[ada, bo])),
    ];
    bench.store.transact(bench.now, first).await;
    let both = bench.sequences(ada).await;
    assert!(both == bench.sequences(bo).await);
    let [one, two] = both[..] else {
        unreachable!("two were sent")
    };
    let batch = vec![
        acknowledge(ada, two),
        sending(send(1, row, 1, 3, &[ada, bo])),
        acknowledge(bo, one),
        sending(send(1, row, 1, 4, &[ada, bo])),
    ];
    bench.store.transact(bench.now, batch).await;
    assert!(bench.bodies(ada).await == texts(&[3, 4]));
    assert!(bench.bodies(bo).await == texts(&[2, 3, 4]));

    // What is acknowledged in the batch in which it comes is gone as well.
    let next = bench.sequences(bo).await.get(1).copied().unwrap_or(0);
    let rest = vec![
        acknowledge(bo, next),
        sending(send(1, row, 1, 5, &[ada])),
        acknowledge(ada, u64::MAX),
    ];
    bench.store.transact(bench.now, rest).await;
    assert!(bench.bodies(ada).await.is_empty());
    assert!(
        bench.bodies(bo).await == texts(&[4]),
        "a body stays for as long as anybody waits for it"
    );
}

pub(super) async fn a_repeat_gets_its_first_answer<S: Store>(mut bench: Bench<S>) {
    let people = bench.people::<1>().await;
    let row = bench.conversation(1).await;
    let first = bench.now;
    let once_sent = || send(1, row, 1, 1, &people);
    assert!(is_new(&bench.run(sending(once_sent())).await));
    bench.later(DAY);
    assert!(is_repeat_of(&bench.run(sending(once_sent())).await, first));
    let other = Append {
        once: once(1, 1, 99),
        ..once_sent()
    };
    assert!(bench.run(sending(other)).await == Err(Refusal::Conflict));
    assert!(bench.store.accepted(key(1), once(1, 1, 1)).await == Ok(Some(first)));
    assert!(bench.store.accepted(key(1), once(1, 1, 99)).await == Err(Refusal::Conflict));
    assert!(bench.store.accepted(key(1), once(1, 2, 2)).await == Ok(None));
    assert!(bench.store.accepted(key(2), once(2, 1, 1)).await == Ok(None));

    let creating = bench.now;
    assert!(
        is_repeat_of(&bench.run(create(1)).await, first),
        "so does a creation"
    );
    assert!(is_new(&bench.run(create(2)).await));
    bench.later(DAY);
    assert!(is_repeat_of(&bench.run(create(2)).await, creating));
    let Operation::Create(mut other) = create(1) else {
        unreachable!("as it was made")
    };
    other.once = once(1, 77, 77);
    assert!(bench.run(Operation::Create(other)).await == Err(Refusal::Exists));

    let committed = || commit(send(1, row, 1, 5, &people), Grace::None);
    let at = bench.now;
    assert!(is_new(&bench.run(committed()).await));
    bench.later(DAY);
    assert!(
        is_repeat_of(&bench.run(committed()).await, at),
        "so does a commit, which is stale by now"
    );
    assert!(
        is_repeat_of(&bench.run(sending(once_sent())).await, first),
        "first the id, then the epoch"
    );
    assert!(bench.bodies(MailboxId::new([1; 16])).await == texts(&[1, 5]));
}

pub(super) async fn one_of_two_commits_wins<S: Store>(bench: Bench<S>) {
    let [ada, bo] = bench.people().await;
    let row = bench.conversation(1).await;
    let batch = vec![
        commit(send(1, row, 1, 1, &[ada]), Grace::Granted),
        commit(send(1, row, 1, 2, &[ada]), Grace::Granted),
    ];
    let answers = bench.store.transact(bench.now, batch).await;
    assert!(answers.first().is_some_and(is_new));
    assert!(answers.get(1) == Some(&Err(Refusal::Stale { current: Epoch(2) })));
    let found = bench.store.conversation(key(1)).await.ok().flatten();
    assert!(found.is_some_and(|one| one.epoch == Epoch(2) && *one.roster == *b"sealed at the next epoch"));

    let ahead = bench
        .run(commit(send(1, row, 3, 3, &[ada]), Grace::Granted))
        .await;
    assert!(ahead == Err(Refusal::Ahead { current: Epoch(2) }));
    let Operation::Commit(mut adds) = commit(send(1, row, 2, 4, &[ada]), Grace::Granted) else {
        unreachable!("as it was made")
    };
    adds.welcomes = Welcomes {
        joiners: vec![(at(bo), Bytes::from_static(b"for bo"))],
        group_info: Bytes::from_static(b"for all"),
    };
    assert!(placed(&bench.run(Operation::Commit(adds)).await) == (2, 0));
    assert!(bench.bodies(ada).await == texts(&[1, 4]));
    assert!(bench.bodies(bo).await == ["for bo"]);
    let page = bench
        .store
        .read(ada, Sequence(0), 1, usize::MAX)
        .await
        .unwrap_or_default();
    let check = page.items.first().and_then(|item| match &item.content {
        Some(v1::item::Content::Message(message)) => message.commit.clone(),
        _ => None,
    });
    assert!(check.is_some_and(|check| *check.roster_hash == [7; 32] && *check.roster_key_hash == [8; 32]));
}

pub(super) async fn the_grace_ends_after_a_minute<S: Store>(mut bench: Bench<S>) {
    let people = bench.people::<1>().await;
    let row = bench.conversation(1).await;
    assert!(is_new(
        &bench
            .run(commit(send(1, row, 1, 1, &people), Grace::Granted))
            .await
    ));
    let late = |message| sending(send(1, row, 1, message, &people));
    bench.later(limits::EPOCH_GRACE);
    assert!(
        is_new(&bench.run(late(2)).await),
        "a minute after, it is still taken"
    );
    bench.later(Duration::from_millis(1));
    let stale = Err(Refusal::Stale { current: Epoch(2) });
    assert!(bench.run(late(3)).await == stale, "and no longer");
    bench.sweep(100).await;
    let found = bench.store.conversation(key(1)).await.ok().flatten();
    assert!(
        found.is_some_and(|one| one.previous.is_none()),
        "its roster is deleted"
    );
    assert!(bench.run(late(3)).await == stale);
    assert!(is_new(
        &bench.run(sending(send(1, row, 2, 4, &people))).await
    ));
    let committing = bench
        .run(commit(send(1, row, 1, 5, &people), Grace::Granted))
        .await;
    assert!(committing == stale, "there is no grace for commits");
}

pub(super) async fn a_removal_has_no_grace<S: Store>(bench: Bench<S>) {
    let people = bench.people::<1>().await;
    let row = bench.conversation(1).await;
    assert!(is_new(
        &bench
            .run(commit(send(1, row, 1, 1, &people), Grace::Granted))
            .await
    ));
    assert!(is_new(
        &bench
            .run(commit(send(1, row, 2, 2, &people), Grace::None))
            .await
    ));
    let stale = Err(Refusal::Stale { current: Epoch(3) });
    assert!(bench.run(sending(send(1, row, 2, 3, &people))).await == stale);
    assert!(
        bench.run(sending(send(1, row, 1, 4, &people))).await == stale,
        "nor for the epoch before that"
    );
}

pub(super) async fn a_dead_address_costs_nobody_else<S: Store>(bench: Bench<S>) {
    let people @ [_, bo, _] = bench.people::<3>().await;
    let row = bench.conversation(1).await;
    let first = bench.takes(bo, 2).await;
    let [second, third] = [first.next(), first.next().next()];
    assert!(
        bench
            .run(Operation::Revoke {
                mailbox: bo,
                serials: vec![Serial(1), first, third]
            })
            .await
            .is_ok()
    );
    assert!(
        placed(&bench.run(sending(send(1, row, 1, 1, &people))).await) == (2, 1),
        "what a server forgot that it gave can be revoked, too"
    );
    let through = |message, serial| {
        sending(Append {
            targets: vec![Target {
                mailbox: bo,
                serial,
            }],
            ..send(1, row, 1, message, &[])
        })
    };
    assert!(placed(&bench.run(through(2, first)).await) == (0, 1));
    assert!(placed(&bench.run(through(3, second)).await) == (1, 0));
    assert!(bench.takes(bo, 1).await == third);
    assert!(
        placed(&bench.run(through(4, third)).await) == (1, 0),
        "one cannot revoke what is still to be given"
    );
}

pub(super) async fn a_removed_device_costs_nobody_else<S: Store>(bench: Bench<S>) {
    let people @ [ada, bo, cy] = bench.people::<3>().await;
    let row = bench.conversation(1).await;
    assert!(placed(&bench.run(sending(send(1, row, 1, 1, &people))).await) == (3, 0));
    let removing = Operation::RemoveDevice {
        account: AccountId::new([3; 32]),
        device: DeviceId::new([3; 16]),
    };
    assert!(bench.run(removing).await.is_ok());
    assert!(placed(&bench.run(sending(send(1, row, 1, 2, &people))).await) == (2, 1));
    assert!(bench.bodies(ada).await == texts(&[1, 2]));
    assert!(bench.bodies(bo).await == texts(&[1, 2]));
    assert!(
        bench.bodies(cy).await.is_empty(),
        "a removed device's mailbox is gone with all that waited"
    );
    bench.sweep(2).await;
    assert!(
        bench.bodies(ada).await == texts(&[1, 2]),
        "what others wait for as well stays"
    );
    let nobody = bench.run(sending(send(1, row, 1, 3, &[cy]))).await;
    assert!(
        placed(&nobody) == (0, 1) && is_new(&nobody),
        "accepted, and delivered to nobody"
    );
}

pub(super) async fn a_refused_operation_costs_only_itself<S: Store>(bench: Bench<S>) {
    let people = bench.people::<1>().await;
    let row = bench.conversation(1).await;
    let batch = vec![
        sending(send(1, row, 1, 1, &people)),
        sending(send(1, row, 9, 2, &people)),
        sending(send(4, row, 1, 3, &people)),
        sending(send(1, row + 1, 1, 4, &people)),
        create(1),
        sending(send(1, row, 1, 5, &people)),
    ];
    let answers = bench.store.transact(bench.now, batch).await;
    let ahead = Err(Refusal::Ahead { current: Epoch(1) });
    assert!(answers.len() == 6);
    assert!(answers.first().is_some_and(is_new) && answers.get(5).is_some_and(is_new));
    assert!(answers.get(1) == Some(&ahead));
    assert!(
        answers.get(2) == Some(&Err(Refusal::NotFound)),
        "no such conversation"
    );
    assert!(
        answers.get(3) == Some(&Err(Refusal::NotFound)),
        "another one than the one that was opened"
    );
    assert!(
        answers
            .get(4)
            .is_some_and(|answer| is_repeat_of(answer, bench.now))
    );
    assert!(bench.bodies(MailboxId::new([1; 16])).await == texts(&[1, 5]));
    assert!(bench.store.transact(bench.now, Vec::new()).await.is_empty());
}

pub(super) async fn a_mailbox_is_read_in_pages<S: Store>(bench: Bench<S>) {
    let [ada] = bench.people().await;
    let row = bench.conversation(1).await;
    for message in 1..=5 {
        assert!(is_new(
            &bench.run(sending(send(1, row, 1, message, &[ada]))).await
        ));
    }
    let read = async |after, items, bytes| {
        let page = bench
            .store
            .read(ada, Sequence(after), items, bytes)
            .await
            .unwrap_or_default();
        (
            page.items
                .iter()
                .map(|item| item.sequence)
                .collect::<Vec<_>>(),
            page.more,
        )
    };
    let all = bench.sequences(ada).await;
    let [one, two, three, four, five] = all[..] else {
        unreachable!("five were sent")
    };
    assert!(read(0, 2, usize::MAX).await == (vec![one, two], true));
    assert!(read(two, 3, usize::MAX).await == (vec![three, four, five], false));
    assert!(
        read(0, 9, 350).await == (vec![one, two], true),
        "a third would be over the limit"
    );
    assert!(
        read(0, 9, 1).await == (vec![one], true),
        "one is always read"
    );
    assert!(read(five, 9, usize::MAX).await == (vec![], false));
    assert!(read(u64::MAX, 9, usize::MAX).await == (vec![], false));
}

pub(super) async fn sequences_carry_the_time_and_rise_whatever_it_does<S: Store>(
    mut bench: Bench<S>,
) {
    let [ada, bo] = bench.people().await;
    let row = bench.conversation(1).await;
    let mut last = 0;
    let mut read = Vec::new();
    let ends = Timestamp(u64::MAX);
    for (message, now) in (1..).zip([START, START, START.after(DAY), START, ends, ends, START]) {
        bench.now = now;
        let Operation::Commit(mut adds) = commit(
            send(1, row, u64::from(message), message, &[ada]),
            Grace::Granted,
        ) else {
            unreachable!("as it was made")
        };
        // A welcome's place is found as a message's is.
        adds.welcomes = Welcomes {
            joiners: vec![(at(bo), Bytes::from_static(b"for bo"))],
            group_info: Bytes::from_static(b"for all"),
        };
        assert!(placed(&bench.run(Operation::Commit(adds)).await) == (2, 0));
        let newest = bench.store.mailbox(ada, END).await.ok().flatten();
        let newest = newest.map_or(0, |state| state.known.0);
        assert!(newest > last, "a sequence is larger than all before it");
        if now == START.after(DAY) {
            assert!(
                newest - last > 1_000_000,
                "what may be forgotten of a day leaves room for a day"
            );
        }
        last = newest;
        read.push(newest);
    }
    assert!(bench.sequences(ada).await == read);
    assert!(bench.sequences(bo).await == read);
}

pub(super) async fn a_mailbox_knows_which_positions_it_has_given<S: Store>(bench: Bench<S>) {
    let people @ [ada, _] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    let known = async |position| {
        let state = bench.store.mailbox(ada, Sequence(position)).await;
        state.ok().flatten().map(|state| state.known.0)
    };
    assert!(
        known(0).await == Some(0) && known(9).await == Some(0),
        "it has given none"
    );
    for message in 1..=3 {
        assert!(is_new(
            &bench.run(sending(send(1, row, 1, message, &people))).await
        ));
    }
    let given = bench.sequences(ada).await;
    let [one, two, three] = given[..] else {
        unreachable!("three were sent")
    };
    let acknowledged = bench.run(Operation::Acknowledge {
        mailbox: ada,
        sequence: Sequence(one),
    });
    assert!(acknowledged.await.is_ok());
    for (position, expected) in [
        (one - 1, one - 1),
        (one, one),
        (one + 1, if two == one + 1 { two } else { one }),
        (two, two),
        (three - 1, two),
        (three, three),
        (three + 1, three),
        (u64::MAX, three),
    ] {
        assert!(
            known(position).await == Some(expected),
            "{position} of {given:?}"
        );
    }
}

pub(super) async fn acknowledged_is_gone<S: Store>(bench: Bench<S>) {
    let people @ [ada, bo] = bench.people::<2>().await;
    let row = bench.conversation(1).await;
    for message in 1..=4 {
        assert!(is_new(
            &bench.run(sending(send(1, row, 1, message, &people))).await
        ));
    }
    let state = async |mailbox| {
        let state = bench.store.mailbox(mailbox, END).await.ok().flatten();
        state.map(|state| (state.acknowledged.0, state.known.0))
    };
    let acknowledge = |mailbox, sequence| {
        bench.run(Operation::Acknowledge {
            mailbox,
            sequence: Sequence(sequence),
        })
    };
    let all = bench.sequences(ada).await;
    let [one, _, three, four] = all[..] else {
        unreachable!("four were sent")
    };
    assert!(acknowledge(ada, three).await.is_ok());
    assert!(bench.bodies(ada).await == texts(&[4]));
    assert!(
        bench.bodies(bo).await == texts(&[1, 2, 3, 4]),
        "others still wait for theirs"
    );
    assert!(acknowledge(ada, one).await.is_ok());
    assert!(
        state(ada).await == Some((three, four)),
        "an older one changes nothing"
    );
    assert!(acknowledge(ada, u64::MAX).await.is_ok());
    assert!(
        state(ada).await == Some((four, four)),
        "nobody acknowledges what is still to come"
    );
    assert!(acknowledge(MailboxId::new([9; 16]), 1).await.is_ok());
    assert!(is_new(
        &bench.run(sending(send(1, row, 1, 5, &people))).await
    ));
    assert!(
        state(ada).await == Some((four, four + 1)),
        "sequences go on where they were"
    );
    assert!(bench.bodies(ada).await == texts(&[5]));
}
