//! Leaves that are not what they say: another person's certificate, a forged one, another key. Refused where they are
//! fetched, where they are committed and where somebody is invited.

use keyfold_protocol::group::{CheckedKeyPackage, Crypto, Device, Mls, Reject};
use keyfold_protocol::identity::DeviceKeys;
use keyfold_protocol::rules::ADDRESS_EXTENSION_TYPE;
use keyfold_protocol::state::{self, ConversationState, Name};
use keyfold_protocol::welcome;
use keyfold_wire::certificate::certificate_input;
use keyfold_wire::ids::{ConversationHandle, ConversationId, Timestamp};
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::{Message as _, v1};
use openmls::prelude::DeserializeBytes as _;
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialType, CredentialWithKey, Extension, ExtensionType,
    Extensions, GroupId, KeyPackage, Lifetime, MlsGroup, MlsGroupCreateConfig, MlsMessageBodyIn,
    MlsMessageIn, MlsMessageOut, OpenMlsProvider as _, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
    ProtocolVersion, RequiredCapabilitiesExtension, UnknownExtension,
};
use openmls_traits::types::Ciphersuite;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use keyfold_engine::store::MlsStorage;

use super::town::copied::Copied;
use super::town::{Town, Who};
use super::{goes_on, held};

const HYBRID: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519;
const CLASSIC: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[HYBRID, CLASSIC]),
        Some(&[
            ExtensionType::LastResort,
            ExtensionType::Unknown(state::EXTENSION_TYPE),
            ExtensionType::Unknown(ADDRESS_EXTENSION_TYPE),
        ]),
        Some(&[]),
        Some(&[CredentialType::Basic]),
    )
}

fn address(bytes: &[u8]) -> Extension {
    Extension::Unknown(ADDRESS_EXTENSION_TYPE, UnknownExtension(bytes.to_vec()))
}

fn credential(keys: &DeviceKeys, certificate: &[u8]) -> CredentialWithKey {
    CredentialWithKey {
        credential: BasicCredential::new(certificate.to_vec()).into(),
        signature_key: keys.public().to_vec().into(),
    }
}

/// A key package with these keys and any certificate.
fn key_package(eve: &mut Copied, keys: &DeviceKeys, certificate: &[u8], at: &[u8]) -> KeyPackage {
    eve.with(|mls, _| {
        let builder = KeyPackage::builder()
            .key_package_lifetime(Lifetime::init(0, u64::MAX))
            .leaf_node_capabilities(capabilities())
            .leaf_node_extensions(Extensions::from_vec(vec![address(at)]).unwrap());
        let signer = Device { keys, certificate };
        builder
            .build(HYBRID, mls, &signer, credential(keys, certificate))
            .unwrap()
            .into_key_package()
    })
}

/// The keys of a device that eve would bring in.
fn other_keys() -> DeviceKeys {
    DeviceKeys::generate(&mut StdRng::seed_from_u64(5))
}

type Spoil = fn(&mut v1::DeviceCertificateBody, &v1::DeviceCertificateBody);

/// What eve would like to have certified, given what ada's certificate says; and how everybody finds it out.
const CLAIMS: [(&str, Spoil, &str); 4] = [
    (
        "another's account and account key",
        |own, adas| {
            own.account = adas.account.clone();
            own.account_key = adas.account_key.clone();
        },
        "the signature does not verify",
    ),
    (
        "another's account",
        |own, adas| own.account = adas.account.clone(),
        "account key is not its account's",
    ),
    (
        "another's account key",
        |own, adas| own.account_key = adas.account_key.clone(),
        "account key is not its account's",
    ),
    (
        "another device key",
        |own, adas| own.signature_key = adas.signature_key.clone(),
        "another key than its certificate names",
    ),
];

/// A certificate that eve did not get like this, and the words with which it is refused.
struct Forgery {
    name: &'static str,
    certificate: Vec<u8>,
    words: &'static str,
}

