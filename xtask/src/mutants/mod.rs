//! `cargo xtask mutants`: changes the code in small ways, and asks whether a test notices.
//!
//! What is mutated and by which tests it is judged is in `ground`; what is known of each mutant lies in text files in
//! `mutants/`, and only what is not known there, or was judged on another source, is run. So a run can be cut off
//! at any time, and go on elsewhere. `mutants/README.md` says how to read and to excuse.

pub(crate) mod ground;
mod list;
mod score;
mod switched;
mod tree;
mod verdicts;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use self::ground::{GROUNDS, Ground, Round};
use self::list::{Mutant, Source};
use self::score::Score;
use self::switched::Switched;
use self::tree::Tree;
use self::verdicts::{Verdict, Verdicts};
use crate::tools::Tool;
use crate::workspace::Workspace;

const CARGO_MUTANTS: Tool = Tool {
    name: "cargo-mutants",
    version: "27.1.0",
};

/// How many mutants are judged between two writings: what a run that is cut off loses.
const BATCH: usize = 8;

// Each is a word on the command line, and they go together in any way.
#[allow(clippy::struct_excessive_bools)]
#[derive(Args)]
pub(crate) struct Options {
    /// Judge one part of the files: `2/4` is the second of four machines.
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Shard,
    /// Only this package: keyfold-protocol, keyfold-engine or keyfold-server.
    #[arg(long, value_name = "P")]
    package: Option<String>,
    /// Only files whose path ends like this.
    #[arg(long, value_name = "F")]
    file: Option<String>,
    /// Begin nothing after this many minutes.
    #[arg(long, value_name = "M")]
    minutes: Option<u64>,
    /// Judge the survivors again, too: after tests were added.
    #[arg(long)]
    missed: bool,
    /// Ask only the first, cheapest tests. Who else may judge does so in a later run, with `--missed`.
    #[arg(long)]
    quick: bool,
    /// Judge only what can be switched on in a running program: what must be compiled one by one is left for another run.
    #[arg(long)]
    switched_only: bool,
    /// Run nothing: print what is known of each file, and the survivors.
    #[arg(long)]
    list: bool,
}

/// Which part of the files this machine takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shard {
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (index, count) = text.split_once('/').context("a shard is K/N, as in 2/4")?;
        let (index, count) = (index.parse()?, count.parse()?);
        if index == 0 || index > count {
            bail!("shards are counted from 1 to N");
        }
        Ok(Self { index, count })
    }
}

impl Shard {
    /// The files with the most mutants are dealt first, so that all shards get about as much.
    fn take(self, mut sources: Vec<Source>) -> Vec<Source> {
        sources.sort_by_key(|source| std::cmp::Reverse(source.mutants.len()));
        let dealt = sources.into_iter().skip(self.index - 1);
        dealt.step_by(self.count).collect()
    }
}

/// Judges what is not known yet, and prints the score.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let program = CARGO_MUTANTS.ready(workspace)?;
    let chosen = |ground: &&Ground| {
        let package = options.package.as_deref();
        package.is_none_or(|package| package == ground.package)
    };
    let grounds: Vec<_> = GROUNDS.iter().filter(chosen).collect();
    if grounds.is_empty() {
        bail!(
            "nothing is mutated there: the packages are keyfold-protocol, keyfold-engine and keyfold-server"
        );
    }
    let end = options
        .minutes
        .map(|minutes| Instant::now() + Duration::from_mins(minutes));
    let mut listed = Vec::new();
    for ground in grounds {
        let all = list::sources(workspace, &program, ground)?;
        let asked = |source: &&Source| {
            let end = options.file.as_deref();
            end.is_none_or(|end| source.file.ends_with(end))
        };
        let sources: Vec<_> = all.iter().filter(asked).cloned().collect();
        if options.list {
            print_known(workspace, &sources)?;
        } else {
            let run = Run {
                workspace,
                program: &program,
                ground,
                all: &all,
                options,
                end,
            };
            run.judge(options.shard.take(sources))?;
        }
        listed.push((ground, all));
    }
    for (ground, all) in &listed {
        println!(
            "{:<17} {}",
            ground.package,
            Score::of(&workspace.root, all)?
        );
    }
    Ok(())
}

