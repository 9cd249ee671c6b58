//! What reading and writing CBOR (RFC 8949) needs beyond `minicbor`: hostile input costs no more than its own length.
//!
//! Indefinite lengths are refused everywhere: the deterministic encoding (section 4.2.1) has none.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::limits::MAX_CBOR_DEPTH;

/// Bytes that are not the CBOR that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// The length of an array, which must be definite.
pub(crate) fn array(decoder: &mut Decoder<'_>) -> Result<u64, Malformed> {
    decoder.array()?.ok_or(Malformed)
}

/// The number of entries of a map, which must be definite.
pub(crate) fn map(decoder: &mut Decoder<'_>) -> Result<u64, Malformed> {
    decoder.map()?.ok_or(Malformed)
}

/// A byte string of exactly this length.
pub(crate) fn fixed<const N: usize>(decoder: &mut Decoder<'_>) -> Result<[u8; N], Malformed> {
    decoder.bytes()?.try_into().map_err(|_| Malformed)
}

/// What `read` finds, or `None` where there is a null.
pub(crate) fn nullable<'b, T>(
    decoder: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    if decoder.datatype()? == Type::Null {
        decoder.null()?;
        return Ok(None);
    }
    read(decoder).map(Some)
}

/// Passes over one value of any form and gives its bytes.
pub(crate) fn any<'b>(decoder: &mut Decoder<'b>) -> Result<&'b [u8], Malformed> {
    let start = decoder.position();
    skip(decoder, MAX_CBOR_DEPTH)?;
    decoder
        .input()
        .get(start..decoder.position())
        .ok_or(Malformed)
}

/// Nothing may follow.
pub(crate) fn end(decoder: &Decoder<'_>) -> Result<(), Malformed> {
    if decoder.position() == decoder.input().len() {
        Ok(())
    } else {
        Err(Malformed)
    }
}

fn skip(decoder: &mut Decoder<'_>, depth: usize) -> Result<(), Malformed> {
    let deeper = depth.checked_sub(1).ok_or(Malformed)?;
    match decoder.datatype()? {
        Type::Array => {
            for _ in 0..array(decoder)? {
                skip(decoder, deeper)?;
            }
        }
        Type::Map => {
            for _ in 0..map(decoder)? {
                skip(decoder, deeper)?;
                skip(decoder, deeper)?;
            }
        }
        Type::Tag => {
            decoder.tag()?;
            skip(decoder, deeper)?;
        }
        Type::Bytes => drop(decoder.bytes()?),
        Type::String => drop(decoder.str()?),
        Type::ArrayIndef | Type::MapIndef | Type::BytesIndef | Type::StringIndef => {
            return Err(Malformed);
        }
        Type::Break | Type::Unknown(_) => return Err(Malformed),
        _ => decoder.skip()?,
    }
    Ok(())
}

/// Writing to memory cannot fail: what `write` made of an empty encoder.
pub(crate) fn encode(
    write: impl FnOnce(
        &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<core::convert::Infallible>>,
) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    match write(&mut encoder) {
        Ok(()) | Err(_) => encoder.into_writer(),
    }
}
