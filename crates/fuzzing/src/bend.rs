//! What is done to right bytes to make them wrong.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::draw::Blob;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Arbitrary)]
pub enum Bend {
    /// Only so many bytes are left.
    Cut(u16),
    /// Bits of one byte change.
    Flip(u16, u8),
    /// More bytes come in between.
    Insert(u16, Blob),
    /// Other bytes stand there.
    Replace(u16, Blob),
    /// All of it twice.
    Twice,
    /// Something else altogether.
    Instead(Blob),
}

/// Bytes beyond which they are not doubled again.
const LARGE: usize = 1 << 20;

impl Bend {
    /// The bytes with all of these changes.
    pub fn all(bends: &[Self], bytes: &[u8]) -> Vec<u8> {
        bends
            .iter()
            .fold(bytes.to_vec(), |bytes, bend| bend.done_to(bytes))
    }

    fn done_to(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = |at: u16| usize::from(at) % (bytes.len() + 1);
        match self {
            Self::Cut(at) => bytes.truncate(place(*at)),
            Self::Flip(at, bits) => {
                let at = place(*at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Insert(at, more) => {
                let at = place(*at);
                bytes.splice(at..at, more.0.iter().copied());
            }
            Self::Replace(at, others) => {
                let at = place(*at);
                for (byte, other) in bytes.iter_mut().skip(at).zip(&others.0) {
                    *byte = *other;
                }
            }
            Self::Twice if bytes.len() < LARGE => bytes.extend_from_within(..),
            Self::Twice => {}
            Self::Instead(others) => bytes.clone_from(&others.0),
        }
        bytes
    }
}

/// What is done to some bytes: mostly nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bends(pub Vec<Bend>);

impl<'a> Arbitrary<'a> for Bends {
    fn arbitrary(unread: &mut Unstructured<'a>) -> Result<Self> {
        let byte: u8 = unread.arbitrary()?;
        let count = byte.saturating_sub(191).div_ceil(22);
        let all = (0..count).map(|_| unread.arbitrary());
        all.collect::<Result<_>>().map(Self)
    }
}

impl Bends {
    /// The bytes with these changes.
    pub fn bend(&self, bytes: &[u8]) -> Vec<u8> {
        Bend::all(&self.0, bytes)
    }
}
