//! What befalls the world: devices and the server are killed, connections break, clocks are off; and in the end all heals.

use keyfold_engine::{Channel, Fault, Input};
use rand::Rng as _;

use keyfold_server::clock::Clock as _;

use super::World;
use super::arrivals::TRIES_AGAIN_SOON;
use crate::network::{Event, Wire};
use crate::oracle::Check;
use crate::script::Act;

impl World {
    pub(super) fn befalls(&mut self, device: usize, act: &Act) {
        match act {
            Act::Away(minutes) if *minutes > 0 => self.out_of_reach(device, *minutes * 60_000),
            Act::Dies => self.dies(device),
            Act::ClockIsOff(millis) => self.clock_is_off(device, *millis),
            Act::Mishap { what, after } => self.fates[device].awaits(*what, *after),

            Act::Stolen => {
                let (now, order) = (self.now(), self.oracle.order());
                let online = self.fates[device].greeted;
                let loot = self.loot_of(device);
                let device = &self.devices[device];
                let on_time = device.greeted && !self.fates[device.number].set_back;
                let online = online.filter(|_| on_time);
                if let Some(loot) = loot {
                    let accepted = self.oracle.accepted();
                    let taken = self.oracle.taken_in(device.number);
                    self.secrecy
                        .steals(device, loot, (now, order, accepted), taken, online);
                }
            }
            Act::BackedUp => self.is_backed_up(device),
            Act::Restored => self.is_restored(device),
            Act::Turns(trick) => self.turns(device, *trick),
            Act::Cloned => self.is_cloned(device),
            Act::ServerDies => self.server_is_killed(),
            Act::ServerBackedUp => {
                self.backup = Some((self.server.copied(), self.now()));
                self.oracle.server_is_backed_up();
            }
            Act::ServerRestored => self.server_is_restored(),
            Act::Parted(crowd, minutes) => {
                for device in self.crowd(crowd) {
                    self.out_of_reach(device, minutes * 60_000);
                }
            }
            _ => {}
        }
    }

    /// Its shell notices.
    fn clock_is_off(&mut self, device: usize, millis: i64) {
        self.fates[device].set_back |= millis < self.devices[device].skew;
        self.devices[device].skew = millis;
        self.steps(device, Input::Tick, |_, _| ());
        self.tends(device);
    }

    /// A process starts, after a while.
    pub(super) fn comes_up(&mut self, device: usize) {
        let now = self.now();
        self.oracle.loses_touch(device, now);
        self.fates[device].owed.clear();
        let pause = self.fates[device].rng.random_range(100..5_000);
        self.devices[device].retry_at = now + pause;
        self.wakes(device, now + pause);
    }

    fn is_backed_up(&mut self, device: usize) {
        let path = self.folder.path().join(format!("backup-{device}.db"));
        self.devices[device].copies_to(&path);
        self.fates[device].backup = Some((path, self.now()));
        self.oracle.is_backed_up(device);
    }

    fn is_restored(&mut self, device: usize) {
        let Some((backup, copied)) = self.fates[device].backup.clone() else {
            return;
        };
        self.trace.note(self.now(), "restored", &[device as u64]);
        self.devices[device].restarts_from(&backup);
        let now = self.now();
        self.oracle.is_restored(device, copied, now);
        self.forgets_unlinking(device, copied);
        self.comes_up(device);
    }

    fn is_cloned(&mut self, device: usize) {
        let path = self.folder.path().join("cloned.db");
        let original = &self.devices[device];
        original.copies_to(&path);
        let (person, skew) = (original.person, original.skew);
        let (id, box_id) = (original.id, original.box_id);
        let clone = self.arrives(person, skew);
        let one = &mut self.devices[clone];
        (one.id, one.box_id) = (id, box_id);
        one.restarts_from(&path);
        let now = self.now();
        self.oracle.are_clones([device, clone], now);
        self.comes_up(clone);
    }

    pub(super) fn server_dies(&mut self) {
        self.trace.note(self.now(), "server dies", &[]);
        let loss = self.reaper.loss();
        self.server.dies(loss);
        for device in 0..self.devices.len() {
            self.devices[device].session = None;
            for channel in [Channel::Mailbox, Channel::Anonymous] {
                self.cuts(device, channel);
            }
        }
    }

