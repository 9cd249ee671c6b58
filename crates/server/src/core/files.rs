//! What the core remembers of sealed files, for whoever keeps their bytes.

use keyfold_wire::ids::Timestamp;

use super::Core;
use crate::clock::Clock;
use crate::refusal::Refusal;
use crate::store::{FilePlace, FileRecord, Operation, Outcome, Store};

impl<S: Store, C: Clock> Core<S, C> {
    /// Begins an upload, or says how far it has come.
    ///
    /// # Errors
    /// [`Refusal::Conflict`]: it was begun with another length. [`Refusal::NotFound`]: its time is over. As everywhere,
    /// [`Refusal::Busy`], [`Refusal::Unavailable`].
    pub async fn begin_file(&self, place: FilePlace, length: u64) -> Result<FileRecord, Refusal> {
        self.file_operation(Operation::BeginFile { place, length })
            .await
    }

    /// So many bytes behind `offset` are durable. Gives what the file is then: as before, where it does not end there.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]: there is no such upload, or its time is over.
    pub async fn extend_file(
        &self,
        place: FilePlace,
        offset: u64,
        bytes: u64,
    ) -> Result<FileRecord, Refusal> {
        let extend = Operation::ExtendFile {
            place,
            offset,
            bytes,
        };
        self.file_operation(extend).await
    }

    /// A file whose time is not over.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn file(&self, place: FilePlace) -> Result<FileRecord, Refusal> {
        let record = self.store.file(place).await?;
        record
            .filter(|record| record.until >= self.clock.now())
            .ok_or(Refusal::NotFound)
    }

    /// The files whose time is over, at most `limit`.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn overdue_files(&self, limit: u32) -> Result<Vec<(FilePlace, FileRecord)>, Refusal> {
        self.store.overdue_files(self.clock.now(), limit).await
    }

    /// The bytes of a file are gone.
    ///
    /// # Errors
    /// [`Refusal::Busy`], [`Refusal::Unavailable`].
    pub async fn forget_file(&self, place: FilePlace) -> Result<(), Refusal> {
        self.store(Operation::ForgetFile(place)).await.map(drop)
    }

    /// The time that all of this goes by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn file_operation(&self, operation: Operation) -> Result<FileRecord, Refusal> {
        match self.store(operation).await? {
            Outcome::File(record) => Ok(record),
            _ => Err(Refusal::Unavailable),
        }
    }
}
