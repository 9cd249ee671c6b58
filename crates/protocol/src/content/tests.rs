//! Messages through writing and reading: this version's own, another version's, and hostile ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, Timestamp};
use keyfold_wire::limits::MAX_TEXT;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::mimi::{Disposition, Expiration, Extension, Key, Mimi, Part, Semantics};
use super::*;
use crate::identity::{AccountKey, CertificateRequest, DeviceKeys};
use crate::leave::LeaveProof;
use crate::limits::{
    MAX_ABOUT, MAX_EXTENSION_KEY, MAX_EXTENSION_VALUE, MAX_EXTENSIONS, MAX_PART_DEPTH, MAX_PARTS,
    MAX_PICTURE, MAX_PROFILE_VERSION, MAX_TIMER, MAX_TOPIC, MIN_TIMER,
};
use crate::rules::LeafIndex;
use crate::state::{Description, Name};
use crate::suite::Suite;

const CLIMBING: ConversationId = ConversationId::new([1; 16]);
const GROUP: &[u8] = b"group";

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn ada() -> (DeviceKeys, LeafView) {
    let mut rng = rng();
    let (key, keys) = (
        AccountKey::generate(&mut rng),
        DeviceKeys::generate(&mut rng),
    );
    let request = CertificateRequest {
        handle: "ada".into(),
        device: keys.device(),
        signature_key: keys.public(),
        suites: vec![Suite::Hybrid],
        created: Timestamp(1),
        expires: Timestamp(2),
    };
    let certificate = key.certify(&request).unwrap();
    let leaf =
        LeafView::verify(LeafIndex(0), &certificate, &keys.public(), Some(b"address")).unwrap();
    (keys, leaf)
}

fn read(encoded: &[u8]) -> Result<Content, ContentError> {
    Unverified::new(encoded.to_vec()).verify(CLIMBING, GROUP, &ada().1)
}

fn counting(counter: u64) -> Extension {
    Extension {
        key: Key::text(EXTENSION_COUNTER),
        value: cbor::encode(|e| e.u64(counter)?.ok()),
    }
}

fn single(media_type: &str, content: &[u8]) -> Part {
    Part::Single {
        disposition: Disposition::RENDER,
        media_type: media_type.to_owned(),
        content: content.to_vec(),
    }
}

/// A message with one plain text, to be changed.
fn plain() -> Mimi {
    Mimi {
        salt: [7; 16],
        replaces: None,
        topic: Vec::new(),
        expires: None,
        in_reply_to: None,
        extensions: vec![counting(3)],
        part: single("text/plain;charset=utf-8", b"hello"),
        later_fields: false,
    }
}

/// It, changed and encoded.
fn changed(change: impl FnOnce(&mut Mimi)) -> Vec<u8> {
    let mut mimi = plain();
    change(&mut mimi);
    mimi.encode()
}

/// The head of a message with a counter, up to where its part begins.
fn head() -> Vec<u8> {
    let encoded = Mimi {
        part: Part::Null,
        ..plain()
    }
    .encode();
    encoded.strip_suffix(b"\x83\x00\x60\x00").unwrap().to_vec()
}

fn with_part(part: &[u8]) -> Vec<u8> {
    [head().as_slice(), part].concat()
}

fn says(content: &Content) -> Option<&str> {
    match &content.body {
        Body::Text(text) => Some(&text.text),
        _ => None,
    }
}

#[test]
fn a_text_arrives_as_it_was_written() {
    let author = Author::new(&ada().1, CLIMBING);
    let sent = text(&author, 12, "meet at **six** 🧗", &mut rng()).unwrap();
    let content = read(&sent.encoded).unwrap();
    assert_eq!(says(&content), Some("meet at **six** 🧗"));
    assert_eq!((content.id, content.counter), (sent.id, 12));
    assert_eq!(content.encoded(), sent.encoded);
    assert!(!content.needs_newer_version());
    let again = text(
        &author,
        12,
        "meet at **six** 🧗",
        &mut StdRng::seed_from_u64(2),
    )
    .unwrap();
    assert_ne!(again.id, sent.id, "said twice is two messages");
}

