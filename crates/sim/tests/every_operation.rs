//! One story with trouble at operations of one disk. `cargo xtask sim --every-operation` tries all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use keyfold_sim::story::{Whose, every, tell};

/// Every so many operations, from a different one for each disk.
const STRIDE: u64 = 97;

#[test]
fn without_trouble_the_story_ends_well() {
    for whose in Whose::EACH {
        let telling = tell(whose, None);
        assert_eq!(telling.wrong, Vec::<String>::new(), "{whose:?}");
        eprintln!("{whose:?}: {} operations", telling.operations);
        assert!(telling.operations > 200, "{}", telling.operations);
    }
}

fn ends_well(whose: Whose, offset: u64) {
    let sum = every(whose, offset, STRIDE);
    eprintln!("{whose:?}: {} tellings, {:?}", sum.tellings, sum.faults);
    assert!(sum.operations > 2, "{} operations", sum.operations);
    assert!(sum.wrong.is_empty(), "{:#?}", sum.wrong);
}

#[test]
fn wherever_a_device_stops() {
    ends_well(Whose::Device, 5);
}

#[test]
fn wherever_a_device_that_is_linked_stops() {
    ends_well(Whose::Linked, 17);
}

#[test]
fn wherever_the_server_stops() {
    ends_well(Whose::Server, 29);
}
