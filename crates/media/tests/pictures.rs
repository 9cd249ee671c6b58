//! Pictures: what they say goes, what is seen stays, and they come upright.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod kit;

use image::{DynamicImage, RgbaImage};
use keyfold_media::{Sent, Stripped};
use keyfold_protocol::limits::{MAX_BLUR, MAX_THUMBNAIL, MIN_BLUR};
use kit::{
    SECRET, clean, exif, gif, never_tells, numbers, part, photograph, png, sent, tells, webp,
};

fn decoded(bytes: &[u8]) -> RgbaImage {
    image::load_from_memory(bytes).unwrap().into_rgba8()
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

#[test]
fn a_picture_that_is_upright_keeps_every_pixel() {
    for bytes in [photograph(1), png(1), webp(1)] {
        let (sent, looked) = clean(&bytes);
        assert!(decoded(&sent) == decoded(&bytes));
        assert_eq!(looked.media.sides, Some((64, 32)));
        assert!(!has(&sent, b"Exif") && !has(&sent, b"EXIF") && !has(&sent, b"XMP"));
    }
    assert!(has(&clean(&photograph(1)).0, b"a profile of colours"));
    assert!(has(&clean(&png(1)).0, b"gAMA"));
    assert!(!has(&clean(&png(1)).0, b"tIME"));
}

#[test]
fn a_picture_that_was_taken_upright_comes_upright() {
    // Seen with the camera's left side down: what was above is to the right.
    for bytes in [photograph(6), png(6), webp(6)] {
        let (sent, looked) = clean(&bytes);
        let pixels = decoded(&sent);
        assert_eq!(pixels.dimensions(), (32, 64));
        assert_eq!(looked.media.sides, Some((32, 64)));
        let (left, right) = (pixels.get_pixel(4, 32).0, pixels.get_pixel(28, 32).0);
        assert!(left[2] > 180 && left[0] < 60, "blue: {left:?}");
        assert!(right[0] > 180 && right[2] < 60, "red: {right:?}");
        assert!(!has(&sent, b"Exif"));
    }
    let (sent, _) = clean(&photograph(6));
    assert!(has(&sent, b"a profile of colours"));
}

#[test]
fn the_small_picture_and_the_blur_are_upright_too() {
    for (turned, sides) in [(1, (64, 32)), (8, (32, 64))] {
        let (_, looked) = clean(&photograph(turned));
        let thumbnail = looked.media.thumbnail.unwrap();
        assert_eq!(decoded(thumbnail.as_bytes()).dimensions(), sides);
        assert!(!tells(thumbnail.as_bytes()));
        let blur = looked.media.blur.unwrap();
        let (width, height, pixels) = thumbhash::thumb_hash_to_rgba(&blur).unwrap();
        assert_eq!(width > height, sides.0 > sides.1);
        // Red above, and turned by a quarter to the left, red to the left.
        let (first, last) = (&pixels[..4], &pixels[pixels.len() - 4..]);
        assert!(
            first[0] > first[2] && last[0] < last[2],
            "{first:?} {last:?}"
        );
        let right = &pixels[4 * (width - 1)..4 * width];
        assert_eq!(right[0] > right[2], turned == 1, "{right:?}");
    }
}

#[test]
fn small_pictures_and_blurs_of_any_shape_fit_into_a_message() {
    let noise = |x: u32, y: u32, seen: u8| {
        let mixed = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(97);
        let [a, b, c, _] = mixed.to_le_bytes();
        image::Rgba([a, b, c, if (x + y).is_multiple_of(3) { seen } else { 255 }])
    };
    for (width, height) in [(1, 1), (1, 900), (900, 1), (700, 700), (321, 320)] {
        for seen in [255, 40] {
            let picture = RgbaImage::from_fn(width, height, |x, y| noise(x, y, seen));
            let mut bytes = std::io::Cursor::new(Vec::new());
            let picture = DynamicImage::from(picture);
            picture
                .write_to(&mut bytes, image::ImageFormat::Png)
                .unwrap();
            let (_, looked) = sent(&bytes.into_inner(), "image/png", Sent::Clean).unwrap();
            let blur = looked.media.blur.unwrap();
            assert!(
                (MIN_BLUR..=MAX_BLUR).contains(&blur.len()),
                "{}",
                blur.len()
            );
            let thumbnail = looked.media.thumbnail.unwrap();
            assert!(thumbnail.as_bytes().len() <= MAX_THUMBNAIL);
            assert!(decoded(thumbnail.as_bytes()).dimensions() <= (320, 320));
        }
    }
}

#[test]
fn what_can_be_seen_through_is_white_in_the_small_picture() {
    let picture = DynamicImage::from(RgbaImage::from_pixel(40, 40, image::Rgba([0, 0, 0, 0])));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    let (_, looked) = sent(&bytes.into_inner(), "image/png", Sent::Clean).unwrap();
    let small = decoded(looked.media.thumbnail.unwrap().as_bytes());
    assert!(small.pixels().all(|pixel| pixel.0[0] > 250));
}

/// Says that it has 60,000 by 50,000 pixels.
fn bomb() -> Vec<u8> {
    let mut bytes = photograph(6);
    let frame = bytes
        .windows(2)
        .position(|two| two == [0xff, 0xc0])
        .unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xc3, 0x50, 0xea, 0x60]);
    bytes
}

