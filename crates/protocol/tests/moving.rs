//! In which group a conversation goes on: what members judge when somebody made a fresh one for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use std::collections::BTreeSet;

use keyfold_protocol::limits::MAX_MOVES_MISSED;
use keyfold_protocol::rules::{GroupView, LeafIndex, LeafView, Violation};
use keyfold_protocol::state::{Name, Origin, Place, Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationHandle, Epoch};
use people::town::*;
use people::{Person, rng};

const NEW_HANDLE: ConversationHandle = ConversationHandle::new([3; 32]);

/// The town's group as it goes on elsewhere, with these leaves.
fn moved(town: &Town, leaves: &[LeafIndex]) -> GroupView {
    let mut leaves: Vec<LeafView> = leaves
        .iter()
        .map(|index| town.group.leaf(*index).unwrap().clone())
        .collect();
    for (place, leaf) in (0..).zip(&mut leaves) {
        leaf.index = LeafIndex(place);
    }
    GroupView {
        group_id: b"another".to_vec(),
        epoch: Epoch(0),
        suite: town.group.suite,
        state: town.group.state.moved_to(NEW_HANDLE, town.group.epoch),
        leaves,
    }
}

const ALL: [LeafIndex; 7] = [ADA, ADAS_LAPTOP, BO, EVE, CY, DEE, DEES_LAPTOP];

fn judge(town: &Town, to: &GroupView, maker: &Person) -> Result<(), Violation> {
    town.group.judge_move(to, maker.account(), &BTreeSet::new())
}

#[test]
fn any_member_may_let_the_conversation_go_on_as_it_was() {
    let town = Town::new();
    for maker in [&town.ada, &town.bo, &town.cy, &town.dee] {
        assert_eq!(judge(&town, &moved(&town, &ALL), maker), Ok(()));
    }
}

/// A group in epoch 7 of a conversation that has moved twice, at handle 5.
fn seventh() -> Town {
    let mut town = Town::new();
    (town.group.state.moves, town.group.epoch) = (2, Epoch(7));
    town.group.state.handle = ConversationHandle::new([5; 32]);
    town
}

const fn origin(handle: u8, epoch: u64) -> Origin {
    Origin {
        handle: ConversationHandle::new([handle; 32]),
        epoch: Epoch(epoch),
    }
}

#[test]
fn a_conversation_that_moves_is_as_it_was_and_knows_where_it_was() {
    let here = seventh().group.state;
    let mut there = here.moved_to(NEW_HANDLE, Epoch(7));
    let (moves, handle) = (3, NEW_HANDLE);
    assert_eq!(there.place(), Place { moves, handle });
    assert_eq!(there.moved_from, Some(origin(5, 7)));
    assert_eq!(there.origin(), Some((here.place(), Epoch(7))));
    (there.handle, there.moves, there.moved_from) = (here.handle, here.moves, here.moved_from);
    assert_eq!(there, here);
    assert_eq!(here.origin(), None);
}

/// `(moves, handle and epoch moved from)` of a group that somebody has made: of places with as many moves the one with the smaller
/// handle is followed, in whatever epoch it is.
#[test]
fn whoever_made_it_later_knows_more() {
    let town = seventh();
    let mut to = moved(&town, &ALL);
    for (made, knows_more) in [
        ((3, 5, 7), false),
        ((3, 5, 8), true),
        ((3, 5, 6), false),
        ((3, 4, 1), true),
        ((3, 6, 8), false),
        ((4, 9, 1), true),
        ((2, 1, 9), false),
    ] {
        (to.state.moves, to.state.moved_from) = (made.0, Some(origin(made.1, made.2)));
        assert_eq!(town.group.knows_less_than(&to), knows_more, "{made:?}");
    }
}

/// Of two places the one with more moves is followed; of two with as many, the one with the smaller handle.
#[test]
fn members_follow_the_greater_place() {
    let place = |moves, handle| Place {
        moves,
        handle: ConversationHandle::new([handle; 32]),
    };
    let rising = [
        place(0, 9),
        place(0, 1),
        place(1, 8),
        place(2, 9),
        place(2, 7),
    ];
    assert!(rising.is_sorted_by(|one, next| one < next));
    assert_eq!(place(1, 8), place(1, 8));
}

#[test]
fn devices_of_members_may_come_and_go() {
    let mut town = Town::new();
    let mut to = moved(&town, &[ADA, BO, EVE, CY, DEES_LAPTOP]);
    let new = town.cy.device(5, BOTH, &mut town.rng).leaf;
    to.leaves.push(new);
    assert_eq!(judge(&town, &to, &town.cy), Ok(()));
}

