//! What all members of a conversation agree on: the group context extension of type [`EXTENSION_TYPE`], in CBOR.
//!
//! Who may change what is in [`crate::rules`].

mod codec;
mod name;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use keyfold_wire::ids::{AccountId, ConversationHandle, ConversationId, Epoch};
use serde::{Deserialize, Serialize};

use crate::picture::GroupPicture;

pub use codec::StateError;
pub(crate) use name::is_forbidden;
pub use name::{Description, Name, NameError};

/// The MLS extension type of the state, for private use (RFC 9420 section 17.3).
pub const EXTENSION_TYPE: u16 = 0xF0F1;

/// Whether a conversation is between two people or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of these two accounts, the smaller id first. For good.
    Direct([AccountId; 2]),
    /// Of any number of people, even of one.
    Group,
    /// A message to some devices that nobody stays in: its welcome carries an [`Errand`], and that is all.
    Errand,
}

/// What a welcome into a group of kind [`Kind::Errand`] says about the conversation of its state's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// The device that sends it is a member and can't go on: its leaf is to be removed and added again with this key package
    /// (an encoded `MLSMessage`).
    LetMeIn(Vec<u8>),
    /// The answer of a member: the device that asked is not a member any more.
    NotAMember,
    /// The group at this place, which the receiving account is in, is not followed: the others go on elsewhere.
    NotFollowed(Place),
    /// The answer of an account that is not a member any more: these were when it went. Rising, at least one and at most
    /// [`MAX_NAMED`](crate::limits::MAX_NAMED).
    AskThese(Vec<AccountId>),
    /// The device that sends it is in the group at this place. Whoever is in one that is followed before it lets the device in there
    /// with this key package (an encoded `MLSMessage`).
    StandsAt(Place, Vec<u8>),
}

/// Which of the groups that a conversation has gone through one is. Ordered: members follow the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How often the conversation has moved to come there.
    pub moves: u64,
    /// Where it is at the server.
    pub handle: ConversationHandle,
}

impl Ord for Place {
    /// The one that has moved more often; of two that have moved equally often, the one with the smaller handle.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.moves, &other.handle).cmp(&(other.moves, &self.handle))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The group that a conversation has moved from, as its maker had it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Where it was at the server.
    pub handle: ConversationHandle,
    /// In which epoch it was.
    pub epoch: Epoch,
}

/// What an account may do in a group. Ordered: who is more may more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum Role {
    /// Reads and writes.
    #[default]
    Member,
    /// Also adds and removes members, names the group, makes admins.
    Admin,
    /// Also removes and demotes admins, and hands the group over. At most one.
    Owner,
}

/// Who may do something in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Policy {
    /// Admins and the owner.
    Admins,
    /// Every member.
    Everyone,
}

/// The agreed state of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct ConversationState {
    /// The conversation, also after it moves to another handle or group.
    pub id: ConversationId,
    /// One to one or a group.
    pub kind: Kind,
    /// Its name; empty in a direct conversation.
    pub name: Name,
    /// Where it is at the server.
    pub handle: ConversationHandle,
    /// What it is about; empty in a direct conversation.
    pub description: Description,
    /// What stands for it; none in a direct conversation.
    pub picture: Option<GroupPicture>,
    /// Who may add people: mostly admins. Without effect in a direct conversation, as the next two.
    pub add_policy: Policy,
    /// Who may say something: mostly everyone.
    pub post_policy: Policy,
    /// Who may change name, description, picture and timer: mostly admins.
    pub edit_policy: Policy,
    /// How many seconds after it was read a message is to be gone: 1 to [`MAX_TIMER`](crate::limits::MAX_TIMER). `None`: never.
    pub timer: Option<u32>,
    /// How often it has moved to another handle and group.
    pub moves: u64,
    /// The group that it has moved from, exactly where `moves` is not 0.
    pub moved_from: Option<Origin>,
    /// What an errand says; nothing in a conversation.
    errand: Option<Errand>,
    roles: BTreeMap<AccountId, Role>,
    /// Entries of a later version: encoded key and value, sorted.
    unknown: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Two accounts of a direct conversation must be two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a direct conversation needs another person than oneself: make a group instead")]
