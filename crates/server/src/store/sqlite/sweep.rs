//! What is past its retention, deleted in bounded portions.

use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits;
use rusqlite::params;

use super::super::Outcome;
use super::super::record::{ConversationKey, day, first_kept_day, first_kept_item};
use super::writer::{Stop, Writer};

/// How far the daily walk over accepted ids has come. They have no index by time: writing one would cost every
/// message more than a walk a day.
#[derive(Default)]
pub(super) struct IdSweep {
    after: (i64, Vec<u8>),
    finished: Option<u32>,
}

impl Writer {
    pub(super) fn sweep(&mut self, now: Timestamp, portion: u32) -> Result<Outcome, Stop> {
        let mut more = self.sweep_doomed(portion)?;
        more |= self.sweep_bodies(now, portion)?;
        more |= self.sweep_signals(now, portion)?;
        more |= self.sweep_ids(now, portion)?;
        more |= self.sweep_grace(now, portion)?;
        more |= self.sweep_conversations(now, portion)?;
        more |= self.sweep_spent(now, portion)?;
        more |= self.sweep_reports(now, portion)?;
        Ok(Outcome::Swept { more })
    }

    /// Items of removed devices.
    fn sweep_doomed(&mut self, portion: u32) -> Result<bool, Stop> {
        let doomed: Vec<i64> = self
            .db
            .prepare_cached("SELECT mailbox FROM doomed LIMIT 1")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for mailbox in &doomed {
            let sequences: Vec<i64> = self
                .db
                .prepare_cached(
                    "SELECT sequence FROM items WHERE mailbox = ?1 ORDER BY sequence LIMIT ?2",
                )?
                .query_map(params![mailbox, portion], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            self.delete_items(*mailbox, sequences.last().copied().unwrap_or_default())?;
            if sequences.len() < portion as usize {
                self.db
                    .prepare_cached("DELETE FROM doomed WHERE mailbox = ?1")?
                    .execute([mailbox])?;
            }
        }
        Ok(!doomed.is_empty())
    }

    /// Items that waited for too long. A body's age is that of its items; ids grow with time.
    fn sweep_bodies(&mut self, now: Timestamp, portion: u32) -> Result<bool, Stop> {
        let kept = first_kept_item(now).0.cast_signed();
        let oldest: Vec<(i64, i64)> = self
            .db
            .prepare_cached("SELECT id, received FROM bodies ORDER BY id LIMIT ?1")?
            .query_map([portion], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut deleted = 0;
        for (body, _) in oldest.iter().take_while(|(_, received)| *received < kept) {
            if deleted >= portion as usize {
                return Ok(true);
            }
            deleted += 1 + self.expire(*body)?;
        }
        Ok(deleted >= portion as usize)
    }

    /// Deletes a body with its items. The mailboxes remember how far they were.
    fn expire(&mut self, body: i64) -> Result<usize, Stop> {
        let items: Vec<(i64, i64)> = self
            .db
            .prepare_cached("DELETE FROM items WHERE body = ?1 RETURNING mailbox, sequence")?
            .query_map([body], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (mailbox, sequence) in &items {
            self.db
                .prepare_cached("UPDATE cursors SET expired = max(expired, ?2) WHERE mailbox = ?1")?
                .execute(params![mailbox, sequence])?;
        }
        self.db
            .prepare_cached("DELETE FROM bodies WHERE id = ?1")?
            .execute([body])?;
        Ok(items.len())
    }

    fn sweep_ids(&mut self, now: Timestamp, portion: u32) -> Result<bool, Stop> {
        let today = day(now);
        if self.id_sweep.finished == Some(today) {
            return Ok(false);
        }
        let kept = first_kept_day(now, limits::MESSAGE_ID_RETENTION);
        let (conversation, key) = &self.id_sweep.after;
        let rows: Vec<(i64, Vec<u8>, u32)> = self
            .db
            .prepare_cached(
                "SELECT conversation, key, day FROM once WHERE (conversation, key) > (?1, ?2) \
                 ORDER BY conversation, key LIMIT ?3",
            )?
            .query_map(params![conversation, key, portion], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        for (conversation, key, _) in rows.iter().filter(|(_, _, day)| *day < kept) {
            self.db
                .prepare_cached("DELETE FROM once WHERE conversation = ?1 AND key = ?2")?
                .execute(params![conversation, key])?;
        }
        let more = rows.len() == portion as usize;
        self.id_sweep.finished = (!more).then_some(today);
        self.id_sweep.after = match rows.into_iter().next_back() {
            Some((conversation, key, _)) if more => (conversation, key),
            _ => (0, Vec::new()),
        };
        Ok(more)
    }

    /// Rosters of epochs that can no longer be sent to.
    fn sweep_grace(&mut self, now: Timestamp, portion: u32) -> Result<bool, Stop> {
        let over: Vec<(i64, [u8; 32])> = self
            .db
            .prepare_cached("SELECT id, key FROM conversations WHERE previous_until < ?1 LIMIT ?2")?
            .query_map(params![now.0.cast_signed(), portion], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        for (id, key) in &over {
            self.db
                .prepare_cached(
                    "UPDATE conversations SET previous = NULL, previous_until = NULL WHERE id = ?1",
                )?
                .execute([id])?;
            let key = ConversationKey(*key);
            if let Some(mut conversation) = self.conversation(&key)? {
                std::sync::Arc::make_mut(&mut conversation).previous = None;
                self.touch(key, Some(conversation));
            }
        }
        Ok(over.len() == portion as usize)
    }

    fn sweep_conversations(&mut self, now: Timestamp, portion: u32) -> Result<bool, Stop> {
        let kept = first_kept_day(now, limits::CONVERSATION_RETENTION);
        let unused: Vec<[u8; 32]> = self
            .db
            .prepare_cached(
                "DELETE FROM conversations WHERE id IN \
                 (SELECT id FROM conversations WHERE used < ?1 LIMIT ?2) RETURNING key",
            )?
            .query_map(params![kept, portion], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for key in &unused {
            self.touch(ConversationKey(*key), None);
        }
        Ok(unused.len() == portion as usize)
    }

    /// Digests of key packages that were handed out.
    fn sweep_spent(&mut self, now: Timestamp, portion: u32) -> Result<bool, Stop> {
        let kept = first_kept_day(now, limits::MESSAGE_ID_RETENTION);
        let deleted = self
            .db
            .prepare_cached(
                "DELETE FROM key_packages WHERE id IN \
                 (SELECT id FROM key_packages WHERE spent < ?1 LIMIT ?2)",
            )?
            .execute(params![kept, portion])?;
        Ok(deleted == portion as usize)
    }
}
