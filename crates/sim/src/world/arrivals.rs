//! What reaches a device, and what its shell makes of it.

use keyfold_engine::{Channel, Event as Told, Input, RequestId};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::World;
use crate::network::Wire;
use crate::oracle::Check;

/// Milliseconds after which a device that the server would not greet asks again: at first, ...
const TRIES_AGAIN: u64 = 10_000;
/// ... doubled up to this, and from then on ...
pub(super) const TRIES_AGAIN_SOON: u64 = 60_000;
/// ... a little later each time, up to this: a season is long.
const TRIES_AGAIN_MOST: u64 = 3_600_000;

impl World {
    pub(super) fn at_device(&mut self, wire: Wire, frame: u64, content: Content) {
        let device = wire.device;
        let pipe = self.devices[device].pipe(wire.channel);
        if pipe.generation != wire.generation || pipe.cut || !pipe.open {
            return;
        }
        self.trace
            .note(self.now(), "hears", &[device as u64, frame]);
        match content {
            Content::Deliveries(mut deliveries) if frame == 0 => {
                self.meddles_with_items(device, &mut deliveries);
                self.delivers(device, deliveries);
            }
            Content::Supply(supply) if frame == 0 => {
                self.steps(device, Input::Supply(supply), |_, _| ());
            }
            Content::Signals(signals) if frame == 0 => {
                let outcome = self.steps(device, Input::Signals(signals), |_, _| ());
                if let Some(number) = outcome.and_then(|outcome| outcome.acknowledge_signals) {
                    let body = Body::AcknowledgeSignals(v1::AcknowledgeSignals { number });
                    let frame = self.devices[device].next_frame();
                    self.sends(device, Channel::Mailbox, frame, body);
                }
            }
            content if wire.channel == Channel::Mailbox && frame == self.devices[device].hello => {
                self.greeted(device, content);
            }
            content => {
                if let Some(asked) = self.devices[device].asked.remove(&frame) {
                    self.hears(device, asked.id, content);
                }
            }
        }
        self.tends(device);
    }

    /// A request is answered.
    pub(super) fn hears(&mut self, device: usize, id: RequestId, content: Content) {
        self.steps(device, Input::Reply(id, content), |_, _| ());
    }

    fn greeted(&mut self, device: usize, content: Content) {
        let now = self.now();
        match content {
            Content::Greeting(greeting) => {
                self.devices[device].greeted = true;
                self.devices[device].turned_away = 0;
                self.fates[device].greeted = Some(now);
                self.steps(device, Input::Connected(greeting), |_, _| ());
            }
            Content::Refused(refused) => {
                self.steps(device, Input::TurnedAway(refused), |_, _| ());
                let one = &mut self.devices[device];
                one.mailbox.open = false;
                one.turned_away = match one.turned_away {
                    0 => TRIES_AGAIN,
                    soon if soon < TRIES_AGAIN_SOON => (soon * 2).min(TRIES_AGAIN_SOON),
                    late => (late + late / 64).min(TRIES_AGAIN_MOST),
                };
                one.retry_at = now + one.turned_away;
                if one.unlinked {
                    one.reachable = false;
                }
            }
            _ => {
                let words = "a greeting was answered with something else";
                self.oracle.violated(Check::Steps, words);
            }
        }
    }

    fn delivers(&mut self, device: usize, deliveries: v1::Deliveries) {
        let items = deliveries.items.clone();
        self.deeds.takes_in(device, &items);
        let person = self.devices[device].person;
        let own: Vec<usize> = (0..self.devices.len())
            .filter(|one| self.devices[*one].person == person)
            .collect();
        let outcome = self.steps(device, Input::Delivered(deliveries), |oracle, events| {
            for event in events {
                if let Told::Removed(conversation) = event {
                    oracle.left(device, &own, &items, *conversation);
                }
            }
            oracle.takes_in(device, &items);
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