pub struct SameAccount;

impl ConversationState {
    /// A new direct conversation of two accounts, in whichever order.
    ///
    /// # Errors
    /// [`SameAccount`] when they are one.
    pub fn direct(
        id: ConversationId,
        handle: ConversationHandle,
        one: AccountId,
        other: AccountId,
    ) -> Result<Self, SameAccount> {
        if one == other {
            return Err(SameAccount);
        }
        let accounts = [one.min(other), one.max(other)];
        Ok(Self::new(
            id,
            handle,
            Kind::Direct(accounts),
            Name::default(),
        ))
    }

    /// A new group with its owner.
    pub fn group(
        id: ConversationId,
        handle: ConversationHandle,
        name: Name,
        owner: AccountId,
    ) -> Self {
        let mut state = Self::new(id, handle, Kind::Group, name);
        state.set_role(owner, Role::Owner);
        state
    }

    /// An errand about a conversation.
    pub fn errand(id: ConversationId, handle: ConversationHandle, errand: Errand) -> Self {
        let mut state = Self::new(id, handle, Kind::Errand, Name::default());
        state.errand = Some(errand);
        state
    }

    /// What it says, where it is an errand.
    pub const fn as_errand(&self) -> Option<&Errand> {
        self.errand.as_ref()
    }

    /// The state with which the conversation goes on in a new group at a new handle, after this epoch of the present one.
    #[must_use]
    pub fn moved_to(&self, handle: ConversationHandle, from: Epoch) -> Self {
        Self {
            handle,
            moves: self.moves.saturating_add(1),
            moved_from: Some(Origin {
                handle: self.handle,
                epoch: from,
            }),
            ..self.clone()
        }
    }

    /// Where the conversation was before, and in which epoch its maker left it. `None` where it has not moved.
    pub fn origin(&self) -> Option<(Place, Epoch)> {
        let Origin { handle, epoch } = self.moved_from?;
        let moves = self.moves.saturating_sub(1);
        Some((Place { moves, handle }, epoch))
    }

    /// Where it is. Of two states of one conversation members follow the one with the greater place.
    pub const fn place(&self) -> Place {
        Place {
            moves: self.moves,
            handle: self.handle,
        }
    }

    fn new(id: ConversationId, handle: ConversationHandle, kind: Kind, name: Name) -> Self {
        Self {
            id,
            kind,
            name,
            handle,
            description: Description::default(),
            picture: None,
            add_policy: Policy::Admins,
            post_policy: Policy::Everyone,
            edit_policy: Policy::Admins,
            timer: None,
            moves: 0,
            moved_from: None,
            errand: None,
            roles: BTreeMap::new(),
            unknown: Vec::new(),
        }
    }

    /// The role that is written down for an account; see `GroupView::authority` for what it may do.
    pub fn role(&self, account: AccountId) -> Role {
        self.roles.get(&account).copied().unwrap_or_default()
    }

    /// Writes down a role.
    pub fn set_role(&mut self, account: AccountId, role: Role) {
        match role {
            Role::Member => self.roles.remove(&account),
            Role::Admin | Role::Owner => self.roles.insert(account, role),
        };
    }

    /// All admins and the owner.
    pub fn roles(&self) -> impl Iterator<Item = (AccountId, Role)> {
        self.roles.iter().map(|(account, role)| (*account, *role))
    }

    /// Whether both have the same entries of a later version.
    pub(crate) fn same_unknown(&self, other: &Self) -> bool {
        self.unknown == other.unknown
    }
}

impl TryFrom<Vec<u8>> for ConversationState {
    type Error = StateError;

    fn try_from(encoded: Vec<u8>) -> Result<Self, StateError> {
        Self::decode(&encoded)
    }
}

impl From<ConversationState> for Vec<u8> {
    fn from(state: ConversationState) -> Self {
        state.encode()
    }
}
