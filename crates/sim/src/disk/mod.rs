//! A disk in memory, under `SQLite`: it can refuse, tear and lose whatever was not synced, at any operation.
//!
//! Each file has what is durable and what was written since. A crash leaves the durable part, and of the rest nothing, all, or
//! some of it in pieces. It models what `SQLite` asks of a file system and relies on, no more: `xSync` makes one file and its
//! name durable, the first one of a new journal or log and `xDelete` with `syncDir` make all names durable (there the product's
//! file layer syncs the folder), a write that is torn harms no byte outside of its own range
//! (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`, which the product's file layer declares, too), and writes reach the disk in any order.

mod ffi;
mod files;
mod image;
mod locks;
mod shared;
mod trouble;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::{Connection, OpenFlags};

use files::Files;
pub use image::{Image, Loss};
pub use trouble::{Moment, Trouble};

/// The name under which `SQLite` knows this file layer.
pub const VFS: &str = "keyfold-sim";

/// Disks by number: the first part of a path says which one is meant.
static DISKS: Mutex<BTreeMap<u64, Weak<Mutex<Files>>>> = Mutex::new(BTreeMap::new());
static LAST: AtomicU64 = AtomicU64::new(0);

/// One machine's disk.
pub struct Disk(Arc<Known>);

/// Known by its number for as long as somebody has it.
struct Known {
    number: u64,
    files: Arc<Mutex<Files>>,
}

impl Disk {
    /// An empty one; the seed decides what a crash leaves.
    ///
    /// # Panics
    /// If `SQLite` does not take the file layer.
    pub fn new(seed: u64) -> Self {
        ffi::install();
        let number = LAST.fetch_add(1, Ordering::SeqCst) + 1;
        let files = Arc::new(Mutex::new(Files::new(StdRng::seed_from_u64(seed))));
        lock(&DISKS).insert(number, Arc::downgrade(&files));
        Self(Arc::new(Known { number, files }))
    }

    /// The same disk in other hands.
    #[must_use]
    pub fn share(&self) -> Self {
        Self(self.0.clone())
    }

    /// The path of a file on this disk.
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/{}/{name}", self.0.number))
    }

    /// Operations so far: writes, truncations, syncs, deletions, and openings that made a file.
    pub fn operations(&self) -> u64 {
        self.files().operations
    }

    /// What befalls the n-th operation, counted as [`Disk::operations`] counts.
    pub fn plan(&self, operation: u64, trouble: Trouble) {
        self.files().plan.insert(operation, trouble);
    }

    /// Bytes that all files together may have from now on. `None`: as many as they like.
    pub fn limits(&self, bytes: Option<u64>) {
        self.files().limit = bytes;
    }

    /// There is room again.
    pub fn is_relieved(&self) {
        let mut files = self.files();
        files.limit = None;
        files.full = false;
    }

    /// The bytes of all files together.
    pub fn size(&self) -> u64 {
        self.files().size()
    }

    /// The crash that was planned has come: nothing works until [`Disk::restarts`].
    pub fn has_crashed(&self) -> bool {
        self.files().crashed
    }

    /// Something that was planned has happened since it was asked last; in words.
    pub fn befell(&self) -> Option<String> {
        self.files().befell.take()
    }

    /// The machine starts again; whatever was open on this disk stays dead.
    pub fn restarts(&self, loss: Loss) {
        let mut files = self.files();
        let image = files.after(loss);
        files.becomes(image);
    }

    /// All files as they are now, for a backup.
    pub fn snapshot(&self) -> Image {
        self.files().image()
    }

    /// A backup is put back; whatever is open on this disk is dead.
    pub fn restores(&self, image: &Image) {
        self.files().becomes(image.clone());
    }

    /// The same files on a disk of their own: whoever reads them there leaves no trace on this one.
    #[must_use]
    pub(crate) fn copied(&self) -> Self {
        let copy = Self::new(0);
        copy.restores(&self.snapshot());
        copy
    }

    /// Opens a database on it.
    pub(crate) fn database(&self, file: &str) -> Connection {
        let flags = OpenFlags::default();
        Connection::open_with_flags_and_vfs(self.path(file), flags, VFS).unwrap()
    }

    /// Decides that the process dies at this moment of what it does next. It goes on as a ghost, so that the world can see what
    /// it would have told; [`Disk::passes`] then leaves what the moment left.
    pub fn dooms(&self, moment: Moment, loss: Loss) {
        self.files().dooms(moment, loss);
    }

    /// The end of what the process did, under [`Disk::dooms`]: it is dead now. Whether all that it wrote is durable.
    pub fn passes(&self) -> bool {
        self.files().passes()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        lock(&self.0.files)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        lock(&DISKS).remove(&self.number);
    }
}

/// The disk and the name of the file that a path means.
fn find(path: &str) -> Option<(Arc<Mutex<Files>>, &str)> {
    let (number, name) = path.strip_prefix('/')?.split_once('/')?;
    let disk = lock(&DISKS).get(&number.parse().ok()?)?.upgrade()?;
    Some((disk, name))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many rows a table of a database has, or a part of one.
pub(crate) fn rows(database: &Connection, of: &str) -> usize {
    let select = format!("SELECT count(*) FROM {of}");
    let rows: i64 = database.query_row(&select, [], |row| row.get(0)).unwrap();
    usize::try_from(rows).unwrap()
}
