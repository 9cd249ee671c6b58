//! With a storage that writes message secrets only when it is told to: what is kept, what is gone, and who is believed.

use keyfold_wire::ids::Epoch;
use keyfold_wire::limits::MAX_KEY_PACKAGE;
use openmls::prelude::{
    Capabilities, Ciphersuite, CustomProposal, ExtensionType, GroupId, LeafNodeIndex,
    LeafNodeParameters, MlsGroup, OpenMlsProvider as _, Proposal, ProposalType,
};
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};

use super::people::{NOW, Person, adding, pair, rejected, removing, three, updating};
use crate::group::{Change, CheckedKeyPackage, Device, Group, Reject, Rng, Storage as _, Use};
use crate::limits::MAX_EPOCH;
use crate::rules::{ADDRESS_EXTENSION_TYPE, LeafIndex, Violation};
use crate::state;
use crate::suite::Suite;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

#[test]
fn what_was_opened_is_forgotten_when_it_is_flushed() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Hybrid);
    let message = ada.says(&mut adas, b"once");
    bo.hears(&mut bos, &message);
    let mut unwritten = bo.reloads(&bos);
    assert_eq!(bo.hears(&mut unwritten, &message).content, b"once");

    bo.with(|mls, _| unwritten.flush(mls)).unwrap();
    let mut written = bo.reloads(&bos);
    let again = rejected(bo.processes(&mut written, &message));
    assert_eq!(again, Reject::Replayed);
}

/// RFC 9420 section 6.3.1: the reuse guard is for a device that was put back to an earlier state.
#[test]
fn two_messages_from_one_stored_state_do_not_share_a_nonce() {
    let ([mut ada, _], [stored, _]) = pair(Suite::Hybrid);
    let said = [(); 2].map(|()| {
        let mut adas = ada.reloads(&stored);
        ada.says(&mut adas, b"the same")
    });
    assert_ne!(said[0], said[1]);
    // Nothing else differs: with the same randomness it is the same message.
    let said = [(); 2].map(|()| {
        let mut adas = ada.reloads(&stored);
        ada.rng = rng(9);
        ada.says(&mut adas, b"the same")
    });
    assert_eq!(said[0], said[1]);
}

#[test]
fn random_bytes_are_those_of_the_step() {
    let drawn: [u8; 32] = Rng::new(&mut rng(5)).bytes();
    let mut expected = [0; 32];
    rng(5).fill_bytes(&mut expected);
    assert_eq!(drawn, expected);
}

#[test]
fn nothing_is_left_of_a_deleted_group() {
    let ([ada, _], [adas, _]) = pair(Suite::Hybrid);
    let id = ada.reloads(&adas).id().to_vec();
    adas.delete(&ada.storage).unwrap();
    assert!(Group::load(&ada.storage, &id).unwrap().is_none());
    for kind in ["MessageSecrets", "EpochSecrets", "Tree", "GroupContext"] {
        assert_eq!(ada.storage.count(kind), 0, "{kind}");
    }
}

#[test]
fn a_removed_member_keeps_no_private_keys_of_its_last_epoch() {
    let ([mut ada, mut bo, mut cy], [mut adas, mut bos, mut cys]) = three();
    assert_eq!(cy.storage.count("EpochKeyPairs"), 1);
    let staged = ada.commits(&mut adas, removing(vec![2]));
    let change = cy.sees(&mut cys, &staged.commit);
    assert!(change.removes_me());
    cy.with(|mls, _| cys.merge(mls, change)).unwrap();
    assert_eq!(cy.storage.count("EpochKeyPairs"), 0);

    bo.follows(&mut bos, &staged);
    assert_eq!(
        bo.storage.count("EpochKeyPairs"),
        1,
        "who stays has the next"
    );
    let staged = ada.commits(&mut adas, updating(None));
    bo.follows(&mut bos, &staged);
}

/// That of whoever made the group, too.
#[test]
fn leaves_are_as_they_were_added_until_their_devices_renew_them() {
    let ([mut ada, mut bo, _], [mut adas, mut bos, _]) = three();
    let [adas_leaf, bos_leaf, cys_leaf] = [0, 1, 2].map(LeafIndex);
    assert_eq!(adas.not_renewed(), [adas_leaf, bos_leaf, cys_leaf]);
    let staged = bo.commits(&mut bos, updating(None));
    ada.follows(&mut adas, &staged);
    assert_eq!(adas.not_renewed(), [adas_leaf, cys_leaf]);
    assert_eq!(bos.not_renewed(), [adas_leaf, cys_leaf]);
    let staged = ada.commits(&mut adas, removing(vec![2]));
    bo.follows(&mut bos, &staged);
    assert_eq!(bos.not_renewed(), []);
}

/// Bo's device speaks in one epoch and is gone in the next, where dee has its leaf.
#[test]
fn a_late_message_is_by_who_had_the_leaf_when_it_was_sent() {
    let ([mut ada, mut bo, mut cy], [mut adas, mut bos, mut cys]) = three();
    let late = bo.says(&mut bos, b"i was here");
    let mut dee = Person::new(4);
    let change = Change {
        added: vec![dee.key_package(Suite::Hybrid, Use::Once)],
        ..removing(vec![1])
    };
    let staged = ada.commits(&mut adas, change);
    cy.follows(&mut cys, &staged);
    let mut dees = dee.joins(&staged, 0).group;
    let heard = cy.hears(&mut cys, &late);
    assert_eq!(
        (heard.leaf, heard.content.as_slice()),
        (LeafIndex(1), b"i was here".as_slice())
    );
    assert_eq!(heard.sender.account, bo.account.account());
    assert_eq!(heard.sender.device, bo.keys.device());

    let now = dee.says(&mut dees, b"so am i");
    let heard = cy.hears(&mut cys, &now);
    assert_eq!(heard.leaf, LeafIndex(1));
    assert_eq!(heard.sender.account, dee.account.account());
}

