//! What a Keyfold server must never see: identities, MLS groups, content, envelopes.
//!
//! Everything here is pure: bytes in, bytes out. No clock, no input or output; randomness is an argument. What the server
//! may see lives in `keyfold-wire`; what a device remembers and decides lives in `keyfold-engine`.
//!
//! - [`identity`]: account, recovery and device keys, certificates, tokens, safety numbers
//! - [`group`]: MLS groups
//! - [`state`], [`rules`], [`leave`]: what a conversation agrees on, and which commits it accepts
//! - [`content`]: messages as MIMI content
//! - [`signal`]: presence, typing and receipts
//! - [`file`]: files, sealed in segments
//! - [`invitation`]: links by which people ask to be let in, and their requests
//! - [`picture`]: small pictures inside of these
//! - [`envelope`], [`padding`], [`roster`], [`welcome`]: what is handed to the server, and checked on its way back

pub mod content;
pub mod envelope;
pub mod file;
pub mod group;
pub mod identity;
pub mod invitation;
pub mod leave;
pub mod limits;
pub mod padding;
pub mod picture;
pub mod roster;
pub mod rules;
pub mod signal;
pub mod state;
pub mod suite;
pub mod welcome;

mod cbor;
