//! `leave-proof.json`: a member's signed word that its account leaves, and how a commit carries it.

use keyfold_protocol::leave::LeaveProof;
use keyfold_wire::certificate::verify;
use keyfold_wire::ids::{AccountId, DeviceId};
use serde::{Deserialize, Serialize};

use crate::cbor::{array, bytes};
use crate::people::{device, leaf, person};
use crate::{Hex, Topic};

#[derive(Serialize, Deserialize)]
pub(crate) struct LeaveProofs {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
    lists: Vec<List>,
    refused_lists: Vec<RefusedList>,
}

/// The leaf has this certificate and address; `authenticated_data` is that of a commit that shows this proof alone.
#[derive(Serialize, Deserialize)]
struct Valid {
    group_id: Hex,
    certificate: Hex,
    address: Hex,
    account: Hex,
    device: Hex,
    signature_seed: Hex,
    signed: Hex,
    signature: Hex,
    authenticated_data: Hex,
}

/// No proof for a leaf with this certificate and address in this group.
#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    group_id: Hex,
    certificate: Hex,
    address: Hex,
    account: Hex,
    device: Hex,
    signature: Hex,
}

#[derive(Serialize, Deserialize)]
struct List {
    proofs: Vec<Listed>,
    authenticated_data: Hex,
}

#[derive(Serialize, Deserialize)]
struct Listed {
    account: Hex,
    device: Hex,
    signature: Hex,
}

#[derive(Serialize, Deserialize)]
struct RefusedList {
    why: String,
    authenticated_data: Hex,
}

const GROUP_ID: [u8; 32] = [0x61; 32];
const ADDRESS: [u8; 56] = [0xad; 56];