#[test]
fn a_message_that_the_device_did_not_sign_is_forged() {
    let ([mut ada, mut bo], [mut adas, mut bos]) = pair(Suite::Hybrid);
    let eve = Person::new(6);
    let message = ada.with(|mls, device| {
        let keys = &eve.keys;
        adas.encrypt(mls, Device { keys, ..device }, b"in ada's name")
    });
    let refused = rejected(bo.processes(&mut bos, &message.unwrap()));
    assert_eq!(refused, Reject::Forged);
}

#[test]
fn a_key_package_is_for_the_suite_that_it_was_made_for_and_has_a_limit() {
    let mut bo = Person::new(2);
    for suite in Suite::ALL {
        assert_eq!(bo.key_package(suite, Use::Once).suite(), suite);
    }
    let check = |length: usize| CheckedKeyPackage::check(&bo.crypto, &vec![0; length], NOW);
    assert_eq!(check(MAX_KEY_PACKAGE), Err(Reject::Malformed));
    let too_large = Err(Reject::KeyPackage("it is too large"));
    assert_eq!(check(MAX_KEY_PACKAGE + 1), too_large);
    assert_eq!(check(MAX_KEY_PACKAGE + 2), too_large);
}

/// Ada's storage says that her group is in this epoch, and she invites bo into the next.
fn joins_after(epoch: u64) -> Result<Epoch, Reject> {
    let [mut ada, mut bo] = [1, 2].map(Person::new);
    let id = ada.creates(Suite::Hybrid).id().to_vec();
    for (key, value) in ada.storage.written.values.write().unwrap().iter_mut() {
        if key.starts_with(b"GroupContext") {
            let mut context: serde_json::Value = serde_json::from_slice(value).unwrap();
            assert_eq!(context["epoch"], 0);
            context["epoch"] = epoch.into();
            *value = serde_json::to_vec(&context).unwrap();
        }
    }
    let mut adas = Group::load(&ada.storage, &id).unwrap().unwrap();
    assert_eq!(adas.epoch(), Epoch(epoch));
    let staged = ada.stages(
        &mut adas,
        adding(vec![bo.key_package(Suite::Hybrid, Use::Once)]),
    );
    match bo.tries_to_join(&staged, 0) {
        Ok(joined) => Ok(joined.group.epoch()),
        refused => Err(rejected(refused)),
    }
}

#[test]
fn a_group_is_joined_up_to_the_latest_epoch() {
    assert_eq!(joins_after(MAX_EPOCH - 1), Ok(Epoch(MAX_EPOCH)));
    for past in [MAX_EPOCH, MAX_EPOCH + 1] {
        let refused = joins_after(past);
        assert!(matches!(refused, Err(Reject::InvalidWelcome(_))), "{past}");
    }
}

/// What a device commits, enters and shows when it does not keep to Keyfold.
fn raw(
    person: &mut Person,
    id: &[u8],
    leaf: LeafNodeParameters,
    proposal: Option<Proposal>,
    removed: Option<u32>,
) -> Vec<u8> {
    person.with(|mls, device| {
        let group_id = GroupId::from_slice(id);
        let mut group = MlsGroup::load(mls.storage(), &group_id).unwrap().unwrap();
        let builder = group.commit_builder().force_self_update(true);
        let builder = builder
            .leaf_node_parameters(leaf)
            .add_proposals(proposal)
            .propose_removals(removed.map(LeafNodeIndex::new));
        let ready = builder.load_psks(mls.storage()).unwrap();
        let built = ready.build(mls.rand(), mls.crypto(), &device, |_| true);
        let commit = built.unwrap().stage_commit(mls).unwrap().into_commit();
        mls.storage().write_secrets_next(id);
        group.merge_pending_commit(mls).unwrap();
        commit.to_bytes().unwrap()
    })
}

/// Ada's device can do more than Keyfold, and she commits something of that, with a removal behind it. MLS lets it pass, as bo, who could
/// not do it, is removed.
#[test]
fn a_proposal_of_another_kind_is_refused_also_where_one_that_is_permitted_follows() {
    const ANOTHER: u16 = 0xF123;
    let ([mut ada, mut bo], [adas, mut bos]) = pair(Suite::Hybrid);
    let extensions = [state::EXTENSION_TYPE, ADDRESS_EXTENSION_TYPE].map(ExtensionType::Unknown);
    let able = Capabilities::new(
        None,
        Some(&[Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519]),
        Some(&extensions),
        Some(&[ProposalType::Custom(ANOTHER)]),
        None,
    );
    let leaf = LeafNodeParameters::builder().with_capabilities(able);
    let commit = raw(&mut ada, adas.id(), leaf.build(), None, None);
    let change = bo.sees(&mut bos, &commit);
    assert_eq!(bos.view().judge(change.facts()), Ok(()));
    bo.with(|mls, _| bos.merge(mls, change)).unwrap();

    let another = CustomProposal::new(ANOTHER, b"anything".to_vec());
    let another = Proposal::Custom(Box::new(another));
    let leaf = LeafNodeParameters::default();
    let commit = raw(&mut ada, adas.id(), leaf, Some(another), Some(1));
    let change = bo.sees(&mut bos, &commit);
    assert_eq!(change.facts().removed, [LeafIndex(1)]);
    let judged = bos.view().judge(change.facts());
    assert_eq!(judged, Err(Violation::ForbiddenProposal));
}
