//! Pictures for profiles, groups and previews: made small from whatever a person has, and stripped of what it says beside the picture, such as where it was taken.

use std::io::{BufRead, Seek};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage};
use keyfold_protocol::limits::{MAX_GROUP_PICTURE, MAX_PICTURE, MAX_PREVIEW_PICTURE};

use crate::limits::{
    MAX_PICTURE_MEMORY, MAX_PICTURE_SIDE, MAX_PREVIEW_MEMORY, PREVIEW_PICTURE_SIDE,
    PROFILE_PICTURE_SIDE,
};

/// How much of a picture is kept, the best first; the first that fits is taken.
const QUALITIES: [u8; 4] = [85, 70, 50, 30];

/// Why a picture is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PictureFailure {
    /// No picture, of a form that is not read here, or damaged.
    #[error("that is no picture that can be read here: take a JPEG, PNG or WebP")]
    None,
    /// It would take too much memory to look at.
    #[error(
        "that picture is too large: at most {MAX_PICTURE_SIDE} pixels on each side, and some 100 million in all"
    )]
    TooLarge,
    /// The disk.
    #[error("{0}")]
    Disk(#[from] std::io::Error),
}

impl From<image::ImageError> for PictureFailure {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(_) => Self::TooLarge,
            image::ImageError::IoError(error)
                if error.kind() != std::io::ErrorKind::UnexpectedEof =>
            {
                Self::Disk(error)
            }
            _ => Self::None,
        }
    }
}

/// The middle of a picture as a JPEG of 256 by 256 pixels, or half of that where more does not fit, turned as it was taken, with nothing beside the pixels: at most [`MAX_PICTURE`] bytes. How large
/// it is is read before anything is decoded.
///
/// # Errors
/// [`PictureFailure`].
pub fn for_profile(source: impl BufRead + Seek) -> Result<Vec<u8>, PictureFailure> {
    square(source, MAX_PICTURE)
}

/// The same of at most [`MAX_GROUP_PICTURE`] bytes.
///
/// # Errors
/// [`PictureFailure`].
pub fn for_group(source: impl BufRead + Seek) -> Result<Vec<u8>, PictureFailure> {
    square(source, MAX_GROUP_PICTURE)
}

fn square(source: impl BufRead + Seek, most: usize) -> Result<Vec<u8>, PictureFailure> {
    let (picture, turned) = decoded(source, MAX_PICTURE_MEMORY)?;
    let mut picture = middle(&picture);
    picture.apply_orientation(turned);
    for side in [PROFILE_PICTURE_SIDE, PROFILE_PICTURE_SIDE / 2] {
        let small = on_white(&picture.resize_exact(side, side, FilterType::CatmullRom));
        if let Some(encoded) = fitting(&small, most)? {
            return Ok(encoded);
        }
    }
    Err(PictureFailure::None)
}

/// A picture as a JPEG in its own form, its longer side at most 320 pixels, turned as it was taken, with nothing beside the pixels: at most
/// [`MAX_PREVIEW_PICTURE`] bytes.
///
/// # Errors
/// [`PictureFailure`].
pub fn for_preview(source: impl BufRead + Seek) -> Result<Vec<u8>, PictureFailure> {
    let (picture, turned) = decoded(source, MAX_PREVIEW_MEMORY)?;
    let mut side = PREVIEW_PICTURE_SIDE;
    let mut small = picture.thumbnail(side, side);
    drop(picture);
    small.apply_orientation(turned);
    while side > 0 {
        if let Some(encoded) = fitting(&on_white(&small), MAX_PREVIEW_PICTURE)? {
            return Ok(encoded);
        }
        side /= 2;
        small = small.thumbnail(side, side);
    }
    Err(PictureFailure::None)
}

/// The best that fits.
fn fitting(picture: &RgbImage, most: usize) -> Result<Option<Vec<u8>>, PictureFailure> {
    for quality in QUALITIES {
        let mut encoded = Vec::new();
        JpegEncoder::new_with_quality(&mut encoded, quality).encode_image(picture)?;
        if encoded.len() <= most {
            return Ok(Some(encoded));
        }
    }
    Ok(None)
}

/// A picture, and how it was taken. How large it is is read before anything is decoded.
fn decoded(
    source: impl BufRead + Seek,
    memory: u64,
) -> Result<(DynamicImage, Orientation), PictureFailure> {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) =
        (Some(MAX_PICTURE_SIDE), Some(MAX_PICTURE_SIDE));
    limits.max_alloc = Some(memory);
    let mut reader = ImageReader::new(source).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    let turned = decoder.orientation()?;
    Ok((DynamicImage::from_decoder(decoder)?, turned))
}

/// The largest square in the middle: what is cut off costs nothing from there on.
fn middle(picture: &DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    picture.crop_imm((width - side) / 2, (height - side) / 2, side, side)
}

