//! The world: time, the queue of what happens next, and the shells of all devices.

use std::collections::BTreeMap;
use std::time::Duration;

use keyfold_engine::{Answer, Channel, Command, Event as Told, Input, Outcome};
use keyfold_server::Refusal;
use keyfold_server::clock::{Clock as _, ManualClock};
use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::device::{Asked, Device};
use crate::disk::Disk;
use crate::fate::loss;
use crate::life::name;
use crate::network::{Event, Wire, number};
use crate::options::Options;
use crate::oracle::Oracle;
use crate::server::Server;
use crate::trace::Trace;
use crate::words::{asked as asked_words, words};

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
    pub(crate) server: Server,
    queue: BTreeMap<(u64, u64), Event>,
    order: u64,
    left: u32,
    pub(crate) groups: u32,
    /// Faults still happen.
    faulty: bool,
    pub(crate) oracle: Oracle,
    pub(crate) trace: Trace,
}

impl World {
    fn new(options: Options) -> Self {
        let clock = ManualClock::at(Timestamp(START));
        Self {
            options,
            rng: StdRng::seed_from_u64(options.seed),
            server: Server::of(options.seed, clock.clone()),
            clock,
            devices: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            left: options.actions,
            groups: 0,
            faulty: false,
            oracle: Oracle::default(),
            trace: Trace::default(),
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

    fn heals(&mut self) {
        self.faulty = false;
        for device in 0..self.devices.len() {
            self.devices[device].reachable = true;
            self.devices[device].skew = 0;
            self.steps(device, Input::Tick, |_, _| ());
            self.tends(device);
        }
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

    /// What befalls the world by chance, once for each thing that people do.
    fn fate(&mut self) {
        let chance = |world: &mut Self, p: f64| world.rng.random_bool(p);
        if self.options.faults.crashes() && chance(self, 0.01) {
            self.server_dies();
        }
        if self.options.faults.crashes() && chance(self, 0.05) {
            let device = self.rng.random_range(0..self.devices.len());
            self.dies(device);
        }
        if self.options.faults.clocks() && chance(self, 0.01) {
            let device = self.rng.random_range(0..self.devices.len());
            self.devices[device].skew = self.rng.random_range(-3_600_000..3_600_000);
            // Its shell notices.
            self.steps(device, Input::Tick, |_, _| ());
            self.tends(device);
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
        let disk = Disk::new(self.options.seed ^ number as u64);
        self.devices
            .push(Device::new(disk, number, person, rng, skew));
        number
    }

    /// Carries out a command; `None` when the device complains.
    pub(crate) fn commands(&mut self, device: usize, command: Command) -> Option<Answer> {
        let outcome = self.applies(device, Input::Command(command));
        self.tends(device);
        outcome.and_then(|outcome| outcome.answer.ok())
    }

    /// One step of a device's engine.
    fn applies(&mut self, device: usize, input: Input) -> Option<Outcome> {
        let now = self.now();
        let doomed = self.dooms(device, &input);
        let one = &mut self.devices[device];
        let clock = one.clock(now);
        let told = (self.options.follow == Some(device)).then(|| words(&input));
        let result = one.engine.apply(input, clock, &mut one.rng);
        if doomed {
            let durable = one.falls();
            self.rests(device);
            if !durable {
                return None;
            }
        }
        match result {
            Ok(outcome) => {
                self.oracle.parts(device, &outcome.events);
                if let Some(told) = told {
                    self.follows(&format!(
                        "{told} -> {:?} {:?}",
                        outcome.answer, outcome.events
                    ));
                }
                Some(outcome)
            }
            Err(fault) => {
                self.oracle
                    .violated(format!("device {device} failed: {fault}"));
                None
            }
        }
    }

    /// A line about the device that is followed.
    #[allow(clippy::print_stdout, reason = "asked for at a terminal")]
    fn follows(&self, what: &str) {
        println!("{:>10} {what}", self.now() - START);
    }

    /// A step after which the process may be killed, so that its shell never hears of it. `None`: it was.
    fn steps(
        &mut self,
        device: usize,
        input: Input,
        judge: impl FnOnce(&mut Oracle, &[Told]),
    ) -> Option<Outcome> {
        if self.is_killed(device) {
            return None;
        }
        let outcome = self.applies(device, input);
        let fallen = self.devices[device].has_fallen();
        let outcome = outcome?;
        judge(&mut self.oracle, &outcome.events);
        if fallen || self.is_killed(device) {
            return None;
        }
        Some(outcome)
    }

    fn is_killed(&mut self, device: usize) -> bool {
        let killed = self.crashes() && self.rng.random_bool(0.002);
        if killed {
            self.dies(device);
        }
        killed
    }

    /// Whether processes are killed now.
    pub(crate) const fn crashes(&self) -> bool {
        self.faulty && self.options.faults.crashes()
    }

    fn dies(&mut self, device: usize) {
        let loss = loss(&mut self.rng);
        self.devices[device].dies(loss);
        self.rests(device);
    }

    /// A device has died, and its shell starts again after a while.
    fn rests(&mut self, device: usize) {
        let now = self.now();
        self.trace.note(now, "dies", &[device as u64]);
        let pause = self.rng.random_range(100..5_000);
        self.devices[device].retry_at = now + pause;
        self.wakes(device, now + pause);
    }

    fn server_dies(&mut self) {
        self.trace.note(self.now(), "server dies", &[]);
        let loss = loss(&mut self.rng);
        self.server.dies(loss);
        for device in 0..self.devices.len() {
            self.devices[device].session = None;
            for channel in [Channel::Mailbox, Channel::Anonymous] {
                self.cuts(device, channel);
            }
        }
    }

    pub(crate) fn out_of_reach(&mut self, device: usize, millis: u64) {
        self.devices[device].reachable = false;
        for channel in [Channel::Mailbox, Channel::Anonymous] {
            self.cuts(device, channel);
        }
        self.after(millis, Event::Reachable(device));
    }

    /// A connection breaks; the device notices a while later.
    fn cuts(&mut self, device: usize, channel: Channel) {
        let ebbs = self.now() + self.rng.random_range(0..150);
        let pipe = self.devices[device].pipe(channel);
        if !pipe.open || pipe.cut {
            return;
        }
        pipe.cut = true;
        pipe.ebbs = ebbs;
        let wire = Wire {
            device,
            channel,
            generation: pipe.generation,
        };
        let notices = self.rng.random_range(1..20_000);
        self.after(notices, Event::Broken(wire));
    }

    fn notices(&mut self, wire: Wire) {
        let device = &mut self.devices[wire.device];
        let pipe = device.pipe(wire.channel);
        if pipe.generation != wire.generation || !pipe.open {
            return;
        }
        pipe.open = false;
        if wire.channel == Channel::Mailbox {
            device.greeted = false;
            device.session = None;
        }
        let lost: Vec<_> = device
            .asked
            .iter()
            .filter(|(_, asked)| asked.channel == wire.channel)
            .map(|(frame, asked)| (*frame, asked.id))
            .collect();
        for (frame, id) in lost {
            self.devices[wire.device].asked.remove(&frame);
            if self
                .steps(wire.device, Input::Lost(id), |_, _| ())
                .is_none()
            {
                return;
            }
        }
        let now = self.now();
        self.devices[wire.device].retry_at = now + self.rng.random_range(0..3_000);
        self.tends(wire.device);
    }

    /// Whatever a device's shell has to do now: tick, connect, ask.
    pub(crate) fn tends(&mut self, device: usize) {
        let now = self.now();
        let one = &mut self.devices[device];
        if one.deadline().is_some_and(|deadline| deadline <= now) {
            one.ticks = if one.ticks.0 == now {
                (now, one.ticks.1 + 1)
            } else {
                (now, 1)
            };
            if one.ticks.1 > MAX_TICKS {
                self.oracle
                    .violated(format!("device {device} is due again and again"));
                return;
            }
            if self.steps(device, Input::Tick, |_, _| ()).is_none() {
                return;
            }
        }
        self.connects(device);
        self.asks(device);
        let one = &self.devices[device];
        let retry =
            (!one.mailbox.open && one.reachable && one.retry_at > now).then_some(one.retry_at);
        let next = [one.deadline(), retry].into_iter().flatten().min();
        if let Some(next) = next {
            self.wakes(device, next.max(now + 1));
        }
    }

    fn wakes(&mut self, device: usize, at: u64) {
        let one = &mut self.devices[device];
        if one.wakes_at.is_none_or(|before| at < before) {
            one.wakes_at = Some(at);
            self.at(at, Event::Wake(device));
        }
    }

    fn connects(&mut self, device: usize) {
        let now = self.now();
        let one = &mut self.devices[device];
        if one.mailbox.open || !one.reachable || one.retry_at > now {
            return;
        }
        let Some(hello) = one.engine.hello().unwrap() else {
            return;
        };
        one.mailbox.opens();
        one.greeted = false;
        one.hello = one.next_frame();
        let frame = one.hello;
        self.sends(device, Channel::Mailbox, frame, hello);
    }

    fn asks(&mut self, device: usize) {
        while self.devices[device].greeted {
            let one = &mut self.devices[device];
            let Some(request) = one.engine.next_request().unwrap() else {
                return;
            };
            if request.channel == Channel::Anonymous && !one.anonymous.open {
                one.anonymous.opens();
            }
            let frame = one.next_frame();
            let asked = Asked {
                id: request.id,
                channel: request.channel,
                body: request.body.clone(),
            };
            one.asked.insert(frame, asked);
            if self.options.follow == Some(device) {
                self.follows(&asked_words(&request.body));
            }
            self.oracle.asks(device, &request.body);
            self.sends(device, request.channel, frame, request.body);
        }
    }

    /// Puts a frame on the wire, which may break under it.
    fn sends(&mut self, device: usize, channel: Channel, frame: u64, body: Body) {
        if self.faulty && self.options.faults.network() && self.rng.random_bool(0.01) {
            self.cuts(device, channel);
        }
        let now = self.now();
        let pipe = self.devices[device].pipe(channel);
        if pipe.cut || !pipe.open {
            return;
        }
        let generation = pipe.generation;
        let mut lane = pipe.up;
        let at = lane.arrival(now, &mut self.rng);
        self.devices[device].pipe(channel).up = lane;
        let wire = Wire {
            device,
            channel,
            generation,
        };
        self.at(at, Event::AtServer(wire, frame, body));
    }

    fn at_server(&mut self, wire: Wire, frame: u64, body: Body) {
        let now = self.now();
        let pipe = self.devices[wire.device].pipe(wire.channel);
        let lost = pipe.generation != wire.generation || !pipe.open || pipe.cut && pipe.ebbs < now;
        if lost {
            return;
        }
        self.trace.note(
            self.now(),
            "asks",
            &[wire.device as u64, number(wire.channel), frame],
        );
        if let Body::Acknowledge(acknowledge) = &body {
            if let Some(session) = &self.devices[wire.device].session {
                self.server.acknowledged(session, acknowledge.sequence);
            }
            return self.pushes();
        }
        self.dooms_server();
        let answer = self.answers(wire, frame, body);
        if self.server.has_fallen() {
            return self.server_dies();
        }
        // Broken after the server did it and before the answer is heard.
        if self.faulty && self.options.faults.network() && self.rng.random_bool(0.01) {
            self.cuts(wire.device, wire.channel);
        }
        self.replies(wire, frame, answer);
        self.pushes();
    }

    fn answers(&mut self, wire: Wire, frame: u64, body: Body) -> Content {
        let busy = self.faulty && self.options.faults.network() && self.rng.random_bool(0.01);
        if busy {
            let retry_after = Duration::from_millis(self.rng.random_range(1..2_000));
            return Content::Refused(Refusal::Busy { retry_after }.into());
        }
        let device = &mut self.devices[wire.device];
        if wire.channel == Channel::Mailbox && frame == device.hello {
            return match self.server.greets(body) {
                Ok((session, greeting)) => {
                    device.box_id = Some(session.device.mailbox);
                    device.session = Some(session);
                    Content::Greeting(greeting)
                }
                Err(refusal) => Content::Refused(refusal.into()),
            };
        }
        let answered = self
            .server
            .answers(wire.channel, device.session.as_ref(), body.clone());
        let durable = self.server.keeps();
        match answered {
            Ok(content) if durable => {
                self.oracle.answered(&self.server, &body, &content);
                content
            }
            // It died, and nobody hears it.
            Ok(content) => content,
            Err(refusal) => Content::Refused(refusal.into()),
        }
    }

    /// Whatever the server has for whom, on its way to them.
    fn pushes(&mut self) {
        for device in 0..self.devices.len() {
            let Some(mut session) = self.devices[device].session.take() else {
                continue;
            };
            let (pushed, over) = self.server.pushes(&mut session);
            let wire = Wire {
                device,
                channel: Channel::Mailbox,
                generation: self.devices[device].mailbox.generation,
            };
            for content in pushed {
                self.replies(wire, 0, content);
            }
            if over {
                self.cuts(device, Channel::Mailbox);
            } else {
                self.devices[device].session = Some(session);
            }
        }
    }

    /// A frame from the server to a device.
    fn replies(&mut self, wire: Wire, frame: u64, content: Content) {
        let now = self.now();
        let pipe = self.devices[wire.device].pipe(wire.channel);
        if pipe.generation != wire.generation || pipe.cut || !pipe.open {
            return;
        }
        let mut lane = pipe.down;
        let at = lane.arrival(now, &mut self.rng);
        self.devices[wire.device].pipe(wire.channel).down = lane;
        self.at(at, Event::AtDevice(wire, frame, content));
    }

    fn at_device(&mut self, wire: Wire, frame: u64, content: Content) {
        let device = wire.device;
        let pipe = self.devices[device].pipe(wire.channel);
        if pipe.generation != wire.generation || pipe.cut || !pipe.open {
            return;
        }
        self.trace
            .note(self.now(), "hears", &[device as u64, frame]);
        match content {
            Content::Deliveries(deliveries) if frame == 0 => self.delivers(device, deliveries),
            Content::Supply(supply) if frame == 0 => {
                self.steps(device, Input::Supply(supply), |_, _| ());
            }
            content if wire.channel == Channel::Mailbox && frame == self.devices[device].hello => {
                self.greeted(device, content);
            }
            content => {
                if let Some(asked) = self.devices[device].asked.remove(&frame) {
                    let accepted = matches!(content, Content::Accepted(_));
                    let body = asked.body;
                    self.steps(device, Input::Reply(asked.id, content), |oracle, events| {
                        if accepted {
                            oracle.hears(&body, events);
                        }
                    });
                }
            }
        }
        self.tends(device);
    }

    fn greeted(&mut self, device: usize, content: Content) {
        let now = self.now();
        match content {
            Content::Greeting(greeting) => {
                self.devices[device].greeted = true;
                self.steps(device, Input::Connected(greeting), |_, _| ());
            }
            Content::Refused(refused) => {
                self.steps(device, Input::TurnedAway(refused), |_, _| ());
                let one = &mut self.devices[device];
                one.mailbox.open = false;
                one.retry_at = now + 10_000;
                if one.unlinked {
                    one.reachable = false;
                }
            }
            _ => self
                .oracle
                .violated("a greeting was answered with something else".to_owned()),
        }
    }

    fn delivers(&mut self, device: usize, deliveries: v1::Deliveries) {
        let items = deliveries.items.clone();
        let person = self.devices[device].person;
        let own: Vec<usize> = (0..self.devices.len())
            .filter(|one| self.devices[*one].person == person)
            .collect();
        let outcome = self.steps(device, Input::Delivered(deliveries), |oracle, events| {
            if events.iter().any(|event| matches!(event, Told::Removed(_))) {
                oracle.left(device, &own, &items);
            }
            oracle.takes_in(device, &items, events);
        });
        let acknowledged = outcome.and_then(|outcome| outcome.acknowledge);
        if let Some(sequence) = acknowledged {
            let body = Body::Acknowledge(v1::Acknowledge {
                sequence: sequence.0,
            });
            let frame = self.devices[device].next_frame();
            self.sends(device, Channel::Mailbox, frame, body);
        }
    }
}
