//! Bytes as the files show them: lower-case hexadecimal, long runs of one byte shortened.

use keyfold_wire::ids::from_hex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Equal bytes in a row from which on they are written as `[byte, times]`.
const LONG_RUN: usize = 256;

/// Bytes. In a file: a text in hexadecimal, or an array of such texts and of pairs `[byte, times]`, to be put together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hex(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Plain(String),
    Pieces(Vec<Piece>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Piece {
    Bytes(String),
    Run(String, usize),
}

impl Hex {
    /// As an array of a known length.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        self.0.as_slice().try_into().unwrap()
    }
}

impl std::ops::Deref for Hex {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: AsRef<[u8]> + ?Sized> From<&T> for Hex {
    fn from(bytes: &T) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl From<Vec<u8>> for Hex {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Hex {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        for run in self.0.chunk_by(|one, next| one == next) {
            let byte = format!("{:02x}", run[0]);
            if run.len() < LONG_RUN {
                plain += &byte.repeat(run.len());
                continue;
            }
            if !plain.is_empty() {
                pieces.push(Piece::Bytes(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Run(byte, run.len()));
        }
        if pieces.is_empty() {
            return Form::Plain(plain).serialize(serializer);
        }
        if !plain.is_empty() {
            pieces.push(Piece::Bytes(plain));
        }
        Form::Pieces(pieces).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pieces = match Form::deserialize(deserializer)? {
            Form::Plain(text) => vec![Piece::Bytes(text)],
            Form::Pieces(pieces) => pieces,
        };
        let mut bytes = Vec::new();
        for piece in pieces {
            let (text, times) = match piece {
                Piece::Bytes(text) => (text, 1),
                Piece::Run(text, times) => (text, times),
            };
            let part =
                from_hex(&text).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))?;
            bytes.extend(part.repeat(times));
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_they_were_written() {
        let shown = |bytes: &[u8]| serde_json::to_string(&Hex::from(bytes)).unwrap();
        assert_eq!(shown(&[]), r#""""#);
        assert_eq!(shown(&[1, 0xab]), r#""01ab""#);
        let long = [vec![9], vec![0; 256], vec![7; 2], vec![1; 300]].concat();
        assert_eq!(shown(&long), r#"["09",["00",256],"0707",["01",300]]"#);
        for bytes in [vec![], vec![1, 2], long] {
            let read: Hex = serde_json::from_str(&shown(&bytes)).unwrap();
            assert_eq!(*read, *bytes);
        }
    }
}
