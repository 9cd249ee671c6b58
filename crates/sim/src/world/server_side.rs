//! What reaches the server, and what it answers and pushes.

use std::time::Duration;

use keyfold_engine::Channel;
use keyfold_server::clock::Clock as _;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::World;
use crate::network::{Echo, Event, Wire, number};
use crate::script::{Mishap, Occasion};

impl World {
    /// Puts a frame on the wire, which may break under it.
    pub(super) fn sends(&mut self, device: usize, channel: Channel, frame: u64, mut body: Body) {
        self.meddles_with_frame(device, &mut body);
        if self.meets(device, Occasion::Frame).is_some() {
            self.cuts(device, channel);
        }
        let now = self.now();
        let pipe = self.devices[device].pipe(channel);
        if pipe.cut || !pipe.open {
            return;
        }
        let generation = pipe.generation;
        let mut lane = pipe.up;
        let at = lane.arrival(now, &mut self.fates[device].rng);
        self.devices[device].pipe(channel).up = lane;
        let wire = Wire {
            device,
            channel,
            generation,
        };
        self.watch.goes_up(&body);
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
            if self.meddles_with_acknowledgement() {
                return;
            }
            if let Some(session) = &self.devices[wire.device].session {
                self.server.acknowledged(session, acknowledge.sequence);
            }
            return self.pushes();
        }
        if let Body::AcknowledgeSignals(acknowledge) = &body {
            if let Some(session) = &self.devices[wire.device].session {
                self.server
                    .acknowledged_signals(session, acknowledge.number);
            }
            return self.pushes();
        }
        let mishap = self.meets(wire.device, Occasion::Request);
        let answer = if let Some(Mishap::Busy(millis)) = mishap {
            let retry_after = Duration::from_millis(millis);
            let order = &self.devices[wire.device].pipe(wire.channel).order;
            let busy = self.server.puts_off(order, body.clone(), retry_after);
            Content::Refused(busy.into())
        } else {
            self.dooms_server();
            let answer = self.answers(wire, frame, body.clone());
            if self.server.has_fallen() {
                return self.server_dies();
            }
            self.cheats_about_people(wire.device, &body, answer)
        };
        match mishap {
            Some(Mishap::LosesAnswer) => self.cuts(wire.device, wire.channel),
            Some(Mishap::AnsweredTwice) if frame != self.devices[wire.device].hello => {
                let again = self.answers(wire, frame, body);
                self.replies(wire, frame, again);
            }
            Some(Mishap::AnsweredAgain(millis)) => {
                let device = &self.devices[wire.device];
                if let Some(asked) = device.asked.get(&frame) {
                    let echo = Echo {
                        device: wire.device,
                        process: device.process,
                        request: asked.id,
                        content: answer.clone(),
                    };
                    self.after(millis, Event::Echo(Box::new(echo)));
                }
            }
            _ => {}
        }
        self.replies(wire, frame, answer);
        self.pushes();
    }

    fn answers(&mut self, wire: Wire, frame: u64, body: Body) -> Content {
        let device = &mut self.devices[wire.device];
        if wire.channel == Channel::Mailbox && frame == device.hello {
            return match self.server.greets(body) {
                Ok((session, greeting)) => {
                    let mailbox = session.device.mailbox;
                    device.box_id = Some(mailbox);
                    device.session = Some(session);
                    let now = self.clock.now().0;
                    self.oracle
                        .is_greeted(&self.devices, wire.device, mailbox, now);
                    Content::Greeting(greeting)
                }
                Err(refusal) => Content::Refused(refusal.into()),
            };
        }
        if let Some(instead) = self.meddles_with_request(&body) {
            return instead;
        }
        let device = &self.devices[wire.device];
        let (order, session) = (&device.anonymous.order, device.session.as_ref());
        let answered = self
            .server
            .answers_in(order, wire.channel, session, body.clone());
        let durable = self.server.is_through();
        match answered {
            Ok(content) if durable => {
                let now = self.now();
                self.oracle
                    .answered(&self.server, wire.device, &body, &content, now);
                if let (Body::RemoveDevice(gone), Content::Done(_)) = (&body, &content) {
                    self.is_unlinked(&gone.device);
                }
                if matches!(content, Content::Accepted(_)) {
                    let accepted = self.oracle.accepted();
                    self.secrecy
                        .records(&self.server, &self.devices, &body, accepted);
                }
                content
            }
            // It died, and nobody hears it.
            Ok(content) => content,
            Err(refusal) => match self.meddles_with_refusal(&body) {
                Some(accepted) => {
                    let now = self.now();
                    self.oracle
                        .answered(&self.server, wire.device, &body, &accepted, now);
                    accepted
                }
                None => Content::Refused(refusal.into()),
            },
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
            for mut content in pushed {
                self.cheats_with_push(device, &mut content);
                if self.meets(device, Occasion::Push).is_some() {
                    self.replies(wire, 0, content.clone());
                }
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
        self.watch.goes_down(&content);
        let pipe = self.devices[wire.device].pipe(wire.channel);
        if pipe.generation != wire.generation || pipe.cut || !pipe.open {
            return;
        }
        let mut lane = pipe.down;
        let at = lane.arrival(now + self.chance(), &mut self.fates[wire.device].rng);
        self.devices[wire.device].pipe(wire.channel).down = lane;
        self.at(at, Event::AtDevice(wire, frame, content));
    }
}
