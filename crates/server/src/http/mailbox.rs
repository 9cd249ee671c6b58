//! The mailbox socket: a token first, then requests of that device in, and its items out.
//!
//! One task does all of it. While a request waits for the store, nothing is pushed: requests of devices are rare.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt as _;
use keyfold_wire::close;
use keyfold_wire::frame::decode_client;
use keyfold_wire::ids::Sequence;
use keyfold_wire::v1::{self, client_frame::Request, server_frame::Content};

use super::App;
use super::beat::Beat;
use super::socket::{Ending, Socket};
use super::window::Window;
use crate::ServerFeed;
use crate::core::Device;
use crate::metrics::Kind;
use crate::network::{COMMIT_COST, Class, Network};
use crate::refusal::Refusal;
use crate::request::DeviceRequest;

/// The largest frame that a device can need here: as many of the largest key packages as go into one request, with
/// room. The limit of all frames is for commits, which come on the other socket.
pub(super) const MAX_MAILBOX_FRAME: usize = 4 * 1024 * 1024;

/// Serves one mailbox socket until it ends.
pub(super) async fn serve(app: Arc<App>, mut socket: Socket, network: Network) {
    let ending = match greet(&app, &mut socket, network).await {
        Ok(greeted) => {
            Session::new(&app, &mut socket, network, greeted)
                .run()
                .await
        }
        Err(ending) => ending,
    };
    finish(&app, socket, ending).await;
}

/// Ends a socket as it has to end.
pub(super) async fn finish(app: &App, socket: Socket, ending: Ending) {
    if let Ending::Close(code, reason) = ending {
        app.metrics.sockets.closed(code);
        Box::pin(socket.close(code, reason)).await;
    }
}

/// A device that is greeted, and what comes for it.
struct Greeted {
    device: Device,
    after: Sequence,
    feed: ServerFeed,
}

/// Takes the first frame and answers it.
async fn greet(app: &App, socket: &mut Socket, network: Network) -> Result<Greeted, Ending> {
    let first = tokio::select! {
        first = tokio::time::timeout(app.patience.first_frame, socket.next()) => first,
        () = app.stop.wait() => return Err(GOING_AWAY),
    };
    let late = |_| Ending::Close(close::NO_HELLO, "no Hello or Register came in time");
    let frame = decode(socket, first.map_err(late)??).await?;
    let (kind, started) = (Kind::of(frame.request.as_ref()), Instant::now());
    match admit_first(app, network, frame.id, frame.request).await {
        Ok((device, greeting)) => {
            app.metrics.requests.done(kind, started.elapsed());
            // The device's own position, or behind it where the server has fallen back: what comes in now is new all the same.
            let after = Sequence(greeting.known);
            // Before the device hears of it: from then on its older socket takes nothing more.
            let feed = app.core.subscribe(&device, after);
            socket.feed(frame.id, Content::Greeting(greeting)).await?;
            socket.flush().await?;
            Ok(Greeted {
                device,
                after,
                feed,
            })
        }
        Err(refusal) => {
            app.metrics.requests.refused(kind, refusal.code());
            socket.refuse(frame.id, refusal).await?;
            Err(refused_first(refusal))
        }
    }
}

async fn admit_first(
    app: &App,
    network: Network,
    id: u64,
    request: Option<Request>,
) -> Result<(Device, v1::Greeting), Refusal> {
    if id == 0 {
        return Err(Refusal::Malformed);
    }
    match request {
        Some(Request::Hello(hello)) => Box::pin(app.core.hello(hello)).await,
        Some(Request::Register(register)) => {
            app.admit(Class::Register, network, 1)?;
            Box::pin(app.core.register(register)).await
        }
        Some(
            Request::Lookup(_)
            | Request::FetchKeyPackages(_)
            | Request::Create(_)
            | Request::Send(_)
            | Request::Commit(_)
            | Request::Probe(_)
            | Request::Signal(_),
        ) => Err(Refusal::WrongSocket),
        Some(_) => Err(Refusal::Unauthenticated),
        None => Err(Refusal::UnknownRequest),
    }
}

fn refused_first(refusal: Refusal) -> Ending {
    match refusal {
        Refusal::Unauthenticated => {
            Ending::Close(close::UNAUTHENTICATED, "the token is not known here")
        }
        _ => Ending::Close(close::REFUSED, "the first frame was refused"),
    }
}

/// Reads a frame; answers what is none before the socket ends.
pub(super) async fn decode(socket: &mut Socket, bytes: Bytes) -> Result<v1::ClientFrame, Ending> {
    if let Ok(frame) = decode_client(bytes) {
        return Ok(frame);
    }
    socket.refuse(0, Refusal::Malformed).await?;
    Err(Ending::Close(
        close::MALFORMED,
        "not a frame of this protocol",
    ))
}

/// The server goes down.
pub(super) const GOING_AWAY: Ending = Ending::Close(
    close::GOING_AWAY,
    "the server restarts: come back in a moment",
);

/// A greeted device's socket.
struct Session<'a> {
    app: &'a App,
    socket: &'a mut Socket,
    network: Network,
    device: Device,
    feed: ServerFeed,
    window: Window,
    /// Acknowledged by the device and not yet handed to the core: the last of several says it all.
    acknowledged: Option<Sequence>,
    /// The last signal that went out here: no other can have been taken in.
    signalled: u64,
}

/// What happens next.
enum Turn {
    Stop,
    Look,
    Frame(Result<Bytes, Ending>),
    Push(Result<Content, Refusal>),
}

