//! A temporary folder with a server and people in it. When it is dropped, all of it ends.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::binaries::Binaries;
use super::person::Person;
use super::process::Processes;
use super::screen::Screen;
use super::server::Server;

/// Lines of the server's log to show when something went wrong.
const LOG_LINES: usize = 20;

/// Everything that a try-out needs.
pub(super) struct Stage {
    /// The server.
    pub(super) server: Server,
    /// The processes, for programs that are not people.
    pub(super) processes: Processes,
    /// The program that shows a server's database.
    pub(super) disk: PathBuf,
    keyfold: PathBuf,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Makes the folder and starts the server.
    pub(super) fn set(binaries: &Binaries) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("keyfold-try-")
            .tempdir()
            .context("no temporary folder can be made")?;
        let processes = Processes::watched(folder.path().to_owned())?;
        let server = Server::start(&binaries.server, folder.path().join("server"), &processes);
        let server = server.inspect_err(|_| processes.end())?;
        Ok(Self {
            server,
            processes,
            disk: binaries.disk.clone(),
            keyfold: binaries.keyfold.clone(),
            folder,
        })
    }

    /// Somebody with a device of their own, not registered yet.
    pub(super) fn person(&self, name: &str) -> Result<Person> {
        Person::new(
            name,
            &self.keyfold,
            &self.folder.path().join(name),
            &self.processes,
        )
    }

    /// A path in the folder for something that must not lie in the server's.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The end of the server's log.
    pub(super) fn show_log(&self, screen: &mut Screen) {
        let Ok(log) = std::fs::read_to_string(self.server.log()) else {
            return;
        };
        screen.note("The server's last words:");
        let lines: Vec<_> = log.lines().rev().take(LOG_LINES).collect();
        for line in lines.into_iter().rev() {
            screen.note(line);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.processes.end();
    }
}
