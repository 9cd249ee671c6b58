//! What the shell around an engine does: feeds it, wakes it, connects it, and hands on what it says.

use keyfold_engine::{Answer, Channel, Command, Event as Told, Input, Outcome};

use super::{MAX_TICKS, START, World};
use crate::device::{Asked, Device};
use crate::network::Event;
use crate::oracle::{Check, Oracle};
use crate::script::{Mishap, Occasion};
use crate::server::Server;
use crate::words::{asked as asked_words, screen_words, words};

/// Pages enough for any database here.
const ROOM: u32 = 1_000_000;
/// How often the shell looks at a clock that stands still.
const STOPPED: u64 = 60_000;

impl World {
    /// Carries out a command; `None` when the device complains.
    pub(super) fn commands(&mut self, device: usize, command: Command) -> Option<Answer> {
        self.may_die_of(device, &command);
        let outcome = self.applies(device, Input::Command(command));
        self.devices[device].has_fallen();
        self.tends(device);
        outcome.and_then(|outcome| outcome.answer.ok())
    }

    /// One step of a device's engine. `None`: it failed, and nothing of it has happened.
    fn applies(&mut self, device: usize, input: Input) -> Option<Outcome> {
        let full = match self.meets(device, Occasion::Step) {
            Some(Mishap::DiskFull(pages)) => Some(pages),
            _ => None,
        };
        let reply = match &input {
            Input::Reply(id, _) => Some(*id),
            _ => None,
        };
        let told = (self.setup.follow == Some(device)).then(|| words(&input));
        let now = self.clock_of(device);
        let one = &mut self.devices[device];
        let clock = one.clock(now);
        if let Some(pages) = full {
            one.engine.set_quota(pages).unwrap();
        }
        let outcome = one.engine.apply(input, clock, &mut one.rng);
        if full.is_some() {
            one.engine.set_quota(ROOM).unwrap();
        }
        if let Some(told) = told {
            let heard = outcome.as_ref().map(|it| (&it.answer, &it.events));
            self.follows(&format!("{told} -> {heard:?}"));
            self.follows_screen(device);
        }
        let dies = self.devices[device].doomed;
        if !self.survives(device) || dies && outcome.is_err() {
            return None;
        }
        match outcome {
            Ok(outcome) => {
                let now = self.now();
                self.oracle
                    .parts(device, &self.devices, &outcome.events, now);
                if outcome.events.contains(&Told::DeviceRemoved) {
                    self.forgets_unlinking(device, 0);
                }
                Some(outcome)
            }
            Err(fault) => {
                // A reply that could not be taken in counts as lost.
                self.fates[device].owed.extend(reply);
                self.gives_up(device, &fault);
                None
            }
        }
    }

    /// A line about the device that is followed.
    #[allow(clippy::print_stdout, reason = "asked for at a terminal")]
    pub(super) fn follows(&self, what: &str) {
        println!("{:>10} {what}", self.now() - START);
    }

    /// What the device that is followed shows now and did not before, texts left out.
    fn follows_screen(&mut self, device: usize) {
        for line in screen_words(&self.devices[device].engine) {
            if self.shown.insert(line.clone()) {
                self.follows(&line);
            }
        }
    }

    /// A step before, within or after which the process may be killed, so that its shell never hears of it. `None`: it was, or the
    /// step failed.
    pub(super) fn steps(
        &mut self,
        device: usize,
        input: Input,
        judge: impl FnOnce(&mut Oracle, &[Told]),
    ) -> Option<Outcome> {
        if self.is_killed_before(device) {
            return None;
        }
        let Some(outcome) = self.applies(device, input) else {
            self.devices[device].has_fallen();
            return None;
        };
        judge(&mut self.oracle, &outcome.events);
        (!self.is_killed_after(device)).then_some(outcome)
    }

    /// Whatever a device's shell has to do now: tick, connect, ask.
    pub(super) fn tends(&mut self, device: usize) {
        let (now, clock) = (self.now(), self.clock_of(device));
        let one = &mut self.devices[device];
        if one.deadline().is_some_and(|deadline| deadline <= clock) {
            one.ticks = if one.ticks.0 == now {
                (now, one.ticks.1 + 1)
            } else {
                (now, 1)
            };
            if one.ticks.1 > MAX_TICKS {
                let words = format!("device {device} is due again and again");
                return self.oracle.violated(Check::Steps, &words);
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
            let soonest = if clock == now { 1 } else { STOPPED };
            self.wakes(device, next.max(now + soonest));
        }
    }

    pub(super) fn wakes(&mut self, device: usize, at: u64) {
        let one = &mut self.devices[device];
        if one.wakes_at.is_none_or(|before| at < before) {
            one.wakes_at = Some(at);
            self.at(at, Event::Wake(device));
        }
    }

    fn connects(&mut self, device: usize) {
        let now = self.now();
        let one = &mut self.devices[device];
        if one.mailbox.open || !one.reachable || one.retry_at > now || !self.settles(device) {
            return;
        }
        let one = &mut self.devices[device];
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
            };
            one.asked.insert(frame, asked);
            if self.setup.follow == Some(device) {
                self.follows(&asked_words(&request.body));
            }
            self.oracle.asks(&self.devices[device], &request.body);
            let life = self.oracle.life(device);
            self.watch.asks(&self.devices[device], life, &request.body);
            let roster = |roster: &[_]| members(&self.server, &self.devices, roster);
            self.deeds.asks(device, &request.body, roster);
            self.sends(device, request.channel, frame, request.body);
        }
    }
}

/// The devices that a roster names.
fn members(server: &Server, devices: &[Device], roster: &[bytes::Bytes]) -> Vec<usize> {
    let boxes = roster
        .iter()
        .filter_map(|address| server.mailbox_of(address));
    let owner = |mailbox| devices.iter().position(|one| one.box_id == Some(mailbox));
    boxes.filter_map(owner).collect()
}