#[test]
fn a_text_has_the_documented_encoding_and_id() {
    let (account, device) = (AccountId::new([0xAA; 32]), DeviceId::new([0xDD; 16]));
    let author = Author {
        account,
        device,
        conversation: ConversationId::new([0xCC; 16]),
    };
    let mimi = Mimi {
        part: single(MARKDOWN, b"hi"),
        extensions: vec![counting(1)],
        ..plain()
    };
    let expected = [
        b"\x87\x50".as_slice(),
        &[7; 16],
        b"\xf6\x40\xf6\xf6\xa1\x6fkeyfold.counter\x01",
        b"\x85\x01\x60\x01\x78\x1etext/markdown;variant=GFM-MIMI\x42hi",
    ]
    .concat();
    assert_eq!(mimi.encode(), expected);
    let id = ContentId::of(&author, &expected, &mimi.salt);
    assert_eq!(id.to_string(), KNOWN_ID);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!(
        "00".repeat(32).parse::<ContentId>().is_err(),
        "of another hash algorithm"
    );
}

#[test]
fn an_id_belongs_to_one_author_in_one_conversation() {
    let author = Author::new(&ada().1, CLIMBING);
    let (encoded, salt) = (plain().encode(), plain().salt);
    let id = ContentId::of(&author, &encoded, &salt);
    let others = [
        Author {
            account: AccountId::new([9; 32]),
            ..author
        },
        Author {
            device: DeviceId::new([9; 16]),
            ..author
        },
        Author {
            conversation: ConversationId::new([9; 16]),
            ..author
        },
    ];
    for other in others {
        assert_ne!(ContentId::of(&other, &encoded, &salt), id);
    }
}

#[test]
fn leaving_carries_a_proof_that_verifies() {
    let (keys, leaf) = ada();
    let author = Author::new(&leaf, CLIMBING);
    let proof = LeaveProof::make(&keys, GROUP, &leaf);
    let sent = leaving(&author, 4, &proof, &mut rng());
    let content = read(&sent.encoded).unwrap();
    assert!(content.body == Body::Leaving(proof));
    assert!(!content.needs_newer_version());
    let elsewhere = Unverified::new(sent.encoded).verify(CLIMBING, b"another group", &leaf);
    assert_eq!(elsewhere.err(), Some(ContentError::LeaveProofInvalid));

    let with_text = Mimi {
        extensions: vec![counting(1), leave_extension(&proof)],
        ..plain()
    };
    assert_eq!(
        read(&with_text.encode()).err(),
        Some(ContentError::LeaveProofInvalid)
    );
}

fn leave_extension(proof: &LeaveProof) -> Extension {
    let value = cbor::encode(|e| e.bytes(proof.signature())?.ok());
    Extension {
        key: Key::text(EXTENSION_LEAVE),
        value,
    }
}

#[test]
fn texts_are_read_in_what_other_clients_write() {
    for (media_type, format) in [
        ("text/plain", TextFormat::Plain),
        ("Text/Plain; charset=utf-8", TextFormat::Plain),
        ("text/markdown", TextFormat::Markdown),
        (MARKDOWN, TextFormat::Markdown),
    ] {
        let content = read(
            &Mimi {
                part: single(media_type, b"hello"),
                ..plain()
            }
            .encode(),
        )
        .unwrap();
        assert!(
            content.body
                == Body::Text(Text {
                    text: "hello".into(),
                    format,
                    preview: None
                }),
            "{media_type}"
        );
    }
}

/// It is kept byte for byte, and said to need a newer version.
fn assert_unsupported(what: &str, encoded: &[u8]) {
    let content = read(encoded).unwrap();
    assert!(content.body == Body::Unsupported, "{what}");
    assert!(content.needs_newer_version(), "{what}");
    assert_eq!(content.encoded(), encoded, "{what}");
}

#[test]
fn what_this_version_does_not_do_is_kept_and_needs_a_newer_one() {
    let id = Some(ContentId::derive("a", "b", b"c", &[0; 16]));
    let picture = |disposition| Part::Single {
        disposition,
        media_type: "image/png".into(),
        content: b"\x89PNG".to_vec(),
    };
    let emoji = Part::Single {
        disposition: Disposition::REACTION,
        media_type: "text/plain".into(),
        content: b"+1".to_vec(),
    };
    let cases = [
        (
            "a picture",
            changed(|m| m.part = picture(Disposition::RENDER)),
        ),
        (
            "a picture in the place of a text",
            changed(|m| (m.replaces, m.part) = (id, picture(Disposition::RENDER))),
        ),
        (
            "a picture as a reaction",
            changed(|m| (m.in_reply_to, m.part) = (id, picture(Disposition::REACTION))),
        ),
        ("a reaction to nothing", changed(|m| m.part = emoji)),
        ("nothing at all", changed(|m| m.part = Part::Null)),
    ];
    for (what, encoded) in cases {
        assert_unsupported(what, &encoded);
    }
}

