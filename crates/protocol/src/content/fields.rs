//! Maps of numbered fields, as parts of Keyfold's own types have them: later versions add fields, and readers pass over what they do not know.

use minicbor::Decoder;

use super::ContentError;
use crate::cbor;
use crate::limits::MAX_EXTENSIONS;

/// Reads a map whose keys are numbers in their order, each once, with nothing behind it. `take` reads the value of a key that it knows; of others it
/// says `false`, and they are passed over.
///
/// # Errors
/// [`ContentError`].
pub(super) fn read<'b>(
    encoded: &'b [u8],
    mut take: impl FnMut(u64, &mut Decoder<'b>) -> Result<bool, ContentError>,
) -> Result<(), ContentError> {
    let mut d = Decoder::new(encoded);
    let count = cbor::map(&mut d)?;
    if count > MAX_EXTENSIONS as u64 {
        return Err(ContentError::TooLarge);
    }
    let mut before = None;
    for _ in 0..count {
        let key = d.u64()?;
        if before.is_some_and(|before| before >= key) {
            return Err(ContentError::Malformed);
        }
        before = Some(key);
        if !take(key, &mut d)? {
            cbor::any(&mut d)?;
        }
    }
    Ok(cbor::end(&d)?)
}
