//! The processes of one try-out: each is known here from its start, so that none outlives it.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// All processes that were started, and the folder that they share.
///
/// Clones are handles to the same processes. [`Processes::end`] kills what still runs.
#[derive(Clone)]
pub(super) struct Processes {
    running: Arc<Mutex<Vec<Arc<Mutex<Child>>>>>,
    at_end: Arc<Mutex<Vec<Command>>>,
}

/// A process that runs for a while.
pub(super) struct Running {
    child: Arc<Mutex<Child>>,
}

/// How a program ended and what it printed.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) out: String,
    pub(super) err: String,
}

impl Processes {
    /// None yet. From now on Ctrl-C and a request to terminate end all processes, delete the folder, and exit.
    pub(super) fn watched(folder: PathBuf) -> Result<Self> {
        let processes = Self {
            running: Arc::default(),
            at_end: Arc::default(),
        };
        let watched = processes.clone();
        ctrlc::set_handler(move || {
            watched.end();
            let _ = std::fs::remove_dir_all(&folder);
            eprintln!("\n  Stopped. Nothing is left behind.");
            std::process::exit(130);
        })
        .context("Ctrl-C cannot be watched for")?;
        Ok(processes)
    }

    /// Starts a program that runs until it is killed.
    pub(super) fn start(&self, command: &mut Command) -> Result<Running> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let child = Arc::new(Mutex::new(child));
        locked(&self.running).push(Arc::clone(&child));
        Ok(Running { child })
    }

    /// Runs a program to its end, but no longer than `limit`.
    pub(super) fn finish(&self, command: &mut Command, limit: Duration) -> Result<Ended> {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let running = self.start(command)?;
        let (out, err) = {
            let mut child = locked(&running.child);
            (gather(child.stdout.take()), gather(child.stderr.take()))
        };
        let Ok(out) = out.recv_timeout(limit) else {
            running.kill()?;
            bail!(
                "{name} did not come to an end within {} seconds",
                limit.as_secs()
            );
        };
        let err = err.recv().unwrap_or_default();
        let status = locked(&running.child).wait()?;
        locked(&self.running).retain(|one| !Arc::ptr_eq(one, &running.child));
        Ok(Ended { status, out, err })
    }

    /// Runs this program at the end, to stop what it once started.
    pub(super) fn at_end(&self, command: Command) {
        locked(&self.at_end).push(command);
    }

    /// Kills what still runs.
    pub(super) fn end(&self) {
        for mut command in locked(&self.at_end).drain(..) {
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        for child in locked(&self.running).drain(..) {
            // A locked child is being waited for: it has closed its output and ends by itself.
            if let Ok(mut child) = child.try_lock() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

impl Running {
    /// Takes the program's standard output, once.
    pub(super) fn output(&self) -> Option<std::process::ChildStdout> {
        locked(&self.child).stdout.take()
    }

    /// Ends the program at once (SIGKILL) and waits until it is gone.
    pub(super) fn kill(&self) -> Result<()> {
        let mut child = locked(&self.child);
        child.kill()?;
        child.wait()?;
        Ok(())
    }
}

/// Reads a stream to its end on a thread of its own.
fn gather(stream: Option<impl std::io::Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (text, gathered) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        let _ = text.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    gathered
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn none_yet() -> Processes {
        Processes {
            running: Arc::default(),
            at_end: Arc::default(),
        }
    }

    #[test]
    fn what_a_program_prints_and_how_it_ends_is_kept() {
        let ended = none_yet().finish(
            &mut shell("echo said; echo wrong >&2; exit 3"),
            Duration::from_mins(1),
        );
        let ended = ended.unwrap();
        assert_eq!(
            (ended.out.as_str(), ended.err.as_str()),
            ("said\n", "wrong\n")
        );
        assert_eq!(ended.status.code(), Some(3));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let processes = none_yet();
        let ended = processes.finish(&mut shell("exec sleep 600"), Duration::from_millis(50));
        assert!(ended.is_err());
    }

    #[test]
    fn no_process_outlives_the_end() {
        let processes = none_yet();
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("stopped");
        let running = processes.start(&mut shell("exec sleep 600")).unwrap();
        let mut touch = Command::new("touch");
        touch.arg(&mark);
        processes.at_end(touch);
        processes.end();
        assert!(locked(&running.child).try_wait().unwrap().is_some());
        assert!(
            mark.exists(),
            "what was started in the background is stopped too"
        );
    }
}
