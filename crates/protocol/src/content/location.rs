//! A place on Earth: one point (WGS 84), as a `geo:` URI (RFC 5870) says it. It does not move, and no map is fetched for it.

use super::{ContentError, fields};
use crate::cbor;
use crate::limits::{MAX_ACCURACY, MAX_LATITUDE, MAX_LONGITUDE};
use crate::state::Name;

/// The media type of a place.
pub const LOCATION: &str = "application/vnd.keyfold.location+cbor";

/// Parts of a degree that are counted: about a centimetre, and whole numbers have one encoding.
const PARTS: i64 = 10_000_000;
/// Digits behind the point of a degree.
const DIGITS: usize = 7;

const KEY_LATITUDE: u64 = 1;
const KEY_LONGITUDE: u64 = 2;
const KEY_ACCURACY: u64 = 3;
const KEY_LABEL: u64 = 4;

/// A point, in parts of a degree.
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    /// Ten-millionths of a degree to the north: at most `MAX_LATITUDE` to either side.
    pub latitude: i32,
    /// Ten-millionths of a degree to the east: at most `MAX_LONGITUDE` to either side.
    pub longitude: i32,
    /// Within how many metres it is right: 1 to `MAX_ACCURACY`. `None`: its sender does not say.
    pub accuracy: Option<u32>,
    /// What its sender calls it; may be empty.
    pub label: Name,
}

impl Location {
    /// Whether there is such a place.
    ///
    /// # Errors
    /// [`ContentError::Location`].
    pub fn check(&self) -> Result<(), ContentError> {
        let there = (-MAX_LATITUDE..=MAX_LATITUDE).contains(&self.latitude)
            && (-MAX_LONGITUDE..=MAX_LONGITUDE).contains(&self.longitude);
        let accuracy = self
            .accuracy
            .is_none_or(|metres| (1..=MAX_ACCURACY).contains(&metres));
        if there && accuracy {
            Ok(())
        } else {
            Err(ContentError::Location)
        }
    }

    /// Degrees as people write them: digits with at most seven behind a point, and `-` for south and west. `None`: they are none, or as many as fit nowhere.
    pub fn degrees(written: &str) -> Option<i32> {
        let (negative, digits) = match written.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, written),
        };
        let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=3).contains(&whole.len()) && behind.len() <= DIGITS;
        let pointed = !digits.contains('.') || !behind.is_empty();
        if !(fits && pointed && all_digits(whole) && all_digits(behind)) {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let behind: i64 = format!("{behind:0<DIGITS$}").parse().ok()?;
        let parts = whole * PARTS + behind;
        i32::try_from(if negative { -parts } else { parts }).ok()
    }

    /// Its `geo:` URI (RFC 5870), which programs with maps take.
    pub fn uri(&self) -> String {
        let mut uri = format!("geo:{},{}", written(self.latitude), written(self.longitude));
        if let Some(metres) = self.accuracy {
            uri.push_str(";u=");
            uri.push_str(&metres.to_string());
        }
        uri
    }

    /// As it travels. What is not said is left out.
    pub(super) fn encode(&self) -> Vec<u8> {
        let label = self.label.as_str();
        let fields = [self.accuracy.is_some(), !label.is_empty()];
        let count = fields.into_iter().filter(|there| *there).count();
        cbor::encode(|e| {
            e.map(count as u64 + 2)?;
            e.u64(KEY_LATITUDE)?.i32(self.latitude)?;
            e.u64(KEY_LONGITUDE)?.i32(self.longitude)?;
            if let Some(metres) = self.accuracy {
                e.u64(KEY_ACCURACY)?.u32(metres)?;
            }
            if !label.is_empty() {
                e.u64(KEY_LABEL)?.str(label)?;
            }
            e.ok()
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ContentError`].
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, ContentError> {
        let (mut latitude, mut longitude) = (None, None);
        let (mut accuracy, mut label) = (None, Name::default());
        fields::read(encoded, |key, d| {
            match key {
                KEY_LATITUDE => latitude = Some(d.i32()?),
                KEY_LONGITUDE => longitude = Some(d.i32()?),
                KEY_ACCURACY => accuracy = Some(d.u32()?),
                KEY_LABEL => {
                    label = Name::new(d.str()?).map_err(|_| ContentError::Location)?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let location = Self {
            latitude: latitude.ok_or(ContentError::Malformed)?,
            longitude: longitude.ok_or(ContentError::Malformed)?,
            accuracy,
            label,
        };
        location.check()?;
        Ok(location)
    }
}

/// Degrees as a `geo:` URI has them: no exponent, no zeros at the end.
fn written(parts: i32) -> String {
    let sign = if parts < 0 { "-" } else { "" };
    let parts = i64::from(parts).abs();
    let (whole, behind) = (parts / PARTS, parts % PARTS);
    if behind == 0 {
        return format!("{sign}{whole}");
    }
    let behind = format!("{behind:0DIGITS$}");
    format!("{sign}{whole}.{}", behind.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn degrees_are_read_and_written_to_the_last_digit() {
        for (text, parts) in [
            ("52.5162746", Some(525_162_746)),
            ("-0.0000001", Some(-1)),
            ("0", Some(0)),
            ("-180", Some(-MAX_LONGITUDE)),
            ("214.7483647", Some(i32::MAX)),
            ("214.7483648", None),
            ("1.00000000", None),
            ("1.", None),
            (".5", None),
            ("", None),
            ("-", None),
            ("+1", None),
            ("1e3", None),
            ("1,5", None),
            ("0001", None),
        ] {
            assert_eq!(Location::degrees(text), parts, "{text}");
            if let Some(parts) = parts {
                assert_eq!(written(parts), text);
            }
        }
        assert_eq!(written(i32::MIN), "-214.7483648");
        assert_eq!(written(10_000_000), "1");
        assert_eq!(written(-15_000_000), "-1.5");
    }

    #[test]
    fn a_place_that_is_not_on_earth_is_not_read() {
        let place = |latitude, longitude, accuracy| {
            let place = Location {
                latitude,
                longitude,
                accuracy,
                label: Name::default(),
            };
            Location::decode(&place.encode())
        };
        assert!(place(MAX_LATITUDE, -MAX_LONGITUDE, Some(MAX_ACCURACY)).is_ok());
        for bad in [
            place(MAX_LATITUDE + 1, 0, None),
            place(i32::MIN, 0, None),
            place(0, MAX_LONGITUDE + 1, None),
            place(0, 0, Some(0)),
            place(0, 0, Some(MAX_ACCURACY + 1)),
        ] {
            assert!(bad == Err(ContentError::Location));
        }
        assert!(Location::decode(b"\xa1\x01\x00").is_err(), "half a place");
        assert!(Location::decode(b"\xa2\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00").is_err());
    }
}
