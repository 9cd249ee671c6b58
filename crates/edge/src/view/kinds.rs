//! Polls, places, contact cards, files that are opened once and previews of links, as the edge shows them.

use keyfold_engine::view;
use keyfold_protocol::content;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Contact, Picture};
use crate::params::Choice;
use crate::scalar::{AccountId, Bytes, Count, Upload};

/// A poll.
#[derive(Serialize, JsonSchema)]
pub struct Poll {
    /// The question.
    question: String,
    /// How many options one may choose.
    choice: Choice,
    /// What one may choose.
    options: Vec<PollOption>,
    /// How many people have chosen something.
    voters: Count,
    /// Nobody votes any more.
    ended: bool,
    /// Who has ended it; `null`: nobody, or nobody who is known here.
    ended_by: Option<Contact>,
}

impl From<view::PollEntry> for Poll {
    fn from(poll: view::PollEntry) -> Self {
        let view::PollEntry {
            question,
            choice,
            options,
            voters,
            ended,
            ended_by,
        } = poll;
        Self {
            question,
            choice: choice.into(),
            options: options.into_iter().map(PollOption::from).collect(),
            voters: voters.into(),
            ended,
            ended_by: ended_by.map(Contact::from),
        }
    }
}

/// An option of a poll.
#[derive(Serialize, JsonSchema)]
pub struct PollOption {
    /// What it says.
    text: String,
    /// How many people have chosen it; `voters` says who.
    votes: Count,
    /// This person has.
    mine: bool,
}

impl From<view::PollOption> for PollOption {
    fn from(option: view::PollOption) -> Self {
        let view::PollOption { text, votes, mine } = option;
        Self {
            text,
            votes: votes.into(),
            mine,
        }
    }
}

/// A place on Earth (WGS 84). No map is needed to show it.
#[derive(Serialize, JsonSchema)]
pub struct Location {
    /// Ten-millionths of a degree to the north.
    latitude: i32,
    /// Ten-millionths of a degree to the east.
    longitude: i32,
    /// Within how many metres it is right; `null`: its sender does not say.
    accuracy: Option<u32>,
    /// What its sender calls it; may be empty.
    label: String,
    /// Its `geo:` URI (RFC 5870).
    uri: String,
}

impl From<view::LocationEntry> for Location {
    fn from(location: view::LocationEntry) -> Self {
        let view::LocationEntry {
            latitude,
            longitude,
            accuracy,
            label,
            uri,
        } = location;
        Self {
            latitude,
            longitude,
            accuracy,
            label,
            uri,
        }
    }
}

/// A contact card: what its sender says of somebody.
#[derive(Serialize, JsonSchema)]
pub struct Card {
    /// The account.
    account: AccountId,
    /// Its handle.
    handle: String,
    /// What they are called, as the sender knows it; may be empty.
    name: String,
    /// Whether the directory says the same.
    check: CardCheck,
}

impl From<view::CardEntry> for Card {
    fn from(card: view::CardEntry) -> Self {
        let view::CardEntry {
            account,
            handle,
            name,
            check,
        } = card;
        Self {
            account: AccountId(account),
            handle,
            name,
            check: check.into(),
        }
    }
}

/// Whether account and handle of a contact card belong together.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardCheck {
    /// The directory was not asked yet; `use_card` does.
    NotYet,
    /// The directory says so.
    Right,
    /// The directory says that the handle is somebody else's.
    Wrong,
}

impl From<view::CardCheck> for CardCheck {
    fn from(check: view::CardCheck) -> Self {
        match check {
            view::CardCheck::NotYet => Self::NotYet,
            view::CardCheck::Right => Self::Right,
            view::CardCheck::Wrong => Self::Wrong,
        }
    }
}

/// A picture, video or recording that is opened once.
#[derive(Serialize, JsonSchema)]
pub struct Once {
    /// Its media type, as its sender says.
    media_type: String,
    /// Bytes of its content.
    size: Count,
    /// How far it has come.
    state: OnceState,
}

impl From<view::OnceEntry> for Once {
    fn from(once: view::OnceEntry) -> Self {
        let view::OnceEntry {
            media_type,
            size,
            state,
        } = once;
        Self {
            media_type,
            size: Count(size),
            state: state.into(),
        }
    }
}

/// How far a file that is opened once has come.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OnceState {
    /// An own one, on its way to the server.
    Uploading {
        /// For `cancel_file`.
        upload: Upload,
    },
    /// An own one that can't be sent.
    Failed {
        /// For `cancel_file`, which takes it off the timeline.
        upload: Upload,
        /// Why, in words.
        reason: String,
    },
    /// An own one: it is not opened here.
    Sent,
    /// An own one that can't be sent any more, though its file is at the server.
    Unsent,
    /// `save_file` opens it, once.
    Unopened,
    /// It was opened here, or not in time.
    Over,
}

impl From<view::OnceState> for OnceState {
    fn from(state: view::OnceState) -> Self {
        match state {
            view::OnceState::Uploading(upload) => Self::Uploading {
                upload: Upload(upload),
            },
            view::OnceState::Failed(upload, reason) => Self::Failed {
                upload: Upload(upload),
                reason,
            },
            view::OnceState::Sent => Self::Sent,
            view::OnceState::Unsent => Self::Unsent,
            view::OnceState::Unopened => Self::Unopened,
            view::OnceState::Over => Self::Over,
        }
    }
}

/// What a link of a text leads to, as its sender has seen it. Nothing is fetched to show it.
#[derive(Serialize, JsonSchema)]
pub struct Preview {
    /// Where the link leads.
    url: String,
    /// What the page is called.
    title: String,
    /// What it says of itself; may be empty.
    description: String,
    /// A picture of it.
    picture: Option<Picture>,
}

impl From<content::Preview> for Preview {
    fn from(preview: content::Preview) -> Self {
        let content::Preview {
            url,
            title,
            description,
            picture,
        } = preview;
        Self {
            url,
            title: title.to_string(),
            description: description.as_str().to_owned(),
            picture: picture.map(|picture| Picture {
                media_type: picture.media_type(),
                content: Bytes(picture.as_bytes().to_vec()),
            }),
        }
    }
}