/// Certificates for these keys that eve, who has her own account key, can put together. The last one is right.
fn forgeries(town: &Town, eve: &Copied, keys: &DeviceKeys) -> Vec<Forgery> {
    let body = |certificate: &[u8]| {
        let signed = v1::DeviceCertificate::decode(certificate).unwrap();
        v1::DeviceCertificateBody::decode(signed.body).unwrap()
    };
    let signed = |body: &v1::DeviceCertificateBody, signature: &dyn Fn(&[u8]) -> Vec<u8>| {
        let body = body.encode_to_vec();
        let signature = signature(&certificate_input(&body)).into();
        let body = body.into();
        v1::DeviceCertificate { body, signature }.encode_to_vec()
    };
    let seed: Vec<u8> = eve
        .database
        .query_row(
            "SELECT value FROM setting WHERE name = 'account_key'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let account = DeviceKeys::from_secret_bytes(&[&[0; 16], seed.as_slice()].concat()).unwrap();
    let by_eve = |input: &[u8]| account.sign(input).to_vec();
    let adas = Copied::of(&town.people[0]).certificate;
    let mut own = body(&eve.certificate);
    own.device = keys.device().to_wire();
    own.signature_key = keys.public().to_vec().into();
    let mut all: Vec<Forgery> = CLAIMS
        .into_iter()
        .map(|(name, spoil, words)| {
            let mut claim = own.clone();
            spoil(&mut claim, &body(&adas));
            let certificate = signed(&claim, &by_eve);
            Forgery {
                name,
                certificate,
                words,
            }
        })
        .collect();
    let mut more = |name, certificate, words| {
        all.push(Forgery {
            name,
            certificate,
            words,
        });
    };
    let key = "another key than its certificate names";
    more("a stolen certificate", adas, key);
    let by_device = |input: &[u8]| keys.sign(input).to_vec();
    let forged = "the signature does not verify";
    more("signed by the device", signed(&own, &by_device), forged);
    let nobody = |_: &[u8]| Vec::new();
    let malformed = "the certificate is malformed";
    more("no signature", signed(&own, &nobody), malformed);
    more("no certificate", b"eve".to_vec(), malformed);
    more("her own", signed(&own, &by_eve), "");
    all
}

/// A group of four with eve's state copied; bo's fresh key package.
fn group() -> (Town, [Who; 4], ConversationId, Copied, bytes::Bytes) {
    let mut town = Town::on_disk(1);
    let people = town.people(["ada", "bo", "cy", "eve"]);
    let [ada, bo, cy, eve] = people;
    let group = town.creates_group(ada, "club", &[cy, eve]);
    town.passes(std::time::Duration::from_mins(10));
    town.goes_offline(eve);
    let fetch = v1::FetchKeyPackages {
        account: town.me(bo).account.to_wire(),
        suite: u32::from(keyfold_protocol::suite::Suite::Hybrid.number()),
    };
    let Ok(v1::server_frame::Content::KeyPackages(found)) =
        town.asks(Body::FetchKeyPackages(fetch))
    else {
        panic!("no key package");
    };
    let package = found.devices[0].key_package.clone();
    let copied = Copied::of(&town.people[eve.0]);
    (town, people, group, copied, package)
}

#[test]
fn a_forged_key_package_is_refused_where_it_is_fetched() {
    let (town, _, _, mut eve, _) = group();
    let keys = other_keys();
    for forgery in forgeries(&town, &eve, &keys) {
        let package = key_package(&mut eve, &keys, &forgery.certificate, b"somewhere");
        let message = MlsMessageOut::from(package).to_bytes().unwrap();
        match CheckedKeyPackage::check(&Crypto::default(), &message, town.now()) {
            Ok(_) => assert_eq!(forgery.name, "her own"),
            Err(Reject::Rule(violation)) => {
                let words = violation.to_string();
                assert!(words.contains(forgery.words), "{}: {words}", forgery.name);
                assert_ne!(forgery.name, "her own");
            }
            Err(other) => panic!("{}: {other}", forgery.name),
        }
    }
}

/// Eve's commit that adds a leaf which no honest client would add, with the roster that follows from it.
fn adds(eve: &mut Copied, group: ConversationId, package: KeyPackage, at: &[u8]) -> v1::Commit {
    let present = eve.group(group);
    let id = GroupId::from_slice(present.id());
    let (commit, next_key) = eve.with(|mls, device| {
        let mut raw = MlsGroup::load(mls.storage(), &id).unwrap().unwrap();
        let staged = raw
            .commit_builder()
            .propose_adds([package])
            .load_psks(mls.storage())
            .unwrap()
            .create_group_info(false)
            .build(mls.rand(), mls.crypto(), &device, |_| true)
            .unwrap()
            .stage_commit(mls)
            .unwrap();
        let commit = staged.commit().to_bytes().unwrap();
        let next = raw.pending_commit().unwrap();
        let key = next
            .export_secret(
                mls.crypto(),
                keyfold_protocol::roster::EXPORTER_LABEL,
                &[],
                32,
            )
            .unwrap();
        (commit, key)
    });
    let (message_id, body) = eve.seals(&present, &commit);
    let mut roster: Vec<bytes::Bytes> = present
        .roster()
        .addresses()
        .iter()
        .map(|one| bytes::Bytes::copy_from_slice(one))
        .collect();
    roster.push(bytes::Bytes::copy_from_slice(at));
    v1::Commit {
        handle: present.state().handle.to_wire(),
        epoch: present.epoch().0,
        roster_key: eve.roster_key(&present),
        message_id: message_id.to_wire(),
        body: body.into(),
        next_roster: roster,
        next_roster_key: next_key.into(),
        ..v1::Commit::default()
    }
}

#[test]
fn a_forged_leaf_in_a_commit_is_refused_by_all_members() {
    for which in 0..=CLAIMS.len() + 4 {
        let (mut town, [ada, _, cy, _], group, mut eve, package) = group();
        let keys = other_keys();
        let forgery = forgeries(&town, &eve, &keys).swap_remove(which);
        // Any address of this server will do.
        let checked = CheckedKeyPackage::check(&Crypto::default(), &package, town.now()).unwrap();
        let at = checked.address();
        let forged = key_package(&mut eve, &keys, &forgery.certificate, at);
        let commit = adds(&mut eve, group, forged, at);
        town.asks(Body::Commit(commit)).unwrap();
        town.settles();
        for who in [ada, cy] {
            let (name, held) = (forgery.name, held(&town, who, group));
            if name == "her own" {
                assert_eq!(held, None, "the control");
                continue;
            }
            let words = held.unwrap_or_else(|| panic!("{name} is taken"));
            assert!(words.contains(forgery.words), "{name}: {words}");
            assert_eq!(town.members(who, group), ["ada", "cy", "eve"]);
            // It stays refused, and nothing of it is half done.
            town.people[who.0].restarts();
            assert_eq!(super::held(&town, who, group), Some(words));
        }
    }
}

/// How a group of eve's own making begins: as an honest one would.
fn honest(owner: keyfold_wire::ids::AccountId) -> MlsGroupCreateConfig {
    let state = ConversationState::group(
        ConversationId::new([8; 16]),
        ConversationHandle::new([9; 32]),
        Name::new("trap").unwrap(),
        owner,
    );
    let required = RequiredCapabilitiesExtension::new(
        &[
            ExtensionType::Unknown(state::EXTENSION_TYPE),
            ExtensionType::Unknown(ADDRESS_EXTENSION_TYPE),
        ],
        &[],
        &[CredentialType::Basic],
    );
    let context = Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required),
        Extension::Unknown(state::EXTENSION_TYPE, UnknownExtension(state.encode())),
    ])
    .unwrap();
    MlsGroupCreateConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .ciphersuite(HYBRID)
        .lifetime(Lifetime::init(0, u64::MAX))
        .capabilities(capabilities())
        .with_group_context_extensions(context)
        .with_leaf_node_extensions(Extensions::from_vec(vec![address(b"eves")]).unwrap())
        .unwrap()
        .build()
}

