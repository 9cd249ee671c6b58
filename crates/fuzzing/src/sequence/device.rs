//! One engine and the shell around it, to which anything happens; and what must be true all the while.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use keyfold_engine::store::{Durability, Place};
use keyfold_engine::view::{Entry, Standing, State, What as Shown};
use keyfold_engine::{Answer, Command, Engine, Input, Outcome, Request};
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::recorded::{AFTERWARDS, Recorded};
use super::script::{MOST_STEPS, Step, Stock, Suite, Time};
use crate::draw;

thread_local! {
    static RECORDED: Recorded = Recorded::new();
}

/// Rounds in which a device must have come to rest.
const ROUNDS: usize = 400;

/// Requests that a device may have under way at once.
const MOST_REQUESTS: usize = 1_000;

/// Key packages whose welcome lies longer are gone, and what is in the records would not open.
const KEPT: Duration = Duration::from_hours(29 * 24);

/// The first address of those that are given out during a run.
const FRESH: u64 = 1_000_000;

/// Any sequence of inputs to one engine: it never faults, shows nothing twice, never takes back what it acknowledged, and
/// afterwards still joins a conversation, reads and writes.
pub fn engine_sequence(data: &[u8]) {
    let script: Vec<Step> = draw::steps(data, MOST_STEPS);
    RECORDED.with(|recorded| {
        let mut desk = Desk::new(recorded);
        for step in &script {
            desk.plays(step);
        }
        desk.ends();
    });
}

/// A device in the hands of a script.
pub(super) struct Desk<'r> {
    pub(super) recorded: &'r Recorded,
    path: PathBuf,
    engine: Option<Engine>,
    rng: StdRng,
    pub(super) now: Timestamp,
    latest: Timestamp,
    /// The next sequence of an honest server.
    pub(super) sequence: u64,
    /// A sequence was used behind which none is left.
    pub(super) exhausted: bool,
    cursor: usize,
    pub(super) under_way: Vec<Request>,
    /// Own requests that the server has taken, as they come back.
    pub(super) echoes: Vec<v1::Item>,
    /// Which address each conversation has, by its handle.
    pub(super) serials: BTreeMap<Bytes, u64>,
    pub(super) next_serial: u64,
    acknowledged: u64,
    pub(super) said: BTreeSet<String>,
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        self.engine = None;
        Recorded::clear(&self.path);
        let traitor = self.recorded.traitor.borrow();
        let _ = traitor
            .database
            .execute_batch("ROLLBACK TO run; RELEASE run");
    }
}

