//! The Keyfold server: it moves sealed messages and can read none of them.
//!
//! [`core::Core`] decides; a [`store::Store`] keeps; a [`clock::Clock`] tells the time. The core opens no socket and
//! starts no thread or task of its own: the shell around it does (`http`, and the simulator).

pub mod clock;
pub mod config;
pub mod core;
pub mod delivery;
pub mod directory;
pub mod files;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod network;
pub mod open;
mod private_file;
pub mod refusal;
pub mod request;
pub mod seal;
pub mod shutdown;
pub mod store;
pub mod tls;

pub use core::{Core, Device, OpenedReport, Registration, Settings};
pub use open::{ServerCore, ServerFeed};
pub use refusal::Refusal;
