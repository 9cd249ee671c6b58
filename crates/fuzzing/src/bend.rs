//! What is done to right bytes to make them wrong.

use arbitrary::Arbitrary;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Arbitrary)]
pub enum Bend {
    /// Only so many bytes are left.
    Cut(u16),
    /// Bits of one byte change.
    Flip(u16, u8),
    /// More bytes come in between.
    Insert(u16, Vec<u8>),
    /// Other bytes stand there.
    Replace(u16, Vec<u8>),
    /// All of it twice.
    Twice,
    /// Something else altogether.
    Instead(Vec<u8>),
}

/// Changes beyond which nothing is learnt.
const MOST: usize = 8;

/// Bytes beyond which they are not doubled again.
const LARGE: usize = 1 << 20;

impl Bend {
    /// The bytes with all of these changes.
    pub fn all(bends: &[Self], bytes: &[u8]) -> Vec<u8> {
        bends
            .iter()
            .take(MOST)
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
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Replace(at, others) => {
                let at = place(*at);
                for (byte, other) in bytes.iter_mut().skip(at).zip(others) {
                    *byte = *other;
                }
            }
            Self::Twice if bytes.len() < LARGE => bytes.extend_from_within(..),
            Self::Twice => {}
            Self::Instead(others) => bytes.clone_from(others),
        }
        bytes
    }
}
