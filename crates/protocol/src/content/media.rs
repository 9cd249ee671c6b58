//! What can be seen of a picture, a film or a sound before it is loaded: made by its sender's shell, and no more than its sender's word.

use super::mimi::{Disposition, Part};
use super::{ContentError, fields};
use crate::cbor;
use crate::limits::{MAX_BLUR, MAX_PIXELS_ON_A_SIDE, MAX_THUMBNAIL, MAX_WAVEFORM, MIN_BLUR};
use crate::picture::Thumbnail;

/// The extension of a message with a file that says what can be seen of it.
pub const EXTENSION_MEDIA: &str = "keyfold.media";

const KEY_SIDES: u64 = 1;
const KEY_BLUR: u64 = 2;
const KEY_DURATION: u64 = 3;
const KEY_WAVEFORM: u64 = 4;

/// What can be seen of a file before it is loaded. Prints as `<secret>`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// Width and height in pixels, as it is shown: each 1 to `MAX_PIXELS_ON_A_SIDE`.
    pub sides: Option<(u32, u32)>,
    /// A `ThumbHash`: `MIN_BLUR` to `MAX_BLUR` bytes that draw a blurred picture.
    pub blur: Option<Vec<u8>>,
    /// How long it plays, in milliseconds.
    pub duration: Option<u32>,
    /// How loud it is in as many equal parts, each from 0 to 255: 1 to `MAX_WAVEFORM`.
    pub waveform: Option<Vec<u8>>,
    /// A small picture of it.
    pub thumbnail: Option<Thumbnail>,
}

/// A small picture as a part of a message, beside the file.
pub(super) fn to_part(thumbnail: &Thumbnail) -> Part {
    Part::Single {
        disposition: Disposition::PREVIEW,
        media_type: thumbnail.media_type().to_owned(),
        content: thumbnail.as_bytes().to_vec(),
    }
}

/// Reads a part that is a preview. One of a form that is not read here is passed over.
pub(super) fn of_part(content: &[u8]) -> Result<Option<Thumbnail>, ContentError> {
    if content.len() > MAX_THUMBNAIL {
        return Err(ContentError::File);
    }
    Ok(Thumbnail::new(content.to_vec()).ok())
}

impl Media {
    /// Whether it can be written.
    ///
    /// # Errors
    /// [`ContentError::File`].
    pub(super) fn check(&self) -> Result<(), ContentError> {
        let side = 1..=MAX_PIXELS_ON_A_SIDE;
        let fits = self
            .sides
            .is_none_or(|(width, height)| side.contains(&width) && side.contains(&height))
            && self
                .blur
                .as_ref()
                .is_none_or(|blur| (MIN_BLUR..=MAX_BLUR).contains(&blur.len()))
            && self
                .waveform
                .as_ref()
                .is_none_or(|wave| (1..=MAX_WAVEFORM).contains(&wave.len()));
        if fits {
            Ok(())
        } else {
            Err(ContentError::File)
        }
    }

    /// The value of its extension. `None`: there is nothing to say in one.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let fields = [
            self.sides.is_some(),
            self.blur.is_some(),
            self.duration.is_some(),
            self.waveform.is_some(),
        ];
        let count = fields.into_iter().filter(|there| *there).count();
        if count == 0 {
            return None;
        }
        Some(cbor::encode(|e| {
            e.map(count as u64)?;
            if let Some((width, height)) = self.sides {
                e.u64(KEY_SIDES)?.array(2)?.u32(width)?.u32(height)?;
            }
            if let Some(blur) = &self.blur {
                e.u64(KEY_BLUR)?.bytes(blur)?;
            }
            if let Some(duration) = self.duration {
                e.u64(KEY_DURATION)?.u32(duration)?;
            }
            if let Some(waveform) = &self.waveform {
                e.u64(KEY_WAVEFORM)?.bytes(waveform)?;
            }
            e.ok()
        }))
    }

    /// Reads the value of its extension. Fields that this version does not know are passed over.
    ///
    /// # Errors
    /// [`ContentError`].
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, ContentError> {
        let mut media = Self::default();
        fields::read(encoded, |key, d| {
            match key {
                KEY_SIDES => {
                    if cbor::array(d)? != 2 {
                        return Err(ContentError::Malformed);
                    }
                    media.sides = Some((d.u32()?, d.u32()?));
                }
                KEY_BLUR => media.blur = Some(d.bytes()?.to_vec()),
                KEY_DURATION => media.duration = Some(d.u32()?),
                KEY_WAVEFORM => media.waveform = Some(d.bytes()?.to_vec()),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        media.check()?;
        Ok(media)
    }
}
