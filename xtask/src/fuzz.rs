//! `cargo xtask fuzz`: every fuzz target in turn, under cargo-fuzz on the nightly toolchain.
//!
//! What is fuzzed is in `crates/fuzzing`; targets, seeds and dictionaries are in `fuzz/`. What a run finds on its way (the
//! corpus) stays in the target folder, and the next run begins with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::tools::{Tool, can_compile_c};
use crate::workspace::{Workspace, answer, succeed};

const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
};

const TOOLCHAIN: &str = "nightly";

/// Two compilers at once: each takes a gigabyte with the sanitizer on.
const BUILD_JOBS: &str = "2";

/// Bytes of one input: a push of several items; longer ones only make it slow.
const MAX_INPUT: u32 = 16 * 1024;

/// Seconds after which one input counts as a hang.
const HANG: u32 = 30;

/// Megabytes beyond which a target counts as a leak.
const MEMORY: u32 = 3_072;

#[derive(Args)]
pub(crate) struct Options {
    /// How long to fuzz in all, divided among the targets; building does not count.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Only these targets; may be given several times.
    #[arg(long)]
    target: Vec<String>,
    /// What watches over memory.
    #[arg(long, value_enum, default_value_t = Sanitizer::Address)]
    sanitizer: Sanitizer,
}

/// The sanitizers that make sense here.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sanitizer {
    /// `AddressSanitizer`: also what C and `unsafe` in dependencies do wrong.
    Address,
    /// None: twice as fast.
    None,
}

impl Sanitizer {
    const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::None => "none",
        }
    }
}

/// Builds and runs the targets one after the other; fails when one found something.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let fuzzer = Fuzzer::ready(workspace, options.sanitizer)?;
    let targets = chosen(&fuzzer.folder, &options.target)?;
    println!("building {} targets", targets.len());
    fuzzer.build(&options.target)?;
    let each = share(options.seconds, targets.len());
    let mut found = Vec::new();
    for target in &targets {
        let finding = fuzzer.fuzz(target, each)?;
        println!("{}", finding.line(target));
        if !finding.is_clean() {
            println!("{}", finding.said);
            found.push(target.as_str());
        }
    }
    let passed = targets.len() - found.len();
    println!("{passed} passed, {} failed", found.len());
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("findings in: {}", found.join(", "));
    Ok(ExitCode::FAILURE)
}

/// The seconds of each target: all alike, at least one.
fn share(seconds: u64, targets: usize) -> Duration {
    let targets = u64::try_from(targets).unwrap_or(u64::MAX).max(1);
    Duration::from_secs((seconds / targets).max(1))
}

/// The names of the targets that are wanted, or all.
fn chosen(folder: &Path, wanted: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets"))? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) {
            all.push(name.to_owned());
        }
    }
    all.sort();
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!(
            "there is no target {unknown}; there are: {}",
            all.join(", ")
        );
    }
    if !wanted.is_empty() {
        all.retain(|name| wanted.contains(name));
    }
    Ok(all)
}

/// cargo-fuzz, and where it works.
struct Fuzzer {
    program: PathBuf,
    folder: PathBuf,
    /// Where its builds, corpora and findings lie.
    target: PathBuf,
    sanitizer: Sanitizer,
}

impl Fuzzer {
    fn ready(workspace: &Workspace, sanitizer: Sanitizer) -> Result<Self> {
        let nightly = ["run", TOOLCHAIN, "rustc", "--version"];
        if answer(workspace.command("rustup").args(nightly)).is_none() {
            bail!("fuzzing needs nightly Rust: rustup toolchain install {TOOLCHAIN}");
        }
        can_compile_c(workspace)?;
        if answer(workspace.command("c++").arg("--version")).is_none() {
            bail!("libFuzzer needs a C++ compiler: on Debian, apt install g++");
        }
        Ok(Self {
            program: CARGO_FUZZ.ready(workspace)?,
            folder: workspace.root.join("fuzz"),
            target: workspace.target.join("fuzz"),
            sanitizer,
        })
    }

