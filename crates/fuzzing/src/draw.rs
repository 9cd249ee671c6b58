//! How scripts are read out of bytes, beyond what `arbitrary` derives: all of the bytes are used, and most things are as they
//! should be, since a script in which everything is odd gets nowhere.

use arbitrary::{Arbitrary, Result, Unstructured};

/// As many as the bytes have, but no more than so many.
pub fn steps<'a, T: Arbitrary<'a>>(data: &'a [u8], most: usize) -> Vec<T> {
    let mut unread = Unstructured::new(data);
    let mut steps = Vec::new();
    while !unread.is_empty() && steps.len() < most {
        match T::arbitrary(&mut unread) {
            Ok(step) => steps.push(step),
            Err(_) => break,
        }
    }
    steps
}

/// One time in eight, something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rarely<T>(pub Option<T>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Rarely<T> {
    fn arbitrary(unread: &mut Unstructured<'a>) -> Result<Self> {
        let byte: u8 = unread.arbitrary()?;
        let some = (byte >= 224).then(|| unread.arbitrary());
        Ok(Self(some.transpose()?))
    }
}

/// Up to so many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few<T, const MOST: usize>(pub Vec<T>);

impl<'a, T: Arbitrary<'a>, const MOST: usize> Arbitrary<'a> for Few<T, MOST> {
    fn arbitrary(unread: &mut Unstructured<'a>) -> Result<Self> {
        let count = usize::from(unread.arbitrary::<u8>()?) % (MOST + 1);
        let all = (0..count).map(|_| unread.arbitrary());
        all.collect::<Result<_>>().map(Self)
    }
}

/// Some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl<'a> Arbitrary<'a> for Blob {
    fn arbitrary(unread: &mut Unstructured<'a>) -> Result<Self> {
        let byte: u8 = unread.arbitrary()?;
        // Mostly few; a long one now and then.
        let length = match byte {
            0..=191 => usize::from(byte) % 40,
            _ => usize::from(byte) * 8,
        };
        let length = length.min(unread.len());
        Ok(Self(unread.bytes(length)?.to_vec()))
    }
}

impl Blob {
    /// What of it is text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}
