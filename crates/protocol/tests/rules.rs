//! Which commits every member accepts, and for which reason they refuse the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod people;

use keyfold_protocol::identity::{CertificateRequest, DeviceKeys};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::rules::{CommitFacts, LeafIndex, LeafView, Violation};
use keyfold_protocol::state::{ConversationState, Name, Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::CertificateError;
use keyfold_wire::ids::{AccountId, ConversationHandle, ConversationId, DeviceId, Timestamp};
use keyfold_wire::limits::{MAX_ADDRESS, MAX_DEVICES, MAX_ROSTER};
use people::town::*;
use people::{HANDLE, ID, group_of, rng};

#[test]
fn an_update_of_ones_own_leaf_is_for_everybody() {
    let town = Town::new();
    for leaf in &town.group.leaves {
        let commit = CommitFacts {
            path_leaf: Some(leaf.clone()),
            ..town.by(leaf.index)
        };
        assert_eq!(town.judge(&commit), Ok(()));
        assert_eq!(town.judge(&town.by(leaf.index)), Ok(()));
    }
}

#[test]
fn adding_people_follows_the_add_policy() {
    let mut town = Town::new();
    for (committer, verdict) in [(ADA, Ok(())), (BO, Ok(())), (CY, Err(Violation::MayNotAdd))] {
        let commit = town.adds(committer, |town| &town.fay);
        assert_eq!(town.judge(&commit), verdict);
    }
    town.group.state.add_policy = Policy::Everyone;
    let commit = town.adds(CY, |town| &town.fay);
    assert_eq!(town.judge(&commit), Ok(()));
}

#[test]
fn a_device_of_ones_own_is_added_and_removed_by_any_other() {
    let mut town = Town::new();
    let commit = town.adds(CY, |town| &town.cy);
    assert_eq!(town.judge(&commit), Ok(()));
    assert_eq!(town.judge(&town.removes(DEES_LAPTOP, &[DEE])), Ok(()));
    assert_eq!(town.judge(&town.removes(ADAS_LAPTOP, &[ADA])), Ok(()));
    let commit = town.adds(CY, |town| &town.dee);
    assert_eq!(town.judge(&commit), Err(Violation::MayNotAdd));
}

#[test]
fn removing_people_goes_downwards() {
    let town = Town::new();
    let refused = Err(Violation::MayNotRemove);
    let cases: [(LeafIndex, &[LeafIndex], Result<(), Violation>); 9] = [
        (ADA, &[BO], Ok(())),
        (ADA, &[CY], Ok(())),
        (ADA, &[BO, EVE, CY, DEE, DEES_LAPTOP], Ok(())),
        (BO, &[CY], Ok(())),
        (BO, &[EVE], refused),
        (BO, &[ADA, ADAS_LAPTOP], refused),
        (BO, &[ADA], refused),
        (CY, &[DEE, DEES_LAPTOP], refused),
        (CY, &[BO], refused),
    ];
    for (committer, removed, verdict) in cases {
        assert_eq!(
            town.judge(&town.removes(committer, removed)),
            verdict,
            "{committer:?} removes {removed:?}"
        );
    }
}

#[test]
fn a_leaver_is_removed_by_anybody_who_shows_the_proof() {
    let town = Town::new();
    let both = [DEE, DEES_LAPTOP];
    let mut commit = CommitFacts {
        leave_proofs: vec![town.proof(DEES_LAPTOP)],
        ..town.removes(CY, &both)
    };
    assert_eq!(town.judge(&commit), Ok(()));

    commit.removed = vec![DEE];
    assert_eq!(town.judge(&commit), Err(Violation::LeaverStays));
    commit.removed = both.to_vec();
    commit.leave_proofs = vec![town.proof(BO)];
    assert_eq!(
        town.judge(&commit),
        Err(Violation::LeaverStays),
        "bo's proof, dee removed"
    );
    commit.leave_proofs = Vec::new();
    assert_eq!(town.judge(&commit), Err(Violation::MayNotRemove));
}

/// Fay is added at the place of a leaf that went, which is lower than that of whoever acts as owner.
#[test]
fn nobody_comes_before_who_acts_as_owner() {
    let mut town = Town::new();
    let roles: Vec<_> = town.group.state.roles().collect();
    for (account, _) in roles {
        town.group.state.set_role(account, Role::Member);
    }
    town.group.state.add_policy = Policy::Everyone;
    let gone = [ADA, ADAS_LAPTOP];
    town.group.leaves.retain(|leaf| !gone.contains(&leaf.index));
    let acting = town.group.acting_owner().unwrap();
    assert_eq!(acting, town.bo.account());
    let fays = town.fay.device(0, BOTH, &mut town.rng).leaf;
    let mut commit = CommitFacts {
        added: vec![fays],
        ..town.by(CY)
    };
    assert_eq!(town.judge(&commit), Err(Violation::MayNotChangeRole));
    let mut state = town.group.state.clone();
    state.set_role(acting, Role::Owner);
    commit.new_state = Some(state.clone());
    assert_eq!(town.judge(&commit), Ok(()));
    state.set_role(acting, Role::Member);
    state.set_role(town.cy.account(), Role::Owner);
    commit.new_state = Some(state.clone());
    assert_eq!(town.judge(&commit), Err(Violation::MayNotChangeRole));
    // Whoever acts as owner may hand that over.
    commit.committer = BO;
    assert_eq!(town.judge(&commit), Ok(()));
}

#[test]
fn the_owner_and_admins_may_leave_and_their_roles_go_with_them() {
    let town = Town::new();
    let ada = [ADA, ADAS_LAPTOP];
    let commit = CommitFacts {
        leave_proofs: vec![town.proof(ADA)],
        ..town.removes(CY, &ada)
    };
    assert_eq!(town.judge(&commit), Ok(()));

    let kept = CommitFacts {
        new_state: None,
        ..commit.clone()
    };
    assert_eq!(
        town.judge(&kept),
        Err(Violation::RoleOfAbsent),
        "a role must not wait for a return"
    );

    let after = town.group.after(&commit);
    assert_eq!(
        after.authority(town.bo.account()),
        Role::Owner,
        "the admin with the lowest leaf"
    );
    assert_eq!(after.authority(town.eve.account()), Role::Admin);
    assert_eq!(
        after.judge(&CommitFacts {
            new_state: after.state_after(&[EVE], &[]),
            removed: vec![EVE],
            ..town.by(BO)
        }),
        Ok(())
    );
}

#[test]
fn a_proof_is_for_one_group_one_leaf_and_one_joining() {
    let mut town = Town::new();
    let cy = &town.devices[4];
    let remove = |proof| CommitFacts {
        leave_proofs: vec![proof],
        ..town.removes(BO, &[CY])
    };

    let elsewhere = LeaveProof::make(&cy.keys, b"other", &cy.leaf);
    assert_eq!(
        town.judge(&remove(elsewhere)),
        Err(Violation::LeaveProofInvalid)
    );
    let by_dee = LeaveProof::new(
        town.cy.account(),
        cy.leaf.device(),
        *town.proof(DEE).signature(),
    );
    assert_eq!(
        town.judge(&remove(by_dee)),
        Err(Violation::LeaveProofInvalid)
    );
    let mut forged = *town.proof(CY).signature();
    forged[0] ^= 1;
    let forged = LeaveProof::new(town.cy.account(), cy.leaf.device(), forged);
    assert_eq!(
        town.judge(&remove(forged)),
        Err(Violation::LeaveProofInvalid)
    );

    let old = town.proof(CY);
    let back = town.cy.leaf_of(&cy.keys, 4, BOTH, b"a fresh address");
    let replayed = CommitFacts {
        leave_proofs: vec![old],
        ..town.removes(DEE, &[CY])
    };
    assert_eq!(town.judge(&replayed), Ok(()));
    town.group.leaves[4] = back;
    assert_eq!(
        town.judge(&replayed),
        Err(Violation::LeaveProofInvalid),
        "cy has come back since"
    );
}

#[test]
fn a_device_that_lost_its_state_is_removed_and_added_again_in_one_commit() {
    let town = Town::new();
    let again = town
        .dee
        .leaf_of(&town.devices[5].keys, 5, BOTH, b"a fresh address");
    let commit = CommitFacts {
        removed: vec![DEE],
        added: vec![again.clone()],
        ..town.by(CY)
    };
    assert_eq!(town.judge(&commit), Ok(()), "by any member");
    let not_removed = CommitFacts {
        removed: Vec::new(),
        ..commit.clone()
    };
    assert_eq!(town.judge(&not_removed), Err(Violation::MayNotAdd));
    let by_sibling = CommitFacts {
        committer: DEES_LAPTOP,
        ..commit
    };
    assert_eq!(town.judge(&by_sibling), Ok(()));
    let without_removing = CommitFacts {
        removed: Vec::new(),
        added: vec![town.dee.leaf_of(&town.devices[5].keys, 7, BOTH, b"x")],
        ..by_sibling
    };
    assert_eq!(town.judge(&without_removing), Err(Violation::DeviceTwice));
}

#[test]
fn roles_are_given_and_taken_by_rank() {
    let town = Town::new();
    let (ada, bo, eve, cy) = (
        town.ada.account(),
        town.bo.account(),
        town.eve.account(),
        town.cy.account(),
    );
    let refused = Err(Violation::MayNotChangeRole);
    let cases = [
        (ADA, cy, Role::Admin, Ok(())),
        (ADA, bo, Role::Member, Ok(())),
        (BO, cy, Role::Admin, Ok(())),
        (BO, bo, Role::Member, Ok(())),
        (BO, eve, Role::Member, refused),
        (BO, ada, Role::Member, refused),
        (CY, cy, Role::Admin, refused),
        (CY, bo, Role::Member, refused),
        (ADA, bo, Role::Owner, Err(Violation::TwoOwners)),
        (BO, bo, Role::Owner, refused),
        (
            ADA,
            town.fay.account(),
            Role::Admin,
            Err(Violation::RoleOfAbsent),
        ),
    ];
    for (committer, account, role, verdict) in cases {
        let commit = town.changes(committer, |state| state.set_role(account, role));
        assert_eq!(
            town.judge(&commit),
            verdict,
            "{committer:?} makes {account:?} {role:?}"
        );
    }
}

#[test]
fn only_the_owner_hands_the_group_over() {
    let town = Town::new();
    let (ada, bo) = (town.ada.account(), town.bo.account());
    let hand_over = |state: &mut ConversationState| {
        state.set_role(ada, Role::Admin);
        state.set_role(bo, Role::Owner);
    };
    assert_eq!(town.judge(&town.changes(ADA, hand_over)), Ok(()));
    assert_eq!(
        town.judge(&town.changes(BO, hand_over)),
        Err(Violation::MayNotChangeRole)
    );
}

#[test]
fn without_owner_and_admins_the_lowest_leaf_acts_as_owner() {
    let mut town = Town::new();
    for person in [&town.ada, &town.bo, &town.eve] {
        town.group.state.set_role(person.account(), Role::Member);
    }
    assert_eq!(town.group.authority(town.ada.account()), Role::Owner);
    assert_eq!(town.group.authority(town.bo.account()), Role::Member);
    assert_eq!(
        town.judge(&town.removes(ADAS_LAPTOP, &[CY])),
        Ok(()),
        "any of its devices"
    );
    assert_eq!(
        town.judge(&town.removes(BO, &[CY])),
        Err(Violation::MayNotRemove)
    );
    town.group.leaves.remove(0);
    town.group.leaves.remove(0);
    assert_eq!(town.judge(&town.removes(BO, &[CY])), Ok(()));
}

#[test]
fn what_a_conversation_is_never_changes() {
    let town = Town::new();
    let (ada, bo) = (town.ada.account(), town.bo.account());
    let changed = [
        (
            "id",
            town.changes(ADA, |state| state.id = ConversationId::new([9; 16])),
        ),
        (
            "handle",
            town.changes(ADA, |state| state.handle = ConversationHandle::new([9; 32])),
        ),
        ("move counter", town.changes(ADA, |state| state.moves = 1)),
    ];
    for (what, commit) in changed {
        assert_eq!(town.judge(&commit), Err(Violation::Immutable(what)));
    }
    let direct = ConversationState::direct(ID, HANDLE, ada, bo).unwrap();
    let commit = CommitFacts {
        new_state: Some(direct),
        ..town.by(ADA)
    };
    assert_eq!(town.judge(&commit), Err(Violation::Immutable("kind")));
}

#[test]
fn a_commit_that_contradicts_itself_is_refused() {
    let mut town = Town::new();
    let twice = CommitFacts {
        removed: vec![CY, CY],
        ..town.by(ADA)
    };
    assert_eq!(town.judge(&twice), Err(Violation::Contradiction));
    assert_eq!(
        town.judge(&town.removes(ADA, &[ADA])),
        Err(Violation::Contradiction)
    );
    assert_eq!(
        town.judge(&town.removes(ADA, &[LeafIndex(40)])),
        Err(Violation::NoSuchLeaf)
    );
    assert_eq!(
        town.judge(&town.by(LeafIndex(40))),
        Err(Violation::NoSuchLeaf)
    );
    let other = CommitFacts {
        other_proposals: true,
        ..town.by(ADA)
    };
    assert_eq!(town.judge(&other), Err(Violation::ForbiddenProposal));
    let mut taken = town.adds(ADA, |town| &town.fay);
    taken.added[0].index = CY;
    assert_eq!(town.judge(&taken), Err(Violation::Contradiction));
}

#[test]
fn a_path_is_of_the_committers_own_device() {
    let town = Town::new();
    for stolen in [CY, ADAS_LAPTOP] {
        let mut leaf = town.group.leaf(stolen).unwrap().clone();
        leaf.index = ADA;
        let commit = CommitFacts {
            path_leaf: Some(leaf),
            ..town.by(ADA)
        };
        assert_eq!(town.judge(&commit), Err(Violation::PathOfAnother));
    }
    let elsewhere = CommitFacts {
        path_leaf: town.group.leaf(CY).cloned(),
        ..town.by(ADA)
    };
    assert_eq!(town.judge(&elsewhere), Err(Violation::PathOfAnother));
}

/// What ada's laptop commits when it shows a certificate with these changes.
fn shows_certificate(
    town: &Town,
    keys: Option<&DeviceKeys>,
    change: impl Fn(&mut CertificateRequest),
) -> CommitFacts {
    let leaf = town.group.leaf(ADAS_LAPTOP).unwrap();
    let mut asked = CertificateRequest {
        handle: leaf.certificate.handle.clone(),
        device: leaf.device(),
        signature_key: keys.map_or(leaf.certificate.signature_key, DeviceKeys::public),
        suites: Suite::ALL.to_vec(),
        created: leaf.certificate.created,
        expires: leaf.certificate.expires,
    };
    change(&mut asked);
    let certificate = town.ada.key.certify(&asked).unwrap();
    let path = LeafView::verify(
        leaf.index,
        &certificate,
        &asked.signature_key,
        Some(&leaf.address),
    );
    CommitFacts {
        path_leaf: Some(path.unwrap()),
        ..town.by(ADAS_LAPTOP)
    }
}

#[test]
fn a_certificate_gives_way_to_a_newer_one_of_the_same_key_and_to_no_other() {
    let town = Town::new();
    let later = |asked: &mut CertificateRequest| {
        asked.created = Timestamp(asked.created.0 + 1);
        asked.expires = Timestamp(asked.expires.0 + 1);
    };
    assert_eq!(town.judge(&shows_certificate(&town, None, later)), Ok(()));
    let same = shows_certificate(&town, None, |_| ());
    assert_eq!(town.judge(&same), Ok(()), "byte for byte the same");
    let earlier = |asked: &mut CertificateRequest| asked.created.0 -= 1;
    let longer = |asked: &mut CertificateRequest| asked.expires.0 += 1;
    let fewer = |asked: &mut CertificateRequest| asked.suites = vec![Suite::Hybrid];
    for commit in [
        shows_certificate(&town, None, earlier),
        shows_certificate(&town, None, longer),
        shows_certificate(&town, None, fewer),
    ] {
        assert_eq!(town.judge(&commit), Err(Violation::NotRenewed));
    }
    let other = DeviceKeys::generate(&mut rng(77));
    let other = shows_certificate(&town, Some(&other), later);
    assert_eq!(town.judge(&other), Err(Violation::NotRenewed));
}

#[test]
fn devices_and_addresses_are_there_once() {
    let mut town = Town::new();
    let mut same_address = town.adds(ADA, |town| &town.fay);
    same_address.added[0]
        .address
        .clone_from(&town.group.leaves[4].address);
    assert_eq!(town.judge(&same_address), Err(Violation::AddressTwice));

    let mut renewed = town.group.leaves[4].clone();
    renewed.address.clone_from(&town.group.leaves[5].address);
    let update = CommitFacts {
        path_leaf: Some(renewed),
        ..town.by(CY)
    };
    assert_eq!(town.judge(&update), Err(Violation::AddressTwice));

    let again = town.cy.leaf_of(&town.devices[4].keys, 7, BOTH, b"fresh");
    let commit = CommitFacts {
        added: vec![again],
        ..town.by(ADA)
    };
    assert_eq!(town.judge(&commit), Err(Violation::DeviceTwice));
}

#[test]
fn a_leaf_must_carry_a_valid_certificate_its_key_and_an_address() {
    let mut town = Town::new();
    let cy = &town.devices[4];
    let (certificate, key) = (cy.leaf.credential(), cy.keys.public());
    let verify = |certificate: &[u8], key: &[u8], address: Option<&[u8]>| {
        LeafView::verify(CY, certificate, key, address).map(|_| ())
    };
    assert_eq!(verify(certificate, &key, Some(b"a")), Ok(()));
    assert_eq!(verify(certificate, &key, Some(&[1; MAX_ADDRESS])), Ok(()));
    assert_eq!(
        verify(certificate, &key, Some(&[1; MAX_ADDRESS + 1])),
        Err(Violation::AddressTooLong)
    );
    assert_eq!(
        verify(certificate, &key, Some(b"")),
        Err(Violation::AddressMissing)
    );
    assert_eq!(
        verify(certificate, &key, None),
        Err(Violation::AddressMissing)
    );
    assert_eq!(
        verify(certificate, &town.devices[5].keys.public(), Some(b"a")),
        Err(Violation::SignatureKey)
    );

    let mut forged = certificate.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(
        verify(&forged, &key, Some(b"a")),
        Err(Violation::Certificate(CertificateError::Forged))
    );
    assert_eq!(
        verify(b"?", &key, Some(b"a")),
        Err(Violation::Certificate(CertificateError::Malformed))
    );

    let mut other_key = town.adds(CY, |town| &town.cy);
    other_key.added[0].certificate.account_key = [7; 32];
    assert_eq!(town.judge(&other_key), Err(Violation::AccountKey));
}

#[test]
fn everybody_speaks_the_groups_suite_and_the_stronger_one_where_all_can() {
    let mut town = Town::new();
    let mut rng = rng(5);
    let old_phone = town.fay.device(7, &[Suite::Classic], &mut rng).leaf;
    let add_old = CommitFacts {
        added: vec![old_phone.clone()],
        ..town.by(ADA)
    };
    assert_eq!(town.judge(&add_old), Err(Violation::SuiteNotSpoken));

    town.group.suite = Suite::Classic;
    assert_eq!(town.group.judge_whole(), Err(Violation::WeakSuite));
    assert_eq!(
        town.judge(&add_old),
        Ok(()),
        "somebody speaks nothing better"
    );
    town.group.leaves.push(old_phone);
    assert_eq!(town.group.judge_whole(), Ok(()));
    let remove_old = town.removes(ADA, &[LeafIndex(7)]);
    assert_eq!(town.judge(&remove_old), Ok(()), "the group lives on");
    town.group.leaves.pop();
    assert_eq!(town.judge(&town.removes(ADA, &[CY])), Ok(()));
    let add_new = town.adds(ADA, |town| &town.fay);
    assert_eq!(
        town.judge(&add_new),
        Err(Violation::WeakSuite),
        "but nobody new comes in"
    );
}

#[test]
fn an_account_has_at_most_so_many_devices() {
    let town = Town::new();
    let mut rng = rng(6);
    let devices = |count: usize, rng: &mut _| {
        (7..)
            .take(count)
            .map(|leaf| town.fay.device(leaf, BOTH, rng).leaf)
            .collect::<Vec<_>>()
    };
    let (at, past) = (
        devices(MAX_DEVICES, &mut rng),
        devices(MAX_DEVICES + 1, &mut rng),
    );
    assert_eq!(
        town.judge(&CommitFacts {
            added: at,
            ..town.by(ADA)
        }),
        Ok(())
    );
    assert_eq!(
        town.judge(&CommitFacts {
            added: past,
            ..town.by(ADA)
        }),
        Err(Violation::TooManyDevices)
    );
}

#[test]
fn a_roster_has_at_most_so_many_leaves() {
    let town = Town::new();
    let member = &town.group.leaves[4];
    let crowd = |count: usize| {
        let mut group = group_of(town.ada.account(), vec![town.group.leaves[0].clone()]);
        for place in 1..u32::try_from(count).unwrap() {
            let mut leaf = member.clone();
            let mut account = [3; 32];
            account[..4].copy_from_slice(&place.to_be_bytes());
            leaf.index = LeafIndex(place);
            leaf.certificate.account = AccountId::new(account);
            leaf.certificate.device = DeviceId::new([4; 16]);
            leaf.address = place.to_be_bytes().to_vec();
            group.leaves.push(leaf);
        }
        group.judge_whole()
    };
    assert_eq!(crowd(MAX_ROSTER), Ok(()));
    assert_eq!(crowd(MAX_ROSTER + 1), Err(Violation::TooManyLeaves));
}

#[test]
fn a_direct_conversation_holds_its_two_people_only() {
    let mut town = Town::new();
    let pair = town.direct();
    assert_eq!(pair.judge_whole(), Ok(()));
    for committer in [ADA, BO] {
        let commit = town.adds(committer, |town| &town.ada);
        assert_eq!(pair.judge(&commit), Ok(()), "either adds devices of both");
    }
    let stranger = town.adds(ADA, |town| &town.cy);
    assert_eq!(pair.judge(&stranger), Err(Violation::NotOfThisConversation));
    assert_eq!(
        pair.judge(&town.removes(ADA, &[BO])),
        Err(Violation::MayNotRemove)
    );
    let leaves = CommitFacts {
        removed: vec![BO],
        leave_proofs: vec![town.proof(BO)],
        ..town.by(ADA)
    };
    assert_eq!(pair.judge(&leaves), Ok(()));
}

#[test]
fn a_direct_conversation_has_no_settings() {
    let town = Town::new();
    let pair = town.direct();
    let mut named = pair.clone();
    named.state.name = Name::new("us").unwrap();
    assert_eq!(
        pair.judge(&CommitFacts {
            new_state: Some(named.state.clone()),
            ..town.by(ADA)
        }),
        Err(Violation::Immutable("settings"))
    );
    assert_eq!(named.judge_whole(), Err(Violation::Immutable("name")));
    let mut owned = pair.clone();
    owned.state.set_role(town.ada.account(), Role::Owner);
    assert_eq!(owned.judge_whole(), Err(Violation::RoleOfAbsent));
    assert_eq!(pair.authority(town.ada.account()), Role::Member);
    let same = CommitFacts {
        new_state: Some(pair.state.clone()),
        ..town.by(ADA)
    };
    assert_eq!(pair.judge(&same), Ok(()));
}

#[test]
fn the_group_after_a_commit_is_in_leaf_order_and_one_epoch_on() {
    let mut town = Town::new();
    let mut commit = town.adds(ADA, |town| &town.fay);
    commit.removed = vec![BO];
    commit.added[0].index = BO;
    commit.path_leaf = Some(town.ada.leaf_of(&town.devices[0].keys, 0, BOTH, b"moved"));
    let after = town.group.after(&commit);
    let indices: Vec<u32> = after.leaves.iter().map(|leaf| leaf.index.0).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(after.epoch.0, 8);
    assert_eq!(after.leaf(BO).unwrap().account(), town.fay.account());
    assert_eq!(after.leaf(ADA).unwrap().address, b"moved");
}

#[test]
fn a_stored_leaf_reads_back_without_its_signatures_being_verified_again() {
    let town = Town::new();
    let leaf = &town.group.leaves[3];
    let known = LeafView::known(leaf.index, leaf.credential(), Some(&leaf.address)).unwrap();
    assert_eq!(&known, leaf);
    assert!(LeafView::known(leaf.index, b"?", Some(b"a")).is_err());
}

#[test]
fn what_the_engine_stores_comes_back() {
    let town = Town::new();
    let bytes = rmp_serde::to_vec(&town.group.leaves).unwrap();
    assert_eq!(
        rmp_serde::from_slice::<Vec<LeafView>>(&bytes).unwrap(),
        town.group.leaves
    );
    let bytes = rmp_serde::to_vec(&town.group.state).unwrap();
    assert_eq!(
        rmp_serde::from_slice::<ConversationState>(&bytes).unwrap(),
        town.group.state
    );
    let bytes = rmp_serde::to_vec(&(town.proof(CY), Suite::Classic, Role::Admin)).unwrap();
    let back: (LeaveProof, Suite, Role) = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(back, (town.proof(CY), Suite::Classic, Role::Admin));
    let unknown = rmp_serde::to_vec(&0x0002_u16).unwrap();
    assert!(rmp_serde::from_slice::<Suite>(&unknown).is_err());
}