impl<'r> Desk<'r> {
    fn new(recorded: &'r Recorded) -> Self {
        let traitor = recorded.traitor.borrow();
        traitor.database.execute_batch("SAVEPOINT run").unwrap();
        let path = recorded.copy();
        Self {
            recorded,
            engine: Some(open(&path)),
            path,
            rng: StdRng::seed_from_u64(5),
            now: recorded.now,
            latest: recorded.now,
            sequence: recorded.applied + 1,
            exhausted: false,
            cursor: recorded.begin,
            under_way: Vec::new(),
            echoes: Vec::new(),
            serials: recorded.serials.clone(),
            next_serial: FRESH,
            acknowledged: 0,
            said: recorded.texts.clone(),
        }
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    /// A server that has fallen back gives what it gave before again, and that is acknowledged again.
    fn is_greeted(&mut self, greeting: v1::Greeting) {
        self.acknowledged = self.acknowledged.min(greeting.known);
        self.apply(Input::Connected(greeting));
    }

    pub(super) fn apply(&mut self, input: Input) -> Outcome {
        let engine = self.engine.as_mut().unwrap();
        let applied = engine.apply(input, self.now, &mut self.rng);
        let outcome = applied.unwrap_or_else(|fault| panic!("a fault: {fault:?}"));
        if let Some(sequence) = outcome.acknowledge {
            assert!(
                sequence.0 >= self.acknowledged,
                "what was acknowledged is taken back"
            );
            self.acknowledged = sequence.0;
        }
        while let Some(request) = self.engine().next_request().expect("no fault") {
            self.under_way.push(request);
            assert!(self.under_way.len() < MOST_REQUESTS, "requests without end");
        }
        outcome
    }

    fn plays(&mut self, step: &Step) {
        match step {
            Step::Push(things, caught_up) => self.pushes(&things.0, *caught_up),
            Step::Honest(count) => self.delivers_next(usize::from(count % 4)),
            Step::Greet {
                acknowledged,
                known,
                now,
                supply,
            } => {
                let greeting = v1::Greeting {
                    acknowledged: acknowledged.instead_of(self.acknowledged),
                    known: known.instead_of(self.sequence),
                    now_ms: now.instead_of(self.now.0),
                    supply: supply.as_ref().map(|stocks| stock(&stocks.0)),
                    expired: acknowledged.instead_of(0),
                    mailbox: bytes::Bytes::new(),
                };
                self.is_greeted(greeting);
            }
            Step::TurnAway(refusal) => {
                self.apply(Input::TurnedAway(refusal.refused(0)));
            }
            Step::Answer(which, reply) => self.answers(usize::from(*which), reply),
            Step::Stray(id, reply) => self.strays(*id, reply),
            Step::Lose(which) => {
                if let Some(request) = self.takes(usize::from(*which)) {
                    self.apply(Input::Lost(request.id));
                }
            }
            Step::Supply(stocks) => {
                self.apply(Input::Supply(stock(&stocks.0)));
            }
            Step::Tick => {
                self.apply(Input::Tick);
            }
            Step::Passes(time) => self.passes(*time),
            Step::Wish(wish) => self.wishes(wish),
            Step::Restart => self.restarts(),
        }
    }

    /// Takes a request out of those under way.
    pub(super) fn takes(&mut self, which: usize) -> Option<Request> {
        let count = self.under_way.len();
        (count > 0).then(|| self.under_way.remove(which % count))
    }

    fn passes(&mut self, time: Time) {
        const HOUR: u64 = 60 * 60 * 1_000;
        let now = self.now.0;
        self.now = Timestamp(match time {
            Time::Seconds(seconds) => now + u64::from(seconds) * 1_000,
            Time::Hours(hours) => now + u64::from(hours) * HOUR,
            Time::Back(minutes) => now.saturating_sub(u64::from(minutes) * HOUR / 60),
        });
        self.latest = self.latest.max(self.now);
    }

    /// Killed and started again: nothing that was shown is gone.
    fn restarts(&mut self) {
        let before = self.timelines();
        self.engine = None;
        self.engine = Some(open(&self.path));
        self.under_way.clear();
        assert_eq!(self.timelines(), before, "a restart changes nothing");
    }

    pub(super) fn timelines(&mut self) -> BTreeMap<ConversationId, Vec<Entry>> {
        let engine = self.engine();
        let all = engine.conversations().expect("no fault");
        let timeline = |id| engine.timeline(id, None, usize::MAX).expect("no fault");
        all.into_iter()
            .map(|one| (one.id, timeline(one.id)))
            .collect()
    }

    /// The next items as an honest server has them.
    fn delivers_next(&mut self, count: usize) {
        let end = (self.cursor + count).min(self.recorded.own.len());
        let items = self.recorded.own[self.cursor..end].to_vec();
        self.cursor = end;
        self.delivers(items);
    }

    fn delivers(&mut self, mut items: Vec<v1::Item>) {
        for item in &mut items {
            item.sequence = self.sequence;
            self.sequence = self.sequence.saturating_add(1);
        }
        let deliveries = v1::Deliveries {
            items,
            caught_up: true,
        };
        self.apply(Input::Delivered(deliveries));
    }

    /// From now on everything is as it should be: the server answers, and delivers what it has.
    fn ends(&mut self) {
        self.passes(Time::Seconds(60));
        let greeting = v1::Greeting {
            acknowledged: self.acknowledged,
            known: self.sequence - 1,
            now_ms: self.now.0,
            supply: None,
            expired: 0,
            mailbox: bytes::Bytes::new(),
        };
        self.is_greeted(greeting);
        self.rests();
        self.delivers(self.recorded.own[self.recorded.begin..].to_vec());
        self.rests();
        self.nothing_is_doubled();
        if self.exhausted || self.latest >= self.recorded.now.after(KEPT) {
            return;
        }
        self.delivers(self.recorded.afterwards.clone());
        self.rests();
        let id = self.recorded.afterwards_id;
        let joined = self.engine().conversation(id).expect("no fault");
        let standing = joined.map(|joined| joined.standing);
        assert_eq!(standing, Some(Standing::Active), "it can still be invited");
        assert_eq!(self.shown(AFTERWARDS), [State::Received], "and reads");
        let send = Command::Send {
            conversation: id,
            text: "thanks".to_owned(),
        };
        let sent = self.apply(Input::Command(send)).answer;
        assert!(matches!(sent, Ok(Answer::Message(_))), "and writes");
        self.rests();
        assert_eq!(self.shown("thanks"), [State::Sent], "and is heard");
        self.restarts();
        self.nothing_is_doubled();
    }

    /// Answers all requests until there are none, and lets time pass to what is due within some minutes.
    fn rests(&mut self) {
        let until = self.now.after(Duration::from_mins(10));
        for _ in 0..ROUNDS {
            if !self.under_way.is_empty() {
                self.answers(0, &super::script::Reply::Right);
                let echoes = std::mem::take(&mut self.echoes);
                if !echoes.is_empty() {
                    self.delivers(echoes);
                }
                continue;
            }
            match self.engine().deadline().filter(|due| *due < until) {
                None => return,
                Some(due) => {
                    self.now = self.now.max(due);
                    self.latest = self.latest.max(self.now);
                    self.apply(Input::Tick);
                }
            }
        }
        panic!("the device does not come to rest");
    }

    /// How a text stands on the timelines.
    fn shown(&mut self, text: &str) -> Vec<State> {
        let is_it = |entry: &Entry| entry.what == Shown::Text(text.to_owned());
        let entries = self.timelines().into_values().flatten();
        entries.filter(is_it).map(|entry| entry.state).collect()
    }

    fn nothing_is_doubled(&mut self) {
        let mut seen = BTreeSet::new();
        for entry in self.timelines().into_values().flatten() {
            if let Shown::Text(text) = entry.what
                && self.said.contains(&text)
            {
                assert!(seen.insert(text.clone()), "{text:?} is shown twice");
            }
        }
    }
}

fn open(path: &std::path::Path) -> Engine {
    Engine::open(Place::File(path), None, Durability::Off).expect("the database opens")
}

fn stock(stocks: &[Stock]) -> v1::Supply {
    let number = |suite: Suite| match suite {
        Suite::Hybrid => keyfold_protocol::suite::Suite::Hybrid.number().into(),
        Suite::Classic => keyfold_protocol::suite::Suite::Classic.number().into(),
        Suite::Other(number) => number,
    };
    v1::Supply {
        suites: stocks
            .iter()
            .map(|stock| v1::SuiteSupply {
                suite: number(stock.suite),
                one_time: stock.one_time,
                last_resort: stock.last_resort,
            })
            .collect(),
    }
}
