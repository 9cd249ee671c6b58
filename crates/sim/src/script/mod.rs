//! A world as data: what people do and what befalls them, each at its time. The same script gives the same world.
//!
//! [`Script::drawn`] makes one from a seed by a weighted model, before anything has happened: who does something, and
//! where, is a number that is taken modulo what is there when its time comes. A world that is played writes down what each
//! number came to ([`Report::played`](crate::Report::played)), so that a shortened script still means the same.

mod draw;
mod names;
mod print;
pub mod shrink;

use keyfold_protocol::state::Role;

pub(crate) use names::{DIRECTORY_ENDING, handle, person_called};
pub use names::{MAX_PEOPLE, name};

/// One world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Decides how long frames take, and every device's own randomness.
    pub seed: u64,
    /// How many people there are; each begins with one device.
    pub people: usize,
    /// All devices speak the hybrid suite, too.
    pub hybrid: bool,
    /// What happens, in order.
    pub scenes: Vec<Scene>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Milliseconds after the scene before.
    pub wait: u64,
    /// On which device. For what befalls the whole world nobody looks at it.
    pub who: Who,
    /// What.
    pub act: Act,
}

/// A device of a person: the first that they got is number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hand {
    /// The person's number.
    pub person: usize,
    /// Which of their devices.
    pub device: usize,
}

/// Which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This many-th of those that are there, counted round.
    Any(u32),
    /// The one of the scene before.
    Same,
    /// Another one than in the scene before that is in the same conversation.
    Other(u32),
    /// This one.
    Is(Hand),
}

/// Which conversation. One that was begun is known by its tag, a number of the script's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// This many-th of those that the device is in, counted round.
    Any(u32),
    /// This many-th of those that the device's person owns, counted round.
    Owned(u32),
    /// The one of the scene before.
    Last,
    /// This one.
    Is(u32),
}

/// Which member of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// This many-th of the others, counted round.
    Any(u32),
    /// The one of the scene before.
    Last,
    /// This person.
    Is(usize),
}

/// What is done to a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Its author says something else in its place.
    Edited(String),
    /// Its author takes it back.
    TakenBack,
    /// Somebody reacts to it, or not any more.
    Reacted(Option<&'static str>),
    /// It is pinned, or not any more.
    Pinned(bool),
}

impl How {
    /// Only its author may.
    pub(crate) const fn is_authors(&self) -> bool {
        matches!(self, Self::Edited(_) | Self::TakenBack)
    }
}

/// What somebody does, or what befalls a device or the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Says something; where there is no conversation yet, one is begun under the tag instead.
    Says {
        /// Where.
        place: Where,
        /// What; no two scenes say the same.
        text: String,
        /// And goes on about it at length.
        long: bool,
        /// For a conversation that has to be begun first.
        tag: u32,
    },
    /// Begins a one-to-one conversation.
    Meets {
        /// What it is known by from now on.
        tag: u32,
        /// With whom.
        other: usize,
    },
    /// Begins a group.
    Begins {
        /// What it is known by from now on.
        tag: u32,
        /// What it is called.
        name: String,
        /// With whom.
        others: Vec<usize>,
    },
    /// Adds somebody.
    Adds(Where, Whom),
    /// Removes somebody.
    Removes(Where, Whom),
    /// Leaves.
    Leaves(Where),
    /// Gives a group another name.
    Renames(Where, String),
    /// Gives a member another role.
    Promotes(Where, Whom, Role),
    /// Does something to a text.
    Amends {
        /// Where.
        place: Where,
        /// This many-th of the newest texts there, counted round, the newest first; where it takes the author, of one's own.
        which: u32,
        /// What.
        how: How,
    },
    /// Renews its keys.
    Updates(Where),
    /// The person links another device, whose clock is off by so many milliseconds.
    Links(i64),
    /// The person removes their newest device.
    Unlinks,
    /// Is out of reach for so many minutes.
    Away(u64),
    /// Is killed and starts again.
    Dies,
    /// Its clock is off by so many milliseconds from now on.
    ClockIsOff(i64),
    /// Something will befall it.
    Mishap {
        /// What.
        what: Mishap,
        /// After so many occasions for it.
        after: u32,
    },
    /// Its whole state is copied, for somebody who keeps to no rules.
    Stolen,
    /// A copy of its state is kept, to come back to.
    BackedUp,
    /// Comes back from the copy of its state that was kept last.
    Restored,
    /// A second device goes on from a copy of its state, and so does it.
    Cloned,
    /// Its person turns against the others, and uses a client of their own making.
    Turns(Trick),
    /// The server is killed and starts again.
    ServerDies,
    /// A copy of what the server holds is kept, to come back to.
    ServerBackedUp,
    /// The server comes back from the copy that was kept last.
    ServerRestored,
    /// Some devices are out of reach for so many minutes, all at once.
    Parted(Crowd, u64),
}