#[test]
fn one_that_is_too_large_to_decode_is_clean_and_says_how_it_is_turned() {
    let (sent, looked) = clean(&bomb());
    assert_eq!(looked.media.sides, Some((50_000, 60_000)));
    assert!(looked.media.thumbnail.is_none() && looked.media.blur.is_none());
    let at = sent.windows(6).position(|six| six == b"Exif\0\0").unwrap();
    let tiff = &sent[at + 6..at + 6 + 26];
    assert_eq!(&tiff[..8], b"MM\0*\0\0\0\x08");
    assert_eq!(&tiff[8..22], [0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]);
    assert!(decoded_orientation(&sent) == 6);
}

fn decoded_orientation(bytes: &[u8]) -> u8 {
    use image::ImageDecoder as _;
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes));
    let mut decoder = reader
        .with_guessed_format()
        .unwrap()
        .into_decoder()
        .unwrap();
    decoder.orientation().unwrap().to_exif()
}

#[test]
fn a_moving_picture_moves_on_and_says_nothing() {
    let (sent, looked) = clean(&gif());
    assert!(has(&sent, b"NETSCAPE2.0") && !has(&sent, b"XMP"));
    assert!(sent.ends_with(&[0x01, 0, 0x3b]));
    assert_eq!(looked.media.sides, Some((1, 1)));
}

/// A HEIC picture: where it was taken lies in an item of its own. `version` of the table of places; `inside`: it lies in the table's own box.
fn heic(version: u8, inside: bool) -> Vec<u8> {
    let item = |id: u8, kind: &[u8; 4]| {
        part(
            b"infe",
            &[&[2, 0, 0, 0, 0, id, 0, 0], kind.as_slice(), b"\0"].concat(),
        )
    };
    let mut infos = vec![0, 0, 0, 0, 0, 2];
    infos.extend(item(1, b"hvc1"));
    infos.extend(item(2, b"Exif"));
    let ispe = |width, height| part(b"ispe", &numbers(&[0, width, height]));
    let properties = part(
        b"ipco",
        &[ispe(160, 120), ispe(4_032, 3_024), part(b"irot", &[1])].concat(),
    );
    let exif = exif(1);
    let length = u32::try_from(exif.len()).unwrap();
    let places = |picture: u32, exif_at: u32| {
        let mut places = vec![version, 0, 0, 0, 0x44, 0, 0, 2];
        for (id, at, method) in [(1, picture, 0), (2, exif_at, u8::from(inside))] {
            places.extend([0, id]);
            if version > 0 {
                places.extend([0, method]);
            }
            places.extend([0, 0, 0, 1]);
            places.extend(numbers(&[at, if id == 1 { 4 } else { length }]));
        }
        part(b"iloc", &places)
    };
    let whole = |picture, exif_at| {
        let mut meta = numbers(&[0]);
        meta.extend(part(
            b"hdlr",
            &[&[0; 8], b"pict".as_slice(), &[0; 13]].concat(),
        ));
        meta.extend(part(b"iinf", &infos));
        meta.extend(places(picture, exif_at));
        meta.extend(part(b"iprp", &properties));
        meta.extend(part(b"idat", if inside { exif.as_slice() } else { &[] }));
        let mut bytes = part(b"ftyp", b"heic\0\0\0\0mif1");
        bytes.extend(part(b"meta", &meta));
        let picture_at = u32::try_from(bytes.len() + 8).unwrap();
        let data = if inside {
            b"SEEN".to_vec()
        } else {
            [b"SEEN".as_slice(), &exif].concat()
        };
        bytes.extend(part(b"mdat", &data));
        bytes.extend(part(b"mpvd", SECRET));
        (bytes, picture_at)
    };
    let (_, at) = whole(0, 0);
    whole(at, if inside { 0 } else { at + 4 }).0
}

