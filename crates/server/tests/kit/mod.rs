//! What the process tests share: a real server process, sockets to it over real TLS, and people.

#![allow(
    unreachable_pub,
    unused_imports,
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod authority;
mod person;
mod server;
mod socket;

pub use authority::{Authority, Lifetime, shown_to_an_authority};
pub use person::{Conversation, Person, acknowledge, address, deliveries, items, random, text};
pub use server::Server;
pub use socket::{Closed, Socket};

use std::time::Duration;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for something that must happen.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("it did not happen in time")
}
