//! The weighted model: what people do, how often, and what goes wrong meanwhile.

use keyfold_protocol::state::Role;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::{Act, Cheat, Crowd, How, Mishap, Scene, Script, Trick, Where, Who, Whom};
use crate::options::{Faults, Options};

/// Milliseconds from one thing that people do to the next, at most.
const PAUSE: u64 = 4_000;
/// How far a clock is off, at most: an hour.
const SKEW: i64 = 3_600_000;
/// One in so many worlds speaks the hybrid suite as well; the classic one is faster and means the same to everything else.
const HYBRID: u64 = 8;
/// One in so many worlds loses a device's whole state to somebody.
const STOLEN: u32 = 2;
/// Minutes of the longest absence, which leaves no way but the ways back: items are kept for 30 days.
const LONG_AWAY: u64 = 90 * DAY;
const DAY: u64 = 24 * 60;
/// Of so many worlds one lives to see the end of such absences: a season passes in it.
const SEASON: u64 = 10;
const SEASON_AT: u64 = 5;
/// Minutes of the shortest such absence.
const SHORTEST: u64 = 25 * DAY;
/// How many devices are away for most of a season, at most.
const AWAY: usize = 4;

/// Tells the dice of what is done to texts from the others.
const AMENDS: u64 = 0x00a3_e9d5;
/// How often something is done to a text: once in so many things that people do.
const OFTEN: u32 = 5;

/// What somebody may do, with how often.
const HABITS: [(u32, Habit); 15] = [
    (600, Habit::Say),
    (25, Habit::Begin),
    (25, Habit::Meet),
    (50, Habit::Add),
    (30, Habit::Remove),
    (10, Habit::Readd),
    (15, Habit::Leave),
    (5, Habit::OwnerLeaves),
    (20, Habit::Rename),
    (25, Habit::Promote),
    (40, Habit::Update),
    (25, Habit::Race),
    (14, Habit::Link),
    (6, Habit::Unlink),
    (60, Habit::Away),
];

#[derive(Clone, Copy)]
enum Habit {
    Say,
    Begin,
    Meet,
    Add,
    Remove,
    Readd,
    Leave,
    OwnerLeaves,
    Rename,
    Promote,
    Update,
    Race,
    Link,
    Unlink,
    Away,
}

impl Script {
    /// The world of these options.
    pub fn drawn(options: &Options) -> Self {
        let mut draw = Draw {
            rng: StdRng::seed_from_u64(options.seed),
            options: *options,
            scenes: Vec::new(),
        };
        // With a die of their own, so that everything else in a world stays as it is without them.
        let mut amends = StdRng::seed_from_u64(options.seed ^ AMENDS);
        draw.clocks();
        for _ in 0..options.actions {
            draw.action();
            if options.amends {
                draw.amends(&mut amends);
            }
            draw.fate();
        }
        draw.theft();
        if options.ways_back && options.faults == Faults::All && options.seed % SEASON == SEASON_AT
        {
            draw.season();
        }
        Self {
            seed: options.seed,
            people: options.people,
            hybrid: options.seed.is_multiple_of(HYBRID),
            scenes: draw.scenes,
        }
    }
}

struct Draw {
    rng: StdRng,
    options: Options,
    scenes: Vec<Scene>,
}

impl Draw {
    fn scene(&mut self, wait: u64, who: Who, act: Act) {
        self.scenes.push(Scene { wait, who, act });
    }

    fn any(&mut self) -> Who {
        Who::Any(self.rng.random())
    }

    fn anywhere(&mut self) -> Where {
        Where::Any(self.rng.random())
    }

    fn tag(&self) -> u32 {
        u32::try_from(self.scenes.len()).unwrap()
    }

    fn somebody(&mut self) -> usize {
        self.rng.random_range(0..self.options.people)
    }

    fn skew(&mut self) -> i64 {
        if self.options.faults.clocks() {
            self.rng.random_range(-SKEW..SKEW)
        } else {
            0
        }
    }

    fn clocks(&mut self) {
        if !self.options.faults.clocks() {
            return;
        }
        for person in 0..self.options.people {
            let who = Who::Is(super::Hand { person, device: 0 });
            let skew = self.skew();
            self.scene(0, who, Act::ClockIsOff(skew));
        }
    }

