//! `device-certificate.json`: what an account key signs for a device.

use ed25519_dalek::{Signer as _, SigningKey};
use keyfold_protocol::identity::{AccountKey, CertificateRequest};
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::{Certificate, account_id, certificate_input, verify};
use keyfold_wire::ids::{DeviceId, Timestamp};
use keyfold_wire::limits::{MAX_CERTIFICATE, MAX_HANDLE, MAX_SUITES};
use keyfold_wire::{Message as _, v1};
use serde::{Deserialize, Serialize};

use crate::people::{LATER, NOW, person, person_speaking};
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Certificates {
    valid: Vec<Valid>,
    later_fields: Vec<Readable>,
    dates: Vec<Dates>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    account_key_seed: Hex,
    account_key: Hex,
    account: Hex,
    handle: String,
    device: Hex,
    signature_key: Hex,
    suites: Vec<u16>,
    created_ms: u64,
    expires_ms: u64,
    body: Hex,
    signed: Hex,
    signature: Hex,
    certificate: Hex,
}

/// One that a reader takes though it would not write it.
#[derive(Serialize, Deserialize)]
struct Readable {
    why: String,
    certificate: Hex,
    handle: String,
    suites: Vec<u16>,
}

#[derive(Serialize, Deserialize)]
struct Dates {
    certificate: Hex,
    now_ms: u64,
    may_be_added: bool,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    certificate: Hex,
}

impl Topic for Certificates {
    fn generate() -> Self {
        let everything = [
            (0x10, "ada", Suite::ALL.to_vec()),
            (0x20, "", vec![Suite::Classic]),
        ];
        let long = "b".repeat(MAX_HANDLE);
        Self {
            valid: everything
                .iter()
                .map(|(number, handle, suites)| valid(*number, handle, suites))
                .chain([valid(0x30, &long, &Suite::ALL)])
                .collect(),
            later_fields: later_fields(),
            dates: dates(),
            refused: malformed().into_iter().chain(forged()).collect(),
        }
    }

    fn check(&self) {
        self.valid.iter().for_each(Valid::check);
        for one in &self.later_fields {
            let read = Certificate::verify(&one.certificate).expect(&one.why);
            assert_eq!(
                (read.handle, read.suites),
                (one.handle.clone(), one.suites.clone())
            );
        }
        for one in &self.dates {
            let read = Certificate::verify(&one.certificate).unwrap();
            assert_eq!(
                read.is_valid_at(Timestamp(one.now_ms)),
                one.may_be_added,
                "{}",
                one.now_ms
            );
        }
        for one in &self.refused {
            refused(&one.why, Certificate::verify(&one.certificate), &one.error);
        }
    }
}

fn valid(number: u8, handle: &str, suites: &[Suite]) -> Valid {
    let person = person_speaking(number, handle, suites);
    let parts = v1::DeviceCertificate::decode(person.certificate.as_slice()).unwrap();
    Valid {
        account_key_seed: person.account.to_secret_bytes().as_slice().into(),
        account_key: person.account.public().into(),
        account: person.account.account().as_bytes().into(),
        handle: handle.to_owned(),
        device: person.device.device().as_bytes().into(),
        signature_key: person.device.public().into(),
        suites: suites.iter().map(|suite| suite.number()).collect(),
        created_ms: person.request.created.0,
        expires_ms: person.request.expires.0,
        body: (&parts.body).into(),
        signed: certificate_input(&parts.body).into(),
        signature: (&parts.signature).into(),
        certificate: person.certificate.into(),
    }
}

impl Valid {
    fn check(&self) {
        let account = AccountKey::from_secret_bytes(&self.account_key_seed).unwrap();
        let request = CertificateRequest {
            handle: self.handle.clone(),
            device: DeviceId::new(self.device.array()),
            signature_key: self.signature_key.array(),
            suites: self
                .suites
                .iter()
                .map(|suite| Suite::try_from(*suite).unwrap())
                .collect(),
            created: Timestamp(self.created_ms),
            expires: Timestamp(self.expires_ms),
        };
        assert_eq!(account.certify(&request).unwrap(), *self.certificate);
        let read = Certificate::verify(&self.certificate).unwrap();
        assert_eq!(read.account.as_ref(), &*self.account);
        assert_eq!(read.account_key, *self.account_key);
        assert_eq!(read.handle, self.handle);
        assert_eq!(read.device.as_ref(), &*self.device);
        assert_eq!(read.signature_key, *self.signature_key);
        assert_eq!(read.suites, self.suites);
        assert_eq!(
            (read.created, read.expires),
            (request.created, request.expires)
        );
        assert_eq!(certificate_input(&self.body), *self.signed);
        verify(&self.account_key.array(), &self.signed, &self.signature).unwrap();
    }
}

/// A body by hand, so that it may be wrong.
fn body() -> v1::DeviceCertificateBody {
    let person = person(0x10, "ada");
    let parts = v1::DeviceCertificate::decode(person.certificate.as_slice()).unwrap();
    v1::DeviceCertificateBody::decode(parts.body).unwrap()
}

fn signed(body: &[u8]) -> Vec<u8> {
    let key = SigningKey::from_bytes(&[0x10; 32]);
    let signature = key.sign(&certificate_input(body)).to_bytes();
    assembled(body, &signature)
}

