//! Judging a commit from the group's state and the commit alone, so that every member judges alike.
//!
//! Nothing here knows a clock, remembered keys or blocks: what depends on those is merged, shown, and holds back one's
//! own sending. `docs/protocol/state-and-roles.md` states the rules in words.

mod change;
mod leaf;
mod moving;
mod structure;
mod violation;

use std::collections::BTreeSet;

use keyfold_wire::ids::{AccountId, Epoch};

pub use leaf::{ADDRESS_EXTENSION_TYPE, LeafIndex, LeafView};
pub use violation::Violation;

use crate::leave::LeaveProof;
use crate::state::{ConversationState, Kind, Place, Policy, Role};
use crate::suite::Suite;

/// A group in one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// The MLS group id.
    pub group_id: Vec<u8>,
    /// The epoch.
    pub epoch: Epoch,
    /// The cipher suite.
    pub suite: Suite,
    /// What the members agreed on.
    pub state: ConversationState,
    /// All leaves that are not blank, in leaf order.
    pub leaves: Vec<LeafView>,
}

/// What a commit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// Whose commit it is.
    pub committer: LeafIndex,
    /// New leaves, at the positions that they take (RFC 9420 section 12.1.1).
    pub added: Vec<LeafView>,
    /// Leaves that go.
    pub removed: Vec<LeafIndex>,
    /// The committer's own new leaf, where the commit has a path.
    pub path_leaf: Option<LeafView>,
    /// The state after it, where the commit changes the group context.
    pub new_state: Option<ConversationState>,
    /// The proofs in its authenticated data.
    pub leave_proofs: Vec<LeaveProof>,
    /// Whether it has proposals of any other type.
    pub other_proposals: bool,
}

impl CommitFacts {
    /// A commit of this leaf that changes nothing yet.
    pub fn by(committer: LeafIndex) -> Self {
        Self {
            committer,
            added: Vec::new(),
            removed: Vec::new(),
            path_leaf: None,
            new_state: None,
            leave_proofs: Vec::new(),
            other_proposals: false,
        }
    }
}

impl GroupView {
    /// The leaf at a position.
    pub fn leaf(&self, index: LeafIndex) -> Option<&LeafView> {
        self.leaves.iter().find(|leaf| leaf.index == index)
    }

