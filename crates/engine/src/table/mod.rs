//! The messenger's own tables: one file a table, rows as types, no decisions.

pub(crate) mod address;
pub(crate) mod agreed;
pub(crate) mod blocked;
pub(crate) mod contact;
pub(crate) mod conversation;
pub(crate) mod finding;
pub(crate) mod given_up;
pub(crate) mod gone;
pub(crate) mod heard;
pub(crate) mod intent;
pub(crate) mod key_package;
pub(crate) mod leaver;
pub(crate) mod linked;
pub(crate) mod mailbox;
pub(crate) mod member;
pub(crate) mod offer;
pub(crate) mod outbox;
pub(crate) mod parked;
pub(crate) mod profile;
pub(crate) mod setting;
pub(crate) mod timeline;
pub(crate) mod upload;

pub(crate) mod clock;
pub(crate) mod expiry;
pub(crate) mod hidden;
pub(crate) mod mark;
pub(crate) mod once;
pub(crate) mod request;
pub(crate) mod search;
pub(crate) mod signal;

pub(crate) mod invitation;
pub(crate) mod join_request;
pub(crate) mod opened;

/// Creates all of them, as of schema version 1.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// Brings them to schema version 2.
pub(crate) const SCHEMA_2: &str = include_str!("schema_2.sql");

/// Brings them to schema version 3.
pub(crate) const SCHEMA_3: &str = include_str!("schema_3.sql");

/// Brings them to schema version 4.
pub(crate) const SCHEMA_4: &str = include_str!("schema_4.sql");

/// Brings them to schema version 5; [`timeline::find_targets`] fills in what is there.
pub(crate) const SCHEMA_5: &str = include_str!("schema_5.sql");

/// Brings them to schema version 6. What is there gets into the index of words by and by ([`search`]).
pub(crate) const SCHEMA_6: &str = include_str!("schema_6.sql");

/// Brings them to schema version 7; [`timeline::find_pins`] fills in what is there.
pub(crate) const SCHEMA_7: &str = include_str!("schema_7.sql");

/// Brings them to schema version 8.
pub(crate) const SCHEMA_8: &str = include_str!("schema_8.sql");

/// Brings them to schema version 9; [`expiry::find_all`] fills in what is there.
pub(crate) const SCHEMA_9: &str = include_str!("schema_9.sql");

/// Brings them to schema version 10.
pub(crate) const SCHEMA_10: &str = include_str!("schema_10.sql");

/// Brings them to schema version 11.
pub(crate) const SCHEMA_11: &str = include_str!("schema_11.sql");

/// Brings them to schema version 12.
pub(crate) const SCHEMA_12: &str = include_str!("schema_12.sql");

/// Brings them to schema version 13.
pub(crate) const SCHEMA_13: &str = include_str!("schema_13.sql");

/// Brings them to schema version 14; [`once::find_all`] fills in what is there.
pub(crate) const SCHEMA_14: &str = include_str!("schema_14.sql");

/// Brings them to schema version 15.
pub(crate) const SCHEMA_15: &str = include_str!("schema_15.sql");

use keyfold_wire::ids::Timestamp;

use crate::Fault;
use crate::limits::RETRY_MOST;

/// A number as SQLite keeps it. Counters and instants here never come near the sign bit; one that does is a fault.
pub(crate) fn to_sql(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::corrupt("a number is out of range"))
}

/// A number as SQLite kept it; a negative one is read as zero.
pub(crate) fn from_sql(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// An instant as SQLite keeps it; far future instants are cut to the largest that it can hold.
pub(crate) fn instant(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// Whether something that waits for this time may go: it is over, or was set by a clock that has moved back since.
pub(crate) fn is_due(not_before: Timestamp, now: Timestamp) -> bool {
    not_before <= now || not_before > now.after(RETRY_MOST)
}

/// Reads an id of fixed length from a column; a wrong length is a fault of the database.
pub(crate) fn id<'b, T>(bytes: &'b [u8]) -> Result<T, Fault>
where
    T: TryFrom<&'b [u8]>,
{
    T::try_from(bytes).map_err(|_| Fault::corrupt("an id has the wrong length"))
}
