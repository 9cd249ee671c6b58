//! What a file says beside what is seen and heard of it: where and when and with what it was taken, by whom, and of what it was cut.

mod boxes;
mod film;
mod gif;
mod jpeg;
mod png;
mod webp;

use std::io::{Read, Seek};

use crate::Trouble;
use crate::recipe::Recipe;
use crate::source::Source;

pub(crate) use film::Film;

/// Forms of a file that are known here, told by how it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Jpeg,
    Png,
    WebP,
    Gif,
    /// MP4, `QuickTime`, HEIC, AVIF: boxes (ISO/IEC 14496-12).
    Boxes,
}

impl Form {
    /// Whether it is more than one picture.
    pub(crate) fn moves(self, source: &mut Source<'_>) -> Result<bool, Trouble> {
        let front = source.up_to(0, 4_096)?;
        Ok(match self {
            Self::Png => front.windows(4).any(|kind| kind == b"acTL"),
            Self::WebP => {
                front.get(12..16) == Some(b"VP8X")
                    && front.get(20).is_some_and(|flags| flags & 2 != 0)
            }
            Self::Gif => true,
            Self::Jpeg | Self::Boxes => false,
        })
    }

    pub(crate) fn of(source: &mut Source<'_>) -> Result<Option<Self>, Trouble> {
        let head = source.up_to(0, 12)?;
        Ok(match head.as_slice() {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            // Old films of cameras have no `ftyp`.
            [_, _, _, _, b'f', b't', b'y', b'p', ..]
            | [_, _, _, _, b'm', b'o', b'o', b'v', ..]
            | [_, _, _, _, b'w', b'i', b'd', b'e', ..] => Some(Self::Boxes),
            _ => None,
        })
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stripped {
    /// It says nothing any more beside what is seen and heard of it.
    Clean,
    /// Of a kind that is not known here: it says whatever it says.
    Unknown,
}

/// How a file is sent without what it says beside what is seen and heard of it. Pictures must still be turned ([`crate::look()`]); one that is too large for that says how, and nothing else.
///
/// # Errors
/// [`Trouble`]: damaged, so that nobody can say.
pub fn strip(file: &mut (impl Read + Seek), turned: u8) -> Result<(Recipe, Stripped), Trouble> {
    let mut source = Source::new(file)?;
    let recipe = match Form::of(&mut source)? {
        Some(Form::Jpeg) => jpeg::strip(&mut source, turned)?,
        Some(Form::Png) => png::strip(&mut source)?,
        Some(Form::WebP) => webp::strip(&mut source)?,
        Some(Form::Gif) => gif::strip(&mut source)?,
        Some(Form::Boxes) => film::strip(&mut source)?,
        None => return Ok((Recipe::whole(source.length()), Stripped::Unknown)),
    };
    Ok((recipe, Stripped::Clean))
}
