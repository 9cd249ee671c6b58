//! What a group refuses, and that refusing changes nothing.

use keyfold_wire::certificate::CertificateError;
use keyfold_wire::ids::Timestamp;
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialWithKey, Extension, Extensions,
    ExternalSendersExtension, KeyPackage, LeafNodeIndex, LeafNodeParameters, Lifetime,
    MlsGroupJoinConfig, MlsMessageOut, OpenMlsProvider as _, PURE_PLAINTEXT_WIRE_FORMAT_POLICY,
    UnknownExtension,
};

use super::people::{NOW, Person, adding, pair, rejected, removing, updating};
use crate::group::{CheckedKeyPackage, Group, Processed, Reject, Use, config, make};
use crate::rules::{ADDRESS_EXTENSION_TYPE, Violation};
use crate::suite::Suite;

/// What somebody who does not keep to the rules puts into a key package.
struct Forgery {
    certificate: Vec<u8>,
    lifetime: Lifetime,
    capabilities: Capabilities,
    leaf: Vec<Extension>,
    suite: Suite,
}

impl Forgery {
    /// Nothing wrong with it yet.
    fn of(person: &Person) -> Self {
        Self {
            certificate: person.certificate.clone(),
            lifetime: config::lifetime(),
            capabilities: person.device().capabilities().unwrap(),
            leaf: vec![address()],
            suite: Suite::Hybrid,
        }
    }

    fn key_package(self, person: &mut Person) -> KeyPackage {
        let credential = CredentialWithKey {
            credential: BasicCredential::new(self.certificate).into(),
            signature_key: person.keys.public().to_vec().into(),
        };
        person.with(|mls, device| {
            let builder = KeyPackage::builder()
                .key_package_lifetime(self.lifetime)
                .leaf_node_capabilities(self.capabilities)
                .leaf_node_extensions(Extensions::from_vec(self.leaf).unwrap());
            builder
                .build(config::ciphersuite(self.suite), mls, &device, credential)
                .unwrap()
                .into_key_package()
        })
    }

    fn checked(self, person: &mut Person) -> Result<CheckedKeyPackage, Reject> {
        let message = MlsMessageOut::from(self.key_package(person))
            .to_bytes()
            .unwrap();
        CheckedKeyPackage::check(&person.crypto, &message, NOW)
    }
}

fn address() -> Extension {
    Extension::Unknown(ADDRESS_EXTENSION_TYPE, UnknownExtension(vec![66, 6]))
}

#[test]
fn a_key_package_is_refused_for_each_thing_that_is_wrong_with_it() {
    let ada = Person::new(1);
    let mut eve = Person::new(6);
    assert!(Forgery::of(&eve).checked(&mut eve).is_ok());

    let stolen = Forgery {
        certificate: ada.certificate.clone(),
        ..Forgery::of(&eve)
    };
    assert_eq!(
        stolen.checked(&mut eve),
        Err(Reject::Rule(Violation::SignatureKey))
    );

    let mut certificate = eve.certificate.clone();
    *certificate.last_mut().unwrap() ^= 1;
    let forged = Forgery {
        certificate,
        ..Forgery::of(&eve)
    };
    let expected = Reject::Rule(Violation::Certificate(CertificateError::Forged));
    assert_eq!(forged.checked(&mut eve), Err(expected));

    let bounded = Forgery {
        lifetime: Lifetime::new(1_000),
        ..Forgery::of(&eve)
    };
    assert!(matches!(bounded.checked(&mut eve), Err(Reject::Leaf(_))));

    let homeless = Forgery {
        leaf: vec![],
        ..Forgery::of(&eve)
    };
    assert_eq!(
        homeless.checked(&mut eve),
        Err(Reject::Rule(Violation::AddressMissing))
    );

    let unable = Forgery {
        capabilities: Capabilities::new(
            None,
            None,
            Some(&[address().extension_type()]),
            None,
            None,
        ),
        ..Forgery::of(&eve)
    };
    assert!(matches!(
        unable.checked(&mut eve),
        Err(Reject::KeyPackage(_))
    ));

    let mut classic = Person::speaking(7, &[Suite::Classic]);
    let unspoken = Forgery::of(&classic).checked(&mut classic);
    assert_eq!(unspoken, Err(Reject::Rule(Violation::SuiteNotSpoken)));
}

