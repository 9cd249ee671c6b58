//! What is said to polls, places, contact cards and previews of links.

use clap::Args;
use keyfold_protocol::content::Location;

use super::{Message, Switch};

#[derive(Args)]
pub(crate) struct PollArgs {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// The question
    pub(crate) question: String,
    /// What one may choose: 2 to 12 options
    #[arg(required = true, value_name = "OPTION")]
    pub(crate) options: Vec<String>,
    /// One may choose more than one
    #[arg(long)]
    pub(crate) several: bool,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}

#[derive(Args)]
pub(crate) struct VoteArgs {
    #[command(flatten)]
    pub(crate) at: Message,
    /// The options, by their numbers from 1 on; none: nothing any more
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) choices: Vec<u8>,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}

#[derive(Args)]
pub(crate) struct VotersArgs {
    #[command(flatten)]
    pub(crate) at: Message,
}

#[derive(Args)]
pub(crate) struct LocationArgs {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// Degrees to the north, as in 52.5162746; - before them for the south
    #[arg(allow_hyphen_values = true, value_parser = degrees)]
    pub(crate) latitude: i32,
    /// Degrees to the east; - before them for the west
    #[arg(allow_hyphen_values = true, value_parser = degrees)]
    pub(crate) longitude: i32,
    /// What it is called
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) label: String,
    /// Within how many metres it is right
    #[arg(long, value_name = "METRES")]
    pub(crate) accuracy: Option<u32>,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}

#[derive(Args)]
pub(crate) struct CardArgs {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// Whose card
    pub(crate) handle: String,
}

#[derive(Args)]
pub(crate) struct Previews {
    /// Whether this device looks at pages that you link to, and sends what they are called; without it: show whether it does
    #[arg(value_enum)]
    pub(crate) switch: Option<Switch>,
}

fn degrees(written: &str) -> Result<i32, String> {
    Location::degrees(written)
        .ok_or_else(|| "degrees are digits with at most seven behind a point".to_owned())
}
