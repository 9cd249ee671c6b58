//! Messages as MIMI content (draft-ietf-mimi-content-08): texts, files, what is done to them later (edits, deletions, reactions), leaving,
//! and whatever a later version says.
//!
//! What arrives is [`Unverified`]; only [`Unverified::verify`] makes a [`Content`] of it. What this version does not know is
//! kept byte for byte ([`Content::encoded`]) and said so ([`Content::needs_newer_version`]), so that a later version can show it.

mod attachment;
mod card;
mod compose;
mod expires;
mod fields;
mod id;
mod location;
mod markup;
mod media;
mod mimi;
mod once;
mod part;
mod poll;
mod preview;
mod profile;
#[cfg(test)]
mod tests;

use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::MAX_TEXT;
use minicbor::Decoder;

pub use crate::picture::{Picture, Thumbnail};
pub use attachment::{Attachment, FILE_URL, SEALED_IN_SEGMENTS, UNKNOWN_FILE};
pub use card::{CARD, Card};
pub use compose::{Composed, Saying, leaving, text, write, write_expiring};
pub use expires::Expires;
pub use id::{Author, ContentId};
pub use location::{LOCATION, Location};
pub use markup::{Block, BlockKind, Link, Look, Mark, Span, mention, with_mentions};
pub use media::{EXTENSION_MEDIA, Media};
use mimi::{Disposition, Key, Mimi, Part, Semantics};
pub use once::{ONCE_URL, Once, may_be_once, without_key};
pub use poll::{Choice, POLL, POLL_END, Poll, VOTE, Vote};
pub use preview::{LINK, Preview, links};
pub use profile::{PROFILE, Profile};

use crate::cbor::{self, Malformed};
use crate::leave::LeaveProof;
use crate::limits::{MAX_CONTENT, MAX_COUNTER, MAX_REACTION};
use crate::rules::LeafView;

/// The media type of a text: GitHub Flavored Markdown, the subset of MIMI.
pub const MARKDOWN: &str = "text/markdown;variant=GFM-MIMI";
/// The media type of a reaction.
pub const PLAIN: &str = "text/plain;charset=utf-8";
/// The extension with the sender's counter, an unsigned integer.
pub const EXTENSION_COUNTER: &str = "keyfold.counter";
/// The extension with the signature of a leave proof, 64 bytes.
pub const EXTENSION_LEAVE: &str = "keyfold.leave";

/// The extension of a message that says again what was said elsewhere: `true`.
pub const EXTENSION_FORWARDED: &str = "keyfold.forwarded";
/// The extension of a message that pins another one (`true`), or does not any more.
pub const EXTENSION_PIN: &str = "keyfold.pin";

/// The registered extensions that repeat author and room.
const EXTENSION_SENDER_URI: i128 = 1;
const EXTENSION_ROOM_URI: i128 = 2;

/// Why a message was not written or is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Not MIMI content.
    #[error("the message is malformed")]
    Malformed,
    /// Over `MAX_CONTENT`, or with an extension over its limit.
    #[error("the message is over {MAX_CONTENT} bytes, or carries too much beside its text")]
    TooLarge,
    /// Over `MAX_TEXT`.
    #[error("the text is over {MAX_TEXT} bytes: send it in parts or as a file")]
    TextTooLong,
    /// Nothing to send.
    #[error("there is no text to send")]
    Empty,
    /// A reaction that is empty, over `MAX_REACTION`, or with control characters.
    #[error("a reaction is one emoji, of at most {MAX_REACTION} bytes")]
    Reaction,
    /// Parts nest too deeply.
    #[error("the message's parts nest too deeply")]
    TooDeep,
    /// Too many parts.
    #[error("the message has too many parts")]
    TooManyParts,
    /// The message claims another author or room than it came from.
    #[error("the message claims to be by somebody else or for another conversation")]
    WrongAuthor,
    /// The leave proof does not verify.
    #[error("the message says that somebody leaves, but they did not sign it")]
    LeaveProofInvalid,
    /// A file that can't be: its name could mislead, it is too large, or key, hash, id or media type are none.
    #[error("the message names a file that can't be one")]
    File,
    /// A profile that can't be: over a limit, with control or direction characters, or with a picture that is none.
    #[error(
        "that can't be a profile: its words are too long or have control characters, or its picture is too large or none"
    )]
    Profile,
    /// A poll that can't be: too few, too many or equal options, or words that are empty, too long or could mislead. Or choices that no poll has.
    #[error("that can't be a poll, or an answer to one")]
    Poll,
    /// A place that is not on Earth, or with an accuracy or words that can't be.
    #[error("there is no such place, or what is said of it can't be")]
    Location,
    /// A contact card whose handle or name can't be.
    #[error("that can't be the account of anybody")]
    Card,
    /// The preview of a link that can't be: over a limit, with characters that could mislead, or of no link of its text.
    #[error("that can't be the preview of a link in the text")]
    Preview,
}