#[test]
fn an_expired_changed_or_foreign_key_package_is_refused() {
    let mut bo = Person::new(2);
    let own = bo
        .with(|mls, device| make(mls, device, Suite::Classic, &[1], Use::Once))
        .unwrap();
    let year_later = Timestamp(NOW.0 + 366 * 24 * 60 * 60 * 1_000);
    assert_eq!(
        CheckedKeyPackage::check(&bo.crypto, &own.message, year_later),
        Err(Reject::Expired)
    );
    let year_before = Timestamp(NOW.0 - 366 * 24 * 60 * 60 * 1_000);
    assert_eq!(
        CheckedKeyPackage::check(&bo.crypto, &own.message, year_before),
        Err(Reject::Expired)
    );
    for place in (0..own.message.len()).step_by(7) {
        let mut changed = own.message.clone();
        changed[place] ^= 1;
        assert!(
            CheckedKeyPackage::check(&bo.crypto, &changed, NOW).is_err(),
            "byte {place}"
        );
        assert!(
            CheckedKeyPackage::check(&bo.crypto, &own.message[..place], NOW).is_err(),
            "cut at {place}"
        );
    }
    assert!(CheckedKeyPackage::check(&bo.crypto, &own.message, NOW).is_ok());
}

/// Eve commits something, raw; Bo refuses it as expected; both then go on with a proper commit.
fn refuses(expected: &Reject, evil: impl FnOnce(&mut Person, &mut Group) -> Vec<u8>) {
    let ([mut eve, mut bo], [mut eves, mut bos]) = pair(Suite::Hybrid);
    let commit = evil(&mut eve, &mut eves);
    let before = bos.view().clone();
    let found = match bo.processes(&mut bos, &commit) {
        Ok(Processed::Commit(change)) => {
            Reject::Rule(bos.view().judge(change.facts()).unwrap_err())
        }
        other => rejected(other),
    };
    assert_eq!(&found, expected);
    assert_eq!(bos.view(), &before);
    bo.reloads(&bos);
    eve.with(|mls, _| eves.clear_pending(mls)).unwrap();
    let staged = eve.commits(&mut eves, updating(None));
    bo.follows(&mut bos, &staged);
}

#[test]
fn a_commit_that_adds_a_stolen_certificate_is_refused() {
    let ada = Person::new(9);
    refuses(&Reject::Rule(Violation::SignatureKey), |eve, eves| {
        let stolen = Forgery {
            certificate: ada.certificate.clone(),
            ..Forgery::of(eve)
        };
        let mut accomplice = Person::new(8);
        let package = stolen.key_package(&mut accomplice);
        raw_commit(eve, eves, |builder| builder.propose_adds([package]))
    });
}

#[test]
fn a_commit_that_puts_another_name_into_the_committers_leaf_is_refused() {
    let ada = Person::new(9);
    refuses(&Reject::Rule(Violation::SignatureKey), |eve, eves| {
        let credential = CredentialWithKey {
            credential: BasicCredential::new(ada.certificate.clone()).into(),
            signature_key: eve.keys.public().to_vec().into(),
        };
        let leaf = LeafNodeParameters::builder()
            .with_credential_with_key(credential)
            .build();
        raw_commit(eve, eves, |builder| {
            builder.force_self_update(true).leaf_node_parameters(leaf)
        })
    });
}

#[test]
fn a_commit_that_lets_strangers_propose_is_refused() {
    refuses(&Reject::Rule(Violation::ForbiddenProposal), |eve, eves| {
        let mut extensions = eves.mls.extensions().clone();
        extensions
            .add(Extension::ExternalSenders(ExternalSendersExtension::new()))
            .unwrap();
        raw_commit(eve, eves, |builder| {
            builder
                .propose_group_context_extensions(extensions)
                .unwrap()
        })
    });
}

#[test]
fn a_commit_with_an_unreadable_state_is_refused() {
    refuses(&Reject::Rule(Violation::StateUnreadable), |eve, eves| {
        let extensions = config::context_extensions(b"no state".to_vec()).unwrap();
        raw_commit(eve, eves, |builder| {
            builder
                .propose_group_context_extensions(extensions)
                .unwrap()
        })
    });
}

