//! A copy of the checkout to mutate: a run that is cut off leaves nothing behind in the checkout itself.
//!
//! Copy and build folder stay below `target/mutants`, so that a mutant costs one crate's build and one run of tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::ground::Round;
use super::list::Mutant;
use super::verdicts::Verdict;
use crate::workspace::{Workspace, answer};

/// What a run of the tests may take beyond what it takes without a mutation: this often, and at least this long.
/// Machines that do other work at the same time are no reason to call a mutant endless.
pub(crate) const PATIENCE: u32 = 6;
pub(crate) const LEAST_PATIENCE: Duration = Duration::from_mins(2);
/// How long a build may take before something is wrong that is not the mutant's.
const BUILD_LIMIT: Duration = Duration::from_mins(20);

/// The copies, up to date with the checkout.
pub(crate) struct Tree {
    /// The copy that one mutant after the other is written into.
    pub(crate) root: PathBuf,
    /// The copy that all mutants are written into at once.
    pub(crate) switched: PathBuf,
    /// What is worth keeping beside the copies.
    pub(crate) home: PathBuf,
    build: PathBuf,
    output: PathBuf,
    program: PathBuf,
    /// Two runs on one copy would judge each other's mutants. Released when dropped.
    _lock: File,
}

impl Tree {
    /// Takes the place for itself, and brings the copy for single mutants up to date.
    pub(crate) fn ready(workspace: &Workspace, program: &Path) -> Result<Self> {
        let home = workspace.target.join("mutants");
        std::fs::create_dir_all(&home)?;
        let lock = File::create(home.join("lock"))?;
        lock.try_lock().context("another run is at work here")?;
        let tree = Self {
            root: home.join("tree"),
            switched: home.join("switched"),
            build: home.join("build"),
            output: home.join("run"),
            program: std::path::absolute(workspace.root.join(program))?,
            home,
            _lock: lock,
        };
        lay(workspace, &tree.root, &BTreeMap::new())?;
        std::fs::create_dir_all(&tree.output)?;
        Ok(tree)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.command_in(&self.root, program)
    }

    /// Cargo in one of the copies.
    pub(crate) fn cargo_in(&self, root: &Path, workspace: &Workspace) -> Command {
        let cargo = workspace.cargo([]).get_program().to_owned();
        self.command_in(root, cargo)
    }

    /// A program that runs in one of the copies and builds where all do: what both need is built once.
    fn command_in(&self, root: &Path, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(root);
        command.env("CARGO_TARGET_DIR", &self.build);
        // Line tables are for people who read a backtrace. Nobody does here, and they cost time on every mutant.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }

    /// Runs a round's tests on the code as it is, and says how long they may take on a mutant.
    ///
    /// # Errors
    /// When they fail: then they would fail on every mutant, too, and catch nothing.
    pub(crate) fn patience(&self, workspace: &Workspace, round: &Round) -> Result<Duration> {
        let mut took = Duration::ZERO;
        for only_build in [&["--no-run"][..], &[]] {
            let mut tests = self.cargo_in(&self.root, workspace);
            tests.args(["nextest", "run", "--cargo-quiet", "--status-level=fail"]);
            tests.args(["--package", round.package]).args(round.targets);
            let started = Instant::now();
            let ended = tests.args(only_build).stdout(Stdio::null()).status()?;
            took = started.elapsed();
            if !ended.success() {
                bail!(
                    "the tests of {} must pass before they can judge mutants",
                    round.package
                );
            }
        }
        Ok((took * PATIENCE).max(LEAST_PATIENCE))
    }

    /// Lets a round's tests judge mutants of one file.
    pub(crate) fn judge(
        &self,
        round: &Round,
        patience: Duration,
        mutants: &[&Mutant],
    ) -> Result<Vec<(String, Verdict)>> {
        let outcomes = self.output.join("mutants.out/outcomes.json");
        let _ = std::fs::remove_dir_all(self.output.join("mutants.out"));
        let mut run = self.command(&self.program);
        run.args(["mutants", "--in-place", "--baseline=skip", "--no-shuffle"]);
        run.args(["--test-tool=nextest", "--no-config", "--colors=never"]);
        run.arg(format!("--timeout={}", patience.as_secs()));
        run.arg(format!("--build-timeout={}", BUILD_LIMIT.as_secs()));
        run.arg(format!("--test-package={}", round.package));
        for target in round.targets {
            run.arg(format!("--cargo-arg={target}"));
        }
        // Named twice, a package's mutants are judged twice.
        if let Some(first) = mutants.first() {
            run.args(["--package", &first.package, "--file", &first.file]);
        }
        for mutant in mutants {
            run.arg(format!("--re=^{}$", escaped(&mutant.name)));
        }
        run.arg("--output").arg(&self.output);
        let output = run.output().context("cargo-mutants cannot be started")?;
        let text = std::fs::read(&outcomes).with_context(|| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            format!(
                "cargo-mutants ended with {} and said: {said}",
                output.status
            )
        })?;
        read(&serde_json::from_slice(&text)?)
    }
}