#[test]
fn what_ends_says_so_whatever_else_it_says() {
    let id = Some(ContentId::derive("a", "b", b"c", &[0; 16]));
    let cases = [
        ((true, 60), Expires::AfterReading(60)),
        ((true, 0), Expires::AfterReading(MIN_TIMER)),
        ((true, MIN_TIMER - 1), Expires::AfterReading(MIN_TIMER)),
        ((true, MIN_TIMER), Expires::AfterReading(MIN_TIMER)),
        ((true, MAX_TIMER), Expires::AfterReading(MAX_TIMER)),
        ((true, MAX_TIMER + 1), Expires::AfterReading(MAX_TIMER)),
        ((true, u32::MAX), Expires::AfterReading(MAX_TIMER)),
        ((false, 0), Expires::At(0)),
        ((false, u32::MAX), Expires::At(u32::MAX)),
    ];
    for ((relative, time), expected) in cases {
        let expires = Some(Expiration { relative, time });
        let text = read(&changed(|m| m.expires = expires)).unwrap();
        assert!(matches!(text.body, Body::Text(_)));
        assert_eq!(text.expires, Some(expected), "{relative} {time}");
        assert!(!text.needs_newer_version());
        let edit = read(&changed(|m| (m.replaces, m.expires) = (id, expires))).unwrap();
        assert!(matches!(edit.body, Body::Edit { .. }));
        let gone = changed(|m| (m.replaces, m.expires, m.part) = (id, expires, Part::Null));
        assert!(matches!(read(&gone).unwrap().body, Body::Deletion(_)));
    }
    assert_eq!(read(&changed(|_| {})).unwrap().expires, None);
}

#[test]
fn parts_of_a_later_version_are_kept_and_need_it() {
    let cases: [(&str, &[u8]); 4] = [
        ("a later kind", b"\x85\x01\x60\x09\xa1\x01\x02\x43abc"),
        ("a later field", b"\x86\x01\x60\x01\x6atext/plain\x42hi\xf5"),
        (
            "an external part",
            b"\x8f\x06\x60\x02\x61a\x61b\x00\x00\x01\x40\x40\x40\x01\x40\x60\x60",
        ),
        (
            "parts that belong together",
            b"\x85\x01\x60\x03\x01\x82\x85\x01\x60\x01\x6atext/plain\x42hi\x83\x00\x60\x00",
        ),
    ];
    for (what, part) in cases {
        assert_unsupported(what, &with_part(part));
    }
}

#[test]
fn a_text_with_an_unknown_extension_is_shown_all_the_same() {
    let unknown = Extension {
        key: Key::Number(-77),
        value: b"\x83\x01\x02\x03".to_vec(),
    };
    let mimi = Mimi {
        extensions: vec![counting(3), unknown],
        ..plain()
    };
    let content = read(&mimi.encode()).unwrap();
    assert_eq!(says(&content), Some("hello"));
    assert!(content.needs_newer_version());

    let mut later_field = plain().encode();
    later_field[0] += 1;
    later_field.push(0xf5);
    let content = read(&later_field).unwrap();
    assert_eq!(says(&content), Some("hello"));
    assert!(content.needs_newer_version());
    assert_eq!(content.encoded(), later_field);
}

#[test]
fn of_alternatives_the_first_readable_one_is_shown() {
    let html = b"\x85\x01\x60\x01\x69text/html\x43<b>";
    let text = b"\x85\x01\x60\x01\x6atext/plain\x42hi";
    let part = [b"\x85\x01\x60\x03\x00\x82".as_slice(), html, text].concat();
    assert_eq!(says(&read(&with_part(&part)).unwrap()), Some("hi"));
    let decoded = Mimi::decode(&with_part(&part)).unwrap().part;
    assert!(
        matches!(decoded, Part::Multi { semantics: Semantics::ChooseOne, parts } if parts.len() == 2)
    );
}

#[test]
fn a_reply_names_what_it_answers() {
    let id = ContentId::derive("a", "b", b"c", &[0; 16]);
    let content = read(
        &Mimi {
            in_reply_to: Some(id),
            ..plain()
        }
        .encode(),
    )
    .unwrap();
    assert_eq!(content.in_reply_to, Some(id));
    assert_eq!(says(&content), Some("hello"));
}

