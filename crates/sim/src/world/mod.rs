//! The world: time, and the queue of what happens next.
//!
//! The shells of all devices are in `shell` and `arrivals`, the server's end of their connections in `server_side`, and what
//! goes wrong in `faults` and `deaths`.

mod arrivals;
mod deaths;
mod fate;
mod faults;
mod hostile;
mod last_words;
mod life;
mod sabotage;
mod scenes;
mod server_side;
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyfold_engine::Command;
use keyfold_server::clock::{Clock as _, ManualClock};
use keyfold_wire::ids::{ConversationId, Timestamp};

use crate::deeds::{Deed, Deeds};
use crate::device::Device;
use crate::disk::Disk;
use crate::network::Event;
use crate::options::{Options, Setup};
use crate::oracle::growth::Size;
use crate::oracle::{Check, Excuse, Oracle, Violation};
use crate::script::{Scene, Script, handle};
use crate::secrecy::{Secrecy, Theft};
use crate::server::Server;
use crate::trace::Trace;
use crate::watch::Watch;
use deaths::{Reaper, is_on_disk};
use fate::{Fate, nature};
use hostile::Hoard;
use sabotage::Meddler;
use scenes::Last;

/// A day in 2026, at noon.
const START: u64 = 1_790_000_000_000;
/// After the last scene everything heals, and the world has this long to come to rest: longer than any retry, grace or
/// renewal that is due soon.
const REST: u64 = 40 * 60_000;
/// Seconds for what began at the end of that.
const LAST_MOMENTS: u64 = 60;
/// Everybody has registered by then.
const BEGINNING: u64 = 60_000;
/// How often the server looks for what it need not keep.
const SWEEP: u64 = 3_600_000;
/// Milliseconds of a day.
const DAY: u64 = 24 * 3_600_000;
/// Ticks of one device at one moment beyond which it goes round in circles.
const MAX_TICKS: u32 = 20;
/// Violations after which a world is not worth playing on.
const ENOUGH: usize = 20;

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the oracle found. Empty: all is well.
    pub violations: Vec<Violation>,
    /// Texts that people typed.
    pub texts: usize,
    /// Things that happened.
    pub events: u64,
    /// A number for all that happened: the same for the same script.
    pub trace: u64,
    /// What each thief opened.
    pub thefts: Vec<Theft>,
    /// What people were told was refused, with the device that told them.
    pub told: Vec<(usize, String)>,
    /// What is missing rightly, by why.
    pub excused: BTreeMap<Excuse, usize>,
    /// Of how many bodies the use of keys could be read, and of how many not.
    pub keys_read: (usize, usize),
    /// The scenes that could be played, with the names of what their numbers came to.
    pub played: Vec<Scene>,
    /// What its devices did with MLS.
    pub deeds: Vec<Deed>,
}

/// Draws one world from its seed, plays and judges it.
pub fn run(options: Options) -> Report {
    play(&Script::drawn(&options), options.setup())
}

/// Plays one world and judges it.
pub fn play(script: &Script, setup: Setup) -> Report {
    let mut world = World::new(script.clone(), setup);
    world.plays();
    world.judged()
}

pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) setup: Setup,
    clock: ManualClock,
    pub(crate) devices: Vec<Device>,
    fates: Vec<Fate>,
    server: Server,
    reaper: Reaper,
    /// The copy of what the server held that was kept last, and when.
    backup: Option<(Server, u64)>,
    queue: BTreeMap<(u64, u64), Event>,
    order: u64,
    next_scene: usize,
    last: Last,
    /// Conversations by the tags that they were begun under.
    tags: BTreeMap<u32, ConversationId>,
    played: Vec<Scene>,
    pub(crate) oracle: Oracle,
    watch: Watch,
    secrecy: Secrecy,
    deeds: Deeds,
    meddler: Meddler,
    hoard: Hoard,
    pub(crate) trace: Trace,
    /// What the device that is followed has shown.
    shown: BTreeSet<String>,
    folder: tempfile::TempDir,
}

