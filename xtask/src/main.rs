//! Keyfold's own commands: `cargo xtask try | test | tidy | deny | bench | sim | vectors | fuzz | mutants | coverage`.
//!
//! Each command is a module; this file only reads the command line. Nothing here is part of the product.

// These are terminal commands: printing is what they do.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod boundary;
mod coverage;
mod deny;
mod fuzz;
mod graph;
mod mutants;
mod progress;
mod sim;
mod terminal;
mod test;
mod tidy;
mod tools;
mod tryout;
mod vectors;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Keyfold's own commands.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds a server and a messenger, and lets three people talk through them. Needs no input.
    Try(tryout::Options),
    /// Runs every check and every test: formats, lints, rules, dependencies, wasm, tests.
    Test(test::Options),
    /// Checks the rules of the house that a machine can check.
    Tidy,
    /// Checks licences, sources, banned and duplicate dependencies, and advisories where reachable.
    Deny(deny::Options),
    /// Checks which crate may depend on which: the security boundary.
    Boundary,
    /// Checks that the engine compiles for a browser.
    Wasm,
    /// Runs the benchmarks in release; everything after `bench` goes to the benchmark.
    Bench(bench::Options),
    /// Plays simulated worlds, in release; everything after `sim` goes to the simulation.
    #[command(disable_help_flag = true)]
    Sim(sim::Options),
    /// Writes the test vectors in `vectors/` anew.
    Vectors,
    /// Fuzzes everything that reads bytes from outside, on nightly Rust.
    Fuzz(fuzz::Options),
    /// Changes protocol, engine and delivery in small ways, and asks whether a test notices.
    Mutants(mutants::Options),
    /// Measures which lines of protocol, engine and delivery the tests reach.
    Coverage(coverage::Options),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Try(options) => return tryout::run(&workspace, options),
        Command::Test(options) => return Ok(test::run(&workspace, options)),
        Command::Fuzz(options) => return fuzz::run(&workspace, options),
        Command::Tidy => tidy::run(&workspace),
        Command::Deny(options) => deny::run(&workspace, options),
        Command::Boundary => boundary::run(&workspace),
        Command::Wasm => wasm::run(&workspace),
        Command::Bench(options) => bench::run(&workspace, options),
        Command::Sim(options) => sim::run(&workspace, options),
        Command::Vectors => vectors::run(&workspace),
        Command::Mutants(options) => mutants::run(&workspace, options),
        Command::Coverage(options) => coverage::run(&workspace, options),
    }?;
    Ok(ExitCode::SUCCESS)
}
