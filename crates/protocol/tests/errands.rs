//! Errands: welcomes that carry one message. One encoding for each, its limits, and what is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::limits::{MAX_MOVES, MAX_NAMED};
use keyfold_protocol::state::{ConversationState, Errand, Kind, Place, StateError};
use keyfold_wire::ids::{AccountId, ConversationHandle};
use keyfold_wire::limits::MAX_KEY_PACKAGE;
use minicbor::Encoder;
use people::{HANDLE, ID};

/// The state of an errand of this number with these bytes.
fn errand(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut known = ConversationState::errand(ID, HANDLE, Errand::NotAMember).encode();
    assert_eq!(known.split_off(known.len() - 3), b"\x82\x01\x40");
    let mut encoder = Encoder::new(known);
    let written = encoder.array(2).unwrap().u8(number).unwrap().bytes(bytes);
    assert!(written.is_ok());
    encoder.into_writer()
}

const PLACE: Place = Place {
    moves: 0x0102,
    handle: ConversationHandle::new([5; 32]),
};

fn place() -> Vec<u8> {
    [b"\0\0\0\0\0\0\x01\x02".as_slice(), &[5; 32]].concat()
}

fn at_the_place(then: &[u8]) -> Vec<u8> {
    [&place(), then].concat()
}

fn ids(bytes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    bytes.into_iter().flat_map(|byte| [byte; 32]).collect()
}

fn accounts(bytes: impl IntoIterator<Item = u8>) -> Vec<AccountId> {
    let ids = bytes.into_iter();
    ids.map(|byte| AccountId::new([byte; 32])).collect()
}

#[test]
fn every_errand_has_the_documented_encoding() {
    let largest = vec![7; MAX_KEY_PACKAGE];
    let most = u8::try_from(MAX_NAMED).unwrap();
    let cases = [
        (0, b"key".to_vec(), Errand::LetMeIn(b"key".to_vec())),
        (0, largest.clone(), Errand::LetMeIn(largest.clone())),
        (1, Vec::new(), Errand::NotAMember),
        (2, place(), Errand::NotFollowed(PLACE)),
        (3, ids([9]), Errand::AskThese(accounts([9]))),
        (3, ids([3, 4]), Errand::AskThese(accounts([3, 4]))),
        (3, ids(0..most), Errand::AskThese(accounts(0..most))),
        (
            4,
            at_the_place(b"key"),
            Errand::StandsAt(PLACE, b"key".to_vec()),
        ),
        (
            4,
            at_the_place(&largest),
            Errand::StandsAt(PLACE, largest.clone()),
        ),
    ];
    for (number, bytes, says) in cases {
        let state = ConversationState::errand(ID, HANDLE, says.clone());
        assert_eq!(state.encode(), errand(number, &bytes), "{says:?}");
        let read = ConversationState::decode(&state.encode()).unwrap();
        assert_eq!(read.as_errand(), Some(&says));
        assert_eq!((read.kind, &read), (Kind::Errand, &state));
    }
}

#[test]
fn an_errand_keeps_its_limits() {
    let larger = vec![7; MAX_KEY_PACKAGE + 1];
    let more = u8::try_from(MAX_NAMED + 1).unwrap();
    let further = [(MAX_MOVES + 1).to_be_bytes().as_slice(), &[5; 32]].concat();
    for (number, bytes) in [
        (0, larger.clone()),
        (2, further.clone()),
        (3, ids(0..more)),
        (4, at_the_place(&larger)),
        (4, further),
    ] {
        let read = ConversationState::decode(&errand(number, &bytes));
        assert_eq!(read, Err(StateError::TooLarge), "{number}");
    }
}

#[test]
fn what_is_no_errand_is_refused() {
    let malformed = StateError::Malformed;
    let cases = [
        ("an answer with more to it", 1, b"key".to_vec(), malformed),
        ("no place", 2, Vec::new(), malformed),
        ("half a place", 2, vec![0; 39], malformed),
        ("more than a place", 2, vec![0; 41], malformed),
        ("nobody to ask", 3, Vec::new(), malformed),
        ("somebody and a half", 3, vec![0; 48], malformed),
        ("half of somebody", 3, vec![0; 31], malformed),
        ("somebody twice", 3, ids([4, 4]), malformed),
        ("in falling order", 3, ids([4, 3]), malformed),
        ("nowhere", 4, vec![0; 39], malformed),
        (
            "of a later version",
            5,
            Vec::new(),
            StateError::NewerVersion,
        ),
    ];
    for (what, number, bytes, error) in cases {
        let read = ConversationState::decode(&errand(number, &bytes));
        assert_eq!(read, Err(error), "{what}");
    }
}
