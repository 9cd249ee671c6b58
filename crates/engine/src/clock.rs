//! How much time has passed, for what disappears: less than either clock can make believe alone.
//!
//! The device's clock may be wrong and be put right, and a server may lie. So time goes on by small steps of the device's clock, and beyond
//! that only as far as both the device's clock and the server say that it has. docs/protocol/time.md.

use keyfold_wire::ids::Timestamp;

use crate::limits::{CLOCK_SLACK, CLOCK_STEP};

/// What is counted as the time, in milliseconds. Begins as the device's clock and never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The time that is counted.
    pub(crate) passed: i64,
    /// What the device's clock showed last.
    pub(crate) seen: i64,
    /// How far the device's clock says that time is ahead of what is counted.
    pub(crate) own_lead: i64,
    /// What the server's clock shows beyond what it says has passed. `None`: it has not told the time yet.
    pub(crate) offset: Option<i64>,
    /// The device's clock was set back, and says nothing: the server's next word counts by itself.
    pub(crate) lost: bool,
    /// How far the server's last greeting was ahead of what is counted: its clock may have been put right, so that is not for it alone to say.
    pub(crate) credit: i64,
}

/// An instant of the server's clock.
#[derive(Clone, Copy)]
pub(crate) enum Told {
    /// It is so late there.
    Now(Timestamp),
    /// It is so late there, or later: something happened then.
    Since(Timestamp),
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

impl Clock {
    /// A clock that nothing is known of but this reading.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            passed: millis(now),
            seen: millis(now),
            own_lead: 0,
            offset: None,
            lost: false,
            credit: 0,
        }
    }

    /// The device's clock shows this. Whether that is a jump.
    pub(crate) fn show(&mut self, now: Timestamp) -> bool {
        let step = millis(now).saturating_sub(self.seen);
        self.seen = millis(now);
        if (0..=in_millis(CLOCK_STEP)).contains(&step) {
            self.passed = self.passed.saturating_add(step);
            return false;
        }
        self.own_lead = self.own_lead.saturating_add(step);
        if self.own_lead < -in_millis(CLOCK_SLACK) {
            (self.own_lead, self.lost) = (0, true);
        }
        true
    }

    /// The server has told an instant.
    pub(crate) fn tell(&mut self, told: Told) {
        let (Told::Now(at) | Told::Since(at)) = told;
        let at = millis(at);
        let Some(offset) = self.offset else {
            if matches!(told, Told::Now(_)) {
                self.offset = Some(at.saturating_sub(self.passed));
            }
            return;
        };
        let lead = at.saturating_sub(offset).saturating_sub(self.passed);
        let now = matches!(told, Told::Now(_));
        let counts = if now && std::mem::take(&mut self.lost) {
            lead.saturating_sub(self.credit).max(0)
        } else {
            self.own_lead.min(lead).max(0)
        };
        self.passed = self.passed.saturating_add(counts);
        self.own_lead = self.own_lead.saturating_sub(counts);
        if now {
            // What is left of it is what the server knows nothing of.
            self.own_lead = 0;
            self.credit = lead.saturating_sub(counts).max(0);
            if lead < -in_millis(CLOCK_SLACK) {
                // It was set back, or was ahead before.
                self.offset = Some(offset.saturating_add(lead));
            }
        }
    }

    /// When something happened that the server says happened at this time of its clock; not later than now.
    pub(crate) fn when(&self, at: Timestamp) -> i64 {
        let at = self.offset.map(|offset| millis(at).saturating_sub(offset));
        at.unwrap_or(self.passed).min(self.passed)
    }

    /// When it will be this late at the server, or was.
    pub(crate) fn at_server(&self, at: Timestamp) -> i64 {
        millis(at).saturating_sub(self.offset.unwrap_or(0))
    }
}

