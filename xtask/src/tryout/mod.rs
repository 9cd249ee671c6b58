//! `cargo xtask try`: a server and three people on this machine, and everything that Keyfold promises, looked at.
//!
//! Builds the two binaries, starts them as separate processes on a temporary folder over real TLS, plays a
//! conversation, checks what each person sees, and opens the server's disk. Nothing is left behind: processes and
//! folder end with this command, however it ends.

mod binaries;
mod cast;
mod crash;
mod disk;
mod interactive;
mod person;
mod play;
mod process;
mod screen;
mod server;
mod stage;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::tryout::binaries::Binaries;
use crate::tryout::screen::Screen;
use crate::tryout::stage::Stage;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Open chat screens for ada, bo and cy and leave the server running until you are done.
    #[arg(long)]
    interactive: bool,
}

/// Plays, or opens the screens. The exit code says whether everything was as promised.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let mut screen = Screen::new();
    screen.title(
        "Keyfold on your machine",
        "a server, three people, and nobody else who can read along",
    );
    let binaries = Binaries::build(workspace, &screen)?;
    let mut stage = Stage::set(&binaries)?;
    let started = Instant::now();
    if options.interactive {
        interactive::run(workspace, &mut stage, &mut screen)?;
        return Ok(ExitCode::SUCCESS);
    }
    let played = play::all(&mut stage, &mut screen);
    if let Err(error) = &played {
        screen.broke(error);
        stage.show_log(&mut screen);
    }
    screen.close(started.elapsed());
    Ok(if played.is_ok() && screen.all_kept() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
