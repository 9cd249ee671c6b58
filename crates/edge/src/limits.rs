//! What the edge takes at once, each with its reason.

use std::time::Duration;

/// Bytes of a line. The longest text, with every character escaped, takes 384 KiB; the rest is room for a batch.
pub const MAX_LINE: usize = 1024 * 1024;

/// Calls of a batch. They are carried out one after another, and nothing else meanwhile.
pub const MAX_BATCH: usize = 64;

/// Bytes of a call's id: it is kept until the answer, and repeated in it.
pub const MAX_ID: usize = 256;

/// Entries of one answer: with texts of the greatest length about 26 MB, for each is there as it was typed and as it is shown; some hundred where
/// they are all marks.
pub const MAX_PAGE: u16 = 200;

/// Messages on one page of what was found: as many as the engine finds at once.
#[allow(clippy::cast_possible_truncation, reason = "a hundred fits")]
pub const MAX_HITS: u16 = keyfold_engine::limits::MAX_HITS as u16;

/// Entries of one answer where nothing is said: some screens full.
pub const PAGE: u16 = 50;

/// The longest that a call of `settle` waits: a program that wants to wait longer asks again, and is not kept from ending.
pub const MAX_SETTLE: Duration = Duration::from_mins(1);

/// How long it waits where nothing is said: a restart of the server passes in it.
pub const SETTLE: Duration = Duration::from_secs(20);

/// Calls of `settle` that wait at once: each is kept in memory.
pub const MAX_SETTLING: usize = 16;

/// The greatest number that JavaScript holds exactly (`Number.MAX_SAFE_INTEGER`). What is greater is written as this.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
