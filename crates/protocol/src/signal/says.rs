//! What signals say, in CBOR: an array of the kind's number and what belongs to it.

use core::convert::Infallible;

use keyfold_wire::ids::Timestamp;
use minicbor::{Decoder, Encoder};

use crate::cbor::{self, Malformed};
use crate::content::ContentId;

/// What a signal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// `[0, milliseconds or null]`: when the person was last active, by the server's clock; `None`: not to be shown any more.
    Presence(Option<Timestamp>),
    /// `[1, bool]`: the person is typing, or not any more.
    Typing(bool),
    /// `[2, message id or null, message id or null]`: how far the person's devices have come.
    Receipt(Cursors),
    /// `[3, message id]`: tell how far you have come: somebody wants to know who has read this.
    ReadBy(ContentId),
    /// A kind of a newer version: passed over.
    Unknown,
}

/// How far somebody has come in the order of a conversation: each names the last message of somebody else, and everything before it is meant as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursors {
    /// What has come to the device.
    pub delivered: Option<ContentId>,
    /// What the person has seen.
    pub read: Option<ContentId>,
}

/// What a signal is about. A newer one of a kind takes the place of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// [`Says::Presence`].
    Presence,
    /// [`Says::Typing`].
    Typing,
    /// [`Says::Receipt`].
    Receipt,
    /// [`Says::ReadBy`].
    ReadBy,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Presence, Self::Typing, Self::Receipt, Self::ReadBy];

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Presence => 0,
            Self::Typing => 1,
            Self::Receipt => 2,
            Self::ReadBy => 3,
        }
    }
}

type Written = Result<(), minicbor::encode::Error<Infallible>>;

impl Says {
    /// Its kind, where it is one that is known here.
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Presence(_) => Some(Kind::Presence),
            Self::Typing(_) => Some(Kind::Typing),
            Self::Receipt(_) => Some(Kind::Receipt),
            Self::ReadBy(_) => Some(Kind::ReadBy),
            Self::Unknown => None,
        }
    }

    pub(super) fn write(&self, e: &mut Encoder<Vec<u8>>) -> Written {
        match self {
            Self::Presence(at) => {
                e.array(2)?.u8(0)?;
                match at {
                    Some(at) => e.u64(at.0)?.ok(),
                    None => e.null()?.ok(),
                }
            }
            Self::Typing(on) => e.array(2)?.u8(1)?.bool(*on)?.ok(),
            Self::Receipt(cursors) => {
                e.array(3)?.u8(2)?;
                write_id(e, cursors.delivered.as_ref())?;
                write_id(e, cursors.read.as_ref())
            }
            Self::ReadBy(message) => e.array(2)?.u8(3)?.bytes(message.as_bytes())?.ok(),
            Self::Unknown => e.array(1)?.u64(u64::MAX)?.ok(),
        }
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let mut own = Decoder::new(cbor::any(d)?);
        let length = cbor::array(&mut own)?;
        let says = match (own.u64()?, length) {
            (0, 2) => {
                let at = cbor::nullable(&mut own, |d| Ok(d.u64()?))?;
                Self::Presence(at.map(Timestamp))
            }
            (1, 2) => Self::Typing(own.bool()?),
            (2, 3) => Self::Receipt(Cursors {
                delivered: cbor::nullable(&mut own, message_id)?,
                read: cbor::nullable(&mut own, message_id)?,
            }),
            (3, 2) => Self::ReadBy(message_id(&mut own)?),
            (0..=3, _) => return Err(Malformed),
            _ => return Ok(Self::Unknown),
        };
        cbor::end(&own)?;
        Ok(says)
    }
}

fn write_id(e: &mut Encoder<Vec<u8>>, id: Option<&ContentId>) -> Written {
    match id {
        Some(id) => e.bytes(id.as_bytes())?.ok(),
        None => e.null()?.ok(),
    }
}

fn message_id(d: &mut Decoder<'_>) -> Result<ContentId, Malformed> {
    ContentId::from_bytes(cbor::fixed(d)?).ok_or(Malformed)
}
