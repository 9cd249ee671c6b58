//! `welcome.json`: a Welcome taken apart for its joiners, and put together by one of them.
//!
//! What is sealed in it is of no concern here and therefore stands for itself: only the form counts.

use keyfold_protocol::padding::pad;
use keyfold_protocol::welcome::{key_package_ref, rebuild, split, suite_number};
use keyfold_wire::limits::{MAX_GROUP_INFO, MAX_WELCOME_SECRETS};
use serde::{Deserialize, Serialize};

use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Welcomes {
    valid: Vec<Valid>,
    refused_whole: Vec<RefusedWhole>,
    refused_parts: Vec<RefusedParts>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    suite: u16,
    mls_message: Hex,
    group_info: Hex,
    joiners: Vec<Joiner>,
}

#[derive(Serialize, Deserialize)]
struct Joiner {
    key_package_ref: Hex,
    secrets: Hex,
    rebuilt: Hex,
}

/// Cannot be taken apart.
#[derive(Serialize, Deserialize)]
struct RefusedWhole {
    why: String,
    error: String,
    mls_message: Hex,
}

/// Cannot be put together.
#[derive(Serialize, Deserialize)]
struct RefusedParts {
    why: String,
    error: String,
    secrets: Hex,
    group_info: Hex,
}

impl Topic for Welcomes {
    fn generate() -> Self {
        let valid = vec![
            valid(0x0001, &[1], b"sealed group info"),
            valid(0x004f, &[1, 2, 3], &[0x61; 1_000]),
        ];
        Self {
            valid,
            refused_whole: refused_whole(),
            refused_parts: refused_parts(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let taken = split(&one.mls_message).unwrap();
            assert_eq!(taken.group_info, *one.group_info);
            assert_eq!(taken.joiners.len(), one.joiners.len());
            for (made, joiner) in taken.joiners.iter().zip(&one.joiners) {
                assert_eq!(made.key_package_ref, *joiner.key_package_ref);
                assert_eq!(made.secrets, *joiner.secrets);
                assert_eq!(
                    key_package_ref(&joiner.secrets).unwrap(),
                    *joiner.key_package_ref
                );
                assert_eq!(suite_number(&joiner.secrets).unwrap(), one.suite);
                assert_eq!(
                    rebuild(&joiner.secrets, &one.group_info).unwrap(),
                    *joiner.rebuilt
                );
            }
        }
        for one in &self.refused_whole {
            refused(&one.why, split(&one.mls_message), &one.error);
        }
        for one in &self.refused_parts {
            refused(&one.why, rebuild(&one.secrets, &one.group_info), &one.error);
        }
    }
}

/// A vector behind its length (RFC 9420 section 2.1.2).
fn vector(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let head = match length {
        0..=0x3f => length.to_be_bytes()[3..].to_vec(),
        0x40..=0x3fff => (length | 0x4000).to_be_bytes()[2..].to_vec(),
        _ => (length | 0x8000_0000).to_be_bytes().to_vec(),
    };
    [head, bytes.to_vec()].concat()
}

fn group_secrets(joiner: u8) -> Vec<u8> {
    [
        vector(&[joiner; 32]),
        vector(&[joiner + 0x10; 32]),
        vector(&[joiner + 0x20; 80]),
    ]
    .concat()
}

fn message(suite: u16, secrets: &[u8], group_info: &[u8]) -> Vec<u8> {
    let suite = suite.to_be_bytes();
    [
        [0, 1, 0, 3].as_slice(),
        &suite,
        &vector(secrets),
        &vector(group_info),
    ]
    .concat()
}

fn valid(suite: u16, joiners: &[u8], group_info: &[u8]) -> Valid {
    let secrets: Vec<Vec<u8>> = joiners
        .iter()
        .map(|joiner| group_secrets(*joiner))
        .collect();
    Valid {
        suite,
        mls_message: message(suite, &secrets.concat(), group_info).into(),
        group_info: pad(group_info).unwrap().into(),
        joiners: joiners
            .iter()
            .zip(&secrets)
            .map(|(joiner, entry)| Joiner {
                key_package_ref: [*joiner; 32].into(),
                secrets: [&suite.to_be_bytes(), entry.as_slice()].concat().into(),
                rebuilt: message(suite, entry, group_info).into(),
            })
            .collect(),
    }
}

fn refused_whole() -> Vec<RefusedWhole> {
    let case = |why: &str, error: &str, mls_message: Vec<u8>| RefusedWhole {
        why: why.to_owned(),
        error: error.to_owned(),
        mls_message: mls_message.into(),
    };
    let good = message(1, &group_secrets(1), b"info");
    let mut other_kind = good.clone();
    other_kind[3] = 2;
    let long = [
        vector(&[1; 32]),
        vector(&[2; MAX_WELCOME_SECRETS]),
        vector(&[3; 80]),
    ]
    .concat();
    let head = [0, 1, 0, 3, 0, 1];
    let lengthy = [
        head.as_slice(),
        &vector(&group_secrets(1)),
        &[0x40, 4],
        b"info",
    ]
    .concat();
    vec![
        case("nothing", "malformed", Vec::new()),
        case("another kind of MLSMessage", "malformed", other_kind),
        case(
            "a byte behind it",
            "malformed",
            [good.clone(), vec![0]].concat(),
        ),
        case("cut off", "malformed", good[..good.len() - 1].to_vec()),
        case("without joiners", "malformed", message(1, &[], b"info")),
        case(
            "half a joiner",
            "malformed",
            message(1, &group_secrets(1)[..40], b"info"),
        ),
        case("a length in more bytes than it needs", "malformed", lengthy),
        case(
            "a joiner's part over 4 KiB",
            "too_large",
            message(1, &long, b"info"),
        ),
        case(
            "a group info that is over 8 MiB when padded",
            "too_large",
            message(1, &group_secrets(1), &vec![0; MAX_GROUP_INFO - 3]),
        ),
    ]
}

fn refused_parts() -> Vec<RefusedParts> {
    let case = |why: &str, error: &str, secrets: Vec<u8>, group_info: Vec<u8>| RefusedParts {
        why: why.to_owned(),
        error: error.to_owned(),
        secrets: secrets.into(),
        group_info: group_info.into(),
    };
    let secrets = || [vec![0, 1], group_secrets(1)].concat();
    let info = || pad(b"info").unwrap();
    let two = [secrets(), group_secrets(2)].concat();
    vec![
        case("no part", "malformed", Vec::new(), info()),
        case("two joiners in one part", "malformed", two, info()),
        case(
            "a part that is cut off",
            "malformed",
            secrets()[..50].to_vec(),
            info(),
        ),
        case(
            "a part over 4 KiB",
            "too_large",
            vec![0; MAX_WELCOME_SECRETS + 1],
            info(),
        ),
        case(
            "a group info without padding",
            "malformed",
            secrets(),
            b"info".to_vec(),
        ),
        case(
            "padding that is not zero",
            "malformed",
            secrets(),
            vec![0, 0, 0, 5, 1, 2, 3, 4, 5, 1],
        ),
        case(
            "a group info over 8 MiB",
            "too_large",
            secrets(),
            vec![0; MAX_GROUP_INFO + 1],
        ),
    ]
}
