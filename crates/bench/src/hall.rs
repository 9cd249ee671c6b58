//! A conversation for measurements: engines on encrypted files, and bare members who speak to them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use keyfold_engine::store::{Durability, Place, StoreKey};
use keyfold_engine::{Answer, Command, Engine, Input};
use keyfold_protocol::content::{self, Author};
use keyfold_protocol::envelope::{self, EnvelopeKey};
use keyfold_protocol::suite::Suite;
use keyfold_protocol::welcome;
use keyfold_wire::ids::{ConversationId, Epoch, MessageId};
use keyfold_wire::limits::MAX_ITEMS_PER_PUSH;
use keyfold_wire::v1;
use openmls::prelude::MlsMessageOut;
use openmls_rust_crypto::OpenMlsRustCrypto;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::bare::{Member, NOW, told};
use crate::circle::spoken;
use crate::desk::{Desk, Who, address, owner};

/// Bare members are numbered from here, engines below.
const FIRST_MEMBER: u32 = 100;

/// An engine and what a shell keeps for it.
pub(crate) struct Shell {
    pub(crate) engine: Engine,
    pub(crate) who: Who,
    pub(crate) handle: String,
    rng: StdRng,
}

/// A member without an engine.
pub(crate) struct Speaker {
    member: Member<OpenMlsRustCrypto>,
    envelope: Option<EnvelopeKey>,
    counter: u64,
}

/// A conversation.
pub(crate) struct Hall {
    pub(crate) desk: Desk,
    pub(crate) engines: Vec<Shell>,
    pub(crate) speakers: Vec<Speaker>,
    pub(crate) conversation: ConversationId,
    /// How long the engine took for each step while the conversation was made.
    pub(crate) making: Vec<Duration>,
    rng: StdRng,
    next: usize,
}

/// What kind of conversation.
pub(crate) struct Plan<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) suite: Suite,
    pub(crate) members: usize,
    pub(crate) engines: usize,
    pub(crate) durability: Durability,
}

impl Shell {
    fn new(plan: &Plan<'_>, number: u32) -> Result<Self> {
        let key = StoreKey::new([7; 32]);
        let path = plan.folder.join(format!(
            "engine-{number}-{}-{:?}-{:?}.db",
            plan.members, plan.suite, plan.durability
        ));
        let engine = told(Engine::open(
            Place::File(&path),
            Some(&key),
            plan.durability,
        ))?;
        Ok(Self {
            engine,
            who: Who(number),
            handle: format!("engine{number}"),
            rng: StdRng::seed_from_u64(u64::from(number)),
        })
    }

    /// One step.
    pub(crate) fn apply(&mut self, input: Input) -> Result<Answer> {
        let outcome = told(self.engine.apply(input, NOW, &mut self.rng))?;
        outcome.answer.map_err(|complaint| anyhow!("{complaint}"))
    }

    fn register(&mut self, desk: &mut Desk, suite: Suite) -> Result<()> {
        // Whoever writes is let in.
        self.apply(Input::Command(Command::AskFirst { wanted: false }))?;
        self.apply(Input::Command(Command::Register {
            handle: self.handle.clone(),
            invitation: String::new(),
            suites: spoken(suite).to_vec(),
        }))?;
        let hello = told(self.engine.hello())?;
        let Some(v1::client_frame::Request::Register(register)) = hello else {
            bail!("no registration");
        };
        desk.list(self.who, &register.device_certificate)?;
        self.apply(Input::Connected(v1::Greeting::default()))?;
        self.settle(desk, &mut Vec::new())
    }

    /// Asks the desk until there is nothing left to ask. How long each reply took to apply is noted.
    pub(crate) fn settle(&mut self, desk: &mut Desk, times: &mut Vec<Duration>) -> Result<()> {
        while let Some(request) = told(self.engine.next_request())? {
            let reply = desk.answer(self.who, request.body)?;
            let start = Instant::now();
            self.apply(Input::Reply(request.id, reply))?;
            times.push(start.elapsed());
        }
        Ok(())
    }

    /// Applies all that waits in the mailbox.
    pub(crate) fn take_in(&mut self, desk: &mut Desk) -> Result<()> {
        let items = desk.take(self.who);
        for push in items.chunks(MAX_ITEMS_PER_PUSH) {
            self.apply(delivered(push.to_vec()))?;
        }
        Ok(())
    }
}

/// A push.
pub(crate) fn delivered(items: Vec<v1::Item>) -> Input {
    Input::Delivered(v1::Deliveries {
        items,
        caught_up: false,
    })
}

impl Hall {
    /// A conversation that the first engine has made; bare members have not joined yet.
    pub(crate) fn open(plan: &Plan<'_>) -> Result<Self> {
        let mut desk = Desk::default();
        let mut engines = Vec::new();
        let mut people = Vec::new();
        for number in 0..plan.engines {
            let mut shell = Shell::new(plan, u32::try_from(number)?)?;
            shell.register(&mut desk, plan.suite)?;
            if number > 0 {
                people.push(shell.handle.clone());
            }
            engines.push(shell);
        }
        let mut speakers = Vec::new();
        for number in plan.engines..plan.members {
            let who = Who(FIRST_MEMBER + u32::try_from(number)?);
            let speaker = Speaker::new(&mut desk, who, plan.suite)?;
            people.push(speaker.member.handle.clone());
            speakers.push(speaker);
        }
        let mut hall = Self {
            desk,
            engines,
            speakers,
            conversation: ConversationId::new([0; 16]),
            making: Vec::new(),
            rng: StdRng::seed_from_u64(3),
            next: 0,
        };
        hall.make(plan, people)?;
        Ok(hall)
    }

