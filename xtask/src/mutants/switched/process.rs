//! One test in a process of its own, and what it may take of the machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::sites::Number;

/// What a test may hold in memory, in KiB, and a mutant that collects without an end is stopped at.
const MEMORY: u64 = 8 << 20;

/// How often it is looked whether a test has ended.
const GLANCE: Duration = Duration::from_millis(2);

/// One test.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) name: String,
}

/// How long a test may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Of a processor's time, for each process.
    pub(super) work: Duration,
    /// Of everybody's.
    pub(super) wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Passed,
    Failed,
    /// It was killed, with all that it had started.
    OverTime,
}

/// What the switches are told.
#[derive(Clone, Copy)]
pub(super) enum Switch<'a> {
    /// One mutant is on.
    On(Number),
    /// None is, and those that are reached are written into a file.
    Record(&'a Path),
}

/// How tests are started.
pub(super) struct Starter {
    /// What cargo tells tests: where the package's programs are.
    pub(super) variables: Vec<(String, OsString)>,
    /// A folder for what they leave behind, one for each worker.
    pub(super) temporary: PathBuf,
}

impl Starter {
    /// Runs a test to its end.
    pub(super) fn run(&self, test: &Test, switch: Switch<'_>, limit: Limit) -> Result<Ended> {
        std::fs::create_dir_all(&self.temporary)?;
        let mut command = limited(&test.program, limit);
        command.args(["--exact", &test.name, "--nocapture"]);
        command.current_dir(&test.folder);
        command.env("CARGO_MANIFEST_DIR", &test.folder);
        command.env("TMPDIR", &self.temporary);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // That a test fails is all that is asked: neither for which smallest input, nor from where it was called.
        command.env("PROPTEST_MAX_SHRINK_ITERS", "0");
        command.env("RUST_BACKTRACE", "0");
        command.env_remove("KEYFOLD_MUTANT_REACHED");
        match switch {
            Switch::On(number) => command.env("KEYFOLD_MUTANT", number.to_string()),
            Switch::Record(file) => command.env("KEYFOLD_MUTANT_REACHED", file),
        };
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        apart(&mut command);
        let started = Instant::now();
        let mut child = command.spawn().context("a test cannot be started")?;
        let ended = loop {
            if let Some(status) = child.try_wait()? {
                break ended_with(status);
            }
            if started.elapsed() > limit.wait {
                break Ended::OverTime;
            }
            std::thread::sleep(GLANCE);
        };
        if ended != Ended::Passed {
            end(&mut child);
            let _ = std::fs::remove_dir_all(&self.temporary);
        }
        Ok(ended)
    }
}

/// The program, so that it stops by itself after its work, also when nobody waits for it any more.
#[cfg(unix)]
fn limited(program: &Path, limit: Limit) -> Command {
    let seconds = limit.work.as_secs() + 1;
    let mut command = Command::new("sh");
    command.arg("-c");
    command.arg(format!(
        "ulimit -v {MEMORY}; ulimit -S -t {seconds}; exec \"$0\" \"$@\""
    ));
    command.arg(program);
    command
}

#[cfg(not(unix))]
fn limited(program: &Path, _: Limit) -> Command {
    Command::new(program)
}

#[cfg(unix)]
fn ended_with(status: ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    /// What the system says to a process that has worked too long.
    const OUT_OF_TIME: i32 = 24;
    match status.signal() {
        _ if status.success() => Ended::Passed,
        Some(OUT_OF_TIME) => Ended::OverTime,
        _ => Ended::Failed,
    }
}

#[cfg(not(unix))]
fn ended_with(status: ExitStatus) -> Ended {
    if status.success() {
        Ended::Passed
    } else {
        Ended::Failed
    }
}

/// Lets it be the first of a group, so that what it starts can be ended together with it.
#[cfg(unix)]
fn apart(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn apart(_: &mut Command) {}

/// Ends it and all that it started. What has ended already is no error.
fn end(child: &mut Child) {
    if cfg!(unix) {
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -9 -- -{}", child.id())]);
        let _ = kill.stderr(Stdio::null()).status();
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The tests of a program that are not ignored.
pub(super) fn tests(program: &Path, folder: &Path) -> Result<Vec<Test>> {
    let listed = |more: &[&str]| -> Result<Vec<String>> {
        let mut list = Command::new(program);
        list.args(["--list", "--format", "terse"]).args(more);
        let output = list.current_dir(folder).output()?;
        Ok(names(&String::from_utf8_lossy(&output.stdout)))
    };
    let ignored = listed(&["--ignored"])?;
    let mut names = listed(&[])?;
    names.retain(|name| !ignored.contains(name));
    let test = |name| Test {
        program: program.to_owned(),
        folder: folder.to_owned(),
        name,
    };
    Ok(names.into_iter().map(test).collect())
}

fn names(list: &str) -> Vec<String> {
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_ended_with_all_that_it_started() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("test");
        std::fs::write(&program, "#!/bin/sh\ntouch begun\n(sleep 600)\n")?;
        std::fs::set_permissions(
            &program,
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        let starter = Starter {
            variables: Vec::new(),
            temporary: folder.path().join("temporary"),
        };
        let test = Test {
            program,
            folder: folder.path().to_owned(),
            name: "any".to_owned(),
        };
        let mut limit = Limit {
            work: Duration::from_mins(1),
            wait: Duration::from_millis(500),
        };
        let ended = starter.run(&test, Switch::On(1), limit)?;
        assert_eq!(ended, Ended::OverTime);
        assert!(folder.path().join("begun").exists());
        std::fs::write(&test.program, "#!/bin/sh\nwhile :; do :; done\n")?;
        (limit.work, limit.wait) = (Duration::ZERO, Duration::from_mins(10));
        let ended = starter.run(&test, Switch::On(1), limit)?;
        assert_eq!(ended, Ended::OverTime);
        Ok(())
    }

    #[test]
    fn the_names_of_tests_are_read() {
        assert_eq!(names("a::b: test\nc: benchmark\nd: test\n"), ["a::b", "d"]);
    }
}