/// Brings a copy up to date: writes what differs, removes what is gone, leaves all else with its time. Some files get
/// another text than they have in the checkout.
pub(crate) fn lay(
    workspace: &Workspace,
    root: &Path,
    changed: &BTreeMap<PathBuf, String>,
) -> Result<()> {
    let files = checkout(workspace)?;
    for file in &files {
        let to = root.join(file);
        match changed.get(file) {
            Some(text) => write(text.as_bytes(), &to)?,
            None => update(&workspace.root.join(file), &to)?,
        }
    }
    prune(root, root, &files)
}

/// The files that git knows or would take, relative to the root.
fn checkout(workspace: &Workspace) -> Result<BTreeSet<PathBuf>> {
    let mut git = workspace.command("git");
    git.args(["-c", "core.quotepath=off", "ls-files"]);
    git.args(["--cached", "--others", "--exclude-standard"]);
    let listed = answer(&mut git).context("git cannot list the files of this checkout")?;
    let files = listed.lines().map(PathBuf::from);
    Ok(files
        .filter(|file| workspace.root.join(file).is_file())
        .collect())
}

fn update(from: &Path, to: &Path) -> Result<()> {
    write(&std::fs::read(from)?, to)
}

/// Writes a file that has another content, or is not there.
pub(crate) fn write(wanted: &[u8], to: &Path) -> Result<()> {
    if std::fs::read(to).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(to, wanted).with_context(|| to.display().to_string())
}

fn prune(root: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            prune(root, &path, files)?;
        } else if path
            .strip_prefix(root)
            .is_ok_and(|path| !files.contains(path))
        {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// What has a meaning in a regular expression. Signs beyond these must not be escaped: `\>` is the end of a word.
const SIGNS: &str = r"\.+*?()|[]{}^$#&-~";

/// A name as a regular expression that matches nothing else.
fn escaped(name: &str) -> String {
    let mut pattern = String::new();
    for char in name.chars() {
        if SIGNS.contains(char) {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

/// The verdicts in cargo-mutants' `outcomes.json`, by the mutant's full name.
fn read(outcomes: &Value) -> Result<Vec<(String, Verdict)>> {
    let outcomes = outcomes.get("outcomes").and_then(Value::as_array);
    let mut verdicts = Vec::new();
    for outcome in outcomes.context("no outcomes")? {
        let Some(mutant) = outcome.pointer("/scenario/Mutant") else {
            continue;
        };
        let name = mutant.get("name").and_then(Value::as_str);
        let summary = outcome.get("summary").and_then(Value::as_str);
        let verdict = match summary.context("no summary")? {
            "CaughtMutant" => Verdict::Caught,
            "MissedMutant" => Verdict::Missed,
            "Unviable" => Verdict::Unviable,
            "Timeout" => Verdict::Timeout,
            other => bail!("cargo-mutants reports `{other}`"),
        };
        verdicts.push((name.context("no name")?.to_owned(), verdict));
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_itself_alone() {
        assert_eq!(
            escaped("a/b.rs:1:2: replace f -> Vec<u8> with vec![1]"),
            r"a/b\.rs:1:2: replace f \-> Vec<u8> with vec!\[1\]"
        );
    }

    #[test]
    fn outcomes_are_read_and_a_baseline_is_none() -> Result<()> {
        let json = serde_json::json!({ "outcomes": [
            { "scenario": "Baseline", "summary": "Success" },
            { "scenario": { "Mutant": { "name": "one" } }, "summary": "MissedMutant" },
            { "scenario": { "Mutant": { "name": "two" } }, "summary": "CaughtMutant" },
        ]});
        let expected = [
            ("one".to_owned(), Verdict::Missed),
            ("two".to_owned(), Verdict::Caught),
        ];
        assert_eq!(read(&json)?, expected);
        Ok(())
    }

    #[test]
    fn the_copy_follows_the_checkout() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(&from)?;
        std::fs::create_dir_all(to.join("old"))?;
        std::fs::write(from.join("kept.rs"), "true")?;
        std::fs::write(
            to.join("kept.rs"),
            "false /* ~ changed by cargo-mutants ~ */",
        )?;
        std::fs::write(to.join("old/gone.rs"), "")?;
        update(&from.join("kept.rs"), &to.join("kept.rs"))?;
        prune(&to, &to, &BTreeSet::from([PathBuf::from("kept.rs")]))?;
        assert_eq!(std::fs::read_to_string(to.join("kept.rs"))?, "true");
        assert!(!to.join("old/gone.rs").exists());
        Ok(())
    }
}
