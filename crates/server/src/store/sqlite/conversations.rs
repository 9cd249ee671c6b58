//! Conversations and the items that they put into mailboxes.

use std::sync::Arc;

use bytes::Bytes;
use keyfold_wire::ids::{MailboxId, Sequence, Serial, Timestamp};
use keyfold_wire::limits;
use keyfold_wire::v1::{self, item::Content};
use rusqlite::{OptionalExtension as _, params};

use super::super::Outcome;
use super::super::operation::{Advance, Append, Appended, NewConversation, Welcomes};
use super::super::record::{Conversation, OnceKey, Previous, day, next_number};
use super::read;
use super::writer::{Stop, Writer};
use crate::refusal::Refusal;
use crate::request::Grace;
use crate::seal::Target;

/// What a request is after the message id has been looked at, and then the epoch.
enum Judged {
    Repeat(Timestamp),
    New(Arc<Conversation>),
}

/// An item that is not in its table yet.
pub(super) struct NewItem {
    mailbox: i64,
    sequence: u64,
    serial: Serial,
    body: i64,
    secrets: Option<Bytes>,
}

impl Writer {
    pub(super) fn create(
        &mut self,
        new: &NewConversation,
        now: Timestamp,
    ) -> Result<Outcome, Stop> {
        if let Some(conversation) = self.conversation(&new.key)? {
            return match self.accepted(conversation.id, &new.once)? {
                Some(received) => Ok(Appended::repeat(received)),
                None => Err(Refusal::Exists.into()),
            };
        }
        let used = day(now);
        self.db
            .prepare_cached(
                "INSERT INTO conversations (key, epoch, roster, used) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                new.key.0,
                new.epoch.0.cast_signed(),
                &new.roster[..],
                used
            ])?;
        let conversation = Conversation {
            id: self.db.last_insert_rowid(),
            epoch: new.epoch,
            roster: new.roster.clone(),
            previous: None,
            used,
        };
        self.remember(conversation.id, &new.once, now)?;
        self.touch(new.key, Some(Arc::new(conversation)));
        let mut appended = Appended {
            received: now,
            ..Appended::default()
        };
        self.welcome(&new.welcomes, &mut appended)?;
        Ok(Outcome::Appended(appended))
    }

    pub(super) fn send(&mut self, append: &Append, now: Timestamp) -> Result<Outcome, Stop> {
        let admits = |one: &Conversation| one.roster_for_send(append.epoch, now).map(drop);
        match self.judge(append, now, admits)? {
            Judged::Repeat(received) => Ok(Appended::repeat(received)),
            Judged::New(conversation) => {
                self.mark_used(append, &conversation, now)?;
                Ok(Outcome::Appended(self.message(append, None, now)?))
            }
        }
    }

    pub(super) fn commit(&mut self, advance: &Advance, now: Timestamp) -> Result<Outcome, Stop> {
        let append = &advance.append;
        let admits = |one: &Conversation| one.roster_for_commit(append.epoch).map(drop);
        let conversation = match self.judge(append, now, admits)? {
            Judged::Repeat(received) => return Ok(Appended::repeat(received)),
            Judged::New(conversation) => conversation,
        };
        self.advance(advance, &conversation, now)?;
        let mut appended = self.message(append, Some(&advance.check), now)?;
        self.welcome(&advance.welcomes, &mut appended)?;
        Ok(Outcome::Appended(appended))
    }

    fn advance(
        &mut self,
        advance: &Advance,
        conversation: &Conversation,
        now: Timestamp,
    ) -> Result<(), Stop> {
        let previous = match advance.grace {
            Grace::None => None,
            Grace::Granted => Some(Previous {
                roster: conversation.roster.clone(),
                until: now.after(limits::EPOCH_GRACE),
            }),
        };
        let next = Conversation {
            id: conversation.id,
            epoch: advance.append.epoch.next(),
            roster: advance.next_roster.clone(),
            previous,
            used: day(now),
        };
        let previous = next.previous.as_ref();
        self.db
            .prepare_cached(
                "UPDATE conversations SET epoch = ?2, roster = ?3, previous = ?4, previous_until = ?5, used = ?6 \
                 WHERE id = ?1",
            )?
            .execute(params![
                next.id,
                next.epoch.0.cast_signed(),
                &next.roster[..],
                previous.map(|previous| &previous.roster[..]),
                previous.map(|previous| previous.until.0.cast_signed()),
                next.used,
            ])?;
        self.touch(advance.append.key, Some(Arc::new(next)));
        Ok(())
    }

    /// First the message id, then the epoch. A new request's id is remembered.
    fn judge(
        &mut self,
        append: &Append,
        now: Timestamp,
        admits: impl Fn(&Conversation) -> Result<(), Refusal>,
    ) -> Result<Judged, Stop> {
        let conversation = self.conversation(&append.key)?.ok_or(Refusal::NotFound)?;
        let verdict = if conversation.id == append.conversation {
            admits(&conversation)
        } else {
            Err(Refusal::NotFound)
        };
        // Usual and cheapest: one insertion both asks and answers.
        if verdict.is_ok() && self.remember(conversation.id, &append.once, now)? {
            return Ok(Judged::New(conversation));
        }
        match self.accepted(conversation.id, &append.once)? {
            Some(received) => Ok(Judged::Repeat(received)),
            None => Err(verdict.err().unwrap_or(Refusal::Unavailable).into()),
        }
    }

    fn accepted(&self, conversation: i64, once: &OnceKey) -> Result<Option<Timestamp>, Stop> {
        let found = self
            .db
            .prepare_cached(
                "SELECT request, hidden FROM once WHERE conversation = ?1 AND key = ?2",
            )?
            .query_row(params![conversation, once.key], |row| {
                Ok((row.get::<_, [u8; 16]>(0)?, read::unsigned(row, 1)?))
            })
            .optional()?;
        let received = found.map(|(request, hidden)| once.recognise(&request, hidden));
        Ok(received.transpose()?)
    }

    /// Whether it is new.
    fn remember(&self, conversation: i64, once: &OnceKey, now: Timestamp) -> Result<bool, Stop> {
        let inserted = self
            .db
            .prepare_cached(
                "INSERT INTO once (conversation, key, request, hidden, day) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                conversation,
                once.key,
                once.request,
                once.hide(now).cast_signed(),
                day(now)
            ])?;
        Ok(inserted == 1)
    }

    /// Written once a day: exact enough to delete what nobody has used for a year.
    fn mark_used(
        &mut self,
        append: &Append,
        conversation: &Conversation,
        now: Timestamp,
    ) -> Result<(), Stop> {
        let today = day(now);
        if conversation.used == today {
            return Ok(());
        }
        self.db
            .prepare_cached("UPDATE conversations SET used = ?2 WHERE id = ?1")?
            .execute(params![conversation.id, today])?;
        let used = Conversation {
            used: today,
            ..conversation.clone()
        };
        self.touch(append.key, Some(Arc::new(used)));
        Ok(())
    }

    fn message(
        &mut self,
        append: &Append,
        check: Option<&v1::CommitCheck>,
        now: Timestamp,
    ) -> Result<Appended, Stop> {
        let mut appended = Appended {
            received: now,
            ..Appended::default()
        };
        let message = v1::Message {
            message_id: append.message_id.to_wire(),
            epoch: append.epoch.0,
            body: append.body.clone(),
            commit: check.cloned(),
        };
        let mut body = None;
        for (place, target) in append.targets.iter().enumerate() {
            let Some((row, sequence)) = self.next_place(*target, now)? else {
                appended.dropped += 1;
                appended.missed.push(place);
                continue;
            };
            let body = match body {
                Some(body) => body,
                None => *body.insert(self.insert_message(&message, now)?),
            };
            self.items.push(NewItem {
                mailbox: row,
                sequence,
                serial: target.serial,
                body,
                secrets: None,
            });
            let content = Content::Message(message.clone());
            appended
                .items
                .push((target.mailbox, item(*target, sequence, now, content)));
        }
        Ok(appended)
    }

    fn welcome(&mut self, welcomes: &Welcomes, appended: &mut Appended) -> Result<(), Stop> {
        let now = appended.received;
        let mut body = None;
        for (target, secrets) in &welcomes.joiners {
            let Some((row, sequence)) = self.next_place(*target, now)? else {
                appended.dropped += 1;
                continue;
            };
            let body = match body {
                Some(body) => body,
                None => *body.insert(self.insert_group_info(&welcomes.group_info, now)?),
            };
            self.items.push(NewItem {
                mailbox: row,
                sequence,
                serial: target.serial,
                body,
                secrets: Some(secrets.clone()),
            });
            let content = Content::Welcome(v1::Welcome {
                secrets: secrets.clone(),
                group_info: welcomes.group_info.clone(),
            });
            appended
                .items
                .push((target.mailbox, item(*target, sequence, now, content)));
        }
        Ok(())
    }

    /// The mailbox's row and its next sequence; `None` where the address leads nowhere any more.
    fn next_place(&mut self, target: Target, now: Timestamp) -> Result<Option<(i64, u64)>, Stop> {
        let Some(mailbox) = self.mailbox(target.mailbox)? else {
            return Ok(None);
        };
        if mailbox.revoked.contains(&target.serial.0) {
            return Ok(None);
        }
        mailbox.newest = next_number(mailbox.newest, now);
        Ok(Some((mailbox.row, mailbox.newest)))
    }

    fn insert_message(&self, message: &v1::Message, now: Timestamp) -> Result<i64, Stop> {
        let check = message.commit.as_ref();
        self.db
            .prepare_cached(
                "INSERT INTO bodies (received, epoch, message_id, roster_hash, roster_key_hash, body) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                now.0.cast_signed(),
                message.epoch.cast_signed(),
                &message.message_id[..],
                check.map(|check| &check.roster_hash[..]),
                check.map(|check| &check.roster_key_hash[..]),
                &message.body[..],
            ])?;
        Ok(self.db.last_insert_rowid())
    }

    fn insert_group_info(&self, group_info: &Bytes, now: Timestamp) -> Result<i64, Stop> {
        self.db
            .prepare_cached("INSERT INTO bodies (received, epoch, body) VALUES (?1, 0, ?2)")?
            .execute(params![now.0.cast_signed(), &group_info[..]])?;
        Ok(self.db.last_insert_rowid())
    }

    /// Writes the items that this transaction has put into mailboxes so far. In the order of the table: neighbours
    /// then go into the same page one after the other.
    pub(super) fn write_items(&mut self) -> rusqlite::Result<()> {
        if self.items.is_empty() {
            return Ok(());
        }
        self.items
            .sort_unstable_by_key(|item| (item.mailbox, item.sequence));
        let mut statement = self.db.prepare_cached(
            "INSERT INTO items (mailbox, sequence, serial, body, secrets) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for item in self.items.drain(..) {
            statement.execute(params![
                item.mailbox,
                item.sequence.cast_signed(),
                item.serial.0.cast_signed(),
                item.body,
                item.secrets.as_deref(),
            ])?;
        }
        Ok(())
    }

    pub(super) fn acknowledge(
        &mut self,
        mailbox: MailboxId,
        sequence: Sequence,
    ) -> Result<Outcome, Stop> {
        let Some(entry) = self.mailbox(mailbox)? else {
            return Ok(Outcome::Done);
        };
        let sequence = sequence.0.min(entry.newest);
        if sequence <= entry.acknowledged {
            return Ok(Outcome::Done);
        }
        entry.acknowledged = sequence;
        let row = entry.row;
        self.db
            .prepare_cached("UPDATE cursors SET acknowledged = ?2 WHERE mailbox = ?1")?
            .execute(params![row, sequence.cast_signed()])?;
        self.delete_items(row, sequence.cast_signed())?;
        Ok(Outcome::Done)
    }

    /// Deletes a mailbox's items up to a sequence. First read, then deleted: with `RETURNING`, SQLite would note the
    /// rows in two temporary tables before it touches the first.
    pub(super) fn delete_items(&mut self, mailbox: i64, up_to: i64) -> Result<(), Stop> {
        let mut bodies = self
            .db
            .prepare_cached("SELECT body FROM items WHERE mailbox = ?1 AND sequence <= ?2")?;
        let mut rows = bodies.query(params![mailbox, up_to])?;
        while let Some(row) = rows.next()? {
            self.released.push(row.get(0)?);
        }
        self.db
            .prepare_cached("DELETE FROM items WHERE mailbox = ?1 AND sequence <= ?2")?
            .execute(params![mailbox, up_to])?;
        Ok(())
    }

    /// Deletes bodies that have lost their last reference.
    pub(super) fn delete_released(&mut self) -> rusqlite::Result<()> {
        self.released.sort_unstable();
        self.released.dedup();
        let mut statement = self.db.prepare_cached(
            "DELETE FROM bodies WHERE id BETWEEN ?1 AND ?2 \
             AND NOT EXISTS (SELECT 1 FROM items WHERE items.body = bodies.id)",
        )?;
        // Neighbours together: what came in together goes together.
        for run in self.released.chunk_by(|one, next| one + 1 == *next) {
            if let [first, ..] = run
                && let [.., last] = run
            {
                statement.execute([first, last])?;
            }
        }
        self.released.clear();
        Ok(())
    }
}

fn item(target: Target, sequence: u64, now: Timestamp, content: Content) -> v1::Item {
    v1::Item {
        sequence,
        serial: target.serial.0,
        received_ms: now.0,
        content: Some(content),
    }
}
