//! Whole sequences: what an engine, and what a server's core, makes of one input after the other.

mod desk;
mod device;
mod post;
mod recorded;
mod script;

pub use device::engine_sequence;
pub use post::server_sequence;
