//! The driver's side of the network: sockets opened when wanted, requests framed, answers brought back.

use std::collections::VecDeque;
use std::time::Duration;

use keyfold_engine::{Channel, Input, RequestId};
use keyfold_wire::ids::Sequence;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{close, frame, limits as wire_limits, v1};
use tokio::time::Instant;

use super::line::State;
use super::{Driver, Label};
use crate::client::Link;
use crate::limits::{ANONYMOUS_IDLE, BATCH_ITEMS, WAITING_FRAMES};
use crate::socket::{self, News, SocketEnd};

impl Driver {
    /// Takes a socket's news, and all that waits behind it: deliveries in a row become one step.
    pub(super) fn hear(&mut self, first: (Label, News)) {
        let mut waiting = VecDeque::from([first]);
        while waiting.len() < WAITING_FRAMES
            && let Ok(next) = self.news.try_recv()
        {
            waiting.push_back(next);
        }
        while let Some((label, news)) = waiting.pop_front() {
            if self.line(label.channel).0.generation != label.generation {
                continue;
            }
            match news {
                News::Opened => self.opened(label.channel),
                News::Ended(end) => self.ended(label.channel, &end, Duration::ZERO),
                News::Frame(frame) => self.frame(label, frame, &mut waiting),
            }
        }
    }

    fn frame(
        &mut self,
        label: Label,
        frame: v1::ServerFrame,
        waiting: &mut VecDeque<(Label, News)>,
    ) {
        // A newer server's content: it was asked for by nobody here.
        let Some(content) = frame.content else { return };
        match (label.channel, content) {
            (Channel::Mailbox, content) if self.is_greeting(frame.id) => self.greeted(content),
            (Channel::Mailbox, Content::Deliveries(mut deliveries)) if frame.id == 0 => {
                gather(&mut deliveries, label, waiting);
                self.feed(Input::Delivered(deliveries));
            }
            (Channel::Mailbox, Content::Supply(supply)) if frame.id == 0 => {
                self.feed(Input::Supply(supply));
            }
            (Channel::Mailbox, Content::Signals(signals)) if frame.id == 0 => {
                self.feed(Input::Signals(signals));
            }
            (channel, content) => {
                if let Some(request) = self.line(channel).0.answered(frame.id) {
                    self.answered(request, content);
                }
            }
        }
    }

    fn answered(&mut self, request: RequestId, content: Content) {
        if let Err(fault) = self.step(Input::Reply(request, content)) {
            self.owed.push(request);
            self.give_up(&fault);
        }
    }

    fn is_greeting(&self, id: u64) -> bool {
        matches!(self.mailbox.state, State::Greeting { hello, .. } if hello == id)
    }

    fn greeted(&mut self, content: Content) {
        match content {
            Content::Greeting(greeting) => {
                self.mailbox.stands();
                self.show(Link::Online { caught_up: false });
                self.feed(Input::Connected(greeting));
            }
            Content::Refused(refused) => {
                let wait = Duration::from_millis(refused.retry_after_ms.into());
                let end = match refused.code() {
                    v1::RefusalCode::Unauthenticated => SocketEnd::Closed(close::UNAUTHENTICATED),
                    v1::RefusalCode::Unavailable | v1::RefusalCode::Busy => SocketEnd::Overburdened,
                    _ => SocketEnd::Closed(close::REFUSED),
                };
                self.feed(Input::TurnedAway(refused));
                self.ended(Channel::Mailbox, &end, wait);
            }
            _ => {
                let end = SocketEnd::NotKeyfold(
                    "it answered the greeting with something else".to_owned(),
                );
                self.ended(Channel::Mailbox, &end, Duration::ZERO);
            }
        }
    }

    fn opened(&mut self, channel: Channel) {
        if channel == Channel::Anonymous {
            return self.anonymous.stands();
        }
        match self.profile.engine.hello() {
            Ok(Some(first)) => {
                let hello = self.next_frame();
                self.mailbox.send(frame::encode_client(hello, first));
                self.mailbox.greets(hello);
            }
            Ok(None) => {
                self.mailbox.rest();
                self.parked = true;
            }
            Err(fault) => self.give_up(&fault),
        }
    }

    /// A socket is over; `floor` is what the server asked to wait.
    fn ended(&mut self, channel: Channel, end: &SocketEnd, floor: Duration) {
        tracing::debug!(?channel, %end, "socket ended");
        let (line, rng) = self.line(channel);
        let lost = line.ended(floor, rng);
        for request in lost {
            if let Err(fault) = self.step(Input::Lost(request)) {
                self.owed.push(request);
                self.give_up(&fault);
            }
        }
        if channel == Channel::Mailbox {
            // After a refused token the engine says whether there is another one to show.
            self.parked |= matches!(end, SocketEnd::Closed(close::REPLACED));
            let why = match end {
                SocketEnd::Closed(close::UNAUTHENTICATED) if !self.parked => {
                    SocketEnd::Closed(close::GOING_AWAY)
                }
                end => end.clone(),
            };
            self.show(Link::Offline { why });
        }
    }