#[test]
fn a_profile_is_read_as_it_was_written_within_its_limits() {
    let author = Author::new(&ada().1, CLIMBING);
    let mut picture = vec![0xff, 0xd8, 0xff];
    picture.resize(MAX_PICTURE, 7);
    let profile = Profile {
        version: MAX_PROFILE_VERSION,
        name: Name::new("Ada").unwrap(),
        about: Description::new(&"a".repeat(MAX_ABOUT)).unwrap(),
        picture: Some(Picture::new(picture.clone()).unwrap()),
    };
    let written = write(&author, 1, Saying::Profile(&profile), &mut rng()).unwrap();
    let content = read(&written.encoded).unwrap();
    assert_eq!(content.body.about(), None);
    assert!(!content.needs_newer_version());
    assert!(matches!(&content.body, Body::Profile(read) if **read == profile));
    let empty = Profile::default();
    assert!(Profile::decode(&empty.encode()) == Ok(empty));

    picture.push(7);
    assert!(Picture::new(picture).is_err());
    for (kind, begins) in [
        ("image/png", b"\x89PNG\r\n\x1a\n".as_slice()),
        ("image/webp", b"RIFF\0\0\0\0WEBP"),
    ] {
        assert_eq!(Picture::new(begins.to_vec()).unwrap().media_type(), kind);
    }
    let long = Profile {
        about: Description::new(&"a".repeat(MAX_ABOUT + 1)).unwrap(),
        ..profile.clone()
    };
    let late = Profile {
        version: MAX_PROFILE_VERSION + 1,
        ..profile
    };
    for bad in [long, late] {
        let refused = write(&author, 1, Saying::Profile(&bad), &mut rng());
        assert!(refused == Err(ContentError::Profile));
        assert!(Profile::decode(&bad.encode()) == Err(ContentError::Profile));
    }
}

#[test]
fn what_can_t_be_a_profile_is_refused_and_what_a_later_one_adds_is_passed_over() {
    let map = |fields: &[(u64, &[u8])]| {
        let mut encoded = cbor::encode(|e| e.map(fields.len() as u64)?.ok());
        for (key, value) in fields {
            encoded.extend(cbor::encode(|e| e.u64(*key)?.ok()));
            encoded.extend_from_slice(value);
        }
        encoded
    };
    let (version, name): (&[u8], &[u8]) = (&[0x01], b"\x63Ada");
    let later = map(&[(1, version), (2, name), (9, &[0x82, 0x01, 0x02])]);
    assert_eq!(Profile::decode(&later).unwrap().name.as_str(), "Ada");
    for (what, encoded) in [
        ("no version", map(&[(2, name)])),
        ("twice", map(&[(1, version), (1, version)])),
        ("out of order", map(&[(2, name), (1, version)])),
        (
            "a direction",
            map(&[(1, version), (2, "\u{63}\u{202e}".as_bytes())]),
        ),
        ("lines", map(&[(1, version), (2, b"\x63a\nb")])),
        ("no picture", map(&[(1, version), (4, b"\x46GIF89a")])),
        ("more behind", [later.as_slice(), &[0]].concat()),
        ("nothing", Vec::new()),
    ] {
        assert!(Profile::decode(&encoded).is_err(), "{what}");
    }
    let part = |content| Part::Single {
        disposition: Disposition::PROFILE,
        media_type: PROFILE.to_owned(),
        content,
    };
    let bad = changed(|mimi| mimi.part = part(Vec::new()));
    assert!(read(&bad).is_err());
    let other = changed(|mimi| {
        mimi.part = Part::Single {
            disposition: Disposition::PROFILE,
            media_type: "text/vcard".to_owned(),
            content: Vec::new(),
        };
    });
    assert_unsupported("another form of a profile", &other);
}

#[test]
fn author_and_room_must_be_true_where_they_are_named() {
    let author = Author::new(&ada().1, CLIMBING);
    let uri = |key: i128, uri: &str| Extension {
        key: Key::Number(key),
        value: cbor::encode(|e| e.str(uri)?.ok()),
    };
    let claim = |sender: &str, room: &str| {
        let extensions = vec![uri(1, sender), uri(2, room), counting(3)];
        read(
            &Mimi {
                extensions,
                ..plain()
            }
            .encode(),
        )
        .map(|content| content.needs_newer_version())
    };
    assert_eq!(claim(&author.sender_uri(), &author.room_uri()), Ok(false));
    assert_eq!(
        claim("keyfold:device/bo", &author.room_uri()),
        Err(ContentError::WrongAuthor)
    );
    assert_eq!(
        claim(&author.sender_uri(), "keyfold:conversation/other"),
        Err(ContentError::WrongAuthor)
    );
}

