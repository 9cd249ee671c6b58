//! What a device reads of messages that it has kept, its own among them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::content::{
    Author, Composed, ContentError, ContentId, TextFormat, counter_of, is_leaving, leaving, text,
    text_of,
};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::limits::MAX_COUNTER;
use people::town::{CY, Town};
use people::{ID, rng};

fn author() -> Author {
    let town = Town::new();
    Author::new(town.group.leaf(CY).unwrap(), ID)
}

fn says(counter: u64, what: &str) -> Composed {
    text(&author(), counter, what, &mut rng(1)).unwrap()
}

fn leaves(counter: u64) -> Composed {
    let proof: LeaveProof = Town::new().proof(CY);
    leaving(&author(), counter, &proof, &mut rng(1))
}

#[test]
fn a_device_knows_the_counter_of_what_it_wrote() {
    for counter in [1, 2, 300, MAX_COUNTER] {
        assert_eq!(counter_of(&says(counter, "hi").encoded), Ok(counter));
        assert_eq!(counter_of(&leaves(counter).encoded), Ok(counter));
    }
    for wrong in [0, MAX_COUNTER + 1] {
        let counter = counter_of(&says(wrong, "hi").encoded);
        assert_eq!(counter, Err(ContentError::Malformed), "{wrong}");
    }
    assert_eq!(counter_of(b""), Err(ContentError::Malformed));
}

#[test]
fn a_device_knows_whether_it_wrote_that_its_account_leaves() {
    assert_eq!(is_leaving(&leaves(7).encoded), Ok(true));
    assert_eq!(is_leaving(&says(7, "I leave").encoded), Ok(false));
    assert_eq!(is_leaving(b""), Err(ContentError::Malformed));
}

/// `hi` in plain text, with these fields as encoded: the message that it replaces, and when it expires.
fn plain(replaces: &[u8], expires: &[u8]) -> Vec<u8> {
    let id = [b"\x58\x20\x01".as_slice(), &[9; 31]].concat();
    let replaces = if replaces.is_empty() { &id } else { replaces };
    [
        b"\x87\x50".as_slice(),
        &[7; 16],
        replaces,
        b"\x40",
        expires,
        b"\xf6\xa1\x6fkeyfold.counter\x03",
        b"\x85\x01\x60\x01\x6atext/plain\x42hi",
    ]
    .concat()
}

const NOTHING: &[u8] = b"\xf6";
const ANOTHER: &[u8] = b"";
const IN_A_MINUTE: &[u8] = b"\x82\xf5\x18\x3c";

#[test]
fn a_kept_text_is_shown_again_also_a_fleeting_one_but_no_edit() {
    let kept = text_of(&plain(NOTHING, NOTHING)).unwrap().unwrap();
    assert_eq!((kept.text.as_str(), kept.format), ("hi", TextFormat::Plain));
    let own = text_of(&says(1, "at *six*").encoded).unwrap().unwrap();
    assert_eq!(own.text, "at *six*");
    assert_eq!(own.format, TextFormat::Markdown);
    let fleeting = text_of(&plain(NOTHING, IN_A_MINUTE)).unwrap().unwrap();
    assert_eq!(fleeting.text, "hi");
    for (what, encoded) in [
        ("an edit", plain(ANOTHER, NOTHING)),
        ("a fleeting edit", plain(ANOTHER, IN_A_MINUTE)),
        ("no text", leaves(1).encoded),
    ] {
        assert!(text_of(&encoded).unwrap().is_none(), "{what}");
    }
    assert_eq!(text_of(b"").err(), Some(ContentError::Malformed));
}

#[test]
fn an_id_is_stored_as_its_bytes() {
    let id = says(1, "hi").id;
    let stored: &[u8] = id.as_ref();
    assert_eq!(stored, id.as_bytes());
    assert_eq!(ContentId::try_from(stored), Ok(id));
    assert_ne!(stored, AsRef::<[u8]>::as_ref(&says(2, "hi").id));
}