/// As milliseconds.
pub(crate) fn in_millis(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp(1_790_000_000_000);
    const MONTH: Duration = Duration::from_hours(30 * 24);
    const YEARS: Duration = Duration::from_hours(12 * 365 * 24);

    /// A clock that the server has agreed with.
    fn clock() -> Clock {
        let mut clock = Clock::new(START);
        clock.tell(Told::Now(START));
        clock
    }

    fn passed(clock: &Clock) -> Duration {
        let passed = clock.passed.saturating_sub(millis(START));
        Duration::from_millis(u64::try_from(passed).unwrap_or(0))
    }

    #[test]
    fn small_steps_count_and_a_larger_one_does_not() {
        let mut clock = clock();
        assert!(!clock.show(START.after(CLOCK_STEP)));
        assert_eq!(passed(&clock), CLOCK_STEP);
        let further = START.after(CLOCK_STEP * 2).after(Duration::from_millis(1));
        assert!(clock.show(further));
        assert_eq!(passed(&clock), CLOCK_STEP);
        clock.show(further.after(CLOCK_STEP));
        assert_eq!(passed(&clock), CLOCK_STEP * 2, "it goes on from there");
    }

    #[test]
    fn what_both_say_has_passed_whoever_says_it_first() {
        let later = START.after(MONTH);
        let mut own_first = clock();
        own_first.show(later);
        own_first.tell(Told::Now(later));
        let mut server_first = clock();
        server_first.tell(Told::Now(later));
        assert_eq!(passed(&server_first), Duration::ZERO);
        server_first.show(later);
        assert_eq!(passed(&server_first), Duration::ZERO);
        server_first.tell(Told::Since(later));
        for clock in [own_first, server_first] {
            assert_eq!(passed(&clock), MONTH);
        }
    }

    #[test]
    fn neither_alone_makes_time_pass() {
        let far = START.after(YEARS);
        let mut own = clock();
        own.show(far);
        assert_eq!(passed(&own), Duration::ZERO);
        own.tell(Told::Now(START.after(Duration::from_secs(1))));
        assert_eq!(passed(&own), Duration::from_secs(1), "what both say");
        // It had its say; later words of the server's do not make up for it.
        own.tell(Told::Now(far));
        assert_eq!(passed(&own), Duration::from_secs(1));
        for told in [Told::Now(far), Told::Since(far)] {
            let mut server = clock();
            server.tell(told);
            assert_eq!(passed(&server), Duration::ZERO);
            // Nor once it tells the truth, and the clock jumps then.
            server.tell(Told::Now(START));
            server.show(far);
            assert_eq!(passed(&server), Duration::ZERO);
        }
    }

    #[test]
    fn a_clock_in_1990_leaves_it_to_the_server() {
        let mut clock = clock();
        clock.show(Timestamp(631_152_000_000));
        clock.tell(Told::Now(START.after(MONTH)));
        assert_eq!(passed(&clock), MONTH);
        clock.tell(Told::Now(START.after(YEARS)));
        assert_eq!(passed(&clock), MONTH, "once");
        // And is put right.
        clock.show(START.after(MONTH));
        clock.tell(Told::Now(START.after(MONTH)));
        assert_eq!(passed(&clock), MONTH);
    }

    #[test]
    fn a_server_whose_clock_was_put_right_has_no_credit_with_a_device_that_is_set_back() {
        let mut clock = Clock::new(START);
        clock.tell(Told::Now(START.before(MONTH)));
        clock.tell(Told::Now(START));
        assert_eq!(passed(&clock), Duration::ZERO);
        clock.show(START.before(CLOCK_SLACK * 2));
        let later = Duration::from_secs(10);
        clock.tell(Told::Now(START.after(later)));
        assert_eq!(
            passed(&clock),
            later,
            "what has passed since it last said so"
        );
    }

    #[test]
    fn a_server_that_was_set_back_is_followed_from_there() {
        let mut clock = clock();
        let back = START.before(YEARS);
        clock.tell(Told::Now(back));
        assert_eq!(clock.when(back), clock.passed);
        clock.show(START.after(MONTH));
        clock.tell(Told::Now(back.after(MONTH)));
        assert_eq!(passed(&clock), MONTH);
    }

    #[test]
    fn extreme_instants_are_no_trouble() {
        for told in [Timestamp(0), Timestamp(u64::MAX)] {
            for shown in [Timestamp(0), Timestamp(u64::MAX)] {
                let mut clock = clock();
                clock.tell(Told::Since(told));
                clock.show(shown);
                clock.tell(Told::Now(told));
                clock.show(START);
                assert!(clock.when(told) <= clock.passed);
                let _ = clock.at_server(told);
            }
        }
    }
}
