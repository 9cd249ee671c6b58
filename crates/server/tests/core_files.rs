//! Sealed files at rest: written in parts, read in ranges, deleted when their time is over, in a folder as in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use keyfold_server::clock::ManualClock;
use keyfold_server::files::Files;
use keyfold_server::seal::AddressKey;
use keyfold_server::store::memory::MemoryStore;
use keyfold_server::store::{FilePlace, FileRecord};
use keyfold_server::{Core, Refusal, Settings};
use keyfold_wire::file::UploadToken;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::{FILE_PART, FILE_RETENTION, UPLOAD_RETENTION};

const LENGTH: u64 = 2 * FILE_PART + 10;

struct Desk {
    core: Arc<Core<MemoryStore, ManualClock>>,
    clock: ManualClock,
    files: Files,
}

impl Desk {
    fn new(files: Files) -> Self {
        let clock = ManualClock::at(Timestamp(1_790_000_000_000));
        let key = AddressKey::new(1, &[7; 32]);
        let (core, committer) =
            Core::new(MemoryStore::new(), clock.clone(), key, Settings::default());
        tokio::spawn(committer.run());
        Self { core, clock, files }
    }

    async fn brings(&self, place: FilePlace, offset: u64) -> Result<FileRecord, Refusal> {
        let bytes = (LENGTH - offset).min(FILE_PART);
        self.files.write(place, offset, part(offset, bytes)).await?;
        self.core.extend_file(place, offset, bytes).await
    }

    async fn brings_all(&self, number: u8) -> FilePlace {
        let place = place(number);
        self.core.begin_file(place, LENGTH).await.unwrap();
        for offset in [0, FILE_PART, 2 * FILE_PART] {
            self.brings(place, offset).await.unwrap();
        }
        place
    }

    async fn reads(&self, place: FilePlace, first: u64, end: u64) -> Result<Vec<u8>, Refusal> {
        let pieces: Vec<Bytes> = self.files.read(place, first, end).try_collect().await?;
        Ok(pieces.concat())
    }

    async fn sweeps(&self) {
        while self.files.sweep(&self.core).await.unwrap() {}
    }
}

fn place(number: u8) -> FilePlace {
    FilePlace::of(&UploadToken::new([number; 32]).id())
}

fn part(offset: u64, bytes: u64) -> Bytes {
    (offset..offset + bytes)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect()
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

async fn keeps_files(files: Files) {
    let desk = Desk::new(files);
    let place = desk.brings_all(1).await;
    assert!(desk.core.file(place).await.unwrap().is_complete());
    let ranges = [
        (0, 1),
        (FILE_PART - 1, FILE_PART + 1),
        (5, LENGTH),
        (LENGTH - 3, LENGTH),
        (0, LENGTH),
    ];
    for (first, end) in ranges {
        let read = desk.reads(place, first, end).await.unwrap();
        assert!(read == part(first, end - first), "{first} to {end}");
    }
    let unknown = FilePlace::of(&UploadToken::new([9; 32]).id());
    assert!(desk.reads(unknown, 0, 1).await.is_err());
    let record = desk.core.file(place).await.unwrap();
    desk.files.delete(place, &record).await.unwrap();
    assert!(desk.reads(place, 0, 1).await.is_err());
    desk.files.delete(place, &record).await.unwrap();
}

#[tokio::test]
async fn files_are_kept_in_memory() {
    keeps_files(Files::in_memory(LENGTH)).await;
}

#[tokio::test]
async fn files_are_kept_in_a_folder_for_its_owner_alone_under_names_that_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    let kept = Files::in_folder(&files, LENGTH).unwrap();
    keeps_files(kept.clone()).await;
    assert!(below(&files).is_empty(), "all of it was deleted");
    let desk = Desk::new(kept);
    desk.brings_all(1).await;
    let id = UploadToken::new([1; 32]).id().to_string();
    let names = below(&files);
    assert_eq!(names.len(), 3);
    assert!(
        names
            .iter()
            .all(|name| !name.display().to_string().contains(&id))
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&files.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn what_is_past_its_time_goes_with_all_its_parts_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(Files::in_folder(folder.path(), LENGTH).unwrap());
    let whole = desk.brings_all(1).await;
    let begun = place(2);
    desk.core.begin_file(begun, LENGTH).await.unwrap();
    desk.brings(begun, 0).await.unwrap();
    // A part that was written by a server that died before it said so.
    let next = part(FILE_PART, FILE_PART);
    desk.files.write(begun, FILE_PART, next).await.unwrap();

    desk.clock.advance(UPLOAD_RETENTION);
    desk.sweeps().await;
    assert_eq!(below(folder.path()).len(), 5, "a day is not over");
    desk.clock.advance(Duration::from_millis(1));
    assert_eq!(desk.core.file(begun).await, Err(Refusal::NotFound));
    desk.sweeps().await;
    assert_eq!(
        below(folder.path()).len(),
        3,
        "what did not come whole is gone"
    );
    assert!(desk.core.file(whole).await.is_ok());

    desk.clock
        .advance(FILE_RETENTION - UPLOAD_RETENTION - Duration::from_millis(1));
    desk.sweeps().await;
    assert!(desk.reads(whole, 0, LENGTH).await.is_ok());
    desk.clock.advance(Duration::from_millis(1));
    assert_eq!(desk.core.file(whole).await, Err(Refusal::NotFound));
    desk.sweeps().await;
    assert!(below(folder.path()).is_empty());
}
