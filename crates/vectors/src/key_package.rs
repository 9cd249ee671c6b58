//! `key-package.json`: key packages as Keyfold's devices publish them, and such as nobody may be added with.

use std::cell::Cell;

use keyfold_protocol::group::{CheckedKeyPackage, Crypto, Device, Use};
use keyfold_protocol::rules::ADDRESS_EXTENSION_TYPE;
use keyfold_protocol::state::EXTENSION_TYPE;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::Timestamp;
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialType, CredentialWithKey, Extension, ExtensionType,
    Extensions, KeyPackage, LeafNode, Lifetime, MlsMessageOut, ProtocolVersion, UnknownExtension,
};
use openmls_rust_crypto::{MemoryStorage, RustCrypto};
use openmls_traits::OpenMlsProvider;
use openmls_traits::random::OpenMlsRand;
use openmls_traits::types::Ciphersuite;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::people::{LATER, NOW, Person, person, person_speaking};
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct KeyPackages {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

/// An `MLSMessage` with a key package, and what a reader finds in it.
#[derive(Serialize, Deserialize)]
struct Valid {
    suite: u16,
    certificate: Hex,
    address: Hex,
    last_resort: bool,
    now_ms: u64,
    mls_message: Hex,
    key_package_ref: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    now_ms: u64,
    mls_message: Hex,
}

const ADDRESS: [u8; 56] = [0xad; 56];

impl Topic for KeyPackages {
    fn generate() -> Self {
        let (ada, bo) = (
            person(0x10, "ada"),
            person_speaking(0x20, "bo", &[Suite::Classic]),
        );
        Self {
            valid: vec![
                valid(&ada, Suite::Hybrid, Use::Once),
                valid(&ada, Suite::Classic, Use::Once),
                valid(&bo, Suite::Classic, Use::LastResort),
            ],
            refused: [of_mls(), of_its_certificate(), of_its_form()]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    fn check(&self) {
        let crypto = Crypto::default();
        for one in &self.valid {
            let read =
                CheckedKeyPackage::check(&crypto, &one.mls_message, Timestamp(one.now_ms)).unwrap();
            let certified =
                keyfold_wire::certificate::Certificate::verify(&one.certificate).unwrap();
            assert_eq!(*read.certificate(), certified);
            assert_eq!(read.address(), &*one.address);
            assert_eq!(read.suite().number(), one.suite);
            assert_eq!(read.reference(), &*one.key_package_ref);
            assert_eq!(read.usage() == Use::LastResort, one.last_resort);
        }
        for one in &self.refused {
            let read = CheckedKeyPackage::check(&crypto, &one.mls_message, Timestamp(one.now_ms));
            refused(&one.why, read, &one.error);
        }
    }
}

/// What a key package is made of, so that each can be another.
struct Plan {
    suite: Suite,
    usage: Use,
    lifetime: Lifetime,
    supported: Vec<u16>,
    leaf_extensions: Vec<(u16, Vec<u8>)>,
    extensions: Vec<(u16, Vec<u8>)>,
    credential: Vec<u8>,
}

fn plan(person: &Person, suite: Suite) -> Plan {
    Plan {
        suite,
        usage: Use::Once,
        lifetime: Lifetime::init(0, u64::MAX),
        supported: vec![EXTENSION_TYPE, ADDRESS_EXTENSION_TYPE],
        leaf_extensions: vec![(ADDRESS_EXTENSION_TYPE, ADDRESS.to_vec())],
        extensions: Vec::new(),
        credential: person.certificate.clone(),
    }
}

fn unknown((number, data): &(u16, Vec<u8>)) -> Extension {
    Extension::Unknown(*number, UnknownExtension(data.clone()))
}

impl Plan {
    fn build(&self, person: &Person) -> KeyPackage {
        let supported = self
            .supported
            .iter()
            .map(|number| ExtensionType::Unknown(*number));
        let supported: Vec<ExtensionType> = std::iter::once(ExtensionType::LastResort)
            .chain(supported)
            .collect();
        let suites: Vec<Ciphersuite> = person
            .request
            .suites
            .iter()
            .copied()
            .map(ciphersuite)
            .collect();
        let capabilities = Capabilities::new(
            Some(&[ProtocolVersion::Mls10]),
            Some(&suites),
            Some(&supported),
            Some(&[]),
            Some(&[CredentialType::Basic]),
        );
        let leaf: Extensions<LeafNode> =
            Extensions::from_vec(self.leaf_extensions.iter().map(unknown).collect()).unwrap();
        let builder = KeyPackage::builder()
            .key_package_lifetime(self.lifetime)
            .leaf_node_capabilities(capabilities)
            .key_package_extensions(
                Extensions::from_vec(self.extensions.iter().map(unknown).collect()).unwrap(),
            )
            .leaf_node_extensions(leaf);
        let builder = match self.usage {
            Use::Once => builder,
            Use::LastResort => builder.mark_as_last_resort(),
        };
        let device = Device {
            keys: &person.device,
            certificate: &person.certificate,
        };
        let credential = CredentialWithKey {
            credential: BasicCredential::new(self.credential.clone()).into(),
            signature_key: person.device.public().to_vec().into(),
        };
        let bundle = builder
            .build(
                ciphersuite(self.suite),
                &Provider::default(),
                &device,
                credential,
            )
            .unwrap();
        bundle.into_key_package()
    }
}

fn ciphersuite(suite: Suite) -> Ciphersuite {
    Ciphersuite::try_from(suite.number()).unwrap()
}

fn message(key_package: KeyPackage) -> Vec<u8> {
    MlsMessageOut::from(key_package).to_bytes().unwrap()
}

fn valid(person: &Person, suite: Suite, usage: Use) -> Valid {
    let key_package = Plan {
        usage,
        ..plan(person, suite)
    }
    .build(person);
    let reference = key_package.hash_ref(&RustCrypto::default()).unwrap();
    Valid {
        suite: suite.number(),
        certificate: (&person.certificate).into(),
        address: ADDRESS.into(),
        last_resort: usage == Use::LastResort,
        now_ms: NOW.0,
        mls_message: message(key_package).into(),
        key_package_ref: reference.as_slice().into(),
    }
}

fn case(why: &str, error: &str, mls_message: Vec<u8>) -> Refused {
    Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        now_ms: NOW.0,
        mls_message: mls_message.into(),
    }
}

fn bo() -> Person {
    person_speaking(0x20, "bo", &[Suite::Classic])
}

fn with(change: impl FnOnce(&mut Plan)) -> Vec<u8> {
    let bo = bo();
    let mut plan = plan(&bo, Suite::Classic);
    change(&mut plan);
    message(plan.build(&bo))
}

/// Such as no MLS client takes.
fn of_mls() -> Vec<Refused> {
    let good = with(|_| ());
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let mut other_kind = good.clone();
    other_kind[3] = 3;
    vec![
        case("nothing", "malformed", Vec::new()),
        case(
            "a byte behind it",
            "malformed",
            [good.clone(), vec![0]].concat(),
        ),
        case("cut off", "malformed", good[..good.len() - 1].to_vec()),
        case("not a key package", "malformed", other_kind),
        case("a bit of the signature is another", "key_package", forged),
        case("over 16 KiB", "key_package", vec![0; 16 * 1_024 + 1]),
    ]
}

/// Such as Keyfold alone refuses, for who it is of.
fn of_its_certificate() -> Vec<Refused> {
    let ada = person(0x10, "ada");
    let slack = 2 * 60 * 60 * 1_000;
    let hybrid = Plan {
        credential: bo().certificate,
        ..plan(&bo(), Suite::Hybrid)
    };
    let also_hybrid = Person {
        request: ada.request.clone(),
        ..bo()
    };
    vec![
        Refused {
            now_ms: LATER.0 + slack,
            ..case("its certificate has ended", "expired", with(|_| ()))
        },
        Refused {
            now_ms: NOW.0 - slack - 1,
            ..case("its certificate has not begun", "expired", with(|_| ()))
        },
        case(
            "another device's certificate",
            "rule",
            with(|one| one.credential.clone_from(&ada.certificate)),
        ),
        case(
            "a credential that is no certificate",
            "rule",
            with(|one| one.credential = b"bo".to_vec()),
        ),
        case(
            "of a suite that its certificate does not list",
            "rule",
            message(hybrid.build(&also_hybrid)),
        ),
    ]
}

/// Such as Keyfold alone refuses, for what is in it.
fn of_its_form() -> Vec<Refused> {
    vec![
        case(
            "its lifetime is bounded",
            "leaf",
            with(|one| {
                one.lifetime = Lifetime::init(0, u64::MAX - 1);
            }),
        ),
        case(
            "without a delivery address",
            "rule",
            with(|one| one.leaf_extensions.clear()),
        ),
        case(
            "a delivery address of 129 bytes",
            "rule",
            with(|one| one.leaf_extensions[0].1 = vec![1; 129]),
        ),
        case(
            "a further leaf extension",
            "leaf",
            with(|one| {
                one.leaf_extensions.push((0xf0f5, vec![1]));
                one.supported.push(0xf0f5);
            }),
        ),
        case(
            "a further key package extension",
            "key_package",
            with(|one| {
                one.extensions.push((0xf0f5, vec![1]));
                one.supported.push(0xf0f5);
            }),
        ),
        case(
            "its device does not support the conversation's state",
            "key_package",
            with(|one| {
                one.supported = vec![ADDRESS_EXTENSION_TYPE];
            }),
        ),
    ]
}

/// What `openmls` asks for, with randomness that is the same each time.
#[derive(Default)]
struct Provider {
    crypto: RustCrypto,
    storage: MemoryStorage,
    rand: Counting,
}

/// SHA-256 of 0, 1, 2 ..
#[derive(Default)]
struct Counting(Cell<u64>);

#[derive(Debug)]
struct Never;

impl std::fmt::Display for Never {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("never")
    }
}

impl std::error::Error for Never {}

impl OpenMlsRand for Counting {
    type Error = Never;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Never> {
        Ok(self.random_vec(N)?.try_into().unwrap())
    }

    fn random_vec(&self, length: usize) -> Result<Vec<u8>, Never> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            bytes.extend(Sha256::digest(self.0.get().to_be_bytes()));
            self.0.set(self.0.get() + 1);
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = RustCrypto;
    type RandProvider = Counting;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto
    }

    fn rand(&self) -> &Counting {
        &self.rand
    }
}
