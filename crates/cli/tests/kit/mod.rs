//! The stage of the stories: a real server over real TLS, and people who use the real `keyfold`, each command a process.
//!
//! Nothing sleeps: whoever waits, waits for output, with a deadline.

#![allow(dead_code, unreachable_pub, reason = "each story uses its part of it")]

#[cfg(target_os = "linux")]
pub mod disk;
pub mod rpc;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

#[cfg(target_os = "linux")]
use disk::SmallDisk;
use serde_json::Value;
use tempfile::TempDir;

/// The longest that anything may take here, on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The server's program: `$KEYFOLD_SERVER`, else the one beside the program under test, built where it is missing or older
/// than its sources.
pub fn server_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(named) = std::env::var_os("KEYFOLD_SERVER") {
            return named.into();
        }
        let profile = Path::new(env!("CARGO_BIN_EXE_keyfold")).parent().unwrap();
        let program = profile.join(format!("keyfold-server{}", std::env::consts::EXE_SUFFIX));
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let sources =
            ["server/src", "wire/src", "wire/proto"].map(|folder| newest(&crates.join(folder)));
        let built = std::fs::metadata(&program)
            .and_then(|found| found.modified())
            .ok();
        if built < sources.into_iter().max() {
            build_server(profile);
        }
        program
    })
}

fn build_server(profile: &Path) {
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "keyfold-server",
        "--bin",
        "keyfold-server",
    ]);
    build
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    build.arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(
        build.status().unwrap().success(),
        "keyfold-server does not build"
    );
}

