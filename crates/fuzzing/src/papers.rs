//! Keys and signed papers of one person, from a seed: what a fuzzer needs to get past a signature.

use std::sync::OnceLock;

use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use keyfold_protocol::identity::{AccountKey, CertificateRequest, DeviceKeys};
use keyfold_protocol::rules::{LeafIndex, LeafView};
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::{certificate_input, registration_input};
use keyfold_wire::ids::Timestamp;
use keyfold_wire::{Message as _, v1};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// When everything in the fixtures happens.
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_000);

const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000;

/// A person with one device.
pub(crate) struct Papers {
    pub(crate) name: &'static str,
    pub(crate) account: AccountKey,
    pub(crate) keys: DeviceKeys,
    pub(crate) certificate: Vec<u8>,
    signer: SigningKey,
}

impl Papers {
    pub(crate) fn of(name: &'static str, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let account = AccountKey::generate(&mut rng);
        let keys = DeviceKeys::generate(&mut rng);
        let signer = SigningKey::from_bytes(&account.to_secret_bytes());
        let certificate = account
            .certify(&CertificateRequest {
                handle: name.to_owned(),
                device: keys.device(),
                signature_key: keys.public(),
                suites: Suite::ALL.to_vec(),
                created: NOW,
                expires: Timestamp(NOW.0 + YEAR),
            })
            .unwrap();
        Self {
            name,
            account,
            keys,
            certificate,
            signer,
        }
    }

    /// The one that the targets without a group use.
    pub(crate) fn adas() -> &'static Self {
        static ADA: OnceLock<Papers> = OnceLock::new();
        ADA.get_or_init(|| Self::of("ada", 1))
    }

    pub(crate) fn leaf(&self) -> LeafView {
        LeafView::verify(
            LeafIndex(0),
            &self.certificate,
            &self.keys.public(),
            Some(b"address"),
        )
        .unwrap()
    }

    /// Any bytes as the body of a certificate that this account has signed.
    pub(crate) fn certify_bytes(&self, body: &[u8]) -> Vec<u8> {
        let signature = self.signer.sign(&certificate_input(body)).to_bytes();
        v1::DeviceCertificate {
            body: Bytes::copy_from_slice(body),
            signature: Bytes::copy_from_slice(&signature),
        }
        .encode_to_vec()
    }

    /// Signs a registration as it stands.
    pub(crate) fn sign(&self, register: &mut v1::Register) {
        let signature = self.signer.sign(&registration_input(register)).to_bytes();
        register.signature = Bytes::copy_from_slice(&signature);
    }

    /// A right registration.
    pub(crate) fn registration(&self) -> v1::Register {
        let mut register = v1::Register {
            handle: self.name.to_owned(),
            account_key: Bytes::copy_from_slice(&self.account.public()),
            recovery_key: Bytes::from_static(&[5; 32]),
            device_certificate: self.certificate.clone().into(),
            token_hash: Bytes::from_static(&[6; 32]),
            invitation: "0123456789abcdef".to_owned(),
            signature: Bytes::new(),
        };
        self.sign(&mut register);
        register
    }
}
