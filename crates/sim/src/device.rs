//! One device: an engine over a file, the ends of its connections, and its clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyfold_engine::store::{Durability, Place};
use keyfold_engine::{Channel, Engine, RequestId};
use keyfold_wire::ids::{DeviceId, MailboxId, Timestamp};
use keyfold_wire::v1::client_frame::Request as Body;
use rand::rngs::StdRng;

use crate::copied::Copied;
use crate::network::Pipe;
use crate::server::Session;

/// A request whose answer has not come.
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    pub(crate) channel: Channel,
    pub(crate) body: Body,
}

pub(crate) struct Device {
    pub(crate) engine: Engine,
    pub(crate) rng: StdRng,
    folder: PathBuf,
    starts: u32,
    pub(crate) number: usize,
    pub(crate) person: usize,
    pub(crate) id: Option<DeviceId>,
    /// Its mailbox, once the server has told the simulation.
    pub(crate) box_id: Option<MailboxId>,
    pub(crate) mailbox: Pipe,
    pub(crate) anonymous: Pipe,
    /// The server's end of the mailbox connection.
    pub(crate) session: Option<Session>,
    /// The mailbox has been greeted.
    pub(crate) greeted: bool,
    /// The frame of the greeting that is waited for.
    pub(crate) hello: u64,
    pub(crate) asked: BTreeMap<u64, Asked>,
    pub(crate) last_frame: u64,
    /// No connection is tried before then.
    pub(crate) retry_at: u64,
    pub(crate) reachable: bool,
    /// When it looks at its clock next.
    pub(crate) wakes_at: Option<u64>,
    /// How far its clock is off, in milliseconds.
    pub(crate) skew: i64,
    /// Removed from its account: it will never be greeted again.
    pub(crate) unlinked: bool,
    /// Ticks at one and the same moment.
    pub(crate) ticks: (u64, u32),
}

impl Device {
    pub(crate) fn new(folder: &Path, number: usize, person: usize, rng: StdRng, skew: i64) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let engine = open(&folder.join("0.db"));
        Self {
            engine,
            rng,
            folder: folder.to_owned(),
            starts: 0,
            number,
            person,
            id: None,
            box_id: None,
            mailbox: Pipe::default(),
            anonymous: Pipe::default(),
            session: None,
            greeted: false,
            hello: 0,
            asked: BTreeMap::new(),
            last_frame: 0,
            retry_at: 0,
            reachable: true,
            wakes_at: None,
            skew,
            unlinked: false,
            ticks: (0, 0),
        }
    }

    /// What its own clock shows.
    pub(crate) const fn clock(&self, now: u64) -> Timestamp {
        Timestamp(now.saturating_add_signed(self.skew))
    }

    /// When the engine wants to be woken, by the world's clock.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let deadline = self.engine.deadline()?;
        Some(deadline.0.saturating_add_signed(-self.skew))
    }

    pub(crate) const fn pipe(&mut self, channel: Channel) -> &mut Pipe {
        match channel {
            Channel::Mailbox => &mut self.mailbox,
            Channel::Anonymous => &mut self.anonymous,
        }
    }

    pub(crate) const fn next_frame(&mut self) -> u64 {
        self.last_frame += 1;
        self.last_frame
    }

    pub(crate) fn is_registered(&self) -> bool {
        let me = self.engine.me().unwrap();
        me.is_some_and(|me| me.registered)
    }

    fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number}.db"))
    }

    /// Copies its files as they are at this moment.
    pub(crate) fn copies_to(&self, path: &Path) {
        let _ = std::fs::remove_file(format!("{}-wal", path.display()));
        copy_database(&self.file(self.starts), path);
    }

    /// A copy of its whole state. `None`: there is no account on it.
    pub(crate) fn copied(&self) -> Option<Copied> {
        let folder = tempfile::tempdir().unwrap();
        self.copies_to(&folder.path().join("copy.db"));
        Copied::of_folder(folder, "copy.db")
    }

    /// Killed: what the files hold at this moment is all that is left. Everything else is forgotten.
    pub(crate) fn dies(&mut self) {
        self.restarts_from(&self.file(self.starts));
    }

    /// Killed, and started again with a copy of these files in place of its own.
    pub(crate) fn restarts_from(&mut self, path: &Path) {
        let (before, after) = (self.file(self.starts), self.file(self.starts + 1));
        copy_database(path, &after);
        self.engine = open(&after);
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", before.display()));
        }
        self.starts += 1;
        self.session = None;
        self.greeted = false;
        self.asked.clear();
        for channel in [Channel::Mailbox, Channel::Anonymous] {
            let pipe = self.pipe(channel);
            pipe.open = false;
            pipe.generation += 1;
        }
    }
}

fn open(path: &Path) -> Engine {
    Engine::open(Place::File(path), None, Durability::Off).expect("a database opens after a kill")
}

pub(crate) fn copy_database(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    let beside = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    if beside(from).exists() {
        std::fs::copy(beside(from), beside(to)).unwrap();
    }
}
