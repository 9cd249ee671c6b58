//! A group of a thousand devices: what each thing takes and what it weighs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use keyfold_engine::store::Durability;
use keyfold_engine::{Command, Input};
use keyfold_protocol::suite::Suite;
use keyfold_wire::{Message as _, v1};

use crate::desk::Who;
use crate::hall::{Hall, Plan, delivered};
use crate::measure::{Samples, micros};
use crate::report::Row;

const MEMBERS: usize = 1_000;
const ENGINES: usize = 2;
const SPEAKERS: usize = 500;
const ROUNDS: usize = 9;
const TEXT: &str = "Shall we meet at six at the north wall? The weather should hold until eight.";

/// The rows for both suites.
pub(crate) fn measure(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (suite, name) in [(Suite::Hybrid, "hybrid"), (Suite::Classic, "classical")] {
        eprintln!("group: {name}");
        let place = tempfile::tempdir_in(folder)?;
        rows.extend(life(place.path(), suite, name)?);
    }
    Ok(rows)
}

fn life(folder: &Path, suite: Suite, name: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut told = |what: &str, time: Duration, detail: String| {
        eprintln!("group: {what}: {} ({detail})", readable(time));
        rows.push(Row::told(format!("{what}, {name}"), readable(time), detail));
    };
    let start = Instant::now();
    let mut hall = Hall::open(&Plan {
        folder,
        suite,
        members: MEMBERS,
        engines: ENGINES,
        durability: Durability::Full,
    })?;
    eprintln!("group: prepared and made in {:?}", start.elapsed());
    let bytes = |hall: &Hall, kind| hall.desk.request_bytes.get(kind).copied().unwrap_or(0);
    let whole: Duration = hall.making.iter().sum();
    let longest = hall.making.iter().max().copied().unwrap_or_default();
    told(
        "create",
        whole,
        format!(
            "{} steps, the longest (MLS group and commit) {}; request {}",
            hall.making.len(),
            readable(longest),
            weight(bytes(&hall, "create"))
        ),
    );
    let (time, welcome) = join(&mut hall)?;
    told("join", time, format!("welcome {}", weight(welcome)));
    let (sent, heard) = talk(&mut hall)?;
    told(
        "send",
        sent,
        format!("request {}", weight(bytes(&hall, "send"))),
    );
    told("receive", heard, "few have spoken".to_owned());
    let spoken = everybody(&mut hall)?;
    let (sent, heard) = talk(&mut hall)?;
    told("send after 500 have spoken", sent, String::new());
    told(
        "receive after 500 have spoken",
        heard,
        format!("each of the 500 for the first time: {}", readable(spoken)),
    );
    let (made, merged, followed) = remove(&mut hall)?;
    told(
        "remove",
        made,
        format!("request {}", weight(bytes(&hall, "commit"))),
    );
    told("the committer enters the new epoch", merged, String::new());
    told("another member enters it", followed, String::new());
    Ok(rows)
}

/// The second engine joins.
fn join(hall: &mut Hall) -> Result<(Duration, usize)> {
    let items = hall.desk.take(Who(1));
    let push = v1::Deliveries {
        items: items.clone(),
        caught_up: false,
    };
    let bo = hall.engines.get_mut(1).context("no second engine")?;
    let start = Instant::now();
    bo.apply(delivered(items))?;
    Ok((start.elapsed(), push.encoded_len()))
}

/// The first engine speaks, the second hears it: medians.
fn talk(hall: &mut Hall) -> Result<(Duration, Duration)> {
    let (mut sent, mut heard) = (Samples::default(), Samples::default());
    let conversation = hall.conversation;
    for _ in 0..ROUNDS {
        let desk = &mut hall.desk;
        let [ada, bo] = hall.engines.as_mut_slice() else {
            anyhow::bail!("two engines are needed");
        };
        let say = Input::Command(Command::Send {
            conversation,
            text: TEXT.to_owned(),
        });
        let start = Instant::now();
        ada.apply(say)?;
        sent.push(start.elapsed());
        ada.settle(desk, &mut Vec::new())?;
        ada.take_in(desk)?;
        let items = desk.take(bo.who);
        let start = Instant::now();
        bo.apply(delivered(items))?;
        heard.push(start.elapsed());
    }
    let median = |samples: &Samples| Duration::from_secs_f64(samples.median() / 1e6);
    Ok((median(&sent), median(&heard)))
}

/// Half of all members speak once; both engines hear each. The median of hearing one.
fn everybody(hall: &mut Hall) -> Result<Duration> {
    let mut heard = Samples::default();
    for place in 0..SPEAKERS {
        hall.join(place)?;
        let item = hall.says(place, TEXT)?;
        let second = hall.readdressed(&item, Who(1))?;
        if let Some(speaker) = hall.speakers.get_mut(place) {
            speaker.rests();
        }
        for (shell, item) in hall.engines.iter_mut().zip([item, second]) {
            let start = Instant::now();
            shell.apply(delivered(vec![item]))?;
            heard.push(start.elapsed());
        }
        if place % 100 == 99 {
            eprintln!("group: {} have spoken", place + 1);
        }
    }
    Ok(Duration::from_secs_f64(heard.median() / 1e6))
}

/// The first engine removes somebody.
fn remove(hall: &mut Hall) -> Result<(Duration, Duration, Duration)> {
    let conversation = hall.conversation;
    let desk = &mut hall.desk;
    let [ada, bo] = hall.engines.as_mut_slice() else {
        anyhow::bail!("two engines are needed");
    };
    let gone = format!("member{}", 100 + MEMBERS - 1);
    let start = Instant::now();
    ada.apply(Input::Command(Command::Remove {
        conversation,
        people: vec![gone],
    }))?;
    let mut replies = Vec::new();
    let asked = start.elapsed();
    ada.settle(desk, &mut replies)?;
    let made = asked + replies.iter().sum::<Duration>();
    let start = Instant::now();
    ada.take_in(desk)?;
    let merged = start.elapsed();
    let start = Instant::now();
    bo.take_in(desk)?;
    let followed = start.elapsed();
    anyhow::ensure!(desk.roster.len() == MEMBERS - 1, "nobody was removed");
    let shown = bo.engine.conversation(conversation);
    let shown = crate::bare::told(shown)?.context("no conversation")?;
    anyhow::ensure!(shown.epoch.0 == desk.epoch, "the commit was not followed");
    Ok((made, merged, followed))
}

fn readable(time: Duration) -> String {
    let micros = micros(time);
    if micros < 10_000.0 {
        format!("{:.2} ms", micros / 1e3)
    } else {
        format!("{:.0} ms", micros / 1e3)
    }
}

fn weight(bytes: usize) -> String {
    if bytes < 10_000 {
        format!("{bytes} bytes")
    } else {
        format!("{} KB", bytes / 1_000)
    }
}