#[test]
fn a_commit_that_breaks_roles_is_refused_by_the_rules() {
    let ([mut owner, mut eve], [mut owners, mut eves]) = pair(Suite::Hybrid);
    let staged = eve.stages(&mut eves, removing(vec![0]));
    assert_eq!(
        eves.view().judge(&staged.facts),
        Err(Violation::MayNotRemove)
    );
    let change = owner.sees(&mut owners, &staged.commit);
    assert!(change.removes_me());
    assert_eq!(
        owners.view().judge(change.facts()),
        Err(Violation::MayNotRemove)
    );
    assert!(owners.is_member());
}

#[test]
fn a_standalone_proposal_is_refused_and_leaves_no_trace() {
    refuses(&Reject::StandaloneProposal, |eve, eves| {
        let (proposal, _) = eve
            .with(|mls, device| {
                eves.mls
                    .propose_remove_member(mls, &device, LeafNodeIndex::new(1))
            })
            .unwrap();
        eve.with(|mls, _| eves.mls.clear_pending_proposals(mls.storage()))
            .unwrap();
        proposal.to_bytes().unwrap()
    });
}

#[test]
fn a_public_message_is_refused() {
    refuses(&Reject::WrongKind, |eve, eves| {
        let public = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        eve.with(|mls, _| eves.mls.set_configuration(mls.storage(), &public))
            .unwrap();
        let commit = raw_commit(eve, eves, |builder| builder.force_self_update(true));
        eve.with(|mls, _| {
            eves.mls
                .set_configuration(mls.storage(), &config::join_config())
        })
        .unwrap();
        commit
    });
}

#[test]
fn a_message_of_another_group_is_refused() {
    let ([mut ada, _], [_, mut bos]) = pair(Suite::Classic);
    let mut other = ada.creates_another(Suite::Classic, b"another group");
    let message = ada.says(&mut other, b"where am I?");
    let mut bo = Person::new(2);
    assert_eq!(
        rejected(bo.processes(&mut bos, &message)),
        Reject::WrongGroup
    );
    assert_eq!(rejected(bo.processes(&mut bos, b"")), Reject::Malformed);
}

#[test]
fn a_changed_invitation_is_refused() {
    let [mut ada, mut bo] = [1, 2].map(Person::new);
    let mut adas = ada.creates(Suite::Hybrid);
    let package = bo.key_package(Suite::Hybrid, Use::LastResort);
    let mut staged = ada.commits(&mut adas, adding(vec![package]));
    let intact = staged.welcome.clone().unwrap();
    for place in (0..intact.len()).step_by(41) {
        let mut changed = intact.clone();
        changed[place] ^= 1;
        assert!(
            bo.with(|mls, _| crate::group::join(mls, &changed)).is_err(),
            "byte {place}"
        );
    }
    let mut stranger = Person::new(3);
    assert_eq!(
        rejected(stranger.tries_to_join(&staged, 0)),
        Reject::UnknownKeyPackage
    );
    bo.joins(&staged, 0);
    assert_eq!(
        rejected(bo.tries_to_join(&staged, 0)),
        Reject::AlreadyMember
    );
    staged.welcome = Some(staged.commit.clone());
    let commit = staged.commit.clone();
    assert_eq!(
        rejected(bo.with(|mls, _| crate::group::join(mls, &commit))),
        Reject::WrongKind
    );
}

#[test]
fn a_group_of_the_weaker_suite_is_not_joined_by_who_speaks_the_better() {
    let [mut ada, mut bo] = [1, 2].map(Person::new);
    let mut adas = ada.creates(Suite::Classic);
    let package = bo.key_package(Suite::Classic, Use::Once);
    let staged = ada.stages(&mut adas, adding(vec![package]));
    assert_eq!(adas.view().judge(&staged.facts), Err(Violation::WeakSuite));
    assert_eq!(
        rejected(bo.tries_to_join(&staged, 0)),
        Reject::Rule(Violation::WeakSuite)
    );
}

fn raw_commit(
    eve: &mut Person,
    eves: &mut Group,
    shape: impl for<'g> FnOnce(
        openmls::prelude::CommitBuilder<'g, openmls::prelude::Initial>,
    ) -> openmls::prelude::CommitBuilder<'g, openmls::prelude::Initial>,
) -> Vec<u8> {
    eve.with(|mls, device| {
        let builder = shape(eves.mls.commit_builder())
            .load_psks(mls.storage())
            .unwrap();
        let built = builder
            .build(mls.rand(), mls.crypto(), &device, |_| true)
            .unwrap();
        built
            .stage_commit(mls)
            .unwrap()
            .commit()
            .to_bytes()
            .unwrap()
    })
}