    fn make(&mut self, plan: &Plan<'_>, people: Vec<String>) -> Result<()> {
        let name = (plan.members > 2).then(|| "climbing".to_owned());
        let ada = self.engines.first_mut().context("no engine")?;
        let start = Instant::now();
        let answer = ada.apply(Input::Command(Command::Create {
            people,
            name,
            suite: Some(plan.suite),
        }))?;
        self.making.push(start.elapsed());
        let Answer::Conversation(conversation) = answer else {
            bail!("no conversation");
        };
        self.conversation = conversation;
        ada.settle(&mut self.desk, &mut self.making)?;
        if self.desk.roster.len() != plan.members {
            bail!("the conversation was not made");
        }
        Ok(())
    }

    /// All bare members join and say one message each; the first engine hears them and says one itself.
    pub(crate) fn everybody_speaks(&mut self) -> Result<()> {
        for place in 0..self.speakers.len() {
            self.join(place)?;
        }
        let morning = (0..self.speakers.len())
            .map(|_| self.somebody_says("good morning"))
            .collect::<Result<Vec<_>>>()?;
        let (conversation, desk) = (self.conversation, &mut self.desk);
        let ada = self.engines.first_mut().context("no engine")?;
        for push in morning.chunks(MAX_ITEMS_PER_PUSH) {
            ada.apply(delivered(push.to_vec()))?;
        }
        ada.apply(Input::Command(Command::Send {
            conversation,
            text: "good morning".to_owned(),
        }))?;
        ada.settle(desk, &mut Vec::new())?;
        ada.take_in(desk)
    }

    /// A bare member joins by its part of the Welcome.
    pub(crate) fn join(&mut self, place: usize) -> Result<()> {
        let group_info = self.desk.group_info.clone();
        let speaker = self.speakers.get_mut(place).context("no such member")?;
        let who = *self
            .desk
            .welcomes
            .keys()
            .find(|who| speaker.is(**who))
            .context("no welcome")?;
        let secrets = self.desk.welcomes.get(&who).context("no welcome")?;
        let message = told(welcome::rebuild(secrets, &group_info))?;
        speaker.member.join(&message)?;
        let key = speaker.member.export(envelope::EXPORTER_LABEL)?;
        speaker.envelope = Some(EnvelopeKey::new(key));
        Ok(())
    }

    /// One bare member after the other says something: an item for the first engine.
    pub(crate) fn somebody_says(&mut self, text: &str) -> Result<v1::Item> {
        self.next = (self.next + 1) % self.speakers.len();
        self.says(self.next, text)
    }

    /// A bare member says something: an item for the first engine.
    pub(crate) fn says(&mut self, place: usize, text: &str) -> Result<v1::Item> {
        let conversation = self.conversation;
        let epoch = Epoch(self.desk.epoch);
        let id = MessageId::new(self.rng.random());
        let speaker = self.speakers.get_mut(place).context("no such member")?;
        let body = speaker.says(conversation, epoch, id, text, &mut self.rng)?;
        let first = self.desk.roster.first().context("no roster")?.clone();
        self.desk.item(
            &first,
            v1::item::Content::Message(v1::Message {
                message_id: id.to_wire(),
                epoch: epoch.0,
                body: body.into(),
                commit: None,
            }),
        )
    }

    /// The same item in the mailbox of another engine of this hall.
    pub(crate) fn readdressed(&self, item: &v1::Item, who: Who) -> Result<v1::Item> {
        for address in &self.desk.roster {
            let (owner, serial) = owner(address)?;
            if owner == who {
                return Ok(v1::Item {
                    serial,
                    ..item.clone()
                });
            }
        }
        bail!("not a member")
    }
}

impl Speaker {
    fn new(desk: &mut Desk, who: Who, suite: Suite) -> Result<Self> {
        let member = Member::plain(u64::from(who.0), spoken(suite))?;
        desk.list(who, &member.certificate)?;
        let package = member.key_package(suite, spoken(suite), &address(who, 1))?;
        let message = told(MlsMessageOut::from(package).to_bytes())?;
        Desk::check(&message)?;
        desk.publish(who, u32::from(suite.number()), message.into())?;
        Ok(Self {
            member,
            envelope: None,
            counter: 0,
        })
    }

    fn is(&self, who: Who) -> bool {
        self.member.handle == format!("member{}", who.0)
    }

    fn says(
        &mut self,
        conversation: ConversationId,
        epoch: Epoch,
        id: MessageId,
        text: &str,
        rng: &mut StdRng,
    ) -> Result<Vec<u8>> {
        self.counter += 1;
        let author = Author {
            account: self.member.account(),
            device: self.member.keys.device(),
            conversation,
        };
        let composed = told(content::text(&author, self.counter, text, rng))?;
        let sealed = self.member.encrypt(&composed.encoded)?;
        let key = self.envelope.as_ref().context("has not joined")?;
        told(envelope::seal(key, epoch, id, &sealed, rng))
    }

    /// Forgets the group: a thousand of them would not fit into memory.
    pub(crate) fn rests(&mut self) {
        self.member.provider = OpenMlsRustCrypto::default();
        self.member.forget();
        self.envelope = None;
    }
}