/// When something in this folder was last changed.
fn newest(folder: &Path) -> SystemTime {
    let changed = |entry: std::fs::DirEntry| {
        let found = entry.metadata().unwrap();
        if found.is_dir() {
            newest(&entry.path())
        } else {
            found.modified().unwrap()
        }
    };
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| changed(entry.unwrap()))
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A process whose output is read as it comes. Killed when dropped.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = line_by_line(child.stdout.take().unwrap());
        let errors = line_by_line(child.stderr.take().unwrap());
        let input = child.stdin.take();
        Self {
            child,
            input,
            lines,
            errors,
        }
    }

    /// The next line of its output.
    pub fn line(&self) -> String {
        self.line_within(PATIENCE).expect("no further line came")
    }

    /// The next line, if one comes in this time. `None` as well once it has ended.
    pub fn line_within(&self, patience: Duration) -> Option<String> {
        self.lines.recv_timeout(patience).ok()
    }

    /// The next line of its output, read as JSON.
    pub fn object(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Writes to its standard input.
    pub fn write(&mut self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    /// Writes what need not be text to its standard input.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next line of its complaints, if one comes in this time.
    pub fn complaint_within(&self, patience: Duration) -> Option<String> {
        self.errors.recv_timeout(patience).ok()
    }

    /// Ends its standard input.
    pub fn no_more(&mut self) {
        self.input = None;
    }

    /// SIGKILL: no chance to tidy up.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGINT, as Ctrl+C does it; waits for its end.
    pub fn interrupt(self) -> Finished {
        let interrupt = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(interrupt.unwrap().success());
        self.finish()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Finished {
        self.input = None;
        let deadline = Instant::now() + PATIENCE;
        let out = collect(&self.lines, deadline);
        let err = collect(&self.errors, deadline);
        let (Some(out), Some(err)) = (out, err) else {
            self.kill();
            panic!("a command did not end in time");
        };
        Finished {
            code: self.child.wait().unwrap().code(),
            out,
            err,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line_by_line(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// All lines up to the end of the output; `None` when it does not end in time.
fn collect(lines: &Receiver<String>, deadline: Instant) -> Option<Vec<String>> {
    let mut all = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => all.push(line),
            Err(RecvTimeoutError::Disconnected) => return Some(all),
            Err(RecvTimeoutError::Timeout) => return None,
        }
    }
}

/// How a command ended.
pub struct Finished {
    pub code: Option<i32>,
    pub out: Vec<String>,
    pub err: Vec<String>,
}

impl Finished {
    /// Its output, one object a line.
    pub fn objects(&self) -> Vec<Value> {
        self.out
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What it complained of.
    pub fn failure(&self) -> Value {
        let line = self
            .err
            .last()
            .unwrap_or_else(|| panic!("no complaint; output: {:?}", self.out));
        serde_json::from_str(line).unwrap_or_else(|_| panic!("not an object: {line}"))
    }
}

/// A server on a folder of its own.
pub struct Server {
    pub running: Running,
    pub home: TempDir,
    pub url: String,
    /// Arguments beside the usual ones.
    pub more: Vec<String>,
    #[cfg(target_os = "linux")]
    pub disk: Option<SmallDisk>,
}

impl Server {
    /// Starts one with TLS under a development CA.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further arguments; with `--limit` among them, under limits per network.
    pub fn start_with(more: &[&str]) -> Self {
        let more: Vec<_> = more.iter().map(|&word| word.to_owned()).collect();
        let home = tempfile::tempdir().unwrap();
        let command = Command::new(server_program());
        let data = home.path().join("data");
        let (running, url) =
            Self::launch(command, &data, home.path(), "127.0.0.1:0", true, &more).unwrap();
        Self {
            running,
            home,
            url,
            more,
            #[cfg(target_os = "linux")]
            disk: None,
        }
    }

    /// Starts one with TLS whose data is on this disk.
    #[cfg(target_os = "linux")]
    pub fn start_on(disk: SmallDisk) -> Self {
        let home = tempfile::tempdir().unwrap();
        let command = disk.program(server_program());
        let data = disk.path().join("data");
        let (running, url) =
            Self::launch(command, &data, home.path(), "127.0.0.1:0", true, &[]).unwrap();
        let disk = Some(disk);
        Self {
            running,
            home,
            url,
            more: Vec::new(),
            disk,
        }
    }

    /// Starts one without TLS, for this machine only.
    pub fn start_plain() -> Self {
        let home = tempfile::tempdir().unwrap();
        let command = Command::new(server_program());
        let data = home.path().join("data");
        let (running, url) =
            Self::launch(command, &data, home.path(), "127.0.0.1:0", false, &[]).unwrap();
        Self {
            running,
            home,
            url,
            more: Vec::new(),
            #[cfg(target_os = "linux")]
            disk: None,
        }
    }

    fn launch(
        mut command: Command,
        data: &Path,
        home: &Path,
        listen: &str,
        tls: bool,
        more: &[String],
    ) -> Result<(Running, String), String> {
        command.arg("--data").arg(data).args(["--listen", listen]);
        if !more.iter().any(|word| word == "--limit") {
            command.arg("--no-network-limits");
        }
        command.args(more);
        if tls {
            command.arg("--dev-ca").arg(home.join("ca"));
        }
        let running = Running::start(&mut command);
        let Some(line) = running.line_within(PATIENCE) else {
            return Err(running.finish().err.join("\n"));
        };
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .unwrap()
            .to_owned();
        Ok((running, url))
    }

    pub fn ca(&self) -> PathBuf {
        self.home.path().join("ca").join("ca.pem")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts it again on the same folder and port.
    pub fn restart(&mut self) {
        self.try_to_restart().unwrap();
    }

    /// The same with other further arguments.
    pub fn restart_with(&mut self, more: &[&str]) {
        self.more = more.iter().map(|&word| word.to_owned()).collect();
        self.restart();
    }

    /// Starts it again where it may refuse to: what it says then.
    pub fn try_to_restart(&mut self) -> Result<(), String> {
        let listen = self
            .url
            .rsplit('/')
            .next()
            .unwrap()
            .replace("localhost", "127.0.0.1");
        let (command, data) = self.program();
        let tls = self.url.starts_with("https");
        let (running, url) =
            Self::launch(command, &data, self.home.path(), &listen, tls, &self.more)?;
        assert_eq!(url, self.url);
        self.running = running;
        Ok(())
    }

    /// Its program, and where its data is.
    fn program(&self) -> (Command, PathBuf) {
        #[cfg(target_os = "linux")]
        if let Some(disk) = &self.disk {
            return (disk.program(server_program()), disk.path().join("data"));
        }
        let data = self.home.path().join("data");
        (Command::new(server_program()), data)
    }

    /// A person with an account here.
    pub fn person(&self, handle: &str) -> Person {
        let person = Person::new(handle);
        person.ok(&self.registration(handle));
        person
    }

    /// The same with a person who lets strangers wait, as everybody does who does not say otherwise.
    pub fn person_who_asks_first(&self, handle: &str) -> Person {
        let person = Person {
            asks_first: true,
            ..Person::new(handle)
        };
        person.ok(&self.registration(handle));
        person
    }

    /// A person with an account here whose device speaks only these suites.
    pub fn person_speaking(&self, handle: &str, suites: &str) -> Person {
        let person = Person::new(handle);
        let mut registration = self.registration(handle);
        registration.extend(["--suites".to_owned(), suites.to_owned()]);
        person.ok(&registration);
        person
    }

    /// Several of them.
    pub fn people<const N: usize>(&self, handles: [&str; N]) -> [Person; N] {
        handles.map(|handle| self.person(handle))
    }

    /// The arguments by which somebody registers here.
    pub fn registration(&self, handle: &str) -> Vec<String> {
        let mut arguments = vec![
            "register".to_owned(),
            handle.to_owned(),
            "--server".to_owned(),
            self.url.clone(),
        ];
        if self.url.starts_with("https") {
            arguments.extend(["--ca".to_owned(), self.ca().display().to_string()]);
        }
        arguments
    }
}

/// Somebody with a device.
pub struct Person {
    pub handle: String,
    pub home: TempDir,
    /// Lets strangers wait, as everybody does who does not say otherwise.
    pub asks_first: bool,
    /// Where the profile is, if not at home.
    #[cfg(target_os = "linux")]
    pub disk: Option<SmallDisk>,
}

impl Person {
    pub fn new(handle: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(
            home.path().join("passphrase"),
            format!("{handle} likes long walks\n"),
        )
        .unwrap();
        Self {
            handle: handle.to_owned(),
            home,
            asks_first: false,
            #[cfg(target_os = "linux")]
            disk: None,
        }
    }

    /// Somebody whose profile is on this disk.
    #[cfg(target_os = "linux")]
    pub fn on(disk: SmallDisk, handle: &str) -> Self {
        Self {
            disk: Some(disk),
            ..Self::new(handle)
        }
    }

    pub fn profile(&self) -> PathBuf {
        #[cfg(target_os = "linux")]
        if let Some(disk) = &self.disk {
            return disk.path().join("profile");
        }
        self.home.path().join("profile")
    }

    fn program(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_keyfold");
        #[cfg(target_os = "linux")]
        if let Some(disk) = &self.disk {
            return disk.program(Path::new(program));
        }
        Command::new(program)
    }

    /// The program, with this person's profile and passphrase.
    pub fn keyfold(&self) -> Command {
        let mut command = self.program();
        command
            .env_remove("KEYFOLD_PROFILE")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC");
        command.arg("--profile").arg(self.profile());
        command
            .arg("--passphrase-file")
            .arg(self.home.path().join("passphrase"));
        command
    }

    /// Starts a command with `--json`.
    pub fn start<S: AsRef<str>>(&self, arguments: &[S]) -> Running {
        Running::start(
            self.keyfold()
                .arg("--json")
                .args(arguments.iter().map(AsRef::as_ref)),
        )
    }

    /// Carries out a command that must succeed.
    pub fn ok<S: AsRef<str>>(&self, arguments: &[S]) -> Vec<Value> {
        let finished = self.start(arguments).finish();
        let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        assert_eq!(
            finished.code,
            Some(0),
            "{} {words:?}: {:?}",
            self.handle,
            finished.err
        );
        let is_new = matches!(words.first(), Some(&("register" | "accept-link")));
        if is_new && !self.asks_first {
            self.ok(&["requests", "--ask", "off"]);
        }
        finished.objects()
    }

    /// Carries out a command that must fail; returns exit code and failure.
    pub fn fails<S: AsRef<str>>(&self, arguments: &[S]) -> (i32, Value) {
        let finished = self.start(arguments).finish();
        let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        assert_ne!(
            finished.code,
            Some(0),
            "{} {words:?} should fail: {:?}",
            self.handle,
            finished.out
        );
        (finished.code.unwrap(), finished.failure())
    }

    /// What a person at a terminal would see of a command.
    pub fn sees<S: AsRef<str>>(&self, arguments: &[S]) -> String {
        let mut command = self.keyfold();
        let finished = Running::start(command.args(arguments.iter().map(AsRef::as_ref))).finish();
        assert_eq!(finished.code, Some(0), "{:?}", finished.err);
        finished.out.join("\n")
    }

    /// Starts a conversation; its id.
    pub fn begins(&self, arguments: &[&str]) -> String {
        let arguments: Vec<_> = std::iter::once("new")
            .chain(arguments.iter().copied())
            .collect();
        text(&self.ok(&arguments)[0], "id")
    }

    /// Says something; returns once the server has it.
    pub fn says(&self, conversation: &str, words: &str) -> String {
        text(&self.ok(&["send", conversation, words])[0], "id")
    }

    pub fn syncs(&self) -> Value {
        self.ok(&["sync", "--wait", "60"]).remove(0)
    }

    /// The texts of a conversation.
    pub fn reads(&self, conversation: &str) -> Vec<String> {
        let entries = self.ok(&["read", conversation]);
        entries
            .iter()
            .filter(|entry| entry["kind"] == "text")
            .map(|entry| text(entry, "text"))
            .collect()
    }

    /// All files of the profile, with their bytes.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.profile())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), bytes(&path)))
            .collect();
        files.sort();
        files
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A text field of an object.
pub fn text(object: &Value, field: &str) -> String {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {object}"))
        .to_owned()
}

/// Numbers that look random and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
