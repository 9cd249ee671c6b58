//! Messages: who hears what, once.

use super::people::{Person, pair, rejected, three, updating};
use crate::group::{Error, Group, MAX_PAST_EPOCHS, OUT_OF_ORDER_TOLERANCE, Processed, Reject};
use crate::rules::LeafIndex;
use crate::suite::Suite;

#[test]
fn two_people_talk_in_both_suites() {
    for suite in Suite::ALL {
        let ([mut ada, mut bo], [mut adas, mut bos]) = pair(suite);
        assert_eq!(bos.suite(), suite);
        let message = ada.says(&mut adas, b"hello");
        let heard = bo.hears(&mut bos, &message);
        assert_eq!(heard.content, b"hello");
        assert_eq!(heard.leaf, LeafIndex(0));
        assert_eq!(heard.sender.account, ada.account.account());
        let answer = bo.says(&mut bos, b"hello, ada");
        assert_eq!(ada.hears(&mut adas, &answer).content, b"hello, ada");
        let keys = (
            ada.with(|mls, _| adas.envelope_key(mls)),
            bo.with(|mls, _| bos.envelope_key(mls)),
        );
        assert_eq!(
            keys.0.unwrap().to_secret_bytes(),
            keys.1.unwrap().to_secret_bytes()
        );
    }
}

#[test]
fn a_message_opens_once_also_after_a_restart() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Classic);
    let message = ada.says(&mut adas, b"once");
    bo.hears(&mut bos, &message);
    assert_eq!(rejected(bo.processes(&mut bos, &message)), Reject::Replayed);
    bo.with(|mls, _| bos.flush(mls)).unwrap();
    let mut bos = bo.reloads(&bos);
    assert_eq!(rejected(bo.processes(&mut bos, &message)), Reject::Replayed);
}

#[test]
fn a_late_message_opens_within_the_tolerance_and_not_beyond() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Classic);
    let late = ada.says(&mut adas, b"late");
    let too_late = {
        let mut messages: Vec<_> = (0..OUT_OF_ORDER_TOLERANCE)
            .map(|_| ada.says(&mut adas, b"in turn"))
            .collect();
        let last = messages.pop().unwrap();
        for message in &messages {
            bo.hears(&mut bos, message);
        }
        assert_eq!(bo.hears(&mut bos, &late).content, b"late");
        last
    };
    for _ in 0..=OUT_OF_ORDER_TOLERANCE {
        let message = ada.says(&mut adas, b"in turn");
        bo.hears(&mut bos, &message);
    }
    assert_eq!(
        rejected(bo.processes(&mut bos, &too_late)),
        Reject::Replayed
    );
}

#[test]
fn a_message_of_the_previous_epoch_opens_and_one_of_the_epoch_before_does_not() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Hybrid);
    let oldest = ada.says(&mut adas, b"oldest");
    for _ in 0..MAX_PAST_EPOCHS {
        let staged = bo.commits(&mut bos, updating(None));
        ada.follows(&mut adas, &staged);
    }
    let old = ada.says(&mut adas, b"old");
    let staged = bo.commits(&mut bos, updating(None));
    let heard = bo.hears(&mut bos, &old);
    assert_eq!(
        (heard.content.as_slice(), heard.epoch),
        (b"old".as_slice(), adas.epoch())
    );
    assert_eq!(heard.sender.account, ada.account.account());
    assert!(matches!(
        rejected(bo.processes(&mut bos, &oldest)),
        Reject::WrongEpoch { .. }
    ));
    ada.follows(&mut adas, &staged);
}

#[test]
fn after_erasing_the_past_nothing_of_it_opens() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Classic);
    let old = ada.says(&mut adas, b"old");
    bo.commits(&mut bos, updating(None));
    bo.with(|mls, _| bos.erase_past(mls)).unwrap();
    assert_eq!(rejected(bo.processes(&mut bos, &old)), Reject::Replayed);
    let mut bos = bo.reloads(&bos);
    assert_eq!(rejected(bo.processes(&mut bos, &old)), Reject::Replayed);
}

#[test]
fn a_message_of_a_later_epoch_waits() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Classic);
    let staged = ada.commits(&mut adas, updating(None));
    let early = ada.says(&mut adas, b"early");
    let reject = rejected(bo.processes(&mut bos, &early));
    assert_eq!(
        reject,
        Reject::WrongEpoch {
            message: adas.epoch(),
            group: bos.epoch()
        }
    );
    bo.follows(&mut bos, &staged);
    assert_eq!(bo.hears(&mut bos, &early).content, b"early");
}

#[test]
fn changed_bytes_change_nothing() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Classic);
    let message = ada.says(&mut adas, b"intact");
    for place in 0..message.len() {
        let mut changed = message.clone();
        changed[place] ^= 1;
        assert!(bo.processes(&mut bos, &changed).is_err(), "byte {place}");
        assert!(
            bo.processes(&mut bos, &message[..place]).is_err(),
            "cut at {place}"
        );
    }
    let longer = [message.as_slice(), b"x"].concat();
    assert_eq!(rejected(bo.processes(&mut bos, &longer)), Reject::Malformed);
    assert_eq!(bo.hears(&mut bos, &message).content, b"intact");
}

#[test]
fn ones_own_message_coming_back_is_not_opened() {
    let ([mut ada, _], [mut adas, _]) = pair(Suite::Classic);
    let message = ada.says(&mut adas, b"mine");
    assert_eq!(
        rejected(ada.processes(&mut adas, &message)),
        Reject::ClaimsOwnLeaf
    );
}

#[test]
fn nothing_is_said_while_a_commit_waits() {
    let ([mut ada, _], [mut adas, _]) = pair(Suite::Classic);
    ada.stages(&mut adas, updating(None));
    let said = ada.with(|mls, device| adas.encrypt(mls, device, b"too soon"));
    assert_eq!(said, Err(Error::Pending));
    let mut adas = ada.reloads(&adas);
    assert!(adas.is_pending());
    ada.with(|mls, _| adas.clear_pending(mls)).unwrap();
    ada.says(&mut adas, b"now");
}

#[test]
fn three_people_hear_each_other_after_a_restart() {
    let (people, groups) = three();
    let mut all: Vec<(Person, Group)> = people.into_iter().zip(groups).collect();
    for speaker in 0..all.len() {
        let (person, group) = &mut all[speaker];
        let message = person.says(group, b"hi");
        for (listener, (person, group)) in all.iter_mut().enumerate() {
            if listener != speaker {
                *group = person.reloads(group);
                assert!(matches!(
                    person.processes(group, &message).unwrap(),
                    Processed::Application(_)
                ));
            }
        }
    }
}
