//! What is said about strangers.

use clap::Args;

use super::Switch;

#[derive(Args)]
pub(crate) struct Requests {
    /// Whether what strangers begin waits from now on until you accept it
    #[arg(long, value_enum)]
    pub(crate) ask: Option<Switch>,
}
