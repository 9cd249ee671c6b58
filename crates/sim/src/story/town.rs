//! The people of the story, the server, and everything between them, which is instant and loses nothing of itself.

use std::time::Duration;

use keyfold_engine::view::What;
use keyfold_engine::{Answer, Channel, Command, Engine, Input, Request};
use keyfold_protocol::suite::Suite;
use keyfold_server::Refusal;
use keyfold_server::clock::{Clock as _, ManualClock};
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

use super::ending::{judge, screen};
use super::shell::{Shell, Step};
use super::{Case, Whose};
use crate::disk::{Disk, Image, Loss, Trouble};
use crate::server::Server;

/// A day in 2026.
const START: u64 = 1_790_000_000_000;
/// Turns of everybody beyond which the town goes round in circles.
const MAX_TURNS: usize = 2_000;
/// How long a pause in the story is: longer than a retry.
const PAUSE: Duration = Duration::from_mins(3);
/// Answers that fail before somebody makes room on the server's disk.
const PATIENCE: u32 = 2;

const ADA: usize = 0;
const BO: usize = 1;
const CY: usize = 2;
const LINKED: usize = 3;

/// The story. Each chapter begins with everybody's start.
pub(super) const CHAPTERS: [fn(&mut Town); 9] = [
    Town::register,
    Town::begin,
    Town::talk,
    Town::add,
    Town::race,
    Town::links,
    Town::talk_on_both,
    Town::leave,
    Town::renew,
];

/// What is kept between two chapters.
#[derive(Clone)]
pub(super) struct Saved {
    now: Timestamp,
    server: Image,
    people: Vec<Image>,
    accepted: Vec<(Body, Content)>,
}

impl Default for Saved {
    fn default() -> Self {
        Self {
            now: Timestamp(START),
            server: Image::default(),
            people: vec![Image::default(); 4],
            accepted: Vec::new(),
        }
    }
}

pub(super) struct Town {
    clock: ManualClock,
    server: Server,
    people: Vec<Shell>,
    case: Option<Case>,
    again: Option<u64>,
    unavailable: u32,
    /// Requests that were accepted, with the answers.
    accepted: Vec<(Body, Content)>,
    wrong: Vec<String>,
}

impl Town {
    pub(super) fn new(case: Option<Case>, saved: &Saved) -> Self {
        let clock = ManualClock::at(saved.now);
        let server_disk = disk(Whose::Server, case, &saved.server);
        let loss = case.map_or(Loss::Nothing, |case| case.loss);
        let again = case.and_then(|case| case.again);
        let mut town = Self {
            server: Server::new(clock.clone()),
            clock,
            people: Vec::new(),
            case,
            again,
            unavailable: 0,
            accepted: saved.accepted.clone(),
            wrong: Vec::new(),
        };
        town.opens_server(&server_disk);
        let own = [Whose::Device, Whose::Server, Whose::Server, Whose::Linked];
        for (number, name) in ["ada", "bo", "cy", "linked"].into_iter().enumerate() {
            let case = case.filter(|_| own[number] != Whose::Server);
            let disk = disk(own[number], case, &saved.people[number]);
            let seed = saved.now.0 + number as u64;
            let shell = Shell::new(name, seed, disk, loss, again);
            town.people.push(shell);
        }
        town
    }

    /// The server's first start, again and again if it has to.
    fn opens_server(&mut self, disk: &Disk) {
        for _ in 0..8 {
            match Server::on(disk.share(), self.clock.clone()) {
                Ok(server) if !disk.has_crashed() => {
                    self.server = server;
                    return;
                }
                _ => self.revives(disk),
            }
        }
        panic!("the server never starts");
    }

    /// The server's disk after a refusal or a crash.
    fn revives(&mut self, disk: &Disk) {
        if disk.has_crashed() {
            disk.restarts(self.case.map_or(Loss::Nothing, |case| case.loss));
            if let Some(again) = self.again.take() {
                disk.plan(disk.operations() + again, Trouble::Crash);
            }
        } else {
            disk.is_relieved();
        }
    }

