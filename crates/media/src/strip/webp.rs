//! WebP (RFC 9649): a RIFF file of chunks. Exif and XMP go, and chunks that nobody knows.

use crate::Trouble;
use crate::limits::MAX_PARTS;
use crate::recipe::Recipe;
use crate::source::Source;

const SEEN: [&[u8; 4]; 7] = [
    b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP",
];

/// The flags of `VP8X` that say that there is Exif, and XMP.
const SAYS_MORE: u8 = 0x08 | 0x04;

pub(super) fn strip(source: &mut Source<'_>) -> Result<Recipe, Trouble> {
    let length = u64::from(u32::from_le_bytes(source.array(4)?)) + 8;
    if length > source.length() {
        return Err(Trouble::Damaged);
    }
    let (mut chunks, mut at) = (Vec::new(), 12);
    while at < length {
        let kind: [u8; 4] = source.array(at)?;
        let size = u64::from(u32::from_le_bytes(source.array(at + 4)?));
        // Chunks begin at even places; the last one may lack its filling.
        let end = (at + 8 + size + size % 2).min(length);
        if at + 8 + size > length || chunks.len() == MAX_PARTS {
            return Err(Trouble::Damaged);
        }
        if SEEN.contains(&&kind) {
            chunks.push((kind, at, end));
        }
        at = end;
    }
    let kept: u64 = chunks.iter().map(|(_, begin, end)| end - begin).sum();
    let size = u32::try_from(4 + kept).map_err(|_| Trouble::Damaged)?;
    let mut recipe = Recipe::default();
    recipe.keep(0, 4);
    recipe.put(size.to_le_bytes().to_vec());
    recipe.keep(8, 4);
    for (kind, begin, end) in chunks {
        if kind == *b"VP8X" {
            let [flags] = source.array(begin + 8)?;
            recipe.keep(begin, 8);
            recipe.put(vec![flags & !SAYS_MORE]);
            recipe.keep(begin + 9, end.saturating_sub(begin + 9));
        } else {
            recipe.keep(begin, end - begin);
        }
    }
    Ok(recipe)
}