#[test]
fn a_picture_of_an_iphone_says_nothing_wherever_it_says_it() {
    for (version, inside) in [(0, false), (1, false), (1, true)] {
        let bytes = heic(version, inside);
        let (sent, looked) = clean(&bytes);
        assert_eq!(sent.len(), bytes.len());
        assert!(has(&sent, b"SEEN"));
        assert_eq!(looked.media.sides, Some((3_024, 4_032)));
    }
}

#[test]
fn a_table_of_places_without_end_costs_nothing() {
    let mut places = vec![1, 0, 0, 0, 0, 0, 0xff, 0xff];
    for id in 0..2_000_u16 {
        places.extend(id.to_be_bytes());
        places.extend([0, 0, 0, 0, 0xff, 0xff]);
    }
    let infos = [
        numbers(&[0]),
        vec![0, 1],
        part(b"infe", b"\x02\0\0\0\0\x01\0\0Exif\0"),
    ]
    .concat();
    let hdlr = part(b"hdlr", &[&[0; 8], b"pict".as_slice(), &[0; 13]].concat());
    let meta = [
        numbers(&[0]),
        hdlr,
        part(b"iinf", &infos),
        part(b"iloc", &places),
    ]
    .concat();
    let bytes = [
        part(b"ftyp", b"heic"),
        part(b"meta", &meta),
        part(b"mdat", SECRET),
    ]
    .concat();
    assert!(sent(&bytes, "image/heic", Sent::Clean).is_err());
}

#[test]
fn one_that_is_sent_as_it_is_comes_byte_for_byte_and_is_seen_all_the_same() {
    let bytes = photograph(6);
    let (all, looked) = sent(&bytes, "image/jpeg", Sent::AsItIs).unwrap();
    assert!(all == bytes);
    assert_eq!(looked.media.sides, Some((32, 64)));
    assert!(!tells(looked.media.thumbnail.unwrap().as_bytes()));
    // Even one that nobody can read.
    let damaged = &bytes[..40];
    assert!(sent(damaged, "image/jpeg", Sent::Clean).is_err());
    assert!(sent(damaged, "image/jpeg", Sent::AsItIs).unwrap().0 == damaged);
}

#[test]
fn a_kind_that_is_not_known_is_said_to_be_so() {
    let tiff = exif(1);
    let (all, looked) = sent(&tiff, "image/tiff", Sent::Clean).unwrap();
    assert!(all == tiff && looked.stripped == Stripped::Unknown);
    let (nothing, looked) = sent(b"", "image/jpeg", Sent::Clean).unwrap();
    assert!(nothing.is_empty() && looked.stripped == Stripped::Unknown);
}

#[test]
fn whatever_is_cut_off_or_changed_tells_nothing() {
    for bytes in [
        photograph(6),
        png(1),
        webp(1),
        gif(),
        heic(0, false),
        heic(1, true),
    ] {
        never_tells(&bytes);
    }
}