    fn action(&mut self) {
        let total: u32 = HABITS.iter().map(|(weight, _)| weight).sum();
        let mut dice = self.rng.random_range(0..total);
        let habit = HABITS.iter().find(|(weight, _)| {
            let hit = dice < *weight;
            dice = dice.saturating_sub(*weight);
            hit
        });
        let habit = habit.map_or(Habit::Say, |(_, habit)| *habit);
        let wait = self.rng.random_range(1..PAUSE);
        let who = self.any();
        match habit {
            Habit::Say => self.says(wait, who),
            Habit::Race => self.race(wait, who),
            Habit::Readd => {
                let act = Act::Removes(self.anywhere(), Whom::Any(self.rng.random()));
                self.scene(wait, who, act);
                let pause = self.rng.random_range(0..20_000);
                self.scene(pause, Who::Same, Act::Adds(Where::Last, Whom::Last));
            }
            habit => {
                let act = self.one(habit);
                self.scene(wait, who, act);
            }
        }
    }

    fn says(&mut self, wait: u64, who: Who) {
        let place = self.anywhere();
        for turn in 0..self.rng.random_range(1..4) {
            let tag = self.tag();
            let text = format!("text number {tag}");
            let long = self.rng.random_bool(0.02);
            let (wait, who, place) = match turn {
                0 => (wait, who, place),
                _ => (0, Who::Same, Where::Last),
            };
            let act = Act::Says {
                place,
                text,
                long,
                tag,
            };
            self.scene(wait, who, act);
        }
    }

    /// Something is done to a text, mostly to a new one, or by two at once.
    fn amends(&mut self, rng: &mut StdRng) {
        const EMOJI: [Option<&str>; 4] = [Some("👍"), Some("❤️"), Some("🧗"), None];
        if !rng.random_ratio(1, OFTEN) {
            return;
        }
        let (mut who, mut place) = (Who::Any(rng.random()), Where::Any(rng.random()));
        let wait = rng.random_range(1..PAUSE);
        let which = if rng.random_ratio(3, 4) {
            0
        } else {
            rng.random()
        };
        for turn in 0..rng.random_range(1..3) {
            let how = match rng.random_range(0..10) {
                0..3 => How::Edited(format!("edit number {}", self.tag())),
                3 => How::TakenBack,
                4..8 => How::Reacted(*EMOJI.choose(rng).unwrap()),
                pinned => How::Pinned(pinned == 8),
            };
            let act = Act::Amends { place, which, how };
            self.scene(if turn == 0 { wait } else { 0 }, who, act);
            place = Where::Last;
            who = if rng.random() {
                Who::Same
            } else {
                Who::Other(rng.random())
            };
        }
    }

    /// Two devices that change the same group at the same moment.
    fn race(&mut self, wait: u64, who: Who) {
        const CHANGES: [Habit; 5] = [
            Habit::Add,
            Habit::Remove,
            Habit::Rename,
            Habit::Promote,
            Habit::Update,
        ];
        let first = *CHANGES.choose(&mut self.rng).unwrap();
        let second = *CHANGES.choose(&mut self.rng).unwrap();
        let act = self.one(first);
        self.scene(wait, who, act);
        let other = Who::Other(self.rng.random());
        let mut act = self.one(second);
        if let Act::Adds(place, _)
        | Act::Removes(place, _)
        | Act::Renames(place, _)
        | Act::Promotes(place, ..)
        | Act::Updates(place) = &mut act
        {
            *place = Where::Last;
        }
        self.scene(0, other, act);
    }

    fn one(&mut self, habit: Habit) -> Act {
        let tag = self.tag();
        match habit {
            Habit::Begin => {
                let count = self.rng.random_range(1..=self.options.people.min(6));
                let mut others: Vec<usize> = (0..count).map(|_| self.somebody()).collect();
                others.sort_unstable();
                others.dedup();
                let name = format!("group number {tag}");
                Act::Begins { tag, name, others }
            }
            Habit::Meet => Act::Meets {
                tag,
                other: self.somebody(),
            },
            Habit::Add => Act::Adds(self.anywhere(), Whom::Is(self.somebody())),
            Habit::Remove => Act::Removes(self.anywhere(), Whom::Any(self.rng.random())),
            Habit::Leave => Act::Leaves(self.anywhere()),
            Habit::OwnerLeaves => Act::Leaves(Where::Owned(self.rng.random())),
            Habit::Rename => Act::Renames(self.anywhere(), format!("name number {tag}")),
            Habit::Promote => {
                const ROLES: [Role; 4] = [Role::Member, Role::Admin, Role::Admin, Role::Owner];
                let role = *ROLES.choose(&mut self.rng).unwrap();
                Act::Promotes(self.anywhere(), Whom::Any(self.rng.random()), role)
            }
            Habit::Link => Act::Links(self.skew()),
            Habit::Unlink => Act::Unlinks,
            Habit::Away => Act::Away(self.absence()),
            _ => Act::Updates(self.anywhere()),
        }
    }

