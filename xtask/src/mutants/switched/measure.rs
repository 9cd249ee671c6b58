//! Runs every test once as the code is: how long it takes, and which mutants it reaches.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::build::Build;
use super::process::{self, Ended, Limit, Starter, Switch, Test};
use super::sites::Number;
use crate::mutants::tree::{LEAST_PATIENCE, PATIENCE};

/// What a test may take of a processor's time on a mutant, at least; of everybody's it may take as long as a run of all.
const LEAST_WORK: Duration = Duration::from_secs(20);
/// What it may take without one, before something is wrong that is not a mutant's.
const LONGEST: Limit = Limit {
    work: Duration::from_mins(20),
    wait: Duration::from_hours(1),
};

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
    pub(super) fn patience(&self) -> Limit {
        let often = self.took * PATIENCE;
        Limit {
            work: often.max(LEAST_WORK),
            wait: often.max(LEAST_PATIENCE),
        }
    }
}

/// Measures all tests, some at a time. What was measured of the very same programs is read from `known`, and the rest
/// is added there.
///
/// # Errors
/// When one fails: then it would fail on every mutant, too.
pub(super) fn measure(build: &Build, starters: &[Starter], known: &Path) -> Result<Vec<Judge>> {
    let earlier = Earlier::read(known);
    let (mut tests, mut judges) = (Vec::new(), Vec::new());
    for (round, binaries) in build.tests.iter().enumerate() {
        for binary in binaries {
            for test in process::tests(&binary.program, &binary.folder)? {
                match earlier.find(&test, round) {
                    Some(judge) => judges.push(judge),
                    None => tests.push((round, test)),
                }
            }
        }
    }
    println!("    {} tests to measure", tests.len());
    let file = OpenOptions::new().create(true).append(true).open(known)?;
    let next = AtomicUsize::new(0);
    let work = |starter| -> Result<Vec<(Judge, Ended)>> {
        let mut done = Vec::new();
        while let Some((round, test)) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (judge, ended) = one(starter, *round, test)?;
            if ended == Ended::Passed {
                write(&file, &judge)?;
            }
            done.push((judge, ended));
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
    judges.extend(good.into_iter().map(|(judge, _)| judge));
    Ok(judges)
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

/// When a program was written: another build of it is another program.
fn written(program: &Path) -> Option<String> {
    let time = program.metadata().ok()?.modified().ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_nanos().to_string())
}

fn write(mut file: &File, judge: &Judge) -> Result<()> {
    let line = json!({
        "program": judge.test.program,
        "written": written(&judge.test.program),
        "name": judge.test.name,
        "seconds": judge.took.as_secs_f64(),
        "reached": judge.reached,
    });
    Ok(file.write_all(format!("{line}\n").as_bytes())?)
}

/// What an earlier run measured, by test. Only a shortcut: it may be missing.
struct Earlier(HashMap<(String, String), Value>);

impl Earlier {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let key = |key| Some(line.get(key)?.as_str()?.to_owned());
            Some(((key("program")?, key("name")?), line))
        });
        Self(lines.collect())
    }

    fn find(&self, test: &Test, round: usize) -> Option<Judge> {
        let program = test.program.to_str()?.to_owned();
        let line = self.0.get(&(program, test.name.clone()))?;
        if line.get("written")?.as_str() != Some(&written(&test.program)?) {
            return None;
        }
        Some(Judge {
            test: test.clone(),
            round,
            took: Duration::try_from_secs_f64(line.get("seconds")?.as_f64()?).ok()?,
            reached: serde_json::from_value(line.get("reached")?.clone()).ok()?,
        })
    }
}
