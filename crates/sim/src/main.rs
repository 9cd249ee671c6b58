//! `keyfold-sim`: plays worlds from their seeds and says which of them broke a promise.
#![allow(clippy::print_stdout, reason = "it talks to a person at a terminal")]

use std::collections::BTreeMap;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use clap::Parser;
use keyfold_sim::script::{MAX_PEOPLE, shrink};
use keyfold_sim::{Excuse, Faults, Options, Report, Sabotage, Script, Theft, run};

/// Seeds of worlds that broke a promise once, for a cause that no shorter story shows; what was found in each is in `docs/proof.md`, as are those that
/// the oracle finds broken since it is stricter.
const RECORDED: &[u64] = &[
    30_160,
    34_031,
    60_072,
    60_121,
    62_051,
    67_168,
    77_014,
    98_014,
    102_022,
    102_029,
    4_550_383,
    3_528_714_852,
];

/// Plays simulated worlds and judges them.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch on the command line"
)]
#[derive(Parser)]
struct Arguments {
    /// How many worlds.
    #[arg(long, default_value_t = 50)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many things people do in each.
    #[arg(long, default_value_t = 500)]
    actions: u32,
    /// How many people there are; drawn from 2 to 12 for each seed if not given.
    #[arg(long)]
    people: Option<usize>,
    /// What goes wrong.
    #[arg(long, value_enum, default_value = "all")]
    faults: Faults,
    /// Of all faults leave out what only the ways back can heal: restored backups, copies, absences beyond the server's retention.
    #[arg(long)]
    without_ways_back: bool,
    /// Nobody edits, takes back, reacts or pins: worlds as they were before people could.
    #[arg(long)]
    without_amendments: bool,
    /// Nobody tells whether they are there, type or have read: worlds as they were before people could.
    #[arg(long)]
    without_signals: bool,
    /// Play as well all seeds that have failed before, first.
    #[arg(long)]
    recorded: bool,
    /// How many worlds are played at once; as many as there are processors if not given.
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
    /// Reduce the first seed that fails to a short script, and print that as a test.
    #[arg(long)]
    shrink: bool,
    /// Break something on purpose, to see that it is noticed.
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
    /// Print every step of the device of this number.
    #[arg(long)]
    follow: Option<usize>,
    /// Instead of worlds: one story, with trouble at every operation of every disk in it.
    #[arg(long)]
    every_operation: bool,
}

impl Arguments {
    /// The world of a seed; a recorded one as it was when it failed.
    fn options(&self, seed: u64) -> Options {
        let drawn = Options::people_of(seed);
        let before = self.recorded && RECORDED.contains(&seed);
        Options {
            seed,
            actions: self.actions,
            people: self.people.unwrap_or(drawn).clamp(2, MAX_PEOPLE),
            faults: self.faults,
            ways_back: self.faults == Faults::All && !self.without_ways_back,
            amends: self.faults != Faults::Hostile && !self.without_amendments && !before,
            quiet: self.without_signals || before,
            follow: self.follow,
            sabotage: self.sabotage,
        }
    }

    fn jobs(&self) -> usize {
        let here = || std::thread::available_parallelism().ok();
        self.jobs.or_else(here).map_or(1, NonZero::get)
    }

    /// Plays all worlds, each on one thread, and hands over how they went as they end.
    fn plays(&self, mut hears: impl FnMut(u64, Report)) {
        let recorded = if self.recorded { RECORDED } else { &[] };
        let fresh = self.from..self.from.saturating_add(self.seeds);
        let seeds: Vec<u64> = recorded.iter().copied().chain(fresh).collect();
        let next = AtomicUsize::new(0);
        let (reports, heard) = mpsc::channel();
        std::thread::scope(|threads| {
            for _ in 0..self.jobs() {
                let (reports, next, seeds) = (reports.clone(), &next, &seeds);
                threads.spawn(move || {
                    while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if reports.send((*seed, run(self.options(*seed)))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(reports);
            for (seed, report) in heard {
                hears(seed, report);
            }
        });
    }
}

/// The sum of all reports.
#[derive(Default)]
struct Sum {
    passed: u64,
    failed: Vec<u64>,
    texts: usize,
    keys: (usize, usize),
    excused: BTreeMap<Excuse, usize>,
    thefts: Vec<Theft>,
    events: u64,
    trace: u64,
}

impl Sum {
    fn adds(&mut self, seed: u64, report: &Report, people: usize) {
        self.texts += report.texts;
        self.keys.0 += report.keys_read.0;
        self.keys.1 += report.keys_read.1;
        self.events += report.events;
        self.thefts.extend(&report.thefts);
        for (excuse, count) in &report.excused {
            *self.excused.entry(*excuse).or_default() += count;
        }
        self.trace ^= report.trace;
        if report.violations.is_empty() {
            self.passed += 1;
            return;
        }
        self.failed.push(seed);
        println!("seed {seed} ({people} people):");
        for violation in &report.violations {
            println!("    {violation}");
        }
    }
}

impl Sum {
    fn secrecy(&self) -> String {
        let add = |part: fn(&Theft) -> usize| self.thefts.iter().map(part).sum::<usize>();
        format!(
            "{} thefts opened {} of {} texts from before and {} of {} from after, in {} epochs; one at most {} and {}",
            self.thefts.len(),
            add(|theft| theft.before),
            add(|theft| theft.of.0),
            add(|theft| theft.after),
            add(|theft| theft.of.1),
            add(|theft| theft.epochs),
            self.thefts
                .iter()
                .map(|theft| theft.before)
                .max()
                .unwrap_or(0),
            self.thefts
                .iter()
                .map(|theft| theft.after)
                .max()
                .unwrap_or(0),
        )
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.every_operation {
        return if keyfold_sim::story::every_operation() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let mut sum = Sum::default();
    let begin = Instant::now();
    arguments.plays(|seed, report| sum.adds(seed, &report, arguments.options(seed).people));
    let seconds = begin.elapsed().as_secs_f64();
    sum.failed.sort_unstable();
    if let (true, Some(seed)) = (arguments.shrink, sum.failed.first()) {
        shrinks(&arguments, *seed);
    }
    let Sum {
        texts,
        events,
        trace,
        keys: (read, unread),
        ..
    } = sum;
    println!("{texts} texts, {events} frames and changes, trace {trace:016x}, in {seconds:.0} s");
    println!("the use of keys was read in {read} bodies, not in {unread}");
    println!("{}", sum.secrecy());
    for (excuse, count) in &sum.excused {
        println!("missing rightly: {count} times {excuse:?}");
    }
    println!("{} passed, {} failed", sum.passed, sum.failed.len());
    if sum.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn shrinks(arguments: &Arguments, seed: u64) {
    let options = arguments.options(seed);
    let script = Script::drawn(&options);
    let before = script.scenes.len();
    let Some(shrunk) = shrink::shrink(&script, options.setup()) else {
        return println!("seed {seed} breaks no promise when it is played again");
    };
    let after = shrunk.script.scenes.len();
    println!(
        "\nseed {seed}: {after} scenes are left of {before}, after {} worlds\n",
        shrunk.tries
    );
    for violation in &shrunk.report.violations {
        println!("// {violation}");
    }
    println!("{}", shrunk.script.told(&format!("seed_{seed}")));
}
