//! Why a group operation did not happen.

use keyfold_wire::ids::Epoch;

use crate::rules::Violation;

/// Input from outside that a group does not accept. Nothing changed, except where a key package was used up: see
/// [`join`](super::join).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Not an MLS message, or one with bytes left over.
    #[error("the message is malformed")]
    Malformed,
    /// Not private to the group: a public message, or another kind of MLS message than was expected.
    #[error("the message is of a kind that is not used here")]
    WrongKind,
    /// Of another group.
    #[error("the message belongs to another group")]
    WrongGroup,
    /// Of an epoch whose secrets are not here: either not yet or no more.
    #[error("the message is of epoch {message}, the group is at {group}")]
    WrongEpoch {
        /// The message's.
        message: Epoch,
        /// The group's.
        group: Epoch,
    },
    /// Opened before, or so old that its key was erased.
    #[error("the message was opened before, or is too old")]
    Replayed,
    /// It does not decrypt.
    #[error("the message can't be decrypted")]
    Undecryptable,
    /// Its signature does not verify, or its sender is no member.
    #[error("the message is forged")]
    Forged,
    /// It claims to be from this very device, which did not send it (one's own are known by their message id).
    #[error("the message claims to be from this device")]
    ClaimsOwnLeaf,
    /// Proposals outside a commit are not used.
    #[error("proposals outside a commit are not used")]
    StandaloneProposal,
    /// A commit that MLS does not accept, in its words.
    #[error("the commit is invalid: {0}")]
    InvalidCommit(String),
    /// A rule of the conversation is broken. All members find the same.
    #[error("the change breaks a rule of the conversation: {0}")]
    Rule(#[from] Violation),
    /// A leaf that is not of Keyfold's form. All members find the same.
    #[error("a device's entry is refused: {0}")]
    Leaf(&'static str),
    /// A key package that MLS does not accept, or that is not of Keyfold's form.
    #[error("the key package is refused: {0}")]
    KeyPackage(&'static str),
    /// The certificate in the key package has expired, or is not valid yet.
    #[error("the certificate in the key package is not valid now: its device must renew it")]
    Expired,
    /// An invitation made with a key package that this device does not have (any more).
    #[error(
        "the invitation was made with a key package that is not here: it has been used already, or was replaced"
    )]
    UnknownKeyPackage,
    /// An invitation that MLS does not accept.
    #[error("the invitation is invalid: {0}")]
    InvalidWelcome(String),
    /// Already a member of that group.
    #[error("this device is already in that group")]
    AlreadyMember,
}

/// Why a group operation did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// What came from outside is not acceptable.
    #[error(transparent)]
    Reject(#[from] Reject),
    /// This device is not a member any more.
    #[error("this device is not in the group any more")]
    NotAMember,
    /// A commit of one's own waits to be accepted: merge or clear it first.
    #[error("a commit of this device is still waiting")]
    Pending,
    /// The storage failed.
    #[error("the storage failed")]
    Storage(E),
    /// `openmls` met what it calls impossible; the words say where.
    #[error("an internal error in MLS ({0})")]
    Internal(&'static str),
}
