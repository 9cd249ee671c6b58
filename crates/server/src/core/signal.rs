//! Signals: handed on to a whole roster, outside of the mailboxes' order, and forgotten.

use keyfold_wire::v1;
use keyfold_wire::v1::server_frame::Content;

use super::{Core, Device};
use crate::clock::Clock;
use crate::refusal::Refusal;
use crate::request::Signal;
use crate::store::operation::{NewSignal, SignalCopy};
use crate::store::record::signal_place;
use crate::store::{ConversationKey, Operation, Outcome, SignalPage, Store};

impl<S: Store, C: Clock> Core<S, C> {
    /// For the current epoch alone: what was sealed before a commit is made anew by its sender, or forgotten.
    pub(super) async fn signal(&self, signal: &Signal) -> Result<Content, Refusal> {
        let key = ConversationKey::of(&signal.handle);
        let conversation = self
            .store
            .conversation(key)
            .await?
            .ok_or(Refusal::NotFound)?;
        let sealed = conversation.roster_for_commit(signal.epoch)?;
        let mut copies = Vec::new();
        for target in self.open(&signal.roster_key, sealed)?.targets {
            let sealed = self.key.seal_signal(&target, &signal.body);
            copies.push(SignalCopy {
                target,
                place: signal_place(&target, &signal.replace_key),
                sealed: sealed.map_err(|_| Refusal::Unavailable)?,
            });
        }
        let new = NewSignal {
            key,
            conversation: conversation.id,
            epoch: signal.epoch,
            copies,
        };
        match self.store(Operation::Signal(Box::new(new))).await? {
            Outcome::Signalled { .. } => Ok(self.done()),
            _ => Err(Refusal::Unavailable),
        }
    }

    /// Signals up to `number` were taken in. Returns at once; done with the next transaction.
    pub fn acknowledge_signals(&self, device: &Device, number: u64) {
        self.queue.acknowledge_signals(device.mailbox, number);
    }

    /// A page of signals as its device gets it. What was sealed under a former key of the server leads nowhere.
    pub(crate) fn open_signals(
        &self,
        mailbox: keyfold_wire::ids::MailboxId,
        page: &SignalPage,
    ) -> v1::Signals {
        let signals = page.signals.iter().filter_map(|(number, sealed)| {
            let (serial, body) = self.key.open_signal(&mailbox, sealed)?;
            Some(v1::WaitingSignal {
                number: *number,
                serial: serial.0,
                body,
            })
        });
        v1::Signals {
            signals: signals.collect(),
        }
    }
}