impl From<Malformed> for ContentError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<minicbor::decode::Error> for ContentError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// The plaintext of an application message, not yet looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct Unverified(Vec<u8>);

/// A message that may be shown and stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Its id, the same however often it was encrypted. A second one of the same author is dropped.
    pub id: ContentId,
    /// The how-manyth message of its device in the conversation, from 1: a gap is a withheld message.
    pub counter: u64,
    /// The message that it answers.
    pub in_reply_to: Option<ContentId>,
    /// What it says.
    pub body: Body,
    /// When it is to be gone. Of what does something to an earlier message that says nothing: it goes with that.
    pub expires: Option<Expires>,
    unknown: bool,
    encoded: Vec<u8>,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// A text.
    Text(Text),
    /// Another text in the place of an earlier message. Whether its author may is for the reader to say.
    Edit {
        /// The message as it was said first.
        of: ContentId,
        /// What it says now.
        text: Text,
    },
    /// An earlier message, or a reaction, is taken back. Whether its author may is for the reader to say.
    Deletion(ContentId),
    /// A reaction to an earlier message.
    Reaction(Reaction),
    /// An earlier message is pinned for everybody, or not any more.
    Pin {
        /// The message.
        of: ContentId,
        /// It is from now on.
        pinned: bool,
    },
    /// The sender's account leaves; the proof has been verified.
    Leaving(LeaveProof),
    /// A file, and what is said about it.
    File(Box<File>),
    /// What the sender shows of themselves.
    Profile(Box<Profile>),
    /// A question with options.
    Poll(Box<Poll>),
    /// What somebody chooses of a poll. Whether they may is for the reader to say.
    Vote(Vote),
    /// A poll is over. Whether its author may say so is for the reader to say.
    PollEnd(ContentId),
    /// A place.
    Location(Box<Location>),
    /// Somebody's account.
    Card(Box<Card>),
    /// A file that is opened once.
    Once(Box<Once>),
    /// Something that takes a newer version.
    Unsupported,
}

impl Body {
    /// The earlier message that it does something to: edits, takes back, reacts to, pins, votes on, or ends.
    pub const fn about(&self) -> Option<ContentId> {
        match self {
            Self::Edit { of, .. }
            | Self::Deletion(of)
            | Self::Pin { of, .. }
            | Self::PollEnd(of) => Some(*of),
            Self::Reaction(reaction) => Some(reaction.to),
            Self::Vote(vote) => Some(vote.on),
            Self::Text(_)
            | Self::File(_)
            | Self::Leaving(_)
            | Self::Profile(_)
            | Self::Poll(_)
            | Self::Location(_)
            | Self::Card(_)
            | Self::Once(_)
            | Self::Unsupported => None,
        }
    }
}

/// A text and how it is marked up.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// At most `MAX_TEXT` bytes.
    pub text: String,
    /// How to read it.
    pub format: TextFormat,
    /// What one of its links leads to, as its sender has seen it.
    pub preview: Option<Box<Preview>>,
}

/// A file with a caption.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// The file.
    pub attachment: Attachment,
    /// At most `MAX_TEXT` bytes.
    pub caption: Option<Text>,
}

