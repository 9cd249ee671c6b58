//! One device of the story: an engine, its disk, and the shell around both.

use keyfold_engine::store::{Durability, Place, StoreKey};
use keyfold_engine::{Engine, Fault, Input, Outcome, RequestId};
use keyfold_wire::ids::Timestamp;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::disk::{Disk, Loss, Trouble, VFS};
use crate::server::Session;

/// Steps that fail before somebody makes room on the disk.
const PATIENCE: usize = 2;

/// What a step came to.
pub(super) enum Step {
    Done(Outcome),
    /// The process died in it.
    Died,
    /// It failed.
    Failed,
}

pub(super) struct Shell {
    pub(super) name: &'static str,
    pub(super) disk: Disk,
    engine: Option<Engine>,
    rng: StdRng,
    pub(super) line: Option<Session>,
    /// Requests whose loss is still to be told.
    pub(super) owed: Vec<RequestId>,
    loss: Loss,
    again: Option<u64>,
    pub(super) faults: Vec<Fault>,
    pub(super) wrong: Vec<String>,
}

impl Shell {
    pub(super) fn new(
        name: &'static str,
        seed: u64,
        disk: Disk,
        loss: Loss,
        again: Option<u64>,
    ) -> Self {
        let mut shell = Self {
            name,
            disk,
            engine: None,
            rng: StdRng::seed_from_u64(seed),
            line: None,
            owed: Vec::new(),
            loss,
            again,
            faults: Vec::new(),
            wrong: Vec::new(),
        };
        shell.starts();
        shell
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("it runs")
    }

    pub(super) fn shows(&self) -> &Engine {
        self.engine.as_ref().expect("it runs")
    }

    fn open(&self) -> Result<Engine, Fault> {
        let path = self.disk.path("keyfold.db");
        let place = Place::Layer {
            name: VFS,
            path: &path,
        };
        Engine::open(place, Some(&StoreKey::new([7; 32])), Durability::Full)
    }

    /// Starts, again and again if it has to.
    fn starts(&mut self) {
        for _ in 0..8 {
            let opened = self.open();
            if self.disk.has_crashed() {
                drop(opened);
                self.reboots();
                continue;
            }
            match opened {
                Ok(engine) => {
                    self.engine = Some(engine);
                    return;
                }
                Err(fault) => self.complains(fault),
            }
        }
        panic!("{} never starts: {:?}", self.name, self.faults);
    }

    fn reboots(&mut self) {
        self.disk.restarts(self.loss);
        if let Some(again) = self.again.take() {
            self.disk
                .plan(self.disk.operations() + again, Trouble::Crash);
        }
    }

    fn dies(&mut self) {
        self.engine = None;
        self.line = None;
        self.owed.clear();
        self.reboots();
        self.starts();
    }

    fn complains(&mut self, fault: Fault) {
        // Neither a full disk nor one that fails makes the data wrong, and nobody may be told so.
        if !matches!(fault, Fault::DiskFull | Fault::Database(_)) {
            self.wrong.push(format!("{} is told: {fault}", self.name));
        }
        self.faults.push(fault);
        if self.faults.len() >= PATIENCE {
            self.disk.is_relieved();
        }
    }

    /// One step. Where it fails, both connections are given up.
    pub(super) fn apply(&mut self, input: Input, now: Timestamp) -> Step {
        let engine = self.engine.as_mut().expect("it runs");
        let result = engine.apply(input, now, &mut self.rng);
        if self.disk.has_crashed() {
            self.dies();
            return Step::Died;
        }
        match result {
            Ok(outcome) => Step::Done(outcome),
            Err(fault) => {
                self.complains(fault);
                self.line = None;
                Step::Failed
            }
        }
    }

    /// Tells the engine which requests were lost. `false`: it could not be told.
    pub(super) fn settles_debts(&mut self, now: Timestamp) -> bool {
        while let Some(id) = self.owed.pop() {
            match self.apply(Input::Lost(id), now) {
                Step::Done(_) => {}
                Step::Died => return false,
                Step::Failed => {
                    self.owed.push(id);
                    return false;
                }
            }
        }
        true
    }
}
