//! The engine as JSON-RPC 2.0 messages: what programs in other languages speak to it in.
//!
//! [`message`] reads a line into calls and writes answers and notifications; [`method`] is the table of everything that can be
//! asked, with the types of its parameters and results; [`event`] is what is told unasked; [`schema`] describes all of it, made
//! from the same types. A shell carries out what [`Method::work`] says, and does the reading, writing and waiting.
//!
//! The types here are the edge's own: names on the wire stay when the engine's change, and a field or variant that the engine
//! gains does not compile here until it has a name on the wire.

mod command;
pub mod error;
pub mod event;
pub mod file;
pub mod limits;
pub mod message;
pub mod method;
pub mod params;
pub mod query;
pub mod result;
pub mod scalar;
pub mod schema;
pub mod view;

pub use error::Error;
pub use message::{Call, Id, Line};
pub use method::{Method, Shell, Work};
