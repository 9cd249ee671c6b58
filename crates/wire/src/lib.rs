//! What a Keyfold server may see: ids, sealed bytes, sizes, requests and replies, limits.
//!
//! This crate is the seam between devices and servers. It holds the protobuf schema ([`v1`]), typed ids
//! ([`ids`]), the limits both sides keep ([`limits`]), frames ([`frame`]), close codes ([`close`]), the directory's signed records
//! ([`certificate`]), sealed files ([`file`]), and the two hashes by which members check a roster ([`roster`]). Nothing in it can open a
//! message: whatever only recipients may read lives in `keyfold-protocol` and above.

pub mod certificate;
pub mod close;
pub mod file;
pub mod frame;
pub mod handle;
pub mod ids;
pub mod limits;
pub mod roster;

/// The protobuf messages of protocol version 1, generated from `proto/keyfold/v1/`.
#[allow(missing_docs, clippy::pedantic, unreachable_pub)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/keyfold.v1.rs"));
}

/// A protobuf message that a party of this protocol sends or receives.
pub use prost::Message;
