//! One device: an engine over a disk, the ends of its connections, and its clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyfold_engine::store::{Durability, Place};
use keyfold_engine::{Channel, Command, Engine, Input, RequestId};
use keyfold_wire::ids::{DeviceId, MailboxId, Timestamp};
use rand::rngs::StdRng;

use crate::copied::Copied;
use crate::disk::{Disk, Image, Loss, VFS};
use crate::network::Pipe;
use crate::server::Session;

/// Its database on its disk.
const FILE: &str = "keyfold.db";
/// A database, and its log beside it.
const ENDINGS: [&str; 2] = ["", "-wal"];

/// A request whose answer has not come.
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    pub(crate) channel: Channel,
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub(crate) struct Device {
    pub(crate) engine: Engine,
    pub(crate) rng: StdRng,
    pub(crate) disk: Disk,
    /// How often its process has started again: an answer to one process never reaches another.
    pub(crate) process: u64,
    /// It dies within the step that comes.
    pub(crate) doomed: bool,
    /// It died within the last step.
    fallen: bool,
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
    /// Milliseconds that it has waited last since the server would not greet it.
    pub(crate) turned_away: u64,
    pub(crate) reachable: bool,
    /// When it looks at its clock next.
    pub(crate) wakes_at: Option<u64>,
    /// How far its clock is off, in milliseconds.
    pub(crate) skew: i64,
    /// Removed from its account: it will never be greeted again.
    pub(crate) unlinked: bool,
    /// When that was, or will never be.
    pub(crate) unlinked_at: u64,
    /// The primary device on which that was asked for.
    pub(crate) unlinked_on: Option<usize>,
    /// Ticks at one and the same moment.
    pub(crate) ticks: (u64, u32),
}

impl Device {
    pub(crate) fn new(disk: Disk, number: usize, person: usize, rng: StdRng, skew: i64) -> Self {
        Self {
            engine: open(&disk),
            rng,
            disk,
            process: 0,
            doomed: false,
            fallen: false,
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
            turned_away: 0,
            reachable: true,
            wakes_at: None,
            skew,
            unlinked: false,
            unlinked_at: u64::MAX,
            unlinked_on: None,
            ticks: (0, 0),
        }
    }

    /// Whoever writes is let in: the oracle judges what screens show, and they show little of what waits to be accepted.
    pub(crate) fn lets_everybody_in(&mut self, now: u64) {
        let clock = self.clock(now);
        let open = Input::Command(Command::AskFirst { wanted: false });
        let outcome = self.engine.apply(open, clock, &mut self.rng);
        assert!(outcome.is_ok_and(|outcome| outcome.answer.is_ok()));
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

    /// Writes its files as they are at this moment to a database at this path.
    pub(crate) fn copies_to(&self, path: &Path) {
        let image = self.disk.snapshot();
        for ending in ENDINGS {
            let to = format!("{}{ending}", path.display());
            match image.file(&format!("{FILE}{ending}")) {
                Some(content) => std::fs::write(to, content).unwrap(),
                None => drop(std::fs::remove_file(to)),
            }
        }
    }

    /// A copy of its whole state. `None`: there is no account on it.
    pub(crate) fn copied(&self) -> Option<Copied> {
        Copied::of_disk(self.disk.copied(), FILE)
    }

    /// Killed between two steps: what its disk keeps is all that is left. Everything else is forgotten.
    pub(crate) fn dies(&mut self, loss: Loss) {
        self.disk.restarts(loss);
        self.awakes();
    }

    /// Killed within the step that was doomed; whether the step is durable all the same.
    pub(crate) fn falls(&mut self) -> bool {
        let durable = self.disk.passes();
        self.awakes();
        self.fallen = true;
        durable
    }

    /// Whether it died within the last step.
    pub(crate) const fn has_fallen(&mut self) -> bool {
        std::mem::replace(&mut self.fallen, false)
    }

    /// Killed, and started again with a copy of these files in place of its own.
    pub(crate) fn restarts_from(&mut self, path: &Path) {
        let mut image = Image::default();
        for ending in ENDINGS {
            if let Ok(content) = std::fs::read(format!("{}{ending}", path.display())) {
                image.keeps(format!("{FILE}{ending}"), content);
            }
        }
        self.disk.restores(&image);
        self.awakes();
    }

    fn awakes(&mut self) {
        self.engine = open(&self.disk);
        self.process += 1;
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

fn open(disk: &Disk) -> Engine {
    let path = disk.path(FILE);
    let place = Place::Layer {
        name: VFS,
        path: &path,
    };
    Engine::open(place, None, Durability::Full).expect("a database opens after a crash")
}

pub(crate) fn copy_database(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    let beside = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    if beside(from).exists() {
        std::fs::copy(beside(from), beside(to)).unwrap();
    }
}
