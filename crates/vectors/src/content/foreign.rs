//! Messages that this version does not write: of other clients and of later versions, and such as must be refused.

use keyfold_protocol::content::MARKDOWN;

use super::{ADDRESS, GROUP_ID, Readable, Refused, SALT, Shows, ada, author, leaf, proof};
use crate::Hex;
use crate::cbor::{FALSE, NULL, TRUE, array, bytes, map, text, uint};

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// A message in parts, so that each can be another.
struct Message {
    salt: Vec<u8>,
    replaces: Vec<u8>,
    topic: Vec<u8>,
    expires: Vec<u8>,
    in_reply_to: Vec<u8>,
    extensions: Entries,
    part: Vec<u8>,
    behind: Vec<Vec<u8>>,
}

fn counting() -> Entries {
    vec![(text("keyfold.counter"), uint(5))]
}

fn message() -> Message {
    Message {
        salt: bytes(&SALT),
        replaces: vec![NULL],
        topic: bytes(&[]),
        expires: vec![NULL],
        in_reply_to: vec![NULL],
        extensions: counting(),
        part: single(1, MARKDOWN, b"hi"),
        behind: Vec::new(),
    }
}

impl Message {
    fn encode(self) -> Vec<u8> {
        let mut fields = vec![
            self.salt,
            self.replaces,
            self.topic,
            self.expires,
            self.in_reply_to,
            map(&self.extensions),
            self.part,
        ];
        fields.extend(self.behind);
        array(&fields)
    }
}

fn with(change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = message();
    change(&mut message);
    message.encode()
}

fn part(part: Vec<u8>) -> Vec<u8> {
    with(|message| message.part = part)
}

fn extension(key: Vec<u8>, value: Vec<u8>) -> Vec<u8> {
    with(|message| message.extensions.push((key, value)))
}

fn single(disposition: u64, media_type: &str, content: &[u8]) -> Vec<u8> {
    array(&[
        uint(disposition),
        text(""),
        uint(1),
        text(media_type),
        bytes(content),
    ])
}

fn none() -> Vec<u8> {
    array(&[uint(0), text(""), uint(0)])
}

fn multi(semantics: u64, parts: &[Vec<u8>]) -> Vec<u8> {
    array(&[uint(1), text(""), uint(3), uint(semantics), array(parts)])
}

fn external(fields: usize) -> Vec<u8> {
    let mut all = vec![
        uint(1),
        text(""),
        uint(2),
        text("image/png"),
        text("https://example.org/1"),
    ];
    all.extend(std::iter::repeat_n(uint(0), fields));
    array(&all)
}

fn readable_as(why: &str, encoded: Vec<u8>, shows: Shows, needs_newer_version: bool) -> Readable {
    Readable {
        why: why.to_owned(),
        encoded: encoded.into(),
        counter: 5,
        shows,
        in_reply_to: None,
        needs_newer_version,
    }
}

fn markdown(why: &str, encoded: Vec<u8>) -> Readable {
    readable_as(why, encoded, Shows::Markdown("hi".to_owned()), false)
}

fn plain(why: &str, encoded: Vec<u8>) -> Readable {
    readable_as(why, encoded, Shows::Plain("hi".to_owned()), false)
}

fn nothing(why: &str, encoded: Vec<u8>) -> Readable {
    readable_as(why, encoded, Shows::Nothing, true)
}

/// A message id of the right form.
const ANSWERED: [u8; 32] = [1; 32];

pub(super) fn readable() -> Vec<Readable> {
    [texts(), at_the_edge(), amending(), newer()]
        .into_iter()
        .flatten()
        .collect()
}

