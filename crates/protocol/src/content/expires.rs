//! When a message is to be gone (draft-ietf-mimi-content-08, "Expiring").
//!
//! The draft has seconds from when a message is read, or since the Unix epoch. What is shorter or longer than anybody means is brought to the
//! nearest that somebody may, so that no client that reads it shows it for another time than the next.

use super::mimi::Expiration;
use crate::limits::{MAX_TIMER, MIN_TIMER};

/// When a message is to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// So many seconds after it was read, for its author after the server has accepted it: [`MIN_TIMER`] to [`MAX_TIMER`].
    AfterReading(u32),
    /// At this time, read or not, in seconds since the Unix epoch. May be over.
    At(u32),
}

impl Expires {
    /// So many seconds after it was read, or the nearest that can be.
    pub const fn after_reading(seconds: u32) -> Self {
        Self::AfterReading(if seconds < MIN_TIMER {
            MIN_TIMER
        } else if seconds > MAX_TIMER {
            MAX_TIMER
        } else {
            seconds
        })
    }
}

impl From<Expiration> for Expires {
    fn from(expiration: Expiration) -> Self {
        if expiration.relative {
            Self::after_reading(expiration.time)
        } else {
            Self::At(expiration.time)
        }
    }
}

impl From<Expires> for Expiration {
    fn from(expires: Expires) -> Self {
        let (relative, time) = match expires {
            Expires::AfterReading(seconds) => (true, seconds),
            Expires::At(time) => (false, time),
        };
        Self { relative, time }
    }
}
