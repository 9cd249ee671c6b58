//! Writing messages: encoded once, with their id.

use keyfold_wire::limits::MAX_TEXT;
use rand_core::CryptoRng;

use super::expires::Expires;
use super::mimi::{Disposition, Extension, Key, Mimi, Part, Semantics};
use super::poll::{check_choices, encode_choices, encode_end};
use super::{
    Attachment, Author, CARD, Card, ContentError, ContentId, EXTENSION_COUNTER,
    EXTENSION_FORWARDED, EXTENSION_LEAVE, EXTENSION_MEDIA, EXTENSION_PIN, FILE_URL, LINK, LOCATION,
    Location, MARKDOWN, PLAIN, POLL, POLL_END, PROFILE, Poll, Preview, Profile, Text, TextFormat,
    VOTE, check_reaction, may_be_once, media, once,
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
    /// A text with what one of its links leads to.
    Previewed {
        /// 1 to `MAX_TEXT` bytes.
        text: &'a str,
        /// It.
        preview: &'a Preview,
    },
    /// A question with options.
    Poll(&'a Poll),
    /// What somebody chooses of a poll.
    Vote {
        /// The poll.
        on: ContentId,
        /// The options, by their numbers from 0 on, in order.
        choices: &'a [u8],
    },
    /// A poll is over.
    PollEnd(ContentId),
    /// A place.
    Location(&'a Location),
    /// Somebody's account.
    Card(&'a Card),
    /// A file that lies at the server and is opened once.
    Once(&'a Attachment),
}

impl<'a> Saying<'a> {
    /// The text that it says; what is said about a file is none.
    pub const fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text { text, .. }
            | Self::Edit { text, .. }
            | Self::Forwarded(text)
            | Self::Previewed { text, .. } => Some(text),
            Self::Deletion(_)
            | Self::Reaction { .. }
            | Self::Pin { .. }
            | Self::File { .. }
            | Self::Profile(_)
            | Self::Poll(_)
            | Self::Vote { .. }
            | Self::PollEnd(_)
            | Self::Location(_)
            | Self::Card(_)
            | Self::Once(_) => None,
        }
    }

    /// Whether it says when it is to be gone, where it is to be: what is shown by itself does, and what takes its place.
    pub const fn may_expire(&self) -> bool {
        matches!(
            self,
            Self::Text { .. }
                | Self::Edit { .. }
                | Self::Forwarded(_)
                | Self::File { .. }
                | Self::Previewed { .. }
                | Self::Poll(_)
                | Self::Location(_)
                | Self::Card(_)
                | Self::Once(_)
        )
    }

    /// Whether it can be written.
    ///
    /// # Errors
    /// [`ContentError::Empty`] without any text, [`ContentError::TextTooLong`] over `MAX_TEXT`, [`ContentError::Reaction`],
    /// [`ContentError::File`], [`ContentError::Profile`], [`ContentError::Poll`], [`ContentError::Location`], [`ContentError::Card`],
    /// [`ContentError::Preview`].
    pub fn check(&self) -> Result<(), ContentError> {
        match self.text() {
            Some("") => Err(ContentError::Empty),
            Some(text) if text.len() > MAX_TEXT => Err(ContentError::TextTooLong),
            _ => match self {
                Self::Reaction { emoji, .. } => check_reaction(emoji),
                Self::File { caption, .. } if caption.len() > MAX_TEXT => {
                    Err(ContentError::TextTooLong)
                }
                Self::Profile(profile) => profile.check(),
                Self::Previewed { text, preview } => check_preview(text, preview),
                Self::Poll(poll) => poll.check(),
                Self::Vote { choices, .. } => check_choices(choices),
                Self::Location(location) => location.check(),
                Self::Card(card) => card.check(),
                Self::Once(file) if !may_be_once(&file.media_type) => Err(ContentError::File),
                Self::File { file, .. } | Self::Once(file) => file.check(),
                Self::Text { .. }
                | Self::Edit { .. }
                | Self::Forwarded(_)
                | Self::Deletion(_)
                | Self::Pin { .. }
                | Self::PollEnd(_) => Ok(()),
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
    let (about, part) = (about(saying), part(saying));
    Ok(compose(author, about, extensions, part, expires, rng))
}

/// The earlier messages that it is about.
fn about(saying: Saying<'_>) -> About {
    let answers = |in_reply_to| About {
        replaces: None,
        in_reply_to,
    };
    match saying {
        Saying::Text { in_reply_to, .. } | Saying::File { in_reply_to, .. } => answers(in_reply_to),
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
        Saying::Pin { of, .. } | Saying::PollEnd(of) | Saying::Vote { on: of, .. } => {
            answers(Some(of))
        }
        Saying::Forwarded(_)
        | Saying::Profile(_)
        | Saying::Previewed { .. }
        | Saying::Poll(_)
        | Saying::Location(_)
        | Saying::Card(_)
        | Saying::Once(_) => About::default(),
    }
}

fn part(saying: Saying<'_>) -> Part {
    let own = |disposition, media_type: &str, content| Part::Single {
        disposition,
        media_type: media_type.to_owned(),
        content,
    };
    let render = Disposition::RENDER;
    match saying {
        Saying::Text { text, .. } | Saying::Edit { text, .. } | Saying::Forwarded(text) => {
            single(render, MARKDOWN, text)
        }
        Saying::Deletion(_) | Saying::Pin { .. } => Part::Null,
        Saying::Reaction { emoji, .. } => single(Disposition::REACTION, PLAIN, emoji),
        Saying::File { file, caption, .. } => with_caption(file, caption),
        Saying::Profile(profile) => own(Disposition::PROFILE, PROFILE, profile.encode()),
        Saying::Previewed { text, preview } => Part::Multi {
            semantics: Semantics::ProcessAll,
            parts: vec![
                single(render, MARKDOWN, text),
                own(Disposition::PREVIEW, LINK, preview.encode()),
            ],
        },
        Saying::Poll(poll) => own(render, POLL, poll.encode()),
        Saying::Vote { choices, .. } => own(Disposition::REACTION, VOTE, encode_choices(choices)),
        Saying::PollEnd(_) => own(Disposition::REACTION, POLL_END, encode_end()),
        Saying::Location(location) => own(render, LOCATION, location.encode()),
        Saying::Card(card) => own(render, CARD, card.encode()),
        Saying::Once(file) => once::part(file),
    }
}

/// The link must be one of the text, as its readers see it.
fn check_preview(text: &str, preview: &Preview) -> Result<(), ContentError> {
    preview.check()?;
    let text = Text {
        text: text.to_owned(),
        format: TextFormat::Markdown,
        preview: None,
    };
    if preview.is_of(&text) {
        Ok(())
    } else {
        Err(ContentError::Preview)
    }
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
        external: Box::new(file.to_external_at(FILE_URL)),
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
