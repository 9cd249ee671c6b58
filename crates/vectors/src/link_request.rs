//! `link-request.json`: what a new device shows a primary one.

use keyfold_protocol::identity::{DeviceToken, LinkRequest};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::DeviceId;
use serde::{Deserialize, Serialize};

use crate::cbor::{array, bytes, map, text, uint};
use crate::people::{device, person};
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct LinkRequests {
    valid: Vec<Valid>,
    readable: Vec<Readable>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    device: Hex,
    signature_seed: Hex,
    signature_key: Hex,
    suites: Vec<u16>,
    token: Hex,
    token_hash: Hex,
    signed: Hex,
    signature: Hex,
    request: Hex,
}

/// Taken by a reader; the suites are those that it knows.
#[derive(Serialize, Deserialize)]
struct Readable {
    why: String,
    suites: Vec<u16>,
    request: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    request: Hex,
}

impl Topic for LinkRequests {
    fn generate() -> Self {
        Self {
            valid: vec![valid(&Suite::ALL), valid(&[Suite::Classic])],
            readable: readable(),
            refused: refusals(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let keys = device(DeviceId::new(one.device.array()), &one.signature_seed);
            let token = DeviceToken::from_secret_bytes(&one.token).unwrap();
            let suites: Vec<Suite> = one
                .suites
                .iter()
                .map(|suite| Suite::try_from(*suite).unwrap())
                .collect();
            assert_eq!(LinkRequest::encode(&keys, &suites, &token), *one.request);
            assert_eq!(keys.sign(&one.signed), *one.signature);
            let read = LinkRequest::verify(&one.request).unwrap();
            assert_eq!(read.device.as_ref(), &*one.device);
            assert_eq!(read.signature_key, *one.signature_key);
            assert_eq!(read.suites, suites);
            assert_eq!(read.token_hash, *one.token_hash);
        }
        for one in &self.readable {
            let read = LinkRequest::verify(&one.request).expect(&one.why);
            let suites: Vec<u16> = read.suites.iter().map(|suite| suite.number()).collect();
            assert_eq!(suites, one.suites, "{}", one.why);
        }
        for one in &self.refused {
            refused(&one.why, LinkRequest::verify(&one.request), &one.error);
        }
    }
}

fn token() -> DeviceToken {
    DeviceToken::from_secret_bytes(&[0x77; 32]).unwrap()
}

fn signed(suites: &[u16]) -> Vec<u8> {
    let keys = person(0x10, "ada").device;
    let mut signed = b"keyfold device link v1\0".to_vec();
    signed.extend(keys.device().as_bytes());
    signed.extend(keys.public());
    signed.extend(token().hash());
    for suite in suites {
        signed.extend(suite.to_be_bytes());
    }
    signed
}

fn valid(suites: &[Suite]) -> Valid {
    let keys = person(0x10, "ada").device;
    let numbers: Vec<u16> = suites.iter().map(|suite| suite.number()).collect();
    let signed = signed(&numbers);
    Valid {
        device: keys.device().as_bytes().into(),
        signature_seed: keys.seed().as_slice().into(),
        signature_key: keys.public().into(),
        suites: numbers,
        token: token().to_secret_bytes().as_slice().into(),
        token_hash: token().hash().into(),
        signature: keys.sign(&signed).into(),
        signed: signed.into(),
        request: LinkRequest::encode(&keys, suites, &token()).into(),
    }
}

/// The entries of a request, signed as they should be.
fn entries(suites: &[u16]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys = person(0x10, "ada").device;
    let numbers: Vec<Vec<u8>> = suites.iter().map(|suite| uint((*suite).into())).collect();
    let values = [
        uint(1),
        bytes(keys.device().as_bytes()),
        bytes(&keys.public()),
        array(&numbers),
        bytes(&token().hash()),
        bytes(&keys.sign(&signed(suites))),
    ];
    (0..).map(uint).zip(values).collect()
}

fn readable() -> Vec<Readable> {
    let mut longer = entries(&[0x4f, 1]);
    longer.push((uint(6), text("of a later version")));
    longer.push((text("name"), array(&[uint(1), text("x")])));
    let case = |why: &str, suites: &[u16], request: Vec<u8>| Readable {
        why: why.to_owned(),
        suites: suites.to_vec(),
        request: request.into(),
    };
    vec![
        case("further entries are passed over", &[0x4f, 1], map(&longer)),
        case(
            "suites that are not known are left out",
            &[1],
            map(&entries(&[0x1234, 1])),
        ),
    ]
}

fn refusals() -> Vec<Refused> {
    let case = |why: &str, error: &str, request: Vec<u8>| Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        request: request.into(),
    };
    let good = || entries(&[0x4f, 1]);
    let with = |place: usize, value: Vec<u8>| {
        let mut entries = good();
        entries[place].1 = value;
        map(&entries)
    };
    let mut swapped = good();
    swapped.swap(1, 2);
    let mut padded = good();
    padded.push((uint(6), bytes(&[0; 1_024])));
    let many: Vec<u16> = (1..=17).collect();
    vec![
        case("nothing", "malformed", Vec::new()),
        case("of a later version", "newer_version", with(0, uint(2))),
        case(
            "a device id of 15 bytes",
            "malformed",
            with(1, bytes(&[0x11; 15])),
        ),
        case(
            "another device than was signed",
            "forged",
            with(1, bytes(&[0x99; 16])),
        ),
        case(
            "another token than was signed",
            "forged",
            with(4, bytes(&[0; 32])),
        ),
        case(
            "other suites than were signed",
            "forged",
            with(3, array(&[uint(1)])),
        ),
        case(
            "a signature by another key",
            "forged",
            with(
                5,
                bytes(&person(0x20, "bo").device.sign(&signed(&[0x4f, 1]))),
            ),
        ),
        case("17 suites", "malformed", map(&entries(&many))),
        case("entries in another order", "malformed", map(&swapped)),
        case("the signature is missing", "malformed", map(&good()[..5])),
        case(
            "a byte behind the map",
            "malformed",
            [map(&good()), vec![0]].concat(),
        ),
        case("over 1,024 bytes", "malformed", map(&padded)),
        case("a map of indefinite length", "malformed", {
            let definite = map(&good());
            [&[0xbf], &definite[1..], &[0xff]].concat()
        }),
    ]
}
