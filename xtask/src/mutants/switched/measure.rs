//! Runs every test once as the code is: how long it takes, and which mutants it reaches.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::build::Build;
use super::process::{self, Ended, Starter, Switch, Test};
use super::sites::Number;

/// What a test may take on a mutant beyond what it takes without one: this often, and at least this long.
const PATIENCE: u32 = 6;
const LEAST_PATIENCE: Duration = Duration::from_secs(20);
/// What it may take without one, before something is wrong that is not a mutant's.
const LONGEST: Duration = Duration::from_mins(10);

/// A test, measured.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    pub(super) test: Test,
    /// The round that it belongs to: those of a later one see only what all earlier ones missed.
    pub(super) round: usize,
    pub(super) took: Duration,
    pub(super) reached: BTreeSet<Number>,
}

impl Judge {
    /// How long it may take on a mutant.
    pub(super) fn patience(&self) -> Duration {
        (self.took * PATIENCE).max(LEAST_PATIENCE)
    }
}

/// Measures all tests, some at a time.
///
/// # Errors
/// When one fails: then it would fail on every mutant, too.
pub(super) fn measure(build: &Build, starters: &[Starter]) -> Result<Vec<Judge>> {
    let mut tests = Vec::new();
    for (round, binaries) in build.tests.iter().enumerate() {
        for binary in binaries {
            let found = process::tests(&binary.program, &binary.folder)?;
            tests.extend(found.into_iter().map(|test| (round, test)));
        }
    }
    let next = AtomicUsize::new(0);
    let work = |starter| -> Result<Vec<(Judge, Ended)>> {
        let mut done = Vec::new();
        while let Some((round, test)) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(one(starter, *round, test)?);
        }
        Ok(done)
    };
    let found = std::thread::scope(|scope| {
        let workers = starters
            .iter()
            .map(|starter| scope.spawn(move || work(starter)));
        let workers: Vec<_> = workers.collect();
        let ended = workers.into_iter().map(|worker| match worker.join() {
            Ok(found) => found,
            Err(_) => bail!("a worker ended early"),
        });
        ended.collect::<Result<Vec<_>>>()
    })?;
    let (good, bad): (Vec<_>, Vec<_>) = found
        .into_iter()
        .flatten()
        .partition(|(_, ended)| *ended == Ended::Passed);
    if !bad.is_empty() {
        let names = bad.iter().map(|(judge, ended)| {
            let program = judge.test.program.display();
            format!("    {program} {}: {ended:?}", judge.test.name)
        });
        let names = names.collect::<Vec<_>>().join("\n");
        bail!("these tests must pass before they can judge mutants:\n{names}");
    }
    Ok(good.into_iter().map(|(judge, _)| judge).collect())
}

fn one(starter: &Starter, round: usize, test: &Test) -> Result<(Judge, Ended)> {
    let file = starter.temporary.with_extension("reached");
    let _ = std::fs::remove_file(&file);
    let started = Instant::now();
    let ended = starter.run(test, Switch::Record(&file), LONGEST)?;
    let judge = Judge {
        test: test.clone(),
        round,
        took: started.elapsed(),
        reached: read(&file)?,
    };
    Ok((judge, ended))
}

/// One number a line. No file: nothing was reached.
fn read(file: &Path) -> Result<BTreeSet<Number>> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let numbers = text.lines().map(str::parse);
    numbers
        .collect::<Result<_, _>>()
        .context("what was reached cannot be read")
}