impl World {
    fn new(script: Script, setup: Setup) -> Self {
        let clock = ManualClock::at(Timestamp(START));
        Self {
            server: Server::of(script.seed, is_on_disk(&script, setup), clock.clone()),
            reaper: Reaper::new(script.seed),
            script,
            setup,
            backup: None,
            clock,
            devices: Vec::new(),
            fates: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            next_scene: 0,
            last: Last::default(),
            tags: BTreeMap::new(),
            played: Vec::new(),
            oracle: Oracle::default(),
            watch: Watch::default(),
            secrecy: Secrecy::default(),
            deeds: Deeds::default(),
            meddler: Meddler::default(),
            hoard: Hoard::default(),
            trace: Trace::default(),
            shown: BTreeSet::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().0
    }

    fn plays(&mut self) {
        for person in 0..self.script.people {
            let device = self.arrives(person, 0);
            let register = Command::Register {
                handle: handle(person),
                invitation: String::new(),
                suites: self.suites(),
            };
            self.commands(device, register);
            self.keeps_quiet(device);
            let me = self.devices[device].engine.me().unwrap();
            self.devices[device].id = me.map(|me| me.device);
        }
        self.happens_until(START + BEGINNING);
        self.schedules_scene();
        self.after(SWEEP, Event::Sweep);
        self.happens_until(u64::MAX);
        self.heals();
        let end = self.now() + REST;
        self.happens_until(end);
        self.sees_through();
        self.says_last_words();
        self.meddles_with_rest();
    }

    /// What began at the last moment goes on to its end.
    fn sees_through(&mut self) {
        let end = self.now();
        for second in 1..=LAST_MOMENTS {
            self.happens_until(end + second * 1_000);
            if self.is_quiet() {
                break;
            }
        }
    }

    /// Whether nothing is under way: no answer, and no item that is not acknowledged.
    fn is_quiet(&self) -> bool {
        let answered = self.devices.iter().all(|one| one.asked.is_empty());
        answered && self.server.kept().census.items.is_empty()
    }

    fn judged(mut self) -> Report {
        self.oracle.judges(&self.devices);
        let size = Size {
            people: self.script.people,
            devices: self.devices.len(),
            suites: self.suites().len(),
            days: usize::try_from((self.now() - START) / DAY).unwrap(),
        };
        for words in self.oracle.judge_growth(&self.devices, &self.server, &size) {
            self.oracle.violated(Check::Growth, &words);
        }
        let (thefts, beyond) = self.secrecy.measured(&self.oracle, &self.devices);
        for words in beyond {
            self.oracle.violated(Check::Secrecy, &words);
        }
        self.watch.looks_through(&self.server);
        for found in self.watch.found() {
            self.oracle.violations.push(found);
        }
        Report {
            texts: self.oracle.texts(),
            events: self.trace.events(),
            trace: self.trace.digest(),
            violations: self.oracle.violations,
            thefts,
            told: self.oracle.told,
            excused: self.oracle.excused,
            keys_read: self.watch.keys_read(),
            played: self.played,
            deeds: self.deeds.done(),
        }
    }

    fn is_over(&self) -> bool {
        self.next_scene >= self.script.scenes.len()
    }

    /// Everything that is to happen before `end`, or before the last scene has been played.
    fn happens_until(&mut self, end: u64) {
        while let Some((&(at, _), _)) = self.queue.first_key_value() {
            if at > end || (end == u64::MAX && self.is_over()) {
                break;
            }
            let Some((_, event)) = self.queue.pop_first() else {
                break;
            };
            self.moves_to(at);
            self.happens(event);
            if self.oracle.violations.len() >= ENOUGH {
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

    fn schedules_scene(&mut self) {
        if let Some(scene) = self.script.scenes.get(self.next_scene) {
            self.after(scene.wait, Event::Scene);
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Scene => {
                let scene = self.script.scenes[self.next_scene].clone();
                self.next_scene += 1;
                self.plays_scene(&scene);
                self.schedules_scene();
            }
            Event::Wake(device) => {
                self.devices[device].wakes_at = None;
                self.tends(device);
            }
            Event::Reachable(device) => {
                self.devices[device].reachable = true;
                self.oracle.is_back(device, self.clock.now().0);
                self.tends(device);
            }
            Event::Broken(wire) => self.notices(wire),
            Event::AtServer(wire, frame, body) => self.at_server(wire, frame, body),
            Event::AtDevice(wire, frame, content) => self.at_device(wire, frame, content),
            Event::Echo(echo) => {
                if echo.process == self.devices[echo.device].process {
                    self.hears(echo.device, echo.request, echo.content);
                    self.tends(echo.device);
                }
            }
            Event::Sweep => {
                self.server.sweeps();
                if !self.is_over() {
                    self.after(SWEEP, Event::Sweep);
                }
            }
        }
    }

    /// Somebody has a new device.
    fn arrives(&mut self, person: usize, skew: i64) -> usize {
        let number = self.devices.len();
        let rng = nature(self.script.seed, number, 1);
        let disk = Disk::new(self.script.seed ^ number as u64);
        let mut device = Device::new(disk, number, person, rng, skew);
        device.lets_everybody_in(self.now());
        self.devices.push(device);
        self.fates.push(Fate::new(self.script.seed, number));
        number
    }
}
