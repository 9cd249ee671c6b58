//! Sealed files: how far each has come, and until when it is kept.

use keyfold_wire::ids::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::Outcome;
use super::super::file::{FilePlace, FileRecord};
use super::read::unsigned;
use super::writer::{Stop, Writer};
use crate::refusal::Refusal;

impl Writer {
    pub(super) fn begin_file(
        &mut self,
        place: FilePlace,
        length: u64,
        now: Timestamp,
    ) -> Result<Outcome, Stop> {
        if let Some(record) = file(&self.db, place)? {
            return Ok(Outcome::File(record.begin_again(length, now)?));
        }
        let record = FileRecord::begun(length, now);
        self.db
            .prepare_cached(
                "INSERT INTO files (place, length, received, until) VALUES (?1, ?2, 0, ?3)",
            )?
            .execute(params![
                place.0,
                length.cast_signed(),
                record.until.0.cast_signed()
            ])?;
        Ok(Outcome::File(record))
    }

    pub(super) fn extend_file(
        &mut self,
        place: FilePlace,
        offset: u64,
        bytes: u64,
        now: Timestamp,
    ) -> Result<Outcome, Stop> {
        let record = file(&self.db, place)?.ok_or(Refusal::NotFound)?;
        let extended = record.extend(offset, bytes, now)?;
        self.db
            .prepare_cached("UPDATE files SET received = ?2, until = ?3 WHERE place = ?1")?
            .execute(params![
                place.0,
                extended.received.cast_signed(),
                extended.until.0.cast_signed()
            ])?;
        Ok(Outcome::File(extended))
    }

    pub(super) fn forget_file(&mut self, place: FilePlace) -> Result<Outcome, Stop> {
        self.db
            .prepare_cached("DELETE FROM files WHERE place = ?1")?
            .execute([place.0])?;
        Ok(Outcome::Done)
    }
}

pub(super) fn file(db: &Connection, place: FilePlace) -> rusqlite::Result<Option<FileRecord>> {
    db.prepare_cached("SELECT length, received, until FROM files WHERE place = ?1")?
        .query_row([place.0], |row| record(row, 0))
        .optional()
}

pub(super) fn overdue(
    db: &Connection,
    now: Timestamp,
    limit: u32,
) -> rusqlite::Result<Vec<(FilePlace, FileRecord)>> {
    let sql =
        "SELECT place, length, received, until FROM files WHERE until < ?1 ORDER BY until LIMIT ?2";
    db.prepare_cached(sql)?
        .query_map(params![now.0.cast_signed(), limit], |row| {
            Ok((FilePlace(row.get(0)?), record(row, 1)?))
        })?
        .collect()
}

fn record(row: &Row<'_>, first: usize) -> rusqlite::Result<FileRecord> {
    Ok(FileRecord {
        length: unsigned(row, first)?,
        received: unsigned(row, first + 1)?,
        until: Timestamp(unsigned(row, first + 2)?),
    })
}
