//! A server that is looked into: its folder, its log, its memory.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::kit::{self, PATIENCE};
use crate::search::Words;

/// In the path of a file that the log will have to complain of.
const IN_A_PATH: &str = "planted-in-a-path";

/// A server over TLS that logs all it can, standard output included, into a file.
pub(crate) struct Observed {
    child: Child,
    home: tempfile::TempDir,
    /// Host and port.
    pub(crate) address: String,
}

impl Observed {
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let log = File::create(home.path().join("log")).unwrap();
        let mut child = Command::new(kit::server_program())
            .arg("--data")
            .arg(home.path().join("data"))
            .arg("--dev-ca")
            .arg(home.path().join(IN_A_PATH))
            .args(["--listen", "127.0.0.1:0", "--no-network-limits"])
            .args(["--log", "trace"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().unwrap().to_owned();
        Self {
            child,
            home,
            address,
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.tls_file("ca.pem")
    }

    /// A file of its development CA.
    pub(crate) fn tls_file(&self, name: &str) -> PathBuf {
        self.home.path().join(IN_A_PATH).join(name)
    }

    /// Its log, once it has complained of a file whose path holds a planted word.
    pub(crate) fn log_with_a_planted_word(&self) -> Vec<u8> {
        std::fs::remove_file(self.tls_file("server-key.pem")).unwrap();
        let hangup = Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status();
        assert!(hangup.unwrap().success());
        let planted = Words::new(&[IN_A_PATH]);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = std::fs::read(self.home.path().join("log")).unwrap();
            if planted.first_in(&log).is_some() {
                return log;
            }
            assert!(
                Instant::now() < deadline,
                "the planted word is not in the log"
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// All memory of the process that can be read. `None`, and a word about it, where the system forbids it; but with
    /// `CI=true` a search that cannot be made is a failure.
    #[allow(
        clippy::print_stderr,
        reason = "what was not searched must not be silent"
    )]
    pub(crate) fn memory(&self) -> Option<Vec<u8>> {
        match memory_of(self.child.id()) {
            Ok(memory) => Some(memory),
            Err(why) => {
                let said = format!(
                    "the server's memory was NOT searched: it cannot be read here ({why}); on Linux, as the same user, \
                     /proc/sys/kernel/yama/ptrace_scope must be 0 or 1"
                );
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{said}");
                eprintln!("{said}");
                None
            }
        }
    }

    /// SIGKILL: the write-ahead log stays.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `/proc/PID/maps` lists, one after the other. Elsewhere than on Linux there is no such thing.
fn memory_of(process: u32) -> io::Result<Vec<u8>> {
    let process = PathBuf::from(format!("/proc/{process}"));
    let maps = std::fs::read_to_string(process.join("maps"))?;
    let mut memory = File::open(process.join("mem"))?;
    let mut all = Vec::new();
    for map in maps.lines() {
        let mut fields = map.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        // The kernel's own pages in a process cannot be read this way and hold nothing of it.
        if !rights.starts_with('r') || map.ends_with("[vvar]") || map.ends_with("[vsyscall]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
        memory.seek(SeekFrom::Start(from))?;
        // A region that went away meanwhile is nobody's memory any more; one that may not be read at all is a failure.
        match (&mut memory).take(to - from).read_to_end(&mut all) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    Ok(all)
}
