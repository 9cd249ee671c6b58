//! What a later version writes into a conversation's state: kept byte for byte if it is CBOR of definite length that does not nest deep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::limits::MAX_CBOR_DEPTH;
use keyfold_protocol::state::{ConversationState, Name, StateError};
use keyfold_wire::ids::AccountId;
use people::{HANDLE, ID};

/// A state with one entry that this version does not know.
fn with(value: &[u8]) -> Vec<u8> {
    let name = Name::new("climbing").unwrap();
    let state = ConversationState::group(ID, HANDLE, name, AccountId::new([3; 32]));
    let mut encoded = state.encode();
    encoded[0] += 1;
    [encoded.as_slice(), &[0x18, 40], value].concat()
}

#[test]
fn any_value_is_kept() {
    let values: [&[u8]; 12] = [
        b"\x17",
        b"\x39\x01\x00",
        b"\x43abc",
        b"\x63abc",
        b"\x82\x01\x41a",
        b"\xa2\x01\x41a\x61b\x02",
        b"\xc1\x1a\x5f\x00\x00\x00",
        b"\xf5",
        b"\xf6",
        b"\xf8\xff",
        b"\xf9\x3c\x00",
        b"\xfb\x40\x09\x21\xfb\x54\x44\x2d\x18",
    ];
    for value in values {
        let encoded = with(value);
        let state = ConversationState::decode(&encoded).unwrap();
        assert_eq!(state.encode(), encoded, "{value:02x?}");
    }
}

#[test]
fn what_has_no_length_or_is_no_value_is_refused() {
    let values: [(&str, &[u8]); 11] = [
        ("an endless array", b"\x9f\x01\xff"),
        ("an endless map", b"\xbf\x01\x02\xff"),
        ("endless bytes", b"\x5f\x41a\xff"),
        ("an endless text", b"\x7f\x61a\xff"),
        ("an endless array in a map", b"\xa1\x01\x9f\xff"),
        ("an endless array behind a tag", b"\xc1\x9f\xff"),
        ("an end alone", b"\xff"),
        ("an end in an array", b"\x81\xff"),
        ("a form that is reserved", b"\x1c"),
        ("a text that is none", b"\x61\xff"),
        ("bytes that are cut off", b"\x42a"),
    ];
    for (what, value) in values {
        let read = ConversationState::decode(&with(value));
        assert_eq!(read, Err(StateError::Malformed), "{what}");
    }
}

#[test]
fn arrays_maps_and_tags_nest_to_their_limit() {
    // What opens one, and how many values are still missing behind what is in it.
    let forms: [(&str, &[u8], usize); 4] = [
        ("arrays", b"\x81", 0),
        ("maps in values", b"\xa1\x01", 0),
        ("maps in keys", b"\xa1", 1),
        ("tags", b"\xc1", 0),
    ];
    for (what, opens, missing) in forms {
        let nested = |levels: usize| {
            let around = levels - 1;
            let value = [opens.repeat(around), vec![0; 1 + missing * around]].concat();
            ConversationState::decode(&with(&value)).map(|_| ())
        };
        assert_eq!(nested(MAX_CBOR_DEPTH), Ok(()), "{what}");
        let deeper = nested(MAX_CBOR_DEPTH + 1);
        assert_eq!(deeper, Err(StateError::Malformed), "{what}");
    }
}
