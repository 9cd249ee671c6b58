//! What a run is made of.

use clap::ValueEnum;

use crate::sabotage::Sabotage;

/// One run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// How many things people do.
    pub actions: u32,
    /// How many people there are, at least 2.
    pub people: usize,
    /// What goes wrong.
    pub faults: Faults,
    /// Also what only the ways back can heal: restored backups, and absences beyond the server's retention.
    pub ways_back: bool,
    /// Texts are edited, taken back, reacted to and pinned. Recorded worlds are from before that, and go otherwise with it.
    pub amends: bool,
    /// Nobody tells whether they are there, type or have read. Recorded worlds are from before people could, and go otherwise with it.
    pub quiet: bool,
    /// The device whose every step is printed.
    pub follow: Option<usize>,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
}

impl Options {
    /// How many people there are in the world of a seed, where nobody says how many.
    pub fn people_of(seed: u64) -> usize {
        2 + usize::try_from(seed % 11).unwrap_or(0)
    }

    /// How the world is played that is drawn by these options.
    pub const fn setup(&self) -> Setup {
        Setup {
            follow: self.follow,
            hostile: matches!(self.faults, Faults::Hostile),
            quiet: self.quiet,
            sabotage: self.sabotage,
        }
    }
}

/// How a world is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The device whose every step is printed.
    pub follow: Option<usize>,
    /// The server remembers what it carried, to cheat with it.
    pub hostile: bool,
    /// Nobody tells whether they are there, type or have read.
    pub quiet: bool,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
}

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Faults {
    /// Nothing but delay.
    #[default]
    None,
    /// Connections break, with requests, replies and pushes under way; devices are out of reach; the server is busy.
    Net,
    /// Devices and the server are killed and start again.
    Crash,
    /// Connections break, the server cheats, and now and then a member does.
    Hostile,
    /// All of the first three, clocks that are off and jump, full disks, and a thief who copies a device.
    All,
}

impl Faults {
    /// Whether connections break.
    pub(crate) const fn network(self) -> bool {
        matches!(self, Self::Net | Self::All | Self::Hostile)
    }

    /// Whether processes are killed.
    pub(crate) const fn crashes(self) -> bool {
        matches!(self, Self::Crash | Self::All)
    }

    /// Whether clocks are off.
    pub(crate) const fn clocks(self) -> bool {
        matches!(self, Self::All)
    }
}
