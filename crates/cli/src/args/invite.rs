//! What is said to make, open and look after invitation links.

use clap::Args;

use crate::span;

#[derive(Args)]
pub(crate) struct Invite {
    /// Id, unique beginning of an id, or name of a group [default: to you]
    pub(crate) conversation: Option<String>,
    /// How long it lasts, as in 90m, 8h, 1d, 2w
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = span::read_lasting)]
    pub(crate) expires: u32,
    /// How many it lets in [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) uses: Option<u32>,
    /// Let nobody in without your approval: see `invitations`
    #[arg(long)]
    pub(crate) approve: bool,
    /// Show it as a QR code as well
    #[arg(long)]
    pub(crate) qr: bool,
}

#[derive(Args)]
pub(crate) struct Number {
    /// The number, as `invitations` shows it
    pub(crate) number: i64,
}

#[derive(Args)]
pub(crate) struct Open {
    /// The link; - reads it from standard input
    pub(crate) link: String,
}