    /// Out of reach for a while: mostly minutes, sometimes days. Without faults nobody is.
    fn absence(&mut self) -> u64 {
        if !self.options.faults.network() {
            0
        } else if self.options.ways_back && self.rng.random_bool(0.02) {
            LONG_AWAY
        } else if self.rng.random_bool(0.1) {
            self.rng.random_range(60..3 * 24 * 60)
        } else {
            self.rng.random_range(1..20)
        }
    }

    /// What befalls the world by chance, once for each thing that people do.
    fn fate(&mut self) {
        let faults = self.options.faults;
        if faults.crashes() {
            self.by_chance(0.01, |_| Act::ServerDies);
            self.by_chance(0.05, |_| Act::Dies);
            self.mishap(0.06, |_| Mishap::Dies);
        }
        if faults.network() {
            self.mishap(0.10, |_| Mishap::Breaks);
            self.mishap(0.08, |_| Mishap::LosesAnswer);
            self.mishap(0.06, |rng| Mishap::Busy(rng.random_range(1..2_000)));
            self.mishap(0.03, |_| Mishap::AnsweredTwice);
            self.mishap(0.03, |_| Mishap::PushedTwice);
            self.by_chance(0.01, |rng| {
                Act::Parted(Crowd::Mask(rng.random()), rng.random_range(1..30))
            });
        }
        if faults == Faults::All {
            self.by_chance(0.01, |rng| Act::ClockIsOff(rng.random_range(-SKEW..SKEW)));
            self.mishap(0.03, |rng| Mishap::DiskFull(rng.random_range(0..4)));
            self.mishap(0.02, |rng| {
                Mishap::AnsweredAgain(rng.random_range(1..60_000))
            });
        }
        if faults == Faults::Hostile {
            const TRICKS: [Trick; 4] = [Trick::Noise, Trick::Flood, Trick::Claims, Trick::Tampers];
            const CHEATS: [Cheat; 6] = [
                Cheat::SwapsKeys,
                Cheat::SpoilsPackages,
                Cheat::Withholds,
                Cheat::Replays,
                Cheat::MixesMailboxes,
                Cheat::Garbage,
            ];
            self.mishap(0.2, |rng| Mishap::Cheats(*CHEATS.choose(rng).unwrap()));
            self.by_chance(0.005, |rng| Act::Turns(*TRICKS.choose(rng).unwrap()));
        }
        if self.options.ways_back && faults == Faults::All {
            self.by_chance(0.005, |_| Act::BackedUp);
            self.by_chance(0.002, |_| Act::Restored);
            self.by_chance(0.001, |_| Act::Cloned);
            self.by_chance(0.002, |_| Act::ServerBackedUp);
            self.by_chance(0.001, |_| Act::ServerRestored);
        }
    }

    fn by_chance(&mut self, odds: f64, act: impl FnOnce(&mut StdRng) -> Act) {
        if self.rng.random_bool(odds) {
            let act = act(&mut self.rng);
            let who = self.any();
            self.scene(0, who, act);
        }
    }

    fn mishap(&mut self, odds: f64, what: impl FnOnce(&mut StdRng) -> Mishap) {
        let after = self.rng.random_range(0..8);
        self.by_chance(odds, |rng| Act::Mishap {
            what: what(rng),
            after,
        });
    }

    /// Somebody is away for weeks or months. The others go on for a while, and then most of that time passes; those who were away come back,
    /// and the world goes on.
    fn season(&mut self) {
        let scenes = self.scenes.len();
        let leaves = self.rng.random_range(0..=scenes / 2);
        let passes = self.rng.random_range(leaves..=scenes * 3 / 4);
        if let Some(scene) = self.scenes.get_mut(passes) {
            scene.wait += (LONG_AWAY + DAY) * 60_000;
        }
        for _ in 0..self.rng.random_range(1..=AWAY) {
            let who = self.any();
            let act = Act::Away(self.rng.random_range(SHORTEST..=LONG_AWAY));
            self.scenes.insert(leaves, Scene { wait: 0, who, act });
        }
    }

    /// At some moment a thief copies a device.
    fn theft(&mut self) {
        let stolen = self.options.faults == Faults::All && self.rng.random_ratio(1, STOLEN);
        if stolen && !self.scenes.is_empty() {
            let at = self.rng.random_range(0..self.scenes.len());
            let who = self.any();
            let act = Act::Stolen;
            self.scenes.insert(at, Scene { wait: 0, who, act });
        }
    }
}
