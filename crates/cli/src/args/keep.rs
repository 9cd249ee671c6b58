//! What is said to search, and to keep conversations and messages in order on this device.

use clap::{Args, ValueEnum};
use keyfold_engine::view::Filter;

use crate::span::{self, Timer};

#[derive(Args)]
pub(crate) struct List {
    /// Which ones
    #[arg(long, value_enum, default_value = "all", hide_default_value = true)]
    pub(crate) show: FilterName,
}

/// A filter as typed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilterName {
    /// All but archived ones
    All,
    /// With something unread
    Unread,
    /// Groups
    Groups,
    /// One-to-one conversations
    People,
    /// Archived ones
    Archived,
    /// Those of strangers, which wait to be accepted
    Requests,
}

impl From<FilterName> for Filter {
    fn from(name: FilterName) -> Self {
        match name {
            FilterName::All => Self::All,
            FilterName::Unread => Self::Unread,
            FilterName::Groups => Self::Groups,
            FilterName::People => Self::People,
            FilterName::Archived => Self::Archived,
            FilterName::Requests => Self::Requests,
        }
    }
}

#[derive(Args)]
pub(crate) struct Search {
    /// The beginnings of words; a message that has all of them is found
    #[arg(required = true, value_name = "WORD")]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) within: Within,
}

/// Which messages of a list.
#[derive(Args)]
pub(crate) struct Within {
    /// Of this conversation only
    #[arg(long = "in", value_name = "CONVERSATION")]
    pub(crate) conversation: Option<String>,
    /// The newest N
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: usize,
}

/// A mark that is set, or taken off.
#[derive(Args)]
pub(crate) struct Toggle {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// Not any more
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Args)]
pub(crate) struct MuteArgs {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// For so many hours [default: for good]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=87_600))]
    pub(crate) hours: Option<u32>,
    /// But for what mentions you
    #[arg(long, conflicts_with = "hours")]
    pub(crate) but_mentions: bool,
    /// Not any more
    #[arg(long, conflicts_with_all = ["hours", "but_mentions"])]
    pub(crate) off: bool,
}

#[derive(Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) toggle: Toggle,
    /// Its turn among those that are, from 1 on [default: the last]
    #[arg(long, value_name = "N", conflicts_with = "off", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) turn: Option<u32>,
}

#[derive(Args)]
pub(crate) struct Draft {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// The text; - reads it from standard input; empty: forget it
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
}

/// Some messages of a conversation.
#[derive(Args)]
pub(crate) struct Messages {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// Their ids or unique beginnings of them, as `read --ids` shows them; `last`: the newest
    #[arg(required = true, value_name = "MESSAGE")]
    pub(crate) messages: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Star {
    #[command(flatten)]
    pub(crate) at: Messages,
    /// Not any more
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Args)]
pub(crate) struct Disappear {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// How long after they were read, as in 90s, 5m, 8h, 1d, 2w; `off`: they stay
    #[arg(value_name = "TIME|off", value_parser = span::read_timer)]
    pub(crate) timer: Timer,
}
