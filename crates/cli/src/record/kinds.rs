//! Records of polls, places, contact cards, files that are opened once and previews of links.

use keyfold_engine::view::{
    CardCheck, CardEntry, Choice, LocationEntry, OnceEntry, OnceState, PollEntry, Preview,
};
use serde::Serialize;

/// The poll of an entry.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct PollRecord {
    pub(crate) options: Vec<OptionRecord>,
    pub(crate) several: bool,
    pub(crate) voters: usize,
    pub(crate) ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_by: Option<String>,
}

/// An option of a poll.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct OptionRecord {
    pub(crate) text: String,
    pub(crate) votes: usize,
    pub(crate) mine: bool,
}

impl From<&PollEntry> for PollRecord {
    fn from(poll: &PollEntry) -> Self {
        let options = poll.options.iter().map(|option| OptionRecord {
            text: option.text.clone(),
            votes: option.votes,
            mine: option.mine,
        });
        Self {
            options: options.collect(),
            several: poll.choice == Choice::Several,
            voters: poll.voters,
            ended: poll.ended,
            ended_by: poll.ended_by.as_ref().map(|by| by.handle.clone()),
        }
    }
}

/// The place of an entry.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct LocationRecord {
    pub(crate) uri: String,
    /// Ten-millionths of a degree.
    pub(crate) latitude: i32,
    pub(crate) longitude: i32,
    pub(crate) accuracy: Option<u32>,
}

impl From<&LocationEntry> for LocationRecord {
    fn from(location: &LocationEntry) -> Self {
        Self {
            uri: location.uri.clone(),
            latitude: location.latitude,
            longitude: location.longitude,
            accuracy: location.accuracy,
        }
    }
}

/// The contact card of an entry.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct CardRecord {
    pub(crate) account: String,
    pub(crate) handle: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    pub(crate) check: &'static str,
}

impl From<&CardEntry> for CardRecord {
    fn from(card: &CardEntry) -> Self {
        Self {
            account: card.account.to_string(),
            handle: card.handle.clone(),
            name: card.name.clone(),
            check: match card.check {
                CardCheck::NotYet => "not_yet",
                CardCheck::Right => "right",
                CardCheck::Wrong => "wrong",
            },
        }
    }
}

/// The file of an entry that is opened once.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct OnceRecord {
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

impl From<&OnceEntry> for OnceRecord {
    fn from(once: &OnceEntry) -> Self {
        let (state, why) = match &once.state {
            OnceState::Uploading(_) => ("uploading", None),
            OnceState::Failed(_, why) => ("failed", Some(why.clone())),
            OnceState::Sent => ("sent", None),
            OnceState::Unsent => ("unsent", None),
            OnceState::Unopened => ("unopened", None),
            OnceState::Over => ("over", None),
        };
        Self {
            media_type: once.media_type.clone(),
            size: once.size,
            state,
            why,
        }
    }
}

/// What a link of an entry's text leads to.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct PreviewRecord {
    pub(crate) url: String,
    pub(crate) title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) picture: bool,
}

impl From<&Preview> for PreviewRecord {
    fn from(preview: &Preview) -> Self {
        Self {
            url: preview.url.clone(),
            title: preview.title.to_string(),
            description: preview.description.as_str().to_owned(),
            picture: preview.picture.is_some(),
        }
    }
}
