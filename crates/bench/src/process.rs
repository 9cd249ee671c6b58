//! Processes of a measurement: started with a pipe, watched in `/proc`, ended with this one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A process that is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let out = child.stdout.take().context("no output")?;
        Ok(Self {
            child,
            out: BufReader::new(out),
        })
    }

    /// The server that was built beside this program, over TLS. Gives its address, too.
    pub(crate) fn server(folder: &Path) -> Result<(Self, String)> {
        let mut process = Self::start(
            Command::new(crate::machine::server()?)
                .arg("--data")
                .arg(folder.join("data"))
                .arg("--dev-ca")
                .arg(folder.join("ca"))
                .args(["--listen", "127.0.0.1:0", "--no-network-limits"])
                .args(["--log", "warn"]),
        )?;
        let line = process.line()?;
        let address = line
            .rsplit_once("https://")
            .with_context(|| format!("the server said: {line}"))?;
        let address = address.1.to_owned();
        Ok((process, address))
    }

    /// This program again, in another part.
    pub(crate) fn myself(arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        Self::start(Command::new(program).args(arguments))
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.out.read_line(&mut line)? == 0 {
            bail!("a process of the measurement ended early");
        }
        Ok(line.trim_end().to_owned())
    }

    /// Says a line to it.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("no input")?;
        writeln!(stdin, "{line}")?;
        Ok(stdin.flush()?)
    }

    /// Processor time that it has used, in user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").context("reading /proc")?;
        let ticks: Vec<u64> = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_millis(
            ticks.iter().sum::<u64>() * 1_000 / per_second,
        ))
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .context("reading /proc")?;
        Ok(kilobytes.parse::<u64>()? * 1_024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
