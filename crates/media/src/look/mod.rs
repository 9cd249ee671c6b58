//! What can be seen and heard of a file at once: its sides, a blur, a small picture, how long it plays, how loud it is.

mod picture;
mod sound;

use std::fs::File;

use keyfold_protocol::content::Media;
use keyfold_protocol::limits::MAX_PIXELS_ON_A_SIDE;

use crate::Trouble;
use crate::recipe::Recipe;
use crate::source::Source;
use crate::strip::{Film, Form, Stripped, strip};
use picture::Picture;

/// How somebody wants a file to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Upright, and without what it says beside what is seen and heard.
    Clean,
    /// Every byte of it.
    AsItIs,
}

/// How a file is sent, and what can be seen of it.
pub struct Looked {
    /// How what is sent is made of it.
    pub recipe: Recipe,
    /// What can be seen of that at once.
    pub media: Media,
    /// Whether it still says more than is seen and heard of it.
    pub stripped: Stripped,
}

/// Makes a file ready: a picture is turned as it was taken, what it says beside what is seen and heard goes, and what can be seen of it at once is made. Sounds are told by `media_type`.
///
/// # Errors
/// [`Trouble`]; a file that is sent as it is makes none but with the disk.
pub fn look(mut file: File, media_type: &str, sent: Sent) -> Result<Looked, Trouble> {
    let (form, length) = {
        let mut source = Source::new(&mut file)?;
        (Form::of(&mut source)?, source.length())
    };
    let mut picture = match form {
        Some(Form::Jpeg | Form::Png | Form::WebP) => Picture::read(&mut file),
        _ => None,
    };
    let media = match (form, &picture) {
        (_, Some(picture)) => picture.media(),
        (Some(Form::Gif), _) => Media {
            sides: gif_sides(&mut file)?,
            ..Media::default()
        },
        (Some(Form::Boxes), _) => film(&mut file)?,
        _ if media_type.starts_with("audio/") => sound::hear(&file)?,
        _ => Media::default(),
    };
    if sent == Sent::AsItIs {
        return Ok(Looked {
            recipe: Recipe::whole(length),
            media,
            stripped: Stripped::Unknown,
        });
    }
    let moves = {
        let mut source = Source::new(&mut file)?;
        form.is_some_and(|form| form.moves(&mut source).unwrap_or(false))
    };
    // One that moves is not made anew: nothing would be left of it but where it begins.
    let upright = picture
        .as_mut()
        .filter(|_| !moves)
        .and_then(Picture::upright);
    let (recipe, stripped) = match upright {
        Some(upright) => (Recipe::bytes(upright), Stripped::Clean),
        None => strip(&mut file, picture.map_or(1, |picture| picture.turned()))?,
    };
    Ok(Looked {
        recipe,
        media,
        stripped,
    })
}

fn gif_sides(file: &mut File) -> Result<Option<(u32, u32)>, Trouble> {
    let [a, b, c, d] = Source::new(file)?.array(6)?;
    Ok(sides(
        u16::from_le_bytes([a, b]).into(),
        u16::from_le_bytes([c, d]).into(),
    ))
}

/// A film or a sound, or a picture of which only the sides can be read here. One that is damaged says nothing.
fn film(file: &mut File) -> Result<Media, Trouble> {
    let film = match Film::read(&mut Source::new(file)?) {
        Err(Trouble::Damaged) => Film::default(),
        film => film?,
    };
    let sides = film.sides.and_then(|(width, height)| sides(width, height));
    let duration = film
        .duration
        .and_then(|duration| u32::try_from(duration).ok());
    let heard = match (sides, duration) {
        (None, Some(_)) => sound::hear(file)?,
        _ => Media::default(),
    };
    Ok(Media {
        sides,
        duration: heard.duration.or(duration),
        ..heard
    })
}

/// Sides that can be said.
fn sides(width: u32, height: u32) -> Option<(u32, u32)> {
    let fits = |side| (1..=MAX_PIXELS_ON_A_SIDE).contains(&side);
    (fits(width) && fits(height)).then_some((width, height))
}