impl<'a> Session<'a> {
    fn new(app: &'a App, socket: &'a mut Socket, network: Network, greeted: Greeted) -> Self {
        let Greeted {
            device,
            after,
            feed,
        } = greeted;
        Self {
            app,
            socket,
            network,
            device,
            feed,
            window: Window::after(after),
            acknowledged: None,
            signalled: 0,
        }
    }

    async fn run(mut self) -> Ending {
        let mut beat = Beat::every(self.app.patience.keepalive);
        let mut stop = pin!(self.app.stop.wait());
        loop {
            let turn = tokio::select! {
                biased;
                () = &mut stop => Turn::Stop,
                () = beat.wait() => Turn::Look,
                frame = self.socket.next() => Turn::Frame(frame),
                content = self.feed.next(), if self.window.has_room() => Turn::Push(content),
            };
            let result = match turn {
                Turn::Stop => Err(GOING_AWAY),
                Turn::Look => beat.look_after(self.socket).await,
                Turn::Frame(frame) => self.take(frame).await,
                Turn::Push(content) => self.push(content).await,
            };
            if let Err(ending) = result {
                self.hand_on_acknowledgement();
                return ending;
            }
        }
    }

    /// Takes a frame and whatever has come behind it.
    async fn take(&mut self, first: Result<Bytes, Ending>) -> Result<(), Ending> {
        let mut next = Some(first);
        let mut answered = false;
        while let Some(bytes) = next {
            let frame = decode(self.socket, bytes?).await?;
            answered |= self.answer(frame).await?;
            next = self.socket.next_now();
        }
        self.hand_on_acknowledgement();
        if answered {
            self.socket.flush().await
        } else {
            Ok(())
        }
    }

    /// Carries out a request. Whether it had an answer.
    async fn answer(&mut self, frame: v1::ClientFrame) -> Result<bool, Ending> {
        // A device that takes nothing, or never stops asking, does not come to hear it from its feed.
        if let Some(refusal) = self.feed.ended() {
            return Err(feed_ended(refusal));
        }
        if let Some(Request::Acknowledge(acknowledge)) = &frame.request {
            let news = self.window.acknowledged(Sequence(acknowledge.sequence));
            self.acknowledged = news.or(self.acknowledged);
            return Ok(false);
        }
        if let Some(Request::AcknowledgeSignals(acknowledge)) = &frame.request {
            let number = acknowledge.number.min(self.signalled);
            self.app.core.acknowledge_signals(&self.device, number);
            return Ok(false);
        }
        self.hand_on_acknowledgement();
        let (id, kind, started) = (frame.id, Kind::of(frame.request.as_ref()), Instant::now());
        match Box::pin(self.carry_out(frame)).await {
            Ok(content) => {
                self.app.metrics.requests.done(kind, started.elapsed());
                self.socket.feed(id, content).await?;
            }
            Err(refusal) => {
                self.app.metrics.requests.refused(kind, refusal.code());
                self.socket.refuse(id, refusal).await?;
            }
        }
        Ok(true)
    }

    async fn carry_out(&self, frame: v1::ClientFrame) -> Result<Content, Refusal> {
        if frame.id == 0 {
            return Err(Refusal::Malformed);
        }
        let request = DeviceRequest::parse(frame.request.ok_or(Refusal::UnknownRequest)?)?;
        let (class, cost) = cost(&request);
        self.app.admit(class, self.network, cost)?;
        self.app.core.device_request(&self.device, request).await
    }

    fn hand_on_acknowledgement(&mut self) {
        if let Some(sequence) = self.acknowledged.take() {
            self.app.core.acknowledge(&self.device, sequence);
        }
    }

    /// Pushes what the feed has, and what more it has at hand.
    async fn push(&mut self, first: Result<Content, Refusal>) -> Result<(), Ending> {
        let mut next = Some(first);
        while let Some(content) = next {
            let content = content.map_err(feed_ended)?;
            if let Content::Deliveries(deliveries) = &content {
                self.window.pushed(deliveries);
                self.app.metrics.pushes.pushed(deliveries.items.len());
            }
            if let Content::Signals(signals) = &content {
                let last = signals.signals.last();
                self.signalled = last.map_or(self.signalled, |signal| signal.number);
                self.app.metrics.pushes.signalled(signals.signals.len());
            }
            self.socket.feed(0, content).await?;
            next = if self.window.has_room() {
                self.feed.next().now_or_never()
            } else {
                None
            };
        }
        self.socket.flush().await
    }
}

/// What a device's request costs its network, and of what: some write a lot.
const fn cost(request: &DeviceRequest) -> (Class, u32) {
    let cost = match request {
        DeviceRequest::Report(_) => return (Class::Report, 1),
        DeviceRequest::TakeAddresses { .. } | DeviceRequest::RevokeAddresses(_) => 1,
        DeviceRequest::PublishKeyPackages(_)
        | DeviceRequest::AddDevice(_)
        | DeviceRequest::ReplaceToken { .. }
        | DeviceRequest::RemoveDevice { .. } => COMMIT_COST,
    };
    (Class::Directory, cost)
}

fn feed_ended(refusal: Refusal) -> Ending {
    match refusal {
        Refusal::Conflict => Ending::Close(
            close::REPLACED,
            "this device has opened another mailbox socket",
        ),
        Refusal::Unauthenticated => Ending::Close(close::UNAUTHENTICATED, "the device was removed"),
        _ => Ending::Close(close::SERVER_FAULT, "the server cannot read its store now"),
    }
}
