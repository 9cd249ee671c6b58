//! Writing messages: encoded once, with their id.

use keyfold_wire::limits::MAX_TEXT;
use rand_core::CryptoRng;

use super::expires::Expires;
use super::mimi::{Disposition, Extension, Key, Mimi, Part, Semantics};
use super::{
    Attachment, Author, ContentError, ContentId, EXTENSION_COUNTER, EXTENSION_FORWARDED,
    EXTENSION_LEAVE, EXTENSION_MEDIA, EXTENSION_PIN, MARKDOWN, PLAIN, PROFILE, Profile,
    check_reaction, media,
};
use crate::cbor;
use crate::leave::LeaveProof;

/// A message to be encrypted: its bytes, which are kept until the server has accepted it, and its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// Its id, however often it is encrypted anew.
    pub id: ContentId,
    /// The encoded content: the plaintext of the MLS application message.
    pub encoded: Vec<u8>,
}

/// What somebody says, to be written.
#[derive(Clone, Copy)]
pub enum Saying<'a> {
    /// A text in the small Markdown subset of MIMI.
    Text {
        /// 1 to `MAX_TEXT` bytes.
        text: &'a str,
        /// The message that it answers.
        in_reply_to: Option<ContentId>,
    },
    /// Another text in the place of a message of one's own.
    Edit {
        /// The message as it was said first.
        of: ContentId,
        /// 1 to `MAX_TEXT` bytes.
        text: &'a str,
        /// The message that it answers, as the first one did.
        in_reply_to: Option<ContentId>,
    },
    /// A text that was said elsewhere, 1 to `MAX_TEXT` bytes.
    Forwarded(&'a str),
    /// A message or a reaction is taken back.
    Deletion(ContentId),
    /// A reaction.
    Reaction {
        /// The message.
        to: ContentId,
        /// 1 to `MAX_REACTION` bytes.
        emoji: &'a str,
        /// The own reaction whose place it takes.
        replaces: Option<ContentId>,
    },
    /// A message is pinned for everybody, or not any more.
    Pin {
        /// The message as it was said first.
        of: ContentId,
        /// It is from now on.
        pinned: bool,
    },
    /// A file that lies at the server.
    File {
        /// The file.
        file: &'a Attachment,
        /// At most `MAX_TEXT` bytes; empty: nothing is said about it.
        caption: &'a str,
        /// The message that it answers.
        in_reply_to: Option<ContentId>,
    },
    /// What the sender shows of themselves.
    Profile(&'a Profile),
}

impl<'a> Saying<'a> {
    /// The text that it says; what is said about a file is none.
    pub const fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text { text, .. } | Self::Edit { text, .. } | Self::Forwarded(text) => Some(text),
            Self::Deletion(_)
            | Self::Reaction { .. }
            | Self::Pin { .. }
            | Self::File { .. }
            | Self::Profile(_) => None,
        }
    }

    /// Whether it says when it is to be gone, where it is to be: what is shown by itself does, and what takes its place.
    pub const fn may_expire(&self) -> bool {
        matches!(
            self,
            Self::Text { .. } | Self::Edit { .. } | Self::Forwarded(_) | Self::File { .. }
        )
    }

    /// Whether it can be written.
    ///
    /// # Errors
    /// [`ContentError::Empty`] without any text, [`ContentError::TextTooLong`] over `MAX_TEXT`, [`ContentError::Reaction`],
    /// [`ContentError::File`], [`ContentError::Profile`].
    pub fn check(&self) -> Result<(), ContentError> {
        match self.text() {
            Some("") => Err(ContentError::Empty),
            Some(text) if text.len() > MAX_TEXT => Err(ContentError::TextTooLong),
            _ => match self {
                Self::Reaction { emoji, .. } => check_reaction(emoji),
                Self::File { caption, .. } if caption.len() > MAX_TEXT => {
                    Err(ContentError::TextTooLong)
                }
                Self::File { file, .. } => file.check(),
                Self::Profile(profile) => profile.check(),
                _ => Ok(()),
            },
        }
    }
}

/// A text. `counter` counts this device's messages in the conversation, from 1.
///
/// # Errors
/// As [`write`].
pub fn text(
    author: &Author,
    counter: u64,
    text: &str,
    rng: &mut dyn CryptoRng,
) -> Result<Composed, ContentError> {
    let saying = Saying::Text {
        text,
        in_reply_to: None,
    };
    write(author, counter, saying, rng)
}

