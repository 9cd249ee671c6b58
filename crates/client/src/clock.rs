//! The wall clock, read in one place.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyfold_wire::ids::Timestamp;
use tokio::time::Instant;

/// Now.
pub fn now() -> Timestamp {
    Timestamp(0).after(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO),
    )
}

/// The same moment on the clock that timers use; what is past is now.
pub(crate) fn instant_of(moment: Timestamp) -> Instant {
    Instant::now() + moment.since(now())
}
