//! Commits of anything: whatever is accepted keeps the group whole and gives nobody power that nobody gave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod people;

use std::sync::LazyLock;

use keyfold_protocol::rules::{CommitFacts, LeafIndex, LeafView};
use keyfold_protocol::state::{Name, Role};
use keyfold_wire::ids::AccountId;
use people::rng;
use people::town::*;
use proptest::prelude::*;

static TOWN: LazyLock<Town> = LazyLock::new(Town::new);

/// A commit of anything: who commits, who is removed, whose roles change, whose proof is shown, who comes in.
#[derive(Debug, Clone)]
struct Anything {
    committer: u32,
    removed: Vec<u32>,
    roles: Vec<(usize, Role)>,
    proofs: Vec<u32>,
    added: Option<usize>,
    rename: Option<String>,
}

fn anything() -> impl Strategy<Value = Anything> {
    let role = prop_oneof![Just(Role::Member), Just(Role::Admin), Just(Role::Owner)];
    (
        0..8_u32,
        prop::collection::vec(0..8_u32, 0..4),
        prop::collection::vec((0..6_usize, role), 0..3),
        prop::collection::vec(0..7_u32, 0..3),
        prop::option::of(0..6_usize),
        prop::option::of("[a-z]{1,8}"),
    )
        .prop_map(
            |(committer, removed, roles, proofs, added, rename)| Anything {
                committer,
                removed,
                roles,
                proofs,
                added,
                rename,
            },
        )
}

impl Anything {
    fn commit(&self, town: &Town) -> CommitFacts {
        let people = [
            &town.ada, &town.bo, &town.eve, &town.cy, &town.dee, &town.fay,
        ];
        let removed: Vec<LeafIndex> = self.removed.iter().copied().map(LeafIndex).collect();
        let added: Vec<LeafView> = self
            .added
            .iter()
            .map(|who| people[*who].device(9, BOTH, &mut rng(9)).leaf)
            .collect();
        let mut state = town
            .group
            .state_after(&removed, &added)
            .unwrap_or_else(|| town.group.state.clone());
        for (who, role) in &self.roles {
            state.set_role(people[*who].account(), *role);
        }
        if let Some(name) = &self.rename {
            state.name = Name::new(name).unwrap();
        }
        let proofs = self.proofs.iter().map(|leaf| town.proof(LeafIndex(*leaf)));
        CommitFacts {
            leave_proofs: proofs.collect(),
            new_state: (state != town.group.state).then_some(state),
            removed,
            added,
            ..CommitFacts::by(LeafIndex(self.committer))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn whatever_is_accepted_leaves_a_whole_group_and_no_more_power_than_was_given(one in anything()) {
        let (town, commit) = (&*TOWN, one.commit(&TOWN));
        if town.judge(&commit).is_err() {
            return Ok(());
        }
        let after = town.group.after(&commit);
        prop_assert_eq!(after.judge_whole(), Ok(()));

        let actor = town.group.leaf(commit.committer).unwrap().account();
        if town.group.authority(actor) > Role::Member {
            return Ok(());
        }
        prop_assert_eq!(&after.state.name, &town.group.state.name);
        let members = after.accounts();
        for person in [&town.ada, &town.bo, &town.eve, &town.cy, &town.dee, &town.fay] {
            let account = person.account();
            let kept = after.state.role(account) == town.group.state.role(account);
            prop_assert!(kept || !members.contains(&account));
        }
        let leavers: Vec<AccountId> = commit.leave_proofs.iter().map(|proof| proof.account).collect();
        for index in &commit.removed {
            let account = town.group.leaf(*index).unwrap().account();
            prop_assert!(account == actor || leavers.contains(&account));
        }
        prop_assert!(commit.added.iter().all(|leaf| leaf.account() == actor));
    }

    #[test]
    fn the_order_in_which_a_commit_is_told_does_not_matter(one in anything()) {
        let commit = one.commit(&TOWN);
        let verdict = TOWN.judge(&commit).is_ok();
        let mut turned = commit;
        turned.removed.reverse();
        turned.leave_proofs.reverse();
        let mut group = TOWN.group.clone();
        group.leaves.reverse();
        prop_assert_eq!(group.judge(&turned).is_ok(), verdict);
    }
}
