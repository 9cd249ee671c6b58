//! Why every member refuses a commit, or a joiner an invitation. Each names the rule and says what to do.

use keyfold_wire::certificate::CertificateError;
use keyfold_wire::limits::{MAX_ADDRESS, MAX_DEVICES, MAX_ROSTER};

/// A rule of the conversation that was broken. All members find the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A leaf's certificate does not verify.
    #[error("a device's certificate is not valid: {0}")]
    Certificate(CertificateError),
    /// A leaf's signature key is not the certified one.
    #[error("a device uses another key than its certificate names")]
    SignatureKey,
    /// A leaf has no delivery address.
    #[error("a device has no delivery address")]
    AddressMissing,
    /// A delivery address is over its limit.
    #[error("a delivery address is over {MAX_ADDRESS} bytes")]
    AddressTooLong,
    /// Two leaves have one delivery address.
    #[error("two devices have the same delivery address")]
    AddressTwice,
    /// Two leaves have one device.
    #[error("a device would be in the conversation twice")]
    DeviceTwice,
    /// Two leaves of an account have different account keys.
    #[error("two devices of one account name different account keys")]
    AccountKey,
    /// An account has too many leaves.
    #[error("an account has more than {MAX_DEVICES} devices: remove one first")]
    TooManyDevices,
    /// The group is too large.
    #[error("the conversation has more than {MAX_ROSTER} devices")]
    TooManyLeaves,
    /// A device does not speak the group's suite.
    #[error(
        "a device does not speak the conversation's cipher suite: start a conversation that it can join"
    )]
    SuiteNotSpoken,
    /// A classic group though all speak the hybrid suite.
    #[error(
        "the conversation uses the weaker cipher suite though all devices speak the stronger one: start it anew"
    )]
    WeakSuite,
    /// The commit is not by a leaf of the group, or names leaves that do not exist.
    #[error("the change names a device that is not in the conversation")]
    NoSuchLeaf,
    /// A move that is further ahead than anybody can have missed.
    #[error("the move is too far ahead")]
    TooFarAhead,
    /// A leaf is removed twice, the committer removes itself, or a place is taken twice.
    #[error("the change contradicts itself")]
    Contradiction,
    /// The committer's new leaf is another device's.
    #[error("a device tried to take another device's place")]
    PathOfAnother,
    /// The committer's new leaf has another certificate that does not renew the one before.
    #[error(
        "a device showed a certificate that is not newer than the one before, or names another key"
    )]
    NotRenewed,
    /// A proposal that is neither adding, removing nor changing the state.
    #[error("the change contains something that this conversation does not permit")]
    ForbiddenProposal,
    /// The state in the group context is missing or cannot be read.
    #[error("the conversation's settings cannot be read: update Keyfold")]
    StateUnreadable,
    /// The authenticated data is no list of leave proofs.
    #[error("the leave proofs are malformed")]
    LeaveProofsMalformed,
    /// A leave proof does not verify.
    #[error("a member was removed with a leave proof that is not theirs")]
    LeaveProofInvalid,
    /// An account's leave proof is shown, but some leaf of it stays.
    #[error("a member who leaves must be removed with all devices")]
    LeaverStays,
    /// Somebody other than the two people of a direct conversation.
    #[error("a direct conversation is between its two people only: start a group instead")]
    NotOfThisConversation,
    /// The committer may not add others.
    #[error("only admins may add people here: ask one")]
    MayNotAdd,
    /// The committer may not remove this account's devices.
    #[error("you may not remove this person: ask the owner or an admin")]
    MayNotRemove,
    /// Name, add policy or later settings are for admins.
    #[error("only admins may change the conversation's settings: ask one")]
    MayNotChangeSettings,
    /// The committer may not change this role.
    #[error("you may not change this person's role: ask the owner")]
    MayNotChangeRole,
    /// More than one owner.
    #[error("a conversation has at most one owner")]
    TwoOwners,
    /// A role for somebody who is no member; or roles or a name in a direct conversation.
    #[error("a role is given to somebody who is not in the conversation")]
    RoleOfAbsent,
    /// Kind, id, handle or move counter changed; or anything in a direct conversation.
    #[error("the conversation's {0} cannot change")]
    Immutable(&'static str),
}
