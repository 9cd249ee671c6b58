//! A town for stories: people with real engines and a real server core, under one seed and a virtual clock.
//!
//! No sockets and no sleeps: a person who is online is connected whenever the town settles; time moves only when a
//! story says so.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

pub mod copied;
pub mod mallory;
pub mod person;

use std::sync::Arc;
use std::time::Duration;

use keyfold_engine::limits::KEY_PACKAGES;
use keyfold_engine::store::{Durability, Place};
use keyfold_engine::view::{Entry, Me, State, What};
use keyfold_engine::{Answer, Command, Complaint, Engine, Event, Input};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_server::clock::ManualClock;
use keyfold_server::request::AnonymousRequest;
use keyfold_server::seal::AddressKey;
use keyfold_server::store::memory::MemoryStore;
use keyfold_server::{Core, Refusal, Settings};
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use person::Person;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub type TownCore = Core<MemoryStore, ManualClock>;

fn started(
    runtime: &tokio::runtime::Runtime,
    store: &MemoryStore,
    clock: &ManualClock,
) -> Arc<TownCore> {
    let key = AddressKey::new(1, &[7; 32]);
    let (core, committer) = Core::new(store.clone(), clock.clone(), key, Settings::default());
    runtime.spawn(committer.run());
    core
}

/// Somebody of the town, by number; a second device of a person is somebody, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who(pub usize);

pub struct Town {
    pub runtime: tokio::runtime::Runtime,
    pub core: Arc<TownCore>,
    pub store: MemoryStore,
    pub clock: ManualClock,
    pub people: Vec<Person>,
    pub rng: StdRng,
    /// Where databases lie, where they are files.
    pub folder: Option<tempfile::TempDir>,
    /// Whoever comes from now on lets strangers wait until they are accepted.
    pub asks_first: bool,
}

impl Town {
    pub fn new(seed: u64) -> Self {
        let clock = ManualClock::at(Timestamp(1_790_000_000_000));
        let store = MemoryStore::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let core = started(&runtime, &store, &clock);
        Self {
            runtime,
            core,
            store,
            clock,
            people: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            folder: None,
            asks_first: false,
        }
    }

    /// A town whose people let strangers wait, as they do everywhere else.
    pub fn of_strangers(seed: u64) -> Self {
        Self {
            folder: Some(tempfile::tempdir().unwrap()),
            asks_first: true,
            ..Self::new(seed)
        }
    }

    /// A town whose databases are files, so that they can be copied, killed and stolen.
    pub fn on_disk(seed: u64) -> Self {
        Self {
            folder: Some(tempfile::tempdir().unwrap()),
            ..Self::new(seed)
        }
    }

    /// People with a registered device each.
    pub fn people<const N: usize>(&mut self, names: [&str; N]) -> [Who; N] {
        self.people_speaking(names, &Suite::ALL)
    }

    /// People whose devices speak these suites.
    pub fn people_speaking<const N: usize>(
        &mut self,
        names: [&str; N],
        suites: &[Suite],
    ) -> [Who; N] {
        names.map(|name| {
            let who = self.newcomer();
            let register = Command::Register {
                handle: name.to_owned(),
                invitation: String::new(),
                suites: suites.to_vec(),
            };
            self.does(who, register).unwrap();
            self.settles();
            assert!(self.me(who).registered);
            who
        })
    }

    /// A device without an account.
    pub fn newcomer(&mut self) -> Who {
        let number = self.people.len();
        let file = self
            .folder
            .as_ref()
            .map(|folder| folder.path().join(format!("{number}.db")));
        let place = file.as_deref().map_or(Place::Memory, Place::File);
        let mut engine = Engine::open(place, None, Durability::Off).unwrap();
        let mut rng = StdRng::from_rng(&mut self.rng);
        if !self.asks_first {
            let open = Input::Command(Command::AskFirst { wanted: false });
            let outcome = engine.apply(open, self.now(), &mut rng).unwrap();
            assert!(outcome.answer.is_ok());
        }
        self.people.push(Person::new(engine, rng, file));
        Who(number)
    }

