//! A file that a message carries: a MIMI `ExternalPart` (draft-ietf-mimi-content-08, "External content") that names a sealed file at
//! the conversation's own server.
//!
//! A file elsewhere is not read: to fetch it would tell its sender where the reader is.

use keyfold_wire::file::FileId;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::MAX_FILE;

use super::mimi::External;
use super::{ContentError, Media};
use crate::file::{FileKey, FileName, Layout};
use crate::limits::MAX_MEDIA_TYPE;

/// What the URL of a file begins with; its id follows, in lower-case hexadecimal.
pub const FILE_URL: &str = "keyfold:file/";
/// The media type of a file of which nothing is known.
pub const UNKNOWN_FILE: &str = "application/octet-stream";

/// `encAlg` of files sealed as in [`crate::file`]: RFC 5116 section 6 leaves the numbers from 32,768 on to private use.
pub const SEALED_IN_SEGMENTS: u16 = 0x8001;
/// `hashAlg`: SHA-256 in the registry of named information hash algorithms.
const SHA_256: u8 = 1;

/// A file of a message: where it lies, how it opens, and what its sender says of it. Prints as `<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Where it lies at the server.
    pub id: FileId,
    /// What it is sealed under.
    pub key: FileKey,
    /// SHA-256 over the sealed file.
    pub hash: [u8; 32],
    /// Bytes of its content.
    pub size: u64,
    /// Its media type (RFC 6838), as its sender says.
    pub media_type: String,
    /// Its name, as its sender says.
    pub name: Option<FileName>,
    /// Until when it can be had, in whole seconds. `None`: its sender does not say.
    pub expires: Option<Timestamp>,
    /// What can be seen of it before it is loaded, as its sender says.
    pub media: Media,
}

impl Attachment {
    /// Whether it can be written.
    ///
    /// # Errors
    /// [`ContentError::File`].
    pub fn check(&self) -> Result<(), ContentError> {
        self.media.check()?;
        let fits = Layout::new(self.size).is_ok() && is_media_type(&self.media_type);
        if fits {
            Ok(())
        } else {
            Err(ContentError::File)
        }
    }

    /// As a part of a message, under a URL that begins so.
    pub(super) fn to_external_at(&self, begins: &str) -> External {
        let seconds = |at: Timestamp| u32::try_from(at.0 / 1_000).unwrap_or(0);
        External {
            media_type: self.media_type.clone(),
            url: format!("{begins}{}", self.id),
            expires: self.expires.map_or(0, seconds),
            size: self.size,
            algorithm: SEALED_IN_SEGMENTS,
            key: self.key.key().to_vec().into(),
            nonce: self.key.nonce().to_vec(),
            aad: Vec::new(),
            hash_algorithm: SHA_256,
            hash: self.hash.to_vec(),
            description: String::new(),
            name: self
                .name
                .as_ref()
                .map_or_else(String::new, |name| name.as_str().to_owned()),
        }
    }

    /// Reads a part whose URL begins so; what can be seen of it stands elsewhere. `None`: it lies elsewhere, or is sealed in a way of a later version.
    ///
    /// # Errors
    /// [`ContentError::File`] where it claims to be such a file and can't be one.
    pub(super) fn at(begins: &str, part: &External) -> Result<Option<Self>, ContentError> {
        let Some(id) = part.url.strip_prefix(begins) else {
            return Ok(None);
        };
        if part.algorithm != SEALED_IN_SEGMENTS || part.hash_algorithm != SHA_256 {
            return Ok(None);
        }
        let name = match part.name.as_str() {
            "" => None,
            name => Some(FileName::new(name).map_err(|_| ContentError::File)?),
        };
        let [key, hash] = [&*part.key, &part.hash].map(|bytes| <[u8; 32]>::try_from(&**bytes));
        let (Ok(id), Ok(key), Ok(hash), Ok(nonce), true) = (
            id.parse(),
            key,
            hash,
            part.nonce.as_slice().try_into(),
            part.aad.is_empty() && part.size <= MAX_FILE,
        ) else {
            return Err(ContentError::File);
        };
        let attachment = Self {
            id,
            key: FileKey::new(key, nonce),
            hash,
            size: part.size,
            media_type: part.media_type.clone(),
            name,
            expires: (part.expires != 0).then(|| Timestamp(u64::from(part.expires) * 1_000)),
            media: Media::default(),
        };
        attachment.check()?;
        Ok(Some(attachment))
    }
}

/// `type/subtype` with parameters, in printable ASCII.
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default();
    let name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    text.len() <= MAX_MEDIA_TYPE
        && text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && essence
            .trim_end()
            .split_once('/')
            .is_some_and(|(kind, sub)| name(kind) && name(sub) && !sub.contains('/'))
}
