//! Reports of people to the operator, sealed.

use keyfold_wire::ids::{AccountId, Timestamp};
use keyfold_wire::limits::REPORT_RETENTION;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::Outcome;
use super::super::report::{NewReport, REPORT_DAY, ReportId, ReportRecord, room};
use super::read::unsigned;
use super::writer::{Stop, Writer};
use crate::refusal::Refusal;

impl Writer {
    pub(super) fn report(&mut self, new: &NewReport, now: Timestamp) -> Result<Outcome, Stop> {
        let known: Option<(Vec<u8>, Vec<u8>)> = self
            .db
            .prepare_cached("SELECT account, digest FROM reports WHERE id = ?1")?
            .query_row([new.id.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((account, digest)) = known {
            return if account == new.account.as_bytes() && digest == new.digest {
                Ok(Outcome::Done)
            } else {
                Err(Refusal::Conflict.into())
            };
        }
        let day = now.before(REPORT_DAY).0.cast_signed();
        let (of_account, of_all): (i64, i64) = self
            .db
            .prepare_cached(
                "SELECT (SELECT count(*) FROM reports WHERE account = ?1 AND received > ?2), \
                 (SELECT count(*) FROM reports)",
            )?
            .query_row(params![new.account.as_bytes(), day], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
        room(count(of_account), count(of_all))?;
        self.db
            .prepare_cached(
                "INSERT INTO reports (id, account, digest, received, sealed) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                new.id.0,
                new.account.as_bytes(),
                new.digest,
                now.0.cast_signed(),
                &*new.sealed
            ])?;
        Ok(Outcome::Done)
    }

    pub(super) fn forget_report(&mut self, id: ReportId) -> Result<Outcome, Stop> {
        let deleted = self
            .db
            .prepare_cached("DELETE FROM reports WHERE id = ?1")?
            .execute([id.0])?;
        if deleted == 0 {
            return Err(Refusal::NotFound.into());
        }
        Ok(Outcome::Done)
    }

    pub(super) fn sweep_reports(&mut self, now: Timestamp, portion: u32) -> Result<bool, Stop> {
        let kept = now.before(REPORT_RETENTION).0.cast_signed();
        let deleted = self
            .db
            .prepare_cached(
                "DELETE FROM reports WHERE id IN \
                 (SELECT id FROM reports WHERE received < ?1 LIMIT ?2)",
            )?
            .execute(params![kept, portion])?;
        Ok(deleted == portion as usize)
    }
}

pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<(ReportId, Timestamp)>> {
    db.prepare_cached("SELECT id, received FROM reports ORDER BY received, id")?
        .query_map([], |row| {
            Ok((ReportId(row.get(0)?), Timestamp(unsigned(row, 1)?)))
        })?
        .collect()
}

pub(super) fn one(db: &Connection, id: ReportId) -> rusqlite::Result<Option<ReportRecord>> {
    db.prepare_cached("SELECT account, received, sealed FROM reports WHERE id = ?1")?
        .query_row([id.0], |row| {
            Ok(ReportRecord {
                id,
                account: AccountId::new(row.get(0)?),
                at: Timestamp(unsigned(row, 1)?),
                sealed: row.get::<_, Vec<u8>>(2)?.into(),
            })
        })
        .optional()
}