    /// A command of cargo-fuzz under the nightly toolchain, whichever runs this program.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("rustup");
        command
            .args(["run", TOOLCHAIN])
            .arg(&self.program)
            .args([name, "--release", "--sanitizer", self.sanitizer.name()])
            .arg("--target-dir")
            .arg(&self.target)
            .current_dir(&self.folder)
            .env("CARGO_BUILD_JOBS", BUILD_JOBS)
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("CARGO_TARGET_DIR");
        command
    }

    fn build(&self, wanted: &[String]) -> Result<()> {
        let mut command = self.command("build");
        if let [only] = wanted {
            command.arg(only);
        }
        succeed(&mut command).context("the fuzz targets do not build")
    }

    /// Runs one target for so long, or until it finds something.
    fn fuzz(&self, target: &str, time: Duration) -> Result<Finding> {
        let corpus = self.target.join("corpus").join(target);
        let artifacts = self.target.join("artifacts").join(target);
        // Databases of a run that broke off stay in here, and go with it.
        let scratch = self.target.join("scratch");
        for folder in [&corpus, &artifacts, &scratch] {
            fs::create_dir_all(folder)?;
        }
        let mut command = self.command("run");
        command
            .arg(target)
            .args([&corpus, &self.folder.join("seeds").join(target)])
            .arg("--")
            .arg(format!("-max_total_time={}", time.as_secs()))
            .arg(format!("-max_len={MAX_INPUT}"))
            .arg(format!("-timeout={HANG}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg("-print_final_stats=1")
            .env("TMPDIR", &scratch);
        let dictionary = self.dictionary(target);
        if dictionary.is_file() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .context("rustup cannot be started")?;
        fs::remove_dir_all(&scratch)?;
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(Finding::read(&said, output.status.success()))
    }

    fn dictionary(&self, target: &str) -> PathBuf {
        let name = format!("{target}.dict");
        self.folder.join("dictionaries").join(name)
    }
}

/// What came of one target.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    executions: Option<u64>,
    coverage: Option<u64>,
    /// The inputs that broke it.
    inputs: Vec<String>,
    succeeded: bool,
    /// The end of what it printed, where it broke.
    said: String,
}

/// Lines that are shown of a target that broke.
const SHOWN: usize = 60;

impl Finding {
    fn read(said: &str, succeeded: bool) -> Self {
        let written = |line: &str| Some(line.split_once("Test unit written to ")?.1.to_owned());
        let lines: Vec<&str> = said.lines().collect();
        let end = lines.len().saturating_sub(SHOWN);
        Self {
            executions: last(&lines, "stat::number_of_executed_units:"),
            coverage: last(&lines, "cov:"),
            inputs: lines.iter().copied().filter_map(written).collect(),
            succeeded,
            said: lines.get(end..).unwrap_or_default().join("\n"),
        }
    }

    const fn is_clean(&self) -> bool {
        self.succeeded && self.inputs.is_empty()
    }

    fn line(&self, target: &str) -> String {
        let number = |number: Option<u64>| number.map_or("?".to_owned(), |one| one.to_string());
        let (executions, coverage) = (number(self.executions), number(self.coverage));
        let end = match self.inputs.as_slice() {
            [] if self.succeeded => "nothing found".to_owned(),
            [] => "broke off".to_owned(),
            inputs => inputs.join(" "),
        };
        format!("{target:<16} {executions:>10} executions, {coverage:>6} edges: {end}")
    }
}

/// The number behind the last place where these words stand.
fn last(lines: &[&str], words: &str) -> Option<u64> {
    let behind = |line: &&str| {
        let rest = line.split_once(words)?.1;
        rest.split_whitespace().next()?.parse().ok()
    };
    lines.iter().rev().find_map(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_divided_and_nobody_gets_nothing() {
        assert_eq!(share(600, 27), Duration::from_secs(22));
        assert_eq!(share(600, 1), Duration::from_mins(10));
        assert_eq!(share(3, 27), Duration::from_secs(1));
    }

    #[test]
    fn a_run_that_found_nothing_is_read() {
        let said = "#2\tINITED cov: 87 ft: 88 corp: 1/1b\n#4096\tpulse  cov: 120 ft: 130\n\
                    stat::number_of_executed_units: 5000\nstat::peak_rss_mb: 40\n";
        let finding = Finding::read(said, true);
        assert!(finding.is_clean());
        assert_eq!(
            (finding.executions, finding.coverage),
            (Some(5_000), Some(120))
        );
        assert!(finding.line("padding").ends_with("nothing found"));
    }

    #[test]
    fn an_input_that_broke_it_is_named() {
        let said = "thread panicked at src/a.rs\n\
                    artifact_prefix='a/'; Test unit written to a/crash-01\nBase64: AA==\n";
        let finding = Finding::read(said, false);
        assert!(!finding.is_clean());
        assert_eq!(finding.inputs, ["a/crash-01"]);
        assert!(finding.said.contains("panicked"));
        assert!(!Finding::read("", false).is_clean());
    }
}
