//! Sealed files: how far each has come, and until when it is kept.

use keyfold_wire::ids::Timestamp;

use super::State;
use crate::refusal::Refusal;
use crate::store::file::{FilePlace, FileRecord};
use crate::store::{Answer, Outcome};

impl State {
    pub(super) fn begin_file(&mut self, place: FilePlace, length: u64, now: Timestamp) -> Answer {
        let record = match self.files.get(&place) {
            Some(record) => record.begin_again(length, now)?,
            None => FileRecord::begun(length, now),
        };
        self.files.insert(place, record);
        Ok(Outcome::File(record))
    }

    pub(super) fn extend_file(
        &mut self,
        place: FilePlace,
        offset: u64,
        bytes: u64,
        now: Timestamp,
    ) -> Answer {
        let record = self.files.get_mut(&place).ok_or(Refusal::NotFound)?;
        *record = record.extend(offset, bytes, now)?;
        Ok(Outcome::File(*record))
    }

    pub(super) fn forget_file(&mut self, place: FilePlace) -> Outcome {
        self.files.remove(&place);
        Outcome::Done
    }

    pub(super) fn overdue(&self, now: Timestamp, limit: u32) -> Vec<(FilePlace, FileRecord)> {
        let mut over: Vec<_> = self
            .files
            .iter()
            .filter(|(_, record)| record.until < now)
            .map(|(place, record)| (*place, *record))
            .collect();
        over.sort_by_key(|(_, record)| record.until);
        over.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        over
    }
}
