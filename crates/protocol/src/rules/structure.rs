//! What must be true of a group in every epoch.

use std::collections::{BTreeMap, BTreeSet};

use keyfold_wire::limits::{MAX_DEVICES, MAX_ROSTER};

use super::{GroupView, Violation};
use crate::state::{Kind, Policy, Role};
use crate::suite::Suite;

pub(super) fn check(group: &GroupView) -> Result<(), Violation> {
    if group.leaves.len() > MAX_ROSTER {
        return Err(Violation::TooManyLeaves);
    }
    check_unique(group)?;
    check_accounts(group)?;
    if !group
        .leaves
        .iter()
        .all(|leaf| group.suite.is_spoken_by(&leaf.certificate))
    {
        return Err(Violation::SuiteNotSpoken);
    }
    check_state(group)
}

/// The classic suite only where somebody speaks nothing better. Asked when a group is made and whenever somebody comes in,
/// not when the last classic device goes: that group lives on until its members start it anew.
pub(super) fn check_suite_strength(group: &GroupView) -> Result<(), Violation> {
    let all_hybrid = group
        .leaves
        .iter()
        .all(|leaf| Suite::Hybrid.is_spoken_by(&leaf.certificate));
    // Nobody says anything in an errand.
    if group.suite == Suite::Classic && all_hybrid && group.state.kind != Kind::Errand {
        return Err(Violation::WeakSuite);
    }
    Ok(())
}

fn check_unique(group: &GroupView) -> Result<(), Violation> {
    let (mut indices, mut devices, mut addresses) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for leaf in &group.leaves {
        if !indices.insert(leaf.index) {
            return Err(Violation::Contradiction);
        }
        if !devices.insert((leaf.account(), leaf.device())) {
            return Err(Violation::DeviceTwice);
        }
        if !addresses.insert(&leaf.address) {
            return Err(Violation::AddressTwice);
        }
    }
    Ok(())
}

fn check_accounts(group: &GroupView) -> Result<(), Violation> {
    let mut accounts = BTreeMap::new();
    for leaf in &group.leaves {
        let key = leaf.certificate.account_key;
        let (known, devices) = accounts.entry(leaf.account()).or_insert((key, 0_usize));
        if *known != key {
            return Err(Violation::AccountKey);
        }
        *devices += 1;
        if *devices > MAX_DEVICES {
            return Err(Violation::TooManyDevices);
        }
        if let Kind::Direct(both) = group.state.kind
            && !both.contains(&leaf.account())
        {
            return Err(Violation::NotOfThisConversation);
        }
    }
    Ok(())
}

fn check_state(group: &GroupView) -> Result<(), Violation> {
    if group
        .state
        .roles()
        .filter(|(_, role)| *role == Role::Owner)
        .count()
        > 1
    {
        return Err(Violation::TwoOwners);
    }
    let members = group.accounts();
    let absent = group
        .state
        .roles()
        .any(|(account, _)| !members.contains(&account));
    let direct = group.state.kind != Kind::Group;
    if absent || (direct && group.state.roles().next().is_some()) {
        return Err(Violation::RoleOfAbsent);
    }
    if direct && !group.state.name.is_empty() {
        return Err(Violation::Immutable("name"));
    }
    let state = &group.state;
    let mostly = state.post_policy == Policy::Everyone && state.edit_policy == Policy::Admins;
    if direct && !(mostly && state.description.is_empty() && state.picture.is_none()) {
        return Err(Violation::Immutable("settings"));
    }
    Ok(())
}
