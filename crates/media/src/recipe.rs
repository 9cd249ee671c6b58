//! How what is sent is made of a file.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use crate::Trouble;
use crate::limits::MAX_PIECES;

/// How what is sent is made of a file: parts of it in their order, and other bytes between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    pieces: Vec<Piece>,
    length: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Of the file, from there.
    Kept {
        from: u64,
        length: u64,
    },
    Zeros(u64),
    Bytes(Vec<u8>),
}

impl Piece {
    const fn length(&self) -> u64 {
        match self {
            Self::Kept { length, .. } | Self::Zeros(length) => *length,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl Recipe {
    /// A file of this length, as it is.
    #[must_use]
    pub fn whole(length: u64) -> Self {
        let mut whole = Self::default();
        whole.keep(0, length);
        whole
    }

    /// These bytes, whatever the file is.
    #[must_use]
    pub fn bytes(bytes: Vec<u8>) -> Self {
        let mut recipe = Self::default();
        recipe.put(bytes);
        recipe
    }

    /// How many bytes are sent.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// What is sent, made of the file.
    pub const fn read<S: Read + Seek>(self, file: S) -> Reader<S> {
        Reader {
            file,
            recipe: self,
            piece: 0,
            done: 0,
        }
    }

    pub(crate) fn keep(&mut self, from: u64, length: u64) {
        self.length = self.length.saturating_add(length);
        match self.pieces.last_mut() {
            Some(Piece::Kept {
                from: begin,
                length: before,
            }) if *begin + *before == from => *before += length,
            _ => self.pieces.push(Piece::Kept { from, length }),
        }
    }

    pub(crate) fn put(&mut self, bytes: Vec<u8>) {
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.pieces.push(Piece::Bytes(bytes));
    }

    fn zeros(&mut self, length: u64) {
        self.length = self.length.saturating_add(length);
        self.pieces.push(Piece::Zeros(length));
    }
}

/// What stands elsewhere in a file of the same length.
#[derive(Default)]
pub(crate) struct Patches {
    by_place: BTreeMap<u64, Piece>,
}

impl Patches {
    /// Nothing stands there any more.
    pub(crate) fn blank(&mut self, from: u64, length: u64) -> Result<(), Trouble> {
        self.set(from, Piece::Zeros(length))
    }

    /// This stands there.
    pub(crate) fn write(&mut self, from: u64, bytes: &[u8]) -> Result<(), Trouble> {
        self.set(from, Piece::Bytes(bytes.to_vec()))
    }

    fn set(&mut self, from: u64, piece: Piece) -> Result<(), Trouble> {
        if piece.length() == 0 {
            return Ok(());
        }
        if self.by_place.len() >= MAX_PIECES {
            return Err(Trouble::Damaged);
        }
        // Of two at one place the longer one holds the other.
        let before = self.by_place.get(&from).map_or(0, Piece::length);
        if piece.length() >= before {
            self.by_place.insert(from, piece);
        }
        Ok(())
    }

    /// A file of this length with them. What lies within another one is not seen.
    pub(crate) fn recipe(self, length: u64) -> Recipe {
        let (mut recipe, mut at) = (Recipe::default(), 0_u64);
        for (from, piece) in self.by_place {
            let end = from.saturating_add(piece.length()).min(length);
            // What lies behind the end is not there.
            if end <= at || from >= length {
                continue;
            }
            if from > at {
                recipe.keep(at, from - at);
            }
            let begun = at.max(from);
            match piece {
                Piece::Bytes(bytes) if begun == from && bytes.len() as u64 == end - from => {
                    recipe.put(bytes);
                }
                _ => recipe.zeros(end - begun),
            }
            at = end;
        }
        if length > at {
            recipe.keep(at, length - at);
        }
        recipe
    }
}

/// Reads what is sent.
pub struct Reader<S> {
    file: S,
    recipe: Recipe,
    piece: usize,
    /// Bytes of that piece.
    done: u64,
}

impl<S: Read + Seek> Read for Reader<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(piece) = self.recipe.pieces.get(self.piece) else {
                return Ok(0);
            };
            let left = piece.length() - self.done;
            let most = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
            let Some(into) = into.get_mut(..most) else {
                return Ok(0);
            };
            let read = match piece {
                _ if left == 0 => {
                    (self.piece, self.done) = (self.piece + 1, 0);
                    continue;
                }
                Piece::Kept { from, .. } => {
                    self.file.seek(SeekFrom::Start(from + self.done))?;
                    self.file.read(into)?
                }
                Piece::Zeros(_) => {
                    into.fill(0);
                    most
                }
                Piece::Bytes(bytes) => {
                    let begun = usize::try_from(self.done).unwrap_or(usize::MAX);
                    let rest = bytes.get(begun..).unwrap_or_default();
                    into.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    most
                }
            };
            self.done += read as u64;
            return Ok(read);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use super::*;

    fn made(recipe: Recipe, file: &[u8]) -> Vec<u8> {
        let length = recipe.length();
        let mut bytes = Vec::new();
        recipe
            .read(Cursor::new(file))
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    #[test]
    fn parts_of_a_file_and_other_bytes_stand_in_their_order() {
        let mut recipe = Recipe::default();
        recipe.keep(6, 2);
        recipe.put(b"--".to_vec());
        recipe.keep(0, 3);
        recipe.keep(3, 1);
        assert_eq!(made(recipe, b"abcdefgh"), b"gh--abcd");
        assert_eq!(made(Recipe::whole(8), b"abcdefgh"), b"abcdefgh");
        assert_eq!(made(Recipe::bytes(b"x".to_vec()), b"abcdefgh"), b"x");
        assert_eq!(made(Recipe::default(), b"abcdefgh"), b"");
    }

    #[test]
    fn patches_lie_over_a_file_whatever_their_order() {
        let mut patches = Patches::default();
        patches.write(5, b"XY").unwrap();
        patches.blank(1, 3).unwrap();
        patches.blank(2, 1).unwrap();
        patches.blank(8, 100).unwrap();
        patches.blank(10, 1).unwrap();
        patches.write(50, b"Z").unwrap();
        patches.blank(3, 0).unwrap();
        assert_eq!(made(patches.recipe(10), b"abcdefghij"), b"a\0\0\0eXYh\0\0");
    }

    #[test]
    fn nothing_is_written_behind_the_end() {
        let mut patches = Patches::default();
        patches.blank(50, 7).unwrap();
        assert_eq!(made(patches.recipe(6), b"abcdef"), b"abcdef");
    }

    #[test]
    fn what_overlaps_is_blank_to_its_end() {
        let mut patches = Patches::default();
        patches.blank(1, 3).unwrap();
        patches.write(2, b"XYZ").unwrap();
        assert_eq!(made(patches.recipe(6), b"abcdef"), b"a\0\0\0\0f");
    }

    #[test]
    fn a_file_without_patches_is_as_it_was() {
        assert_eq!(Patches::default().recipe(9), Recipe::whole(9));
    }
}
