//! What the shell around an engine does: feeds it, wakes it, connects it, and hands on what it says.

use keyfold_engine::{Answer, Channel, Command, Event as Told, Input, Outcome};

use super::{MAX_TICKS, START, World};
use crate::device::Asked;
use crate::network::Event;
use crate::oracle::Oracle;
use crate::words::{asked as asked_words, words};

impl World {
    /// Carries out a command; `None` when the device complains.
    pub(crate) fn commands(&mut self, device: usize, command: Command) -> Option<Answer> {
        let outcome = self.applies(device, Input::Command(command));
        self.tends(device);
        outcome.and_then(|outcome| outcome.answer.ok())
    }

    /// One step of a device's engine.
    pub(super) fn applies(&mut self, device: usize, input: Input) -> Option<Outcome> {
        let now = self.now();
        let one = &mut self.devices[device];
        let clock = one.clock(now);
        let told = (self.options.follow == Some(device)).then(|| words(&input));
        match one.engine.apply(input, clock, &mut one.rng) {
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

    pub(super) fn follows(&self, what: &str) {
        println!("{:>10} {what}", self.now() - START);
    }

    /// A step after which the process may be killed, so that its shell never hears of it. `None`: it was.
    pub(super) fn steps(
        &mut self,
        device: usize,
        input: Input,
        judge: impl FnOnce(&mut Oracle, &[Told]),
    ) -> Option<Outcome> {
        if self.is_killed(device) {
            return None;
        }
        let outcome = self.applies(device, input)?;
        judge(&mut self.oracle, &outcome.events);
        if self.is_killed(device) {
            return None;
        }
        Some(outcome)
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

    pub(super) fn wakes(&mut self, device: usize, at: u64) {
        let one = &mut self.devices[device];
        if one.wakes_at.is_none_or(|before| at < before) {
            one.wakes_at = Some(at);
            self.at(at, Event::Wake(device));
        }
    }

    pub(super) fn connects(&mut self, device: usize) {
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

    pub(super) fn asks(&mut self, device: usize) {
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
}
