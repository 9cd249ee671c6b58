//! What is done with bytes from outside: one function a parser, and two that read a whole sequence of inputs from the bytes.
//!
//! Each function takes any bytes and panics only when Keyfold is wrong: something was read that must not be, written and read
//! again it is another, or a step broke what must stay true. The fuzzer calls them (`fuzz/`), and so do the property tests of
//! this crate, over random bytes and over the committed seeds. Not part of the product.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is what a finding is"
)]

pub mod agreed;
pub mod bend;
pub mod draw;
pub mod identity;
pub mod link;
pub mod mls;
pub mod sealed;
pub mod seeds;
pub mod sequence;
pub mod server;
pub mod text;
pub mod wire;

mod club;
mod papers;

// Files of others that read bytes from outside and are private to their crates, and the towns of others' stories.
#[path = "../../server/src/http/boundary.rs"]
#[allow(dead_code, unreachable_pub)]
mod boundary;
#[path = "../../cli/src/clean.rs"]
#[allow(dead_code, unreachable_pub)]
mod clean;
#[path = "../../server/tests/core_town/mod.rs"]
#[allow(clippy::pedantic)]
mod core_town;
#[path = "../../server/src/http/peer.rs"]
#[allow(dead_code, unreachable_pub)]
mod peer;
#[path = "../../engine/tests/town/mod.rs"]
#[allow(clippy::pedantic)]
mod town;

/// What `peer` knows of its own crate.
mod network {
    pub(crate) use keyfold_server::network::Network;
}

/// How much a run of a target costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Microseconds.
    Light,
    /// A millisecond or so: signatures, groups.
    Heavy,
    /// Many steps of an engine or a server.
    Sequence,
}

/// One thing to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: of the file in `fuzz/fuzz_targets`, of the folder of its seeds.
    pub name: &'static str,
    /// What it costs.
    pub weight: Weight,
    /// What is done with the bytes.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($module:ident :: $name:ident: $weight:ident),* $(,)?) => {
        &[$(Target { name: stringify!($name), weight: Weight::$weight, run: $module::$name }),*]
    };
}

/// All of them.
pub const TARGETS: &[Target] = targets![
    wire::client_frame: Light,
    wire::server_frame: Light,
    wire::certificate: Heavy,
    wire::registration: Heavy,
    wire::ids: Light,
    server::handle: Light,
    server::address: Light,
    server::sealed_roster: Light,
    server::forwarded: Light,
    server::frame_boundary: Light,
    identity::recovery_key: Light,
    identity::safety_number: Light,
    identity::link_request: Heavy,
    sealed::envelope: Light,
    sealed::padding: Light,
    sealed::signal: Heavy,
    sealed::welcome: Light,
    link::invitation_link: Light,
    link::join_request: Light,
    agreed::state: Light,
    agreed::leave_proofs: Light,
    agreed::content: Heavy,
    agreed::name: Light,
    text::server_url: Light,
    text::shown_text: Light,
    mls::key_package: Heavy,
    mls::group_message: Heavy,
    mls::invitation: Heavy,
    sequence::engine_sequence: Sequence,
    sequence::server_sequence: Sequence,
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