    /// Another device of somebody's account, linked and in all conversations.
    pub fn links(&mut self, primary: Who, suites: &[Suite]) -> Who {
        let who = self.newcomer();
        let suites = suites.to_vec();
        let Ok(Answer::LinkRequest(link_request)) = self.does(who, Command::RequestLink { suites })
        else {
            panic!("no link request");
        };
        let Ok(Answer::Certificate(certificate)) =
            self.does(primary, Command::AddDevice { link_request })
        else {
            panic!("no certificate");
        };
        self.settles();
        self.does(who, Command::AcceptLink { certificate }).unwrap();
        self.settles();
        self.passes(Duration::from_secs(5));
        who
    }

    /// Uses up the one-time key packages of somebody who is offline, so that the last-resort one is handed out.
    pub fn uses_up_key_packages(&mut self, who: Who) {
        let account = self.me(who).account;
        for _ in 0..KEY_PACKAGES {
            let fetch = v1::FetchKeyPackages {
                account: account.to_wire(),
                suite: u32::from(Suite::Hybrid.number()),
            };
            let Ok(Content::KeyPackages(found)) = self.asks(Body::FetchKeyPackages(fetch)) else {
                panic!("no key packages");
            };
            assert_eq!(found.devices.len(), 1);
        }
    }

    /// The server is put back to a backup, and starts: all connections end.
    pub fn puts_server_back(&mut self, backup: &MemoryStore) {
        self.forgets(backup);
        self.core = started(&self.runtime, &self.store, &self.clock);
    }

    /// The same of a server that hands out one-time key packages of devices that have not come since, as ours does not.
    pub fn forgets(&mut self, backup: &MemoryStore) {
        self.store.put_back(backup);
        for person in &mut self.people {
            person.line = None;
        }
    }

    pub fn now(&self) -> Timestamp {
        use keyfold_server::clock::Clock as _;
        self.clock.now()
    }

    /// A command, and its answer.
    pub fn does(&mut self, who: Who, command: Command) -> Result<Answer, Complaint> {
        let now = self.now();
        self.people[who.0].command(command, now)
    }

    /// An anonymous request of somebody who needs no engine for it.
    pub fn asks(&mut self, body: Body) -> Result<Content, Refusal> {
        let request = AnonymousRequest::parse(body)?;
        let Self { runtime, core, .. } = self;
        runtime.block_on(core.anonymous(request))
    }

    /// Everybody online talks with the server until nobody has anything left to say.
    pub fn settles(&mut self) {
        for _ in 0..10_000 {
            let mut busy = false;
            for index in 0..self.people.len() {
                busy |= self.turn(Who(index));
            }
            if !busy {
                self.rests();
                return;
            }
        }
        panic!("the town does not settle");
    }

    /// Nobody online is due again at once: a shell would go round in circles.
    fn rests(&self) {
        let now = self.now();
        for person in self.people.iter().filter(|person| person.line.is_some()) {
            let due = person.deadline().is_some_and(|deadline| deadline <= now);
            assert!(!due, "somebody is due again at once");
        }
    }

    /// One person's turn: connect, take in, ask, tick. `false`: there was nothing to do.
    pub fn turn(&mut self, who: Who) -> bool {
        let now = self.now();
        let Self {
            runtime,
            core,
            people,
            ..
        } = self;
        runtime.block_on(people[who.0].turn(core, now))
    }

    /// Time passes, and whatever falls due in it is done in its turn.
    pub fn passes(&mut self, time: Duration) {
        let end = self.now().after(time);
        loop {
            self.settles();
            let online = self.people.iter().filter(|person| person.online);
            let next = online.filter_map(Person::deadline).min();
            let now = self.now();
            let Some(next) = next.filter(|next| *next > now && *next < end) else {
                self.clock.advance(end.since(now));
                self.settles();
                return;
            };
            self.clock.advance(next.since(now));
        }
    }

    pub fn goes_offline(&mut self, who: Who) {
        self.people[who.0].disconnect();
        self.people[who.0].online = false;
    }

    pub fn comes_back(&mut self, who: Who) {
        self.people[who.0].online = true;
        self.settles();
    }

    /// A one-to-one conversation.
    pub fn meets(&mut self, who: Who, other: Who) -> ConversationId {
        let handle = self.handle(other);
        self.creates(who, &[handle], None, None)
    }

    /// A group.
    pub fn creates_group(&mut self, who: Who, name: &str, others: &[Who]) -> ConversationId {
        let handles: Vec<String> = others.iter().map(|other| self.handle(*other)).collect();
        self.creates(who, &handles, Some(name), None)
    }