fn assert_malformed(what: &str, encoded: &[u8]) {
    assert_eq!(read(encoded).err(), Some(ContentError::Malformed), "{what}");
}

#[test]
fn malformed_messages_are_refused() {
    let good = plain().encode();
    let wrong_hash = [
        b"\x87\x50".as_slice(),
        &[7; 16],
        b"\x58\x20",
        &[2; 32],
        &good[19..],
    ]
    .concat();
    let nameless = Extension {
        key: Key::text(""),
        value: vec![0],
    };
    let cases = [
        ("empty", Vec::new()),
        ("a byte too many", [good.as_slice(), b"\0"].concat()),
        ("too few fields", [b"\x86".as_slice(), &good[1..]].concat()),
        (
            "an endless array",
            [b"\x9f".as_slice(), &good[1..], b"\xff"].concat(),
        ),
        ("a reference of another hash", wrong_hash),
        ("no counter", changed(|m| m.extensions.clear())),
        (
            "a counter before the first",
            changed(|m| m.extensions = vec![counting(0)]),
        ),
        (
            "a counter that fits no database",
            changed(|m| m.extensions = vec![counting(MAX_COUNTER + 1)]),
        ),
        (
            "an extension twice",
            changed(|m| m.extensions.push(counting(3))),
        ),
        (
            "an extension without a name",
            changed(|m| m.extensions.push(nameless)),
        ),
        (
            "text that is none",
            changed(|m| m.part = single("text/plain", b"\xff")),
        ),
    ];
    for (what, encoded) in cases {
        assert_malformed(what, &encoded);
    }
}

