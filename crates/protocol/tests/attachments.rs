//! Messages with files: written, read, and refused where they could mislead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::content::{
    Attachment, Author, Body, Content, ContentError, FILE_URL, File, Kept, SEALED_IN_SEGMENTS,
    Saying, Unverified, write,
};
use keyfold_protocol::file::{FileKey, FileName};
use keyfold_protocol::limits::{MAX_FILE_NAME, MAX_MEDIA_TYPE};
use keyfold_wire::file::FileId;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::{MAX_FILE, MAX_TEXT};
use minicbor::Encoder;
use people::town::{CY, Town};
use people::{ID, rng};

fn author() -> Author {
    Author::new(Town::new().group.leaf(CY).unwrap(), ID)
}

fn reads(encoded: &[u8]) -> Result<Content, ContentError> {
    let town = Town::new();
    let (group_id, leaf) = (&town.group.group_id, town.group.leaf(CY).unwrap());
    Unverified::new(encoded.to_vec()).verify(ID, group_id, leaf)
}

fn attachment() -> Attachment {
    Attachment {
        id: FileId::new([0xf1; 32]),
        key: FileKey::new([0x4b; 32], [0x6e; 7]),
        hash: [0x68; 32],
        size: 300_000,
        media_type: "image/jpeg".to_owned(),
        name: Some(FileName::new("summit.jpg").unwrap()),
        expires: Some(Timestamp(1_800_000_000_000)),
    }
}

fn writes(file: &Attachment, caption: &str) -> Result<Vec<u8>, ContentError> {
    let saying = Saying::File {
        file,
        caption,
        in_reply_to: None,
    };
    write(&author(), 7, saying, &mut rng(1)).map(|made| made.encoded)
}

fn file(content: &Content) -> &File {
    match &content.body {
        Body::File(file) => file,
        _ => unreachable!("a file"),
    }
}

#[test]
fn a_file_is_read_as_it_was_written_with_and_without_words() {
    for caption in ["", "what a day"] {
        let mut nameless = attachment();
        (nameless.name, nameless.expires) = (None, None);
        for written in [attachment(), nameless] {
            let encoded = writes(&written, caption).unwrap();
            let content = reads(&encoded).unwrap();
            assert!(file(&content).attachment == written);
            let said = file(&content).caption.as_ref();
            assert_eq!(said.map_or("", |said| said.text.as_str()), caption);
            assert!(!content.needs_newer_version());
            assert_eq!(content.body.about(), None);
            assert!(Kept::read(&encoded).unwrap().body == content.body);
        }
    }
}

#[test]
fn nothing_of_it_is_for_a_log() {
    let content = reads(&writes(&attachment(), "what a day").unwrap()).unwrap();
    let file = file(&content);
    for printed in [
        format!("{:?}", file.attachment),
        format!("{file:?}"),
        format!("{content:?}"),
    ] {
        assert_eq!(printed, "<secret>");
    }
}

#[test]
fn what_can_t_be_sent_is_not_written() {
    let mut large = attachment();
    large.size = MAX_FILE;
    assert!(writes(&large, "").is_ok());
    large.size += 1;
    assert_eq!(writes(&large, ""), Err(ContentError::File));
    let words = "w".repeat(MAX_TEXT);
    assert!(writes(&attachment(), &words).is_ok());
    let more = words + "w";
    assert_eq!(writes(&attachment(), &more), Err(ContentError::TextTooLong));
    let longest = format!("a/{}", "b".repeat(MAX_MEDIA_TYPE - 2));
    for (media_type, fits) in [
        ("text/plain; charset=utf-8", true),
        (longest.as_str(), true),
        (&format!("{longest}b"), false),
        ("image", false),
        ("/png", false),
        ("image/", false),
        ("image/png\n", false),
        ("bild/ä", false),
        ("a/b/c", false),
        ("", false),
    ] {
        let mut one = attachment();
        media_type.clone_into(&mut one.media_type);
        assert_eq!(writes(&one, "").is_ok(), fits, "{media_type:?}");
    }
}

