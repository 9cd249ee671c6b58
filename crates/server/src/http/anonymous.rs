//! The anonymous socket: requests of nobody, pipelined, answered by id as each is done.
//!
//! Requests are handed to the core in the order of their arrival: each is started before the next is read, so the
//! Sends of a conversation that come on one socket keep their order.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use keyfold_wire::close;
use keyfold_wire::limits::{MAX_FRAME, MAX_PIPELINED};
use keyfold_wire::v1::{self, client_frame::Request, server_frame::Content};

use super::App;
use super::beat::Beat;
use super::mailbox::{GOING_AWAY, decode, finish};
use super::socket::{Ending, Socket};
use crate::core::Lane;
use crate::metrics::Kind;
use crate::network::{COMMIT_COST, Class, Network};
use crate::refusal::Refusal;
use crate::request::AnonymousRequest;

/// Bytes of unanswered requests; beyond it nothing is read. One of the largest passes.
const MAX_PIPELINED_BYTES: usize = MAX_FRAME;

/// What a request came to.
struct Answer {
    id: u64,
    kind: Kind,
    size: usize,
    started: Instant,
    outcome: Result<Content, Refusal>,
}

type Pending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Serves one anonymous socket until it ends.
pub(super) async fn serve(app: Arc<App>, mut socket: Socket, network: Network) {
    let session = Session {
        app: &app,
        socket: &mut socket,
        network,
        lane: Arc::default(),
        pending: FuturesUnordered::new(),
        pending_bytes: 0,
        asked: Instant::now(),
    };
    let ending = session.run().await;
    finish(&app, socket, ending).await;
}

struct Session<'a> {
    app: &'a Arc<App>,
    socket: &'a mut Socket,
    network: Network,
    lane: Arc<Lane>,
    pending: FuturesUnordered<Pending>,
    pending_bytes: usize,
    asked: Instant,
}

/// What happens next.
enum Turn {
    Stop,
    Look,
    Frame(Result<Bytes, Ending>),
    Answer(Answer),
}

