//! Commits: members come, go, renew their keys and agree on a new state.

use super::people::{Person, adding, pair, rejected, removing, three, updating};
use crate::group::{Change, Error, Reject, Use, delete};
use crate::leave::LeaveProof;
use crate::rules::LeafIndex;
use crate::state::Name;
use crate::suite::Suite;

#[test]
fn a_removed_member_reads_nothing_new() {
    let ([mut ada, mut bo, mut cy], [mut adas, mut bos, mut cys]) = three();
    let staged = ada.commits(&mut adas, removing(vec![2]));
    bo.follows(&mut bos, &staged);
    let change = cy.sees(&mut cys, &staged.commit);
    assert!(change.removes_me());
    assert!(change.next().is_none());
    cy.with(|mls, _| cys.merge(mls, change)).unwrap();
    assert!(!cys.is_member());
    let message = ada.says(&mut adas, b"without cy");
    assert_eq!(bo.hears(&mut bos, &message).content, b"without cy");
    assert!(matches!(
        cy.processes(&mut cys, &message),
        Err(Error::NotAMember)
    ));
    assert!(!cy.reloads(&cys).is_member());
    assert!(matches!(
        cy.with(|mls, _| cys.roster_key(mls)),
        Err(Error::NotAMember)
    ));
}

#[test]
fn who_comes_takes_the_leftmost_free_place_and_every_roster_is_foretold() {
    let ([mut ada, mut bo, _cy], [mut adas, mut bos, _]) = three();
    let mut newcomers: Vec<Person> = (4..9).map(Person::new).collect();
    let packages = |people: &mut [Person]| -> Vec<_> {
        people
            .iter_mut()
            .map(|person| person.key_package(Suite::Hybrid, Use::Once))
            .collect()
    };
    // ada 0, bo 1, cy 2 -> three more behind them.
    let staged = ada.commits(&mut adas, adding(packages(&mut newcomers[..3])));
    bo.follows(&mut bos, &staged);
    // Two go from the middle, two come: into their places. The same commit renews the committer's address.
    let address = ada.address();
    let change = Change {
        added: packages(&mut newcomers[3..]),
        removed: vec![LeafIndex(4), LeafIndex(2)],
        ..updating(Some(address.clone()))
    };
    let before = adas.view().clone();
    let staged = ada.stages(&mut adas, change);
    assert_eq!(
        staged
            .facts
            .added
            .iter()
            .map(|leaf| leaf.index.0)
            .collect::<Vec<_>>(),
        [2, 4]
    );
    assert_eq!(before.after(&staged.facts).leaves.len(), 6);
    let pending = ada.reloads(&adas);
    let next = ada
        .with(|mls, _| pending.pending_next(mls))
        .unwrap()
        .unwrap();
    assert_eq!(next.roster, staged.next.roster);
    assert_eq!(next.roster_key, staged.next.roster_key);
    ada.with(|mls, _| adas.merge_pending(mls)).unwrap();
    assert_eq!(adas.roster(), staged.next.roster);
    assert_eq!(adas.member(LeafIndex(0)).unwrap().address, address);
    assert_eq!(adas.view(), &before.after(&staged.facts));
    bo.follows(&mut bos, &staged);
    let joined = newcomers[4].joins(&staged, 1);
    let mut theirs = joined.group;
    let message = newcomers[4].says(&mut theirs, b"here");
    assert_eq!(ada.hears(&mut adas, &message).leaf, LeafIndex(4));
    // The last ones go: the roster gets shorter at its end.
    let staged = ada.commits(&mut adas, removing(vec![4, 5]));
    bo.follows(&mut bos, &staged);
    assert_eq!(adas.roster().addresses().len(), 4);
}

#[test]
fn of_two_commits_at_once_the_loser_follows_and_tries_again() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Hybrid);
    let lost = ada.stages(&mut adas, updating(None));
    let won = bo.commits(&mut bos, updating(None));
    ada.follows(&mut adas, &won);
    assert!(!adas.is_pending());
    assert!(matches!(
        rejected(bo.processes(&mut bos, &lost.commit)),
        Reject::WrongEpoch { .. }
    ));
    let again = ada.commits(&mut adas, updating(None));
    bo.follows(&mut bos, &again);
    let message = ada.says(&mut adas, b"agreed");
    assert_eq!(bo.hears(&mut bos, &message).content, b"agreed");
}

#[test]
fn a_cleared_commit_can_be_made_again() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Classic);
    ada.stages(&mut adas, updating(None));
    let second = ada.with(|mls, device| adas.stage(mls, device, updating(None)));
    assert!(matches!(second, Err(Error::Pending)));
    ada.with(|mls, _| adas.clear_pending(mls)).unwrap();
    let staged = ada.commits(&mut adas, updating(None));
    bo.follows(&mut bos, &staged);
}

#[test]
fn everybody_learns_the_new_name() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Hybrid);
    let mut state = adas.state().clone();
    state.name = Name::new("bouldering").unwrap();
    let staged = ada.commits(
        &mut adas,
        Change {
            state: Some(state.clone()),
            ..Change::default()
        },
    );
    assert_eq!(staged.facts.new_state.as_ref(), Some(&state));
    bo.follows(&mut bos, &staged);
    assert_eq!(bos.state().name.as_str(), "bouldering");
}

#[test]
fn leave_proofs_travel_with_the_commit() {
    let ([mut ada, bo, mut cy], [mut adas, bos, mut cys]) = three();
    let leaf = bos.member(bos.own_index()).unwrap();
    let proof = LeaveProof::make(&bo.keys, bos.id(), leaf);
    let staged = ada.commits(
        &mut adas,
        Change {
            leave_proofs: vec![proof],
            ..removing(vec![1])
        },
    );
    assert_eq!(staged.facts.leave_proofs, [proof]);
    cy.follows(&mut cys, &staged);
}

#[test]
fn a_one_time_key_package_is_used_up_and_the_last_resort_stays() {
    let [mut ada, mut bo] = [1, 2].map(|seed| Person::speaking(seed, &[Suite::Classic]));
    for (usage, again) in [(Use::Once, false), (Use::LastResort, true)] {
        let package = bo.key_package(Suite::Classic, usage);
        // Two groups, one key package.
        for (attempt, group_id) in [[11_u8; 32], [12; 32]].into_iter().enumerate() {
            let mut adas = ada.creates_another(
                Suite::Classic,
                &[&group_id[..], &[u8::from(again)]].concat(),
            );
            let staged = ada.stages(&mut adas, adding(vec![package.clone()]));
            match bo.tries_to_join(&staged, 0) {
                Ok(joined) => {
                    assert!(attempt == 0 || again);
                    assert_eq!(joined.usage, usage);
                }
                Err(error) => {
                    assert!(attempt == 1 && !again);
                    assert_eq!(error, Error::Reject(Reject::UnknownKeyPackage));
                }
            }
        }
        bo.with(|mls, _| delete(mls, package.reference())).unwrap();
        let mut adas = ada.creates_another(Suite::Classic, &[usage as u8; 20]);
        let staged = ada.stages(&mut adas, adding(vec![package]));
        assert_eq!(
            rejected(bo.tries_to_join(&staged, 0)),
            Reject::UnknownKeyPackage
        );
    }
}