/// A part as somebody else writes it.
#[derive(Clone)]
struct Foreign {
    media_type: String,
    url: String,
    size: u64,
    algorithm: u16,
    key: Vec<u8>,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    hash_algorithm: u8,
    hash: Vec<u8>,
    name: String,
    disposition: u8,
}

impl Foreign {
    fn good() -> Self {
        Self {
            media_type: "image/jpeg".to_owned(),
            url: format!("{FILE_URL}{}", "f1".repeat(32)),
            size: 5,
            algorithm: SEALED_IN_SEGMENTS,
            key: vec![1; 32],
            nonce: vec![2; 7],
            aad: Vec::new(),
            hash_algorithm: 1,
            hash: vec![3; 32],
            name: "a.jpg".to_owned(),
            disposition: 6,
        }
    }

    fn reads(&self) -> Result<Content, ContentError> {
        let mut e = Encoder::new(Vec::new());
        let head = e.array(7).unwrap().bytes(&[7; 16]).unwrap();
        head.null().unwrap().bytes(&[]).unwrap().null().unwrap();
        e.null().unwrap().map(1).unwrap();
        e.str("keyfold.counter").unwrap().u8(7).unwrap();
        e.array(15).unwrap().u8(self.disposition).unwrap();
        e.str("").unwrap().u8(2).unwrap();
        e.str(&self.media_type).unwrap().str(&self.url).unwrap();
        e.u32(0).unwrap().u64(self.size).unwrap();
        e.u16(self.algorithm).unwrap().bytes(&self.key).unwrap();
        e.bytes(&self.nonce).unwrap().bytes(&self.aad).unwrap();
        e.u8(self.hash_algorithm).unwrap();
        e.bytes(&self.hash).unwrap().str("").unwrap();
        e.str(&self.name).unwrap();
        reads(&e.into_writer())
    }
}

fn changed(change: impl FnOnce(&mut Foreign)) -> Result<Content, ContentError> {
    let mut one = Foreign::good();
    change(&mut one);
    one.reads()
}

#[test]
fn a_file_that_can_t_be_one_is_refused() {
    assert!(matches!(changed(|_| ()).unwrap().body, Body::File(_)));
    let long = "n".repeat(MAX_FILE_NAME + 1);
    let names = [
        "../up",
        "a/b",
        "a\\b",
        "..",
        "x\u{202e}gpj.exe",
        "two\nlines",
        "nul\0",
        &long,
    ];
    for name in names {
        let read = changed(|one| name.clone_into(&mut one.name));
        assert_eq!(read.unwrap_err(), ContentError::File, "{name:?}");
    }
    let cases: [(&str, fn(&mut Foreign)); 9] = [
        ("a short key", |one| one.key.truncate(31)),
        ("a long key", |one| one.key.push(0)),
        ("a short nonce", |one| one.nonce.truncate(6)),
        ("a whole nonce", |one| one.nonce.extend([0; 5])),
        ("associated data", |one| one.aad.push(1)),
        ("a short hash", |one| one.hash.truncate(31)),
        ("too large", |one| one.size = MAX_FILE + 1),
        ("no media type", |one| one.media_type.clear()),
        ("an id in capitals", |one| {
            one.url = format!("{FILE_URL}{}", "F1".repeat(32))
        }),
    ];
    for (why, change) in cases {
        assert_eq!(changed(change).unwrap_err(), ContentError::File, "{why}");
    }
}

#[test]
fn a_file_elsewhere_or_sealed_otherwise_needs_a_newer_version_and_is_never_asked_for() {
    let cases: [(&str, fn(&mut Foreign)); 5] = [
        ("elsewhere", |one| {
            one.url = "https://example.org/a.jpg".to_owned()
        }),
        ("sealed at once", |one| one.algorithm = 2),
        ("not sealed", |one| one.algorithm = 0),
        ("another hash", |one| one.hash_algorithm = 7),
        ("an icon", |one| one.disposition = 5),
    ];
    for (why, change) in cases {
        let content = changed(change).unwrap();
        assert!(content.body == Body::Unsupported, "{why}");
    }
}
