//! What a shell feeds the engine.

use keyfold_wire::v1;

use crate::command::Command;
use crate::outcome::RequestId;

/// One thing that happened, for [`Engine::apply`](crate::Engine::apply).
pub enum Input {
    /// Somebody wants something.
    Command(Command),
    /// The mailbox socket is open and this is the server's greeting (the answer to
    /// [`Engine::hello`](crate::Engine::hello)).
    Connected(v1::Greeting),
    /// The server refused the greeting.
    TurnedAway(v1::Refused),
    /// The mailbox delivered these.
    Delivered(v1::Deliveries),
    /// The mailbox socket brought these signals.
    Signals(v1::Signals),
    /// The server told unasked how many key packages are left.
    Supply(v1::Supply),
    /// A request was answered.
    Reply(RequestId, Reply),
    /// A request's socket broke before an answer came: nobody knows whether the server has it.
    Lost(RequestId),
    /// Time has passed; see [`Engine::deadline`](crate::Engine::deadline).
    Tick,
}

/// The content of a server frame that answers a request.
pub type Reply = v1::server_frame::Content;
