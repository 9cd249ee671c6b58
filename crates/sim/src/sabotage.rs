//! Deliberately broken worlds: one for each thing that the oracle is to notice. A check that fires for none of them is no
//! check.

use clap::ValueEnum;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// A device's database refuses what a step writes.
    RefusesWrites,
    /// Devices other than the sender take the second message out of what they are given, and acknowledge it.
    LosesItem,
    /// The server says that it has the second message, and has not.
    ForgetsMessage,
    /// The server carries the second message again under new sequences, to devices that have forgotten that they know it.
    DoublesItem,
    /// A text is twice on a timeline.
    DoublesLine,
    /// A text is missing on a timeline.
    LosesLine,
    /// What a person typed while they were out of reach is gone, with its request.
    ForgetsTyped,
    /// A change that a person asked for while they were out of reach is gone.
    ForgetsChange,
    /// A device says that a change is done, and has dropped it.
    FeignsChange,
    /// Two texts have changed places on a timeline.
    SwapsLines,
    /// A device forgets what was done to texts.
    ForgetsAmendment,
    /// A timeline speaks of a gap where nothing is missing.
    InventsGap,
    /// A timeline says nothing of a gap.
    HidesGap,
    /// A timeline says nothing of why something may be missing.
    HidesReason,
    /// A timeline gives another reason for that.
    WrongReason,
    /// A device calls a group otherwise than the others do.
    EditsName,
    /// A device knows a member in another role than the others do.
    EditsRole,
    /// A device is an epoch behind.
    EditsEpoch,
    /// A conversation is held.
    IsHeld,
    /// A device's clock stands still.
    ClockStops,
    /// A device sends what its person typed.
    SendsPlaintext,
    /// A device names its person to everybody who carries its messages.
    SendsHandle,
    /// The server keeps what somebody typed.
    KeepsPlaintext,
    /// The server keeps a roster key.
    KeepsRosterKey,
    /// A device's message keys are put back to an earlier state.
    ReusesKeys,
    /// A device never erases a key.
    ErasesNothing,
    /// A device keeps items that it will never take in.
    ParksForEver,
    /// The server never deletes what is acknowledged.
    DeletesNothing,
    /// The server accepts a second commit for an epoch.
    AcceptsTwoCommits,
    /// Something is left to chance that the script does not know.
    LeavesToChance,
}