#[test]
fn whoever_makes_it_is_and_stays_a_member() {
    let mut town = Town::new();
    let stranger = judge(&town, &moved(&town, &ALL), &town.fay);
    assert_eq!(stranger, Err(Violation::NoSuchLeaf));
    let without_maker = moved(&town, &[ADA, BO, EVE, DEE]);
    let gone = BTreeSet::from([town.cy.account(), town.ada.account()]);
    let judged = town
        .group
        .judge_move(&without_maker, town.cy.account(), &gone);
    assert_eq!(judged, Err(Violation::NoSuchLeaf));
    // Also where the stranger gave himself a place.
    town.group.state.add_policy = Policy::Everyone;
    let mut to = moved(&town, &ALL);
    let fays = town.fay.device(7, BOTH, &mut town.rng).leaf;
    to.leaves.push(fays);
    assert_eq!(judge(&town, &to, &town.fay), Err(Violation::NoSuchLeaf));
    assert_eq!(judge(&town, &to, &town.cy), Ok(()));
}

#[test]
fn people_are_left_out_only_by_who_may_remove_them_or_when_they_are_gone() {
    let town = Town::new();
    let without_dee = moved(&town, &[ADA, ADAS_LAPTOP, BO, EVE, CY]);
    assert_eq!(judge(&town, &without_dee, &town.ada), Ok(()));
    assert_eq!(judge(&town, &without_dee, &town.bo), Ok(()));
    let by_a_member = judge(&town, &without_dee, &town.cy);
    assert_eq!(by_a_member, Err(Violation::MayNotRemove));

    let has_left = |account: AccountId| BTreeSet::from([account]);
    let cy = town.cy.account();
    let judged = town
        .group
        .judge_move(&without_dee, cy, &has_left(town.dee.account()));
    assert_eq!(judged, Ok(()));
    let judged = town
        .group
        .judge_move(&without_dee, cy, &has_left(town.eve.account()));
    assert_eq!(judged, Err(Violation::MayNotRemove), "another one has left");
}

#[test]
fn people_are_let_in_only_by_who_may_add_them() {
    let mut town = Town::new();
    let mut to = moved(&town, &ALL);
    let fays = town.fay.device(7, BOTH, &mut town.rng).leaf;
    to.leaves.push(fays);
    assert_eq!(judge(&town, &to, &town.bo), Ok(()));
    assert_eq!(judge(&town, &to, &town.cy), Err(Violation::MayNotAdd));
    town.group.state.add_policy = Policy::Everyone;
    to.state.add_policy = Policy::Everyone;
    assert_eq!(judge(&town, &to, &town.cy), Ok(()));
}

#[test]
fn nobody_can_have_missed_more_moves_than_that() {
    let mut town = Town::new();
    town.group.state.moves = 2;
    let mut to = moved(&town, &ALL);
    to.state.moves = 2 + MAX_MOVES_MISSED;
    assert_eq!(judge(&town, &to, &town.ada), Ok(()));
    to.state.moves += 1;
    assert_eq!(judge(&town, &to, &town.ada), Err(Violation::TooFarAhead));
}

/// An admin who has missed a commit by which somebody came or went does not undo it with a move from before that.
#[test]
fn who_knows_less_than_those_who_judge_brings_nobody_back_and_leaves_nobody_out() {
    let mut town = seventh();
    let same = moved(&town, &ALL);
    let mut more = same.clone();
    let fays = town.fay.device(7, BOTH, &mut town.rng).leaf;
    more.leaves.push(fays);
    let fewer = moved(&town, &[ADA, ADAS_LAPTOP, BO, EVE, CY]);
    let gone = BTreeSet::from([town.dee.account()]);
    let from = |to: &GroupView, handle, epoch| {
        let mut to = to.clone();
        to.state.moved_from = Some(origin(handle, epoch));
        to
    };
    // From an earlier epoch of this group, and from a later one of a group that nobody here follows.
    for (handle, epoch) in [(5, 6), (6, 8)] {
        let same = from(&same, handle, epoch);
        assert_eq!(judge(&town, &same, &town.bo), Ok(()));
        let more = from(&more, handle, epoch);
        assert_eq!(judge(&town, &more, &town.bo), Err(Violation::MayNotAdd));
        let fewer = from(&fewer, handle, epoch);
        let judged = judge(&town, &fewer, &town.bo);
        assert_eq!(judged, Err(Violation::MayNotRemove));
        let judged = town.group.judge_move(&fewer, town.bo.account(), &gone);
        assert_eq!(judged, Ok(()), "she is gone here as well");
    }
    for (handle, epoch) in [(5, 7), (4, 1)] {
        let more = from(&more, handle, epoch);
        assert_eq!(judge(&town, &more, &town.bo), Ok(()));
        let fewer = from(&fewer, handle, epoch);
        assert_eq!(judge(&town, &fewer, &town.bo), Ok(()));
    }
}

