//! `cargo xtask test`: every check and every test, the cheap ones first.
//!
//! With `CI=true` in the environment a check that cannot run here is a failure. The last line counts tests and
//! checks together: `N passed, N failed`.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::progress::{Outcome, Progress, Tally};
use crate::terminal::{colours, plain};
use crate::tools::can_compile_c;
use crate::wasm::Readiness;
use crate::workspace::{Workspace, answer, succeed};
use crate::{boundary, deny, tidy, wasm};

/// Worlds from seeds that nobody has played before, and what people do in each of them: fewer things than by default, so that the stage
/// takes less than three minutes.
const FRESH: u64 = 50;
const ACTIONS: u64 = 300;

#[derive(Args)]
pub(crate) struct Options {
    /// Run all stages even when one fails.
    #[arg(long)]
    keep_going: bool,
}

/// Runs all stages; fails when one did. The closing line has then said why.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> ExitCode {
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut progress = Progress::new(strict, options.keep_going);
    progress.stage("formats", || passed(formats(workspace)));
    progress.stage("tidy", || passed(tidy::run(workspace)));
    progress.stage("boundary", || passed(boundary::run(workspace)));
    progress.stage("deny", || {
        passed(deny::run(workspace, &deny::Options::default()))
    });
    progress.stage("clippy", || passed(lints(workspace)));
    progress.stage("wasm", || in_wasm(workspace));
    progress.stage("tests", || tests(workspace));
    progress.stage("doc tests", || doc_tests(workspace));
    progress.stage("worlds", || worlds(workspace));
    progress.close();
    if progress.tally().failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn formats(workspace: &Workspace) -> Result<()> {
    needs(workspace, "fmt", "rustfmt")?;
    succeed(&mut workspace.cargo(["fmt", "--all", "--check"]))
        .context("format the code with: cargo fmt --all")
}

fn lints(workspace: &Workspace) -> Result<()> {
    needs(workspace, "clippy", "clippy")?;
    can_compile_c(workspace)?;
    let clippy = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    succeed(&mut workspace.cargo(clippy)).context("the lints above must be mended")
}

/// Fails with what to install when the toolchain came without one of its components.
fn needs(workspace: &Workspace, command: &str, component: &str) -> Result<()> {
    answer(&mut workspace.cargo([command, "--version"]))
        .map(drop)
        .with_context(|| format!("this check needs {component}: rustup component add {component}"))
}

fn in_wasm(workspace: &Workspace) -> Result<Outcome> {
    match wasm::readiness(workspace) {
        Readiness::Ready(toolchain) => passed(toolchain.check(workspace)),
        Readiness::Missing(what) => Ok(Outcome::Skipped(what)),
    }
}

fn tests(workspace: &Workspace) -> Result<Outcome> {
    let nextest = answer(&mut workspace.cargo(["nextest", "--version"])).is_some();
    let mut command = if nextest {
        workspace.cargo(["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        let targets = ["--lib", "--bins", "--tests", "--examples"];
        let mut command = workspace.cargo(["test", "--workspace", "--no-fail-fast"]);
        command.args(targets);
        command
    };
    count(&mut command)
}

fn doc_tests(workspace: &Workspace) -> Result<Outcome> {
    count(&mut workspace.cargo(["test", "--workspace", "--doc", "--no-fail-fast"]))
}

/// Plays simulated worlds: those that failed once, and fresh ones without backups and copies (with them not all keep every promise
/// yet). Whoever tests the same code plays the same.
fn worlds(workspace: &Workspace) -> Result<Outcome> {
    let code = answer(workspace.command("git").args(["rev-parse", "HEAD:crates"]));
    let from = first_seed(code.as_deref().unwrap_or_default());
    let (fresh, from, actions) = (FRESH.to_string(), from.to_string(), ACTIONS.to_string());
    let fresh = [
        "--without-ways-back",
        "--seeds",
        &fresh,
        "--from",
        &from,
        "--actions",
        &actions,
    ];
    println!(
        "fresh worlds, by the code: cargo xtask sim {}",
        fresh.join(" ")
    );
    let mut sum = Tally::default();
    for arguments in [&["--recorded", "--seeds", "0"][..], &fresh[..]] {
        let mut command = workspace.cargo(["run", "--quiet", "--package", "keyfold-sim", "--"]);
        if let Outcome::Tests(tally) = count(command.args(arguments))? {
            sum.passed += tally.passed;
            sum.failed += tally.failed;
        }
    }
    Ok(Outcome::Tests(sum))
}

/// The first seed that a state of the code plays: the first 32 bits of its folder's id.
fn first_seed(tree: &str) -> u64 {
    let head = tree.get(..8).unwrap_or_default();
    u32::from_str_radix(head, 16).unwrap_or_default().into()
}

/// Runs a test command, shows what it prints but for single tests that pass, and adds up its summaries.
fn count(command: &mut Command) -> Result<Outcome> {
    command.env(
        "CARGO_TERM_COLOR",
        if colours() { "always" } else { "never" },
    );
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let tally = std::thread::scope(|scope| {
        let errors = scope.spawn(|| relay(err));
        let printed = relay(out);
        let errors = errors.join().unwrap_or_default();
        Tally {
            passed: printed.passed + errors.passed,
            failed: printed.failed + errors.failed,
        }
    });
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        bail!("the tests did not come to an end: {status}");
    }
    Ok(Outcome::Tests(tally))
}

fn relay(stream: Option<impl Read>) -> Tally {
    let mut sum = Tally::default();
    let Some(stream) = stream else { return sum };
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let bare = plain(&line);
        if let Some(tally) = summary(&bare) {
            sum.passed += tally.passed;
            sum.failed += tally.failed;
        }
        if !is_noise(&bare) {
            println!("{line}");
        }
    }
    sum
}

