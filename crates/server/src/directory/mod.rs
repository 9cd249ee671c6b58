//! The directory: who has which handle.
//!
//! The rows themselves are the store's; what is registered, added and handed out is decided in [`crate::core`].

mod handle;

pub use handle::{Handle, MAX_LETTERS, MIN_LETTERS};
