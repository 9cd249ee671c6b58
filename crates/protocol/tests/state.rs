//! A conversation's state: one encoding, limits, names, and what a later version wrote.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod people;

use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::limits::{
    MAX_DESCRIPTION, MAX_EPOCH, MAX_EXTENSION_VALUE, MAX_GROUP_PICTURE, MAX_LEAVE_PROOFS,
    MAX_MOVES, MAX_NAME, MAX_STATE, MAX_TIMER, MAX_UNKNOWN_ENTRIES,
};
use keyfold_protocol::picture::GroupPicture;
use keyfold_protocol::state::{
    ConversationState, Description, Errand, Name, NameError, Origin, Place, Policy, Role,
    SameAccount, StateError,
};
use keyfold_wire::ids::{AccountId, DeviceId, Epoch};
use keyfold_wire::limits::MAX_ROSTER;
use people::{HANDLE, ID};
use proptest::prelude::*;

fn account(byte: u8) -> AccountId {
    AccountId::new([byte; 32])
}

fn climbing() -> ConversationState {
    let mut state =
        ConversationState::group(ID, HANDLE, Name::new("climbing").unwrap(), account(3));
    state.set_role(account(1), Role::Admin);
    state
}

/// The state with one more entry at the end: key (as encoded) and value.
fn with_entry(state: &ConversationState, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut encoded = state.encode();
    encoded[0] += 1;
    [encoded.as_slice(), key, value].concat()
}

#[test]
fn a_state_has_the_documented_encoding() {
    let state = ConversationState::direct(ID, HANDLE, account(4), account(3)).unwrap();
    let expected = [
        b"\xa9\x00\x01\x01\x50".as_slice(),
        &[1; 16],
        b"\x02\x00\x03\x60\x04\x58\x20",
        &[2; 32],
        b"\x05\xa0\x06\x00\x07\x00\x08\x82\x58\x20",
        &[3; 32],
        b"\x58\x20",
        &[4; 32],
    ]
    .concat();
    assert_eq!(state.encode(), expected);
    assert_eq!(ConversationState::decode(&expected), Ok(state));
    assert_eq!(
        ConversationState::direct(ID, HANDLE, account(4), account(4)),
        Err(SameAccount)
    );
}

const fn from(epoch: u64) -> Origin {
    let handle = HANDLE;
    let epoch = Epoch(epoch);
    Origin { handle, epoch }
}

#[test]
fn a_state_reads_what_it_writes() {
    let mut state = climbing();
    state.add_policy = Policy::Everyone;
    (state.moves, state.moved_from) = (70_000, Some(from(9)));
    assert_eq!(
        ConversationState::decode(&state.encode()),
        Ok(state.clone())
    );
    assert_eq!(
        state.roles().collect::<Vec<_>>(),
        [(account(1), Role::Admin), (account(3), Role::Owner)]
    );
    state.set_role(account(1), Role::Member);
    assert_eq!(state.roles().count(), 1);
    let stored: Vec<u8> = state.clone().into();
    assert_eq!(ConversationState::try_from(stored), Ok(state));
}

