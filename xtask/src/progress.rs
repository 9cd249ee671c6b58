//! Stages of a check run: what each is called, how long it took, how it ended, and the closing line.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::terminal::Ink;

/// How a stage ended when it did not break off with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// One check, and it holds.
    Passed,
    /// Many tests, and how they went.
    Tests(Tally),
    /// Could not be done here; the sentence says what is missing.
    Skipped(String),
}

/// How many passed and how many failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests or checks that hold.
    pub(crate) passed: u64,
    /// Tests or checks that do not.
    pub(crate) failed: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// A run of stages, one after the other.
pub(crate) struct Progress {
    strict: bool,
    keep_going: bool,
    started: Instant,
    ended: Vec<Ended>,
}

struct Ended {
    name: &'static str,
    took: Duration,
    tally: Tally,
    note: String,
}

impl Progress {
    /// Starts the clock. `strict`: a skipped stage fails. `keep_going`: a failed one does not end the run.
    pub(crate) fn new(strict: bool, keep_going: bool) -> Self {
        Self {
            strict,
            keep_going,
            started: Instant::now(),
            ended: Vec::new(),
        }
    }

    /// Runs a stage unless an earlier one ended the run.
    pub(crate) fn stage(&mut self, name: &'static str, run: impl FnOnce() -> Result<Outcome>) {
        if self.tally().failed > 0 && !self.keep_going {
            return;
        }
        println!("\n{}", Ink::BOLD.on(format_args!("── {name}")));
        let started = Instant::now();
        let (tally, note) = judge(run(), self.strict);
        let ended = Ended {
            name,
            took: started.elapsed(),
            tally,
            note,
        };
        println!("{ended}");
        self.ended.push(ended);
    }

    /// All stages together.
    pub(crate) fn tally(&self) -> Tally {
        self.ended.iter().fold(Tally::default(), |sum, one| Tally {
            passed: sum.passed + one.tally.passed,
            failed: sum.failed + one.tally.failed,
        })
    }

    /// Prints every stage once more and, last, the plain line that counts them.
    pub(crate) fn close(&self) {
        println!("\n{}", Ink::BOLD.on("── summary"));
        for ended in &self.ended {
            println!("{ended}");
        }
        let minutes = self.started.elapsed().as_secs_f64() / 60.0;
        println!("\n{minutes:.1} minutes");
        println!("{}", self.tally());
    }
}

/// What a stage's end counts for, and what to say about it.
fn judge(result: Result<Outcome>, strict: bool) -> (Tally, String) {
    let passed = Tally {
        passed: 1,
        failed: 0,
    };
    let failed = Tally {
        passed: 0,
        failed: 1,
    };
    match result {
        Ok(Outcome::Passed) => (passed, String::new()),
        Ok(Outcome::Tests(tally)) => (tally, tally.to_string()),
        Ok(Outcome::Skipped(why)) if strict => {
            (failed, format!("skipped, which CI does not allow: {why}"))
        }
        Ok(Outcome::Skipped(why)) => (Tally::default(), format!("skipped: {why}")),
        Err(error) => (failed, format!("{error:#}")),
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.tally {
            Tally { failed: 1.., .. } => Ink::RED.on("failed "),
            Tally { passed: 0, .. } => Ink::YELLOW.on("skipped"),
            Tally { .. } => Ink::GREEN.on("passed "),
        };
        let took = format!("{:.1} s", self.took.as_secs_f64());
        write!(out, "{word}  {:<10} {:>8}  {}", self.name, took, self.note)
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn failing() -> Result<Outcome> {
        anyhow::bail!("a semicolon is missing")
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let mut progress = Progress::new(false, false);
        progress.stage("formats", || Ok(Outcome::Passed));
        progress.stage("lints", failing);
        progress.stage("tests", || panic!("must not run"));
        assert_eq!(
            progress.tally(),
            Tally {
                passed: 1,
                failed: 1
            }
        );
    }

    #[test]
    fn keep_going_runs_on_and_still_fails() {
        let mut progress = Progress::new(false, true);
        progress.stage("lints", failing);
        progress.stage("tests", || {
            Ok(Outcome::Tests(Tally {
                passed: 7,
                failed: 2,
            }))
        });
        assert_eq!(progress.tally().to_string(), "7 passed, 3 failed");
    }

    #[test]
    fn a_skipped_stage_counts_for_nothing_and_fails_in_ci() {
        let skip = || Ok(Outcome::Skipped("install clang".into()));
        assert_eq!(judge(skip(), false).0, Tally::default());
        assert_eq!(
            judge(skip(), true).0,
            Tally {
                passed: 0,
                failed: 1
            }
        );
    }
}
