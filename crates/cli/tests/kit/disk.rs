//! A small disk: a file system in memory, in a mount namespace of its own, that is really full when it is full.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// What a file system in memory gives out at once.
const PAGE: [u8; 4_096] = [0x5A; 4_096];

/// Makes the file system and keeps the namespace for as long as its input is open.
const KEEPER: &str =
    r#"mount -t tmpfs -o size="$1",mode=0700 keyfold "$2" && echo mounted && exec cat"#;

/// A disk of a few megabytes. Only processes that [`SmallDisk::program`] starts see it. Gone when it is dropped.
pub struct SmallDisk {
    keeper: Child,
    place: TempDir,
    /// Made without being root, in a user namespace.
    is_users: bool,
}

impl SmallDisk {
    /// Makes a disk. `None`, and a word about it, where this system lets nobody mount anything; under `CI=true` that is a
    /// failure.
    pub fn of(bytes: u64) -> Option<Self> {
        let made = Self::make(bytes, false).or_else(|| Self::make(bytes, true));
        if made.is_none() {
            let why = "no file system can be mounted here, neither as root nor in a user namespace: give the tests one of them";
            assert!(
                std::env::var_os("CI").is_none_or(|value| value != "true"),
                "{why}"
            );
            let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
        }
        made
    }

    fn make(bytes: u64, is_users: bool) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        if is_users {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "--", "sh", "-c", KEEPER, "sh"]);
        command.arg(bytes.to_string()).arg(place.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        let mut output = BufReader::new(keeper.stdout.take().unwrap());
        let _ = output.read_line(&mut line);
        let disk = Self {
            keeper,
            place,
            is_users,
        };
        (line == "mounted\n").then_some(disk)
    }

    /// Where the disk is, for the programs that see it.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// The same place, for this test.
    pub fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.place.path().strip_prefix("/").unwrap())
    }

    /// A program that sees the disk.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.keeper.id().to_string();
        command.args(["--target", &target, "--mount"]);
        if self.is_users {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Fills the disk to the last page, however much is on it.
    pub fn fill(&self) {
        let mut ballast = OpenOptions::new();
        let mut ballast = ballast
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        loop {
            match ballast.write_all(&PAGE) {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
                    return;
                }
            }
        }
    }

    /// Fills the disk but for so many pages.
    pub fn leaves(&self, pages: u64) {
        self.fill();
        let ballast = OpenOptions::new().write(true).open(self.ballast()).unwrap();
        let size = ballast.metadata().unwrap().len();
        ballast
            .set_len(size.saturating_sub(pages * PAGE.len() as u64))
            .unwrap();
    }

    /// Makes room again.
    pub fn empties(&self) {
        File::create(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.outside().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
