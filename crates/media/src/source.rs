//! Reading at places of a file.

use std::io::{self, Read, Seek, SeekFrom};

use crate::Trouble;

/// A file, read at any place.
pub(crate) struct Source<'a> {
    inner: &'a mut dyn ReadSeek,
    length: u64,
}

/// What can be read at any place.
pub(crate) trait ReadSeek: Read + Seek {}

impl<S: Read + Seek> ReadSeek for S {}

impl<'a> Source<'a> {
    pub(crate) fn new(inner: &'a mut dyn ReadSeek) -> io::Result<Self> {
        let length = inner.seek(SeekFrom::End(0))?;
        Ok(Self { inner, length })
    }

    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// So many bytes from there. One that ends before is damaged.
    pub(crate) fn at(&mut self, from: u64, length: usize) -> Result<Vec<u8>, Trouble> {
        let end = from.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(Trouble::Damaged);
        }
        let mut bytes = vec![0; length];
        self.inner.seek(SeekFrom::Start(from))?;
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// As many of these bytes as there are.
    pub(crate) fn up_to(&mut self, from: u64, length: usize) -> Result<Vec<u8>, Trouble> {
        let there = usize::try_from(self.length.saturating_sub(from)).unwrap_or(usize::MAX);
        self.at(from, length.min(there))
    }

    pub(crate) fn array<const N: usize>(&mut self, from: u64) -> Result<[u8; N], Trouble> {
        let bytes = self.at(from, N)?;
        bytes.try_into().map_err(|_| Trouble::Damaged)
    }
}
