//! Messages about earlier ones: answers, edits, deletions and reactions, as they are written and read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::content::{
    Author, Body, Composed, Content, ContentError, ContentId, Kept, Saying, Unverified, text, write,
};
use keyfold_protocol::limits::MAX_REACTION;
use keyfold_wire::limits::MAX_TEXT;
use people::town::{CY, Town};
use people::{ID, rng};

fn author() -> Author {
    Author::new(Town::new().group.leaf(CY).unwrap(), ID)
}

fn writes(saying: Saying<'_>) -> Result<Composed, ContentError> {
    write(&author(), 7, saying, &mut rng(1))
}

/// As others get it.
fn reads(encoded: &[u8]) -> Result<Content, ContentError> {
    let town = Town::new();
    let (group_id, leaf) = (&town.group.group_id, town.group.leaf(CY).unwrap());
    Unverified::new(encoded.to_vec()).verify(ID, group_id, leaf)
}

fn first() -> ContentId {
    text(&author(), 1, "meet at sixx", &mut rng(2)).unwrap().id
}

/// What is written is read so by others, and by the device that keeps it.
#[track_caller]
fn arrives(saying: Saying<'_>, about: Option<ContentId>) -> Body {
    let written = writes(saying).unwrap();
    let content = reads(&written.encoded).unwrap();
    assert_eq!((content.id, content.counter), (written.id, 7));
    assert!(!content.needs_newer_version());
    let kept = Kept::read(&written.encoded).unwrap();
    assert!(kept.body == content.body);
    assert_eq!(kept.in_reply_to, content.in_reply_to);
    assert_eq!(content.body.about(), about);
    content.body
}

#[test]
fn an_answer_is_a_text_that_names_a_message() {
    let saying = Saying::Text {
        text: "fine",
        in_reply_to: Some(first()),
    };
    let Body::Text(text) = arrives(saying, None) else {
        unreachable!("a text")
    };
    assert_eq!(text.text, "fine");
    let read = reads(&writes(saying).unwrap().encoded).unwrap();
    assert_eq!(read.in_reply_to, Some(first()));
}

#[test]
fn an_edit_says_something_else_in_the_place_of_a_message() {
    let answered = text(&author(), 2, "another", &mut rng(3)).unwrap().id;
    let saying = Saying::Edit {
        of: first(),
        text: "meet at six",
        in_reply_to: Some(answered),
    };
    let Body::Edit { of, text } = arrives(saying, Some(first())) else {
        unreachable!("an edit")
    };
    assert_eq!((of, text.text.as_str()), (first(), "meet at six"));
    let read = reads(&writes(saying).unwrap().encoded).unwrap();
    assert_eq!(read.in_reply_to, Some(answered));
}

#[test]
fn a_deletion_names_what_is_taken_back() {
    let body = arrives(Saying::Deletion(first()), Some(first()));
    assert!(body == Body::Deletion(first()));
}

#[test]
fn a_reaction_may_take_the_place_of_an_earlier_one() {
    let earlier = text(&author(), 2, "another", &mut rng(3)).unwrap().id;
    for replaces in [None, Some(earlier)] {
        let saying = Saying::Reaction {
            to: first(),
            emoji: "👩‍❤️‍💋‍👩🏽",
            replaces,
        };
        let Body::Reaction(reaction) = arrives(saying, Some(first())) else {
            unreachable!("a reaction")
        };
        assert_eq!(reaction.emoji, "👩‍❤️‍💋‍👩🏽");
        assert_eq!((reaction.to, reaction.replaces), (first(), replaces));
    }
}

