//! One run of cargo: what it built, and what it complained of.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// What a run of cargo came to.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) succeeded: bool,
    pub(super) errors: Vec<Complaint>,
    pub(super) tests: Vec<Binary>,
    /// The programs of the package, which its tests may start.
    pub(super) programs: Vec<(String, PathBuf)>,
    /// What it printed beside the messages.
    pub(super) said: String,
}

/// An error of the compiler.
pub(super) struct Complaint {
    /// As a person reads it.
    pub(super) text: String,
    /// The places that it names first: file and bytes.
    pub(super) primary: Vec<(String, Range<usize>)>,
    /// The places that it names beside.
    pub(super) others: Vec<(String, Range<usize>)>,
}

/// A program full of tests.
#[derive(Debug, Clone)]
pub(super) struct Binary {
    pub(super) program: PathBuf,
    /// The folder of its package: where cargo starts it.
    pub(super) folder: PathBuf,
}

/// Runs cargo with arguments that may follow `--message-format=json`.
pub(super) fn compile(mut cargo: Command) -> Result<Compiled> {
    cargo.args(["--message-format=json", "--quiet"]);
    cargo.stdin(Stdio::null());
    let output = cargo.output().context("cargo cannot be started")?;
    let mut compiled = Compiled {
        succeeded: output.status.success(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
        ..Compiled::default()
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Ok(message) = serde_json::from_str(line) {
            compiled.read(&message);
        }
    }
    Ok(compiled)
}

impl Compiled {
    fn read(&mut self, message: &Value) {
        let text = |path: &str| message.pointer(path).and_then(Value::as_str);
        match text("/reason") {
            Some("compiler-message") if text("/message/level") == Some("error") => {
                if let Some(error) = message.get("message").map(Complaint::read) {
                    self.errors.push(error);
                }
            }
            Some("compiler-artifact") => {
                let Some(program) = text("/executable") else {
                    return;
                };
                let is_test = message.pointer("/profile/test") == Some(&Value::Bool(true));
                let folder = text("/manifest_path").and_then(|path| Path::new(path).parent());
                match folder {
                    Some(folder) if is_test => self.tests.push(Binary {
                        program: program.into(),
                        folder: folder.to_owned(),
                    }),
                    _ => {
                        let name = text("/target/name").unwrap_or_default();
                        self.programs.push((name.to_owned(), program.into()));
                    }
                }
            }
            _ => {}
        }
    }
}

impl Complaint {
    fn read(message: &Value) -> Self {
        let text = message.get("rendered").and_then(Value::as_str);
        let mut complaint = Self {
            text: text.unwrap_or_default().to_owned(),
            primary: Vec::new(),
            others: Vec::new(),
        };
        complaint.places(message, true);
        complaint
    }

    fn places(&mut self, message: &Value, first: bool) {
        let list = |key| message.get(key).and_then(Value::as_array).into_iter();
        for span in list("spans").flatten() {
            let primary = first && span.get("is_primary") == Some(&Value::Bool(true));
            // What a macro made is to be blamed on the place where it is called.
            let mut around = Some(span);
            while let Some(span) = around {
                if let Some(place) = place(span) {
                    let places = if primary {
                        &mut self.primary
                    } else {
                        &mut self.others
                    };
                    places.push(place);
                }
                around = span.pointer("/expansion/span");
            }
        }
        for child in list("children").flatten() {
            self.places(child, false);
        }
    }
}

fn place(span: &Value) -> Option<(String, Range<usize>)> {
    let byte = |key| usize::try_from(span.get(key)?.as_u64()?).ok();
    let file = span.get("file_name")?.as_str()?.to_owned();
    Some((file, byte("byte_start")?..byte("byte_end")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let span = |start: usize, primary: bool| {
            serde_json::json!({
                "file_name": "a.rs", "byte_start": start, "byte_end": start + 1,
                "is_primary": primary, "expansion": null,
            })
        };
        let mut compiled = Compiled::default();
        compiled.read(&serde_json::json!({
            "reason": "compiler-message",
            "message": {
                "level": "error", "rendered": "no", "spans": [span(4, true), span(7, false)],
                "children": [{ "spans": [span(9, true)] }],
            },
        }));
        compiled.read(&serde_json::json!({
            "reason": "compiler-artifact", "executable": "/b/t-1", "manifest_path": "/k/p/Cargo.toml",
            "profile": { "test": true }, "target": { "name": "t" },
        }));
        let places = |places: &[(String, Range<usize>)]| {
            let starts = places.iter().map(|(_, range)| range.start);
            starts.collect::<Vec<_>>()
        };
        let error = compiled.errors.first();
        assert_eq!(error.map(|error| places(&error.primary)), Some(vec![4]));
        assert_eq!(error.map(|error| places(&error.others)), Some(vec![7, 9]));
        let folders: Vec<_> = compiled.tests.iter().map(|test| &test.folder).collect();
        assert_eq!(folders, [Path::new("/k/p")]);
    }
}
