//! What somebody shows of themselves: a name, a picture, a few words. It travels inside conversations, as a message that is not shown, so nobody
//! but their members has it, the server least of all.
//!
//! A name here is what its owner says, and no proof of anything: handles tell people apart.

use super::{ContentError, fields};
use crate::cbor;
use crate::limits::{MAX_ABOUT, MAX_PROFILE_VERSION};
use crate::picture::Picture;
use crate::state::{Description, Name};

/// The media type of a profile.
pub const PROFILE: &str = "application/vnd.keyfold.profile+cbor";

const KEY_VERSION: u64 = 1;
const KEY_NAME: u64 = 2;
const KEY_ABOUT: u64 = 3;
const KEY_PICTURE: u64 = 4;

/// A profile. Of two of one account the one with the greater version counts, and of two with the same version the one whose encoding is greater.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Milliseconds since the Unix epoch when it was made, or one more than the version before.
    pub version: u64,
    /// What its owner is called; empty: nothing but the handle.
    pub name: Name,
    /// What its owner says of themselves, at most `MAX_ABOUT` bytes; may be empty.
    pub about: Description,
    /// What its owner looks like.
    pub picture: Option<Picture>,
}

impl Profile {
    /// Whether it can be written: what its types allow may still be too much.
    ///
    /// # Errors
    /// [`ContentError::Profile`].
    pub fn check(&self) -> Result<(), ContentError> {
        if self.about.as_str().len() <= MAX_ABOUT && self.version <= MAX_PROFILE_VERSION {
            Ok(())
        } else {
            Err(ContentError::Profile)
        }
    }

    /// As it travels. What is empty is left out.
    pub fn encode(&self) -> Vec<u8> {
        let (name, about) = (self.name.as_str(), self.about.as_str());
        let picture = self.picture.as_ref().map(Picture::as_bytes);
        let fields = [!name.is_empty(), !about.is_empty(), picture.is_some()];
        let count = fields.into_iter().filter(|there| *there).count();
        cbor::encode(|e| {
            e.map(count as u64 + 1)?
                .u64(KEY_VERSION)?
                .u64(self.version)?;
            if !name.is_empty() {
                e.u64(KEY_NAME)?.str(name)?;
            }
            if !about.is_empty() {
                e.u64(KEY_ABOUT)?.str(about)?;
            }
            if let Some(picture) = picture {
                e.u64(KEY_PICTURE)?.bytes(picture)?;
            }
            e.ok()
        })
    }

    /// Reads one. Fields that this version does not know are passed over.
    ///
    /// # Errors
    /// [`ContentError`].
    pub fn decode(encoded: &[u8]) -> Result<Self, ContentError> {
        let (mut profile, mut version) = (Self::default(), None);
        fields::read(encoded, |key, d| {
            match key {
                KEY_VERSION => version = Some(d.u64()?),
                KEY_NAME => {
                    profile.name = Name::new(d.str()?).map_err(|_| ContentError::Profile)?;
                }
                KEY_ABOUT => {
                    let about = Description::new(d.str()?);
                    profile.about = about.map_err(|_| ContentError::Profile)?;
                }
                KEY_PICTURE => {
                    let picture = Picture::new(d.bytes()?.to_vec());
                    profile.picture = Some(picture.map_err(|_| ContentError::Profile)?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        profile.version = version.ok_or(ContentError::Malformed)?;
        profile.check()?;
        Ok(profile)
    }
}
