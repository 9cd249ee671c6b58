//! The server of a try-out: a real process over real TLS, which can be killed and started again.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::process::{Processes, Running};

/// How long a server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server process and where it keeps things.
pub(super) struct Server {
    program: PathBuf,
    folder: PathBuf,
    processes: Processes,
    running: Running,
    url: String,
}

impl Server {
    /// Starts a server on a port that the system chooses.
    pub(super) fn start(program: &Path, folder: PathBuf, processes: &Processes) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let (running, url) = launch(program, &folder, "127.0.0.1:0", processes)?;
        Ok(Self {
            program: program.to_owned(),
            folder,
            processes: processes.clone(),
            running,
            url,
        })
    }

    /// Ends the process at once, with no chance to save anything.
    pub(super) fn kill(&self) -> Result<()> {
        self.running.kill()
    }

    /// Starts it again on the same folder and port.
    pub(super) fn restart(&mut self) -> Result<()> {
        let address = self.url.rsplit('/').next().unwrap_or_default();
        let (running, _) = launch(&self.program, &self.folder, address, &self.processes)?;
        self.running = running;
        Ok(())
    }

    /// Where devices connect.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The certificate authority that devices must trust.
    pub(super) fn ca(&self) -> PathBuf {
        self.folder.join("tls").join("ca.pem")
    }

    /// All that the server keeps.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it has logged.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// Starts the process and waits for the line in which it names its address.
fn launch(
    program: &Path,
    folder: &Path,
    listen: &str,
    processes: &Processes,
) -> Result<(Running, String)> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))?;
    let mut command = Command::new(program);
    command.arg("--data").arg(folder.join("data"));
    command.arg("--dev-ca").arg(folder.join("tls"));
    command.args(["--listen", listen, "--log", "debug"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    let running = processes.start(&mut command)?;
    let output = running.output().context("the server has no output")?;
    let (line, said) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        // Reads on, so that the server never waits for us.
        lines.for_each(|text| drop(line.send(text)));
    });
    let first = said.recv_timeout(START_LIMIT).ok();
    let url = first.as_ref().and_then(|line| {
        line.split_whitespace()
            .find(|word| word.starts_with("https://"))
    });
    let url = url.context("the server did not start")?;
    Ok((running, url.to_owned()))
}
