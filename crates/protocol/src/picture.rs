//! Small pictures that travel inside what members say and agree on. They are their makers': whoever decodes one bounds what that costs.

use crate::limits::{MAX_GROUP_PICTURE, MAX_PICTURE, MAX_THUMBNAIL};

/// A picture in one of the forms that every screen shows, at most `MOST` bytes. It has not been decoded. Prints as `<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct SmallPicture<const MOST: usize>(Vec<u8>);

/// What somebody looks like.
pub type Picture = SmallPicture<MAX_PICTURE>;

/// What a file looks like.
pub type Thumbnail = SmallPicture<MAX_THUMBNAIL>;

/// What stands for a group.
pub type GroupPicture = SmallPicture<MAX_GROUP_PICTURE>;

/// Too large, or no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no JPEG, PNG or WebP, or too large")]
pub struct NotAPicture;

impl<const MOST: usize> SmallPicture<MOST> {
    /// The picture, if it fits and looks like one.
    ///
    /// # Errors
    /// [`NotAPicture`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, NotAPicture> {
        if bytes.len() <= MOST && media_type(&bytes).is_some() {
            Ok(Self(bytes))
        } else {
            Err(NotAPicture)
        }
    }

    /// The file that it is.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        media_type(&self.0).unwrap_or("image/jpeg")
    }
}

/// It is for members only.
impl<const MOST: usize> std::fmt::Debug for SmallPicture<MOST> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// JPEG, PNG and WebP, told by how they begin.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}
