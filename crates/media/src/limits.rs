//! What is looked at, and for how long, each with its reason.

/// The longest side of a picture that is decoded: what JPEG and WebP can say.
pub const MAX_SIDE: u32 = 65_535;

/// Memory for decoding a picture, in bytes: some 100 million pixels of 4 bytes, more than a telephone's camera takes.
pub const MAX_MEMORY: u64 = 400 << 20;

/// The longer side of a small picture, in pixels: what a conversation shows of one on a telephone, at half its sharpness.
pub const THUMBNAIL_SIDE: u32 = 320;

/// The longer side of what a blur is made of: more is not seen in it, and the hash takes at most 100.
pub const BLUR_SIDE: u32 = 100;

/// How finely a sound is drawn, in parts.
pub const WAVEFORM: usize = 64;

/// Sounds that play longer are not drawn: they are music and lectures, not something that somebody says, and take seconds to decode.
pub const MAX_DRAWN_SECONDS: u64 = 15 * 60;

/// Pieces of which what is sent is made. A picture has tens, a film as many as somebody cut it into; more is an attack on memory.
pub const MAX_PIECES: usize = 1 << 20;

/// Boxes of a film, chunks of a picture and the like that are looked at: ten times what is found in long films.
pub const MAX_PARTS: usize = 1 << 16;

/// Bytes of one table of a film that are read at once: a day at 60 pictures a second has 5 million entries of 4 bytes.
pub const MAX_TABLE: u64 = 32 << 20;

/// Bytes of a picture that is decoded: a photograph of 100 million pixels at its best takes 60 million. A larger one is sent without a small picture.
pub const MAX_DECODED: u64 = 64 << 20;