/// Texts that a person reads.
fn texts() -> Vec<Readable> {
    let (image, hi) = (
        single(1, "image/png", b"\x89PNG"),
        single(1, "text/plain", b"hi"),
    );
    vec![
        markdown("as it is written", message().encode()),
        markdown(
            "markdown with other parameters",
            part(single(1, "text/markdown; variant=CommonMark", b"hi")),
        ),
        plain(
            "plain text",
            part(single(1, "text/plain;charset=utf-8", b"hi")),
        ),
        plain(
            "the media type in capitals",
            part(single(1, "TEXT/Plain", b"hi")),
        ),
        plain(
            "disposition unspecified",
            part(single(0, "text/plain", b"hi")),
        ),
        plain("disposition inline", part(single(4, "text/plain", b"hi"))),
        plain(
            "a disposition that is not registered counts as render",
            part(single(9, "text/plain", b"hi")),
        ),
        plain(
            "a choice: the first that can be read",
            part(multi(0, &[image, hi])),
        ),
    ]
}

/// Texts with something about them that is passed over, or is only said to be there.
fn at_the_edge() -> Vec<Readable> {
    vec![
        readable_as(
            "an empty text, which is never written",
            part(single(1, "text/plain", b"")),
            Shows::Plain(String::new()),
            false,
        ),
        markdown(
            "a topic is passed over",
            with(|one| one.topic = bytes(b"topic")),
        ),
        markdown(
            "sender and room, which are true",
            with(|one| {
                let uris = [
                    (uint(1), text(&author().sender_uri())),
                    (uint(2), text(&author().room_uri())),
                ];
                one.extensions.splice(0..0, uris);
            }),
        ),
        readable_as(
            "an extension of a later version",
            extension(text("x"), uint(1)),
            Shows::Markdown("hi".to_owned()),
            true,
        ),
        readable_as(
            "a field behind the seven",
            with(|one| one.behind.push(uint(1))),
            Shows::Markdown("hi".to_owned()),
            true,
        ),
        Readable {
            in_reply_to: Some(ANSWERED.into()),
            ..markdown(
                "it answers another",
                with(|one| one.in_reply_to = bytes(&ANSWERED)),
            )
        },
    ]
}

/// What is done to earlier messages, as others may write it.
fn amending() -> Vec<Readable> {
    let of = || Hex::from(&ANSWERED);
    let react = |one: &mut Message, media_type: &str| {
        one.in_reply_to = bytes(&ANSWERED);
        one.part = single(2, media_type, "❤".as_bytes());
    };
    let reaction = |replaces| Shows::Reaction {
        emoji: "❤".to_owned(),
        replaces,
    };
    let answering = |why: &str, encoded, shows| Readable {
        in_reply_to: Some(ANSWERED.into()),
        ..readable_as(why, encoded, shows, false)
    };
    vec![
        readable_as(
            "an edit",
            with(|one| one.replaces = bytes(&ANSWERED)),
            Shows::Edit {
                of: of(),
                text: "hi".to_owned(),
            },
            false,
        ),
        readable_as(
            "a deletion",
            with(|one| (one.replaces, one.part) = (bytes(&ANSWERED), none())),
            Shows::Deletion { of: of() },
            false,
        ),
        answering(
            "a deletion that says what its message answered",
            with(|one| {
                (one.replaces, one.part) = (bytes(&ANSWERED), none());
                one.in_reply_to = bytes(&ANSWERED);
            }),
            Shows::Deletion { of: of() },
        ),
        answering(
            "a reaction without a charset",
            with(|one| react(one, "text/plain")),
            reaction(None),
        ),
        answering(
            "a reaction in the place of another",
            with(|one| {
                react(one, "text/markdown");
                one.replaces = bytes(&ANSWERED);
            }),
            reaction(Some(of())),
        ),
    ]
}

