//! Padding to Padme sizes, so that a length says little.
//!
//! Padme is from "Reducing Metadata Leakage from Encrypted Files and Communication with `PURBs`" (Nikitin, Barman, Lueks,
//! Underwood, Hubaux, Ford; Proceedings on Privacy Enhancing Technologies 2019), section 4: a length leaks at most
//! O(log log n) bits, for at most 12% more.

/// Bytes before the content: its length, u32, big endian.
const PREFIX: usize = 4;

/// Bytes that are not padded as [`pad`] does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the padding is malformed")]
pub struct PaddingError;

/// The Padme size of a length: as a floating point number, its mantissa no longer than its exponent.
pub const fn padme(length: usize) -> usize {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1_usize << exponent.saturating_sub(kept)) - 1;
    length.saturating_add(mask) & !mask
}

/// How long [`pad`] makes content of this length.
pub const fn padded_length(length: usize) -> usize {
    padme(length.saturating_add(PREFIX))
}

/// The content behind its length (u32, big endian), followed by zeros up to the Padme size of both.
///
/// # Errors
/// [`PaddingError`] when the content is 4 GiB or longer.
pub fn pad(content: &[u8]) -> Result<Vec<u8>, PaddingError> {
    let length = u32::try_from(content.len()).map_err(|_| PaddingError)?;
    let mut padded = Vec::with_capacity(padded_length(content.len()));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(content);
    padded.resize(padded_length(content.len()), 0);
    Ok(padded)
}

/// The content that was padded.
///
/// # Errors
/// [`PaddingError`] when the length does not fit, the size is not the one that [`pad`] makes, or padding is not zero.
pub fn unpad(padded: &[u8]) -> Result<&[u8], PaddingError> {
    let (length, rest) = padded.split_first_chunk::<PREFIX>().ok_or(PaddingError)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| PaddingError)?;
    if length > rest.len() || padded_length(length) != padded.len() {
        return Err(PaddingError);
    }
    let (content, zeros) = rest.split_at_checked(length).ok_or(PaddingError)?;
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(PaddingError);
    }
    Ok(content)
}
