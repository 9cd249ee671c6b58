//! One device of the town: an engine and the connection of its shell, and what may befall both.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfold_engine::store::{Durability, Place};
use keyfold_engine::{Answer, Channel, Complaint, Engine, Event, Input, Outcome, Request};
use keyfold_server::clock::ManualClock;
use keyfold_server::delivery::Feed;
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_server::store::memory::MemoryStore;
use keyfold_server::{Device, Refusal};
use keyfold_wire::ids::{Sequence, Timestamp};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use rand::rngs::StdRng;
use rusqlite::Connection;

use super::TownCore;

/// A connection of a device.
pub struct Line {
    pub device: Device,
    pub feed: Feed<MemoryStore, ManualClock>,
}

/// What becomes of a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Nothing,
    /// It never arrives.
    Request,
    /// The server does it; nobody hears of that.
    Reply,
}

pub type Loses = Box<dyn FnMut(&Body) -> Loss>;
pub type Refuses = Box<dyn FnMut(&Body) -> Option<v1::Refused>>;
pub type BendsReply = Box<dyn FnMut(&Body, &mut Content)>;
pub type BendsItem = Box<dyn FnMut(&mut v1::Item)>;

pub struct Person {
    pub engine: Engine,
    pub rng: StdRng,
    pub events: Vec<Event>,
    pub online: bool,
    pub line: Option<Line>,
    /// Everything that came in, for attackers who record.
    pub recorded: Vec<v1::Item>,
    /// Signals that came in.
    pub signals: Vec<v1::WaitingSignal>,
    /// Every request that went out.
    pub asked: Vec<Body>,
    /// The database, where it is a file.
    pub file: Option<PathBuf>,
    /// How far this device's clock is off, in milliseconds.
    pub skew: i64,
    /// Moments at which the process could be killed, counted.
    pub moments: u64,
    /// Those at which it is.
    pub dies_at: BTreeSet<u64>,
    pub loses: Option<Loses>,
    /// Requests that the server refuses without looking at them.
    pub refuses: Option<Refuses>,
    pub bends_reply: Option<BendsReply>,
    pub bends_item: Option<BendsItem>,
    /// When the server last would not greet it.
    turned_away: Option<Timestamp>,
    /// Items that were slipped in: the server's sequences are this much behind.
    slipped: u64,
}

impl Person {
    pub fn new(engine: Engine, rng: StdRng, file: Option<PathBuf>) -> Self {
        Self {
            engine,
            rng,
            events: Vec::new(),
            online: true,
            line: None,
            recorded: Vec::new(),
            signals: Vec::new(),
            asked: Vec::new(),
            file,
            skew: 0,
            moments: 0,
            dies_at: BTreeSet::new(),
            loses: None,
            refuses: None,
            bends_reply: None,
            bends_item: None,
            turned_away: None,
            slipped: 0,
        }
    }

