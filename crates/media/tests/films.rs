//! Films and sounds: where and when they were made goes, what is seen and heard stays, byte for byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod kit;

use keyfold_media::Sent;
use kit::{SECRET, clean, never_tells, numbers, part, sent, tells};

/// How a camera writes a film.
#[derive(Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each stands for one way of writing a film"
)]
struct Camera {
    /// Places take 64 bits.
    far: bool,
    /// All samples have one length.
    even: bool,
    /// The table of contents stands behind the film.
    behind: bool,
    /// Held upright.
    upright: bool,
}

const TELEPHONE: Camera = Camera {
    far: false,
    even: false,
    behind: true,
    upright: true,
};

const SAMPLE: u32 = 20;

/// Two seconds of film with a track that says where the camera is, in two chunks of two samples and one.
fn film(camera: Camera) -> Vec<u8> {
    let head = part(b"ftyp", b"qt  \0\0\0\0");
    let samples = |what: u8| [what; 3 * SAMPLE as usize];
    let mut data = samples(b'V').to_vec();
    for _ in 0..3 {
        let mut where_it_is = SECRET.to_vec();
        where_it_is.resize(SAMPLE as usize, b'.');
        data.extend(where_it_is);
    }
    data.extend(samples(b'V'));
    let contents = |at: u32| {
        let mut all = part(
            b"mvhd",
            &[numbers(&[0, 7, 7, 600, 1_200]), vec![0; 80]].concat(),
        );
        all.extend(track(*b"vide", &[at, at + 6 * SAMPLE], 3, camera));
        all.extend(track(
            *b"meta",
            &[at + 3 * SAMPLE, at + 5 * SAMPLE],
            2,
            camera,
        ));
        all.extend(part(b"udta", &part(b"\xa9xyz", SECRET)));
        all.extend(part(b"meta", SECRET));
        all.extend(part(b"gps ", SECRET));
        part(b"moov", &all)
    };
    let data_at = |before: usize| u32::try_from(before + 8).unwrap();
    let mut bytes = head.clone();
    if camera.behind {
        bytes.extend(part(b"mdat", &data));
        bytes.extend(contents(data_at(head.len())));
    } else {
        let length = contents(0).len();
        bytes.extend(contents(data_at(head.len() + length)));
        bytes.extend(part(b"mdat", &data));
    }
    for kind in [b"uuid", b"free", b"skip"] {
        bytes.extend(part(kind, SECRET));
    }
    bytes
}

/// A track whose first chunk has so many samples, and each further one what is left of three, or three.
fn track(handler: [u8; 4], chunks: &[u32], first: u32, camera: Camera) -> Vec<u8> {
    let seen = handler == *b"vide";
    let (a, b) = if camera.upright {
        (0, 0x1_0000)
    } else {
        (0x1_0000, 0)
    };
    let matrix = [a, b, 0, 0_u32.wrapping_sub(b), a, 0, 0, 0, 0x4000_0000];
    let mut tkhd = numbers(&[7, 7, 7, 1, 0, 1_200, 0, 0, 0, 0]);
    tkhd.extend(numbers(&matrix));
    tkhd.extend(numbers(&if seen {
        [1_920 << 16, 1_080 << 16]
    } else {
        [0, 0]
    }));
    let sizes = if camera.even {
        numbers(&[0, SAMPLE, 3])
    } else {
        numbers(
            &[
                &[0, 0, if seen { 6 } else { 3 }],
                [SAMPLE; 6].get(..if seen { 6 } else { 3 }).unwrap(),
            ]
            .concat(),
        )
    };
    let runs = if seen {
        numbers(&[0, 1, 1, 3, 1])
    } else {
        numbers(&[0, 2, 1, first, 1, 2, 3 - first, 1])
    };
    let count = u32::try_from(chunks.len()).unwrap();
    let places = if camera.far {
        let wide: Vec<u32> = chunks.iter().flat_map(|at| [0, *at]).collect();
        part(b"co64", &[numbers(&[0, count]), numbers(&wide)].concat())
    } else {
        part(b"stco", &[numbers(&[0, count]), numbers(chunks)].concat())
    };
    let table = [part(b"stsc", &runs), part(b"stsz", &sizes), places].concat();
    let media = [
        part(b"mdhd", &numbers(&[0, 7, 7, 600, 1_200, 0])),
        part(
            b"hdlr",
            &[&[0; 8], handler.as_slice(), &[0; 12], SECRET].concat(),
        ),
        part(b"minf", &part(b"stbl", &table)),
    ];
    part(
        b"trak",
        &[
            part(b"tkhd", &tkhd),
            part(b"mdia", &media.concat()),
            part(b"udta", SECRET),
        ]
        .concat(),
    )
}

