//! The driver: one thread that owns the engine and feeds it whatever happens, one step at a time.
//!
//! Calls of the program, frames of the two sockets and the clock go in; events, acknowledgements and requests come out,
//! each only after the step that decided it is durable. The sockets run in tasks elsewhere ([`crate::socket`]).

mod line;
mod network;

use std::time::Duration;

use keyfold_engine::{Answer, Channel, Command, Engine, Event, Fault, Input, Outcome, RequestId};
use keyfold_wire::ids::Timestamp;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::client::{Link, Notice};
use crate::clock;
use crate::error::ClientError;
use crate::limits::{CLOCK_STEP, GOODBYE, LONGEST_SLEEP, TICK_SPACING};
use crate::profile::Profile;
use crate::socket::{News, Route};
use line::{Line, State};

/// What the program asks of the driver.
pub(crate) enum Call {
    /// Carry out a command.
    Command(Command, oneshot::Sender<Result<Answer, ClientError>>),
    /// Read from the engine.
    Read(Box<dyn FnOnce(&Engine) + Send>),
    /// Tell when nothing waits any more.
    Settled(oneshot::Sender<()>),
    /// Close the sockets in an orderly way, and end.
    Goodbye,
}

/// Which socket, and which one in its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    channel: Channel,
    generation: u64,
}

/// The driver's ends of its channels.
pub(crate) struct Ends {
    pub(crate) calls: mpsc::Receiver<Call>,
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) link: watch::Sender<Link>,
}

pub(crate) struct Driver {
    profile: Profile,
    rng: StdRng,
    route: Route,
    sockets: tokio::runtime::Handle,
    ends: Ends,
    news: mpsc::Receiver<(Label, News)>,
    news_in: mpsc::Sender<(Label, News)>,
    mailbox: Line,
    anonymous: Line,
    /// No connection is wanted until a command asks for one: there is no account yet, or the server wants no more.
    parked: bool,
    last_frame: u64,
    ticked: Instant,
    /// The time of the last step.
    told: Timestamp,
    /// Requests whose loss the engine could not note because of a fault.
    owed: Vec<RequestId>,
    /// Who wants to know when nothing waits any more.
    patient: Vec<oneshot::Sender<()>>,
}

