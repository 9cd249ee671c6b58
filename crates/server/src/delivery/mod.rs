//! Delivery: what waits to be stored, group commit, and what connected devices are told.

mod committer;
mod feed;
mod hub;
mod queue;

pub use committer::Committer;
pub use feed::Feed;
pub(crate) use hub::Hub;
pub(crate) use queue::Queue;
