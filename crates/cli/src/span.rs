//! Spans of time, as they are typed and read: `1d`, "1 day".

use keyfold_engine::limits::{MAX_INVITATION_LASTS, MIN_INVITATION_LASTS};
use keyfold_protocol::limits::{MAX_TIMER, MIN_TIMER};

/// Units with their letters, in seconds, the largest first.
const UNITS: [(u32, char, &str); 5] = [
    (604_800, 'w', "week"),
    (86_400, 'd', "day"),
    (3_600, 'h', "hour"),
    (60, 'm', "minute"),
    (1, 's', "second"),
];

/// A span of time in the largest unit that says it exactly.
pub(crate) fn exactly(seconds: u32) -> String {
    let fitting = UNITS
        .into_iter()
        .find(|(unit, ..)| seconds.is_multiple_of(*unit));
    in_unit(seconds, fitting)
}

/// A span of time in the largest unit that it has one of.
pub(crate) fn about(seconds: u32) -> String {
    let fitting = UNITS.into_iter().find(|(unit, ..)| seconds >= *unit);
    in_unit(seconds, fitting)
}

fn in_unit(seconds: u32, unit: Option<(u32, char, &str)>) -> String {
    let (unit, _, name) = unit.unwrap_or((1, 's', "second"));
    match seconds / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// Reads how long a message is to stay.
pub(crate) fn read(typed: &str) -> Result<u32, String> {
    within(typed, MIN_TIMER..=MAX_TIMER).ok_or_else(|| {
        format!(
            "{typed:?} is no time for messages to stay: write a number and s, m, h, d or w, from {MIN_TIMER}s to {}d",
            MAX_TIMER / 86_400
        )
    })
}

/// Reads how long an invitation is to last.
pub(crate) fn read_lasting(typed: &str) -> Result<u32, String> {
    let seconds = |span: std::time::Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
    let (least, most) = (seconds(MIN_INVITATION_LASTS), seconds(MAX_INVITATION_LASTS));
    within(typed, least..=most).ok_or_else(|| {
        format!(
            "{typed:?} is no time for an invitation to last: write a number and m, h, d or w, from {}m to {}d",
            least / 60,
            most / 86_400
        )
    })
}

fn within(typed: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
    let mut number = typed.trim().chars();
    let unit = number.next_back();
    let unit = UNITS
        .into_iter()
        .find(|(_, letter, _)| unit == Some(*letter));
    let seconds = unit.and_then(|(seconds, ..)| {
        let digits = number.as_str();
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 = digits.parse().ok().filter(|_| plain)?;
        count.checked_mul(seconds)
    });
    seconds.filter(|seconds| range.contains(seconds))
}

/// Reads a timer of a conversation, or that it has none.
pub(crate) fn read_timer(typed: &str) -> Result<Timer, String> {
    if typed == "off" {
        return Ok(Timer(None));
    }
    read(typed).map(|seconds| Timer(Some(seconds)))
}

/// After how long messages disappear, if they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer(pub(crate) Option<u32>);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn spans_are_typed_with_a_letter() {
        let cases = [
            ("5s", MIN_TIMER),
            ("90s", 90),
            ("1m", 60),
            ("8h", 28_800),
            ("1d", 86_400),
            ("2w", 1_209_600),
            ("365d", MAX_TIMER),
        ];
        for (typed, seconds) in cases {
            assert_eq!(read(typed), Ok(seconds), "{typed}");
        }
        let wrong = [
            "",
            "d",
            "1",
            "0d",
            "4s",
            "366d",
            "-1d",
            "+1d",
            "1.5h",
            "1y",
            "١d",
            "9999999999d",
        ];
        for typed in wrong {
            assert!(read(typed).unwrap_err().contains("5s to 365d"), "{typed}");
        }
        assert_eq!(read_lasting("1m"), Ok(60));
        assert_eq!(read_lasting("366d"), Ok(31_622_400));
        for typed in ["59s", "367d", "7", "off"] {
            assert!(read_lasting(typed).unwrap_err().contains("1m to 366d"));
        }
        assert_eq!(read_timer("off"), Ok(Timer(None)));
        assert_eq!(read_timer("1d"), Ok(Timer(Some(86_400))));
        assert!(read_timer("on").is_err());
    }

    #[test]
    fn spans_are_read_in_words() {
        let cases = [
            (1, "1 second", "1 second"),
            (90, "90 seconds", "1 minute"),
            (3_600, "1 hour", "1 hour"),
            (86_399, "86399 seconds", "23 hours"),
            (172_800, "2 days", "2 days"),
            (1_209_600, "2 weeks", "2 weeks"),
        ];
        for (seconds, exact, round) in cases {
            assert_eq!(
                (exactly(seconds), about(seconds)),
                (exact.to_owned(), round.to_owned())
            );
        }
        assert_eq!(about(0), "0 seconds");
    }
}
