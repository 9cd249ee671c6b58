//! The MIMI content format (draft-ietf-mimi-content-08) in CBOR, without Keyfold's own rules.
//!
//! Reads more than it writes: whatever a later version adds is passed over here, and lives on in the encoded message, which
//! is kept byte for byte.

use minicbor::Decoder;
use minicbor::data::Type;

use super::{ContentError, ContentId};
use crate::cbor::{self, Malformed};
use crate::limits::{
    MAX_CONTENT, MAX_EXTENSION_KEY, MAX_EXTENSION_VALUE, MAX_EXTENSIONS, MAX_PART_DEPTH, MAX_PARTS,
    MAX_TOPIC,
};

/// Fields of `mimiContent`.
const FIELDS: u64 = 7;

/// Fields of a part that lies elsewhere.
const EXTERNAL_FIELDS: u64 = 15;

/// A message, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mimi {
    pub(crate) salt: [u8; 16],
    pub(crate) replaces: Option<ContentId>,
    pub(crate) topic: Vec<u8>,
    pub(crate) expires: Option<Expiration>,
    pub(crate) in_reply_to: Option<ContentId>,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) part: Part,
    /// Whether there are fields of a later version behind the known ones.
    pub(crate) later_fields: bool,
}

/// When a message is to be deleted: seconds after reading (relative) or since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiration {
    pub(crate) relative: bool,
    pub(crate) time: u32,
}

/// One entry of the extensions map; the value as encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) key: Key,
    pub(crate) value: Vec<u8>,
}

/// An extension's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Number(i128),
    Text(String),
}

/// How a part is meant to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disposition(pub(crate) u8);

impl Disposition {
    pub(crate) const RENDER: Self = Self(1);
    pub(crate) const REACTION: Self = Self(2);
    pub(crate) const PROFILE: Self = Self(3);
    pub(crate) const PREVIEW: Self = Self(5);
    pub(crate) const ATTACHMENT: Self = Self(6);

    /// Unspecified, render or inline; what is not registered counts as render.
    pub(crate) fn is_rendered(self) -> bool {
        matches!(self.0, 0 | 1 | 4 | 9..)
    }
}

/// How the parts of a `Multi` belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Semantics {
    ChooseOne,
    SingleUnit,
    ProcessAll,
}

/// A body part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Null,
    Single {
        disposition: Disposition,
        media_type: String,
        content: Vec<u8>,
    },
    External {
        disposition: Disposition,
        external: Box<External>,
    },
    Multi {
        semantics: Semantics,
        parts: Vec<Part>,
    },
    /// Of a later version.
    Unknown,
}

/// A body that lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct External {
    pub(crate) media_type: String,
    pub(crate) url: String,
    /// Seconds since the Unix epoch; zero: it does not.
    pub(crate) expires: u32,
    pub(crate) size: u64,
    /// An IANA AEAD algorithm number; zero: not encrypted.
    pub(crate) algorithm: u16,
    pub(crate) key: Secret,
    pub(crate) nonce: Vec<u8>,
    pub(crate) aad: Vec<u8>,
    /// An IANA named information hash algorithm.
    pub(crate) hash_algorithm: u8,
    /// Over what lies there.
    pub(crate) hash: Vec<u8>,
    pub(crate) description: String,
    pub(crate) name: String,
}

