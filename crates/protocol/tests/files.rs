//! Files: sealed and opened in segments, in any order, and nothing that was changed is opened.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use keyfold_protocol::file::{FileError, FileKey, Layout, SEALED_SEGMENT, SEGMENT, Segments, TAG};
use keyfold_wire::limits::MAX_FILE;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

fn key(seed: u64) -> FileKey {
    FileKey::random(&mut StdRng::seed_from_u64(seed))
}

fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn seal(segments: &Segments, content: &[u8]) -> Vec<Vec<u8>> {
    let layout = segments.layout();
    (0..layout.segments())
        .map(|number| {
            let begin = (number as usize * SEGMENT).min(content.len());
            let mut segment = content[begin..begin + layout.content_in(number)].to_vec();
            segments.seal(number, &mut segment).unwrap();
            segment
        })
        .collect()
}

fn segments(size: usize) -> Segments {
    Segments::new(&key(1), Layout::new(size as u64).unwrap())
}

#[test]
fn a_file_of_any_length_comes_back_whichever_segment_is_opened_first() {
    for size in [
        0,
        1,
        1_023,
        1_024,
        1_025,
        SEGMENT - 1,
        SEGMENT,
        SEGMENT + 1,
        300_000,
    ] {
        let (segments, content) = (segments(size), content(size));
        let sealed = seal(&segments, &content);
        let layout = segments.layout();
        let length: usize = sealed.iter().map(Vec::len).sum();
        assert_eq!(length as u64, layout.sealed_length(), "{size}");
        let mut opened = Vec::new();
        for (number, segment) in sealed.iter().enumerate().rev() {
            let number = u32::try_from(number).unwrap();
            let mut segment = segment.clone();
            segments.open(number, &mut segment).unwrap();
            opened.splice(0..0, segment);
        }
        assert!(opened == content, "{size}");
    }
}

#[test]
fn what_was_changed_moved_cut_or_sealed_for_another_file_is_not_opened() {
    let segments = segments(200_000);
    let sealed = seal(&segments, &content(200_000));
    let last = sealed.len() - 1;
    let refused = |number: usize, mut segment: Vec<u8>| {
        segments
            .open(u32::try_from(number).unwrap(), &mut segment)
            .unwrap_err()
    };
    for place in [0, 1_000, SEGMENT - 1, SEGMENT, SEALED_SEGMENT - 1] {
        let mut changed = sealed[1].clone();
        changed[place] ^= 1;
        assert_eq!(refused(1, changed), FileError::Changed, "{place}");
    }
    assert_eq!(refused(0, sealed[1].clone()), FileError::Changed);
    assert_eq!(refused(last, sealed[0].clone()), FileError::Length);
    assert_eq!(refused(0, sealed[0][..SEGMENT].to_vec()), FileError::Length);
    assert_eq!(refused(last + 1, Vec::new()), FileError::Length);
    // Cut to whole segments, the file would end in one that is not sealed as a last one.
    let shorter = Segments::new(&key(1), Layout::new(2 * SEGMENT as u64).unwrap());
    let mut end = sealed[1].clone();
    assert_eq!(shorter.open(1, &mut end), Err(FileError::Changed));
    let other = Segments::new(&key(2), segments.layout());
    assert_eq!(
        other.open(0, &mut sealed[0].clone()),
        Err(FileError::Changed)
    );
}

#[test]
fn padding_that_is_not_zero_is_a_change() {
    let [small, large] = [segments(10), segments(500)];
    let mut sealed = content(500);
    large.seal(0, &mut sealed).unwrap();
    assert_eq!(
        small.layout().sealed_length(),
        large.layout().sealed_length()
    );
    assert_eq!(small.open(0, &mut sealed), Err(FileError::Changed));
}

#[test]
fn a_segment_with_another_content_than_its_own_is_not_sealed() {
    let segments = segments(100);
    for (number, length) in [(0, 99), (0, 101), (1, 0), (1, 100)] {
        assert_eq!(
            segments.seal(number, &mut content(length)),
            Err(FileError::Length)
        );
    }
}

#[test]
fn a_file_of_two_gigabytes_fits_and_no_larger_one() {
    let largest = Layout::new(MAX_FILE).unwrap();
    assert_eq!(largest.segments(), 32_768);
    assert_eq!(largest.sealed_length(), MAX_FILE + 32_768 * TAG as u64);
    assert_eq!(Layout::new(MAX_FILE + 1), Err(FileError::TooLarge));
}

#[test]
fn a_key_is_for_no_log() {
    assert_eq!(format!("{:?}", key(1)), "<secret>");
    assert!(key(1) == key(1) && key(1) != key(2));
}

proptest! {
    #[test]
    fn a_length_says_little_and_costs_little(size in 0..=MAX_FILE) {
        let layout = Layout::new(size).unwrap();
        let padded = layout.sealed_length() - u64::from(layout.segments()) * TAG as u64;
        prop_assert!(padded >= size.max(1_024));
        prop_assert!(size < 1_024 || (padded - size) * 100 <= size * 12);
        let (segment, place) = layout.segment_of(size.saturating_sub(1));
        prop_assert!(segment < layout.segments());
        prop_assert!(size == 0 || place < layout.content_in(segment));
        prop_assert_eq!(
            layout.begins_at(layout.segments() - 1) + layout.sealed_segment(layout.segments() - 1) as u64,
            layout.sealed_length()
        );
        prop_assert_eq!(layout.sealed_segment(layout.segments()), 0);
    }
}