    pub(super) fn run_out_of_patience(&mut self) {
        for channel in [Channel::Mailbox, Channel::Anonymous] {
            let ends = self.line(channel).0.patience_ends();
            if ends.is_some_and(|ends| ends <= Instant::now()) {
                self.ended(channel, &SocketEnd::Silent, Duration::ZERO);
            }
        }
    }

    /// Opens the mailbox socket when it is due and there is somebody to be.
    pub(super) fn connect(&mut self) {
        let due = matches!(self.mailbox.state, State::Down { retry } if retry <= Instant::now());
        if self.parked || !due || !self.settle_debts() {
            return;
        }
        match self.profile.engine.hello() {
            Ok(Some(_)) => {
                if !matches!(*self.ends.link.borrow(), Link::Offline { .. }) {
                    self.show(Link::Connecting);
                }
                self.open(Channel::Mailbox, frame::MAILBOX_PATH);
            }
            Ok(None) => self.parked = true,
            Err(fault) => self.give_up(&fault),
        }
    }

    /// Notes the losses that a fault has kept from being noted. `false`: it still does.
    fn settle_debts(&mut self) -> bool {
        while let Some(request) = self.owed.pop() {
            if let Err(fault) = self.step(Input::Lost(request)) {
                self.owed.push(request);
                self.give_up(&fault);
                return false;
            }
        }
        true
    }

    fn open(&mut self, channel: Channel, path: &'static str) {
        let (line, _) = self.line(channel);
        let label = Label {
            channel,
            generation: line.next_generation(),
        };
        let sending = socket::open(
            &self.sockets,
            self.route.clone(),
            path,
            label,
            self.news_in.clone(),
        );
        self.line(channel).0.state = State::Opening(sending);
    }

    /// Draws requests from the engine while the device is online, up to what a server reads ahead.
    pub(super) fn ask(&mut self) {
        let room = |unanswered: usize| unanswered < wire_limits::MAX_PIPELINED;
        while self.mailbox.is_up()
            && !self.anonymous.is_resting()
            && room(self.mailbox.unanswered())
            && room(self.anonymous.unanswered())
        {
            match self.profile.engine.next_request() {
                Ok(Some(request)) => self.send(request.channel, request.id, request.body),
                Ok(None) => return,
                Err(fault) => return self.give_up(&fault),
            }
        }
    }

    fn send(&mut self, channel: Channel, request: RequestId, body: Body) {
        if channel == Channel::Anonymous && matches!(self.anonymous.state, State::Down { .. }) {
            self.open(channel, frame::ANONYMOUS_PATH);
        }
        let id = self.next_frame();
        let (line, _) = self.line(channel);
        line.asked(id, request);
        line.send(frame::encode_client(id, body));
    }

    pub(super) fn acknowledge(&mut self, sequence: Sequence) {
        if self.mailbox.is_up() {
            let id = self.next_frame();
            let body = Body::Acknowledge(v1::Acknowledge {
                sequence: sequence.0,
            });
            self.mailbox.send(frame::encode_client(id, body));
        }
    }

    pub(super) fn acknowledge_signals(&mut self, number: u64) {
        if self.mailbox.is_up() {
            let id = self.next_frame();
            let body = Body::AcknowledgeSignals(v1::AcknowledgeSignals { number });
            self.mailbox.send(frame::encode_client(id, body));
        }
    }

    pub(super) fn idle_ends(&self) -> Option<Instant> {
        self.anonymous
            .idle_since()
            .map(|since| since + ANONYMOUS_IDLE)
    }

    pub(super) fn close_idle(&mut self) {
        if self.idle_ends().is_some_and(|ends| ends <= Instant::now()) {
            self.anonymous.next_generation();
            self.anonymous.rest();
        }
    }

    fn next_frame(&mut self) -> u64 {
        self.last_frame += 1;
        self.last_frame
    }
}

/// Takes the deliveries that wait right behind these into the same batch.
fn gather(deliveries: &mut v1::Deliveries, label: Label, waiting: &mut VecDeque<(Label, News)>) {
    while deliveries.items.len() < BATCH_ITEMS {
        match waiting.pop_front() {
            Some((
                from,
                News::Frame(v1::ServerFrame {
                    id: 0,
                    content: Some(Content::Deliveries(more)),
                }),
            )) if from == label => {
                deliveries.items.extend(more.items);
                deliveries.caught_up = more.caught_up;
            }
            Some(other) => return waiting.push_front(other),
            None => return,
        }
    }
}
