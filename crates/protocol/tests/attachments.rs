//! Messages with files: written, read, and refused where they could mislead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::content::{
    Attachment, Author, Body, Content, ContentError, EXTENSION_MEDIA, FILE_URL, File, Kept, Media,
    SEALED_IN_SEGMENTS, Saying, Thumbnail, Unverified, write,
};
use keyfold_protocol::file::{FileKey, FileName};
use keyfold_protocol::limits::{
    MAX_BLUR, MAX_FILE_NAME, MAX_MEDIA_TYPE, MAX_PIXELS_ON_A_SIDE, MAX_THUMBNAIL, MAX_WAVEFORM,
    MIN_BLUR,
};
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
        media: Media::default(),
    }
}

fn thumbnail(length: usize) -> Vec<u8> {
    let mut picture = vec![0; length];
    picture[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    picture
}

/// All that can be said of what is in a file.
fn seen() -> Media {
    Media {
        sides: Some((4_000, 3_000)),
        blur: Some(vec![7; 24]),
        duration: Some(63_500),
        waveform: Some((0..64).collect()),
        thumbnail: Some(Thumbnail::new(thumbnail(900)).unwrap()),
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

#[test]
fn what_can_be_seen_of_a_file_comes_with_it() {
    let (all, none) = (seen(), Media::default());
    let sides = Media {
        sides: Some((1, MAX_PIXELS_ON_A_SIDE)),
        ..none.clone()
    };
    let small = Media {
        thumbnail: all.thumbnail.clone(),
        ..none.clone()
    };
    for media in [all, none, sides, small] {
        for caption in ["", "what a day"] {
            let mut written = attachment();
            written.media = media.clone();
            let content = reads(&writes(&written, caption).unwrap()).unwrap();
            assert!(file(&content).attachment == written);
            assert_eq!(file(&content).caption.is_some(), !caption.is_empty());
            assert!(!content.needs_newer_version());
            let printed = format!("{:?} {:?}", written.media, written.media.thumbnail);
            assert!(!printed.contains('4'), "{printed}");
        }
    }
}

/// Brings one to a limit, or over it.
type BendMedia = fn(&mut Media, bool);

#[test]
fn what_can_be_seen_of_a_file_has_limits() {
    let bends: [(&str, BendMedia); 4] = [
        ("pixels", |media, over| {
            media.sides = Some((1, MAX_PIXELS_ON_A_SIDE + u32::from(over)));
        }),
        ("no pixels", |media, over| {
            media.sides = Some((u32::from(!over), 1));
        }),
        ("a blur", |media, over| {
            media.blur = Some(vec![1; MAX_BLUR + usize::from(over)]);
        }),
        ("a waveform", |media, over| {
            media.waveform = Some(vec![1; MAX_WAVEFORM + usize::from(over)]);
        }),
    ];
    for (what, bend) in bends {
        for over in [false, true] {
            let mut one = attachment();
            bend(&mut one.media, over);
            assert_eq!(writes(&one, "").is_err(), over, "{what}");
        }
    }
    for (least, fits) in [(MIN_BLUR, true), (MIN_BLUR - 1, false)] {
        let mut one = attachment();
        one.media.blur = Some(vec![1; least]);
        assert_eq!(writes(&one, "").is_ok(), fits);
    }
    let mut silent = attachment();
    silent.media.waveform = Some(Vec::new());
    assert_eq!(writes(&silent, ""), Err(ContentError::File));
    assert!(Thumbnail::new(thumbnail(MAX_THUMBNAIL)).is_ok());
    assert!(Thumbnail::new(thumbnail(MAX_THUMBNAIL + 1)).is_err());
    assert!(Thumbnail::new(b"<svg onload=x>".to_vec()).is_err());
}

/// A file of somebody else's with this value of the extension, and with this part behind it.
fn with_media(value: &[u8], preview: Option<(&str, &[u8])>) -> Result<Content, ContentError> {
    let mut e = Encoder::new(Vec::new());
    e.array(7).unwrap().bytes(&[1; 16]).unwrap().null().unwrap();
    e.bytes(&[]).unwrap().null().unwrap().null().unwrap();
    e.map(2).unwrap().str(EXTENSION_MEDIA).unwrap();
    e.writer_mut().extend_from_slice(value);
    e.str("keyfold.counter").unwrap().u64(7).unwrap();
    let part = Foreign::good().part();
    match preview {
        None => e.writer_mut().extend(part),
        Some((media_type, picture)) => {
            e.array(5)
                .unwrap()
                .u8(1)
                .unwrap()
                .str("")
                .unwrap()
                .u8(3)
                .unwrap();
            e.u8(2).unwrap().array(2).unwrap();
            e.writer_mut().extend(part);
            e.array(5)
                .unwrap()
                .u8(8)
                .unwrap()
                .str("")
                .unwrap()
                .u8(1)
                .unwrap();
            e.str(media_type).unwrap().bytes(picture).unwrap();
        }
    }
    reads(&e.into_writer())
}

fn value(write: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    write(&mut e);
    e.into_writer()
}

#[test]
fn what_somebody_else_says_of_a_file_is_checked() {
    let refused: [(&str, Vec<u8>); 7] = [
        ("no map", vec![0x05]),
        (
            "one side",
            value(|e| {
                e.map(1)
                    .unwrap()
                    .u8(1)
                    .unwrap()
                    .array(1)
                    .unwrap()
                    .u8(9)
                    .unwrap();
            }),
        ),
        (
            "a side of four billion",
            value(|e| {
                e.map(1)
                    .unwrap()
                    .u8(1)
                    .unwrap()
                    .array(2)
                    .unwrap()
                    .u32(u32::MAX)
                    .unwrap()
                    .u8(1)
                    .unwrap();
            }),
        ),
        (
            "a blur of nothing",
            value(|e| {
                e.map(1).unwrap().u8(2).unwrap().bytes(&[]).unwrap();
            }),
        ),
        (
            "a waveform without end",
            value(|e| {
                e.map(1)
                    .unwrap()
                    .u8(4)
                    .unwrap()
                    .bytes(&[1; MAX_WAVEFORM + 1])
                    .unwrap();
            }),
        ),
        (
            "keys out of order",
            value(|e| {
                e.map(2)
                    .unwrap()
                    .u8(3)
                    .unwrap()
                    .u8(1)
                    .unwrap()
                    .u8(2)
                    .unwrap()
                    .bytes(&[1; 24])
                    .unwrap();
            }),
        ),
        ("something behind it", vec![0xa0, 0xa0]),
    ];
    for (what, value) in refused {
        assert!(with_media(&value, None).is_err(), "{what}");
    }
}

#[test]
fn what_a_later_version_says_of_a_file_is_passed_over() {
    let later = value(|e| {
        e.map(2)
            .unwrap()
            .u8(3)
            .unwrap()
            .u8(9)
            .unwrap()
            .u8(99)
            .unwrap()
            .str("later")
            .unwrap();
    });
    let content = with_media(&later, None).unwrap();
    assert_eq!(file(&content).attachment.media.duration, Some(9));
    assert!(!content.needs_newer_version());
}

#[test]
fn a_small_picture_of_a_form_that_nobody_knows_is_passed_over_and_a_large_one_refused() {
    let none = [0xa0];
    let content = with_media(&none, Some(("image/jpeg", &thumbnail(20)))).unwrap();
    assert!(file(&content).attachment.media.thumbnail.is_some());
    let content = with_media(&none, Some(("image/svg+xml", b"<svg onload=x>"))).unwrap();
    assert!(file(&content).attachment.media.thumbnail.is_none());
    let large = thumbnail(MAX_THUMBNAIL + 1);
    assert!(with_media(&none, Some(("image/jpeg", &large))).is_err());
}

/// What is done to one.
type Bend = fn(&mut Foreign);

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
        e.writer_mut().extend(self.part());
        reads(&e.into_writer())
    }

    fn part(&self) -> Vec<u8> {
        let mut e = Encoder::new(Vec::new());
        e.array(15).unwrap().u8(self.disposition).unwrap();
        e.str("").unwrap().u8(2).unwrap();
        e.str(&self.media_type).unwrap().str(&self.url).unwrap();
        e.u32(0).unwrap().u64(self.size).unwrap();
        e.u16(self.algorithm).unwrap().bytes(&self.key).unwrap();
        e.bytes(&self.nonce).unwrap().bytes(&self.aad).unwrap();
        e.u8(self.hash_algorithm).unwrap();
        e.bytes(&self.hash).unwrap().str("").unwrap();
        e.str(&self.name).unwrap();
        e.into_writer()
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
    let cases: [(&str, Bend); 9] = [
        ("a short key", |one| one.key.truncate(31)),
        ("a long key", |one| one.key.push(0)),
        ("a short nonce", |one| one.nonce.truncate(6)),
        ("a whole nonce", |one| one.nonce.extend([0; 5])),
        ("associated data", |one| one.aad.push(1)),
        ("a short hash", |one| one.hash.truncate(31)),
        ("too large", |one| one.size = MAX_FILE + 1),
        ("no media type", |one| one.media_type.clear()),
        ("an id in capitals", |one| {
            one.url = format!("{FILE_URL}{}", "F1".repeat(32));
        }),
    ];
    for (why, change) in cases {
        assert_eq!(changed(change).unwrap_err(), ContentError::File, "{why}");
    }
}

#[test]
fn a_file_elsewhere_or_sealed_otherwise_needs_a_newer_version_and_is_never_asked_for() {
    let cases: [(&str, Bend); 5] = [
        ("elsewhere", |one| {
            one.url = "https://example.org/a.jpg".to_owned();
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