/// What can be seen through is white.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let pixels = picture.to_rgba8();
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0;
        let mix = |colour: u8| {
            let (colour, alpha) = (u16::from(colour), u16::from(alpha));
            u8::try_from((colour * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        Rgb([red, green, blue].map(mix))
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use std::io::Cursor;

    use image::{ImageFormat, RgbaImage};

    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Left red, right blue, and nothing below the middle.
    fn halves(width: u32, height: u32) -> DynamicImage {
        RgbaImage::from_fn(width, height, |x, y| {
            let colour = if x < width / 2 {
                [255, 0, 0]
            } else {
                [0, 0, 255]
            };
            let alpha = if y < height / 2 { 255 } else { 0 };
            image::Rgba([colour[0], colour[1], colour[2], alpha])
        })
        .into()
    }

    fn near(pixel: Rgb<u8>, wanted: [u8; 3]) -> bool {
        let pairs = pixel.0.into_iter().zip(wanted);
        pairs
            .into_iter()
            .all(|(one, other)| one.abs_diff(other) < 40)
    }

    #[test]
    fn any_picture_becomes_a_small_square_of_its_middle() {
        for (picture, format) in [
            (halves(1_000, 400), ImageFormat::Png),
            (halves(400, 1_000), ImageFormat::WebP),
            (halves(3, 3), ImageFormat::Png),
        ] {
            let made = for_profile(Cursor::new(encoded(&picture, format))).unwrap();
            assert!(made.len() <= MAX_PICTURE);
            let made = image::load_from_memory(&made).unwrap().to_rgb8();
            assert_eq!(
                made.dimensions(),
                (PROFILE_PICTURE_SIDE, PROFILE_PICTURE_SIDE)
            );
            assert!(near(*made.get_pixel(20, 20), [255, 0, 0]));
            assert!(near(*made.get_pixel(235, 20), [0, 0, 255]));
            assert!(near(*made.get_pixel(20, 235), [255, 255, 255]));
        }
    }

    /// An Exif segment that says "turn me by 90 degrees", and where it was taken.
    fn with_exif(jpeg: &[u8]) -> Vec<u8> {
        let mut exif =
            b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        exif.extend_from_slice(b"MARKED PLACE 47N 11E");
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let (start, rest) = jpeg.split_at(2);
        [start, &[0xff, 0xe1], &length, &exif, rest].concat()
    }

    #[test]
    fn a_photograph_is_turned_as_it_was_taken_and_does_not_tell_where() {
        let opaque = DynamicImage::from(on_white(&halves(300, 300)));
        let taken = with_exif(&encoded(&opaque, ImageFormat::Jpeg));
        let made = for_profile(Cursor::new(taken)).unwrap();
        let marked = b"MARKED";
        assert!(!made.windows(marked.len()).any(|window| window == marked));
        assert!(!made.windows(4).any(|window| window == b"Exif"));
        let made = image::load_from_memory(&made).unwrap().to_rgb8();
        // What was on the left is on top.
        assert!(near(*made.get_pixel(235, 20), [255, 0, 0]));
        assert!(near(*made.get_pixel(235, 235), [0, 0, 255]));
    }

    #[test]
    fn a_picture_full_of_noise_still_fits() {
        let mut state = 1_u32;
        let noise = RgbImage::from_fn(256, 256, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, red, green, blue] = state.to_le_bytes();
            Rgb([red, green, blue])
        });
        let made = for_profile(Cursor::new(encoded(&noise.into(), ImageFormat::Png))).unwrap();
        assert!(made.len() <= MAX_PICTURE);
    }

    #[test]
    fn what_is_no_picture_or_a_bomb_is_refused_before_it_is_decoded() {
        let refused = |bytes: Vec<u8>| for_profile(Cursor::new(bytes)).unwrap_err();
        assert!(matches!(refused(b"hello".to_vec()), PictureFailure::None));
        assert!(matches!(refused(Vec::new()), PictureFailure::None));
        let whole = encoded(&halves(300, 300), ImageFormat::Png);
        let cut = whole[..whole.len() / 2].to_vec();
        assert!(matches!(refused(cut), PictureFailure::None));
        // The same file claims to be as wide as a PNG may be; its checksum is made right.
        let wide = |side: u32| {
            let mut claims = whole.clone();
            claims[16..20].copy_from_slice(&side.to_be_bytes());
            let sum = crc32fast::hash(&claims[12..29]);
            claims[29..33].copy_from_slice(&sum.to_be_bytes());
            claims
        };
        let bomb = refused(wide(MAX_PICTURE_SIDE + 1));
        assert!(matches!(bomb, PictureFailure::TooLarge), "{bomb:?}");
        // At the limit it is looked at, and found to be no such picture.
        let lies = refused(wide(MAX_PICTURE_SIDE));
        assert!(!matches!(lies, PictureFailure::TooLarge), "{lies:?}");
        // Neither side is too long, and both together take more memory than there may be.
        let square = encoded(&RgbImage::new(12_000, 12_000).into(), ImageFormat::Png);
        let bomb = refused(square);
        assert!(matches!(bomb, PictureFailure::TooLarge), "{bomb:?}");
    }

    #[test]
    fn a_picture_as_narrow_as_a_line_costs_no_more_than_its_middle() {
        let line = RgbImage::from_pixel(MAX_PICTURE_SIDE, 1, Rgb([0, 255, 0]));
        let made = for_profile(Cursor::new(encoded(&line.into(), ImageFormat::Png))).unwrap();
        let made = image::load_from_memory(&made).unwrap().to_rgb8();
        assert!(near(*made.get_pixel(9, 9), [0, 255, 0]));
    }
}