/// Bytes that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(zeroize::Zeroizing<Vec<u8>>);

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl std::ops::Deref for Secret {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl External {
    fn encode(
        &self,
        disposition: Disposition,
        e: &mut minicbor::Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
        e.array(EXTERNAL_FIELDS)?
            .u8(disposition.0)?
            .str("")?
            .u8(2)?;
        e.str(&self.media_type)?.str(&self.url)?.u32(self.expires)?;
        e.u64(self.size)?.u16(self.algorithm)?.bytes(&self.key)?;
        e.bytes(&self.nonce)?.bytes(&self.aad)?;
        e.u8(self.hash_algorithm)?.bytes(&self.hash)?;
        e.str(&self.description)?.str(&self.name)?.ok()
    }

    /// Its fields behind the cardinality.
    fn decode(fields: &[u8]) -> Result<Self, Malformed> {
        let d = &mut Decoder::new(fields);
        let media_type = d.str()?.to_owned();
        if d.datatype()? == Type::Tag && d.tag()? != minicbor::data::IanaTag::Uri.tag() {
            return Err(Malformed);
        }
        Ok(Self {
            media_type,
            url: d.str()?.to_owned(),
            expires: d.u32()?,
            size: d.u64()?,
            algorithm: d.u16()?,
            key: d.bytes()?.to_vec().into(),
            nonce: d.bytes()?.to_vec(),
            aad: d.bytes()?.to_vec(),
            hash_algorithm: d.u8()?,
            hash: d.bytes()?.to_vec(),
            description: d.str()?.to_owned(),
            name: d.str()?.to_owned(),
        })
    }
}

impl Mimi {
    /// The deterministic encoding (RFC 8949 section 4.2.1). Of parts in parts, only those that are all to be processed are written.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut extensions: Vec<(Vec<u8>, &[u8])> = self
            .extensions
            .iter()
            .map(|one| (one.key.encode(), one.value.as_slice()))
            .collect();
        extensions.sort();
        let mut encoded = cbor::encode(|e| {
            e.array(FIELDS)?.bytes(&self.salt)?;
            id_or_null(e, self.replaces)?;
            e.bytes(&self.topic)?;
            match self.expires {
                Some(at) => e.array(2)?.bool(at.relative)?.u32(at.time)?,
                None => e.null()?,
            };
            id_or_null(e, self.in_reply_to)?;
            e.map(extensions.len() as u64)?.ok()
        });
        for (key, value) in extensions {
            encoded.extend(key);
            encoded.extend_from_slice(value);
        }
        encoded.extend(self.part.encode());
        encoded
    }

    /// Takes a message apart.
    ///
    /// # Errors
    /// [`ContentError`]: malformed, over a limit, or what the draft calls malicious.
    pub(crate) fn decode(encoded: &[u8]) -> Result<Self, ContentError> {
        if encoded.len() > MAX_CONTENT {
            return Err(ContentError::TooLarge);
        }
        let mut d = Decoder::new(encoded);
        let fields = cbor::array(&mut d)?;
        if fields < FIELDS {
            return Err(ContentError::Malformed);
        }
        let salt = cbor::fixed(&mut d)?;
        let replaces = cbor::nullable(&mut d, id)?;
        let topic = d.bytes()?.to_vec();
        if topic.len() > MAX_TOPIC {
            return Err(ContentError::TooLarge);
        }
        let expires = cbor::nullable(&mut d, expiration)?;
        let in_reply_to = cbor::nullable(&mut d, id)?;
        let extensions = extensions(&mut d)?;
        let part = Part::decode(&mut d, 1, &mut { MAX_PARTS })?;
        for _ in FIELDS..fields {
            cbor::any(&mut d)?;
        }
        cbor::end(&d)?;
        let later_fields = fields > FIELDS;
        Ok(Self {
            salt,
            replaces,
            topic,
            expires,
            in_reply_to,
            extensions,
            part,
            later_fields,
        })
    }

    /// The value of an extension, as encoded.
    pub(crate) fn extension(&self, key: &Key) -> Option<&[u8]> {
        self.extensions
            .iter()
            .find(|one| one.key == *key)
            .map(|one| one.value.as_slice())
    }
}

impl Key {
    pub(crate) fn text(name: &str) -> Self {
        Self::Text(name.to_owned())
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => cbor::encode(|e| e.i128(*number)?.ok()),
            Self::Text(text) => cbor::encode(|e| e.str(text)?.ok()),
        }
    }

    fn decode(d: &mut Decoder<'_>) -> Result<Self, ContentError> {
        if d.datatype()? == Type::String {
            let text = d.str()?;
            return match text.len() {
                1..=MAX_EXTENSION_KEY => Ok(Self::text(text)),
                0 => Err(ContentError::Malformed),
                _ => Err(ContentError::TooLarge),
            };
        }
        Ok(Self::Number(d.int()?.into()))
    }
}

