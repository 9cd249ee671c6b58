//! What may befall a disk.

/// What befalls one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The machine stops before it.
    Crash,
    /// The machine stops in the middle of it: of a write, some beginning is done.
    Tear,
    /// It fails, once.
    Error,
    /// The disk is full from here on, until [`Disk::is_relieved`](super::Disk::is_relieved): nothing grows.
    Full,
}

/// A moment of what a process does, which does not depend on how many pages it writes: layouts follow random keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the first sync of a transaction in the log.
    BeforeCommit,
    /// After it.
    AfterCommit,
    /// Before the first sync of the database itself, which is where a checkpoint ends.
    Checkpoint,
    /// After everything.
    End,
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Write,
    Truncate,
    Sync,
    Delete,
}

/// Why an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// An input/output error; also whatever a dead machine is asked.
    Broken,
    /// No room.
    Full,
    /// There is no such file.
    Missing,
}
