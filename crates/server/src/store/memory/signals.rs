//! Signals that wait, in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use keyfold_wire::ids::{MailboxId, Timestamp};
use keyfold_wire::limits;

use super::super::operation::NewSignal;
use super::super::record::{SignalPage, day, first_kept_day};
use super::super::{Answer, Outcome};
use super::State;
use crate::refusal::Refusal;

/// The signals of one mailbox.
#[derive(Clone, Default)]
pub(super) struct Waiting {
    /// The last number given.
    last: u64,
    pub(super) by_number: BTreeMap<u64, Signal>,
}

#[derive(Clone)]
pub(super) struct Signal {
    place: [u8; 16],
    day: u32,
    pub(super) sealed: Bytes,
}

impl Waiting {
    fn put(&mut self, signal: Signal) {
        self.by_number.retain(|_, one| one.place != signal.place);
        self.last += 1;
        self.by_number.insert(self.last, signal);
        while self.by_number.len() > limits::MAX_WAITING_SIGNALS {
            self.by_number.pop_first();
        }
    }
}

impl State {
    pub(super) fn signal(&mut self, signal: NewSignal, now: Timestamp) -> Answer {
        let conversation = self
            .conversations
            .get(&signal.key)
            .filter(|conversation| conversation.id == signal.conversation)
            .ok_or(Refusal::NotFound)?;
        conversation.roster_for_commit(signal.epoch)?;
        let (mut mailboxes, mut dropped) = (Vec::new(), 0);
        for copy in signal.copies {
            let mailbox = self.mailboxes.get_mut(&copy.target.mailbox);
            let serial = copy.target.serial.0;
            let Some(mailbox) = mailbox.filter(|one| !one.revoked.contains(&serial)) else {
                dropped += 1;
                continue;
            };
            mailbox.signals.put(Signal {
                place: copy.place,
                day: day(now),
                sealed: copy.sealed,
            });
            mailboxes.push(copy.target.mailbox);
        }
        Ok(Outcome::Signalled { mailboxes, dropped })
    }

    pub(super) fn acknowledge_signals(&mut self, mailbox: MailboxId, number: u64) -> Outcome {
        if let Some(mailbox) = self.mailboxes.get_mut(&mailbox) {
            let waiting = &mut mailbox.signals.by_number;
            *waiting = waiting.split_off(&number.saturating_add(1));
        }
        Outcome::Done
    }

    pub(super) fn signals(&self, mailbox: MailboxId, after: u64, max: usize) -> SignalPage {
        let Some(mailbox) = self.mailboxes.get(&mailbox) else {
            return SignalPage::default();
        };
        let mut behind = mailbox.signals.by_number.range(after.saturating_add(1)..);
        let signals = behind.by_ref().take(max);
        let signals = signals.map(|(number, one)| (*number, one.sealed.clone()));
        SignalPage {
            signals: signals.collect(),
            more: behind.next().is_some(),
        }
    }

    pub(super) fn sweep_signals(&mut self, now: Timestamp, left: &mut usize) {
        let kept = first_kept_day(now, limits::SIGNAL_RETENTION);
        for mailbox in self.mailboxes.values_mut() {
            mailbox.signals.by_number.retain(|_, one| {
                let goes = one.day < kept && *left > 0;
                *left -= usize::from(goes);
                !goes
            });
        }
    }
}