impl Part {
    fn encode(&self) -> Vec<u8> {
        if let Self::Multi {
            semantics: Semantics::ProcessAll,
            parts,
        } = self
        {
            let mut encoded = cbor::encode(|e| {
                let head = e.array(5)?.u8(Disposition::RENDER.0)?.str("")?.u8(3)?;
                head.u8(2)?.array(parts.len() as u64)?.ok()
            });
            encoded.extend(parts.iter().flat_map(Self::encode));
            return encoded;
        }
        cbor::encode(|e| match self {
            Self::External {
                disposition,
                external,
            } => external.encode(*disposition, e),
            Self::Single {
                disposition,
                media_type,
                content,
            } => e
                .array(5)?
                .u8(disposition.0)?
                .str("")?
                .u8(1)?
                .str(media_type)?
                .bytes(content)?
                .ok(),
            Self::Null | Self::Multi { .. } | Self::Unknown => {
                e.array(3)?.u8(0)?.str("")?.u8(0)?.ok()
            }
        })
    }

    fn decode(d: &mut Decoder<'_>, level: usize, budget: &mut usize) -> Result<Self, ContentError> {
        *budget = budget.checked_sub(1).ok_or(ContentError::TooManyParts)?;
        if level > MAX_PART_DEPTH {
            return Err(ContentError::TooDeep);
        }
        let length = cbor::array(d)?;
        let disposition = Disposition(d.u8()?);
        let _language = d.str()?;
        let (part, read) = match d.u64()? {
            0 => (Self::Null, 3),
            1 => {
                let media_type = d.str()?.to_owned();
                let content = d.bytes()?.to_vec();
                (
                    Self::Single {
                        disposition,
                        media_type,
                        content,
                    },
                    5,
                )
            }
            2 if length >= EXTERNAL_FIELDS => return Self::external(d, disposition, length),
            3 => (Self::multi(d, level, budget)?, 5),
            4.. => (Self::Unknown, 3),
            2 => return Err(ContentError::Malformed),
        };
        let rest = length.checked_sub(read).ok_or(ContentError::Malformed)?;
        for _ in 0..rest {
            cbor::any(d)?;
        }
        Ok(if rest > 0 { Self::Unknown } else { part })
    }

    /// Fields of other types than the draft's are of a later version, as fields behind them are.
    fn external(
        d: &mut Decoder<'_>,
        disposition: Disposition,
        length: u64,
    ) -> Result<Self, ContentError> {
        let begin = d.position();
        for _ in 3..length {
            cbor::any(d)?;
        }
        let fields = d.input().get(begin..d.position()).unwrap_or_default();
        Ok(match External::decode(fields) {
            Ok(external) if length == EXTERNAL_FIELDS => Self::External {
                disposition,
                external: Box::new(external),
            },
            _ => Self::Unknown,
        })
    }

    fn multi(d: &mut Decoder<'_>, level: usize, budget: &mut usize) -> Result<Self, ContentError> {
        let semantics = match d.u64()? {
            0 => Semantics::ChooseOne,
            1 => Semantics::SingleUnit,
            2 => Semantics::ProcessAll,
            _ => return Err(ContentError::Malformed),
        };
        let count = cbor::array(d)?;
        if count < 2 {
            return Err(ContentError::Malformed);
        }
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(Self::decode(d, level + 1, budget)?);
        }
        Ok(Self::Multi { semantics, parts })
    }
}

fn id(d: &mut Decoder<'_>) -> Result<ContentId, Malformed> {
    ContentId::from_bytes(cbor::fixed(d)?).ok_or(Malformed)
}

fn id_or_null(
    e: &mut minicbor::Encoder<Vec<u8>>,
    id: Option<ContentId>,
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    match id {
        Some(id) => e.bytes(id.as_bytes())?.ok(),
        None => e.null()?.ok(),
    }
}

fn expiration(d: &mut Decoder<'_>) -> Result<Expiration, Malformed> {
    if cbor::array(d)? != 2 {
        return Err(Malformed);
    }
    Ok(Expiration {
        relative: d.bool()?,
        time: d.u32()?,
    })
}

fn extensions(d: &mut Decoder<'_>) -> Result<Vec<Extension>, ContentError> {
    let count = cbor::map(d)?;
    if count > MAX_EXTENSIONS as u64 {
        return Err(ContentError::TooLarge);
    }
    let mut extensions: Vec<Extension> = Vec::new();
    for _ in 0..count {
        let key = Key::decode(d)?;
        let value = cbor::any(d)?;
        if value.len() > MAX_EXTENSION_VALUE {
            return Err(ContentError::TooLarge);
        }
        if extensions.iter().any(|one| one.key == key) {
            return Err(ContentError::Malformed);
        }
        extensions.push(Extension {
            key,
            value: value.to_vec(),
        });
    }
    Ok(extensions)
}
