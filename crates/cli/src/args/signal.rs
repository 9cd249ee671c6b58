//! What is said to see who has read something, and what others may see.

use clap::{Args, ValueEnum};

use super::Message;

#[derive(Args)]
pub(crate) struct ReadBy {
    #[command(flatten)]
    pub(crate) at: Message,
    /// Seconds to wait for answers in a group
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub(crate) wait: u64,
}

#[derive(Args)]
pub(crate) struct Privacy {
    /// Who may see when you were last active
    #[arg(long, value_enum)]
    pub(crate) presence: Option<Audience>,
    /// Handles of those who may, with `--presence chosen`
    #[arg(long, value_name = "HANDLE", num_args = 1.., requires = "presence")]
    pub(crate) to: Vec<String>,
    /// Whether others are told what came and what you have read
    #[arg(long, value_enum)]
    pub(crate) receipts: Option<Switch>,
    /// Whether others are told that you are typing
    #[arg(long, value_enum)]
    pub(crate) typing: Option<Switch>,
}

/// Who may see something, as typed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Audience {
    /// Everyone you talk to
    Everyone,
    /// Those whom you name
    Chosen,
    /// Nobody
    Nobody,
}

/// Whether something is so, as typed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// It is
    On,
    /// It is not
    Off,
}
