//! The order in which one socket's requests reach the queue.
//!
//! A request that has to look up its conversation first must not be overtaken by a later one that finds it in memory.
//! The order is kept for each socket by itself, so that a socket which is not served holds up nobody else.

use tokio::sync::{Mutex, MutexGuard};

/// The requests of one socket. Taken in the order in which they ask for it.
#[derive(Default)]
pub struct Lane(Mutex<()>);

/// Held from the first look at a request until it is in the queue.
pub(super) struct Turn<'a> {
    _held: MutexGuard<'a, ()>,
}

impl Lane {
    /// Waits for those that asked before.
    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn {
            _held: self.0.lock().await,
        }
    }
}
