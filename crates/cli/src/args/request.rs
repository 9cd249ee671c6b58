//! What is said about strangers.

use clap::Args;

use super::Switch;

#[derive(Args)]
pub(crate) struct Requests {
    /// Whether what strangers begin waits from now on until you accept it
    #[arg(long, value_enum)]
    pub(crate) ask: Option<Switch>,
}

#[derive(Args)]
pub(crate) struct Report {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// The messages' ids or unique beginnings of them, as `read --ids` shows them; `last`: the newest
    #[arg(value_name = "MESSAGE")]
    pub(crate) messages: Vec<String>,
    /// What you say about it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) about: String,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}