/// A group of eve's own making, in which her leaf carries this certificate, and bo's welcome into it.
fn invites(
    eve: &mut Copied,
    keys: &DeviceKeys,
    certificate: &[u8],
    bos_package: &[u8],
    owner: keyfold_wire::ids::AccountId,
) -> v1::Create {
    let credential = credential(keys, certificate);
    let config = honest(owner);
    let checked = CheckedKeyPackage::check(
        &Crypto::default(),
        bos_package,
        Timestamp(1_790_000_000_000),
    )
    .unwrap();
    let message = eve.with(|mls: &Mls<'_, MlsStorage<'_>>, _| {
        let device = Device { keys, certificate };
        let id = GroupId::from_slice(&[6; 32]);
        let mut raw = MlsGroup::new_with_group_id(mls, &device, &config, id, credential).unwrap();
        let package = MlsMessageIn::tls_deserialize_exact_bytes(bos_package).unwrap();
        let MlsMessageBodyIn::KeyPackage(package) = package.extract() else {
            panic!("no key package");
        };
        let package = package
            .validate(mls.crypto(), ProtocolVersion::Mls10)
            .unwrap();
        let staged = raw
            .commit_builder()
            .propose_adds([package])
            .load_psks(mls.storage())
            .unwrap()
            .create_group_info(false)
            .build(mls.rand(), mls.crypto(), &device, |_| true)
            .unwrap()
            .stage_commit(mls)
            .unwrap();
        staged.to_welcome_msg().unwrap().to_bytes().unwrap()
    });
    let split = welcome::split(&message).unwrap();
    let bos_address = bytes::Bytes::copy_from_slice(checked.address());
    v1::Create {
        handle: vec![9; 32].into(),
        epoch: 1,
        roster: vec![bos_address.clone()],
        roster_key: vec![1; 32].into(),
        message_id: vec![2; 16].into(),
        welcomes: vec![v1::WelcomeItem {
            address: bos_address,
            secrets: split.joiners[0].secrets.clone().into(),
        }],
        group_info: split.group_info.into(),
    }
}

