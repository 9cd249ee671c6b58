//! `file.json`: files as they are sealed, under which id they lie, and by which names they go.

use keyfold_protocol::file::{FileKey, FileName, Layout, SEGMENT, SealedHash, Segments};
use keyfold_wire::file::UploadToken;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Hex, Topic};

#[derive(Serialize, Deserialize)]
pub(crate) struct SealedFiles {
    lengths: Vec<Length>,
    sealed: Vec<Sealed>,
    large: Vec<Large>,
    refused: Vec<Refused>,
    uploads: Vec<Upload>,
    names: Vec<Name>,
}

#[derive(Serialize, Deserialize)]
struct Length {
    size: u64,
    segments: u32,
    sealed: u64,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    key: Hex,
    nonce: Hex,
    content: Hex,
    sealed: Hex,
    hash: Hex,
}

/// Too long to be written out: the content is `size` bytes, each its place modulo 251.
#[derive(Serialize, Deserialize)]
struct Large {
    key: Hex,
    nonce: Hex,
    size: u64,
    /// The last bytes of each sealed segment.
    tags: Vec<Hex>,
    hash: Hex,
}

/// A sealed segment of a file of `size` bytes that must not open.
#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    key: Hex,
    nonce: Hex,
    size: u64,
    number: u32,
    sealed: Hex,
}

#[derive(Serialize, Deserialize)]
struct Upload {
    token: Hex,
    id: String,
    authorization: String,
}

#[derive(Serialize, Deserialize)]
struct Name {
    name: String,
    fits: bool,
    nearest: String,
    on_disk: String,
}

const KEY: [u8; 32] = [0x4b; 32];
const NONCE: [u8; 7] = [0x6e; 7];

fn counted(size: u64) -> Vec<u8> {
    (0..size).map(|at| (at % 251).to_le_bytes()[0]).collect()
}

fn seal(key: &FileKey, content: &[u8]) -> Vec<Vec<u8>> {
    let segments = Segments::new(key, Layout::new(content.len() as u64).unwrap());
    let pieces = (0..segments.layout().segments()).map(|number| {
        let begin = number as usize * SEGMENT;
        let length = segments.layout().content_in(number);
        let mut segment = content.get(begin..begin + length).unwrap_or(&[]).to_vec();
        segments.seal(number, &mut segment).unwrap();
        segment
    });
    pieces.collect()
}

fn hash(sealed: &[Vec<u8>]) -> Hex {
    let mut hash = SealedHash::default();
    sealed.iter().for_each(|segment| hash.update(segment));
    let hash = hash.finish();
    let all: [u8; 32] = Sha256::digest(sealed.concat()).into();
    assert_eq!(hash, all);
    hash.into()
}

fn large(size: u64) -> Large {
    let sealed = seal(&FileKey::new(KEY, NONCE), &counted(size));
    let tag = |segment: &Vec<u8>| segment[segment.len() - 16..].into();
    Large {
        key: KEY.into(),
        nonce: NONCE.into(),
        size,
        tags: sealed.iter().map(tag).collect(),
        hash: hash(&sealed),
    }
}

fn refusals() -> Vec<Refused> {
    let key = FileKey::new(KEY, NONCE);
    let good = seal(&key, b"hello").concat();
    let two = seal(&key, &counted(600)).concat();
    let mut changed = good.clone();
    changed[0] ^= 1;
    let case = |why: &str, size, number, sealed: Vec<u8>| Refused {
        why: why.to_owned(),
        key: KEY.into(),
        nonce: NONCE.into(),
        size,
        number,
        sealed: sealed.into(),
    };
    vec![
        case("a changed byte", 5, 0, changed),
        case("cut short", 5, 0, good[..good.len() - 1].to_vec()),
        case("longer", 5, 0, [good.as_slice(), &[0]].concat()),
        case("padding that is not zero", 5, 0, two),
        case("behind the last segment", 5, 1, good.clone()),
        case("for a file of more than one segment", 65_537, 1, good),
    ]
}

impl Topic for SealedFiles {
    fn generate() -> Self {
        let length = |size| {
            let layout = Layout::new(size).unwrap();
            Length {
                size,
                segments: layout.segments(),
                sealed: layout.sealed_length(),
            }
        };
        let key = FileKey::new(KEY, NONCE);
        let sealed = |content: &[u8]| Sealed {
            key: KEY.into(),
            nonce: NONCE.into(),
            content: content.into(),
            sealed: seal(&key, content).concat().into(),
            hash: hash(&seal(&key, content)),
        };
        let upload = |byte| {
            let token = UploadToken::new([byte; 32]);
            Upload {
                token: [byte; 32].into(),
                id: token.id().to_string(),
                authorization: token.to_header().to_string(),
            }
        };
        let names = [
            "photo.jpg",
            ".profile",
            "a/b",
            "a\\b",
            "..",
            "CON.txt",
            "a:b",
            "end. ",
            "invoice\u{202e}fdp.exe",
            "two\nlines",
        ];
        let name = |name: &str| Name {
            name: name.to_owned(),
            fits: FileName::new(name).is_ok(),
            nearest: FileName::nearest(name).as_str().to_owned(),
            on_disk: FileName::nearest(name).on_disk(),
        };
        let sizes = [
            0,
            1,
            1_024,
            1_025,
            65_536,
            65_537,
            1_000_000,
            4_194_305,
            1 << 30,
            1 << 31,
        ];
        Self {
            lengths: sizes.map(length).into(),
            sealed: [b"".as_slice(), b"hello"].map(sealed).into(),
            large: [65_536, 65_537, 200_000].map(large).into(),
            refused: refusals(),
            uploads: [1, 2].map(upload).into(),
            names: names.map(name).into(),
        }
    }

    fn check(&self) {
        for one in &self.lengths {
            let layout = Layout::new(one.size).unwrap();
            let found = (layout.segments(), layout.sealed_length());
            assert_eq!(found, (one.segments, one.sealed), "{}", one.size);
        }
        for one in &self.sealed {
            let key = FileKey::new(one.key.array(), one.nonce.array());
            let sealed = seal(&key, &one.content);
            assert_eq!(sealed.concat(), *one.sealed);
            assert_eq!(*hash(&sealed), *one.hash);
            let layout = Layout::new(one.content.len() as u64).unwrap();
            let mut opened = one.sealed.to_vec();
            Segments::new(&key, layout).open(0, &mut opened).unwrap();
            assert_eq!(opened, *one.content);
        }
        for one in &self.large {
            let made = large(one.size);
            assert_eq!(*made.hash, *one.hash, "{}", one.size);
            assert_eq!(made.tags.len(), one.tags.len());
            for (made, tag) in made.tags.iter().zip(&one.tags) {
                assert_eq!(**made, **tag, "{}", one.size);
            }
        }
        for one in &self.refused {
            let key = FileKey::new(one.key.array(), one.nonce.array());
            let segments = Segments::new(&key, Layout::new(one.size).unwrap());
            let opened = segments.open(one.number, &mut one.sealed.to_vec());
            assert!(opened.is_err(), "{}", one.why);
        }
        for one in &self.uploads {
            let token = UploadToken::new(one.token.array());
            assert_eq!(token.id().to_string(), one.id);
            assert_eq!(*token.to_header(), one.authorization);
        }
        for one in &self.names {
            assert_eq!(FileName::new(&one.name).is_ok(), one.fits, "{:?}", one.name);
            let nearest = FileName::nearest(&one.name);
            assert_eq!(nearest.as_str(), one.nearest);
            assert_eq!(nearest.on_disk(), one.on_disk);
        }
    }
}