#[test]
fn what_cannot_be_said_is_not_written() {
    let edit = |text| Saying::Edit {
        of: first(),
        text,
        in_reply_to: None,
    };
    let reaction = |emoji| Saying::Reaction {
        to: first(),
        emoji,
        replaces: None,
    };
    let (text, emoji) = ("x".repeat(MAX_TEXT + 1), "x".repeat(MAX_REACTION + 1));
    let cases = [
        (edit(""), ContentError::Empty),
        (edit(&text), ContentError::TextTooLong),
        (reaction(""), ContentError::Reaction),
        (reaction(&emoji), ContentError::Reaction),
        (reaction("a\u{7}"), ContentError::Reaction),
        (reaction("a\u{9b}"), ContentError::Reaction),
    ];
    for (saying, error) in cases {
        assert_eq!(saying.check(), Err(error));
        assert!(writes(saying).err() == Some(error));
    }
    for saying in [
        edit(&text[..MAX_TEXT]),
        reaction(&emoji[..MAX_REACTION]),
        Saying::Deletion(first()),
    ] {
        assert_eq!(saying.check(), Ok(()));
        assert!(reads(&writes(saying).unwrap().encoded).is_ok());
    }
}

/// A reaction as somebody else may write it: answering a message, with this emoji and media type.
fn reaction(media_type: &str, emoji: &[u8]) -> Vec<u8> {
    let byte = |length: usize| u8::try_from(length).unwrap();
    [
        b"\x87\x50".as_slice(),
        &[7; 16],
        b"\xf6\x40\xf6\x58\x20",
        first().as_bytes(),
        b"\xa1\x6fkeyfold.counter\x03",
        b"\x85\x02\x60\x01\x78",
        &[byte(media_type.len())],
        media_type.as_bytes(),
        b"\x58",
        &[byte(emoji.len())],
        emoji,
    ]
    .concat()
}

#[test]
fn a_reaction_of_another_client_is_read_within_the_same_limits() {
    for media_type in ["text/plain", "text/plain;charset=utf-8", "text/markdown"] {
        let read = reads(&reaction(media_type, "❤".as_bytes())).unwrap();
        let Body::Reaction(reaction) = read.body else {
            unreachable!("a reaction")
        };
        assert_eq!(reaction.emoji, "❤");
    }
    let read = |emoji: &[u8]| reads(&reaction("text/plain", emoji)).map(|_| ());
    assert_eq!(read(&[b'x'; MAX_REACTION]), Ok(()));
    assert_eq!(read(&[b'x'; MAX_REACTION + 1]), Err(ContentError::Reaction));
    assert_eq!(read(b""), Err(ContentError::Reaction));
    assert_eq!(read(b"\x1b[2J"), Err(ContentError::Reaction));
    assert_eq!(read(b"\xff"), Err(ContentError::Malformed));
    let kept = reads(&reaction("image/png", b"\x89PNG")).unwrap();
    assert!(kept.body == Body::Unsupported && kept.needs_newer_version());
}

#[test]
fn a_pin_names_a_message_and_what_is_forwarded_is_said_to_be() {
    for pinned in [true, false] {
        let saying = Saying::Pin {
            of: first(),
            pinned,
        };
        let body = arrives(saying, Some(first()));
        assert!(
            body == Body::Pin {
                of: first(),
                pinned
            }
        );
    }
    let Body::Text(text) = arrives(Saying::Forwarded("six"), None) else {
        unreachable!("a text")
    };
    assert_eq!(text.text, "six");
    let encoded = writes(Saying::Forwarded("six")).unwrap().encoded;
    assert!(Kept::read(&encoded).unwrap().forwarded);
    assert_eq!(
        writes(Saying::Forwarded("")).err(),
        Some(ContentError::Empty)
    );
    // Neither yes nor no; and a pin with words.
    let mut no_flag = encoded.clone();
    let place = no_flag.iter().position(|byte| *byte == 0xf5).unwrap();
    no_flag[place] = 0x05;
    assert_eq!(reads(&no_flag).err(), Some(ContentError::Malformed));
    let name = b"keyfold.forwarded";
    let place = encoded
        .windows(name.len())
        .position(|one| one == name)
        .unwrap();
    let mut words = encoded[..place - 1].to_vec();
    words.extend(b"\x6bkeyfold.pin");
    words.extend(&encoded[place + name.len()..]);
    assert!(reads(&words).unwrap().body == Body::Unsupported);
}
