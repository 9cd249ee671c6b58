//! Clocks and samples: wall time, processor time of this thread, medians.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Time on the wall, waiting for the disk included.
    Wall,
    /// Processor time of this thread, in user and system.
    Cpu,
    /// Processor time of this process: of all its threads.
    Process,
}

impl Clock {
    fn now(self) -> Duration {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(match self {
            Self::Wall => ClockId::Monotonic,
            Self::Cpu => ClockId::ThreadCPUTime,
            Self::Process => ClockId::ProcessCPUTime,
        });
        let seconds = Duration::from_secs(u64::try_from(tv_sec).unwrap_or(0));
        seconds + Duration::from_nanos(u64::try_from(tv_nsec).unwrap_or(0))
    }

    /// Does it, and how long it took.
    pub(crate) fn time<T>(self, act: impl FnOnce() -> T) -> (T, Duration) {
        let start = self.now();
        let result = act();
        (result, self.now().saturating_sub(start))
    }
}

/// Durations of one operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// In microseconds; zero without samples.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted: Vec<f64> = self.0.iter().map(|sample| micros(*sample)).collect();
        median(&mut sorted)
    }

    /// In microseconds.
    pub(crate) fn total(&self) -> f64 {
        self.0.iter().map(|sample| micros(*sample)).sum()
    }
}

/// The middle one; zero without values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