impl Driver {
    /// A driver of this profile, whose sockets run on `sockets`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn new(
        profile: Profile,
        route: Route,
        sockets: tokio::runtime::Handle,
        ends: Ends,
    ) -> Result<Self, ClientError> {
        let (news_in, news) = crate::socket::news();
        let rng =
            StdRng::try_from_os_rng().map_err(|error| ClientError::Random(error.to_string()))?;
        Ok(Self {
            profile,
            rng,
            route,
            sockets,
            ends,
            news,
            news_in,
            mailbox: Line::new(),
            anonymous: Line::new(),
            parked: false,
            last_frame: 0,
            ticked: Instant::now(),
            told: clock::now(),
            owed: Vec::new(),
            patient: Vec::new(),
        })
    }

    /// Runs until the program says goodbye, or lets go of its end of the calls: then it ends after the step at hand.
    pub(crate) async fn run(mut self) {
        loop {
            self.tend();
            let wake = self.wakes_at();
            tokio::select! {
                call = self.ends.calls.recv() => match call {
                    Some(Call::Command(command, reply)) => self.carry_out(command, reply),
                    Some(Call::Read(read)) => read(&self.profile.engine),
                    Some(Call::Settled(reply)) => self.patient.push(reply),
                    Some(Call::Goodbye) => return self.say_goodbye().await,
                    None => return,
                },
                Some(news) = self.news.recv() => self.hear(news),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn carry_out(&mut self, command: Command, reply: oneshot::Sender<Result<Answer, ClientError>>) {
        self.parked = false;
        let answer = match self.step(Input::Command(command)) {
            Ok(outcome) => outcome.answer.map_err(ClientError::Complaint),
            Err(fault) => Err(ClientError::Fault(fault)),
        };
        let _ = reply.send(answer);
    }

    /// One step of the engine, and everything that may happen only after it is durable.
    fn step(&mut self, input: Input) -> Result<Outcome, Fault> {
        self.told = clock::now();
        let mut outcome = self.profile.engine.apply(input, self.told, &mut self.rng)?;
        if let Some(sequence) = outcome.acknowledge {
            self.acknowledge(sequence);
        }
        if let Some(number) = outcome.acknowledge_signals {
            self.acknowledge_signals(number);
        }
        for event in std::mem::take(&mut outcome.events) {
            self.tell(event);
        }
        Ok(outcome)
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::CaughtUp => self.show(Link::Online { caught_up: true }),
            Event::DeviceRemoved => self.parked = true,
            _ => {}
        }
        let _ = self.ends.notices.send(Notice::Event(event));
    }

    fn show(&self, link: Link) {
        let changed = self.ends.link.send_if_modified(|shown| {
            let changed = *shown != link;
            shown.clone_from(&link);
            changed
        });
        if changed {
            let _ = self.ends.notices.send(Notice::Link(link));
        }
    }

    /// A step that the network asked for. Where it fails, both sockets are given up: what was delivered comes again, and
    /// what was asked is asked again.
    fn feed(&mut self, input: Input) {
        if let Err(fault) = self.step(input) {
            self.give_up(&fault);
        }
    }

    fn give_up(&mut self, fault: &Fault) {
        tracing::error!(%fault, "a step failed");
        for channel in [Channel::Mailbox, Channel::Anonymous] {
            let (line, rng) = self.line(channel);
            let lost = line.ended(Duration::ZERO, rng);
            self.owed.extend(lost);
        }
        self.show(Link::Broken { why: fault.clone() });
    }

    /// Everything that is due: ticks, lost requests, new sockets, new requests.
    fn tend(&mut self) {
        self.run_out_of_patience();
        self.tick();
        self.connect();
        self.ask();
        self.close_idle();
        self.tell_the_patient();
    }

    /// Online, everything fetched, every request answered, no intent left: then nothing waits any more.
    fn tell_the_patient(&mut self) {
        let quiet = self.mailbox.unanswered() + self.anonymous.unanswered() == 0
            && *self.ends.link.borrow() == Link::Online { caught_up: true };
        if quiet && !self.patient.is_empty() && self.profile.engine.waiting() == Ok(0) {
            for reply in self.patient.drain(..) {
                let _ = reply.send(());
            }
        }
    }

    fn tick(&mut self) {
        let now = clock::now();
        let deadline = self.profile.engine.deadline();
        // A clock that has moved back makes what is scheduled seem far away: the engine looks at it again.
        let moved_back = now.after(CLOCK_STEP) < self.told;
        if (moved_back || deadline.is_some_and(|deadline| deadline <= now))
            && self.ticked.elapsed() >= TICK_SPACING
        {
            (self.ticked, self.told) = (Instant::now(), now);
            self.feed(Input::Tick);
        }
    }

    /// When `tend` has something to do, if nothing else happens.
    fn wakes_at(&self) -> Instant {
        let tick = self
            .profile
            .engine
            .deadline()
            .map(|deadline| clock::instant_of(deadline).max(self.ticked + TICK_SPACING));
        let retry = |line: &Line| match line.state {
            State::Down { retry } if !self.parked => Some(retry),
            _ => None,
        };
        let resting = |line: &Line| retry(line).filter(|_| line.is_resting());
        [
            tick,
            retry(&self.mailbox),
            resting(&self.anonymous),
            self.mailbox.patience_ends(),
            self.anonymous.patience_ends(),
            self.idle_ends(),
            Some(Instant::now() + LONGEST_SLEEP),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or_else(Instant::now)
    }

    fn line(&mut self, channel: Channel) -> (&mut Line, &mut StdRng) {
        match channel {
            Channel::Mailbox => (&mut self.mailbox, &mut self.rng),
            Channel::Anonymous => (&mut self.anonymous, &mut self.rng),
        }
    }

    /// Lets the sockets write what they were given, then ends.
    async fn say_goodbye(mut self) {
        let mut open = Vec::new();
        for channel in [Channel::Mailbox, Channel::Anonymous] {
            let (line, _) = self.line(channel);
            if !matches!(line.state, State::Down { .. }) {
                let generation = line.generation;
                line.rest();
                open.push(Label {
                    channel,
                    generation,
                });
            }
        }
        let ended = async {
            while !open.is_empty() {
                match self.news.recv().await {
                    Some((label, News::Ended(_))) => open.retain(|each| *each != label),
                    Some(_) => {}
                    None => break,
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE, ended).await;
    }
}
