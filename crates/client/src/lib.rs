//! Drives the engine on a computer: sockets, clock, keychain, profile folders.
//!
//! - [`profile`]: the folder of one account, locked, its database key under a passphrase or in the keychain
//! - [`Client`]: a running device; commands, reads and notices
//!
//! Decides nothing about messages: that is the engine's. A program (the terminal, later a bot) opens a [`profile`],
//! starts a [`Client`] on it, and speaks [`keyfold_engine::Command`]s.

mod address;
mod backoff;
mod client;
mod clock;
mod driver;
mod error;
mod files;
pub mod limits;
mod link;
pub mod picture;
pub mod preview;
pub mod profile;
mod socket;
mod tls;

pub use address::{AddressError, ServerUrl};
pub use client::{Client, Link, Notice, Notices};
pub use clock::now;
pub use error::ClientError;
pub use files::{Begun, FileFailure, Progress, Sending, Transfer};
pub use link::{InvitationLinkError, invitation_link, read_invitation_link};
pub use socket::SocketEnd;
pub use tls::{TlsError, authorities};