/// Where nobody is called owner the lowest leaf acts as one, and the maker has the lowest leaf of the new group.
#[test]
fn whoever_moves_a_conversation_without_an_owner_does_not_become_it() {
    let mut town = Town::new();
    let roles: Vec<_> = town.group.state.roles().collect();
    for (account, _) in roles {
        town.group.state.set_role(account, Role::Member);
    }
    let owner = town.group.acting_owner().unwrap();
    let order = [CY, ADA, ADAS_LAPTOP, BO, EVE, DEE, DEES_LAPTOP];
    let mut to = moved(&town, &order);
    assert_ne!(owner, town.cy.account());
    assert_eq!(
        judge(&town, &to, &town.cy),
        Err(Violation::MayNotChangeRole)
    );
    to.state.set_role(town.cy.account(), Role::Owner);
    assert_eq!(
        judge(&town, &to, &town.cy),
        Err(Violation::MayNotChangeRole)
    );
    to.state.set_role(town.cy.account(), Role::Member);
    to.state.set_role(owner, Role::Owner);
    assert_eq!(judge(&town, &to, &town.cy), Ok(()));
    // The one who acts as owner may give that away.
    to.state.set_role(owner, Role::Member);
    to.state.set_role(town.cy.account(), Role::Owner);
    let by_owner = town.group.judge_move(&to, owner, &BTreeSet::new());
    assert_eq!(by_owner, Ok(()));
}

/// Bo acts as owner, being the only admin, and has the lowest leaf of the new group: so he would act as owner there as a member, too.
#[test]
fn whoever_acts_as_owner_keeps_the_role_that_is_written_down() {
    let mut town = Town::new();
    let others = [town.ada.account(), town.eve.account()];
    for account in others {
        town.group.state.set_role(account, Role::Member);
    }
    let bo = town.bo.account();
    assert_eq!(town.group.acting_owner(), Some(bo));
    let mut to = moved(&town, &[BO, ADA, ADAS_LAPTOP, EVE, CY, DEE, DEES_LAPTOP]);
    assert_eq!(judge(&town, &to, &town.cy), Ok(()));
    to.state.set_role(bo, Role::Member);
    let by_a_member = judge(&town, &to, &town.cy);
    assert_eq!(by_a_member, Err(Violation::MayNotChangeRole));
    assert_eq!(judge(&town, &to, &town.bo), Ok(()), "he may step down");
}

#[test]
fn the_suite_stays() {
    let town = Town::new();
    let mut to = moved(&town, &ALL);
    to.suite = Suite::Classic;
    let judged = judge(&town, &to, &town.ada);
    assert_eq!(judged, Err(Violation::Immutable("cipher suite")));
}

#[test]
fn an_account_keeps_its_key() {
    let town = Town::new();
    let mut rng = rng(9);
    let forger = Person::new("cy", &mut rng);
    let mut to = moved(&town, &ALL);
    let cy = to.leaves[4].certificate.account;
    to.leaves[4] = forger.device(4, BOTH, &mut rng).leaf;
    to.leaves[4].certificate.account = cy;
    assert_eq!(judge(&town, &to, &town.ada), Err(Violation::AccountKey));
}

#[test]
fn settings_and_roles_change_only_by_who_may_change_them() {
    let town = Town::new();
    let mut to = moved(&town, &ALL);
    to.state.name = Name::new("bouldering").unwrap();
    assert_eq!(judge(&town, &to, &town.bo), Ok(()));
    let judged = judge(&town, &to, &town.cy);
    assert_eq!(judged, Err(Violation::MayNotChangeSettings));

    let mut to = moved(&town, &ALL);
    to.state.set_role(town.cy.account(), Role::Admin);
    assert_eq!(judge(&town, &to, &town.bo), Ok(()));
    let judged = judge(&town, &to, &town.cy);
    assert_eq!(judged, Err(Violation::MayNotChangeRole));
}