    fn server_is_restored(&mut self) {
        let Some((backup, copied)) = &self.backup else {
            return;
        };
        self.server.becomes(backup);
        let now = self.clock.now().0;
        self.oracle.server_is_restored(&self.devices, *copied, now);
        self.server_dies();
    }

    pub(super) fn out_of_reach(&mut self, device: usize, millis: u64) {
        self.devices[device].reachable = false;
        let now = self.now();
        self.oracle.is_away(device, now, now + millis);
        for channel in [Channel::Mailbox, Channel::Anonymous] {
            self.cuts(device, channel);
        }
        self.after(millis, Event::Reachable(device));
    }

    /// A connection breaks; the device notices a while later.
    pub(super) fn cuts(&mut self, device: usize, channel: Channel) {
        let rng = &mut self.fates[device].rng;
        let (ebbs, notices) = (rng.random_range(0..150), rng.random_range(1..20_000));
        let ebbs = self.now() + ebbs;
        let pipe = self.devices[device].pipe(channel);
        if !pipe.open || pipe.cut {
            return;
        }
        pipe.cut = true;
        pipe.ebbs = ebbs;
        if channel == Channel::Mailbox {
            self.oracle.loses_touch(device, self.clock.now().0);
        }
        let wire = Wire {
            device,
            channel,
            generation: pipe.generation,
        };
        self.after(notices, Event::Broken(wire));
    }

    pub(super) fn notices(&mut self, wire: Wire) {
        let pipe = self.devices[wire.device].pipe(wire.channel);
        if pipe.generation != wire.generation || !pipe.open {
            return;
        }
        self.closes(wire.device, wire.channel);
        if !self.settles(wire.device) {
            return;
        }
        let now = self.now();
        self.devices[wire.device].retry_at =
            now + self.fates[wire.device].rng.random_range(0..3_000);
        self.tends(wire.device);
    }

    /// The device's end of a connection is closed; what was asked over it is to be noted as lost.
    fn closes(&mut self, device: usize, channel: Channel) {
        let now = self.now();
        let one = &mut self.devices[device];
        one.pipe(channel).open = false;
        if channel == Channel::Mailbox {
            self.oracle.loses_touch(device, now);
            one.greeted = false;
            one.session = None;
        }
        let owed = &mut self.fates[device].owed;
        one.asked.retain(|_, asked| {
            let stays = asked.channel != channel;
            if !stays {
                owed.push(asked.id);
            }
            stays
        });
    }

    /// Notes what was lost. `false`: it cannot yet, or was killed over it.
    pub(super) fn settles(&mut self, device: usize) -> bool {
        while let Some(id) = self.fates[device].owed.first().copied() {
            if self.steps(device, Input::Lost(id), |_, _| ()).is_none() {
                return false;
            }
            if !self.fates[device].owed.is_empty() {
                self.fates[device].owed.remove(0);
            }
        }
        true
    }

    /// A step failed: both connections are given up, and all is tried again on new ones.
    pub(super) fn gives_up(&mut self, device: usize, fault: &Fault) {
        if *fault != Fault::DiskFull {
            let words = format!("device {device} failed: {fault}");
            self.oracle.violated(Check::Steps, &words);
        }
        for channel in [Channel::Mailbox, Channel::Anonymous] {
            if self.devices[device].pipe(channel).open {
                self.closes(device, channel);
            }
        }
        let now = self.now();
        let pause = self.fates[device].rng.random_range(500..5_000);
        self.devices[device].retry_at = now + pause;
        self.wakes(device, now + pause);
    }

    pub(super) fn heals(&mut self) {
        for device in 0..self.devices.len() {
            self.fates[device].is_spared();
            self.devices[device].reachable = true;
            self.oracle.is_back(device, self.clock.now().0);
            let soon = self.now() + TRIES_AGAIN_SOON;
            let one = &mut self.devices[device];
            (one.skew, one.turned_away) = (0, 0);
            one.retry_at = one.retry_at.min(soon);
            self.steps(device, Input::Tick, |_, _| ());
            self.tends(device);
        }
    }
}
