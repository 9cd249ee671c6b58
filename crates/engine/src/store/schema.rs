//! The database's versions. Each step up is one transaction; a released step never changes.

/// MLS state: what `openmls` stores, one row a thing. `kind` numbers are in `mls.rs`; keys and values are `MessagePack`.
const MLS: &str = "
CREATE TABLE mls (
  id    INTEGER PRIMARY KEY,
  kind  INTEGER NOT NULL,
  key   BLOB NOT NULL,
  value BLOB NOT NULL,
  UNIQUE (kind, key)
);
";

/// What brings the database from version `n` to `n + 1`, by `n`.
pub(super) const STEPS: &[&[&str]] = &[
    // 1: the beginning.
    &[MLS, crate::table::SCHEMA],
    // 2: lines of a conversation, and what is offered and found out on the way back.
    &[crate::table::SCHEMA_2],
    // 3: who was taken out of a conversation.
    &[crate::table::SCHEMA_3],
    // 4: places of a conversation that are not followed.
    &[crate::table::SCHEMA_4],
];
