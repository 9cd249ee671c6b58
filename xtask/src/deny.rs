//! Licences, sources, banned and duplicate dependencies, and security advisories, by `cargo-deny` and `deny.toml`.
//!
//! Advisories need a database on the network. Where it cannot be reached they are reported as unchecked, which is
//! not a failure: everything else is checked without it.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::graph::Graph;
use crate::tools::Tool;
use crate::workspace::{Workspace, succeed};

const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

/// The platforms of `deny.toml`.
const PLATFORMS: [&str; 6] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "wasm32-unknown-unknown",
];

/// How long the advisory database may take to arrive before it counts as not reachable.
const FETCH_LIMIT: Duration = Duration::from_mins(1);

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Print entries for `bans.skip`, one for each older version of a crate, with who needs it.
    #[arg(long)]
    skips: bool,
}

/// Runs the checks, or prints what the skip list would have to be.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.skips {
        return print_skips(workspace);
    }
    let program = CARGO_DENY.ready(workspace)?;
    let mut check = workspace.command(&program);
    check.args(["--log-level", "warn", "check", "--hide-inclusion-graph"]);
    // An exception that is no longer needed fails too.
    check.args([
        "--deny",
        "unnecessary-skip",
        "--deny",
        "unmatched-skip",
        "--deny",
        "unused-wrapper",
    ]);
    succeed(check.args(["licenses", "bans", "sources"]))
        .context("deny.toml forbids what is printed above: change the dependency, or record there why it may stay")?;
    if !fetches_advisories(workspace, &program)? {
        println!("advisories unchecked: their database cannot be reached from here");
        return Ok(());
    }
    let mut check = workspace.command(&program);
    succeed(check.args(["check", "--disable-fetch", "--hide-inclusion-graph", "advisories"]))
        .context("a dependency has a published advisory: update it, or record in deny.toml why it does not apply")
}

/// Whether the advisory database is here and fresh. Waits no longer than [`FETCH_LIMIT`].
fn fetches_advisories(workspace: &Workspace, program: &Path) -> Result<bool> {
    let mut fetch = workspace.command(program);
    fetch.args(["--log-level", "off", "fetch", "db"]);
    fetch.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = fetch.spawn().context("cargo-deny cannot be started")?;
    let started = Instant::now();
    while started.elapsed() < FETCH_LIMIT {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

fn print_skips(workspace: &Workspace) -> Result<()> {
    let platforms = PLATFORMS.map(|platform| format!("--filter-platform={platform}"));
    let platforms: Vec<_> = platforms.iter().map(String::as_str).collect();
    let graph = Graph::read(workspace.metadata(&platforms)?)?;
    for (package, dependants) in graph.duplicates() {
        let by = needed_by(&dependants);
        println!(
            "    {{ crate = \"{}@{}\", reason = \"needed by {by}\" }},",
            package.name, package.version
        );
    }
    Ok(())
}

/// The first few names, and how many more there are.
fn needed_by(names: &[String]) -> String {
    match names {
        [first, second, third, _, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len() + 1)
        }
        names => names.join(", "),
    }
}
