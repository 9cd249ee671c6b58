//! A picture, video or recording that is to be opened once: a file whose key its reader erases then.
//!
//! It is an external part as a file is, under a URL of its own, so that a version that does not know to erase the key does not open it either.
//! Nothing forces a reader to do so: a changed program can keep what it shows.

use super::attachment::Attachment;
use super::mimi::{Disposition, External, Mimi, Part};
use super::{ContentError, MAX_CONTENT};

/// What the URL of a file that is opened once begins with; its id follows, in lower-case hexadecimal. Where none does, its key was erased here.
pub const ONCE_URL: &str = "keyfold:once/";

/// What can be shown without being kept: a document would be handed to another program.
const SHOWN: [&str; 3] = ["image/", "video/", "audio/"];

/// A file that is opened once.
#[derive(Clone, PartialEq, Eq)]
pub struct Once {
    /// Its media type.
    pub media_type: String,
    /// Bytes of its content.
    pub size: u64,
    /// The file. `None`: nothing of it is kept here any more, or ever was.
    pub file: Option<Attachment>,
}

/// Whether a file of this media type may be sent so.
pub fn may_be_once(media_type: &str) -> bool {
    let lower = media_type.to_ascii_lowercase();
    SHOWN.iter().any(|kind| lower.starts_with(kind))
}

/// The part of a message that carries it.
pub(super) fn part(file: &Attachment) -> Part {
    Part::External {
        disposition: Disposition::ATTACHMENT,
        external: Box::new(file.to_external_at(ONCE_URL)),
    }
}

/// Reads a part. `None`: it is none, or of a later version.
///
/// # Errors
/// [`ContentError::File`].
pub(super) fn of(part: &Part) -> Result<Option<Once>, ContentError> {
    let Part::External {
        disposition: Disposition::ATTACHMENT,
        external,
    } = part
    else {
        return Ok(None);
    };
    if !may_be_once(&external.media_type) || !external.url.starts_with(ONCE_URL) {
        return Ok(None);
    }
    let erased = external.url == ONCE_URL;
    let file = if erased {
        None
    } else {
        match Attachment::at(ONCE_URL, external)? {
            Some(file) => Some(file),
            None => return Ok(None),
        }
    };
    Ok(Some(Once {
        media_type: external.media_type.clone(),
        size: external.size,
        file,
    }))
}

/// A message without where its file lies, its key and its name: what is kept of one that was opened. It is for this device alone, and no message that
/// comes reads so.
///
/// # Errors
/// [`ContentError`]: these are not the bytes of such a message.
pub fn without_key(encoded: &[u8]) -> Result<Vec<u8>, ContentError> {
    let mut mimi = Mimi::decode(encoded)?;
    let Some(once) = of(&mimi.part)? else {
        return Err(ContentError::Malformed);
    };
    mimi.part = Part::External {
        disposition: Disposition::ATTACHMENT,
        external: Box::new(External {
            media_type: once.media_type,
            url: ONCE_URL.to_owned(),
            expires: 0,
            size: once.size,
            algorithm: 0,
            key: Vec::new().into(),
            nonce: Vec::new(),
            aad: Vec::new(),
            hash_algorithm: 0,
            hash: Vec::new(),
            description: String::new(),
            name: String::new(),
        }),
    };
    let kept = mimi.encode();
    if kept.len() > MAX_CONTENT {
        return Err(ContentError::TooLarge);
    }
    Ok(kept)
}
