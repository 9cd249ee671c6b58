//! Pictures, films and sounds before they are sent: what they say beside what is seen and heard goes ([`strip()`]), and what can be seen of them at
//! once is made ([`look()`]).
//!
//! Files are read, never written: a [`Recipe`] says how what is sent is made of one, piece by piece, so that memory does not grow with a film. What
//! a picture takes to decode is read before it is decoded.

pub mod limits;
mod look;
mod recipe;
mod source;
mod strip;

pub use look::{Looked, Sent, look};
pub use recipe::{Reader, Recipe};
pub use strip::{Stripped, strip};

/// Why a file is not made ready.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It is not what it seems to be, so nobody can say what else is in it.
    #[error(
        "the file is damaged, or of a kind that is not known here: what it says of place and time can't be taken out of it"
    )]
    Damaged,
    /// The disk.
    #[error("{0}")]
    Disk(#[from] std::io::Error),
}
