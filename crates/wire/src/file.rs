//! Sealed files at a server: under which id they lie, who may go on with an upload, and in which pieces they travel.
//!
//! A file's id is the hash of its upload token. Whoever shows the token may begin, continue and cancel the upload; whoever knows the id
//! may download. So neither is tied to an account, and the server keeps no secret for it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::ids::{WrongLength, from_hex};

/// Below this path each file has its id, in lower-case hexadecimal.
pub const FILES_PATH: &str = "/v1/files";

/// The header with how many bytes of an upload the server has (draft-ietf-httpbis-resumable-upload).
pub const UPLOAD_OFFSET: &str = "upload-offset";
/// The header with an upload's whole length (draft-ietf-httpbis-resumable-upload).
pub const UPLOAD_LENGTH: &str = "upload-length";
/// The header that says whether an upload is complete: `?1` or `?0` (draft-ietf-httpbis-resumable-upload).
pub const UPLOAD_COMPLETE: &str = "upload-complete";
/// The header with what the server takes: `max-size=N` (draft-ietf-httpbis-resumable-upload).
pub const UPLOAD_LIMIT: &str = "upload-limit";

/// A sealed file at a server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId([u8; 32]);

impl FileId {
    /// The id with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The whole id in lower-case hexadecimal.
impl std::fmt::Display for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Only its first bytes: a log line can't be used to fetch the file.
impl std::fmt::Debug for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileId(")?;
        self.0
            .iter()
            .take(3)
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

impl std::str::FromStr for FileId {
    type Err = WrongLength;

    /// Reads what `Display` writes, and only that: one file has one name.
    fn from_str(text: &str) -> Result<Self, WrongLength> {
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        let bytes = from_hex(text).filter(|_| !upper).unwrap_or_default();
        let length = bytes.len();
        let array = bytes.try_into().map_err(|_| WrongLength {
            name: "FileId",
            expected: 32,
            actual: length,
        })?;
        Ok(Self(array))
    }
}

/// What makes an upload one's own: 32 random bytes. Compares in constant time; prints as `<secret>`.
#[derive(Clone)]
pub struct UploadToken(Zeroizing<[u8; 32]>);

impl UploadToken {
    /// The token with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The file that it uploads: SHA-256 over `"keyfold file v1"` and the token.
    pub fn id(&self) -> FileId {
        let mut hasher = Sha256::new();
        hasher.update(b"keyfold file v1");
        hasher.update(self.as_bytes());
        FileId(hasher.finalize().into())
    }

    /// As an `Authorization` header carries it: `Bearer` and hexadecimal (RFC 6750 section 2.1).
    pub fn to_header(&self) -> Zeroizing<String> {
        let mut header = Zeroizing::new(String::from("Bearer "));
        for byte in self.as_bytes() {
            let _ = write!(header, "{byte:02x}");
        }
        header
    }

    /// Reads what [`UploadToken::to_header`] writes. `None`: it is no such token.
    pub fn from_header(header: &str) -> Option<Self> {
        let (scheme, digits) = header.split_once(' ')?;
        let bytes = Zeroizing::new(from_hex(digits)?);
        let array = bytes.as_slice().try_into().ok()?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| Self::new(array))
    }
}

impl PartialEq for UploadToken {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_slice(), other.0.as_slice()).into()
    }
}

impl Eq for UploadToken {}

impl std::fmt::Debug for UploadToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_through_its_header_and_gives_its_file_s_id() {
        let token = UploadToken::new([0xa7; 32]);
        let header = token.to_header();
        assert!(header.starts_with("Bearer a7a7"));
        assert_eq!(UploadToken::from_header(&header), Some(token.clone()));
        let id = token.id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, UploadToken::new([0xa8; 32]).id());
        assert!(id.to_string().to_uppercase().parse::<FileId>().is_err());
        for other in ["", "Bearer", "Bearer a7", &header[1..], "Basic 00"] {
            assert_eq!(UploadToken::from_header(other), None, "{other}");
        }
    }

    #[test]
    fn neither_prints_as_a_whole() {
        let token = UploadToken::new([0xa7; 32]);
        assert_eq!(format!("{token:?}"), "<secret>");
        assert_eq!(format!("{:?}", FileId::new([1; 32])), "FileId(010101..)");
    }
}