#[test]
fn settings_are_read_as_they_are_written() {
    let plain = climbing().encode();
    let changes: [fn(&mut ConversationState); 6] = [
        |state| state.description = Description::new("Tuesdays.\nBring a rope.").unwrap(),
        |state| state.post_policy = Policy::Admins,
        |state| state.edit_policy = Policy::Everyone,
        |state| {
            let mut bytes = vec![0; MAX_GROUP_PICTURE];
            bytes[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
            assert!(GroupPicture::new([bytes.as_slice(), &[0]].concat()).is_err());
            state.picture = Some(GroupPicture::new(bytes).unwrap());
        },
        |state| state.timer = Some(1),
        |state| state.timer = Some(MAX_TIMER),
    ];
    for change in changes {
        let mut state = climbing();
        change(&mut state);
        assert!(state.encode().len() > plain.len());
        assert_eq!(ConversationState::decode(&state.encode()), Ok(state));
    }
    for timer in [0, MAX_TIMER + 1] {
        let mut state = climbing();
        state.timer = Some(timer);
        assert!(
            ConversationState::decode(&state.encode()).is_err(),
            "{timer}"
        );
    }
    for (length, fits) in [(MAX_DESCRIPTION, true), (MAX_DESCRIPTION + 1, false)] {
        assert_eq!(Description::new(&"a".repeat(length)).is_ok(), fits);
    }
    for text in ["a\u{202e}b", "a\rb", "a\u{2028}b"] {
        assert_eq!(
            Description::new(text),
            Err(NameError::Character),
            "{text:?}"
        );
    }
}

/// Of the state and of the places in errands.
#[test]
fn numbers_that_no_conversation_comes_to_are_refused() {
    let mut state = climbing();
    (state.moves, state.moved_from) = (MAX_MOVES, Some(from(MAX_EPOCH)));
    assert_eq!(
        ConversationState::decode(&state.encode()),
        Ok(state.clone())
    );
    for (moves, epoch) in [(MAX_MOVES + 1, 1), (u64::MAX, 1), (1, MAX_EPOCH + 1)] {
        (state.moves, state.moved_from) = (moves, Some(from(epoch)));
        let read = ConversationState::decode(&state.encode());
        assert_eq!(read, Err(StateError::TooLarge), "{moves} {epoch}");
    }
    for (moves, reads) in [(MAX_MOVES, true), (MAX_MOVES + 1, false), (1 << 63, false)] {
        let place = Place {
            moves,
            handle: HANDLE,
        };
        for errand in [
            Errand::NotFollowed(place),
            Errand::StandsAt(place, b"key package".to_vec()),
        ] {
            let encoded = ConversationState::errand(ID, HANDLE, errand).encode();
            assert_eq!(
                ConversationState::decode(&encoded).is_ok(),
                reads,
                "{moves}"
            );
        }
    }
}

#[test]
fn what_a_later_version_wrote_is_kept_byte_for_byte() {
    let encoded = with_entry(&climbing(), &[0x18, 40], b"\x83\x01\x02\x43abc");
    let mut state = ConversationState::decode(&encoded).unwrap();
    assert_eq!(state.encode(), encoded);
    state.name = Name::new("bouldering").unwrap();
    let changed = state.encode();
    assert!(changed.ends_with(b"\x18\x28\x83\x01\x02\x43abc"));
    assert_ne!(state, climbing());
}

/// The first key that this version does not know. One that it knows is judged by its value alone.
const LATER: u8 = 17;

/// Two more entries at the end.
fn with_entries(state: &ConversationState, first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut encoded = with_entry(state, first, &[0]);
    encoded[0] += 1;
    [encoded.as_slice(), second, &[0]].concat()
}

#[test]
fn only_the_one_encoding_is_read() {
    let state = climbing();
    let readable = with_entries(&state, &[LATER], &[LATER + 1]);
    assert!(ConversationState::decode(&readable).is_ok());
    let trailing = [state.encode().as_slice(), b"\x00"].concat();
    let accounts = [
        &[0x82_u8, 0x58, 0x20][..],
        &[1; 32],
        &[0x58, 0x20],
        &[2; 32],
    ]
    .concat();
    let cases = [
        ("empty", Vec::new()),
        ("trailing bytes", trailing),
        (
            "a longer number than needed",
            with_entry(&state, &[0x18, LATER], b"\x01"),
        ),
        (
            "a key that is no number or text",
            with_entry(&state, &[0xf5], b"\x01"),
        ),
        ("a key twice", with_entry(&state, &[0x07], &[0x00])),
        (
            "an unknown key twice",
            with_entries(&state, &[LATER], &[LATER]),
        ),
        (
            "keys out of order",
            with_entries(&state, &[0x18, 40], &[LATER]),
        ),
        (
            "accounts in a group",
            with_entry(&state, &[0x08], &accounts),
        ),
        ("nothing in it", vec![0xa0]),
        ("endless", vec![0xbf, 0xff]),
        (
            "a lie about its size",
            vec![0xbb, 255, 255, 255, 255, 255, 255, 255, 255],
        ),
    ];
    for (what, encoded) in cases {
        let read = ConversationState::decode(&encoded);
        assert_eq!(read, Err(StateError::Malformed), "{what}");
    }
    let mut later = state.encode();
    later[2] = 2;
    assert_eq!(
        ConversationState::decode(&later),
        Err(StateError::NewerVersion)
    );
}

#[test]
fn unknown_roles_and_policies_need_a_newer_version() {
    let state = climbing();
    let good = state.encode();
    let role = good.iter().rposition(|byte| *byte == 2).unwrap();
    for (place, value, error) in [
        (role, 3, StateError::NewerVersion),
        (role, 0, StateError::Malformed),
    ] {
        let mut changed = good.clone();
        changed[place] = value;
        assert_eq!(ConversationState::decode(&changed), Err(error));
    }
}

#[test]
fn limits_hold_at_them_and_one_past() {
    let state = climbing();
    let value = |length: usize| {
        let mut value = vec![0x59];
        value.extend(u16::try_from(length).unwrap().to_be_bytes());
        value.resize(3 + length, 7);
        value
    };
    let at = with_entry(&state, &[LATER], &value(MAX_EXTENSION_VALUE - 4));
    let past = with_entry(&state, &[LATER], &value(MAX_EXTENSION_VALUE - 3));
    assert!(ConversationState::decode(&at).is_ok());
    assert_eq!(ConversationState::decode(&past), Err(StateError::TooLarge));

    let unknown = |count: usize| {
        let known = state.encode();
        let mut encoded = vec![0xb8, u8::try_from(8 + count).unwrap()];
        encoded.extend(&known[1..]);
        for key in 0..count {
            encoded.extend([0x18, u8::try_from(100 + key).unwrap(), 0]);
        }
        ConversationState::decode(&encoded)
    };
    assert!(unknown(MAX_UNKNOWN_ENTRIES).is_ok());
    assert_eq!(unknown(MAX_UNKNOWN_ENTRIES + 1), Err(StateError::TooLarge));

    let mut crowded = state;
    for place in 2..u16::try_from(MAX_ROSTER).unwrap() {
        let mut id = [9; 32];
        id[..2].copy_from_slice(&place.to_be_bytes());
        crowded.set_role(AccountId::new(id), Role::Admin);
    }
    assert!(ConversationState::decode(&crowded.encode()).is_ok());
    crowded.set_role(account(200), Role::Admin);
    assert_eq!(
        ConversationState::decode(&crowded.encode()),
        Err(StateError::TooLarge)
    );
}

#[test]
fn a_whole_state_has_a_limit() {
    let known = climbing().encode();
    let of_size = |size: usize| {
        let entry = |key: u8, length: usize| {
            let mut entry = vec![0x18, key, 0x59];
            entry.extend(u16::try_from(length).unwrap().to_be_bytes());
            entry.resize(5 + length, 7);
            entry
        };
        let mut encoded = vec![0xb8, 8 + 33];
        encoded.extend(&known[1..]);
        for key in 100..132 {
            encoded.extend(entry(key, 4_000));
        }
        let rest = size - encoded.len();
        encoded.extend(entry(132, rest - 5));
        assert_eq!(encoded.len(), size);
        ConversationState::decode(&encoded)
    };
    assert!(of_size(MAX_STATE).is_ok());
    assert_eq!(of_size(MAX_STATE + 1), Err(StateError::TooLarge));
    assert_eq!(of_size(MAX_STATE + 2), Err(StateError::TooLarge));
}

#[test]
fn a_name_is_one_harmless_line() {
    for good in ["", "climbing", "клуб 🧗", "שלום", &"x".repeat(MAX_NAME)] {
        assert_eq!(Name::new(good).unwrap().as_str(), good);
    }
    assert_eq!(
        Name::new(&"x".repeat(MAX_NAME + 1)),
        Err(NameError::TooLong)
    );
    assert_eq!(
        Name::new(&"é".repeat(MAX_NAME / 2 + 1)),
        Err(NameError::TooLong)
    );
    assert_eq!(format!("{:?}", Name::new("climbing").unwrap()), "<secret>");
    for bad in [
        "a\nb",
        "a\0",
        "\u{7f}",
        "\u{85}",
        "a\u{202E}b",
        "\u{2066}",
        "\u{2069}",
        "\u{2028}",
    ] {
        assert_eq!(Name::new(bad), Err(NameError::Character), "{bad:?}");
    }
}

#[test]
fn a_bad_name_in_a_state_is_refused() {
    let encoded = climbing().encode();
    let place = encoded
        .windows(8)
        .position(|window| window == b"climbing")
        .unwrap();
    let mut bad = encoded;
    bad[place] = b'\n';
    assert_eq!(
        ConversationState::decode(&bad),
        Err(StateError::Name(NameError::Character))
    );
}

#[test]
fn leave_proofs_travel_in_a_list() {
    let proof = |byte: u8| LeaveProof::new(account(byte), DeviceId::new([byte; 16]), [byte; 64]);
    assert_eq!(
        LeaveProof::decode_list(&LeaveProof::encode_list(&[])),
        Ok(Vec::new())
    );
    let two = [proof(1), proof(2)];
    let encoded = LeaveProof::encode_list(&two);
    assert_eq!(LeaveProof::decode_list(&encoded), Ok(two.to_vec()));
    assert!(LeaveProof::decode_list(&encoded[..encoded.len() - 1]).is_err());
    assert!(LeaveProof::decode_list(&[encoded.as_slice(), &[0]].concat()).is_err());
    assert!(
        LeaveProof::decode_list(&[0x80]).is_err(),
        "no list is the empty list"
    );
    let stored: Vec<u8> = proof(1).into();
    assert_eq!(LeaveProof::try_from(stored), Ok(proof(1)));
    let many = LeaveProof::encode_list(&vec![proof(1); MAX_LEAVE_PROOFS]);
    assert!(LeaveProof::decode_list(&many).is_ok());
    let more = LeaveProof::encode_list(&vec![proof(1); MAX_LEAVE_PROOFS + 1]);
    assert!(LeaveProof::decode_list(&more).is_err());
}

#[test]
fn a_leave_proof_signs_the_documented_bytes() {
    let town = people::town::Town::new();
    let cy = &town.devices[4];
    let group_id = [6; 300];
    let signed = [
        b"keyfold leave v1\0\0\0\x01\x2c".as_slice(),
        &group_id,
        town.cy.account().as_bytes(),
        b"\0\0\0\x02\x04\xAD",
    ]
    .concat();
    let (account, device) = (town.cy.account(), cy.keys.device());
    let proof = LeaveProof::new(account, device, cy.keys.sign(&signed));
    assert!(proof.is_valid(&group_id, &cy.leaf));
    assert_eq!(LeaveProof::make(&cy.keys, &group_id, &cy.leaf), proof);
}

proptest! {
    #[test]
    fn random_bytes_are_no_state(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = LeaveProof::decode_list(&bytes);
        if let Ok(state) = ConversationState::decode(&bytes) {
            prop_assert_eq!(state.encode(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_never_reads_as_the_same_state(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let good = climbing();
        let mut bytes = good.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert_ne!(ConversationState::decode(&bytes), Ok(good));
    }
}
