//! `padding.json`: Padme sizes, and content padded to them.

use keyfold_protocol::padding::{pad, padme, unpad};
use serde::{Deserialize, Serialize};

use crate::{Hex, Topic};

#[derive(Serialize, Deserialize)]
pub(crate) struct Paddings {
    padme: Vec<Size>,
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Size {
    length: usize,
    padme: usize,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    content: Hex,
    padded: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    padded: Hex,
}

const LENGTHS: [usize; 25] = [
    0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 100, 255, 256, 257, 1_000, 4_097,
    65_536, 1_000_000, 4_194_305,
];

impl Topic for Paddings {
    fn generate() -> Self {
        let contents: [&[u8]; 6] = [
            &[],
            b"a",
            b"hello",
            &[0; 5],
            b"seventeen bytes !",
            &[0x61; 1_000],
        ];
        let size = |length| Size {
            length,
            padme: padme(length),
        };
        let valid = |content: &[u8]| Valid {
            content: content.into(),
            padded: pad(content).unwrap().into(),
        };
        let case = |why: &str, padded: &[u8]| Refused {
            why: why.to_owned(),
            padded: padded.into(),
        };
        Self {
            padme: LENGTHS.map(size).into(),
            valid: contents.map(valid).into(),
            refused: vec![
                case("nothing", &[]),
                case("no room for the length", &[0, 0, 0]),
                case(
                    "the length is larger than what follows",
                    &[0, 0, 0, 5, 1, 2, 3, 4],
                ),
                case(
                    "one zero less than the Padme size",
                    &[0, 0, 0, 5, 1, 2, 3, 4, 5],
                ),
                case(
                    "two zeros more than the Padme size",
                    &[0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0],
                ),
                case("padding that is not zero", &[0, 0, 0, 5, 1, 2, 3, 4, 5, 1]),
                case(
                    "a length of 4 GiB less one byte",
                    &[0xff, 0xff, 0xff, 0xff, 0],
                ),
            ],
        }
    }

    fn check(&self) {
        for one in &self.padme {
            assert_eq!(padme(one.length), one.padme, "{}", one.length);
        }
        for one in &self.valid {
            assert_eq!(pad(&one.content).unwrap(), *one.padded);
            assert_eq!(unpad(&one.padded).unwrap(), &*one.content);
        }
        for one in &self.refused {
            assert!(unpad(&one.padded).is_err(), "{}", one.why);
        }
    }
}
