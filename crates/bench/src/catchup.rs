//! Catching up: 10,000 waiting messages in pushes, against bare MLS decryption of as many.

use std::path::Path;

use anyhow::{Context as _, Result};
use keyfold_engine::Input;
use keyfold_engine::store::{self, Durability, Place};
use keyfold_protocol::suite::Suite;
use keyfold_wire::limits::MAX_ITEMS_PER_PUSH;
use openmls::prelude::OpenMlsProvider;
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::bare::{NOW, Quiet, told};
use crate::circle::Circle;
use crate::hall::{Hall, Plan, delivered};
use crate::measure::{Clock, Samples, median, micros};
use crate::report::Row;

const MESSAGES: usize = 10_000;
const TEXT_BYTES: usize = 460;
const TARGET: f64 = 2.0;

/// Both sides, push by push.
#[derive(Default)]
struct Sides {
    ours: Samples,
    bare: Samples,
    ratios: Vec<f64>,
}

/// The rows at 2 and at 100 members.
pub(crate) fn measure(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for members in [2, 100] {
        eprintln!("catchup: {members} members");
        let circle = Circle::new(OpenMlsRustCrypto::default(), members, Suite::Hybrid)?;
        let place = tempfile::tempdir_in(folder)?;
        let mut json = rounds(place.path(), members, circle)?;
        let memory = told(store::open(Place::Memory, None, Durability::Off))?;
        let circle = Circle::new(Quiet::new(&memory), members, Suite::Hybrid)?;
        let place = tempfile::tempdir_in(folder)?;
        let mut quiet = rounds(place.path(), members, circle)?;
        let each = |samples: &Samples| {
            let messages = u32::try_from(MESSAGES).map_or(1.0, f64::from);
            samples.total() / messages
        };
        rows.push(Row::ratio(
            format!("catch-up on 10,000 messages, {members} members"),
            TARGET,
            median(&mut json.ratios),
            format!(
                "{:.0} µs a message; bare MLS {:.0} µs (storing nothing: {:.0} µs, {:.2} times)",
                each(&json.ours),
                each(&json.bare),
                each(&quiet.bare),
                median(&mut quiet.ratios),
            ),
        ));
    }
    Ok(rows)
}

fn rounds<P: OpenMlsProvider>(
    folder: &Path,
    members: usize,
    mut circle: Circle<P>,
) -> Result<Sides> {
    let mut hall = Hall::open(&Plan {
        folder,
        suite: Suite::Hybrid,
        members,
        engines: 1,
        durability: Durability::Full,
    })?;
    hall.everybody_speaks()?;
    let text = "x".repeat(TEXT_BYTES);
    let content = [text.as_bytes(), &[7; 60]].concat();
    let mut sides = Sides::default();
    let mut left = MESSAGES;
    while left > 0 {
        let push = left.min(MAX_ITEMS_PER_PUSH);
        left -= push;
        let items = (0..push)
            .map(|_| hall.somebody_says(&text))
            .collect::<Result<Vec<_>>>()?;
        let sealed = (0..push)
            .map(|_| circle.somebody_says(&content))
            .collect::<Result<Vec<_>>>()?;
        let ada = hall.engines.first_mut().context("no engine")?;
        // As a shell does: whatever falls due in between is done, too.
        let (applied, ours) = Clock::Wall.time(|| {
            ada.apply(delivered(items))?;
            if ada.engine.deadline().is_some_and(|due| due <= NOW) {
                ada.apply(Input::Tick)?;
            }
            anyhow::Ok(())
        });
        applied?;
        let (opened, bare) = Clock::Wall.time(|| {
            sealed
                .iter()
                .try_for_each(|message| circle.reader.decrypt(message).map(drop))
        });
        opened?;
        sides.ours.push(ours);
        sides.bare.push(bare);
        sides.ratios.push(micros(ours) / micros(bare));
    }
    let ada = hall.engines.first().context("no engine")?;
    let shown = told(ada.engine.timeline(hall.conversation, None, usize::MAX))?.len();
    anyhow::ensure!(shown >= MESSAGES, "only {shown} messages are shown");
    Ok(sides)
}
