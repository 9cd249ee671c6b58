//! A malicious server and a malicious member, as far as nobody has to heal anything afterwards: what they do comes to nothing,
//! or it is noticed.

use keyfold_engine::Channel;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::item::Content as ItemContent;
use keyfold_wire::v1::server_frame::Content;
use rand::Rng as _;

use super::World;
use crate::copied::Other;
use crate::script::{Cheat, Mishap, Occasion, Trick, handle};

/// Items that a hostile server remembers, to play them again.
const REMEMBERED: usize = 64;

/// What a hostile server has kept.
#[derive(Default)]
pub(super) struct Hoard {
    /// Items by the device that they were for.
    items: Vec<(usize, v1::Item)>,
    /// The first key packages of an account that it handed out.
    packages: Vec<(Vec<u8>, Content)>,
}

impl World {
    /// The server answers about people: truly, or not.
    pub(super) fn cheats_about_people(
        &mut self,
        device: usize,
        body: &Body,
        answer: Content,
    ) -> Content {
        let (Body::Lookup(_) | Body::FetchKeyPackages(_)) = body else {
            return answer;
        };
        if let (Body::FetchKeyPackages(fetch), Content::KeyPackages(_)) = (body, &answer) {
            let account = fetch.account.to_vec();
            if !self
                .hoard
                .packages
                .iter()
                .any(|(known, _)| *known == account)
            {
                self.hoard.packages.push((account, answer.clone()));
            }
        }
        match self.meets(device, Occasion::Directory) {
            Some(Mishap::Cheats(Cheat::SwapsKeys)) => self.swapped(device, body).unwrap_or(answer),
            Some(Mishap::Cheats(Cheat::OldPackages)) => {
                let Body::FetchKeyPackages(fetch) = body else {
                    return answer;
                };
                let mut known = self.hoard.packages.iter();
                let old = known.find(|(account, _)| account == fetch.account.as_ref());
                old.map_or(answer, |(_, old)| old.clone())
            }
            Some(Mishap::Cheats(Cheat::SpoilsPackages)) => spoilt(answer),
            _ => answer,
        }
    }

    /// What it would say of somebody else.
    fn swapped(&mut self, device: usize, body: &Body) -> Option<Content> {
        let other = (self.devices[device].person + 1) % self.script.people;
        let of_other = self.devices.iter().find(|one| one.person == other)?;
        let body = match body {
            Body::Lookup(_) => Body::Lookup(v1::Lookup {
                by: Some(v1::lookup::By::Handle(handle(other))),
            }),
            Body::FetchKeyPackages(fetch) => Body::FetchKeyPackages(v1::FetchKeyPackages {
                account: of_other.engine.me().unwrap()?.account.to_wire(),
                suite: fetch.suite,
            }),
            _ => return None,
        };
        self.server.answers(Channel::Anonymous, None, body).ok()
    }

    /// The server pushes: everything, and nothing else, or not.
    pub(super) fn cheats_with_push(&mut self, device: usize, content: &mut Content) {
        let Content::Deliveries(deliveries) = content else {
            return;
        };
        if !self.setup.hostile {
            return;
        }
        for item in &deliveries.items {
            self.hoard.items.push((device, item.clone()));
        }
        let surplus = self.hoard.items.len().saturating_sub(REMEMBERED);
        self.hoard.items.drain(..surplus);
        match self.meets(device, Occasion::Delivery) {
            Some(Mishap::Cheats(Cheat::Withholds)) => self.withholds(device, deliveries),
            Some(Mishap::Cheats(Cheat::Replays)) => {
                let own = self.hoard.items.iter().find(|(of, _)| *of == device);
                if let Some((_, item)) = own.cloned() {
                    self.slips_in(device, item.serial, &item);
                }
            }
            Some(Mishap::Cheats(Cheat::MixesMailboxes)) => {
                let serial = deliveries.items.first().map(|item| item.serial);
                let others = self.hoard.items.iter().find(|(of, _)| *of != device);
                if let (Some(serial), Some((_, item))) = (serial, others.cloned()) {
                    self.slips_in(device, serial, &item);
                }
            }
            Some(Mishap::Cheats(Cheat::Garbage)) => self.slips_in_garbage(device),
            _ => {}
        }
    }

    /// The first message of somebody else never comes.
    fn withholds(&mut self, device: usize, deliveries: &mut v1::Deliveries) {
        let place = deliveries
            .items
            .iter()
            .position(|item| match &item.content {
                Some(ItemContent::Message(message)) => {
                    message.commit.is_none() && !self.oracle.is_of(&message.message_id, device)
                }
                _ => false,
            });
        let Some(place) = place else { return };
        let item = deliveries.items.remove(place);
        if let Some(ItemContent::Message(message)) = item.content {
            self.oracle.withholds(device, &message.message_id);
        }
    }

    fn slips_in_garbage(&mut self, device: usize) {
        let own = self.hoard.items.iter().find(|(of, _)| *of == device);
        let Some((_, mut item)) = own.cloned() else {
            return;
        };
        let rng = &mut self.fates[device].rng;
        let mut garbage = vec![0; rng.random_range(1..400)];
        rng.fill(garbage.as_mut_slice());
        if let Some(ItemContent::Message(message)) = &mut item.content {
            message.body = garbage.into();
            message.message_id = vec![7; 16].into();
            self.slips_in(device, item.serial, &item);
        }
    }

    /// Puts a message into a device's mailbox that nobody sent there.
    fn slips_in(&mut self, device: usize, serial: u64, item: &v1::Item) {
        let Some(mailbox) = self.devices[device].box_id else {
            return;
        };
        if let Some(ItemContent::Message(message)) = &item.content {
            self.oracle.slips_in();
            self.server.slips_in(mailbox, serial, message);
        }
    }

    /// A member turns against the others: from now on a client of their own making uses the device's state, once.
    pub(super) fn turns(&mut self, device: usize, trick: Trick) {
        let Some(mut copied) = self.devices[device].copied() else {
            return;
        };
        let Some(mut held) = copied.holds().into_iter().next() else {
            return;
        };
        let other = self.devices.iter().find(|one| one.number != device);
        let other = other.and_then(|one| one.engine.me().unwrap()).unwrap();
        let other = Other {
            account: other.account,
            device: other.device,
        };
        // Nobody asks the device itself any more.
        let now = self.now();
        let one = &mut self.devices[device];
        one.unlinked = true;
        one.unlinked_at = one.unlinked_at.min(now);
        self.oracle.turns(self.devices[device].person);
        self.out_of_reach(device, u64::from(u32::MAX));
        for body in copied.plays_trick(&mut held, trick, other) {
            let answered = self.server.answers(Channel::Anonymous, None, body.clone());
            if let Ok(content) = answered {
                let now = self.now();
                self.oracle
                    .answered(&self.server, device, &body, &content, now);
            }
        }
        self.pushes();
    }
}

/// Key packages that are none.
fn spoilt(mut answer: Content) -> Content {
    if let Content::KeyPackages(packages) = &mut answer {
        for device in &mut packages.devices {
            let mut bytes = device.key_package.to_vec();
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 1;
            }
            device.key_package = bytes.into();
        }
    }
    answer
}
