//! What a script's parts become: items, answers, commands.

use bytes::Bytes;
use keyfold_engine::{Command, Input, RequestId};
use keyfold_protocol::state::Role;
use keyfold_server::seal::Target;
use keyfold_wire::ids::{AccountId, ConversationId, Serial as WireSerial};
use keyfold_wire::roster::{self, RosterKey};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::device::Desk;
use super::recorded::address_key;
use super::script::{Check, Number, Refusal, Reply, Serial, Thing, What, Wish};
use crate::bend::Bends;
use crate::draw::{Blob, Rarely};

impl Refusal {
    pub(super) fn refused(self, right: u64) -> v1::Refused {
        v1::Refused {
            code: i32::from(self.code) % 24,
            epoch: self.epoch.instead_of(right),
            retry_after_ms: self.wait,
        }
    }
}

fn bent(bends: &Bends, bytes: &Bytes) -> Bytes {
    bends.bend(bytes).into()
}

/// Beyond it no sequence is left for what comes behind.
const FAR: u64 = (i64::MAX as u64) - (1 << 20);

impl Desk<'_> {
    pub(super) fn pushes(&mut self, things: &[Thing], caught_up: bool) {
        let mut items = Vec::new();
        for thing in things {
            let mut item = self.item(thing);
            item.sequence = match thing.sequence.0 {
                Some(number) => number.instead_of(self.sequence),
                None => self.sequence,
            };
            if i64::try_from(item.sequence).is_ok() {
                self.sequence = self.sequence.max(item.sequence.saturating_add(1));
                self.exhausted |= item.sequence > FAR;
            }
            items.push(item);
        }
        self.apply(Input::Delivered(v1::Deliveries { items, caught_up }));
    }

    fn item(&mut self, thing: &Thing) -> v1::Item {
        let mut item = self.made_of(&thing.what);
        item.serial = match thing.serial.0 {
            None => item.serial,
            Some(Serial::Of(which)) => self.own(which).serial,
            Some(Serial::Number(number)) => number.instead_of(item.serial),
        };
        if let Some(received) = thing.received.0 {
            item.received_ms = received.instead_of(item.received_ms);
        }
        match &mut item.content {
            Some(v1::item::Content::Message(message)) => {
                message.message_id = bent(&thing.message_id, &message.message_id);
                message.body = bent(&thing.body, &message.body);
                if let Some(epoch) = thing.epoch.0 {
                    message.epoch = epoch.instead_of(message.epoch);
                }
                message.commit = self.check(&thing.check, message.commit.take());
            }
            Some(v1::item::Content::Welcome(welcome)) => {
                welcome.secrets = bent(&thing.message_id, &welcome.secrets);
                welcome.group_info = bent(&thing.body, &welcome.group_info);
            }
            None => {}
        }
        item
    }

    fn own(&self, which: u8) -> &v1::Item {
        let own = &self.recorded.own;
        &own[usize::from(which) % own.len()]
    }

    fn made_of(&mut self, what: &What) -> v1::Item {
        match what {
            What::Own(which) => self.own(*which).clone(),
            What::Foreign(which) => {
                let foreign = &self.recorded.foreign;
                foreign[usize::from(*which) % foreign.len()].clone()
            }
            What::Echo(which) if !self.echoes.is_empty() => {
                self.echoes[usize::from(*which) % self.echoes.len()].clone()
            }
            What::Crossed(one, other) => v1::Item {
                content: self.own(*other).content.clone(),
                ..self.own(*one).clone()
            },
            What::Resealed(which, bends) => {
                let inner = &self.recorded.inner;
                let inside = bends.bend(&inner[usize::from(*which) % inner.len()]);
                self.sealed_by_the_traitor(&inside)
            }
            What::Said(which, bends) => {
                let contents = &self.recorded.contents;
                let said = bends.bend(&contents[usize::from(*which) % contents.len()]);
                let club = self.recorded.club;
                let inside = self.recorded.traitor.borrow_mut().encrypts(club, &said);
                self.sealed_by_the_traitor(&inside)
            }
            What::Echo(_) | What::Empty => v1::Item::default(),
        }
    }

    /// As the server delivers to this device what the traitor sends.
    fn sealed_by_the_traitor(&self, inside: &[u8]) -> v1::Item {
        let mut traitor = self.recorded.traitor.borrow_mut();
        let send = traitor.sends(self.recorded.club, inside);
        v1::Item {
            sequence: 0,
            serial: self.recorded.serials[&send.handle],
            received_ms: self.now.0,
            content: Some(v1::item::Content::Message(v1::Message {
                message_id: send.message_id,
                epoch: send.epoch,
                body: send.body,
                commit: None,
            })),
        }
    }

    fn check(
        &self,
        check: &Rarely<Check>,
        right: Option<v1::CommitCheck>,
    ) -> Option<v1::CommitCheck> {
        let Some(check) = &check.0 else {
            return right;
        };
        match check {
            Check::Of(which) => match &self.own(*which).content {
                Some(v1::item::Content::Message(message)) => message.commit.clone(),
                _ => right,
            },
            Check::Bent(roster, key) => right.map(|right| v1::CommitCheck {
                roster_hash: bent(roster, &right.roster_hash),
                roster_key_hash: bent(key, &right.roster_key_hash),
            }),
            Check::Turned => match right {
                Some(_) => None,
                None => Some(v1::CommitCheck::default()),
            },
        }
    }

    pub(super) fn answers(&mut self, which: usize, reply: &Reply) {
        let Some(request) = self.takes(which) else {
            return;
        };
        let content = self.reply(Some(&request.body), reply);
        self.apply(Input::Reply(request.id, content));
    }

    pub(super) fn strays(&mut self, id: Number, reply: &Reply) {
        let newest = self.under_way.iter().map(|request| request.id.0).max();
        let id = RequestId(id.instead_of(newest.unwrap_or(1)));
        let content = self.reply(None, reply);
        self.under_way.retain(|request| request.id != id);
        self.apply(Input::Reply(id, content));
    }

    fn reply(&mut self, body: Option<&Body>, reply: &Reply) -> Content {
        let epoch = match body {
            Some(Body::Send(send)) => send.epoch,
            Some(Body::Commit(commit)) => commit.epoch,
            _ => 0,
        };
        match reply {
            Reply::Right => body.map_or(Content::Done(v1::Done::default()), |body| {
                self.right_reply(body)
            }),
            Reply::Refused(refusal) => Content::Refused(refusal.refused(epoch)),
            Reply::Accepted(at) => Content::Accepted(v1::Accepted {
                received_ms: at.instead_of(self.now.0),
                ..v1::Accepted::default()
            }),
            Reply::Done(at) => Content::Done(v1::Done {
                now_ms: at.instead_of(self.now.0),
            }),
            Reply::Addresses(list) => {
                let address = |(serial, address): &(Number, Blob)| v1::Address {
                    serial: serial.instead_of(self.next_serial),
                    address: Bytes::copy_from_slice(&address.0),
                };
                let addresses = list.0.iter().map(address).collect();
                Content::Addresses(v1::Addresses { addresses })
            }
            Reply::Account(which, bends) => self.account(*which, bends),
            Reply::KeyPackages(which, bends) => {
                let all = &self.recorded.packages;
                let mut found = all[usize::from(*which) % all.len()].2.clone();
                for device in &mut found.devices {
                    device.key_package = bent(bends, &device.key_package);
                }
                Content::KeyPackages(found)
            }
            Reply::Unasked(true) => Content::Supply(v1::Supply::default()),
            Reply::Unasked(false) => Content::Deliveries(v1::Deliveries::default()),
        }
    }

    fn account(&self, which: u8, bends: &Bends) -> Content {
        let all = &self.recorded.accounts;
        let mut account = all[usize::from(which) % all.len()].clone();
        match which / 4 % 4 {
            0 => account.account = bent(bends, &account.account),
            1 => account.account_key = bent(bends, &account.account_key),
            2 => {
                let handle = bends.bend(account.handle.as_bytes());
                account.handle = String::from_utf8_lossy(&handle).into_owned();
            }
            _ => {
                for certificate in &mut account.device_certificates {
                    *certificate = bent(bends, certificate);
                }
            }
        }
        Content::Account(account)
    }

    /// What an honest server answers; a message or commit that it takes comes back.
    fn right_reply(&mut self, body: &Body) -> Content {
        let accepted = Content::Accepted(v1::Accepted {
            received_ms: self.now.0,
            ..v1::Accepted::default()
        });
        match body {
            Body::TakeAddresses(take) => self.fresh_addresses(take.count),
            Body::Lookup(lookup) => self.found(lookup),
            Body::FetchKeyPackages(fetch) => {
                let all = self.recorded.packages.iter();
                let mut fitting = all.filter(|(suite, account, _)| {
                    *suite == fetch.suite && account.to_wire() == fetch.account
                });
                let found = fitting.next().map(|(_, _, found)| found.clone());
                Content::KeyPackages(found.unwrap_or_default())
            }
            Body::Create(create) => {
                self.leads_here(&create.handle, &create.roster);
                accepted
            }
            Body::Send(send) => {
                self.comes_back(&send.handle, &send.message_id, send.epoch, &send.body, None);
                accepted
            }
            Body::Commit(commit) => {
                let key = RosterKey::try_from(&*commit.next_roster_key).unwrap();
                let hash = |hash: [u8; 32]| Bytes::copy_from_slice(&hash);
                let check = v1::CommitCheck {
                    roster_hash: hash(roster::hash(&commit.next_roster)),
                    roster_key_hash: hash(roster::key_hash(&key)),
                };
                let (id, body) = (&commit.message_id, &commit.body);
                self.comes_back(&commit.handle, id, commit.epoch, body, Some(check));
                self.leads_here(&commit.handle, &commit.next_roster);
                accepted
            }
            _ => Content::Done(v1::Done { now_ms: self.now.0 }),
        }
    }

    fn fresh_addresses(&mut self, count: u32) -> Content {
        let key = address_key();
        let first = self.next_serial;
        self.next_serial += u64::from(count);
        let address = |serial| v1::Address {
            serial,
            address: key
                .seal(Target {
                    mailbox: self.recorded.mailbox,
                    serial: WireSerial(serial),
                })
                .unwrap(),
        };
        Content::Addresses(v1::Addresses {
            addresses: (first..self.next_serial).map(address).collect(),
        })
    }

    fn found(&self, lookup: &v1::Lookup) -> Content {
        let is_it = |account: &&v1::Account| match &lookup.by {
            Some(v1::lookup::By::Handle(handle)) => account.handle == *handle,
            Some(v1::lookup::By::Account(id)) => account.account == *id,
            None => false,
        };
        match self.recorded.accounts.iter().find(is_it) {
            Some(account) => Content::Account(account.clone()),
            None => Content::Refused(v1::Refused {
                code: v1::RefusalCode::NotFound.into(),
                ..v1::Refused::default()
            }),
        }
    }

    /// Which own address is in this roster.
    fn leads_here(&mut self, handle: &Bytes, roster: &[Bytes]) {
        let key = address_key();
        let targets = roster.iter().filter_map(|address| key.open(address));
        let mut own = targets.filter(|target| target.mailbox == self.recorded.mailbox);
        if let Some(target) = own.next() {
            self.serials.insert(handle.clone(), target.serial.0);
        }
    }

    fn comes_back(
        &mut self,
        handle: &Bytes,
        message_id: &Bytes,
        epoch: u64,
        body: &Bytes,
        commit: Option<v1::CommitCheck>,
    ) {
        let Some(serial) = self.serials.get(handle) else {
            return;
        };
        self.echoes.push(v1::Item {
            sequence: 0,
            serial: *serial,
            received_ms: self.now.0,
            content: Some(v1::item::Content::Message(v1::Message {
                message_id: message_id.clone(),
                epoch,
                body: body.clone(),
                commit,
            })),
        });
    }

    pub(super) fn wishes(&mut self, wish: &Wish) {
        let command = self.command(wish);
        // A complaint changes nothing, and is what most of these get.
        let _ = self.apply(Input::Command(command)).answer;
    }

    fn conversation(&self, which: u8) -> ConversationId {
        let all = &self.recorded.conversations;
        all[usize::from(which) % all.len()]
    }

    fn person(&self, which: u8) -> (String, AccountId) {
        let all = &self.recorded.people;
        all[usize::from(which) % all.len()].clone()
    }

    fn says(&mut self, which: u8, more: &str) -> Command {
        let text = format!("{} of my own {more}", self.said.len());
        self.said.insert(text.clone());
        Command::Send {
            conversation: self.conversation(which),
            text,
        }
    }

    fn command(&mut self, wish: &Wish) -> Command {
        let people = |desk: &Self, which: u8| vec![desk.person(which).0];
        match wish {
            Wish::Say(which) => self.says(*which, ""),
            Wish::SayAny(which, more) => self.says(*which, &more.text()),
            Wish::Create(which, name) => Command::Create {
                people: people(self, *which),
                name: name.as_ref().map(Blob::text),
                suite: None,
            },
            Wish::Add(which, who) => Command::Add {
                conversation: self.conversation(*which),
                people: people(self, *who),
            },
            Wish::Remove(which, who) => Command::Remove {
                conversation: self.conversation(*which),
                people: people(self, *who),
            },
            Wish::Leave(which) => Command::Leave {
                conversation: self.conversation(*which),
            },
            Wish::Rename(which, name) => Command::Rename {
                conversation: self.conversation(*which),
                name: name.text(),
            },
            Wish::Promote(which, who) => Command::ChangeRole {
                conversation: self.conversation(*which),
                account: self.person(*who).1,
                role: Role::Admin,
            },
            other => self.other_command(other),
        }
    }

    fn other_command(&self, wish: &Wish) -> Command {
        match wish {
            Wish::Read(which) => Command::MarkRead {
                conversation: self.conversation(*which),
            },
            Wish::LookUp(who) => Command::LookUp {
                handle: self.person(*who).0,
            },
            Wish::LookUpAny(handle) => Command::LookUp {
                handle: handle.text(),
            },
            Wish::Link(request) => Command::AddDevice {
                link_request: request.0.clone(),
            },
            Wish::Accept(certificate) => Command::AcceptLink {
                certificate: certificate.0.clone(),
            },
            Wish::RemoveDevice => Command::RemoveDevice {
                device: self.recorded.device,
            },
            Wish::Nowhere(id) => Command::MarkRead {
                conversation: ConversationId::new(*id),
            },
            Wish::Update(which) => Command::Update {
                conversation: self.conversation(*which),
            },
            _ => Command::RecoveryKeyKept,
        }
    }
}