/// A reaction to an earlier message.
#[derive(Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The message.
    pub to: ContentId,
    /// An emoji, or what a sender has for one: 1 to `MAX_REACTION` bytes without control characters.
    pub emoji: String,
    /// The reaction of the same author whose place it takes.
    pub replaces: Option<ContentId>,
}

/// How a text is marked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// Not at all.
    Plain,
    /// Markdown.
    Markdown,
}

impl Unverified {
    /// What MLS decrypted.
    pub fn new(plaintext: Vec<u8>) -> Self {
        Self(plaintext)
    }

    /// Checks the message as one of this conversation and group, sent by this leaf (of the epoch that it was sent in).
    ///
    /// # Errors
    /// [`ContentError`]: it must not be shown. What is merely unknown is not an error.
    pub fn verify(
        self,
        conversation: ConversationId,
        group_id: &[u8],
        leaf: &LeafView,
    ) -> Result<Content, ContentError> {
        let mimi = Mimi::decode(&self.0)?;
        let author = Author::new(leaf, conversation);
        check_author(&mimi, &author)?;
        Ok(Content {
            id: ContentId::of(&author, &self.0, &mimi.salt),
            counter: counter(&mimi)?,
            in_reply_to: mimi.in_reply_to,
            body: body(&mimi, group_id, leaf)?,
            expires: mimi.expires.map(Expires::from),
            unknown: mimi.later_fields || mimi.extensions.iter().any(|one| !is_known(&one.key)),
            encoded: self.0,
        })
    }
}

/// The text of a message that was verified when it came and kept since. `None`: it says something else, or takes a newer version.
///
/// # Errors
/// [`ContentError`]: these are not the bytes of [`Content::encoded`].
pub fn text_of(encoded: &[u8]) -> Result<Option<Text>, ContentError> {
    Ok(match Kept::read(encoded)?.body {
        Body::Text(text) => Some(text),
        _ => None,
    })
}

/// What a message says that was verified when it came, or was written here, and kept since.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The message that it answers.
    pub in_reply_to: Option<ContentId>,
    /// What it says. Leaving, which [`is_leaving`] tells, counts as [`Body::Unsupported`] here.
    pub body: Body,
    /// It was said elsewhere, maybe by somebody else.
    pub forwarded: bool,
    /// When it is to be gone.
    pub expires: Option<Expires>,
}

impl Kept {
    /// Reads it again.
    ///
    /// # Errors
    /// [`ContentError`]: these are not the bytes of [`Content::encoded`].
    pub fn read(encoded: &[u8]) -> Result<Self, ContentError> {
        let mimi = Mimi::decode(encoded)?;
        let body = said(&mimi)?;
        Ok(Self {
            in_reply_to: mimi.in_reply_to,
            body,
            forwarded: flag(&mimi, EXTENSION_FORWARDED)? == Some(true),
            expires: mimi.expires.map(Expires::from),
        })
    }

    /// Seconds after which it is to be gone once it was read, where that is how it says when, and it goes by itself.
    pub const fn lasts(&self) -> Option<u32> {
        match (&self.body.about(), self.expires) {
            (None, Some(Expires::AfterReading(seconds))) => Some(seconds),
            _ => None,
        }
    }
}

/// Whether a message of one's own says that the account leaves.
///
/// # Errors
/// [`ContentError`]: these are not the bytes of a message.
pub fn is_leaving(encoded: &[u8]) -> Result<bool, ContentError> {
    let mimi = Mimi::decode(encoded)?;
    Ok(mimi.extension(&Key::text(EXTENSION_LEAVE)).is_some())
}

impl Content {
    /// The message as it came, byte for byte.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Whether it says something that this version cannot show; where there is a text, that is shown all the same.
    pub fn needs_newer_version(&self) -> bool {
        self.unknown || self.body == Body::Unsupported
    }
}

/// The counter of a content of one's own.
///
/// # Errors
/// [`ContentError`] when it is none.
pub fn counter_of(encoded: &[u8]) -> Result<u64, ContentError> {
    counter(&Mimi::decode(encoded)?)
}

