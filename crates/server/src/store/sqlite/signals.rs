//! Signals that wait.

use keyfold_wire::ids::{MailboxId, Timestamp};
use keyfold_wire::limits;
use rusqlite::{Connection, Result, params};

use super::super::Outcome;
use super::super::operation::{NewSignal, SignalCopy};
use super::super::record::{SignalPage, day, first_kept_day};
use super::read::{blob, unsigned};
use super::writer::{Stop, Writer};
use crate::refusal::Refusal;

#[allow(clippy::cast_possible_wrap)]
const KEPT: i64 = limits::MAX_WAITING_SIGNALS as i64;

impl Writer {
    pub(super) fn signal(&mut self, signal: &NewSignal, now: Timestamp) -> Result<Outcome, Stop> {
        let conversation = self
            .conversation(&signal.key)?
            .filter(|conversation| conversation.id == signal.conversation)
            .ok_or(Refusal::NotFound)?;
        conversation.roster_for_commit(signal.epoch)?;
        let (mut mailboxes, mut dropped) = (Vec::new(), 0);
        for copy in &signal.copies {
            let mailbox = self.mailbox(copy.target.mailbox)?;
            let serial = copy.target.serial.0;
            match mailbox.filter(|one| !one.revoked.contains(&serial)) {
                Some(mailbox) => {
                    let row = mailbox.row;
                    self.put_signal(row, copy, now)?;
                    mailboxes.push(copy.target.mailbox);
                }
                None => dropped += 1,
            }
        }
        Ok(Outcome::Signalled { mailboxes, dropped })
    }

    fn put_signal(&self, mailbox: i64, copy: &SignalCopy, now: Timestamp) -> Result<()> {
        let number: i64 = self
            .db
            .prepare_cached(
                "UPDATE cursors SET signals = signals + 1 WHERE mailbox = ?1 RETURNING signals",
            )?
            .query_row([mailbox], |row| row.get(0))?;
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO signals (mailbox, place, number, day, sealed) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                mailbox,
                copy.place,
                number,
                day(now),
                &copy.sealed[..]
            ])?;
        // The oldest beyond so many, of which there is one at most.
        self.db
            .prepare_cached(
                "DELETE FROM signals WHERE mailbox = ?1 AND number <= \
                 (SELECT number FROM signals WHERE mailbox = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute(params![mailbox, KEPT])?;
        Ok(())
    }

    pub(super) fn acknowledge_signals(
        &mut self,
        mailbox: MailboxId,
        number: u64,
    ) -> Result<Outcome, Stop> {
        if let Some(entry) = self.mailbox(mailbox)? {
            let row = entry.row;
            self.db
                .prepare_cached("DELETE FROM signals WHERE mailbox = ?1 AND number <= ?2")?
                .execute(params![row, i64::try_from(number).unwrap_or(i64::MAX)])?;
        }
        Ok(Outcome::Done)
    }

    pub(super) fn sweep_signals(&mut self, now: Timestamp, portion: u32) -> Result<bool, Stop> {
        let kept = first_kept_day(now, limits::SIGNAL_RETENTION);
        let deleted = self
            .db
            .prepare_cached(
                "DELETE FROM signals WHERE (mailbox, place) IN \
                 (SELECT mailbox, place FROM signals WHERE day < ?1 LIMIT ?2)",
            )?
            .execute(params![kept, portion])?;
        Ok(deleted == portion as usize)
    }
}

pub(super) fn page(
    db: &Connection,
    mailbox: MailboxId,
    after: u64,
    max: usize,
) -> Result<SignalPage> {
    let mut statement = db.prepare_cached(
        "SELECT number, sealed FROM signals \
         WHERE mailbox = (SELECT id FROM devices WHERE mailbox = ?1) AND number > ?2 \
         ORDER BY number",
    )?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![mailbox.as_bytes(), after])?;
    let mut page = SignalPage::default();
    while let Some(row) = rows.next()? {
        if page.signals.len() >= max {
            page.more = true;
            break;
        }
        let sealed = blob(row, 1)?.unwrap_or_default();
        page.signals.push((unsigned(row, 0)?, sealed));
    }
    Ok(page)
}