/// Writes what somebody says. `counter` counts this device's messages in the conversation, from 1.
///
/// # Errors
/// As [`Saying::check`].
pub fn write(
    author: &Author,
    counter: u64,
    saying: Saying<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<Composed, ContentError> {
    write_expiring(author, counter, saying, None, rng)
}

/// The same, of what is to be gone at some time. What does something to an earlier message goes with that; of it, only an edit says when.
///
/// # Errors
/// As [`Saying::check`].
pub fn write_expiring(
    author: &Author,
    counter: u64,
    saying: Saying<'_>,
    expires: Option<Expires>,
    rng: &mut dyn CryptoRng,
) -> Result<Composed, ContentError> {
    saying.check()?;
    let about = match saying {
        Saying::Text { in_reply_to, .. } | Saying::File { in_reply_to, .. } => About {
            in_reply_to,
            ..About::default()
        },
        Saying::Edit {
            of, in_reply_to, ..
        } => About {
            replaces: Some(of),
            in_reply_to,
        },
        Saying::Deletion(of) => About {
            replaces: Some(of),
            in_reply_to: None,
        },
        Saying::Reaction { to, replaces, .. } => About {
            replaces,
            in_reply_to: Some(to),
        },
        Saying::Pin { of, .. } => About {
            replaces: None,
            in_reply_to: Some(of),
        },
        Saying::Forwarded(_) | Saying::Profile(_) => About::default(),
    };
    let part = match saying {
        Saying::Text { text, .. } | Saying::Edit { text, .. } | Saying::Forwarded(text) => {
            single(Disposition::RENDER, MARKDOWN, text)
        }
        Saying::Deletion(_) | Saying::Pin { .. } => Part::Null,
        Saying::Reaction { emoji, .. } => single(Disposition::REACTION, PLAIN, emoji),
        Saying::File { file, caption, .. } => with_caption(file, caption),
        Saying::Profile(profile) => Part::Single {
            disposition: Disposition::PROFILE,
            media_type: PROFILE.to_owned(),
            content: profile.encode(),
        },
    };
    let mut extensions = vec![counting(counter)];
    extensions.extend(match saying {
        Saying::Forwarded(_) => Some(flag(EXTENSION_FORWARDED, true)),
        Saying::Pin { pinned, .. } => Some(flag(EXTENSION_PIN, pinned)),
        Saying::File { file, .. } => file.media.encode().map(|value| Extension {
            key: Key::text(EXTENSION_MEDIA),
            value,
        }),
        _ => None,
    });
    let expires = expires.filter(|_| saying.may_expire());
    Ok(compose(author, about, extensions, part, expires, rng))
}

fn flag(name: &str, value: bool) -> Extension {
    Extension {
        key: Key::text(name),
        value: cbor::encode(|e| e.bool(value)?.ok()),
    }
}

/// The file behind its caption and before its thumbnail, where it has them.
fn with_caption(file: &Attachment, caption: &str) -> Part {
    let part = Part::External {
        disposition: Disposition::ATTACHMENT,
        external: Box::new(file.to_external()),
    };
    let caption = (!caption.is_empty()).then(|| single(Disposition::RENDER, MARKDOWN, caption));
    let thumbnail = file.media.thumbnail.as_ref().map(media::to_part);
    if caption.is_none() && thumbnail.is_none() {
        return part;
    }
    Part::Multi {
        semantics: Semantics::ProcessAll,
        parts: caption.into_iter().chain([part]).chain(thumbnail).collect(),
    }
}

fn single(disposition: Disposition, media_type: &str, content: &str) -> Part {
    Part::Single {
        disposition,
        media_type: media_type.to_owned(),
        content: content.as_bytes().to_vec(),
    }
}

/// The earlier messages that a message is about.
#[derive(Clone, Copy, Default)]
struct About {
    replaces: Option<ContentId>,
    in_reply_to: Option<ContentId>,
}

/// The message by which an account leaves: no part, and the proof that whoever removes it shows to all.
pub fn leaving(
    author: &Author,
    counter: u64,
    proof: &LeaveProof,
    rng: &mut dyn CryptoRng,
) -> Composed {
    let leave = Extension {
        key: Key::text(EXTENSION_LEAVE),
        value: cbor::encode(|e| e.bytes(proof.signature())?.ok()),
    };
    let extensions = vec![counting(counter), leave];
    compose(author, About::default(), extensions, Part::Null, None, rng)
}

fn counting(counter: u64) -> Extension {
    Extension {
        key: Key::text(EXTENSION_COUNTER),
        value: cbor::encode(|e| e.u64(counter)?.ok()),
    }
}

fn compose(
    author: &Author,
    about: About,
    extensions: Vec<Extension>,
    part: Part,
    expires: Option<Expires>,
    rng: &mut dyn CryptoRng,
) -> Composed {
    let mut salt = [0; 16];
    rng.fill_bytes(&mut salt);
    let encoded = Mimi {
        salt,
        replaces: about.replaces,
        topic: Vec::new(),
        expires: expires.map(Into::into),
        in_reply_to: about.in_reply_to,
        extensions,
        part,
        later_fields: false,
    }
    .encode();
    Composed {
        id: ContentId::of(author, &encoded, &salt),
        encoded,
    }
}