/// Only said to need a newer version.
fn newer() -> Vec<Readable> {
    let (image, hi) = (
        single(1, "image/png", b"\x89PNG"),
        single(1, "text/plain", b"hi"),
    );
    vec![
        nothing(
            "a picture in the place of another message",
            with(|one| (one.replaces, one.part) = (bytes(&ANSWERED), image.clone())),
        ),
        nothing("another media type", part(image.clone())),
        nothing(
            "a reaction to nothing",
            part(single(2, "text/plain", b"hi")),
        ),
        nothing("no part at all", part(none())),
        nothing("an external part", part(external(10))),
        nothing(
            "parts that are a unit",
            part(multi(1, &[hi.clone(), hi.clone()])),
        ),
        nothing(
            "parts that are all to be processed",
            part(multi(2, &[hi.clone(), hi.clone()])),
        ),
        nothing(
            "a choice of which nothing can be read",
            part(multi(0, &[image.clone(), image])),
        ),
        nothing(
            "cardinality 4",
            part(array(&[uint(1), text(""), uint(4), text("x")])),
        ),
        nothing(
            "a field behind those of a text",
            part(array(&[
                uint(1),
                text(""),
                uint(1),
                text("text/plain"),
                bytes(b"hi"),
                uint(1),
            ])),
        ),
        nothing(
            "four levels of parts",
            part(multi(
                1,
                &[
                    multi(1, &[multi(1, &[hi.clone(), hi.clone()]), hi.clone()]),
                    hi,
                ],
            )),
        ),
    ]
}

fn case(why: &str, error: &str, encoded: Vec<u8>) -> Refused {
    Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        encoded: Hex(encoded),
    }
}

pub(super) fn refused() -> Vec<Refused> {
    let mut refused = malformed();
    refused.extend(fields());
    refused.extend(parts());
    refused.extend(extensions());
    refused.extend(leaving());
    refused
}

fn malformed() -> Vec<Refused> {
    let good = message().encode();
    let mut other_hash = ANSWERED;
    other_hash[0] = 2;
    let six = {
        let all = message();
        array(&[
            all.salt,
            all.replaces,
            all.topic,
            all.expires,
            all.in_reply_to,
            map(&all.extensions),
        ])
    };
    vec![
        case("nothing", "malformed", Vec::new()),
        case("a text alone", "malformed", text("hi")),
        case("six fields", "malformed", six),
        case(
            "a byte behind the message",
            "malformed",
            [good.clone(), vec![0]].concat(),
        ),
        case("cut off", "malformed", good[..good.len() - 1].to_vec()),
        case(
            "an array of indefinite length",
            "malformed",
            [[0x9f].as_slice(), &good[1..], &[0xff]].concat(),
        ),
        case(
            "a salt of 15 bytes",
            "malformed",
            with(|one| one.salt = bytes(&[7; 15])),
        ),
        case(
            "a reference by another hash",
            "malformed",
            with(|one| one.in_reply_to = bytes(&other_hash)),
        ),
        case(
            "a reference of 31 bytes",
            "malformed",
            with(|one| one.replaces = bytes(&[1; 31])),
        ),
    ]
}

fn fields() -> Vec<Refused> {
    vec![
        case(
            "an expiry of three fields",
            "malformed",
            with(|one| one.expires = array(&[vec![TRUE], uint(60), uint(1)])),
        ),
        case(
            "an expiry beyond 32 bits",
            "malformed",
            with(|one| one.expires = array(&[vec![TRUE], uint(1 << 32)])),
        ),
        case(
            "an expiry before 1970",
            "malformed",
            with(|one| one.expires = array(&[vec![FALSE], vec![0x20]])),
        ),
        case(
            "a topic of 4,097 bytes",
            "too_large",
            with(|one| one.topic = bytes(&[0; 4_097])),
        ),
        case(
            "over 98,304 bytes",
            "too_large",
            part(single(1, "image/png", &vec![0; 98_304])),
        ),
    ]
}

