//! The `keyfold` command: talk from a terminal or a script, end to end encrypted.
//!
//! Parses the command line, opens the profile, and hands each command to the client. What it prints is specified in
//! `docs/cli.md`: records with stable field names, kinds of failures, exit codes.

mod args;
mod chat;
mod clean;
mod command;
mod failure;
mod formatted;
mod kinds;
mod output;
mod qr;
mod record;
mod rpc;
mod session;
mod span;
mod when;
mod words;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use args::Cli;
use failure::{Failure, Kind};
use output::Output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error),
    };
    let out = Output::new(cli.common.json);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.kind != Kind::Enough {
                out.fail(&failure);
            }
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(command::run(cli));
    // Whoever waits for a line of standard input waits on a thread of its own, for one that may never come.
    runtime.shutdown_background();
    done
}

/// `--help` and `--version` are answers; everything else is a failure, for scripts as JSON.
fn misunderstood(error: &clap::Error) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && !asked {
        let rendered = error.to_string();
        let sentence = rendered
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        Output::new(true).fail(&Failure::new(Kind::Usage, sentence));
    } else {
        let _ = error.print();
    }
    ExitCode::from(if asked { 0 } else { Kind::Usage.exit_code() })
}
