//! JPEG (ITU-T T.81): a row of segments, then scans. Exif, XMP, IPTC, comments, makers' segments and whatever stands behind the end go, such as the
//! second picture or the film of a telephone; colours (ICC, Adobe) and the frame stay.

use crate::Trouble;
use crate::limits::MAX_PARTS;
use crate::recipe::Recipe;
use crate::source::Source;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Bytes of a scan that are looked at at once.
const READ: usize = 64 * 1024;

/// `turned`: how it is to be turned, as Exif says it (1 to 8); 1: as it is.
pub(super) fn strip(source: &mut Source<'_>, turned: u8) -> Result<Recipe, Trouble> {
    let mut recipe = Recipe::default();
    recipe.keep(0, 2);
    if turned > 1 {
        recipe.put(exif(turned));
    }
    let mut at = 2;
    for _ in 0..MAX_PARTS {
        let [mark, kind] = source.array(at)?;
        if mark != 0xff {
            return Err(Trouble::Damaged);
        }
        match kind {
            // Filling.
            0xff => at += 1,
            END => {
                recipe.keep(at, 2);
                return Ok(recipe);
            }
            0x01 | 0xd0..=START => {
                recipe.keep(at, 2);
                at += 2;
            }
            _ => {
                let length = u64::from(u16::from_be_bytes(source.array(at + 2)?));
                if length < 2 {
                    return Err(Trouble::Damaged);
                }
                let head = source.up_to(at + 4, 12)?;
                if kind == 0xe0 && head.starts_with(b"JFIF\0") && head.len() == 12 && length >= 16 {
                    // As it was but for its small picture, which may show what was cut away.
                    recipe.put(vec![0xff, 0xe0, 0, 16]);
                    recipe.keep(at + 4, 12);
                    recipe.put(vec![0, 0]);
                } else if stays(kind, &head) {
                    recipe.keep(at, 2 + length);
                }
                at += 2 + length;
                if kind == SCAN {
                    let end = scan(source, at)?;
                    recipe.keep(at, end - at);
                    at = end;
                    if at == source.length() {
                        // Cut off, as from a camera whose battery was empty: there is nothing behind it.
                        return Ok(recipe);
                    }
                }
            }
        }
    }
    Err(Trouble::Damaged)
}

/// Whether a segment is needed to see the picture: frames, tables, restarts, scans, and what its colours are.
fn stays(kind: u8, head: &[u8]) -> bool {
    match kind {
        0xe2 => head.starts_with(b"ICC_PROFILE\0"),
        0xee => head.starts_with(b"Adobe"),
        0xc0..=0xcf | SCAN..=0xdf => true,
        _ => false,
    }
}

/// Where a scan ends: at the next mark that is no part of it.
fn scan(source: &mut Source<'_>, from: u64) -> Result<u64, Trouble> {
    let (mut at, mut marked) = (from, false);
    loop {
        let bytes = source.up_to(at, READ)?;
        if bytes.is_empty() {
            return Ok(at);
        }
        for (place, byte) in bytes.iter().enumerate() {
            match byte {
                // A byte of the picture, or where decoding can begin again.
                0x00 | 0xd0..=0xd7 if marked => marked = false,
                0xff => marked = true,
                _ if marked => return Ok(at + place as u64 - 1),
                _ => {}
            }
        }
        at += bytes.len() as u64;
    }
}

/// Exif that says how the picture is turned, and nothing else: a TIFF header and one directory with one entry.
fn exif(turned: u8) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xe1, 0x00, 0x22];
    bytes.extend_from_slice(b"Exif\0\0MM\0*\0\0\0\x08");
    bytes.extend_from_slice(&[
        0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turned, 0, 0, 0, 0, 0, 0,
    ]);
    bytes
}
