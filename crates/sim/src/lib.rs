//! A simulated world: many engines, the real server core, and a network that loses, delays and repeats, in one thread under
//! one seed and in virtual time. An oracle that knows what people said and who was in which epoch judges each run.
//!
//! Not part of the product. What a run checks is in [`oracle`]; what may go wrong in it is in [`options::Faults`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a simulation that is wrong about its own state must stop"
)]

mod copied;
mod deeds;
mod device;
pub mod disk;
mod network;
pub mod options;
pub mod oracle;
mod sabotage;
pub mod script;
mod secrecy;
mod server;
mod store;
pub mod story;
mod town;
mod trace;
mod watch;
mod words;
mod world;

pub use deeds::Deed;
pub use keyfold_protocol::state::Role;
pub use options::{Faults, Options, Setup};
pub use oracle::{Check, Excuse, Violation};
pub use sabotage::Sabotage;
pub use script::{Cheat, Mishap, Script, Trick};
pub use secrecy::Theft;
pub use town::{Person, Talk, Town};
pub use world::{Report, play, run};
