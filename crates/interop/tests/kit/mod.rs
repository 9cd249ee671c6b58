//! What the stories share: a real server behind real sockets, and people with Keyfold's own client.

pub mod person;
pub mod server;

use std::time::Duration;

/// How long anything may take before a story fails.
const DEADLINE: Duration = Duration::from_mins(2);

/// Waits for something that must happen.
pub async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let happened = tokio::time::timeout(DEADLINE, happens).await;
    happened.unwrap_or_else(|_| panic!("it did not happen in time: {what}"))
}
