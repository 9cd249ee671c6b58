//! `keyfold-sim`: plays worlds from their seeds and says which of them broke a promise.
#![allow(clippy::print_stdout, reason = "it talks to a person at a terminal")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use keyfold_sim::{Faults, Options, run};

/// Plays simulated worlds and judges them.
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
    /// Print every step of the device of this number.
    #[arg(long)]
    follow: Option<usize>,
    /// Instead of worlds: one story, with trouble at every operation of every disk in it.
    #[arg(long)]
    every_operation: bool,
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
    let (mut passed, mut failed) = (0, 0);
    let (mut texts, mut events) = (0, 0);
    let begin = Instant::now();
    for seed in arguments.from..arguments.from.saturating_add(arguments.seeds) {
        let people = arguments.people.unwrap_or(2 + (seed % 11) as usize).max(2);
        let report = run(Options {
            seed,
            actions: arguments.actions,
            people,
            faults: arguments.faults,
            follow: arguments.follow,
        });
        texts += report.texts;
        events += report.events;
        if report.violations.is_empty() {
            passed += 1;
        } else {
            failed += 1;
            println!("seed {seed} ({people} people):");
            for violation in &report.violations {
                println!("    {violation}");
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{texts} texts, {events} frames and changes in {seconds:.0} s");
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