#[test]
fn a_film_says_neither_where_nor_when_and_every_picture_stays_where_it_was() {
    for far in [false, true] {
        for (even, behind) in [(false, true), (true, false), (false, false)] {
            let bytes = film(Camera {
                far,
                even,
                behind,
                ..TELEPHONE
            });
            let (sent, looked) = clean(&bytes);
            assert_eq!(sent.len(), bytes.len());
            for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'V') {
                assert_eq!(sent[at], b'V', "at {at}");
            }
            // The times of the film, its tracks and their media.
            let seven = numbers(&[7, 7]);
            assert!(bytes.windows(8).any(|window| window == seven));
            assert!(!sent.windows(8).any(|window| window == seven));
            assert_eq!(looked.media.sides, Some((1_080, 1_920)));
            assert_eq!(looked.media.duration, Some(2_000));
        }
    }
}

#[test]
fn a_film_of_a_camera_on_its_feet_is_as_wide_as_it_says() {
    let (_, looked) = clean(&film(Camera {
        upright: false,
        ..TELEPHONE
    }));
    assert_eq!(looked.media.sides, Some((1_920, 1_080)));
}

#[test]
fn a_film_in_fragments_with_a_track_beside_picture_and_sound_is_refused() {
    let mut bytes = film(TELEPHONE);
    bytes.extend(part(b"moof", &part(b"traf", &part(b"udta", SECRET))));
    assert!(sent(&bytes, "video/mp4", Sent::Clean).is_err());
    assert!(sent(&bytes, "video/mp4", Sent::AsItIs).unwrap().0 == bytes);
    let only_seen = [
        part(b"ftyp", b"iso5"),
        part(b"moof", &part(b"traf", &part(b"udta", SECRET))),
    ];
    clean(&only_seen.concat());
}

#[test]
fn boxes_in_boxes_without_end_are_no_trouble() {
    let mut bytes = part(b"ftyp", b"iso5");
    bytes.extend(b"\0\0\0\0moof");
    for _ in 0..100_000 {
        bytes.extend(b"\0\0\0\0traf");
    }
    let _ = sent(&bytes, "video/mp4", Sent::Clean);
}

#[test]
fn whatever_is_cut_off_or_changed_tells_nothing() {
    never_tells(&film(TELEPHONE));
    never_tells(&film(Camera {
        far: true,
        even: true,
        behind: false,
        upright: false,
    }));
}

#[test]
fn tables_that_claim_more_than_there_is_cost_nothing() {
    let bytes = film(TELEPHONE);
    for kind in [b"stsz", b"stco", b"stsc"] {
        let mut bent = bytes.clone();
        // Of the track that goes.
        let at = bent.windows(4).rposition(|window| window == kind).unwrap();
        let count = at + if kind == b"stsz" { 12 } else { 8 };
        bent[count..count + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(sent(&bent, "video/mp4", Sent::Clean).is_err(), "{kind:?}");
    }
}

/// A second of nothing, a second of a tone at half, one at full height; 8,000 samples a second.
fn wave(seconds: usize) -> Vec<u8> {
    let mut samples = Vec::new();
    for (second, height) in [(0, 0), (1, 16_000), (2, 32_000)]
        .iter()
        .cycle()
        .take(seconds)
    {
        let _ = second;
        for at in 0..8_000 {
            let sample: i16 = if at % 8 < 4 { *height } else { -*height };
            samples.extend(sample.to_le_bytes());
        }
    }
    let length = u32::try_from(samples.len()).unwrap();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((length + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend(16_000_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples);
    bytes
}

#[test]
fn a_sound_is_drawn_as_loud_as_it_is() {
    let (all, looked) = sent(&wave(3), "audio/wav", Sent::Clean).unwrap();
    assert_eq!(all, wave(3));
    assert_eq!(looked.media.duration, Some(3_000));
    let drawn = looked.media.waveform.unwrap();
    assert_eq!(drawn.len(), 30);
    assert!(drawn[..10].iter().all(|height| *height == 0));
    assert!(
        drawn[10..20]
            .iter()
            .all(|height| (126..130).contains(height))
    );
    assert!(drawn[20..].iter().all(|height| *height == 255));
    let (_, looked) = sent(&wave(60), "audio/wav", Sent::Clean).unwrap();
    assert_eq!(looked.media.waveform.unwrap().len(), 64);
}

#[test]
fn what_plays_for_long_is_not_drawn_and_what_is_no_sound_not_listened_to() {
    let (_, looked) = sent(&wave(15 * 60), "audio/wav", Sent::Clean).unwrap();
    assert!(looked.media.waveform.is_some());
    let (_, looked) = sent(&wave(15 * 60 + 1), "audio/wav", Sent::Clean).unwrap();
    assert!(looked.media.waveform.is_none());
    let (_, looked) = sent(&wave(3), "application/octet-stream", Sent::Clean).unwrap();
    assert!(looked.media.waveform.is_none());
    let (_, looked) = sent(b"RIFF....WAVEfmt nothing", "audio/wav", Sent::Clean).unwrap();
    assert!(looked.media.waveform.is_none() && !tells(b""));
}