fn is_known(key: &Key) -> bool {
    match key {
        Key::Number(number) => matches!(*number, EXTENSION_SENDER_URI | EXTENSION_ROOM_URI),
        Key::Text(text) => [
            EXTENSION_COUNTER,
            EXTENSION_LEAVE,
            EXTENSION_FORWARDED,
            EXTENSION_PIN,
            EXTENSION_MEDIA,
        ]
        .contains(&text.as_str()),
    }
}

/// An extension that says yes or no.
fn flag(mimi: &Mimi, name: &str) -> Result<Option<bool>, ContentError> {
    let value = mimi.extension(&Key::text(name));
    Ok(value.map(|value| Decoder::new(value).bool()).transpose()?)
}

fn check_author(mimi: &Mimi, author: &Author) -> Result<(), ContentError> {
    let claims = [
        (EXTENSION_SENDER_URI, author.sender_uri()),
        (EXTENSION_ROOM_URI, author.room_uri()),
    ];
    for (key, truth) in claims {
        if let Some(value) = mimi.extension(&Key::Number(key))
            && Decoder::new(value).str()? != truth
        {
            return Err(ContentError::WrongAuthor);
        }
    }
    Ok(())
}

fn counter(mimi: &Mimi) -> Result<u64, ContentError> {
    let value = mimi
        .extension(&Key::text(EXTENSION_COUNTER))
        .ok_or(ContentError::Malformed)?;
    match Decoder::new(value).u64()? {
        // It counts from 1; a receiver takes 0 for having heard nothing yet.
        counter @ 1..=MAX_COUNTER => Ok(counter),
        _ => Err(ContentError::Malformed),
    }
}

fn body(mimi: &Mimi, group_id: &[u8], leaf: &LeafView) -> Result<Body, ContentError> {
    // Whatever else it says.
    let _flags = (flag(mimi, EXTENSION_FORWARDED)?, flag(mimi, EXTENSION_PIN)?);
    if let Some(value) = mimi.extension(&Key::text(EXTENSION_LEAVE)) {
        let signature = cbor::fixed(&mut Decoder::new(value))?;
        let proof = LeaveProof::new(leaf.account(), leaf.device(), signature);
        if mimi.part != Part::Null || !proof.is_valid(group_id, leaf) {
            return Err(ContentError::LeaveProofInvalid);
        }
        return Ok(Body::Leaving(proof));
    }
    match said(mimi)? {
        // So it is kept here once it was opened. What comes has its file.
        Body::Once(once) if once.file.is_none() => Err(ContentError::File),
        body => Ok(body),
    }
}

/// What a message says, leaving aside.
fn said(mimi: &Mimi) -> Result<Body, ContentError> {
    let (text, emoji) = (worded(&mimi.part)?, reaction(&mimi.part)?);
    let file = file(mimi)?;
    if let Some(pinned) = flag(mimi, EXTENSION_PIN)? {
        return Ok(match (mimi.replaces, mimi.in_reply_to, &mimi.part) {
            (None, Some(of), Part::Null) => Body::Pin { of, pinned },
            _ => Body::Unsupported,
        });
    }
    if let Some(body) = part::own_kind(mimi)? {
        return Ok(body);
    }
    if let (None, Some(file)) = (mimi.replaces, file) {
        return Ok(Body::File(Box::new(file)));
    }
    Ok(match (mimi.replaces, text, emoji, mimi.in_reply_to) {
        (None, Some(text), ..) => Body::Text(text),
        (Some(of), Some(text), ..) => Body::Edit { of, text },
        (replaces, None, Some(emoji), Some(to)) => Body::Reaction(Reaction {
            to,
            emoji,
            replaces,
        }),
        (Some(of), None, None, _) if mimi.part == Part::Null => Body::Deletion(of),
        _ => Body::Unsupported,
    })
}

