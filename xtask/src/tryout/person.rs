//! One person of a try-out: a profile folder, a passphrase, and the `keyfold` command as a process for each action.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::process::{Ended, Processes};
use super::server::Server;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The exit code of a command that may not be done.
const REFUSED: i32 = 3;

/// Somebody with a device.
pub(super) struct Person {
    /// The handle.
    pub(super) name: String,
    program: PathBuf,
    profile: PathBuf,
    passphrase: PathBuf,
    processes: Processes,
}

/// A conversation, by the id that the command prints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Conversation(pub(super) String);

impl Person {
    /// Gives somebody an empty folder and a passphrase.
    pub(super) fn new(
        name: &str,
        program: &Path,
        folder: &Path,
        processes: &Processes,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let passphrase = folder.join("passphrase");
        std::fs::write(
            &passphrase,
            format!("the passphrase of {name} on this machine\n"),
        )?;
        Ok(Self {
            name: name.to_owned(),
            program: program.to_owned(),
            profile: folder.join("profile"),
            passphrase,
            processes: processes.clone(),
        })
    }

    /// Makes an account on the server.
    pub(super) fn registers(&self, server: &Server) -> Result<()> {
        let (ca, recovery) = (server.ca(), self.profile.with_file_name("recovery-key"));
        let files = ["--ca", text(&ca)?, "--recovery-file", text(&recovery)?];
        let mut arguments = vec!["register", &self.name, "--server", server.url()];
        arguments.extend(files);
        self.run(&arguments)?;
        // They have agreed to meet: nobody waits to be accepted.
        self.run(&["requests", "--ask", "off"]).map(drop)
    }

    /// Starts a conversation; with one handle and no name it is one to one.
    pub(super) fn starts(&self, handles: &[&str], name: Option<&str>) -> Result<Conversation> {
        let mut arguments = vec!["new"];
        arguments.extend(handles);
        arguments.extend(name.map(|name| ["--name", name]).into_iter().flatten());
        let lines = self.run(&arguments)?;
        lines
            .first()
            .and_then(|line| field(line, "id"))
            .map(Conversation)
            .context("`new` printed no id")
    }

    /// Says something; returns once the server has it.
    pub(super) fn says(&self, conversation: &Conversation, text: &str) -> Result<()> {
        self.run(&["send", &conversation.0, text]).map(drop)
    }

    /// Says something without waiting for the server.
    pub(super) fn queues(&self, conversation: &Conversation, text: &str) -> Result<()> {
        self.run(&["send", &conversation.0, text, "--queue"])
            .map(drop)
    }

    /// Fetches, opens and sends all that waits.
    pub(super) fn syncs(&self) -> Result<()> {
        self.run(&["sync", "--wait", "20"]).map(drop)
    }

    /// The texts of a conversation as this person sees them.
    pub(super) fn reads(&self, conversation: &Conversation) -> Result<Vec<String>> {
        let lines = self.run(&["read", &conversation.0])?;
        Ok(lines.iter().filter_map(shown).collect())
    }

    /// Removes somebody.
    pub(super) fn removes(&self, conversation: &Conversation, handle: &str) -> Result<()> {
        self.run(&["remove", &conversation.0, handle]).map(drop)
    }

    /// The safety number that this person sees for somebody.
    pub(super) fn safety_number(&self, handle: &str) -> Result<String> {
        let lines = self.run(&["verify", handle])?;
        let number = lines.first().and_then(|line| field(line, "safety_number"));
        number.context("`verify` printed no safety number")
    }

    /// Tries something that must be refused; returns what the person is told, or nothing when it was not refused.
    pub(super) fn is_refused(&self, arguments: &[&str]) -> Result<Option<String>> {
        let ended = self.ends(arguments)?;
        let refused = ended.status.code() == Some(REFUSED);
        Ok(refused.then(|| complaint(&ended.err)))
    }

    /// A shell command that does the same by hand.
    pub(super) fn shell_line(&self, arguments: &[&str]) -> String {
        let words = [
            self.program.as_path(),
            Path::new("--profile"),
            &self.profile,
        ];
        let files = [Path::new("--passphrase-file"), &self.passphrase];
        let words = words
            .into_iter()
            .chain(files)
            .map(|word| word.display().to_string());
        let words = words.chain(arguments.iter().map(|word| (*word).to_owned()));
        words
            .map(|word| quoted(&word))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs one command to its end and reads the objects that it prints, one a line.
    fn run(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let ended = self.ends(arguments)?;
        if !ended.status.success() {
            let command = arguments.first().unwrap_or(&"");
            bail!(
                "keyfold {command} of {} failed: {}",
                self.name,
                complaint(&ended.err)
            );
        }
        let lines = ended.out.lines().map(|line| {
            serde_json::from_str(line).with_context(|| format!("not an object: {line}"))
        });
        lines.collect()
    }

    fn ends(&self, arguments: &[&str]) -> Result<Ended> {
        let mut command = Command::new(&self.program);
        command.arg("--profile").arg(&self.profile);
        command.arg("--passphrase-file").arg(&self.passphrase);
        command.arg("--json").args(arguments);
        self.processes.finish(&mut command, PATIENCE)
    }
}

/// How an entry of a timeline reads: a text as it is, trouble by its kind. What else happened is left out.
fn shown(entry: &Value) -> Option<String> {
    let kind = field(entry, "kind")?;
    match kind.as_str() {
        "text" => field(entry, "text"),
        "gap" | "newer" | "refused" => Some(format!("[{kind}]")),
        _ => None,
    }
}

/// A text field of an object that the command printed.
fn field(object: &Value, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .context("the temporary folder's path is not text")
}

/// What the command says went wrong: one object on its standard error, or plain text where it came to nothing.
fn complaint(text: &str) -> String {
    let last = text
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let object: Option<Value> = serde_json::from_str(last).ok();
    let error = object.and_then(|object| field(&object, "error"));
    error.unwrap_or_else(|| last.to_owned())
}

/// The word as a shell takes it literally.
fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=".contains(char);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_line_keeps_its_words_together() {
        assert_eq!(quoted("climbing"), "climbing");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
    }
}
