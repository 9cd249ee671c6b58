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

mod device;
pub mod disk;
mod fate;
mod life;
mod network;
pub mod options;
pub mod oracle;
mod server;
mod store;
pub mod story;
mod trace;
mod words;
mod world;

pub use options::{Faults, Options};
pub use world::{Report, run};