#[test]
fn malformed_parts_are_refused() {
    let cases: [(&str, &[u8]); 6] = [
        ("too short", b"\x82\x01\x60"),
        (
            "a single part without content",
            b"\x84\x01\x60\x01\x6atext/plain",
        ),
        ("an external part cut short", b"\x84\x01\x60\x02\x60"),
        (
            "unknown semantics",
            b"\x85\x01\x60\x03\x03\x82\x83\x00\x60\x00\x83\x00\x60\x00",
        ),
        (
            "many parts that are one",
            b"\x85\x01\x60\x03\x00\x81\x83\x00\x60\x00",
        ),
        (
            "a lie about their number",
            b"\x85\x01\x60\x03\x00\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
    ];
    for (what, part) in cases {
        assert_malformed(what, &with_part(part));
    }
}

#[test]
fn texts_keep_their_limit() {
    let author = Author::new(&ada().1, CLIMBING);
    let longest = "é".repeat(MAX_TEXT / 2);
    let sent = text(&author, 1, &longest, &mut rng()).unwrap();
    assert_eq!(says(&read(&sent.encoded).unwrap()), Some(longest.as_str()));
    let longer = longest + "x";
    assert_eq!(
        text(&author, 1, &longer, &mut rng()).err(),
        Some(ContentError::TextTooLong)
    );
    let received = Mimi {
        part: single(MARKDOWN, longer.as_bytes()),
        ..plain()
    }
    .encode();
    assert_eq!(read(&received).err(), Some(ContentError::TextTooLong));
    assert_eq!(
        text(&author, 1, "", &mut rng()).err(),
        Some(ContentError::Empty)
    );
}

#[test]
fn a_message_keeps_its_limits() {
    let picture = |size: usize| changed(|m| m.part = single("image/png", &vec![0; size]));
    let overhead = picture(70_000).len() - 70_000;
    assert_eq!(read(&picture(MAX_CONTENT - overhead)).err(), None);
    let past = picture(MAX_CONTENT - overhead + 1);
    assert_eq!(read(&past).err(), Some(ContentError::TooLarge));

    let topic = |length: usize| read(&changed(|m| m.topic = vec![1; length])).err();
    assert_eq!(topic(MAX_TOPIC), None);
    assert_eq!(topic(MAX_TOPIC + 1), Some(ContentError::TooLarge));
}

#[test]
fn extensions_keep_their_limits() {
    let extended = |more: Vec<Extension>| read(&changed(|m| m.extensions.extend(more))).err();
    let one = |key: Key, value: Vec<u8>| Extension { key, value };

    let many = |count: i128| {
        let keys = 10..10 + count;
        extended(keys.map(|key| one(Key::Number(key), vec![0])).collect())
    };
    let most = i128::try_from(MAX_EXTENSIONS).unwrap() - 1;
    assert_eq!(many(most), None);
    assert_eq!(many(most + 1), Some(ContentError::TooLarge));

    let named = |length: usize| extended(vec![one(Key::Text("k".repeat(length)), vec![0])]);
    assert_eq!(named(MAX_EXTENSION_KEY), None);
    assert_eq!(named(MAX_EXTENSION_KEY + 1), Some(ContentError::TooLarge));

    let valued = |length: usize| {
        let value = cbor::encode(|e| e.bytes(&vec![0; length - 3])?.ok());
        extended(vec![one(Key::Number(9), value)])
    };
    assert_eq!(valued(MAX_EXTENSION_VALUE), None);
    let past = valued(MAX_EXTENSION_VALUE + 1);
    assert_eq!(past, Some(ContentError::TooLarge));
}

#[test]
fn parts_keep_their_limits() {
    let null = b"\x83\x00\x60\x00".to_vec();
    let nested = |levels: usize| {
        (1..levels).fold(null.clone(), |inner, _| {
            [b"\x85\x01\x60\x03\x02\x82".as_slice(), &inner, &null].concat()
        })
    };
    assert_eq!(read(&with_part(&nested(MAX_PART_DEPTH))).err(), None);
    assert_eq!(
        read(&with_part(&nested(MAX_PART_DEPTH + 1))).err(),
        Some(ContentError::TooDeep)
    );

    let wide = |parts: usize| {
        let count = u16::try_from(parts).unwrap().to_be_bytes();
        let part = [
            b"\x85\x01\x60\x03\x02\x99".as_slice(),
            &count,
            &null.repeat(parts),
        ]
        .concat();
        read(&with_part(&part)).err()
    };
    assert_eq!(wide(MAX_PARTS - 1), None);
    assert_eq!(wide(MAX_PARTS), Some(ContentError::TooManyParts));
}

#[test]
fn an_unknown_value_may_nest_to_its_limit() {
    let nested = |levels: usize| {
        let value = [vec![0x81; levels - 1], vec![0]].concat();
        read(
            &Mimi {
                extensions: vec![
                    counting(3),
                    Extension {
                        key: Key::Number(9),
                        value,
                    },
                ],
                ..plain()
            }
            .encode(),
        )
        .err()
    };
    assert_eq!(nested(crate::limits::MAX_CBOR_DEPTH), None);
    assert_eq!(
        nested(crate::limits::MAX_CBOR_DEPTH + 1),
        Some(ContentError::Malformed)
    );
    assert_eq!(nested(4_000), Some(ContentError::Malformed));
}

#[test]
fn what_people_write_is_not_printed() {
    let content = read(&plain().encode()).unwrap();
    assert_eq!(
        format!("{content:?} {:?}", content.body),
        "<secret> <secret>"
    );
}

proptest! {
    #[test]
    fn any_text_survives(written in "\\PC{1,200}", counter in 1..=MAX_COUNTER) {
        let sent = text(&Author::new(&ada().1, CLIMBING), counter, &written, &mut rng()).unwrap();
        let content = read(&sent.encoded).unwrap();
        prop_assert_eq!(says(&content), Some(written.as_str()));
        prop_assert_eq!(content.counter, counter);
    }

    #[test]
    fn random_bytes_are_no_message(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
        let _ = read(&with_part(&bytes));
    }

    #[test]
    fn a_mutated_message_is_refused_or_another_one(
        place in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<prop::sample::Index>(),
    ) {
        let good = plain().encode();
        let id = read(&good).unwrap().id;
        let mut changed = good.clone();
        changed[place.index(good.len())] ^= flip;
        if let Ok(content) = read(&changed) {
            prop_assert_ne!(content.id, id);
            prop_assert_eq!(content.encoded(), changed);
        }
        prop_assert!(read(&good[..cut.index(good.len())]).is_err());
    }
}

const KNOWN_ID: &str = "0105ff0c965f50be8c23616c24a5b289f8d4ddec5b3eb6006fe02404654d780a";