    /// All accounts that have a leaf.
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        self.leaves.iter().map(LeafView::account).collect()
    }

    /// What an account may do. Where no member is owner, the admin with the lowest leaf acts as owner; without admins, the
    /// account of the lowest leaf. In a direct conversation all are members.
    pub fn authority(&self, account: AccountId) -> Role {
        if self.state.kind != Kind::Group {
            return Role::Member;
        }
        if self.acting_owner() == Some(account) {
            Role::Owner
        } else {
            self.state.role(account)
        }
    }

    /// Who is owner, or acts as one: see [`authority`](Self::authority).
    pub fn acting_owner(&self) -> Option<AccountId> {
        let lowest = |role| {
            let of_role = self
                .leaves
                .iter()
                .filter(|leaf| self.state.role(leaf.account()) == role);
            of_role.min_by_key(|leaf| leaf.index).map(LeafView::account)
        };
        lowest(Role::Owner)
            .or_else(|| lowest(Role::Admin))
            .or_else(|| lowest(Role::Member))
    }

    /// Whether an account may add devices of another one.
    pub fn may_add(&self, account: AccountId) -> bool {
        matches!(self.state.kind, Kind::Direct(_) | Kind::Errand)
            || self.state.add_policy == Policy::Everyone
            || self.authority(account) >= Role::Admin
    }

    /// Whether an account may change name, description, picture and timer; in a direct conversation the timer is all that changes.
    pub fn may_edit(&self, account: AccountId) -> bool {
        matches!(self.state.kind, Kind::Direct(_))
            || self.state.edit_policy == Policy::Everyone
            || self.authority(account) >= Role::Admin
    }

    /// Whether an account may say something.
    pub fn may_post(&self, account: AccountId) -> bool {
        self.state.kind != Kind::Group
            || self.state.post_policy == Policy::Everyone
            || self.authority(account) >= Role::Admin
    }

    /// Whether an account may remove another one's devices without a leave proof.
    pub fn may_remove(&self, account: AccountId, other: AccountId) -> bool {
        match self.authority(account) {
            Role::Owner => true,
            Role::Admin => self.authority(other) == Role::Member,
            Role::Member => false,
        }
    }

    /// The state that a commit with these changes must carry because accounts with a role lose their last leaf. `None`: the
    /// present one will do.
    pub fn state_after(
        &self,
        removed: &[LeafIndex],
        added: &[LeafView],
    ) -> Option<ConversationState> {
        let removed: BTreeSet<LeafIndex> = removed.iter().copied().collect();
        let stay = self
            .leaves
            .iter()
            .filter(|leaf| !removed.contains(&leaf.index));
        let members: BTreeSet<AccountId> = stay.chain(added).map(LeafView::account).collect();
        let mut state = self.state.clone();
        for (account, _) in self.state.roles() {
            if !members.contains(&account) {
                state.set_role(account, Role::Member);
            }
        }
        (state != self.state).then_some(state)
    }

    /// The group after a commit, whether or not that is permitted. The state stays the present one where it changes none.
    #[must_use]
    pub fn after(&self, commit: &CommitFacts) -> Self {
        let removed: BTreeSet<LeafIndex> = commit.removed.iter().copied().collect();
        let mut leaves: Vec<LeafView> = self
            .leaves
            .iter()
            .filter(|leaf| !removed.contains(&leaf.index))
            .map(|leaf| match &commit.path_leaf {
                Some(path) if leaf.index == commit.committer => path.clone(),
                _ => leaf.clone(),
            })
            .chain(commit.added.iter().cloned())
            .collect();
        leaves.sort_by_key(|leaf| leaf.index);
        Self {
            group_id: self.group_id.clone(),
            epoch: self.epoch.next(),
            suite: self.suite,
            state: commit
                .new_state
                .clone()
                .unwrap_or_else(|| self.state.clone()),
            leaves,
        }
    }

    /// Judges a commit on this group.
    ///
    /// # Errors
    /// The [`Violation`] for which every member refuses it.
    pub fn judge(&self, commit: &CommitFacts) -> Result<(), Violation> {
        let after = self.after(commit);
        change::check(self, commit, &after)?;
        structure::check(&after)?;
        if !commit.added.is_empty() {
            structure::check_suite_strength(&after)?;
        }
        Ok(())
    }

    /// Judges the group in which this conversation is to go on, from this one as it was last: what its maker could not have done
    /// by a commit must be as it was. Devices of members may come and go, as the directory knows them. `gone` may be missing in it:
    /// who has said that they leave, or has broken the group.
    ///
    /// # Errors
    /// The [`Violation`] for which it is not followed.
    pub fn judge_move(
        &self,
        to: &Self,
        maker: AccountId,
        gone: &BTreeSet<AccountId>,
    ) -> Result<(), Violation> {
        moving::check(self, to, maker, gone)
    }

    /// Whether the next move was made from an earlier epoch of this group than this one, or from a group that members of this one do not
    /// follow.
    pub(super) fn knows_more_than(&self, to: &Self) -> bool {
        let next = self.state.moves.saturating_add(1);
        let from = to.state.origin();
        to.state.moves == next && from.is_some_and(|from| from < self.stand())
    }

    /// Whether the maker of a move says that it was made from a later epoch than this one, or from a group that members of this one will
    /// follow, or that is not known here: then it can't be judged from here.
    #[must_use]
    pub fn knows_less_than(&self, to: &Self) -> bool {
        let from = to.state.origin();
        from.is_some_and(|from| from > self.stand())
    }

    /// Where the conversation is, and in which epoch: of two that a conversation was in, the greater one is the later.
    fn stand(&self) -> (Place, Epoch) {
        (self.state.place(), self.epoch)
    }

    /// Judges a whole group: one that a device creates, or is invited to.
    ///
    /// # Errors
    /// The [`Violation`] for which it must not be created or joined.
    pub fn judge_whole(&self) -> Result<(), Violation> {
        structure::check(self)?;
        structure::check_suite_strength(self)
    }
}
