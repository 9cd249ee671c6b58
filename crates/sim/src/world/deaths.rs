//! Deaths: between two steps, and by the disk within one, at some moment of it; and what the disk keeps then.
//!
//! A doomed process goes on as a ghost to the end of the step, so that the oracle learns what a step that is durable led to.
//! Whether it is durable follows from the moment and the loss alone: the same seed gives the same world, however many pages
//! MLS's own randomness makes `SQLite` write.

use keyfold_engine::Command;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::World;
use super::fate::nature;
use crate::disk::{Loss, Moment};
use crate::options::Setup;
use crate::script::{Occasion, Script};

/// The server's part of a seed's randomness: no device has this number.
const SERVER: usize = usize::MAX;

/// How the server dies.
pub(super) struct Reaper {
    rng: StdRng,
    /// It dies within the request that comes.
    waits: bool,
}

impl Reaper {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: nature(seed, SERVER, 2),
            waits: false,
        }
    }

    pub(super) fn loss(&mut self) -> Loss {
        loss(&mut self.rng)
    }
}

/// Whether the server's database is on a disk: in every second world, as long as nobody writes past the server's rules into
/// what it keeps.
pub(super) const fn is_on_disk(script: &Script, setup: Setup) -> bool {
    script.seed % 2 == 1 && setup.sabotage.is_none() && !setup.hostile
}

impl World {
    /// Killed between two steps.
    pub(super) fn dies(&mut self, device: usize) {
        let loss = loss(&mut self.fates[device].deaths);
        self.devices[device].dies(loss);
        self.is_dead(device);
    }

    /// Its shell starts again after a while.
    fn is_dead(&mut self, device: usize) {
        self.trace.note(self.now(), "dies", &[device as u64]);
        self.comes_up(device);
    }

    /// Before a step: whether it has been killed. Half of those whose time has come die within the step instead.
    pub(super) fn is_killed_before(&mut self, device: usize) -> bool {
        if self.meets(device, Occasion::Boundary).is_none() {
            return false;
        }
        let within = self.fates[device].deaths.random();
        if within {
            self.dooms(device);
        } else {
            self.dies(device);
        }
        !within
    }

    /// After a step: whether it was killed within it, or is now.
    pub(super) fn is_killed_after(&mut self, device: usize) -> bool {
        if self.devices[device].has_fallen() {
            return true;
        }
        let killed = self.meets(device, Occasion::Boundary).is_some();
        if killed {
            self.dies(device);
        }
        killed
    }

    /// Before a command: whoever's time has come dies within it.
    pub(super) fn may_die_of(&mut self, device: usize, command: &Command) {
        // Whoever links a device carries codes from one to the other, and would have to begin anew.
        let carried = matches!(
            command,
            Command::Register { .. }
                | Command::RequestLink { .. }
                | Command::AddDevice { .. }
                | Command::AcceptLink { .. }
                | Command::RemoveDevice { .. }
        );
        if !carried && self.meets(device, Occasion::Boundary).is_some() {
            self.dooms(device);
        }
    }

    fn dooms(&mut self, device: usize) {
        let rng = &mut self.fates[device].deaths;
        let (moment, loss) = (moment(rng), loss(rng));
        let device = &mut self.devices[device];
        device.doomed = true;
        device.disk.dooms(moment, loss);
    }

    /// The end of a step. `false`: the device died within it, and nothing of the step has happened.
    pub(super) fn survives(&mut self, device: usize) -> bool {
        let one = &mut self.devices[device];
        if !std::mem::replace(&mut one.doomed, false) {
            return true;
        }
        let durable = one.falls();
        self.is_dead(device);
        durable
    }

    /// The server is killed: now, or within the next request.
    pub(super) fn server_is_killed(&mut self) {
        if self.reaper.rng.random() {
            self.reaper.waits = true;
        } else {
            self.server_dies();
        }
    }

    /// Before a request: the server dies within it, if its time has come.
    pub(super) fn dooms_server(&mut self) {
        if std::mem::replace(&mut self.reaper.waits, false) {
            let rng = &mut self.reaper.rng;
            let (moment, loss) = (moment(rng), loss(rng));
            self.server.dooms(moment, loss);
        }
    }
}

/// What becomes of what was not synced.
fn loss(rng: &mut StdRng) -> Loss {
    *Loss::EACH.choose(rng).unwrap()
}

fn moment(rng: &mut StdRng) -> Moment {
    let moments = [
        Moment::BeforeCommit,
        Moment::BeforeCommit,
        Moment::AfterCommit,
        Moment::Checkpoint,
        Moment::End,
    ];
    *moments.choose(rng).unwrap()
}
