//! `cargo xtask sim`: simulated worlds, built in release. What they are and what is checked is in `crates/sim`.

use anyhow::Result;
use clap::Args;

use crate::workspace::{Workspace, succeed};

#[derive(Args)]
pub(crate) struct Options {
    /// Passed on to the simulation; `cargo xtask sim --help` lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the simulation in release, and runs it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let simulation = [
        "run",
        "--release",
        "--quiet",
        "--package",
        "keyfold-sim",
        "--",
    ];
    succeed(workspace.cargo(simulation).args(&options.arguments))
}
