//! `keyfold-server`: serves devices, prints invitations, or shows reports.

mod admin;
mod data_folder;
mod invite;
mod reports;
mod serve;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use keyfold_server::config::{Arguments, Task};

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "keyfold-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    let task = arguments.task()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the server's threads cannot be started")?;
    match task {
        Task::Serve(settings) => runtime.block_on(serve::run(*settings)),
        Task::Invite(arguments) => runtime.block_on(invite::run(arguments)),
        Task::Reports(arguments) => runtime.block_on(reports::run(arguments)),
    }
}
