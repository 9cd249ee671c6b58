//! Whom any member may let in: a device that the same commit removes, and nobody who only looks like it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::identity::DeviceKeys;
use keyfold_protocol::rules::{CommitFacts, Violation};
use people::town::*;

/// Dee, who may add nobody, takes her laptop out and puts a device in its place that bears the same id.
#[test]
fn a_stranger_does_not_come_in_under_the_id_of_a_device_that_goes() {
    let mut town = Town::new();
    let laptop = &town.devices[DEES_LAPTOP.0 as usize].keys;
    let mut stored = DeviceKeys::generate(&mut town.rng).to_secret_bytes();
    stored[..16].copy_from_slice(laptop.device().as_bytes());
    let keys = DeviceKeys::from_secret_bytes(stored.as_slice()).unwrap();
    assert_eq!(keys.device(), laptop.device());
    let mut commit = CommitFacts {
        added: vec![town.fay.leaf_of(&keys, DEES_LAPTOP.0, BOTH, b"fays")],
        ..town.removes(DEE, &[DEES_LAPTOP])
    };
    assert_eq!(town.judge(&commit), Err(Violation::MayNotAdd));
    commit.committer = ADA;
    assert_eq!(town.judge(&commit), Ok(()), "ada may add and remove");
}

/// Cy wants to give dee another device than the one that he takes out.
#[test]
fn another_device_of_the_account_does_not_come_back() {
    let mut town = Town::new();
    let other = town.dee.device(DEE.0, BOTH, &mut town.rng).leaf;
    let commit = CommitFacts {
        added: vec![other],
        ..town.removes(CY, &[DEE])
    };
    assert_eq!(town.judge(&commit), Err(Violation::MayNotAdd));
}
