//! `keyfold-bench`: Keyfold against the bare parts that it is made of, as ratios within one run.
//!
//! What each figure means, and the figures: `docs/performance.md`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // It talks to a person at a terminal.

mod bare;
mod catchup;
mod cipher;
mod circle;
mod desk;
mod engine;
mod group;
mod hall;
mod load;
mod machine;
mod measure;
mod person;
mod process;
mod reading;
mod relay;
mod replay;
mod report;
mod server;
mod socket;
mod world;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};
use report::{Row, Section};

#[derive(Parser)]
#[command(about = "Measures Keyfold against the bare parts that it is made of")]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// Write the figures into this document.
    #[arg(long, global = true, num_args = 0..=1, default_missing_value = "docs/performance.md", value_name = "FILE")]
    write: Option<PathBuf>,
}

#[derive(Subcommand, Clone, PartialEq, Eq)]
enum Task {
    /// One message sent and received in the engine.
    Engine,
    /// 10,000 messages that waited.
    Catchup,
    /// The server under load, against a bare relay.
    Server,
    /// 10,000 devices that are only connected to the server.
    Idle,
    /// A group of a thousand devices.
    Group,
    /// Simulated worlds.
    Sim,
    /// What a person opens first, against its SQL.
    Reading,
    /// Everything.
    All,
    /// The other process of a measurement: the load.
    #[command(hide = true)]
    Load {
        kind: load::Kind,
        address: String,
        ca: PathBuf,
        count: usize,
    },
    /// The other process of a measurement: the bare relay.
    #[command(hide = true)]
    Relay { folder: PathBuf },
}

/// A measurement: its rows, given a folder on a real disk.
type Measure = fn(&Path) -> Result<Vec<Row>>;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let task = arguments.task.unwrap_or(Task::All);
    match task {
        Task::Load {
            kind,
            address,
            ca,
            count,
        } => load::run(kind, &address, &ca, count),
        Task::Relay { folder } => relay::serve(&folder),
        task => measure(&task, arguments.write.as_deref()),
    }
}

fn measure(task: &Task, document: Option<&Path>) -> Result<()> {
    let folder = machine::folder()?;
    let machine = machine::describe(folder.path())?;
    println!("{machine}");
    let measurements: [(Task, &'static str, Measure); 7] = [
        (Task::Engine, "engine", engine::measure),
        (Task::Catchup, "catchup", catchup::measure),
        (Task::Server, "server", server::measure),
        (Task::Idle, "idle", server::idle),
        (Task::Group, "group", group::measure),
        (Task::Sim, "sim", world::measure),
        (Task::Reading, "reading", reading::measure),
    ];
    for (which, name, measure) in measurements {
        if *task != Task::All && *task != which {
            continue;
        }
        let section = Section {
            name,
            machine: machine.clone(),
            rows: measure(folder.path())?,
        };
        println!("\n## {name}\n\n{}", section.table());
        if let Some(document) = document {
            section.write(document)?;
        }
    }
    Ok(())
}
