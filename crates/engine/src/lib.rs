//! One device's whole messenger as a deterministic state machine over one SQLite database.
//!
//! A shell (a terminal program, a browser worker, a simulator) feeds [`Engine::apply`] one [`Input`] at a time. The
//! engine decides, writes all that it decided in one transaction, and only then tells the shell: events, the position
//! to acknowledge, and requests through [`Engine::next_request`]. It has no clock, no randomness, no sockets and no
//! threads: time and randomness are arguments, requests are data.

mod clock;
pub mod command;
mod engine;
pub mod fault;
mod identity;
pub mod input;
pub mod limits;
mod memory;
pub mod outcome;
mod query;
mod quota;
mod signals;
mod step;
pub mod store;
mod table;
mod tally;
pub mod view;
mod words;

pub use command::{
    Answer, Command, Complaint, Deed, InvitationId, JoinRequestId, OpenedId, OutgoingFile, Place,
    UploadId,
};
pub use engine::Engine;
pub use fault::Fault;
pub use input::{Input, Reply};
pub use outcome::{Channel, Event, Outcome, Request, RequestId};
