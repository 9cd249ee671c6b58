//! `safety-number.json`: what two people compare.

use keyfold_protocol::identity::{Person, SafetyNumber};
use keyfold_wire::certificate::account_id;
use keyfold_wire::ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct SafetyNumbers {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Side {
    account: Hex,
    account_key: Hex,
    fingerprint: String,
}

/// `qr` is what the first side shows, and the other scans.
#[derive(Serialize, Deserialize)]
struct Valid {
    one: Side,
    other: Side,
    number: String,
    qr: String,
}

/// `qr`, scanned by the first side, does not confirm the other.
#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    one: Side,
    other: Side,
    qr: String,
}

impl Topic for SafetyNumbers {
    fn generate() -> Self {
        let [ada, bo, eve] = [1, 2, 3].map(|key| first_key([key; 32]));
        // An account whose key has been rotated: its id is of its first key.
        let rotated = Person {
            account_key: [9; 32],
            ..bo
        };
        Self {
            valid: vec![valid(&ada, &bo), valid(&bo, &ada), valid(&ada, &rotated)],
            refused: refusals(&ada, &bo, &eve),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let (left, right) = (one.one.person(), one.other.person());
            let (ours, theirs) = (
                SafetyNumber::new(&left, &right),
                SafetyNumber::new(&right, &left),
            );
            assert_eq!(left.fingerprint().to_string(), one.one.fingerprint);
            assert_eq!(right.fingerprint().to_string(), one.other.fingerprint);
            assert_eq!(ours.to_string(), one.number);
            assert_eq!(theirs.to_string(), one.number);
            assert_eq!(ours.qr(), one.qr);
            theirs.check_scan(&one.qr).unwrap();
        }
        for one in &self.refused {
            let ours = SafetyNumber::new(&one.one.person(), &one.other.person());
            refused(&one.why, ours.check_scan(&one.qr), &one.error);
        }
    }
}

fn first_key(account_key: [u8; 32]) -> Person {
    Person {
        account: account_id(&account_key),
        account_key,
    }
}

impl Side {
    fn of(person: &Person) -> Self {
        Self {
            account: person.account.as_bytes().into(),
            account_key: person.account_key.into(),
            fingerprint: person.fingerprint().to_string(),
        }
    }

    fn person(&self) -> Person {
        Person {
            account: AccountId::new(self.account.array()),
            account_key: self.account_key.array(),
        }
    }
}

fn valid(one: &Person, other: &Person) -> Valid {
    let number = SafetyNumber::new(one, other);
    Valid {
        one: Side::of(one),
        other: Side::of(other),
        number: number.to_string(),
        qr: number.qr(),
    }
}

fn refusals(ada: &Person, bo: &Person, eve: &Person) -> Vec<Refused> {
    let case = |why: &str, error: &str, qr: String| Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        one: Side::of(ada),
        other: Side::of(bo),
        qr,
    };
    let good = SafetyNumber::new(bo, ada).qr();
    vec![
        case(
            "one's own code",
            "different",
            SafetyNumber::new(ada, bo).qr(),
        ),
        case(
            "somebody else's code",
            "different",
            SafetyNumber::new(eve, ada).qr(),
        ),
        case(
            "they see another key of ours",
            "different",
            SafetyNumber::new(bo, eve).qr(),
        ),
        case(
            "of a later version",
            "newer_version",
            good.replace(":1:", ":2:"),
        ),
        case("something else", "other", "https://example.org".to_owned()),
        case(
            "a half is too short",
            "other",
            good[..good.len() - 2].to_owned(),
        ),
    ]
}
