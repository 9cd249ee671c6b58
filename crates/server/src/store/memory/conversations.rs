//! Conversations, mailbox items and retention in memory.

use std::sync::Arc;

use bytes::Bytes;
use keyfold_wire::ids::{MailboxId, Timestamp};
use keyfold_wire::limits;
use keyfold_wire::v1::{self, item::Content};

use super::super::operation::{Advance, Append, Appended, NewConversation, Welcomes};
use super::super::record::{
    Conversation, OnceKey, Previous, day, first_kept_day, first_kept_item, next_number,
};
use super::super::{Answer, Outcome};
use super::{Once, State};
use crate::refusal::Refusal;
use crate::request::Grace;
use crate::seal::Target;

impl State {
    pub(super) fn accepted(
        &self,
        conversation: i64,
        once: &OnceKey,
    ) -> Result<Option<Timestamp>, Refusal> {
        let row = self.once.get(&(conversation, once.key));
        row.map(|row| once.recognise(&row.request, row.hidden))
            .transpose()
    }

    pub(super) fn create(&mut self, new: NewConversation, now: Timestamp) -> Answer {
        if let Some(conversation) = self.conversations.get(&new.key) {
            return match self.accepted(conversation.id, &new.once)? {
                Some(received) => Ok(Appended::repeat(received)),
                None => Err(Refusal::Exists),
            };
        }
        self.conversations_ever += 1;
        let conversation = Conversation {
            id: self.conversations_ever,
            epoch: new.epoch,
            roster: new.roster,
            previous: None,
            used: day(now),
        };
        self.remember(conversation.id, &new.once, now);
        self.conversations.insert(new.key, Arc::new(conversation));
        let mut appended = Appended {
            received: now,
            ..Appended::default()
        };
        self.welcome(&new.welcomes, &mut appended);
        Ok(Outcome::Appended(appended))
    }

    pub(super) fn send(&mut self, append: &Append, now: Timestamp) -> Answer {
        let conversation = self.judge(append, |one| {
            one.roster_for_send(append.epoch, now).map(drop)
        });
        match conversation? {
            Judged::Repeat(received) => Ok(Appended::repeat(received)),
            Judged::New(mut conversation) => {
                conversation.used = day(now);
                self.remember(conversation.id, &append.once, now);
                self.conversations
                    .insert(append.key, Arc::new(conversation));
                Ok(Outcome::Appended(self.message(append, None, now)))
            }
        }
    }

    pub(super) fn commit(&mut self, advance: Advance, now: Timestamp) -> Answer {
        let append = &advance.append;
        let judged = self.judge(append, |one| one.roster_for_commit(append.epoch).map(drop))?;
        let conversation = match judged {
            Judged::Repeat(received) => return Ok(Appended::repeat(received)),
            Judged::New(conversation) => conversation,
        };
        self.remember(conversation.id, &append.once, now);
        let previous = match advance.grace {
            Grace::None => None,
            Grace::Granted => Some(Previous {
                roster: conversation.roster,
                until: now.after(limits::EPOCH_GRACE),
            }),
        };
        let next = Conversation {
            id: conversation.id,
            epoch: append.epoch.next(),
            roster: advance.next_roster,
            previous,
            used: day(now),
        };
        self.conversations.insert(append.key, Arc::new(next));
        let mut appended = self.message(append, Some(advance.check), now);
        self.welcome(&advance.welcomes, &mut appended);
        Ok(Outcome::Appended(appended))
    }

    /// First the message id, then the epoch.
    fn judge(
        &self,
        append: &Append,
        admits: impl Fn(&Conversation) -> Result<(), Refusal>,
    ) -> Result<Judged, Refusal> {
        let conversation = self
            .conversations
            .get(&append.key)
            .ok_or(Refusal::NotFound)?;
        if let Some(received) = self.accepted(conversation.id, &append.once)? {
            return Ok(Judged::Repeat(received));
        }
        if conversation.id != append.conversation {
            return Err(Refusal::NotFound);
        }
        admits(conversation)?;
        Ok(Judged::New(Conversation::clone(conversation)))
    }

    fn remember(&mut self, conversation: i64, once: &OnceKey, now: Timestamp) {
        let row = Once {
            request: once.request,
            hidden: once.hide(now),
            day: day(now),
        };
        self.once.insert((conversation, once.key), row);
    }

