//! One story with trouble at operations of one disk. `cargo xtask sim --every-operation` tries all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use keyfold_sim::story::{Book, Whose, every};

/// Every so many operations of each chapter.
const STRIDE: u64 = 211;

#[test]
fn without_trouble_the_story_ends_well() {
    let book = Book::write();
    assert_eq!(book.wrong, Vec::<String>::new());
    for (whose, operations) in Whose::EACH.into_iter().zip(book.operations) {
        assert!(operations > 400, "{whose:?} has {operations}");
    }
}

fn ends_well(whose: Whose, offset: u64) {
    let sum = every(&Book::write(), whose, offset, STRIDE);
    assert!(sum.operations > 4, "{} operations", sum.operations);
    assert!(sum.wrong.is_empty(), "{:#?}", sum.wrong);
}

#[test]
fn wherever_a_device_stops() {
    ends_well(Whose::Device, 40);
}

#[test]
fn wherever_a_device_that_is_linked_stops() {
    ends_well(Whose::Linked, 17);
}

#[test]
fn wherever_the_server_stops() {
    ends_well(Whose::Server, 29);
}
