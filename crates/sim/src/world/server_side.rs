//! What reaches the server, and what it answers and pushes.

use std::time::Duration;

use keyfold_engine::Channel;
use keyfold_server::Refusal;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use rand::Rng as _;

use super::World;
use crate::network::{Event, Wire, number};

impl World {
    /// Puts a frame on the wire, which may break under it.
    pub(super) fn sends(&mut self, device: usize, channel: Channel, frame: u64, body: Body) {
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

    pub(super) fn at_server(&mut self, wire: Wire, frame: u64, body: Body) {
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
        let answer = self.answers(wire, frame, body);
        // Broken after the server did it and before the answer is heard.
        if self.faulty && self.options.faults.network() && self.rng.random_bool(0.01) {
            self.cuts(wire.device, wire.channel);
        }
        self.replies(wire, frame, answer);
        self.pushes();
    }

    pub(super) fn answers(&mut self, wire: Wire, frame: u64, body: Body) -> Content {
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
        match answered {
            Ok(content) => {
                self.oracle.answered(&self.server, &body, &content);
                content
            }
            Err(refusal) => Content::Refused(refusal.into()),
        }
    }

    /// Whatever the server has for whom, on its way to them.
    pub(super) fn pushes(&mut self) {
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
    pub(super) fn replies(&mut self, wire: Wire, frame: u64, content: Content) {
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
}
