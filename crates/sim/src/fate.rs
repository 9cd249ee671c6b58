//! Deaths by the disk: a process that dies at some moment of a step, and what its disk keeps then.
//!
//! A doomed process goes on as a ghost to the end of the step, so that the oracle learns what a step that is durable led to.
//! Whether it is durable follows from the moment and the loss alone: the same seed gives the same world, however many pages
//! MLS's own randomness makes `SQLite` write.

use keyfold_engine::{Command, Input};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::disk::{Loss, Moment};
use crate::world::World;

/// How often a device dies within a step.
const DEVICE: f64 = 0.002;
/// How often the server dies within a request.
const SERVER: f64 = 0.001;

impl World {
    /// Decides whether the process of a device dies within the step that comes.
    pub(crate) fn dooms(&mut self, device: usize, input: &Input) -> bool {
        // Whoever links a device carries codes from one to the other, and would have to begin anew.
        let carried = matches!(
            input,
            Input::Command(
                Command::Register { .. }
                    | Command::RequestLink { .. }
                    | Command::AddDevice { .. }
                    | Command::AcceptLink { .. }
                    | Command::RemoveDevice { .. }
            )
        );
        let doomed = self.crashes() && !carried && self.rng.random_bool(DEVICE);
        if doomed {
            let (moment, loss) = (moment(&mut self.rng), loss(&mut self.rng));
            self.devices[device].disk.dooms(moment, loss);
        }
        doomed
    }

    /// Decides whether the server dies within the request that comes.
    pub(crate) fn dooms_server(&mut self) {
        if self.crashes() && self.rng.random_bool(SERVER) {
            let (moment, loss) = (moment(&mut self.rng), loss(&mut self.rng));
            self.server.dooms(moment, loss);
        }
    }
}

/// What becomes of what was not synced.
pub(crate) fn loss(rng: &mut StdRng) -> Loss {
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
