//! GIF (89a): comments and what programs wrote into it go, but for what says how often it plays.

use crate::Trouble;
use crate::limits::MAX_PARTS;
use crate::recipe::Recipe;
use crate::source::Source;

const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2c;
const END: u8 = 0x3b;
const COMMENT: u8 = 0xfe;
const APPLICATION: u8 = 0xff;

pub(super) fn strip(source: &mut Source<'_>) -> Result<Recipe, Trouble> {
    let [flags] = source.array(10)?;
    let mut at = 13 + colours(flags);
    let mut recipe = Recipe::default();
    recipe.keep(0, at);
    for _ in 0..MAX_PARTS {
        let [kind] = source.array(at)?;
        let (end, stays) = match kind {
            END => {
                recipe.keep(at, 1);
                return Ok(recipe);
            }
            EXTENSION => {
                let [label] = source.array(at + 1)?;
                let program = source.up_to(at + 3, 11)?;
                let plays = [b"NETSCAPE2.0", b"ANIMEXTS1.0"]
                    .iter()
                    .any(|one| program == *one);
                let stays = label != COMMENT && (label != APPLICATION || plays);
                (blocks(source, at + 2)?, stays)
            }
            PICTURE => {
                let [flags] = source.array(at + 9)?;
                (blocks(source, at + 11 + colours(flags))?, true)
            }
            _ => return Err(Trouble::Damaged),
        };
        if stays {
            recipe.keep(at, end - at);
        }
        at = end;
    }
    Err(Trouble::Damaged)
}

/// Bytes of a table of colours.
fn colours(flags: u8) -> u64 {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 0x07) + 1)
    }
}

/// Where a row of blocks ends, the last of which is empty.
fn blocks(source: &mut Source<'_>, from: u64) -> Result<u64, Trouble> {
    let mut at = from;
    loop {
        let [length] = source.array(at)?;
        at += 1 + u64::from(length);
        if length == 0 {
            return Ok(at);
        }
    }
}