/// The file of a message that is one: alone, behind a text, before a small picture of it.
fn file(mimi: &Mimi) -> Result<Option<File>, ContentError> {
    let parts = match &mimi.part {
        Part::Multi {
            semantics: Semantics::ProcessAll,
            parts,
        } => parts.as_slice(),
        part => std::slice::from_ref(part),
    };
    let (caption, rest) = match parts {
        [Part::External { .. }, ..] => (None, parts),
        [text, rest @ ..] => match shown(text)? {
            Some(text) => (Some(text), rest),
            None => return Ok(None),
        },
        [] => return Ok(None),
    };
    let (disposition, external, thumbnail) = match rest {
        [
            Part::External {
                disposition,
                external,
            },
        ] => (*disposition, external, None),
        [
            Part::External {
                disposition,
                external,
            },
            Part::Single {
                disposition: Disposition::PREVIEW,
                content,
                ..
            },
        ] => (*disposition, external, media::of_part(content)?),
        _ => return Ok(None),
    };
    if !disposition.is_rendered() && disposition != Disposition::ATTACHMENT {
        return Ok(None);
    }
    let Some(mut attachment) = Attachment::at(FILE_URL, external)? else {
        return Ok(None);
    };
    if let Some(value) = mimi.extension(&Key::text(EXTENSION_MEDIA)) {
        attachment.media = Media::decode(value)?;
    }
    attachment.media.thumbnail = thumbnail;
    Ok(Some(File {
        attachment,
        caption,
    }))
}

/// The text of a part that is one, alone or with the preview of a link. One of a link that the text does not have is passed over.
fn worded(part: &Part) -> Result<Option<Text>, ContentError> {
    let Part::Multi {
        semantics: Semantics::ProcessAll,
        parts,
    } = part
    else {
        return shown(part);
    };
    let [words, preview] = parts.as_slice() else {
        return Ok(None);
    };
    let Some(preview) = part::preview(preview)? else {
        return Ok(None);
    };
    let mut text = shown(words)?;
    if let Some(text) = text.as_mut().filter(|text| preview.is_of(text)) {
        text.preview = Some(Box::new(preview));
    }
    Ok(text)
}

/// The emoji of a part that is a reaction.
fn reaction(part: &Part) -> Result<Option<String>, ContentError> {
    let Part::Single {
        disposition: Disposition::REACTION,
        media_type,
        content,
    } = part
    else {
        return Ok(None);
    };
    if text_format(media_type).is_none() {
        return Ok(None);
    }
    let emoji = std::str::from_utf8(content).map_err(|_| ContentError::Malformed)?;
    check_reaction(emoji)?;
    Ok(Some(emoji.to_owned()))
}

fn check_reaction(emoji: &str) -> Result<(), ContentError> {
    let fits = (1..=MAX_REACTION).contains(&emoji.len());
    if fits && !emoji.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(ContentError::Reaction)
    }
}

/// The text of a part that is to be shown as one.
fn shown(part: &Part) -> Result<Option<Text>, ContentError> {
    match part {
        Part::Single {
            disposition,
            media_type,
            content,
        } if disposition.is_rendered() => {
            let Some(format) = text_format(media_type) else {
                return Ok(None);
            };
            if content.len() > MAX_TEXT {
                return Err(ContentError::TextTooLong);
            }
            let text = std::str::from_utf8(content).map_err(|_| ContentError::Malformed)?;
            Ok(Some(Text {
                text: text.to_owned(),
                format,
                preview: None,
            }))
        }
        Part::Multi {
            semantics: Semantics::ChooseOne,
            parts,
        } => {
            for part in parts {
                if let Some(text) = shown(part)? {
                    return Ok(Some(text));
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn text_format(media_type: &str) -> Option<TextFormat> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/plain") {
        return Some(TextFormat::Plain);
    }
    essence
        .eq_ignore_ascii_case("text/markdown")
        .then_some(TextFormat::Markdown)
}

/// What people write does not go into logs.
macro_rules! hide {
    ($($type:ident),*) => {$(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("<secret>")
            }
        }
    )*};
}

hide!(
    Unverified, Content, Kept, Body, Text, File, Attachment, Media, Reaction, Composed, Span, Link,
    Poll, Vote, Location, Card, Once, Preview
);
