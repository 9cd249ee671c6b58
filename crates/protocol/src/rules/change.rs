//! Who may change what: the commit as a step from one group to the next.

use std::collections::BTreeSet;

use keyfold_wire::ids::{AccountId, DeviceId};

use super::{CommitFacts, GroupView, LeafIndex, LeafView, Violation};
use crate::state::{ConversationState, Kind, Role};

pub(super) fn check(
    group: &GroupView,
    commit: &CommitFacts,
    after: &GroupView,
) -> Result<(), Violation> {
    if commit.other_proposals {
        return Err(Violation::ForbiddenProposal);
    }
    let committer = group.leaf(commit.committer).ok_or(Violation::NoSuchLeaf)?;
    check_path(committer, commit)?;
    let leavers = leavers(group, commit, after)?;
    check_added(group, committer, commit)?;
    check_removed(group, committer, commit, &leavers)?;
    check_owner(group, committer.account(), after)?;
    match &commit.new_state {
        Some(state) => check_state(group, committer.account(), state, after),
        None => Ok(()),
    }
}

/// Whoever acts as owner by the order of the leaves goes on doing so, unless it gives that away: nobody comes before it by being added at a
/// lower leaf, or by becoming admin.
fn check_owner(group: &GroupView, actor: AccountId, after: &GroupView) -> Result<(), Violation> {
    let acting = group.acting_owner();
    let Some(acting) = acting.filter(|acting| after.accounts().contains(acting)) else {
        return Ok(());
    };
    let is_group = group.state.kind == Kind::Group;
    if is_group && group.authority(actor) < Role::Owner && after.acting_owner() != Some(acting) {
        return Err(Violation::MayNotChangeRole);
    }
    Ok(())
}

fn check_path(committer: &LeafView, commit: &CommitFacts) -> Result<(), Violation> {
    let Some(path) = &commit.path_leaf else {
        return Ok(());
    };
    let same = path.index == committer.index
        && path.account() == committer.account()
        && path.device() == committer.device();
    if !same {
        return Err(Violation::PathOfAnother);
    }
    let kept = path.credential() == committer.credential();
    if kept || path.certificate.renews(&committer.certificate) {
        Ok(())
    } else {
        Err(Violation::NotRenewed)
    }
}

/// The accounts whose leaving is proven; all their leaves must go.
fn leavers(
    group: &GroupView,
    commit: &CommitFacts,
    after: &GroupView,
) -> Result<BTreeSet<AccountId>, Violation> {
    let mut leavers = BTreeSet::new();
    let stay = if commit.leave_proofs.is_empty() {
        BTreeSet::new()
    } else {
        after.accounts()
    };
    for proof in &commit.leave_proofs {
        let valid = group
            .leaves
            .iter()
            .any(|leaf| proof.is_valid(&group.group_id, leaf));
        if !valid {
            return Err(Violation::LeaveProofInvalid);
        }
        if stay.contains(&proof.account) {
            return Err(Violation::LeaverStays);
        }
        leavers.insert(proof.account);
    }
    Ok(leavers)
}

fn check_added(
    group: &GroupView,
    committer: &LeafView,
    commit: &CommitFacts,
) -> Result<(), Violation> {
    let mut others = commit
        .added
        .iter()
        .filter(|leaf| leaf.account() != committer.account() && !comes_back(group, commit, leaf));
    if others.next().is_some() && !group.may_add(committer.account()) {
        return Err(Violation::MayNotAdd);
    }
    Ok(())
}

/// Whether an added leaf is of a device that the same commit removes: it has lost its state, and any member may let it in again.
fn comes_back(group: &GroupView, commit: &CommitFacts, leaf: &LeafView) -> bool {
    let mut removed = commit.removed.iter().filter_map(|index| group.leaf(*index));
    removed.any(|gone| gone.account() == leaf.account() && gone.device() == leaf.device())
}

fn check_removed(
    group: &GroupView,
    committer: &LeafView,
    commit: &CommitFacts,
    leavers: &BTreeSet<AccountId>,
) -> Result<(), Violation> {
    let back: BTreeSet<(AccountId, DeviceId)> = commit
        .added
        .iter()
        .map(|leaf| (leaf.account(), leaf.device()))
        .collect();
    let mut seen: BTreeSet<LeafIndex> = BTreeSet::new();
    for index in &commit.removed {
        let leaf = group.leaf(*index).ok_or(Violation::NoSuchLeaf)?;
        if !seen.insert(*index) || *index == committer.index {
            return Err(Violation::Contradiction);
        }
        let own = leaf.account() == committer.account();
        let permitted = own
            || leavers.contains(&leaf.account())
            || back.contains(&(leaf.account(), leaf.device()))
            || group.may_remove(committer.account(), leaf.account());
        if !permitted {
            return Err(Violation::MayNotRemove);
        }
    }
    Ok(())
}

pub(super) fn check_state(
    group: &GroupView,
    actor: AccountId,
    new: &ConversationState,
    after: &GroupView,
) -> Result<(), Violation> {
    let old = &group.state;
    check_immutable(old, new)?;
    let policies =
        |state: &ConversationState| (state.add_policy, state.post_policy, state.edit_policy);
    let rules = policies(old) != policies(new) || !old.same_unknown(new);
    let edits = (&old.name, &old.description, &old.picture, old.timer)
        != (&new.name, &new.description, &new.picture, new.timer);
    if rules && group.authority(actor) < Role::Admin || edits && !group.may_edit(actor) {
        return Err(Violation::MayNotChangeSettings);
    }
    check_roles(group, actor, new, after)
}

fn check_immutable(old: &ConversationState, new: &ConversationState) -> Result<(), Violation> {
    let what = if old.id != new.id {
        "id"
    } else if old.kind != new.kind {
        "kind"
    } else if old.handle != new.handle {
        "handle"
    } else if old.moves != new.moves {
        "move counter"
    } else if old.moved_from != new.moved_from {
        "group that it has moved from"
    } else if matches!(old.kind, Kind::Direct(_)) && !same_but_timer(old, new) {
        "settings"
    } else {
        return Ok(());
    };
    Err(Violation::Immutable(what))
}

/// Either of two people may change the timer between them, and nothing else.
fn same_but_timer(old: &ConversationState, new: &ConversationState) -> bool {
    let mut timed = old.clone();
    timed.timer = new.timer;
    timed == *new
}

fn check_roles(
    group: &GroupView,
    actor: AccountId,
    new: &ConversationState,
    after: &GroupView,
) -> Result<(), Violation> {
    let named: BTreeSet<AccountId> = group
        .state
        .roles()
        .chain(new.roles())
        .map(|(account, _)| account)
        .collect();
    let members = after.accounts();
    for account in named {
        let (before, now) = (group.state.role(account), new.role(account));
        let gone = now == Role::Member && !members.contains(&account);
        // Anybody may call owner who acts as one.
        let acts = now == Role::Owner && group.acting_owner() == Some(account);
        if before != now && !gone && !acts && !may_change_role(group, actor, account, before, now) {
            return Err(Violation::MayNotChangeRole);
        }
    }
    Ok(())
}

/// The owner may change any role; an admin may make members admins and step down itself.
fn may_change_role(
    group: &GroupView,
    actor: AccountId,
    account: AccountId,
    before: Role,
    now: Role,
) -> bool {
    match group.authority(actor) {
        Role::Owner => true,
        Role::Admin => {
            (before, now) == (Role::Member, Role::Admin)
                || (account == actor && (before, now) == (Role::Admin, Role::Member))
        }
        Role::Member => false,
    }
}
