//! What may befall one device: inputs of its shell, made of what was recorded in a town and of odd numbers.

use arbitrary::Arbitrary;

use crate::bend::Bends;
use crate::draw::{Blob, Few, Rarely};

/// Steps of one run; more do not find more.
pub(super) const MOST_STEPS: usize = 40;

/// Items in one push.
const MOST_ITEMS: usize = 5;

/// One thing that happens.
#[derive(Debug, Arbitrary)]
pub(super) enum Step {
    /// The mailbox delivers.
    Push(Few<Thing, MOST_ITEMS>, bool),
    /// So many items that a server has next for this device, as an honest one delivers them.
    Honest(u8),
    /// The mailbox socket was greeted.
    Greet {
        acknowledged: Number,
        known: Number,
        now: Number,
        supply: Option<Few<Stock, 3>>,
    },
    /// The server would not greet it.
    TurnAway(Refusal),
    /// One of the requests under way is answered.
    Answer(u8, Reply),
    /// A request that nobody made is answered.
    Stray(Number, Reply),
    /// The socket of one of them breaks.
    Lose(u8),
    /// The server tells what it has of the device.
    Supply(Few<Stock, 3>),
    /// The shell's timer.
    Tick,
    /// Time passes.
    Passes(Time),
    /// The person wants something.
    Wish(Wish),
    /// The process is killed and started again.
    Restart,
}

/// A number, mostly at an edge of what there is.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Number {
    /// So much more or less than what would be right.
    Near(i8),
    /// A small one.
    Small(u8),
    /// So much below the largest that fits a database.
    Database(u8),
    /// So much below the largest of the wire format.
    Largest(u8),
    /// Any.
    Any(u32),
}

impl Number {
    /// The number, where this one would be right.
    pub(super) fn instead_of(self, right: u64) -> u64 {
        match self {
            Self::Near(by) => right.saturating_add_signed(by.into()),
            Self::Small(number) => number.into(),
            Self::Database(below) => (i64::MAX as u64).saturating_add(1) - u64::from(below),
            Self::Largest(below) => u64::MAX - u64::from(below),
            Self::Any(number) => number.into(),
        }
    }
}

/// What the directory is said to hold.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) struct Stock {
    pub(super) suite: Suite,
    pub(super) one_time: u32,
    pub(super) last_resort: bool,
}

/// A cipher suite, or a number that is none.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Suite {
    Hybrid,
    Classic,
    Other(u32),
}

/// A refusal with whatever it carries.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) struct Refusal {
    pub(super) code: u8,
    pub(super) epoch: Number,
    pub(super) wait: u32,
}

/// An item.
#[derive(Debug, Arbitrary)]
pub(super) struct Thing {
    pub(super) what: What,
    pub(super) serial: Rarely<Serial>,
    pub(super) sequence: Rarely<Number>,
    pub(super) received: Rarely<Number>,
    pub(super) epoch: Rarely<Number>,
    pub(super) message_id: Bends,
    pub(super) body: Bends,
    pub(super) check: Rarely<Check>,
}

/// What it is made of.
#[derive(Debug, Arbitrary)]
pub(super) enum What {
    /// Delivered to this device in the town.
    Own(u8),
    /// Delivered to somebody else there.
    Foreign(u8),
    /// An own request that comes back.
    Echo(u8),
    /// One item with another's content.
    Crossed(u8, u8),
    /// A member with a modified client: an MLS message of anybody in a new, right envelope.
    Resealed(u8, Bends),
    /// ... any content in a right MLS message.
    Said(u8, Bends),
    /// Nothing.
    Empty,
}

/// Whose address it came for.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Serial {
    /// Of another recorded item.
    Of(u8),
    /// Any.
    Number(Number),
}

/// What the server says that it opened.
#[derive(Debug, Clone, Arbitrary)]
pub(super) enum Check {
    /// That of another commit.
    Of(u8),
    /// Changed.
    Bent(Bends, Bends),
    /// None, or one where there was none.
    Turned,
}

/// An answer to a request.
#[derive(Debug, Arbitrary)]
pub(super) enum Reply {
    /// The right one.
    Right,
    /// A refusal.
    Refused(Refusal),
    /// "It is durable", whatever was asked.
    Accepted(Number),
    /// "It is done", whatever was asked.
    Done(Number),
    /// Addresses, whatever was asked.
    Addresses(Few<(Number, Blob), 8>),
    /// An account of the town, changed.
    Account(u8, Bends),
    /// Key packages of the town, changed.
    KeyPackages(u8, Bends),
    /// What only comes unasked.
    Unasked(bool),
}

/// Time that passes at a device.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Time {
    /// Seconds on.
    Seconds(u8),
    /// Hours on.
    Hours(u8),
    /// Minutes back.
    Back(u16),
}

/// A command.
#[derive(Debug, Arbitrary)]
pub(super) enum Wish {
    Say(u8),
    SayAny(u8, Blob),
    Create(u8, Option<Blob>),
    Add(u8, u8),
    Remove(u8, u8),
    Leave(u8),
    Rename(u8, Blob),
    Promote(u8, u8),
    Update(u8),
    Read(u8),
    LookUp(u8),
    LookUpAny(Blob),
    Link(Blob),
    Accept(Blob),
    RemoveDevice,
    Nowhere([u8; 16]),
}