/// Some devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crowd {
    /// Those whose bit is set, by their number modulo 64.
    Mask(u64),
    /// These.
    Are(Vec<Hand>),
}

/// What befalls a device at an occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Before or after a step: it is killed, and its shell never hears of the step.
    Dies,
    /// At a step: there is no room on its disk for more than so many pages.
    DiskFull(u32),
    /// As it sends a frame: the connection breaks.
    Breaks,
    /// At a request of its: the server does it, and the connection breaks before the answer is heard.
    LosesAnswer,
    /// At a request of its: the server has too much to do, for so many milliseconds.
    Busy(u64),
    /// At a request of its: two nodes of the server answer.
    AnsweredTwice,
    /// At a request of its: the answer is heard again so many milliseconds later.
    AnsweredAgain(u64),
    /// At a push to it: it comes twice.
    PushedTwice,
    /// The server cheats it.
    Cheats(Cheat),
}

/// How a malicious server cheats a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// Asked about somebody, it answers with somebody else's keys.
    SwapsKeys,
    /// Asked for key packages, it hands out some that it has handed out before.
    OldPackages,
    /// Asked for key packages, it hands out broken ones.
    SpoilsPackages,
    /// A message of somebody else is not delivered.
    Withholds,
    /// An old message is delivered again.
    Replays,
    /// Somebody else's message is delivered.
    MixesMailboxes,
    /// Garbage is delivered.
    Garbage,
}

/// What a malicious member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Says what is no content.
    Noise,
    /// Sends more than anybody can open.
    Flood,
    /// Says something in another member's name.
    Claims,
    /// Sends a message whose signature is spoilt.
    Tampers,
    /// Commits with a roster that leaves somebody out.
    FalseRoster,
    /// Commits what its role does not allow.
    AgainstRoles,
}

/// When a mishap may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    Boundary,
    Step,
    Frame,
    Request,
    Directory,
    Push,
    Delivery,
}

impl Mishap {
    pub(crate) const fn occasion(self) -> Occasion {
        match self {
            Self::Dies => Occasion::Boundary,
            Self::DiskFull(_) => Occasion::Step,
            Self::Breaks => Occasion::Frame,
            Self::PushedTwice => Occasion::Push,
            Self::Cheats(Cheat::SwapsKeys | Cheat::OldPackages | Cheat::SpoilsPackages) => {
                Occasion::Directory
            }
            Self::Cheats(_) => Occasion::Delivery,
            _ => Occasion::Request,
        }
    }
}

impl Act {
    /// Nobody does it: it befalls a device or the world.
    pub const fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Says { .. }
                | Self::Meets { .. }
                | Self::Begins { .. }
                | Self::Adds(..)
                | Self::Removes(..)
                | Self::Leaves(_)
                | Self::Renames(..)
                | Self::Promotes(..)
                | Self::Amends { .. }
                | Self::Updates(_)
                | Self::Links(_)
                | Self::Unlinks
        )
    }

    /// It befalls the world, and no device in particular.
    pub(crate) const fn is_everybodys(&self) -> bool {
        matches!(
            self,
            Self::ServerDies | Self::ServerBackedUp | Self::ServerRestored | Self::Parted(..)
        )
    }
}
