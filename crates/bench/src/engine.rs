//! One message in the engine, against the parts that it cannot do without.

use std::path::Path;

use anyhow::{Context as _, Result};
use keyfold_engine::store::{self, Durability, Place};
use keyfold_engine::{Command, Input};
use keyfold_protocol::suite::Suite;
use openmls::prelude::OpenMlsProvider;
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::bare::{Quiet, told};
use crate::cipher::Cipher;
use crate::circle::Circle;
use crate::hall::{Hall, Plan, delivered};
use crate::measure::{Clock, Samples};
use crate::report::Row;

/// Steps that are made durable, and steps in processor time: below the 1,000 at which keys are renewed.
const DURABLE: usize = 150;
const PROCESSED: usize = 400;

/// What people write, and what bare MLS encrypts for it: the content with salt and counter around it.
const TEXT: &str = "Shall we meet at six at the north wall? The weather should hold until eight, and I will bring the \
    long rope, two sets of nuts and something to eat for everybody who comes along with us on Sunday.";

/// Durable may cost this much more than its parts.
const DURABLE_TARGET: f64 = 1.3;

/// Without the disk, in processor time, this much more than bare MLS.
const PROCESSED_TARGET: f64 = 2.0;

/// Both directions of one operation, side by side.
#[derive(Default)]
struct Sides {
    ours_send: Samples,
    ours_receive: Samples,
    bare_send: Samples,
    bare_receive: Samples,
    commit: Samples,
}

/// The rows for both suites, at 2 and at 100 members.
pub(crate) fn measure(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (suite, name) in [(Suite::Hybrid, "hybrid"), (Suite::Classic, "classical")] {
        for members in [2, 100] {
            eprintln!("engine: {name}, {members} members");
            rows.extend(durable(folder, suite, members, name)?);
            rows.extend(processed(folder, suite, members, name)?);
        }
    }
    Ok(rows)
}

fn durable(folder: &Path, suite: Suite, members: usize, name: &str) -> Result<Vec<Row>> {
    let circle = Circle::new(OpenMlsRustCrypto::default(), members, suite)?;
    let place = tempfile::tempdir_in(folder)?;
    let sides = rounds(
        place.path(),
        (suite, members),
        Durability::Full,
        circle,
        DURABLE,
    )?;
    let commit = sides.commit.median();
    let row = |what: &str, ours: f64, bare: f64| {
        Row::ratio(
            format!("durable {what}, {members} members, {name}"),
            DURABLE_TARGET,
            ours / (bare + commit),
            format!("{ours:.0} µs; bare MLS {bare:.0} µs + SQLCipher commit {commit:.0} µs"),
        )
    };
    Ok(vec![
        row("send", sides.ours_send.median(), sides.bare_send.median()),
        row(
            "receive",
            sides.ours_receive.median(),
            sides.bare_receive.median(),
        ),
    ])
}

fn processed(folder: &Path, suite: Suite, members: usize, name: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let circle = Circle::new(OpenMlsRustCrypto::default(), members, suite)?;
    let place = tempfile::tempdir_in(folder)?;
    let what = (suite, members);
    let json = rounds(place.path(), what, Durability::Off, circle, PROCESSED)?;
    let memory = told(store::open(Place::Memory, None, Durability::Off))?;
    let circle = Circle::new(Quiet::new(&memory), members, suite)?;
    let place = tempfile::tempdir_in(folder)?;
    let quiet = rounds(place.path(), what, Durability::Off, circle, PROCESSED)?;
    let mut row = |what: &str, [ours, bare]: [&Samples; 2], [again, without]: [&Samples; 2]| {
        let (ours, bare) = (ours.median(), bare.median());
        let (again, without) = (again.median(), without.median());
        rows.push(Row::ratio(
            format!("{what} in processor time, {members} members, {name}"),
            PROCESSED_TARGET,
            ours / bare,
            format!(
                "{ours:.0} µs; bare MLS {bare:.0} µs (storing nothing: {without:.0} µs, {:.2} times)",
                again / without
            ),
        ));
    };
    row(
        "send",
        [&json.ours_send, &json.bare_send],
        [&quiet.ours_send, &quiet.bare_send],
    );
    row(
        "receive",
        [&json.ours_receive, &json.bare_receive],
        [&quiet.ours_receive, &quiet.bare_receive],
    );
    Ok(rows)
}

/// Ours and bare in turns.
fn rounds<P: OpenMlsProvider>(
    folder: &Path,
    (suite, members): (Suite, usize),
    durability: Durability,
    mut circle: Circle<P>,
    count: usize,
) -> Result<Sides> {
    let mut hall = Hall::open(&Plan {
        folder,
        suite,
        members,
        engines: 1,
        durability,
    })?;
    hall.everybody_speaks()?;
    let clock = match durability {
        Durability::Full => Clock::Wall,
        Durability::Off => Clock::Cpu,
    };
    let cipher = Cipher::open(folder)?;
    let content = [TEXT.as_bytes(), &[7; 60]].concat();
    let mut sides = Sides::default();
    for _ in 0..count {
        let (sealed, time) = clock.time(|| circle.reader.encrypt(&content));
        sealed?;
        sides.bare_send.push(time);
        ours_send(&mut hall, clock, &mut sides)?;
        let (committed, time) = clock.time(|| cipher.commit());
        committed?;
        sides.commit.push(time);
        let said = circle.somebody_says(&content)?;
        let (opened, time) = clock.time(|| circle.reader.decrypt(&said));
        opened?;
        sides.bare_receive.push(time);
        let item = hall.somebody_says(TEXT)?;
        let ada = hall.engines.first_mut().context("no engine")?;
        let (applied, time) = clock.time(|| ada.apply(delivered(vec![item])));
        applied?;
        sides.ours_receive.push(time);
    }
    let ada = hall.engines.first().context("no engine")?;
    let shown = told(ada.engine.timeline(hall.conversation, None, usize::MAX))?.len();
    anyhow::ensure!(shown >= 2 * count, "only {shown} messages are shown");
    Ok(sides)
}

/// The step that writes the message down and encrypts it; what follows (the server's word, the message's own return) is
/// not counted here.
fn ours_send(hall: &mut Hall, clock: Clock, sides: &mut Sides) -> Result<()> {
    let conversation = hall.conversation;
    let ada = hall.engines.first_mut().context("no engine")?;
    let say = Input::Command(Command::Send {
        conversation,
        text: TEXT.to_owned(),
    });
    let (sent, time) = clock.time(|| ada.apply(say));
    sent?;
    sides.ours_send.push(time);
    ada.settle(&mut hall.desk, &mut Vec::new())?;
    ada.take_in(&mut hall.desk)
}
