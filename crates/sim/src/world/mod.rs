//! The world: time, and the queue of what happens next.
//!
//! The shells of all devices are in `shell` and `arrivals`, the server's end of their connections in `server_side`, and what
//! goes wrong in `faults`.

mod arrivals;
mod faults;
mod server_side;
mod shell;

use std::collections::BTreeMap;
use std::time::Duration;

use keyfold_engine::Command;
use keyfold_server::clock::{Clock as _, ManualClock};
use keyfold_wire::ids::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::device::Device;
use crate::life::name;
use crate::network::Event;
use crate::options::Options;
use crate::oracle::Oracle;
use crate::server::Server;
use crate::trace::Trace;

/// A day in 2026, at noon.
const START: u64 = 1_790_000_000_000;
/// Milliseconds from one thing that people do to the next, at most.
const PAUSE: u64 = 4_000;
/// After the last action everything heals, and the world has this long to come to rest: longer than any retry, grace or
/// renewal that is due soon.
const REST: u64 = 40 * 60_000;
/// Ticks of one device at one moment beyond which it goes round in circles.
const MAX_TICKS: u32 = 20;

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the oracle found, one sentence each. Empty: all is well.
    pub violations: Vec<String>,
    /// Texts that people typed.
    pub texts: usize,
    /// Things that happened.
    pub events: u64,
    /// A number for all that happened: the same for the same seed.
    pub trace: u64,
}

/// Plays one world from its seed and judges it.
pub fn run(options: Options) -> Report {
    let mut world = World::new(options);
    world.plays();
    let World {
        mut oracle,
        devices,
        trace,
        ..
    } = world;
    oracle.judges(&devices);
    Report {
        texts: oracle.texts(),
        events: trace.events(),
        trace: trace.digest(),
        violations: oracle.violations,
    }
}

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) rng: StdRng,
    clock: ManualClock,
    pub(crate) devices: Vec<Device>,
    server: Server,
    queue: BTreeMap<(u64, u64), Event>,
    order: u64,
    left: u32,
    pub(crate) groups: u32,
    /// Faults still happen.
    faulty: bool,
    pub(crate) oracle: Oracle,
    pub(crate) trace: Trace,
    folder: tempfile::TempDir,
}

impl World {
    fn new(options: Options) -> Self {
        let clock = ManualClock::at(Timestamp(START));
        Self {
            options,
            rng: StdRng::seed_from_u64(options.seed),
            server: Server::new(clock.clone()),
            clock,
            devices: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            left: options.actions,
            groups: 0,
            faulty: false,
            oracle: Oracle::default(),
            trace: Trace::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().0
    }

    fn plays(&mut self) {
        for person in 0..self.options.people {
            let device = self.arrives(person);
            let register = Command::Register {
                handle: name(person),
                invitation: String::new(),
                suites: self.suites(),
            };
            self.commands(device, register);
            let me = self.devices[device].engine.me().unwrap();
            self.devices[device].id = me.map(|me| me.device);
        }
        self.happens_until(START + 60_000);
        self.faulty = true;
        self.after(1, Event::Life);
        self.after(3_600_000, Event::Sweep);
        self.happens_until(u64::MAX);
        self.heals();
        let end = self.now() + REST;
        self.happens_until(end);
    }

    /// Everything that is to happen before `end`, or before people have nothing left to do.
    fn happens_until(&mut self, end: u64) {
        while let Some((&(at, _), _)) = self.queue.first_key_value() {
            if at > end || (end == u64::MAX && self.left == 0) {
                break;
            }
            let Some((_, event)) = self.queue.pop_first() else {
                break;
            };
            self.moves_to(at);
            self.happens(event);
            if self.oracle.violations.len() >= 20 {
                return;
            }
        }
        if end != u64::MAX {
            self.moves_to(end);
        }
    }

    fn moves_to(&self, at: u64) {
        let ahead = at.saturating_sub(self.now());
        self.clock.advance(Duration::from_millis(ahead));
    }

    fn at(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.queue.insert((at, self.order), event);
    }

    fn after(&mut self, wait: u64, event: Event) {
        self.at(self.now() + wait, event);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Life => {
                if self.left > 0 {
                    self.left -= 1;
                    self.lives();
                    self.fate();
                    let pause = self.rng.random_range(1..PAUSE);
                    self.after(pause, Event::Life);
                }
            }
            Event::Wake(device) => {
                self.devices[device].wakes_at = None;
                self.tends(device);
            }
            Event::Reachable(device) => {
                self.devices[device].reachable = true;
                self.tends(device);
            }
            Event::Broken(wire) => self.notices(wire),
            Event::AtServer(wire, frame, body) => self.at_server(wire, frame, body),
            Event::AtDevice(wire, frame, content) => self.at_device(wire, frame, content),
            Event::Sweep => {
                self.server.sweeps();
                if self.left > 0 {
                    self.after(3_600_000, Event::Sweep);
                }
            }
        }
    }

    /// Somebody has a new device.
    pub(crate) fn arrives(&mut self, person: usize) -> usize {
        let number = self.devices.len();
        let rng = StdRng::from_rng(&mut self.rng);
        let skew = if self.options.faults.clocks() {
            self.rng.random_range(-3_600_000..3_600_000)
        } else {
            0
        };
        let folder = self.folder.path().join(number.to_string());
        self.devices
            .push(Device::new(&folder, number, person, rng, skew));
        number
    }
}
