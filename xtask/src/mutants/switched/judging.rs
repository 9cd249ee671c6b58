//! Lets the tests that reach a mutant judge it, the most promising first, until one fails.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Result, bail};

use super::measure::Judge;
use super::process::{Ended, Starter, Switch};
use super::sites::Number;
use crate::mutants::list::{Mutant, Place};
use crate::mutants::verdicts::Verdict;

/// After so many tests that did not come to an end, no other is asked: each costs its whole patience.
const ENDLESS: usize = 3;

/// A mutant to judge.
pub(super) struct Case<'a> {
    pub(super) number: Number,
    pub(super) mutant: &'a Mutant,
}

/// The tests, and what is known of them so far.
pub(super) struct Court {
    judges: Vec<Judge>,
    /// The judges that reach each mutant.
    reaching: HashMap<Number, Vec<usize>>,
    rounds: usize,
    history: Mutex<History>,
}

/// Which tests noticed neighbours: they are likely to notice the next one, too.
#[derive(Default)]
struct History {
    /// By file and test: how many mutants it noticed, and how many it was asked about.
    files: HashMap<(String, usize), (u32, u32)>,
    /// By file and function: who noticed one there, the last one first.
    functions: HashMap<(String, Place), Vec<usize>>,
}

impl Court {
    /// `rounds`: how many of them may judge.
    pub(super) fn new(judges: Vec<Judge>, rounds: usize) -> Self {
        let mut reaching: HashMap<_, Vec<_>> = HashMap::new();
        for (at, judge) in judges.iter().enumerate() {
            for number in &judge.reached {
                reaching.entry(*number).or_default().push(at);
            }
        }
        Self {
            judges,
            reaching,
            rounds,
            history: Mutex::default(),
        }
    }

    /// Whether a test that may judge reaches this mutant.
    pub(super) fn reaches(&self, number: Number) -> bool {
        (0..self.rounds).any(|round| !self.asked(number, round).is_empty())
    }

    fn asked(&self, number: Number, round: usize) -> Vec<usize> {
        let reaching = self.reaching.get(&number).into_iter().flatten();
        let of_round = |at: &&usize| {
            let judge = self.judges.get(**at);
            judge.is_some_and(|judge| judge.round == round)
        };
        reaching.filter(of_round).copied().collect()
    }

    /// Judges all cases, with as many at a time as there are starters. `tell` gets each verdict as it is found.
    ///
    /// # Errors
    /// When a test cannot be started, or `tell` fails.
    pub(super) fn judge<'a>(
        &self,
        cases: &[Case<'a>],
        starters: &[Starter],
        end: Option<Instant>,
        mut tell: impl FnMut(&'a Mutant, Verdict) -> Result<()>,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let over = || end.is_some_and(|end| Instant::now() >= end);
        std::thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            for starter in starters {
                let (send, next) = (send.clone(), &next);
                scope.spawn(move || {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let found = self.one(case, starter);
                        let stop = found.is_err() || over();
                        if send.send((case.mutant, found)).is_err() || stop {
                            next.fetch_add(cases.len(), Ordering::Relaxed);
                        }
                    }
                });
            }
            drop(send);
            for (mutant, found) in receive {
                tell(mutant, found?)?;
            }
            Ok(())
        })
    }

    fn one(&self, case: &Case<'_>, starter: &Starter) -> Result<Verdict> {
        let mut endless = 0;
        for round in 0..self.rounds {
            for at in self.order(case.mutant, self.asked(case.number, round))? {
                let Some(judge) = self.judges.get(at) else {
                    continue;
                };
                let ended = starter.run(&judge.test, Switch::On(case.number), judge.patience())?;
                self.remember(case.mutant, at, ended)?;
                match ended {
                    Ended::Failed => return Ok(Verdict::Caught),
                    Ended::OverTime => endless += 1,
                    Ended::Passed => {}
                }
                if endless >= ENDLESS {
                    return Ok(Verdict::Timeout);
                }
            }
        }
        Ok(match endless {
            0 => Verdict::Missed,
            _ => Verdict::Timeout,
        })
    }

    /// Who noticed something in the same function goes first; then who costs least for what can be hoped of it.
    fn order(&self, mutant: &Mutant, asked: Vec<usize>) -> Result<Vec<usize>> {
        let Ok(history) = self.history.lock() else {
            bail!("a worker ended early");
        };
        let neighbours = key(mutant).and_then(|key| history.functions.get(&key));
        let neighbours = neighbours.map(Vec::as_slice).unwrap_or_default();
        let price = |at: usize| {
            let known = history.files.get(&(mutant.file.clone(), at));
            let (noticed, of) = known.copied().unwrap_or_default();
            let took = self
                .judges
                .get(at)
                .map_or(0.0, |judge| judge.took.as_secs_f64());
            // Before anything is known: one of twenty. A process costs something even when its test is nothing.
            (took + 0.01) * (f64::from(of) + 1.0) / (f64::from(noticed) + 0.05)
        };
        let mut priced: Vec<_> = asked
            .into_iter()
            .map(|at| {
                let neighbour = neighbours.iter().position(|known| *known == at);
                (neighbour.unwrap_or(usize::MAX), price(at), at)
            })
            .collect();
        priced.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
        Ok(priced.into_iter().map(|(_, _, at)| at).collect())
    }

    fn remember(&self, mutant: &Mutant, at: usize, ended: Ended) -> Result<()> {
        let Ok(mut history) = self.history.lock() else {
            bail!("a worker ended early");
        };
        let noticed = ended == Ended::Failed;
        let known = history.files.entry((mutant.file.clone(), at)).or_default();
        known.0 += u32::from(noticed);
        known.1 += 1;
        if let Some(key) = key(mutant).filter(|_| noticed) {
            let known = history.functions.entry(key).or_default();
            known.retain(|other| *other != at);
            known.insert(0, at);
            known.truncate(3);
        }
        Ok(())
    }
}

fn key(mutant: &Mutant) -> Option<(String, Place)> {
    Some((mutant.file.clone(), mutant.function?))
}
