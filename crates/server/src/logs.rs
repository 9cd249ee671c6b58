//! Logs: on standard error, of this server alone, and about nobody.
//!
//! What is logged are counts, kinds and the server's own condition. No handle, address, token, id, or network
//! address is given to a log line anywhere; libraries, which do not know that rule, are not listened to.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogLevel;

/// Starts logging at this level. A second call changes nothing.
pub fn start(level: LogLevel) {
    let own = Targets::new().with_target("keyfold_server", LevelFilter::from(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // An error means that somebody listens already, as in a test.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(own)
        .try_init();
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
