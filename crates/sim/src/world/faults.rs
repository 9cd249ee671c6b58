//! What befalls the world: devices and the server are killed, connections break, clocks are off; and in the end all heals.

use keyfold_engine::{Channel, Input};
use rand::Rng as _;

use super::World;
use crate::network::{Event, Wire};

impl World {
    /// What befalls the world by chance, once for each thing that people do.
    pub(super) fn fate(&mut self) {
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

    pub(super) fn is_killed(&mut self, device: usize) -> bool {
        let killed = self.faulty && self.options.faults.crashes() && self.rng.random_bool(0.002);
        if killed {
            self.dies(device);
        }
        killed
    }

    pub(super) fn dies(&mut self, device: usize) {
        let now = self.now();
        self.trace.note(now, "dies", &[device as u64]);
        self.devices[device].dies();
        let pause = self.rng.random_range(100..5_000);
        self.devices[device].retry_at = now + pause;
        self.wakes(device, now + pause);
    }

    pub(super) fn server_dies(&mut self) {
        self.trace.note(self.now(), "server dies", &[]);
        self.server.restarts();
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
    pub(super) fn cuts(&mut self, device: usize, channel: Channel) {
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

    pub(super) fn notices(&mut self, wire: Wire) {
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

    pub(super) fn heals(&mut self) {
        self.faulty = false;
        for device in 0..self.devices.len() {
            self.devices[device].reachable = true;
            self.devices[device].skew = 0;
            self.steps(device, Input::Tick, |_, _| ());
            self.tends(device);
        }
    }
}
