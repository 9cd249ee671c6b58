//! Simulated worlds without faults, against the bare MLS operations that they contain: how much of a night of simulation goes
//! into what cannot be left out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use keyfold_engine::store::{self, Durability, Place};
use keyfold_sim::{Faults, Options, Report, Script};
use openmls::prelude::OpenMlsProvider;
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::bare::{Quiet, told};
use crate::measure::{Clock, median};
use crate::replay::{Kind, Replay, Spent};
use crate::report::Row;

/// Worlds of the classical suite, from this seed on.
const WORLDS: usize = 22;
const FROM: u64 = 40_001;
const ACTIONS: u32 = 500;
/// At least this part of the speed of bare MLS.
const TARGET: f64 = 0.3;
/// One in so many deeds may be without a bare counterpart: what a device passes over, too.
const FEW: usize = 100;

/// All worlds, and the same MLS once more.
#[derive(Default)]
struct Sides {
    worlds: Duration,
    /// With the storage that comes with `openmls`, and with one that notes what has changed.
    bare: [Duration; 2],
    /// World by world.
    ratios: [Vec<f64>; 2],
    texts: usize,
    spent: [[Spent; 2]; Kind::ALL.len()],
    deeds: usize,
    failed: usize,
}

/// The row, and what the operations took by kind.
pub(crate) fn measure(_folder: &Path) -> Result<Vec<Row>> {
    let classical = (FROM..).map(|seed| Options {
        seed,
        actions: ACTIONS,
        people: Options::people_of(seed),
        faults: Faults::None,
        ..Options::default()
    });
    let classical = classical.filter(|options| !Script::drawn(options).hybrid);
    let mut sides = Sides::default();
    for options in classical.take(WORLDS) {
        sides.plays(options)?;
    }
    ensure!(
        sides.failed * FEW <= sides.deeds,
        "{} of {} deeds could not be done by bare members",
        sides.failed,
        sides.deeds
    );
    Ok(sides.rows())
}

impl Sides {
    /// One world, and then its MLS twice.
    fn plays(&mut self, options: Options) -> Result<()> {
        let (report, world) = Clock::Process.time(|| keyfold_sim::run(options));
        let Report {
            deeds,
            texts,
            violations,
            ..
        } = report;
        let seed = options.seed;
        ensure!(violations.is_empty(), "seed {seed}: {violations:?}");
        let plain = Replay::of(&deeds, || Ok(OpenMlsRustCrypto::default()))?;
        let open = || told(store::open(Place::Memory, None, Durability::Off));
        let databases: Vec<_> = (0..plain.members())
            .map(|_| open())
            .collect::<Result<_>>()?;
        let mut unused = databases.iter();
        let quiet = Replay::of(&deeds, || {
            let database = unused.next().ok_or_else(|| anyhow::anyhow!("too few"))?;
            Ok(Quiet::new(database))
        })?;
        for why in plain.failed.iter().chain(&quiet.failed) {
            eprintln!("sim: seed {seed}: {why}");
        }
        self.worlds += world;
        self.texts += texts;
        self.deeds += 2 * deeds.len();
        self.failed += plain.failed.len() + quiet.failed.len();
        self.adds(0, world, &plain);
        self.adds(1, world, &quiet);
        eprintln!(
            "sim: seed {seed}, {} people: {world:.1?}; bare MLS {:.1?} (storing nothing: {:.1?})",
            options.people,
            plain.time(),
            quiet.time()
        );
        Ok(())
    }

    fn adds<P: OpenMlsProvider>(&mut self, side: usize, world: Duration, replay: &Replay<P>) {
        let time = replay.time();
        let places = self.bare.get_mut(side).zip(self.ratios.get_mut(side));
        if let Some((bare, ratios)) = places {
            *bare += time;
            ratios.push(time.as_secs_f64() / world.as_secs_f64());
        }
        for (sum, (kind, _)) in self.spent.iter_mut().zip(Kind::ALL) {
            if let (Some(sum), Some(spent)) = (sum.get_mut(side), replay.spent.get(&kind)) {
                sum.add(spent);
            }
        }
    }

    fn rows(mut self) -> Vec<Row> {
        let [plain, quiet] = self.bare.map(|bare| bare.as_secs_f64());
        let worlds = self.worlds.as_secs_f64();
        let [medians, without] = &mut self.ratios;
        let mut rows = vec![Row::at_least(
            format!("{WORLDS} simulated worlds without faults, classical, against bare MLS"),
            TARGET,
            plain / worlds,
            format!(
                "{worlds:.1} s for {} texts; bare MLS {plain:.1} s (storing nothing: {quiet:.1} s, {:.2}); of one world {:.2} ({:.2})",
                self.texts,
                quiet / worlds,
                median(medians),
                median(without),
            ),
        )];
        for ([plain, quiet], (_, name)) in self.spent.iter().zip(Kind::ALL) {
            rows.push(Row::told(
                format!("of bare MLS: {name}"),
                format!("{:.2} s", plain.time.as_secs_f64()),
                format!(
                    "{} in groups of {:.1}, {:.0} µs each (storing nothing: {:.0} µs)",
                    plain.count,
                    plain.size(),
                    plain.each(),
                    quiet.each()
                ),
            ));
        }
        rows
    }
}