impl Topic for LeaveProofs {
    fn generate() -> Self {
        Self {
            valid: vec![valid(&GROUP_ID, &ADDRESS), valid(&[1], &[0; 128])],
            refused: refusals(),
            lists: lists(),
            refused_lists: refused_lists(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let leaf = leaf(&one.certificate, &one.address);
            let keys = device(leaf.device(), &one.signature_seed);
            let made = LeaveProof::make(&keys, &one.group_id, &leaf);
            assert_eq!(made.signature(), one.signature.as_ref());
            assert_eq!(made.account.as_ref(), &*one.account);
            assert_eq!(made.device.as_ref(), &*one.device);
            verify(&keys.public(), &one.signed, &one.signature).unwrap();
            assert!(made.is_valid(&one.group_id, &leaf));
            assert_eq!(LeaveProof::encode_list(&[made]), *one.authenticated_data);
            assert_eq!(
                LeaveProof::decode_list(&one.authenticated_data),
                Ok(vec![made])
            );
        }
        for one in &self.refused {
            let proof = proof(&one.account, &one.device, &one.signature);
            let leaf = leaf(&one.certificate, &one.address);
            assert!(!proof.is_valid(&one.group_id, &leaf), "{}", one.why);
        }
        for one in &self.lists {
            let listed = |one: &Listed| proof(&one.account, &one.device, &one.signature);
            let proofs: Vec<LeaveProof> = one.proofs.iter().map(listed).collect();
            assert_eq!(LeaveProof::encode_list(&proofs), *one.authenticated_data);
            assert_eq!(LeaveProof::decode_list(&one.authenticated_data), Ok(proofs));
        }
        for one in &self.refused_lists {
            let read = LeaveProof::decode_list(&one.authenticated_data);
            assert!(read.is_err(), "{}", one.why);
        }
    }
}

fn proof(account: &Hex, device: &Hex, signature: &Hex) -> LeaveProof {
    let account = AccountId::new(account.array());
    LeaveProof::new(account, DeviceId::new(device.array()), signature.array())
}

fn signed(group_id: &[u8], account: &[u8], address: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [
        b"keyfold leave v1\0",
        length(group_id).as_slice(),
        group_id,
        account,
        &length(address),
        address,
    ]
    .concat()
}

fn valid(group_id: &[u8], address: &[u8]) -> Valid {
    let ada = person(0x10, "ada");
    let proof = LeaveProof::make(&ada.device, group_id, &leaf(&ada.certificate, address));
    Valid {
        group_id: group_id.into(),
        certificate: (&ada.certificate).into(),
        address: address.into(),
        account: proof.account.as_bytes().into(),
        device: proof.device.as_bytes().into(),
        signature_seed: ada.device.seed().as_slice().into(),
        signed: signed(group_id, proof.account.as_bytes(), address).into(),
        signature: proof.signature().into(),
        authenticated_data: LeaveProof::encode_list(&[proof]).into(),
    }
}

fn refusals() -> Vec<Refused> {
    let (ada, bo) = (person(0x10, "ada"), person(0x20, "bo"));
    let account = ada.account.account();
    let case = |why: &str, signature: [u8; 64]| Refused {
        why: why.to_owned(),
        group_id: GROUP_ID.into(),
        certificate: (&ada.certificate).into(),
        address: ADDRESS.into(),
        account: account.as_bytes().into(),
        device: ada.device.device().as_bytes().into(),
        signature: signature.into(),
    };
    let sign = |group_id: &[u8], address: &[u8]| {
        ada.device
            .sign(&signed(group_id, account.as_bytes(), address))
    };
    let good = sign(&GROUP_ID, &ADDRESS);
    vec![
        case("for another group", sign(&[0x62; 32], &ADDRESS)),
        case(
            "for the address of an earlier joining",
            sign(&GROUP_ID, &[0xae; 56]),
        ),
        case(
            "by another device's key",
            bo.device
                .sign(&signed(&GROUP_ID, account.as_bytes(), &ADDRESS)),
        ),
        case(
            "without the lengths",
            ada.device.sign(
                &[
                    b"keyfold leave v1\0",
                    GROUP_ID.as_slice(),
                    account.as_bytes(),
                    &ADDRESS,
                ]
                .concat(),
            ),
        ),
        Refused {
            account: bo.account.account().as_bytes().into(),
            ..case("the leaf is of another account than the proof says", good)
        },
        Refused {
            device: [0x99; 16].into(),
            ..case("the leaf is of another device than the proof says", good)
        },
    ]
}

fn lists() -> Vec<List> {
    let proofs = |count: u8| -> Vec<Listed> {
        (0..count)
            .map(|number| Listed {
                account: [number; 32].into(),
                device: [number + 1; 16].into(),
                signature: [number + 2; 64].into(),
            })
            .collect()
    };
    let list = |listed: Vec<Listed>| {
        let encoded: Vec<LeaveProof> = listed
            .iter()
            .map(|one| proof(&one.account, &one.device, &one.signature))
            .collect();
        List {
            proofs: listed,
            authenticated_data: LeaveProof::encode_list(&encoded).into(),
        }
    };
    vec![list(proofs(0)), list(proofs(2))]
}

fn refused_lists() -> Vec<RefusedList> {
    let case = |why: &str, data: Vec<u8>| RefusedList {
        why: why.to_owned(),
        authenticated_data: data.into(),
    };
    let one = |account: usize, device: usize, signature: usize| {
        array(&[
            bytes(&vec![1; account]),
            bytes(&vec![2; device]),
            bytes(&vec![3; signature]),
        ])
    };
    let good = one(32, 16, 64);
    vec![
        case(
            "an empty array: without proofs there is no authenticated data",
            array(&[]),
        ),
        case("not an array", bytes(b"x")),
        case("an account id of 31 bytes", array(&[one(31, 16, 64)])),
        case("a device id of 17 bytes", array(&[one(32, 17, 64)])),
        case("a signature of 63 bytes", array(&[one(32, 16, 63)])),
        case(
            "a fourth field",
            array(&[array(&[
                bytes(&[1; 32]),
                bytes(&[2; 16]),
                bytes(&[3; 64]),
                bytes(&[]),
            ])]),
        ),
        case(
            "a byte behind the array",
            [array(std::slice::from_ref(&good)), vec![0]].concat(),
        ),
        case(
            "an array of indefinite length",
            [[0x9f].as_slice(), &good, &[0xff]].concat(),
        ),
        case("cut off", array(&[good])[..100].to_vec()),
    ]
}
