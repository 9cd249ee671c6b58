//! Sounds that are decoded here: WAV, MP3, FLAC, Ogg Vorbis, AAC in MP4.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};

use keyfold_protocol::content::Media;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use crate::Trouble;
use crate::limits::{MAX_DRAWN_SECONDS, WAVEFORM};

/// How loud a part is drawn that is as loud as can be.
const FULL: f32 = 255.0;

/// How long it plays, and how loud it is; nothing of a sound that can't be decoded here.
pub(super) fn hear(file: &File) -> Result<Media, Trouble> {
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(decode(file).unwrap_or_default())
}

fn decode(file: File) -> Option<Media> {
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let probe = symphonia::default::get_probe();
    let mut format = probe.probe(&Hint::new(), stream, format, metadata).ok()?;
    let track = format.default_track(TrackType::Audio)?;
    let id = track.id;
    let parameters = track.codec_params.as_ref()?.audio()?.clone();
    let options = AudioDecoderOptions::default();
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&parameters, &options)
        .ok()?;
    listen(format.as_mut(), decoder.as_mut(), id)
}

/// The loudest moment of each tenth of a second, then of as many parts as are drawn.
fn listen(
    format: &mut dyn FormatReader,
    decoder: &mut dyn AudioDecoder,
    track: u32,
) -> Option<Media> {
    let (mut samples, mut tenths) = (Vec::<f32>::new(), Vec::<f32>::new());
    let (mut in_tenth, mut loudest, mut frames, mut rate) = (0, 0.0_f32, 0_u64, 0_u32);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => packet,
            Ok(Some(_)) => continue,
            // What has come until a file breaks off is what plays.
            Ok(None) | Err(_) => break,
        };
        let decoded = match decoder.decode(&packet) {
            Ok(decoded) => decoded,
            Err(Error::DecodeError(_)) => continue,
            Err(_) => break,
        };
        let channels = decoded.spec().channels().count().max(1);
        rate = decoded.spec().rate();
        decoded.copy_to_vec_interleaved(&mut samples);
        for frame in samples.chunks(channels) {
            loudest = frame
                .iter()
                .fold(loudest, |loudest, sample| loudest.max(sample.abs()));
            in_tenth += 1;
            if in_tenth >= rate / 10 {
                tenths.push(loudest);
                (in_tenth, loudest) = (0, 0.0);
            }
        }
        frames += (samples.len() / channels) as u64;
        if frames > MAX_DRAWN_SECONDS * u64::from(rate) {
            return None;
        }
    }
    if in_tenth > 0 {
        tenths.push(loudest);
    }
    let duration = (frames * 1_000)
        .checked_div(u64::from(rate))
        .filter(|duration| *duration > 0)?;
    Some(Media {
        duration: u32::try_from(duration).ok(),
        waveform: Some(drawn(&tenths)),
        ..Media::default()
    })
}

/// As many parts as are drawn, or as there are, the loudest of which is drawn at its full height.
fn drawn(tenths: &[f32]) -> Vec<u8> {
    let most = tenths
        .iter()
        .fold(f32::MIN_POSITIVE, |most, one| most.max(*one));
    let parts = WAVEFORM.min(tenths.len());
    (0..parts)
        .map(|part| {
            let (from, to) = (
                part * tenths.len() / parts,
                (part + 1) * tenths.len() / parts,
            );
            let part = tenths.get(from..to).unwrap_or_default();
            let loudest = part.iter().fold(0.0_f32, |most, one| most.max(*one));
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 255"
            )]
            let height = (loudest / most * FULL).round() as u8;
            height
        })
        .collect()
}