fn parts() -> Vec<Refused> {
    let hi = || single(1, "text/plain", b"hi");
    let deep = multi(
        1,
        &[
            multi(
                1,
                &[multi(1, &[multi(1, &[none(), none()]), none()]), none()],
            ),
            none(),
        ],
    );
    let many = multi(1, &vec![array(&[uint(0), text(""), uint(0)]); 1_024]);
    vec![
        case(
            "a text of 65,537 bytes",
            "text_too_long",
            part(single(1, "text/plain", &[0x61; 65_537])),
        ),
        case(
            "a reaction of 65 bytes",
            "reaction",
            part(single(2, "text/plain", &[0x61; 65])),
        ),
        case(
            "a reaction of nothing",
            "reaction",
            part(single(2, "text/plain", b"")),
        ),
        case(
            "a reaction with a control character",
            "reaction",
            part(single(2, "text/plain", b"a\x1b")),
        ),
        case(
            "a text that is not UTF-8",
            "malformed",
            part(single(1, "text/plain", b"hi\xff")),
        ),
        case("a choice of one", "malformed", part(multi(0, &[hi()]))),
        case(
            "parts that belong together in a way that is not known",
            "malformed",
            part(multi(3, &[hi(), hi()])),
        ),
        case("five levels of parts", "too_deep", part(deep)),
        case("1,025 parts", "too_many_parts", part(many)),
        case(
            "an external part of 14 fields",
            "malformed",
            part(external(9)),
        ),
        case(
            "a disposition beyond 8 bits",
            "malformed",
            part(single(256, "text/plain", b"hi")),
        ),
        case(
            "a part of two fields",
            "malformed",
            part(array(&[uint(1), text("")])),
        ),
        case(
            "a text without its content",
            "malformed",
            part(array(&[uint(1), text(""), uint(1), text("text/plain")])),
        ),
    ]
}

fn extensions() -> Vec<Refused> {
    let without = |one: &mut Message| one.extensions.clear();
    let counter =
        |value: Vec<u8>| with(|one| one.extensions = vec![(text("keyfold.counter"), value)]);
    let nested = [vec![0x81; 16], vec![0]].concat();
    vec![
        case("without a counter", "malformed", with(without)),
        case("a counter that is a text", "malformed", counter(text("5"))),
        case("a counter of zero", "malformed", counter(uint(0))),
        case("a counter below zero", "malformed", counter(vec![0x24])),
        case(
            "an extension twice",
            "malformed",
            extension(text("keyfold.counter"), uint(6)),
        ),
        case(
            "an extension without a name",
            "malformed",
            extension(text(""), uint(1)),
        ),
        case(
            "a name of 256 bytes",
            "too_large",
            extension(text(&"x".repeat(256)), uint(1)),
        ),
        case(
            "a key that is neither number nor text",
            "malformed",
            extension(bytes(b"x"), uint(1)),
        ),
        case(
            "a value of 4,097 bytes",
            "too_large",
            extension(text("x"), bytes(&[0; 4_094])),
        ),
        case(
            "a value nested more than 16 levels",
            "malformed",
            extension(text("x"), nested),
        ),
        case(
            "65 extensions",
            "too_large",
            with(|one| {
                one.extensions
                    .extend((10..74).map(|key| (uint(key), uint(0))));
            }),
        ),
        case(
            "another sender than it came from",
            "wrong_author",
            extension(uint(1), text("keyfold:device/x/y")),
        ),
        case(
            "another room than it came from",
            "wrong_author",
            extension(uint(2), text("keyfold:conversation/x")),
        ),
        case(
            "a sender that is not a text",
            "malformed",
            extension(uint(1), uint(1)),
        ),
    ]
}

fn leaving() -> Vec<Refused> {
    let says = |signature: &[u8], part: Vec<u8>| {
        with(|one| {
            one.extensions
                .insert(0, (text("keyfold.leave"), bytes(signature)));
            one.part = part;
        })
    };
    let before = leaf(&ada().certificate, &[0xae; 56]);
    let earlier = keyfold_protocol::leave::LeaveProof::make(&ada().device, &GROUP_ID, &before);
    assert_ne!(before.address, ADDRESS);
    vec![
        case(
            "leaving, with a proof for an earlier joining",
            "leave_proof_invalid",
            says(earlier.signature(), none()),
        ),
        case(
            "leaving, and a text",
            "leave_proof_invalid",
            says(proof().signature(), single(1, "text/plain", b"bye")),
        ),
        case(
            "leaving, with a signature of 63 bytes",
            "malformed",
            says(&[0; 63], none()),
        ),
    ]
}