/// What a summary line of cargo's own runner or of nextest counts. Nextest indents what a failing test has printed, the
/// summary of its own process with it: that counts nothing.
fn summary(line: &str) -> Option<Tally> {
    let counts = match line.strip_prefix("test result: ") {
        Some(counts) => counts,
        None if line.trim_start().starts_with("Summary [") => line.split_once("run: ")?.1,
        None if is_closing(line) => line,
        None => return None,
    };
    Some(Tally {
        passed: number_before(counts, "passed"),
        failed: number_before(counts, "failed") + number_before(counts, "timed out"),
    })
}

/// The number in front of a word, or 0 where the word is not there.
fn number_before(counts: &str, word: &str) -> u64 {
    let before = counts
        .split_once(&format!(" {word}"))
        .map(|(before, _)| before);
    let number = before.and_then(|text| text.rsplit(|char: char| !char.is_ascii_digit()).next());
    number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// `12 passed, 0 failed`, and nothing else: how the simulation ends.
fn is_closing(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words[..], [passed, "passed,", failed, "failed"]
        if passed.parse::<u64>().is_ok() && failed.parse::<u64>().is_ok())
}

fn is_noise(line: &str) -> bool {
    let passing = line.starts_with("test ") && line.ends_with(" ... ok");
    passing || line.is_empty() || line.trim_start().starts_with("PASS [")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_summaries_are_read() {
        let cargo = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(
            summary(cargo),
            Some(Tally {
                passed: 12,
                failed: 3
            })
        );
        let nextest = "     Summary [   0.530s] 40 tests run: 38 passed (1 slow), 1 failed, 1 timed out, 2 skipped";
        assert_eq!(
            summary(nextest),
            Some(Tally {
                passed: 38,
                failed: 2
            })
        );
        let worlds = "61 passed, 1 failed";
        assert_eq!(
            summary(worlds),
            Some(Tally {
                passed: 61,
                failed: 1
            })
        );
        assert_eq!(summary("running 3 tests"), None);
        let of_one_test = format!("    {cargo}");
        assert_eq!(summary(&of_one_test), None);
        assert_eq!(summary("all 61 passed, 1 failed"), None);
    }

    #[test]
    fn each_state_of_the_code_has_worlds_of_its_own() {
        assert_eq!(first_seed("0000000fd9ad8"), 15);
        assert_eq!(first_seed("ffffffff"), u64::from(u32::MAX));
        assert_eq!(first_seed(""), 0, "no git, no repository");
    }

    #[test]
    fn a_failing_test_is_shown_and_a_passing_one_is_not() {
        assert!(is_noise("test ids::tests::hex ... ok"));
        assert!(!is_noise("test ids::tests::hex ... FAILED"));
    }

    #[test]
    fn a_command_that_breaks_off_is_an_error() {
        let gone = count(Command::new("sh").args(["-c", "exit 3"]));
        assert!(gone.is_err());
        let said =
            count(Command::new("sh").args(["-c", "echo 'test result: ok. 2 passed; 0 failed;'"]));
        assert_eq!(
            said.ok(),
            Some(Outcome::Tests(Tally {
                passed: 2,
                failed: 0
            }))
        );
    }
}