fn assembled(body: &[u8], signature: &[u8]) -> Vec<u8> {
    let certificate = v1::DeviceCertificate {
        body: body.to_vec().into(),
        signature: signature.to_vec().into(),
    };
    certificate.encode_to_vec()
}

fn later_fields() -> Vec<Readable> {
    let readable = |why: &str, certificate: Vec<u8>, body: &v1::DeviceCertificateBody| Readable {
        why: why.to_owned(),
        certificate: certificate.into(),
        handle: body.handle.clone(),
        suites: body
            .suites
            .iter()
            .map(|suite| u16::try_from(*suite).unwrap())
            .collect(),
    };
    let plain = body();
    // Field 100, a text of one letter.
    let mut longer = plain.encode_to_vec();
    longer.extend([0xa2, 0x06, 1, b'x']);
    let other = v1::DeviceCertificateBody {
        suites: vec![0x004f, 0x0001, 0x1234],
        ..body()
    };
    vec![
        readable(
            "a field of a later version in the body",
            signed(&longer),
            &plain,
        ),
        readable(
            "a suite of a later version",
            signed(&other.encode_to_vec()),
            &other,
        ),
    ]
}

fn dates() -> Vec<Dates> {
    let certificate = person(0x10, "ada").certificate;
    let slack = 2 * 60 * 60 * 1_000;
    let moments = [
        (NOW.0 - slack - 1, false),
        (NOW.0 - slack, true),
        (NOW.0, true),
        (LATER.0 + slack - 1, true),
        (LATER.0 + slack, false),
    ];
    let dates = moments.map(|(now_ms, may_be_added)| Dates {
        certificate: (&certificate).into(),
        now_ms,
        may_be_added,
    });
    dates.into()
}

fn case(why: &str, error: &str, certificate: Vec<u8>) -> Refused {
    Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        certificate: certificate.into(),
    }
}

fn malformed() -> Vec<Refused> {
    let with = |change: fn(&mut v1::DeviceCertificateBody)| {
        let mut body = body();
        change(&mut body);
        signed(&body.encode_to_vec())
    };
    let mut cut = signed(&body().encode_to_vec());
    cut.pop();
    let long = signed(&[0x3a, 0].repeat(MAX_CERTIFICATE / 2));
    vec![
        case("nothing", "malformed", Vec::new()),
        case("a byte is missing", "malformed", cut),
        case("over 2,048 bytes", "too_large", long),
        case(
            "an account id of 31 bytes",
            "malformed",
            with(|body| body.account.truncate(31)),
        ),
        case(
            "an account key of 31 bytes",
            "malformed",
            with(|body| body.account_key.truncate(31)),
        ),
        case(
            "a device id of 15 bytes",
            "malformed",
            with(|body| body.device.truncate(15)),
        ),
        case(
            "a signature key of 31 bytes",
            "malformed",
            with(|body| body.signature_key.truncate(31)),
        ),
        case(
            "a handle of 129 bytes",
            "too_large",
            with(|body| body.handle = "a".repeat(MAX_HANDLE + 1)),
        ),
        case("no suite", "malformed", with(|body| body.suites.clear())),
        case(
            "17 suites",
            "too_large",
            with(|body| body.suites = (1..).take(MAX_SUITES + 1).collect()),
        ),
        case(
            "a suite number of more than 16 bits",
            "malformed",
            with(|body| body.suites.push(0x1_0000)),
        ),
    ]
}

fn forged() -> Vec<Refused> {
    let body = body().encode_to_vec();
    let good = signed(&body);
    let parts = v1::DeviceCertificate::decode(good.as_slice()).unwrap();
    let mut flipped = parts.signature.to_vec();
    flipped[0] ^= 1;
    let other = v1::DeviceCertificateBody {
        account: [0; 32].to_vec().into(),
        ..self::body()
    };
    let key = SigningKey::from_bytes(&[0x10; 32]);
    let unlabelled = key.sign(&body).to_bytes();
    vec![
        case(
            "another account's id",
            "wrong_account",
            signed(&other.encode_to_vec()),
        ),
        case(
            "a bit of the signature is another",
            "forged",
            assembled(&body, &flipped),
        ),
        case(
            "signed without the label",
            "forged",
            assembled(&body, &unlabelled),
        ),
        case(
            "a signature of 63 bytes",
            "malformed",
            assembled(&body, &parts.signature[..63]),
        ),
        case("a bit of the body is another", "forged", {
            let changed = v1::DeviceCertificateBody {
                expires_ms: LATER.0 + 1,
                ..self::body()
            };
            assembled(&changed.encode_to_vec(), &parts.signature)
        }),
        case(
            "the signature's number S is not reduced (RFC 8032 section 5.1.7)",
            "forged",
            assembled(&body, &with_large_s(&parts.signature)),
        ),
        case(
            "a key of small order, for which one signature fits many inputs",
            "forged",
            small_order(),
        ),
    ]
}

/// The same signature with the group's order added to S: it solves the equation, and is not to be taken.
fn with_large_s(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut large = signature.to_vec();
    let mut carry = 0_u16;
    for (byte, order) in large[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    large
}

/// The neutral element as key and as R, S zero: the equation of RFC 8032 holds for every input.
fn small_order() -> Vec<u8> {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let body = v1::DeviceCertificateBody {
        account: account_id(&neutral).to_wire(),
        account_key: neutral.to_vec().into(),
        ..body()
    };
    assembled(&body.encode_to_vec(), &[neutral, [0; 32]].concat())
}
