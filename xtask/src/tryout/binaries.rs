//! The programs to try: built once, with a quiet line that says how far it is.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::screen::Screen;
use crate::tools::can_compile_c;
use crate::workspace::Workspace;

/// Cargo's arguments: all three programs, and a line of JSON for each part that is ready.
const BUILD: [&str; 10] = [
    "build",
    "--workspace",
    "--quiet",
    "--message-format=json-render-diagnostics",
    "--bin",
    "keyfold-server",
    "--bin",
    "keyfold",
    "--example",
    "server_disk",
];

/// Where the built programs lie.
pub(crate) struct Binaries {
    /// The server.
    pub(super) server: PathBuf,
    /// The messenger.
    pub(super) keyfold: PathBuf,
    /// Shows what a server's database holds.
    pub(super) disk: PathBuf,
}

impl Binaries {
    /// Builds them without optimising our own code, which is the fastest way from a fresh checkout to a conversation;
    /// cryptography and SQLite are optimised all the same. As for the whole workspace, so that `cargo xtask test` finds
    /// its dependencies built already.
    pub(super) fn build(workspace: &Workspace, screen: &Screen) -> Result<Self> {
        screen.note("Building. The first time this takes a few minutes: SQLite and OpenSSL come as C sources.");
        can_compile_c(workspace)?;
        let started = Instant::now();
        let mut cargo = workspace.cargo(BUILD);
        cargo.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = cargo.spawn().context("cargo cannot be started")?;
        let output = child.stdout.take().context("cargo has no output")?;
        let errors = child.stderr.take().context("cargo has no error output")?;
        let complaints = thread::spawn(|| std::io::read_to_string(errors));
        let (parts, built) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let mut found = lines.filter_map(|line| part(&line));
            found.try_for_each(|part| parts.send(part))
        });
        let programs = collect(&built, screen, started);
        screen.passed();
        if !child.wait()?.success() {
            let complaints = complaints.join().ok().and_then(Result::ok);
            bail!("the build failed:\n{}", complaints.unwrap_or_default());
        }
        screen.note(format_args!("Built in {}.", clock(started.elapsed())));
        Self::find(&programs)
    }

    fn find(programs: &BTreeMap<String, PathBuf>) -> Result<Self> {
        let find = |name: &str| {
            programs
                .get(name)
                .cloned()
                .with_context(|| format!("cargo did not build {name}"))
        };
        Ok(Self {
            server: find("keyfold-server")?,
            keyfold: find("keyfold")?,
            disk: find("server_disk")?,
        })
    }
}

/// Something that cargo has built.
struct Part {
    name: String,
    program: Option<PathBuf>,
}

/// Reads one line of cargo's JSON.
fn part(line: &str) -> Option<Part> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    if value.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    Some(Part {
        name: value.pointer("/target/name")?.as_str()?.to_owned(),
        program: value
            .get("executable")
            .and_then(|path| path.as_str())
            .map(PathBuf::from),
    })
}

/// Takes the parts as they are built, and shows how far it is.
fn collect(
    built: &mpsc::Receiver<Part>,
    screen: &Screen,
    started: Instant,
) -> BTreeMap<String, PathBuf> {
    let mut programs = BTreeMap::new();
    let mut count = 0;
    let mut last = String::from("starting");
    loop {
        screen.passing(&format!(
            "{} · {count} parts · {last}",
            clock(started.elapsed())
        ));
        match built.recv_timeout(Duration::from_secs(1)) {
            Ok(part) => {
                count += 1;
                if let Some(program) = part.program {
                    programs.insert(part.name.clone(), program);
                }
                last = part.name;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return programs,
        }
    }
}

/// Minutes and seconds.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"keyfold"},"executable":"/t/debug/keyfold"}"#;
        let part = part(line);
        assert_eq!(
            part.and_then(|part| part.program),
            Some(PathBuf::from("/t/debug/keyfold"))
        );
    }

    #[test]
    fn time_reads_as_on_a_clock() {
        assert_eq!(clock(Duration::from_secs(125)), "2:05");
    }
}
