//! Connections: two for each device, each in order, each of which may break at any moment with frames under way.

use keyfold_engine::{Channel, RequestId};
use keyfold_server::core::Lane as Order;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use rand::Rng as _;
use rand::rngs::StdRng;

/// Milliseconds that a frame takes.
const DELAY: std::ops::Range<u64> = 2..120;

/// One direction of a connection keeps its order: a frame arrives no earlier than the one before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lane {
    last: u64,
}

impl Lane {
    /// When a frame that is sent now arrives.
    pub(crate) fn arrival(&mut self, now: u64, rng: &mut StdRng) -> u64 {
        self.last = self.last.max(now + rng.random_range(DELAY));
        self.last
    }
}

/// A device's end of one of its connections.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    /// Tells a connection from those before it.
    pub(crate) generation: u64,
    pub(crate) open: bool,
    /// Broken, though the device does not know it yet: nothing that is sent from now on arrives.
    pub(crate) cut: bool,
    /// What was under way arrives up to this moment all the same: a connection loses the end of what was sent over it.
    pub(crate) ebbs: u64,
    pub(crate) up: Lane,
    pub(crate) down: Lane,
    /// The server's end of it: in which order it carries out what comes.
    pub(crate) order: Order,
}

impl Pipe {
    /// A new connection.
    pub(crate) fn opens(&mut self) {
        *self = Self {
            generation: self.generation + 1,
            open: true,
            ..Self::default()
        };
    }
}

/// A device's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) device: usize,
    pub(crate) channel: Channel,
    pub(crate) generation: u64,
}

/// An answer that comes a second time.
pub(crate) struct Echo {
    pub(crate) device: usize,
    /// The process that has asked.
    pub(crate) process: u64,
    pub(crate) request: RequestId,
    pub(crate) content: Content,
}

/// What can happen next.
pub(crate) enum Event {
    /// The next scene of the script.
    Scene,
    /// A device looks at its clock.
    Wake(usize),
    /// A frame reaches the server.
    AtServer(Wire, u64, Body),
    /// A frame reaches a device.
    AtDevice(Wire, u64, Content),
    /// A device notices that a connection is broken.
    Broken(Wire),
    /// A device is within reach again.
    Reachable(usize),
    /// A device hears an answer that it has heard before.
    Echo(Box<Echo>),
    /// The server is swept.
    Sweep,
}

/// A number for the trace.
pub(crate) const fn number(channel: Channel) -> u64 {
    match channel {
        Channel::Mailbox => 0,
        Channel::Anonymous => 1,
    }
}
