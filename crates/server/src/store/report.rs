//! Reports: what people have handed to the operator, sealed under the server's own key.

use std::time::Duration;

use bytes::Bytes;
use keyfold_wire::ids::{AccountId, Timestamp};
use keyfold_wire::limits::{MAX_REPORTS, MAX_REPORTS_A_DAY};

use crate::refusal::Refusal;

/// By which a report is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId(pub [u8; 16]);

/// A report that has come.
#[derive(Debug)]
pub struct NewReport {
    /// Its id.
    pub id: ReportId,
    /// Who hands it over.
    pub account: AccountId,
    /// SHA-256 over what was handed over: by this a repeat is known.
    pub digest: [u8; 32],
    /// Sealed by the server.
    pub sealed: Bytes,
}

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRecord {
    /// Its id.
    pub id: ReportId,
    /// Who has handed it over.
    pub account: AccountId,
    /// When it came.
    pub at: Timestamp,
    /// Sealed by the server.
    pub sealed: Bytes,
}

/// A day, in which an account may hand over [`MAX_REPORTS_A_DAY`].
pub const REPORT_DAY: Duration = Duration::from_hours(24);

/// When to ask again where the server keeps as many as it may.
const FULL: Duration = Duration::from_hours(1);

/// Whether there is room for one more, where the account has handed over so many within a day, and so many are kept in all.
///
/// # Errors
/// [`Refusal::Busy`].
pub const fn room(of_account: usize, of_all: usize) -> Result<(), Refusal> {
    if of_account >= MAX_REPORTS_A_DAY || of_all >= MAX_REPORTS {
        return Err(Refusal::Busy { retry_after: FULL });
    }
    Ok(())
}
