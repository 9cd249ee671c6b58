//! `roster.json`: delivery addresses in leaf order, the hashes that a server hands out, and their check.

use keyfold_protocol::roster::Roster;
use keyfold_protocol::rules::{LeafIndex, LeafView};
use keyfold_wire::roster::{self, RosterKey};
use keyfold_wire::v1;
use serde::{Deserialize, Serialize};

use crate::people::person;
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Rosters {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
    refused_addresses: Vec<RefusedAddress>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    addresses: Vec<Hex>,
    roster_hash: Hex,
    roster_key: Hex,
    roster_key_hash: Hex,
}

/// What a server says it opened, for a commit whose next roster and key are these.
#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    addresses: Vec<Hex>,
    roster_key: Hex,
    said: Option<Said>,
}

#[derive(Serialize, Deserialize)]
struct Said {
    roster_hash: Hex,
    roster_key_hash: Hex,
}

/// No delivery address for a leaf.
#[derive(Serialize, Deserialize)]
struct RefusedAddress {
    why: String,
    error: String,
    address: Option<Hex>,
}

const KEY: [u8; 32] = [0x5c; 32];

impl Topic for Rosters {
    fn generate() -> Self {
        let rosters: [&[&[u8]]; 4] = [
            &[&[0xad; 56]],
            &[&[1], &[2; 128], &[3; 56]],
            &[b"ab", b"c"],
            &[b"a", b"bc"],
        ];
        Self {
            valid: rosters.map(valid).into(),
            refused: refusals(),
            refused_addresses: vec![
                RefusedAddress {
                    why: "none".to_owned(),
                    error: "address_missing".to_owned(),
                    address: None,
                },
                RefusedAddress {
                    why: "an empty one".to_owned(),
                    error: "address_missing".to_owned(),
                    address: Some(Hex::default()),
                },
                RefusedAddress {
                    why: "129 bytes".to_owned(),
                    error: "address_too_long".to_owned(),
                    address: Some([1; 129].into()),
                },
            ],
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let key = RosterKey::new(one.roster_key.array());
            let roster = of(&one.addresses);
            assert_eq!(roster.hash(), *one.roster_hash);
            assert_eq!(roster::key_hash(&key), *one.roster_key_hash);
            let said = v1::CommitCheck {
                roster_hash: one.roster_hash.0.clone().into(),
                roster_key_hash: one.roster_key_hash.0.clone().into(),
            };
            roster.check(&key, Some(&said)).unwrap();
        }
        for one in &self.refused {
            let said = one.said.as_ref().map(|said| v1::CommitCheck {
                roster_hash: said.roster_hash.0.clone().into(),
                roster_key_hash: said.roster_key_hash.0.clone().into(),
            });
            let key = RosterKey::new(one.roster_key.array());
            refused(
                &one.why,
                of(&one.addresses).check(&key, said.as_ref()),
                &one.error,
            );
        }
        for one in &self.refused_addresses {
            let leaf = leaf(0, one.address.as_deref());
            refused(&one.why, leaf, &one.error);
        }
    }
}

fn leaf(
    index: u32,
    address: Option<&[u8]>,
) -> Result<LeafView, keyfold_protocol::rules::Violation> {
    let ada = person(0x10, "ada");
    LeafView::verify(
        LeafIndex(index),
        &ada.certificate,
        &ada.device.public(),
        address,
    )
}

/// The roster of leaves with these addresses, given last leaf first.
fn of(addresses: &[Hex]) -> Roster {
    let mut leaves: Vec<LeafView> = (0..)
        .zip(addresses)
        .map(|(index, address)| leaf(index, Some(address)).unwrap())
        .collect();
    leaves.reverse();
    Roster::of(&leaves)
}

fn valid(addresses: &[&[u8]]) -> Valid {
    Valid {
        addresses: addresses.iter().map(Hex::from).collect(),
        roster_hash: roster::hash(addresses).into(),
        roster_key: KEY.into(),
        roster_key_hash: roster::key_hash(&RosterKey::new(KEY)).into(),
    }
}

fn refusals() -> Vec<Refused> {
    let addresses: [&[u8]; 2] = [&[1; 56], &[2; 56]];
    let case = |why: &str, error: &str, said: Option<(&[u8], &[u8])>| Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        addresses: addresses.iter().map(Hex::from).collect(),
        roster_key: KEY.into(),
        said: said.map(|(roster, key)| Said {
            roster_hash: roster.into(),
            roster_key_hash: key.into(),
        }),
    };
    let (hash, key_hash) = (
        roster::hash(&addresses),
        roster::key_hash(&RosterKey::new(KEY)),
    );
    let turned = roster::hash(&[addresses[1], addresses[0]]);
    let shorter = roster::hash(&addresses[..1]);
    vec![
        case("nothing is said", "missing", None),
        case(
            "a roster hash of 31 bytes",
            "malformed",
            Some((&hash[..31], &key_hash)),
        ),
        case(
            "a key hash of 33 bytes",
            "malformed",
            Some((&hash, &[0; 33])),
        ),
        case(
            "the addresses in another order",
            "roster",
            Some((&turned, &key_hash)),
        ),
        case(
            "an address is missing",
            "roster",
            Some((&shorter, &key_hash)),
        ),
        case(
            "another key",
            "key",
            Some((&hash, &roster::key_hash(&RosterKey::new([0; 32])))),
        ),
        case("the key itself", "key", Some((&hash, &KEY))),
    ]
}
