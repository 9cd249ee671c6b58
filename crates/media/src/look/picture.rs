//! Pictures that are decoded here: JPEG, PNG, WebP. What that takes is read before it is done.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read as _, Seek, SeekFrom};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
    RgbImage,
};
use keyfold_protocol::content::{Media, Thumbnail};

use super::sides;
use crate::limits::{BLUR_SIDE, MAX_DECODED, MAX_MEMORY, MAX_SIDE, THUMBNAIL_SIDE};

/// Of a picture that is turned: nobody sees the difference.
const TURNED_QUALITY: u8 = 92;

/// Of a small picture, the best first; the first that fits is taken.
const SMALL_QUALITIES: [u8; 4] = [75, 60, 40, 20];

/// Bytes in front of a picture in which it says of itself what it does: what cameras write there takes up to some 100 KB.
const FRONT: u64 = 1 << 20;

/// How much of a picture is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Sides,
    Pixels,
}

/// A picture that was looked at.
pub(super) struct Picture {
    format: ImageFormat,
    /// Upright.
    sides: (u32, u32),
    orientation: Orientation,
    /// Upright. `None`: too large to be decoded, or damaged.
    pixels: Option<DynamicImage>,
    /// How its colours are meant.
    colours: Option<Vec<u8>>,
}

impl Picture {
    /// `None`: not even its sides can be read.
    pub(super) fn read(file: &mut File) -> Option<Self> {
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(0)).ok()?;
        if length <= MAX_DECODED {
            return Self::open(BufReader::new(file), Wanted::Pixels);
        }
        // A decoder reads all that it is given into memory: what it says of itself stands in front.
        let mut front = Vec::new();
        file.take(FRONT).read_to_end(&mut front).ok()?;
        Self::open(Cursor::new(front), Wanted::Sides)
    }

    fn open(source: impl BufRead + Seek, wanted: Wanted) -> Option<Self> {
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
        limits.max_alloc = Some(MAX_MEMORY);
        let mut reader = ImageReader::new(source).with_guessed_format().ok()?;
        let format = reader.format()?;
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder().ok()?;
        let (width, height) = decoder.dimensions();
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let printed = decoder.original_color_type() == ExtendedColorType::Cmyk8;
        // What is meant for ink says nothing of the pixels.
        let colours = decoder.icc_profile().ok().flatten().filter(|_| !printed);
        let pixels = (wanted == Wanted::Pixels)
            .then(|| limits.reserve(decoder.total_bytes()).ok())
            .flatten()
            .and_then(|()| DynamicImage::from_decoder(decoder).ok())
            .map(|mut pixels| {
                pixels.apply_orientation(orientation);
                pixels
            });
        let across = matches!(
            orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        Some(Self {
            format,
            sides: if across {
                (height, width)
            } else {
                (width, height)
            },
            orientation,
            pixels,
            colours,
        })
    }

    /// How it is to be turned, as Exif says it.
    pub(super) fn turned(&self) -> u8 {
        self.orientation.to_exif()
    }

    pub(super) fn media(&self) -> Media {
        let pixels = self.pixels.as_ref();
        Media {
            sides: sides(self.sides.0, self.sides.1),
            blur: pixels.map(blur),
            thumbnail: pixels.and_then(thumbnail),
            ..Media::default()
        }
    }

    /// The picture anew, turned, where it was not upright.
    pub(super) fn upright(&mut self) -> Option<Vec<u8>> {
        if self.orientation == Orientation::NoTransforms {
            return None;
        }
        let pixels = self.pixels.take()?;
        let colours = self.colours.take();
        let mut bytes = Vec::new();
        match self.format {
            ImageFormat::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(&mut bytes, TURNED_QUALITY);
                let pixels = match pixels {
                    DynamicImage::ImageLuma8(_) => pixels,
                    other => DynamicImage::ImageRgb8(other.into_rgb8()),
                };
                encode(encoder, &pixels, colours)?;
            }
            ImageFormat::Png => encode(PngEncoder::new(&mut bytes), &pixels, colours)?,
            ImageFormat::WebP => {
                let pixels = DynamicImage::ImageRgba8(pixels.into_rgba8());
                encode(WebPEncoder::new_lossless(&mut bytes), &pixels, colours)?;
            }
            _ => return None,
        }
        Some(bytes)
    }
}

fn encode(
    mut encoder: impl ImageEncoder,
    pixels: &DynamicImage,
    colours: Option<Vec<u8>>,
) -> Option<()> {
    if let Some(colours) = colours {
        // Without it the colours are a little off, as in any program that does not know it.
        let _ = encoder.set_icc_profile(colours);
    }
    pixels.write_with_encoder(encoder).ok()
}

/// No larger than that, and no larger than it was.
fn within(pixels: &DynamicImage, side: u32) -> DynamicImage {
    if pixels.width().max(pixels.height()) <= side {
        return pixels.clone();
    }
    pixels.thumbnail(side, side)
}

fn blur(pixels: &DynamicImage) -> Vec<u8> {
    let small = within(pixels, BLUR_SIDE).into_rgba8();
    let (width, height) = small.dimensions();
    thumbhash::rgba_to_thumb_hash(width as usize, height as usize, small.as_raw())
}

fn thumbnail(pixels: &DynamicImage) -> Option<Thumbnail> {
    // Half of it where more does not fit.
    [THUMBNAIL_SIDE, THUMBNAIL_SIDE / 2]
        .into_iter()
        .find_map(|side| {
            let small = on_white(&within(pixels, side));
            SMALL_QUALITIES.into_iter().find_map(|quality| {
                let mut bytes = Vec::new();
                JpegEncoder::new_with_quality(&mut bytes, quality)
                    .encode_image(&small)
                    .ok()?;
                Thumbnail::new(bytes).ok()
            })
        })
}

/// What can be seen through is white.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let mut white =
        image::RgbaImage::from_pixel(picture.width(), picture.height(), image::Rgba([255; 4]));
    image::imageops::overlay(&mut white, picture, 0, 0);
    DynamicImage::ImageRgba8(white).into_rgb8()
}