/// A file that has mutants to judge.
struct Open {
    source: Source,
    verdicts: Verdicts,
    path: PathBuf,
    unwritten: usize,
}

impl Open {
    fn record(&mut self, mutant: &Mutant, verdict: Verdict) -> Result<()> {
        println!("{verdict:<8} {}", mutant.name);
        self.verdicts.record(&mutant.mutation, verdict);
        self.unwritten += 1;
        if self.unwritten >= BATCH {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        if self.unwritten > 0 {
            self.verdicts.write(&self.path)?;
            self.unwritten = 0;
        }
        Ok(())
    }
}

fn record(open: &mut [Open], mutant: &Mutant, verdict: Verdict) -> Result<()> {
    let file = open.iter_mut().find(|open| open.source.file == mutant.file);
    file.map_or(Ok(()), |file| file.record(mutant, verdict))
}

fn write(open: &mut [Open]) -> Result<()> {
    open.iter_mut().try_for_each(Open::write)
}

/// One ground's run.
struct Run<'a> {
    workspace: &'a Workspace,
    program: &'a Path,
    ground: &'a Ground,
    /// Every file of the ground, whichever are asked for.
    all: &'a [Source],
    options: &'a Options,
    end: Option<Instant>,
}

impl Run<'_> {
    fn rounds(&self) -> &'static [Round] {
        let count = if self.options.quick { 1 } else { usize::MAX };
        self.ground
            .rounds
            .get(..count)
            .unwrap_or(self.ground.rounds)
    }

    fn over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    fn judge(&self, sources: Vec<Source>) -> Result<()> {
        let mut open = Vec::new();
        for source in sources {
            let file = Open {
                path: verdicts::path(&self.workspace.root, &source.file),
                verdicts: self.verdicts(&source)?,
                source,
                unwritten: 0,
            };
            if self.has_waiting(&file) {
                open.push(file);
            }
        }
        if open.is_empty() || self.over() {
            return Ok(());
        }
        println!("preparing the tests that judge {}", self.ground.package);
        let tree = Tree::ready(self.workspace, self.program)?;
        self.judge_switched(&tree, &mut open)?;
        if self.options.switched_only || self.over() {
            return Ok(());
        }
        self.judge_singly(&tree, open)
    }

    /// The fast way, for all mutants that can go it. Of the others it finds those that do not compile.
    fn judge_switched(&self, tree: &Tree, open: &mut [Open]) -> Result<()> {
        // Which mutants are compiled does not depend on which are asked for: so it need not be done twice.
        let rounds = self.rounds();
        let switched = Switched::ready(self.workspace, tree, self.ground, self.all, rounds)?;
        let waiting: Vec<_> = open.iter().flat_map(|file| self.waiting(file)).collect();
        let (able, others): (Vec<_>, Vec<_>) =
            waiting.iter().partition(|mutant| switched.has(mutant));
        let judged = switched.judge(&able, self.end, |mutant, verdict| {
            record(open, mutant, verdict)
        });
        // Also what was found before something failed, and before anything that takes long.
        write(open)?;
        judged?;
        if others.is_empty() || self.over() {
            return Ok(());
        }
        println!("    {} others: do they compile at all?", others.len());
        for mutant in switched::unviable(self.workspace, tree, self.ground, &others)? {
            record(open, mutant, Verdict::Unviable)?;
        }
        write(open)
    }

    /// The slow way: one build for each mutant.
    fn judge_singly(&self, tree: &Tree, mut open: Vec<Open>) -> Result<()> {
        open.retain(|file| self.has_waiting(file));
        if open.is_empty() {
            return Ok(());
        }
        let mut patience = Vec::new();
        for round in self.rounds() {
            patience.push(tree.patience(self.workspace, round)?);
        }
        for mut file in open {
            self.judge_file(tree, &patience, &mut file)?;
        }
        Ok(())
    }

    /// What is to be judged of a file.
    fn waiting(&self, file: &Open) -> Vec<Mutant> {
        let mutants = file.source.mutants.iter();
        let waiting = mutants.filter(|mutant| self.waits(&file.verdicts, mutant));
        waiting.cloned().collect()
    }

    fn has_waiting(&self, file: &Open) -> bool {
        let mut mutants = file.source.mutants.iter();
        mutants.any(|mutant| self.waits(&file.verdicts, mutant))
    }

    fn waits(&self, verdicts: &Verdicts, mutant: &Mutant) -> bool {
        let known = verdicts.judged.get(&mutant.mutation);
        match known.map(|judged| judged.verdict) {
            None | Some(Verdict::Waiting) => true,
            Some(Verdict::Missed | Verdict::Timeout) => self.options.missed,
            Some(_) => false,
        }
    }

    /// What is known of this very source. Of an earlier one only the excuses are kept, where their mutants still exist.
    fn verdicts(&self, source: &Source) -> Result<Verdicts> {
        let path = verdicts::path(&self.workspace.root, &source.file);
        let known = Verdicts::read(&path)?;
        if known.source == source.hash {
            return Ok(known);
        }
        let mut verdicts = known.moved_to(&source.hash);
        let exists = |mutation: &String| {
            let mut mutants = source.mutants.iter();
            mutants.any(|mutant| mutant.mutation == *mutation)
        };
        verdicts.judged.retain(|mutation, _| exists(mutation));
        Ok(verdicts)
    }

    fn judge_file(&self, tree: &Tree, patience: &[Duration], file: &mut Open) -> Result<()> {
        let waiting = self.waiting(file);
        let waiting: Vec<_> = waiting.iter().collect();
        for batch in waiting.chunks(BATCH) {
            if self.over() {
                return Ok(());
            }
            for (mutant, verdict) in self.judge_batch(tree, patience, batch)? {
                file.record(mutant, verdict)?;
            }
            file.write()?;
        }
        Ok(())
    }

    /// Each round judges what the rounds before it missed.
    fn judge_batch<'b>(
        &self,
        tree: &Tree,
        patience: &[Duration],
        batch: &[&'b Mutant],
    ) -> Result<Vec<(&'b Mutant, Verdict)>> {
        let (mut left, mut ended) = (batch.to_vec(), Vec::new());
        for (round, patience) in self.rounds().iter().zip(patience) {
            if left.is_empty() {
                break;
            }
            let found = tree.judge(round, *patience, &left)?;
            for (name, verdict) in found
                .into_iter()
                .filter(|(_, verdict)| *verdict != Verdict::Missed)
            {
                if let Some(at) = left.iter().position(|mutant| mutant.name == name) {
                    ended.push((left.remove(at), verdict));
                }
            }
        }
        ended.extend(left.into_iter().map(|mutant| (mutant, Verdict::Missed)));
        Ok(ended)
    }
}