impl Session<'_> {
    async fn run(mut self) -> Ending {
        let mut beat = Beat::every(self.app.patience.keepalive.min(self.app.patience.idle));
        let mut stop = pin!(self.app.stop.wait());
        loop {
            let turn = tokio::select! {
                biased;
                () = &mut stop => Turn::Stop,
                () = beat.wait() => Turn::Look,
                Some(answer) = self.pending.next(), if !self.pending.is_empty() => Turn::Answer(answer),
                frame = self.socket.next(), if self.has_room() => Turn::Frame(frame),
            };
            let result = match turn {
                Turn::Stop => Err(GOING_AWAY),
                Turn::Look => self.look(&mut beat).await,
                Turn::Frame(frame) => self.take(frame).await,
                Turn::Answer(answer) => self.tell(answer).await,
            };
            if let Err(ending) = result {
                return self.drain(ending).await;
            }
        }
    }

    fn has_room(&self) -> bool {
        self.pending.len() < MAX_PIPELINED && self.pending_bytes < MAX_PIPELINED_BYTES
    }

    async fn look(&mut self, beat: &mut Beat) -> Result<(), Ending> {
        if self.pending.is_empty() && self.asked.elapsed() >= self.app.patience.idle {
            return Err(Ending::Close(close::IDLE, "nothing was asked for a while"));
        }
        beat.look_after(self.socket).await
    }

    /// Starts a request and those that have come behind it. What was answered at once is told also when a later one
    /// ends the socket.
    async fn take(&mut self, first: Result<Bytes, Ending>) -> Result<(), Ending> {
        self.asked = Instant::now();
        let mut done = Vec::new();
        let mut next = Some(first);
        let mut ended = Ok(());
        while let Some(bytes) = next {
            match self.read(bytes).await {
                Ok((frame, size)) => done.extend(self.start(frame, size)),
                Err(ending) => {
                    ended = Err(ending);
                    break;
                }
            }
            let has_room = self.has_room() && done.len() < MAX_PIPELINED;
            next = if has_room {
                self.socket.next_now()
            } else {
                None
            };
        }
        for answer in done {
            self.feed(answer).await?;
        }
        ended?;
        self.tell_more().await
    }

    async fn read(
        &mut self,
        bytes: Result<Bytes, Ending>,
    ) -> Result<(v1::ClientFrame, usize), Ending> {
        let bytes = bytes?;
        let size = bytes.len();
        Ok((decode(self.socket, bytes).await?, size))
    }

    /// Hands a request to the core at once. An answer, if that is all it took.
    fn start(&mut self, frame: v1::ClientFrame, size: usize) -> Option<Answer> {
        let (id, kind, started) = (frame.id, Kind::of(frame.request.as_ref()), self.asked);
        let read = frame_of(frame).and_then(|request| {
            let (class, cost) = price(&request);
            let request = AnonymousRequest::parse(request)?;
            Ok((request, self.app.admit(class, self.network, cost)))
        });
        let (request, admitted) = match read {
            Ok(read) => read,
            Err(refusal) => {
                return Some(Answer {
                    id,
                    kind,
                    size: 0,
                    started,
                    outcome: Err(refusal),
                });
            }
        };
        let (app, lane) = (Arc::clone(self.app), Arc::clone(&self.lane));
        let mut answer: Pending = Box::pin(async move {
            let core = &app.core;
            let outcome = match admitted {
                Ok(()) => core.anonymous_in(&lane, request).await,
                Err(refusal) => Err(core.refused_in(&lane, &request, refusal).await),
            };
            Answer {
                id,
                kind,
                size,
                started,
                outcome,
            }
        });
        self.pending_bytes = self.pending_bytes.saturating_add(size);
        let at_once = answer.as_mut().now_or_never();
        if at_once.is_none() {
            self.pending.push(answer);
        }
        at_once
    }

    async fn tell(&mut self, answer: Answer) -> Result<(), Ending> {
        self.feed(answer).await?;
        self.tell_more().await
    }

    /// Tells all answers that are at hand, then writes them out together.
    async fn tell_more(&mut self) -> Result<(), Ending> {
        while let Some(Some(answer)) = self.pending.next().now_or_never() {
            self.feed(answer).await?;
        }
        self.socket.flush().await
    }

    async fn feed(&mut self, answer: Answer) -> Result<(), Ending> {
        self.pending_bytes = self.pending_bytes.saturating_sub(answer.size);
        match answer.outcome {
            Ok(content) => {
                self.app
                    .metrics
                    .requests
                    .done(answer.kind, answer.started.elapsed());
                self.socket.feed(answer.id, content).await
            }
            Err(refusal) => {
                self.app
                    .metrics
                    .requests
                    .refused(answer.kind, refusal.code());
                self.socket.refuse(answer.id, refusal).await
            }
        }
    }

    /// What is in flight is answered before a socket ends.
    async fn drain(mut self, ending: Ending) -> Ending {
        while ending != Ending::Gone
            && let Some(answer) = self.pending.next().await
        {
            if let Err(worse) = self.feed(answer).await {
                return worse;
            }
        }
        ending
    }
}

fn frame_of(frame: v1::ClientFrame) -> Result<Request, Refusal> {
    if frame.id == 0 {
        return Err(Refusal::Malformed);
    }
    frame.request.ok_or(Refusal::UnknownRequest)
}

/// What a request counts as, and how much.
fn price(request: &Request) -> (Class, u32) {
    match request {
        Request::Create(_) => (Class::Create, 1),
        Request::Send(_) | Request::Probe(_) | Request::Signal(_) => (Class::Send, 1),
        Request::Commit(_) => (Class::Send, COMMIT_COST),
        _ => (Class::Directory, 1),
    }
}