    pub fn creates(
        &mut self,
        who: Who,
        people: &[String],
        name: Option<&str>,
        suite: Option<Suite>,
    ) -> ConversationId {
        let create = Command::Create {
            people: people.to_vec(),
            name: name.map(str::to_owned),
            suite,
        };
        let Ok(Answer::Conversation(id)) = self.does(who, create) else {
            panic!("no conversation");
        };
        self.settles();
        id
    }

    /// Who somebody's device says that it is.
    pub fn me(&self, who: Who) -> Me {
        self.people[who.0].engine.me().unwrap().unwrap()
    }

    pub fn handle(&self, who: Who) -> String {
        self.me(who).handle
    }

    /// Gives somebody another role.
    pub fn promotes(&mut self, who: Who, conversation: ConversationId, other: Who, role: Role) {
        let account = self.me(other).account;
        let command = Command::ChangeRole {
            conversation,
            account,
            role,
        };
        self.does(who, command).unwrap();
    }

    /// Says something; it goes out when the town settles.
    pub fn says(&mut self, who: Who, conversation: ConversationId, text: &str) {
        self.does(
            who,
            Command::Send {
                conversation,
                text: text.to_owned(),
            },
        )
        .unwrap();
    }

    pub fn adds(&mut self, who: Who, conversation: ConversationId, others: &[Who]) {
        let people = others.iter().map(|other| self.handle(*other)).collect();
        self.does(
            who,
            Command::Add {
                conversation,
                people,
            },
        )
        .unwrap();
    }

    pub fn removes(&mut self, who: Who, conversation: ConversationId, others: &[Who]) {
        let people = others.iter().map(|other| self.handle(*other)).collect();
        self.does(
            who,
            Command::Remove {
                conversation,
                people,
            },
        )
        .unwrap();
    }

    pub fn timeline(&self, who: Who, conversation: ConversationId) -> Vec<Entry> {
        self.people[who.0]
            .engine
            .timeline(conversation, None, usize::MAX)
            .unwrap()
    }

    /// The texts of a timeline that are at the server, own ones too.
    pub fn reads(&self, who: Who, conversation: ConversationId) -> Vec<String> {
        self.timeline(who, conversation)
            .into_iter()
            .filter(|entry| matches!(entry.state, State::Sent | State::Received))
            .filter_map(|entry| match entry.what {
                What::Text(text) => Some(text),
                _ => None,
            })
            .collect()
    }

    /// Handles of the members.
    pub fn members(&self, who: Who, conversation: ConversationId) -> Vec<String> {
        let shown = self.shows(who, conversation);
        shown
            .members
            .into_iter()
            .map(|member| member.contact.handle)
            .collect()
    }

    pub fn shows(
        &self,
        who: Who,
        conversation: ConversationId,
    ) -> keyfold_engine::view::Conversation {
        self.people[who.0]
            .engine
            .conversation(conversation)
            .unwrap()
            .unwrap()
    }

    /// Whether the files of somebody in a town on disk hold these bytes.
    pub fn holds(&self, who: Who, word: &str) -> bool {
        let file = self.people[who.0].file.as_deref().expect("a town on disk");
        let mut bytes = std::fs::read(file).unwrap();
        let log = format!("{}-wal", file.display());
        bytes.extend(std::fs::read(log).unwrap_or_default());
        let word = word.as_bytes();
        bytes.windows(word.len()).any(|window| window == word)
    }

    pub fn events(&self, who: Who) -> &[Event] {
        &self.people[who.0].events
    }

    /// Everybody's timeline reads the same, epochs agree, nothing waits.
    pub fn agree(&self, everybody: &[Who], conversation: ConversationId) {
        let first = everybody[0];
        for who in everybody {
            assert_eq!(
                self.reads(*who, conversation),
                self.reads(first, conversation),
                "{who:?}"
            );
            assert_eq!(
                self.members(*who, conversation),
                self.members(first, conversation)
            );
            let (one, other) = (
                self.shows(*who, conversation),
                self.shows(first, conversation),
            );
            assert_eq!(one.epoch, other.epoch, "{who:?}");
            assert!(one.direct || one.name == other.name, "{who:?}");
            assert_eq!(
                self.people[who.0].engine.waiting().unwrap(),
                0,
                "{who:?} waits"
            );
        }
    }
}
