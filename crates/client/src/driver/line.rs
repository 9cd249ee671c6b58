//! What is known about one socket: whether it stands, what was asked over it, and when to try again.
//!
//! Bookkeeping only; the driver acts on it.

use std::collections::BTreeMap;
use std::time::Duration;

use keyfold_engine::RequestId;
use rand::Rng;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::limits::{GOOD_CONNECTION, REPLY_PATIENCE};
use crate::socket::Sending;

/// How a socket stands.
pub(super) enum State {
    /// There is none; the next may be opened from then on.
    Down { retry: Instant },
    /// Being opened. What is queued meanwhile goes out once it stands.
    Opening(Sending),
    /// The first frame, with this id, waits for its answer.
    Greeting {
        sending: Sending,
        hello: u64,
        since: Instant,
    },
    /// In use.
    Up { sending: Sending, since: Instant },
}

/// One socket over time.
pub(super) struct Line {
    pub(super) state: State,
    /// Tells the present socket's news from those of the one before.
    pub(super) generation: u64,
    backoff: Backoff,
    /// Unanswered requests by frame id; ids rise, so the first has waited longest.
    in_flight: BTreeMap<u64, (RequestId, Instant)>,
    /// When something was last asked or answered.
    used: Instant,
}

impl Line {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            state: State::Down { retry: now },
            generation: 0,
            backoff: Backoff::default(),
            in_flight: BTreeMap::new(),
            used: now,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// Nothing may be opened yet: the last one failed a moment ago.
    pub(super) fn is_resting(&self) -> bool {
        matches!(self.state, State::Down { retry } if retry > Instant::now())
    }

    /// The generation of a socket that is about to be opened.
    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// The socket is open, and the first frame with this id is on its way.
    pub(super) fn greets(&mut self, hello: u64) {
        self.state = match self.take() {
            State::Opening(sending) => State::Greeting {
                sending,
                hello,
                since: Instant::now(),
            },
            other => other,
        };
    }

    /// The socket is in use from now on.
    pub(super) fn stands(&mut self) {
        let since = Instant::now();
        self.state = match self.take() {
            State::Opening(sending) | State::Greeting { sending, .. } => {
                State::Up { sending, since }
            }
            other => other,
        };
    }

    fn take(&mut self) -> State {
        std::mem::replace(
            &mut self.state,
            State::Down {
                retry: Instant::now(),
            },
        )
    }

    /// Hands a frame to the socket; `false` when there is none.
    pub(super) fn send(&mut self, frame: bytes::Bytes) -> bool {
        match &self.state {
            State::Down { .. } => false,
            State::Opening(sending)
            | State::Greeting { sending, .. }
            | State::Up { sending, .. } => {
                sending.send(frame);
                true
            }
        }
    }

    /// A request went out under this frame id.
    pub(super) fn asked(&mut self, frame: u64, request: RequestId) {
        self.used = Instant::now();
        self.in_flight.insert(frame, (request, self.used));
    }

    /// Which request this frame answers.
    pub(super) fn answered(&mut self, frame: u64) -> Option<RequestId> {
        self.used = Instant::now();
        self.in_flight.remove(&frame).map(|(request, _)| request)
    }

    pub(super) fn unanswered(&self) -> usize {
        self.in_flight.len()
    }

    /// The socket is over: when to try again, and the requests that nobody will answer. What it has brought and nobody has
    /// heard yet is not heard any more: it may come behind something that could not be taken in.
    pub(super) fn ended(&mut self, floor: Duration, rng: &mut impl Rng) -> Vec<RequestId> {
        self.generation += 1;
        if let State::Up { since, .. } = self.state
            && since.elapsed() >= GOOD_CONNECTION
        {
            self.backoff.succeeded();
        }
        let retry = Instant::now() + self.backoff.failed(floor, rng);
        self.state = State::Down { retry };
        std::mem::take(&mut self.in_flight)
            .into_values()
            .map(|(request, _)| request)
            .collect()
    }

    /// Closed on purpose, with nothing in flight: it may be opened again at once.
    pub(super) fn rest(&mut self) {
        self.state = State::Down {
            retry: Instant::now(),
        };
    }

    /// When the oldest unanswered frame has waited too long.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        let oldest = self
            .in_flight
            .first_key_value()
            .map(|(_, (_, since))| *since);
        let greeting = match self.state {
            State::Greeting { since, .. } => Some(since),
            _ => None,
        };
        match self.state {
            State::Down { .. } | State::Opening(_) => None,
            _ => [oldest, greeting]
                .into_iter()
                .flatten()
                .min()
                .map(|since| since + REPLY_PATIENCE),
        }
    }

    /// Since when nothing was asked over it; `None` while something is unanswered or it does not stand.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.is_up() && self.in_flight.is_empty()).then_some(self.used)
    }
}