    /// What this device's clock shows.
    pub fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.skew))
    }

    /// When its next deadline is, by the town's clock.
    pub fn deadline(&self) -> Option<Timestamp> {
        let deadline = self.engine.deadline()?;
        Some(Timestamp(deadline.0.saturating_add_signed(-self.skew)))
    }

    /// An input of the shell. Killed before or after it, nobody hears what came of it.
    pub fn apply(&mut self, input: Input, now: Timestamp) -> Option<Outcome> {
        if self.dies() {
            return None;
        }
        let now = self.clock(now);
        let outcome = self
            .engine
            .apply(input, now, &mut self.rng)
            .expect("no fault");
        if self.dies() {
            return None;
        }
        self.events.extend(outcome.events.iter().cloned());
        Some(outcome)
    }

    /// A command; the process may be killed once it is durable.
    pub fn command(
        &mut self,
        command: keyfold_engine::Command,
        now: Timestamp,
    ) -> Result<Answer, Complaint> {
        let now = self.clock(now);
        let outcome = self
            .engine
            .apply(Input::Command(command), now, &mut self.rng)
            .expect("no fault");
        self.events.extend(outcome.events);
        self.dies();
        outcome.answer
    }

    /// Whether the process is killed now; it starts again at once.
    fn dies(&mut self) -> bool {
        self.moments += 1;
        let dies = self.dies_at.contains(&self.moments);
        if dies {
            self.restarts();
        }
        dies
    }

    /// Is stopped, finds its database changed, mostly to that of an earlier version, and starts again.
    pub fn restarts_with(&mut self, change: impl FnOnce(&Connection)) {
        let file = self.file.clone().expect("a town on disk");
        let changed = file.with_file_name("changed.db");
        copy_database(&file, &changed);
        change(&Connection::open(&changed).unwrap());
        self.file = Some(changed);
        self.restarts();
    }

    /// Killed with SIGKILL and started again: what the files hold at this moment is all that is left.
    pub fn restarts(&mut self) {
        let file = self.file.clone().expect("a town on disk");
        let next =
            file.with_file_name(format!("{:x}.db", rand::Rng::random::<u128>(&mut self.rng)));
        copy_database(&file, &next);
        self.engine = Engine::open(Place::File(&next), None, Durability::Off).unwrap();
        self.file = Some(next);
        self.line = None;
    }

    pub fn disconnect(&mut self) {
        self.line = None;
    }

    /// Delivers something that the server never stored.
    pub fn slip_in(&mut self, mut item: v1::Item, now: Timestamp) {
        self.slipped += 1;
        item.sequence = self.applied() + 1;
        let deliveries = v1::Deliveries {
            items: vec![item],
            caught_up: false,
        };
        self.apply(Input::Delivered(deliveries), now);
    }

    /// The last sequence that the engine has applied.
    pub fn applied(&self) -> u64 {
        match self.engine.hello().unwrap() {
            Some(Body::Hello(hello)) => hello.after,
            _ => 0,
        }
    }

    /// Connects, takes in what came, asks what is to be asked. `false`: there was nothing to do.
    pub async fn turn(&mut self, core: &Arc<TownCore>, now: Timestamp) -> bool {
        if !self.online {
            return false;
        }
        let mut busy = false;
        if self.line.is_none() {
            busy |= self.connect(core, now).await;
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.apply(Input::Tick, now);
        }
        busy |= self.take_in(core, now).await;
        busy | self.ask(core, now).await
    }

    /// Is greeted, and takes nothing in yet.
    pub async fn connect(&mut self, core: &Arc<TownCore>, now: Timestamp) -> bool {
        let Some(hello) = self.engine.hello().expect("no fault") else {
            return false;
        };
        let loss = self.loss(&hello);
        if loss == Loss::Request {
            return true;
        }
        let (after, greeted) = match hello {
            Body::Hello(mut hello) => {
                hello.after = hello.after.saturating_sub(self.slipped);
                (Sequence(hello.after), core.hello(hello).await)
            }
            Body::Register(register) => (Sequence(0), core.register(register).await),
            _ => panic!("no greeting"),
        };
        if loss == Loss::Reply {
            return true;
        }
        match greeted {
            Ok((device, mut greeting)) => {
                greeting.acknowledged += self.slipped;
                let feed = core.subscribe(&device, after);
                self.line = Some(Line { device, feed });
                self.apply(Input::Connected(greeting), now);
                true
            }
            Err(refusal) => {
                let turned_away = Input::TurnedAway(v1::Refused::from(refusal));
                let outcome = self.apply(turned_away, now);
                // As a shell does: what the engine says nothing of, it tries again with what it has now.
                let silent = outcome.is_some_and(|outcome| outcome.events.is_empty());
                // Once at a time: then it waits until it is told to come back.
                let again = self.turned_away.replace(now) != Some(now);
                self.online = silent && again && refusal == Refusal::Unauthenticated;
                self.online
            }
        }
    }

    async fn take_in(&mut self, core: &Arc<TownCore>, now: Timestamp) -> bool {
        let mut busy = false;
        while let Some(line) = &mut self.line {
            let content = tokio::select! {
                biased;
                content = line.feed.next() => content,
                () = drained() => return busy,
            };
            busy = true;
            match content {
                Ok(Content::Deliveries(deliveries)) => {
                    self.recorded.extend(deliveries.items.iter().cloned());
                    self.deliver(core, deliveries, now);
                }
                Ok(Content::Supply(supply)) => {
                    self.apply(Input::Supply(supply), now);
                }
                Ok(Content::Signals(signals)) => self.hear(core, signals, now),
                Ok(_) => panic!("not a push"),
                Err(_) => self.line = None,
            }
        }
        busy
    }

    fn hear(&mut self, core: &Arc<TownCore>, signals: v1::Signals, now: Timestamp) {
        self.signals.extend(signals.signals.iter().cloned());
        let Some(outcome) = self.apply(Input::Signals(signals), now) else {
            return;
        };
        if let (Some(line), Some(number)) = (&self.line, outcome.acknowledge_signals) {
            core.acknowledge_signals(&line.device, number);
        }
    }

    fn deliver(&mut self, core: &Arc<TownCore>, mut deliveries: v1::Deliveries, now: Timestamp) {
        for item in &mut deliveries.items {
            item.sequence += self.slipped;
            if let Some(bends) = &mut self.bends_item {
                bends(item);
            }
        }
        let Some(outcome) = self.apply(Input::Delivered(deliveries), now) else {
            return;
        };
        if let (Some(line), Some(sequence)) = (&self.line, outcome.acknowledge) {
            let sequence = Sequence(sequence.0.saturating_sub(self.slipped));
            core.acknowledge(&line.device, sequence);
        }
    }

    fn loss(&mut self, body: &Body) -> Loss {
        self.loses
            .as_mut()
            .map_or(Loss::Nothing, |loses| loses(body))
    }

    async fn ask(&mut self, core: &Arc<TownCore>, now: Timestamp) -> bool {
        let mut busy = false;
        while let Some(request) = self.engine.next_request().expect("no fault") {
            busy = true;
            self.asked.push(request.body.clone());
            let loss = self.loss(&request.body);
            if loss == Loss::Request || (request.channel == Channel::Mailbox && self.line.is_none())
            {
                self.lose(&request, now);
                return true;
            }
            let id = request.id;
            let (channel, body) = (request.channel, request.body.clone());
            let refused = self.refuses.as_mut().and_then(|refuses| refuses(&body));
            let answer = match refused {
                Some(refused) => Ok(Content::Refused(refused)),
                None => self.answer(core, channel, body).await,
            };
            if loss == Loss::Reply {
                self.lose(&request, now);
                return true;
            }
            let mut reply =
                answer.unwrap_or_else(|refusal: Refusal| Content::Refused(refusal.into()));
            if let Some(bends) = &mut self.bends_reply {
                bends(&request.body, &mut reply);
            }
            if self.apply(Input::Reply(id, reply), now).is_none() {
                return true;
            }
        }
        busy
    }

    async fn answer(
        &self,
        core: &Arc<TownCore>,
        channel: Channel,
        body: Body,
    ) -> Result<Content, Refusal> {
        match (channel, &self.line) {
            (Channel::Anonymous, _) => core.anonymous(AnonymousRequest::parse(body)?).await,
            (Channel::Mailbox, Some(line)) => {
                core.device_request(&line.device, DeviceRequest::parse(body)?)
                    .await
            }
            (Channel::Mailbox, None) => panic!("no line"),
        }
    }

    /// The socket of a request broke.
    fn lose(&mut self, request: &Request, now: Timestamp) {
        if request.channel == Channel::Mailbox {
            self.line = None;
        }
        self.apply(Input::Lost(request.id), now);
    }
}

/// A database and its write-ahead log as they are on the disk now.
pub fn copy_database(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    let beside = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    if beside(from).exists() {
        std::fs::copy(beside(from), beside(to)).unwrap();
    }
}

/// Lets the server's committer do what waits.
pub async fn drained() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
