//! Where the bytes of sealed files lie: as parts, each an object of its own in a folder, in memory or wherever `object_store` reaches.
//!
//! The store remembers how far a file has come ([`crate::store::file`]); a part is written before that is said, and deleted before it is
//! forgotten. So a crash leaves at most a part that is written again. No part is ever changed once the next one has begun.

use std::fmt::Write as _;
use std::io;
use std::path::Path as Folder;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use keyfold_wire::limits::FILE_PART;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::core::Core;
use crate::refusal::Refusal;
use crate::store::{FilePlace, FileRecord, Store};

/// Parts that are received at the same time, each in memory until it is written: 128 MiB.
const RECEIVED_AT_ONCE: usize = 32;

/// How long an upload waits for its turn before it is told to come again.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Files that one sweep deletes: a few hundred objects, so that it ends soon when the server is to stop.
const SWEEP_PORTION: u32 = 16;

/// Sealed files at rest.
#[derive(Clone)]
pub struct Files {
    objects: Arc<dyn ObjectStore>,
    largest: u64,
    turns: Arc<Semaphore>,
}

impl Files {
    /// In a folder, made when missing. A part is durable when it is written.
    ///
    /// # Errors
    /// When the folder can't be made or used.
    pub fn in_folder(folder: &Folder, largest: u64) -> io::Result<Self> {
        private_folder(folder)?;
        let objects = LocalFileSystem::new_with_prefix(folder)
            .map_err(io::Error::other)?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self::on(Arc::new(objects), largest))
    }

    /// In memory, for tests.
    pub fn in_memory(largest: u64) -> Self {
        Self::on(Arc::new(InMemory::new()), largest)
    }

    /// On any object store. `largest` is how many bytes a sealed file may have.
    pub fn on(objects: Arc<dyn ObjectStore>, largest: u64) -> Self {
        Self {
            objects,
            largest,
            turns: Arc::new(Semaphore::new(RECEIVED_AT_ONCE)),
        }
    }

    /// How many bytes a sealed file may have.
    pub const fn largest(&self) -> u64 {
        self.largest
    }

    /// The right to hold one part in memory.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(TURN_WITHIN, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Refusal::Busy {
                retry_after: TURN_WITHIN,
            }),
        }
    }

    /// Writes the part that begins at `offset`. Durable when it returns.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn write(&self, place: FilePlace, offset: u64, part: Bytes) -> Result<(), Refusal> {
        let path = path(place, offset / FILE_PART);
        let written = self.objects.put(&path, part.into()).await;
        written.map(drop).map_err(|error| unavailable(&error))
    }

    /// The bytes from `first` up to and without `end`, as they are read.
    pub fn read(
        &self,
        place: FilePlace,
        first: u64,
        end: u64,
    ) -> impl Stream<Item = Result<Bytes, Refusal>> + Send + use<> {
        let objects = Arc::clone(&self.objects);
        let parts = first / FILE_PART..end.div_ceil(FILE_PART);
        stream::iter(parts)
            .then(move |number| {
                let begins = number * FILE_PART;
                let range = first.saturating_sub(begins)..end.min(begins + FILE_PART) - begins;
                let options = GetOptions {
                    range: Some(GetRange::Bounded(range)),
                    ..GetOptions::default()
                };
                let objects = Arc::clone(&objects);
                async move { objects.get_opts(&path(place, number), options).await }
            })
            .map_ok(object_store::GetResult::into_stream)
            .try_flatten()
            .map_err(|error| unavailable(&error))
    }

    /// Deletes all that may be there of a file.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]; what was deleted is gone.
    pub async fn delete(&self, place: FilePlace, record: &FileRecord) -> Result<(), Refusal> {
        // One more than is known of: it may have been written without that being said.
        let written = record.received.div_ceil(FILE_PART);
        let parts = record.length.div_ceil(FILE_PART).min(written + 1);
        for number in 0..parts {
            match self.objects.delete(&path(place, number)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(unavailable(&error)),
            }
        }
        Ok(())
    }

    /// Deletes a portion of the files whose time is over. Whether there is more.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`], [`Refusal::Busy`].
    pub async fn sweep<S: Store, C: Clock>(&self, core: &Core<S, C>) -> Result<bool, Refusal> {
        let over = core.overdue_files(SWEEP_PORTION).await?;
        for (place, record) in &over {
            self.delete(*place, record).await?;
            core.forget_file(*place).await?;
        }
        Ok(over.len() == SWEEP_PORTION as usize)
    }
}

fn path(place: FilePlace, number: u64) -> Path {
    let mut name = String::with_capacity(2 * place.0.len());
    for byte in place.0 {
        let _ = write!(name, "{byte:02x}");
    }
    // No folder gets too many entries.
    let shelf = name.get(..2).unwrap_or_default().to_owned();
    Path::from_iter([shelf, name, number.to_string()])
}

/// The reason without the object's name.
fn unavailable(error: &object_store::Error) -> Refusal {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut reason = None;
    while let Some(one) = source {
        let found = one.downcast_ref::<io::Error>().map(io::Error::kind);
        reason = found.or(reason);
        source = one.source();
    }
    match reason {
        Some(reason) => tracing::error!("a part of a file cannot be stored or read: {reason}"),
        None => tracing::error!("a part of a file cannot be stored or read"),
    }
    Refusal::Unavailable
}

fn private_folder(folder: &Folder) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
