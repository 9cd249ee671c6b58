//! PNG (ISO/IEC 15948): a row of chunks. What is needed to see the picture stays, also where it moves; texts, times and Exif go, and whatever stands
//! behind the end.

use crate::Trouble;
use crate::limits::MAX_PARTS;
use crate::recipe::Recipe;
use crate::source::Source;

/// Chunks that change what is seen, beside those that no decoder may pass over.
const SEEN: [&[u8; 4]; 15] = [
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs", b"bKGD", b"cICP", b"mDCV",
    b"cLLI", b"acTL", b"fcTL", b"fdAT", b"hIST",
];

pub(super) fn strip(source: &mut Source<'_>) -> Result<Recipe, Trouble> {
    let mut recipe = Recipe::default();
    recipe.keep(0, 8);
    let mut at = 8;
    // Animations have a chunk for each 32 KiB.
    for _ in 0..MAX_PARTS {
        let length = u64::from(u32::from_be_bytes(source.array(at)?)) + 12;
        let kind: [u8; 4] = source.array(at + 4)?;
        if at + length > source.length() || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(Trouble::Damaged);
        }
        if kind.first().is_some_and(u8::is_ascii_uppercase) || SEEN.contains(&&kind) {
            recipe.keep(at, length);
        }
        at += length;
        if kind == *b"IEND" {
            return Ok(recipe);
        }
    }
    Err(Trouble::Damaged)
}