    pub(super) fn disk(&self, whose: Whose) -> &Disk {
        match whose {
            Whose::Device => &self.people[ADA].disk,
            Whose::Linked => &self.people[LINKED].disk,
            Whose::Server => self.server.disk().expect("it has a disk"),
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let faults = self.people.iter().flat_map(|one| &one.faults);
        faults.map(ToString::to_string).collect()
    }

    pub(super) fn judges(&mut self) -> Vec<String> {
        let screens: Vec<_> = self
            .people
            .iter()
            .map(|one| (one.name, screen(one.shows())))
            .collect();
        let mut wrong = std::mem::take(&mut self.wrong);
        wrong.extend(judge(&screens));
        for one in &mut self.people {
            wrong.append(&mut one.wrong);
        }
        wrong
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A command, given again if the process dies or the disk refuses before `done`.
    fn does(
        &mut self,
        who: usize,
        command: impl Fn(&Engine) -> Command,
        done: impl Fn(&Engine) -> bool,
    ) -> Option<Answer> {
        for _ in 0..8 {
            let now = self.now();
            let command = command(self.people[who].shows());
            let step = self.people[who].apply(Input::Command(command), now);
            match step {
                Step::Done(outcome) => match outcome.answer {
                    Ok(answer) => return Some(answer),
                    Err(complaint) => {
                        let name = self.people[who].name;
                        self.wrong.push(format!("{name} is told: {complaint}"));
                        return None;
                    }
                },
                Step::Died if done(self.people[who].shows()) => return None,
                Step::Failed if done(self.people[who].shows()) => {
                    self.wrong
                        .push("a step that failed has happened".to_owned());
                    return None;
                }
                Step::Died | Step::Failed => {}
            }
        }
        self.wrong.push("a command never succeeds".to_owned());
        None
    }

    fn registers(&mut self, who: usize) {
        // Whoever writes is let in.
        let open = |_: &Engine| Command::AskFirst { wanted: false };
        self.does(who, open, |engine| !engine.asks_first().unwrap_or(true));
        let handle = self.people[who].name.to_owned();
        let register = |_: &Engine| Command::Register {
            handle: handle.clone(),
            invitation: String::new(),
            suites: vec![Suite::Classic],
        };
        self.does(who, register, |engine| engine.me().unwrap().is_some());
    }

    fn says(&mut self, who: usize, text: &str) {
        let send = |engine: &Engine| Command::Send {
            conversation: the_group(engine),
            text: text.to_owned(),
        };
        self.does(who, send, |engine| shows(engine, text));
    }

    /// A change that may be asked for twice without harm.
    fn changes(&mut self, who: usize, command: impl Fn(ConversationId) -> Command) {
        let command = |engine: &Engine| command(the_group(engine));
        self.does(who, command, |engine| engine.waiting().unwrap() > 0);
    }

    /// One chapter, at the end of which everything has come to rest.
    pub(super) fn tells(&mut self, chapter: usize) {
        CHAPTERS[chapter](self);
        self.settles();
    }

    /// Everything that is kept, once all has come to rest.
    pub(super) fn saves(&self) -> Saved {
        Saved {
            now: self.now(),
            server: self.server.disk().expect("it has a disk").snapshot(),
            people: self.people.iter().map(|one| one.disk.snapshot()).collect(),
            accepted: self.accepted.clone(),
        }
    }

    fn register(&mut self) {
        for who in [ADA, BO, CY] {
            self.registers(who);
        }
    }

    fn begin(&mut self) {
        let create = |_: &Engine| Command::Create {
            people: vec!["bo".to_owned()],
            name: Some("climbing".to_owned()),
            suite: None,
        };
        let begun = |engine: &Engine| !engine.conversations().unwrap().is_empty();
        self.does(ADA, create, begun);
        self.says(ADA, "one");
    }

    fn talk(&mut self) {
        self.says(BO, "two");
        self.says(ADA, "three");
    }

    fn add(&mut self) {
        self.changes(ADA, |conversation| Command::Add {
            conversation,
            people: vec!["cy".to_owned()],
        });
    }

    fn race(&mut self) {
        self.changes(BO, |conversation| Command::Update { conversation });
        self.says(CY, "four");
        self.changes(ADA, |conversation| Command::Rename {
            conversation,
            name: "summits".to_owned(),
        });
        self.says(ADA, "five");
    }

    fn talk_on_both(&mut self) {
        self.says(BO, "six");
        self.says(ADA, "seven");
        self.says(LINKED, "eight");
    }

    fn leave(&mut self) {
        self.changes(CY, |conversation| Command::Leave { conversation });
    }

    fn renew(&mut self) {
        self.changes(ADA, |conversation| Command::Update { conversation });
        self.says(LINKED, "nine");
    }

    fn links(&mut self) {
        for _ in 0..8 {
            let request = |_: &Engine| Command::RequestLink {
                suites: vec![Suite::Classic],
            };
            let asked = self.does(LINKED, request, |_| false);
            let Some(Answer::LinkRequest(link_request)) = asked else {
                return self.wrong.push("no link request".to_owned());
            };
            let add = |_: &Engine| Command::AddDevice {
                link_request: link_request.clone(),
            };
            let added = self.does(ADA, add, |_| false);
            let Some(Answer::Certificate(certificate)) = added else {
                return self.wrong.push("no certificate".to_owned());
            };
            let accept = |_: &Engine| Command::AcceptLink {
                certificate: certificate.clone(),
            };
            self.does(LINKED, accept, |engine| engine.me().unwrap().is_some());
            if self.people[LINKED].shows().me().unwrap().is_some() {
                return;
            }
        }
    }

    /// Lets everybody do whatever they have to do, and some time pass.
    fn settles(&mut self) {
        let end = self.now().after(PAUSE);
        for _ in 0..MAX_TURNS {
            let mut busy = false;
            for who in 0..self.people.len() {
                busy |= self.turn(who);
            }
            if busy {
                continue;
            }
            let deadlines = self.people.iter().filter_map(|one| one.shows().deadline());
            let next = deadlines.min().unwrap_or(end).min(end);
            if next >= end {
                self.clock.advance(end.since(self.now()));
                self.server.sweeps();
                self.server_lives();
                return;
            }
            // Whatever is due now was just done: the next millisecond it may be tried again.
            let wait = next.since(self.now()).max(Duration::from_millis(1));
            self.clock.advance(wait);
        }
        self.wrong.push("the town never comes to rest".to_owned());
    }

    /// One device's turn. `false`: it had nothing to do.
    fn turn(&mut self, who: usize) -> bool {
        let now = self.now();
        let due = self.people[who].shows().deadline();
        let mut busy = false;
        if !self.people[who].settles_debts(now) {
            return true;
        }
        if due.is_some_and(|due| due <= now) {
            self.people[who].apply(Input::Tick, now);
        }
        if self.people[who].line.is_none() {
            busy |= self.connects(who);
        }
        busy |= self.hears(who);
        busy | self.asks(who)
    }

    fn connects(&mut self, who: usize) -> bool {
        let Some(hello) = self.people[who].engine().hello().unwrap() else {
            return false;
        };
        let greeted = self.server.greets(hello);
        if !self.server_lives() {
            return true;
        }
        let now = self.now();
        match greeted {
            Ok((session, greeting)) => {
                self.people[who].line = Some(session);
                self.people[who].apply(Input::Connected(greeting), now);
            }
            Err(refusal) => {
                // A device that is linked connects before the directory has it.
                let later = matches!(refusal, Refusal::Unavailable | Refusal::Unauthenticated);
                self.refused(&refusal);
                if !later {
                    self.people[who].apply(Input::TurnedAway(refusal.into()), now);
                }
                return false;
            }
        }
        true
    }

    fn hears(&mut self, who: usize) -> bool {
        let mut busy = false;
        while let Some(mut session) = self.people[who].line.take() {
            let (pushed, over) = self.server.pushes(&mut session);
            if !over {
                self.people[who].line = Some(session);
            }
            busy |= over || !pushed.is_empty();
            if pushed.is_empty() {
                return busy;
            }
            for content in pushed {
                if self.people[who].line.is_none() && !over {
                    break;
                }
                self.takes_in(who, content);
            }
            if !self.server_lives() {
                return true;
            }
        }
        busy
    }

    fn takes_in(&mut self, who: usize, content: Content) {
        let now = self.now();
        let input = match content {
            Content::Deliveries(deliveries) => Input::Delivered(deliveries),
            Content::Supply(supply) => Input::Supply(supply),
            Content::Signals(signals) => Input::Signals(signals),
            _ => panic!("not a push"),
        };
        if let Step::Done(outcome) = self.people[who].apply(input, now)
            && let Some(session) = &self.people[who].line
        {
            if let Some(sequence) = outcome.acknowledge {
                self.server.acknowledged(session, sequence.0);
            }
            if let Some(number) = outcome.acknowledge_signals {
                self.server.acknowledged_signals(session, number);
            }
        }
    }

    fn asks(&mut self, who: usize) -> bool {
        let mut busy = false;
        while self.people[who].line.is_some() {
            let Some(request) = self.people[who].engine().next_request().unwrap() else {
                return busy;
            };
            busy = true;
            let Request { id, channel, body } = request;
            let session = self.people[who].line.as_ref();
            let answer = self.server.answers(channel, session, body.clone());
            if !self.server_lives() {
                self.people[who].owed.push(id);
                return true;
            }
            let now = self.now();
            let content = match answer {
                Ok(content) => content,
                Err(refusal) => {
                    self.refused(&refusal);
                    Content::Refused(v1::Refused::from(refusal))
                }
            };
            if channel == Channel::Anonymous && matches!(content, Content::Accepted(_)) {
                self.accepted.push((body, content.clone()));
            }
            if let Step::Failed = self.people[who].apply(Input::Reply(id, content), now) {
                self.people[who].owed.push(id);
            }
        }
        busy
    }

    /// The server said no.
    fn refused(&mut self, refusal: &Refusal) {
        if *refusal == Refusal::Unavailable {
            self.unavailable += 1;
            if let (Some(disk), true) = (self.server.disk(), self.unavailable >= PATIENCE) {
                disk.is_relieved();
            }
        }
    }

    /// `false`: the server's machine has stopped; it has started again since, and every connection is gone.
    fn server_lives(&mut self) -> bool {
        let Some(disk) = self.server.disk().map(Disk::share) else {
            return true;
        };
        if !disk.has_crashed() {
            return true;
        }
        for one in &mut self.people {
            one.line = None;
        }
        for _ in 0..8 {
            self.revives(&disk);
            if self.server.restarts().is_ok() && !disk.has_crashed() {
                self.asks_again();
                if !disk.has_crashed() {
                    return false;
                }
            }
        }
        panic!("the server never starts again");
    }

    /// Whatever was accepted is accepted again, as of the same time. Who is not reached is said once.
    fn asks_again(&mut self) {
        let disk = self.server.disk().map(Disk::share);
        for (body, before) in self.accepted.iter().rev().take(6) {
            let answer = self.server.answers(Channel::Anonymous, None, body.clone());
            let crashed = disk.as_ref().is_some_and(Disk::has_crashed);
            let same = match (&answer, before) {
                (Ok(Content::Accepted(now)), Content::Accepted(before)) => {
                    now.received_ms == before.received_ms
                }
                (answer, before) => answer.as_ref().ok() == Some(before),
            };
            if !crashed && !same {
                let now = answer.map(|_| "answered differently");
                self.wrong
                    .push(format!("accepted before the crash, and now {now:?}"));
            }
        }
    }
}

fn disk(own: Whose, case: Option<Case>, saved: &Image) -> Disk {
    let disk = Disk::new(case.map_or(0, |case| case.operation));
    disk.restores(saved);
    if let Some(case) = case.filter(|case| case.whose == own) {
        disk.plan(case.operation, case.trouble);
    }
    disk
}

fn the_group(engine: &Engine) -> ConversationId {
    engine.conversations().unwrap().first().expect("a group").id
}

/// Whether the text is on the screen, sent or not.
fn shows(engine: &Engine, text: &str) -> bool {
    let timeline = engine.timeline(the_group(engine), None, usize::MAX);
    let mut entries = timeline.unwrap().into_iter();
    entries.any(|entry| entry.what == What::Text(text.to_owned()))
}