    fn message(
        &mut self,
        append: &Append,
        commit: Option<v1::CommitCheck>,
        now: Timestamp,
    ) -> Appended {
        let content = Content::Message(v1::Message {
            message_id: append.message_id.to_wire(),
            epoch: append.epoch.0,
            body: append.body.clone(),
            commit,
        });
        let mut appended = Appended {
            received: now,
            ..Appended::default()
        };
        for (place, target) in append.targets.iter().enumerate() {
            if !self.put(*target, content.clone(), &mut appended) {
                appended.missed.push(place);
            }
        }
        appended
    }

    fn welcome(&mut self, welcomes: &Welcomes, appended: &mut Appended) {
        for (target, secrets) in &welcomes.joiners {
            let content = Content::Welcome(v1::Welcome {
                secrets: Bytes::clone(secrets),
                group_info: welcomes.group_info.clone(),
            });
            self.put(*target, content, appended);
        }
    }

    /// `false`: the address leads nowhere any more.
    fn put(&mut self, target: Target, content: Content, appended: &mut Appended) -> bool {
        let mailbox = self.mailboxes.get_mut(&target.mailbox);
        let Some(mailbox) = mailbox.filter(|one| !one.revoked.contains(&target.serial.0)) else {
            appended.dropped += 1;
            return false;
        };
        mailbox.newest = next_number(mailbox.newest, appended.received);
        let item = v1::Item {
            sequence: mailbox.newest,
            serial: target.serial.0,
            received_ms: appended.received.0,
            content: Some(content),
        };
        mailbox.items.insert(mailbox.newest, item.clone());
        appended.items.push((target.mailbox, item));
        true
    }

    /// Whether more is left.
    pub(super) fn sweep(&mut self, now: Timestamp, portion: usize) -> bool {
        let mut left = portion;
        self.sweep_items(now, &mut left);
        self.sweep_signals(now, &mut left);
        self.sweep_ids(now, &mut left);
        self.sweep_conversations(now, &mut left);
        self.sweep_reports(now, &mut left);
        let spent_before = first_kept_day(now, limits::MESSAGE_ID_RETENTION);
        for mailbox in self.mailboxes.values_mut() {
            mailbox
                .packages
                .retain(|one| one.spent.is_none_or(|day| day >= spent_before));
        }
        left == 0
    }

    fn sweep_items(&mut self, now: Timestamp, left: &mut usize) {
        let kept = first_kept_item(now).0;
        let old: Vec<(MailboxId, u64)> = self
            .mailboxes
            .iter()
            .flat_map(|(id, mailbox)| mailbox.items.values().map(|item| (*id, item)))
            .filter(|(_, item)| item.received_ms < kept)
            .map(|(id, item)| (id, item.sequence))
            .take(*left)
            .collect();
        *left -= old.len();
        for (id, sequence) in old {
            if let Some(mailbox) = self.mailboxes.get_mut(&id) {
                mailbox.items.remove(&sequence);
                mailbox.expired = mailbox.expired.max(sequence);
            }
        }
    }

    fn sweep_ids(&mut self, now: Timestamp, left: &mut usize) {
        let kept = first_kept_day(now, limits::MESSAGE_ID_RETENTION);
        let old = self
            .once
            .iter()
            .filter(|(_, once)| once.day < kept)
            .map(|(key, _)| *key);
        let old: Vec<_> = old.take(*left).collect();
        *left -= old.len();
        for key in old {
            self.once.remove(&key);
        }
    }

    fn sweep_conversations(&mut self, now: Timestamp, left: &mut usize) {
        let kept = first_kept_day(now, limits::CONVERSATION_RETENTION);
        let old = self
            .conversations
            .iter()
            .filter(|(_, one)| one.used < kept)
            .map(|(key, _)| *key);
        let old: Vec<_> = old.take(*left).collect();
        *left -= old.len();
        for key in old {
            self.conversations.remove(&key);
        }
        for conversation in self.conversations.values_mut() {
            if conversation
                .previous
                .as_ref()
                .is_some_and(|previous| previous.until < now)
            {
                Arc::make_mut(conversation).previous = None;
            }
        }
    }
}

enum Judged {
    Repeat(Timestamp),
    New(Conversation),
}
