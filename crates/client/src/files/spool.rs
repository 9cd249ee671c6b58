//! Sealed files on this device's disk: own ones until they are at the server, others while they are loaded.
//!
//! An own file is sealed into a copy before anything leaves the device: what is uploaded later, in however many attempts, is that copy,
//! so that one key never seals two contents, whatever happens to the file meanwhile. A copy is as unreadable as it is at the server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keyfold_protocol::content::Attachment;
use keyfold_protocol::file::{FileKey, Layout, SEALED_SEGMENT, SealedHash, Segments};
use keyfold_wire::file::FileId;
use keyfold_wire::limits::FILE_RETENTION;

use super::FileFailure;

/// The folders of a profile that hold them.
#[derive(Clone)]
pub(super) struct Spool {
    outgoing: PathBuf,
    incoming: PathBuf,
}

/// What was sealed.
pub(super) struct Sealed {
    pub(super) hash: [u8; 32],
    pub(super) size: u64,
}

impl Spool {
    pub(super) fn new(profile: &Path) -> Self {
        Self {
            outgoing: profile.join("outgoing"),
            incoming: profile.join("incoming"),
        }
    }

    pub(super) fn outgoing(&self, id: &FileId) -> PathBuf {
        self.outgoing.join(id.to_string())
    }

    pub(super) fn incoming(&self, id: &FileId) -> PathBuf {
        self.incoming.join(id.to_string())
    }

    /// Seals so many bytes into a copy. It is durable when this returns.
    pub(super) fn seal(
        &self,
        source: &mut dyn Read,
        length: u64,
        key: &FileKey,
        id: &FileId,
    ) -> Result<Sealed, FileFailure> {
        let layout = Layout::new(length)?;
        private(&self.outgoing)?;
        let path = self.outgoing(id);
        let mut copy = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let sealed = seal_into(source, &mut copy, key, layout);
        let durable = sealed.and_then(|sealed| {
            copy.sync_all()?;
            sync(&self.outgoing)?;
            Ok(sealed)
        });
        if durable.is_err() {
            let _ = fs::remove_file(&path);
        }
        durable
    }

    /// Deletes copies of own files that are not on their way any more, and what was begun to be loaded and is too old to be had.
    pub(super) fn tidy(&self, on_their_way: &[FileId]) {
        let kept: Vec<_> = on_their_way.iter().map(ToString::to_string).collect();
        let names = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in names(&self.outgoing) {
            if !kept.iter().any(|kept| entry.file_name() == kept.as_str()) {
                let _ = fs::remove_file(entry.path());
            }
        }
        for entry in names(&self.incoming) {
            let changed = entry.metadata().and_then(|metadata| metadata.modified());
            let age = changed
                .ok()
                .and_then(|changed| SystemTime::now().duration_since(changed).ok());
            if age.is_some_and(|age| age > FILE_RETENTION) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// What has come of a file: whole segments only.
    pub(super) fn begun(&self, id: &FileId, layout: Layout) -> Result<File, FileFailure> {
        private(&self.incoming)?;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(self.incoming(id))?;
        let length = file.metadata()?.len();
        if length != layout.sealed_length() {
            let whole = length.min(layout.sealed_length()) / SEALED_SEGMENT as u64;
            file.set_len(whole * SEALED_SEGMENT as u64)?;
        }
        Ok(file)
    }
}

fn seal_into(
    source: &mut dyn Read,
    copy: &mut File,
    key: &FileKey,
    layout: Layout,
) -> Result<Sealed, FileFailure> {
    let segments = Segments::new(key, layout);
    let mut hash = SealedHash::default();
    let mut segment = Vec::with_capacity(SEALED_SEGMENT);
    for number in 0..layout.segments() {
        segment.resize(layout.content_in(number), 0);
        source.read_exact(&mut segment).map_err(shrunk)?;
        segments.seal(number, &mut segment)?;
        hash.update(&segment);
        copy.write_all(&segment)?;
        segment.clear();
    }
    if source.read(&mut [0])? > 0 {
        return Err(FileFailure::Moving);
    }
    Ok(Sealed {
        hash: hash.finish(),
        size: layout.size(),
    })
}

fn shrunk(error: io::Error) -> FileFailure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FileFailure::Moving,
        _ => error.into(),
    }
}

/// Opens a whole sealed file into `target`, and checks that it is the one that was meant.
pub(super) fn open_all(
    sealed: &mut File,
    attachment: &Attachment,
    target: &mut impl Write,
) -> Result<(), FileFailure> {
    let layout = Layout::new(attachment.size)?;
    let segments = Segments::new(&attachment.key, layout);
    let mut hash = SealedHash::default();
    sealed.seek(SeekFrom::Start(0))?;
    let mut segment = Vec::with_capacity(SEALED_SEGMENT);
    for number in 0..layout.segments() {
        segment.resize(layout.sealed_segment(number), 0);
        sealed.read_exact(&mut segment).map_err(shrunk)?;
        hash.update(&segment);
        segments.open(number, &mut segment)?;
        target.write_all(&segment)?;
        segment.clear();
    }
    if hash.finish() == attachment.hash {
        Ok(())
    } else {
        Err(FileFailure::Changed)
    }
}

/// A new file that takes its name only when it is whole, and never another's place.
pub(super) fn place(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<(), FileFailure>,
) -> Result<(), FileFailure> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let name = format!(".keyfold-{:016x}.part", rand::random::<u64>());
    let hidden = folder.join(name);
    let placed = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&hidden)
        .map_err(FileFailure::from)
        .and_then(|mut file| {
            fill(&mut file)?;
            file.sync_all()?;
            name_it(&hidden, path)?;
            Ok(sync(folder)?)
        });
    let _ = fs::remove_file(&hidden);
    placed
}

/// A link, unlike a renaming, never takes the place of what is there. Where there are no links, the place is taken first.
fn name_it(hidden: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(hidden, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::rename(hidden, path)
        }
        linked => linked,
    }
}

/// A folder for its owner alone.
fn private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
