//! Instants as people say them, in their own time zone, and as scripts read them (RFC 3339, UTC).

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use keyfold_wire::ids::Timestamp;

fn instant(at: Timestamp) -> Instant {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| Instant::from_millisecond(ms).ok())
        .unwrap_or(Instant::UNIX_EPOCH)
}

/// For scripts: `2026-11-23T22:15:04.120Z`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format!("{:.3}", instant(at))
}

/// Hours and minutes: `14:37`.
pub(crate) fn time(at: Timestamp, zone: &TimeZone) -> String {
    instant(at)
        .to_zoned_datetime(zone.clone())
        .strftime("%H:%M")
        .to_string()
}

/// The day, as seen from `now`: `Today`, `Yesterday`, `Mon 23 Nov`, `Mon 23 Nov 2025`.
pub(crate) fn day(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, now) = (
        instant(at).to_zoned_datetime(zone.clone()),
        instant(now).to_zoned_datetime(zone.clone()),
    );
    if then.date() == now.date() {
        "Today".to_owned()
    } else if now
        .date()
        .yesterday()
        .is_ok_and(|yesterday| yesterday == then.date())
    {
        "Yesterday".to_owned()
    } else if then.year() == now.year() {
        then.strftime("%a %-d %b").to_string()
    } else {
        then.strftime("%a %-d %b %Y").to_string()
    }
}

/// Short, for a list: the time for today, else the day.
pub(crate) fn short(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    match day(at, now, zone) {
        today if today == "Today" => time(at, zone),
        day => day,
    }
}

/// In a sentence: the time for today, else the day and the time.
pub(crate) fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    match day(at, now, zone) {
        today if today == "Today" => time(at, zone),
        day => format!("{day} {}", time(at, zone)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    #[test]
    fn people_see_days_and_scripts_see_instants() {
        let utc = TimeZone::UTC;
        let now = Timestamp(1_795_474_504_120); // 2026-11-23 22:15:04.120
        let hour = 60 * 60 * 1_000;
        let at = |hours: u64| Timestamp(now.0 - hours * hour);
        assert_eq!(rfc3339(now), "2026-11-23T22:55:04.120Z");
        assert_eq!(time(now, &utc), "22:55");
        assert_eq!(day(at(1), now, &utc), "Today");
        assert_eq!(day(at(23), now, &utc), "Yesterday");
        assert_eq!(day(at(24 * 20), now, &utc), "Tue 3 Nov");
        assert_eq!(day(at(24 * 365), now, &utc), "Sun 23 Nov 2025");
        assert_eq!(short(at(1), now, &utc), "21:55");
        assert_eq!(short(at(23), now, &utc), "Yesterday");
        assert_eq!(
            rfc3339(Timestamp(u64::MAX)),
            "1970-01-01T00:00:00.000Z",
            "an absurd clock breaks nothing"
        );
    }
}