fn print_known(workspace: &Workspace, sources: &[Source]) -> Result<()> {
    for source in sources {
        let one = std::slice::from_ref(source);
        println!("{}\n    {}", source.file, Score::of(&workspace.root, one)?);
        let known = Verdicts::read(&verdicts::path(&workspace.root, &source.file))?;
        for (mutation, judged) in known.judged {
            if judged.verdict == Verdict::Missed {
                println!("    missed: {mutation}");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(file: &str, mutants: usize) -> Source {
        let mutant = Mutant {
            file: file.to_owned(),
            ..Mutant::default()
        };
        Source {
            file: file.to_owned(),
            hash: String::new(),
            mutants: vec![mutant; mutants],
        }
    }

    #[test]
    fn shards_take_every_file_once() -> Result<()> {
        let mut taken = Vec::new();
        for shard in ["1/2", "2/2"] {
            let sources = vec![source("a", 1), source("b", 9), source("c", 5)];
            let part = shard.parse::<Shard>()?.take(sources);
            taken.extend(part.into_iter().map(|source| source.file));
        }
        assert_eq!(taken, ["b", "a", "c"]);
        Ok(())
    }

    #[test]
    fn a_shard_outside_of_its_range_is_refused() {
        for wrong in ["0/2", "3/2", "2", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
