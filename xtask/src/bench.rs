//! `cargo xtask bench`: the benchmarks, built in release. What they measure is in `crates/bench`.

use anyhow::Result;
use clap::Args;

use crate::workspace::{Workspace, succeed};

#[derive(Args)]
pub(crate) struct Options {
    /// Passed on to the benchmark; `cargo xtask bench -- --help` lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds server and benchmark in release, and runs the benchmark.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    println!("building in release");
    succeed(&mut workspace.cargo([
        "build",
        "--release",
        "--quiet",
        "--package",
        "keyfold-server",
    ]))?;
    let mut bench = workspace.cargo([
        "run",
        "--release",
        "--quiet",
        "--package",
        "keyfold-bench",
        "--",
    ]);
    succeed(bench.args(&options.arguments))
}
