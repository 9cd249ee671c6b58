//! The fast way: all mutants of a ground are compiled in at once, each behind a switch that a process reads when it
//! starts. So a mutant costs the tests that reach it, and no build.

mod build;
mod compile;
mod judging;
mod measure;
mod plain;
mod process;
mod render;
mod sites;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Instant;

use anyhow::Result;

use self::judging::{Case, Court};
use self::process::Starter;
use self::sites::Number;
use super::ground::{Ground, Round};
use super::list::{Mutant, Source};
use super::tree::Tree;
use super::verdicts::Verdict;
use crate::workspace::Workspace;

/// A ground whose mutants are compiled, and whose tests are measured.
pub(crate) struct Switched {
    numbers: BTreeMap<String, Number>,
    court: Court,
    starters: Vec<Starter>,
}

impl Switched {
    /// Compiles all mutants of a ground and runs its tests once without any. `sources`: all of the ground; `rounds`:
    /// those of its rounds that judge.
    ///
    /// # Errors
    /// When it does not compile whatever is left out, or a test fails without a mutant.
    pub(crate) fn ready(
        workspace: &Workspace,
        tree: &Tree,
        ground: &Ground,
        sources: &[Source],
        rounds: &[Round],
    ) -> Result<Self> {
        let build = build::build(workspace, tree, ground, sources, rounds)?;
        let variables: Vec<_> = build
            .programs
            .iter()
            .map(|(name, path)| (format!("CARGO_BIN_EXE_{name}"), OsString::from(path)))
            .collect();
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let folder = std::env::temp_dir().join(format!("keyfold-mutants-{}", std::process::id()));
        let starters: Vec<_> = (0..workers)
            .map(|worker| Starter {
                variables: variables.clone(),
                temporary: folder.join(worker.to_string()),
            })
            .collect();
        let known = tree.home.join(format!("measured-{}", ground.package));
        let started = Instant::now();
        let judges = measure::measure(&build, &starters, &known)?;
        println!(
            "    {} tests, measured in {} s; {} mutants can be switched",
            judges.len(),
            started.elapsed().as_secs(),
            build.numbers.len()
        );
        Ok(Self {
            numbers: build.numbers,
            court: Court::new(judges, rounds.len()),
            starters,
        })
    }

    /// Whether a mutant can be judged here.
    pub(crate) fn has(&self, mutant: &Mutant) -> bool {
        self.numbers.contains_key(&mutant.name)
    }

    /// Judges mutants until there are no more, or the time is over. `tell` gets each verdict as soon as it is found.
    pub(crate) fn judge<'a>(
        &self,
        mutants: &[&'a Mutant],
        end: Option<Instant>,
        tell: impl FnMut(&'a Mutant, Verdict) -> Result<()>,
    ) -> Result<()> {
        let cases = mutants.iter().filter_map(|mutant| {
            let number = *self.numbers.get(&mutant.name)?;
            Some(Case { number, mutant })
        });
        let cases: Vec<_> = cases.collect();
        let unreached = cases
            .iter()
            .filter(|case| !self.court.reaches(case.number))
            .count();
        println!(
            "    {} mutants to judge; {unreached} of them no test reaches",
            cases.len()
        );
        self.court.judge(&cases, &self.starters, end, tell)
    }
}

/// Which of the mutants that cannot be switched do not compile in any way: for these no build of the tests is needed.
pub(crate) fn unviable<'a>(
    workspace: &Workspace,
    tree: &Tree,
    ground: &Ground,
    mutants: &[&'a Mutant],
) -> Result<Vec<&'a Mutant>> {
    let check = plain::Check {
        workspace,
        tree,
        ground,
    };
    check.unviable(mutants)
}

impl Drop for Switched {
    fn drop(&mut self) {
        for starter in &self.starters {
            if let Some(folder) = starter.temporary.parent() {
                let _ = std::fs::remove_dir_all(folder);
            }
        }
    }
}