#[test]
fn a_forged_leaf_in_an_invitation_is_refused_and_the_key_package_stays() {
    for which in 0..=CLAIMS.len() + 4 {
        let (mut town, [ada, bo, ..], group, mut eve, package) = group();
        let keys = other_keys();
        let forgery = forgeries(&town, &eve, &keys).swap_remove(which);
        // The group is of whom the leaf claims to be of, so that nothing else is wrong with it.
        let claims_ada = forgery.name.starts_with("another's account");
        let claims_ada = claims_ada && forgery.name != "another's account key";
        let owner = town.me(if claims_ada { ada } else { Who(3) }).account;
        let create = invites(&mut eve, &keys, &forgery.certificate, &package, owner);
        town.asks(Body::Create(create)).unwrap();
        town.settles();
        let joined = town.people[bo.0].engine.conversations().unwrap();
        if forgery.name == "her own" {
            assert_eq!(joined.len(), 1, "the control");
            continue;
        }
        assert!(joined.is_empty(), "{}", forgery.name);
        // Nothing of it happened: an honest invitation with that very key package works.
        with_key_package(&mut town, ada, &package);
        town.adds(ada, group, &[bo]);
        town.settles();
        goes_on(&mut town, &[ada, bo], group);
    }
}

/// The directory hands out this one.
fn with_key_package(town: &mut Town, who: Who, package: &bytes::Bytes) {
    let package = package.clone();
    town.people[who.0].bends_reply = Some(Box::new(move |_, reply| {
        if let v1::server_frame::Content::KeyPackages(found) = reply {
            found.devices[0].key_package = package.clone();
        }
    }));
}
