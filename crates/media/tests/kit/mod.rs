//! Files as cameras make them, with what they say beside what is seen.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::trivially_copy_pass_by_ref,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::fs::File;
use std::io::{Read as _, Write as _};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage};
use keyfold_media::{Looked, Sent, Stripped, Trouble, look};

/// Where they were. Nothing that is sent may have it.
pub const SECRET: &[u8] = b"+47.3769+008.5417/";

/// Whether bytes say where somebody was.
pub fn tells(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET)
}

/// A file with these bytes.
pub fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// What is sent of a file, and what is said of that.
pub fn sent(bytes: &[u8], media_type: &str, how: Sent) -> Result<(Vec<u8>, Looked), Trouble> {
    let file = file(bytes);
    let looked = look(file.try_clone().unwrap(), media_type, how)?;
    let mut sent = Vec::new();
    let length = looked.recipe.length();
    looked
        .recipe
        .clone()
        .read(file)
        .read_to_end(&mut sent)
        .unwrap();
    assert_eq!(sent.len() as u64, length);
    Ok((sent, looked))
}

/// The same, of one that is known and says nothing any more.
pub fn clean(bytes: &[u8]) -> (Vec<u8>, Looked) {
    assert!(tells(bytes), "there is something to take out");
    let (sent, looked) = sent(bytes, "image/x", Sent::Clean).unwrap();
    assert!(!tells(&sent));
    assert_eq!(looked.stripped, Stripped::Clean);
    (sent, looked)
}

/// However a file is cut off or changed, it is refused or says nothing, and nobody panics.
pub fn never_tells(bytes: &[u8]) {
    for cut in 0..bytes.len() {
        quiet(&bytes[..cut]);
    }
    let mut state = 0x9e37_79b9_u32;
    for _ in 0..500 {
        let mut bent = bytes.to_vec();
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = (state >> 8) as usize % bent.len();
        // Not where it says where: that would hide it.
        if tells(&bent[at.saturating_sub(SECRET.len())..(at + SECRET.len()).min(bent.len())]) {
            continue;
        }
        bent[at] ^= 1 << (state & 7);
        let _ = sent(&bent, "image/x", Sent::Clean);
    }
}

fn quiet(bytes: &[u8]) {
    if let Ok((sent, looked)) = sent(bytes, "image/x", Sent::Clean) {
        assert!(
            looked.stripped == Stripped::Unknown || !tells(&sent),
            "cut at {}",
            bytes.len()
        );
    }
}

/// Red above, blue below, `width` by `height`.
pub fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |_, y| {
        image::Rgb(if y < height / 2 {
            [220, 20, 20]
        } else {
            [20, 20, 220]
        })
    })
}

/// Exif (TIFF) that says how a picture is turned, and where it was taken.
pub fn exif(turned: u8) -> Vec<u8> {
    let mut bytes = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    bytes.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turned, 0, 0]);
    bytes.extend([
        0x01,
        0x0e,
        0,
        2,
        0,
        0,
        0,
        u8::try_from(SECRET.len()).unwrap(),
        0,
        0,
        0,
        38,
    ]);
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(SECRET);
    bytes
}

fn segment(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, kind], length.as_slice(), content].concat()
}

