//! When to try to connect again: exponential backoff with full jitter.
//!
//! Pure: time and randomness are arguments. Full jitter (a uniform draw between zero and the bound) spreads a thousand
//! devices that lost the same server over the whole interval.

use std::time::Duration;

use rand::Rng;

use crate::limits::{FIRST_RETRY, LONGEST_RETRY};

/// Counts failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The longest wait after this many failures.
    fn bound(self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        FIRST_RETRY
            .saturating_mul(1 << doublings)
            .min(LONGEST_RETRY)
    }

    /// One more failure: how long to wait now, at least `floor` (what a busy server asked for).
    pub(crate) fn failed(&mut self, floor: Duration, rng: &mut impl Rng) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let bound = u64::try_from(self.bound().as_millis()).unwrap_or(u64::MAX);
        floor + Duration::from_millis(rng.random_range(0..=bound))
    }

    /// It worked: the next failure counts as the first.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
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

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn waits_grow_up_to_a_minute_and_use_the_whole_interval() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        for failures in 1..20_u32 {
            let bound = Backoff { failures }.bound();
            assert_eq!(
                bound,
                (FIRST_RETRY * 2_u32.pow((failures - 1).min(10))).min(LONGEST_RETRY)
            );
            let waits: Vec<_> = (0..200)
                .map(|_| {
                    Backoff {
                        failures: failures - 1,
                    }
                    .failed(Duration::ZERO, &mut rng)
                })
                .collect();
            assert!(waits.iter().all(|wait| *wait <= bound));
            assert!(
                waits.iter().any(|wait| *wait < bound / 10),
                "full jitter reaches down to zero"
            );
            assert!(waits.iter().any(|wait| *wait > bound / 10 * 9));
        }
    }

    #[test]
    fn a_success_starts_over_and_a_busy_server_is_respected() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let mut backoff = Backoff { failures: 30 };
        assert!(backoff.failed(Duration::from_secs(100), &mut rng) >= Duration::from_secs(100));
        backoff.succeeded();
        assert!(backoff.failed(Duration::ZERO, &mut rng) <= FIRST_RETRY);
    }
}