/// A photograph of a telephone: turned, with all kinds of segments, a second picture and a film behind it.
pub fn photograph(turned: u8) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut encoded, 90);
    image::ImageEncoder::set_icc_profile(&mut encoder, b"a profile of colours".to_vec()).unwrap();
    encoder.encode_image(&scene(64, 32)).unwrap();
    let mut bytes = encoded[..2].to_vec();
    bytes.extend(segment(
        0xe1,
        &[b"Exif\0\0".as_slice(), &exif(turned)].concat(),
    ));
    bytes.extend(segment(
        0xe1,
        &[b"http://ns.adobe.com/xap/1.0/\0".as_slice(), SECRET].concat(),
    ));
    bytes.extend(segment(0xe2, &[b"MPF\0".as_slice(), SECRET].concat()));
    bytes.extend(segment(
        0xed,
        &[b"Photoshop 3.0\0".as_slice(), SECRET].concat(),
    ));
    bytes.extend(segment(0xfe, SECRET));
    bytes.extend(segment(0xf0, SECRET));
    bytes.extend(segment(0xe0, &[b"JFXX\0\x13".as_slice(), SECRET].concat()));
    let small = [b"JFIF\0\x01\x02\0\0\x01\0\x01\x03\x02".as_slice(), SECRET].concat();
    bytes.extend(segment(0xe0, &small));
    bytes.extend(&encoded[2..]);
    bytes.extend(&encoded[..2]);
    bytes.extend(segment(0xe1, &[b"Exif\0\0".as_slice(), SECRET].concat()));
    bytes.extend(b"\0\0\0\x18ftypmp42");
    bytes.extend(SECRET);
    bytes
}

pub fn png_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let crc = crc32fast::hash(&[kind.as_slice(), content].concat()).to_be_bytes();
    [&length, kind.as_slice(), content, &crc].concat()
}

/// A picture as PNG with texts and Exif, and something behind it.
pub fn png(turned: u8) -> Vec<u8> {
    let mut encoded = std::io::Cursor::new(Vec::new());
    DynamicImage::from(scene(64, 32))
        .write_to(&mut encoded, ImageFormat::Png)
        .unwrap();
    let encoded = encoded.into_inner();
    // Behind the head.
    let mut bytes = encoded[..33].to_vec();
    bytes.extend(png_chunk(
        b"tEXt",
        &[b"Comment\0".as_slice(), SECRET].concat(),
    ));
    bytes.extend(png_chunk(b"gAMA", &45_455_u32.to_be_bytes()));
    bytes.extend(png_chunk(b"eXIf", &exif(turned)));
    bytes.extend(png_chunk(b"tIME", &[7, 0xea, 11, 28, 7, 0, 0]));
    bytes.extend(&encoded[33..]);
    bytes.extend(SECRET);
    bytes
}

fn riff_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    let filling = vec![0; content.len() % 2];
    [kind.as_slice(), &length, content, &filling].concat()
}

/// A picture as WebP with Exif and XMP.
pub fn webp(turned: u8) -> Vec<u8> {
    let mut encoded = std::io::Cursor::new(Vec::new());
    DynamicImage::from(scene(64, 32))
        .write_to(&mut encoded, ImageFormat::WebP)
        .unwrap();
    let encoded = encoded.into_inner();
    let mut body = b"WEBP".to_vec();
    body.extend(riff_chunk(b"VP8X", &[0x0c, 0, 0, 0, 63, 0, 0, 31, 0, 0]));
    body.extend(&encoded[12..]);
    body.extend(riff_chunk(b"EXIF", &exif(turned)));
    body.extend(riff_chunk(b"XMP ", SECRET));
    body.extend(riff_chunk(b"WHAT", SECRET));
    let mut bytes = riff_chunk(b"RIFF", &body);
    bytes.extend(SECRET);
    bytes
}

/// A moving picture of one pixel, as GIF.
pub fn gif() -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0".to_vec();
    bytes.extend(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0");
    let length = u8::try_from(SECRET.len()).unwrap();
    bytes.extend([&[0x21, 0xfe, length], SECRET, &[0]].concat());
    bytes.extend(
        [
            b"\x21\xff\x0bXMP DataXMP".as_slice(),
            &[length],
            SECRET,
            &[0],
        ]
        .concat(),
    );
    bytes.extend(b"\x21\xf9\x04\x01\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b");
    bytes.extend(SECRET);
    bytes
}

/// A box with this in it.
pub fn part(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
    [&length, kind.as_slice(), content].concat()
}

/// Numbers as they stand in tables.
pub fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}
