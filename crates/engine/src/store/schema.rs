//! The database's versions. Each step up is one transaction; a released step never changes.

use rusqlite::Connection;

use crate::Fault;
use crate::table;

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

/// One step up.
pub(super) struct Step {
    /// Statements.
    pub(super) sql: &'static [&'static str],
    /// What statements can't do.
    pub(super) finish: fn(&Connection) -> Result<(), Fault>,
}

impl Step {
    const fn of(sql: &'static [&'static str]) -> Self {
        Self {
            sql,
            finish: |_| Ok(()),
        }
    }
}

/// What brings the database from version `n` to `n + 1`, by `n`.
pub(super) const STEPS: &[Step] = &[
    // 1: the beginning.
    Step::of(&[MLS, table::SCHEMA]),
    // 2: lines of a conversation, and what is offered and found out on the way back.
    Step::of(&[table::SCHEMA_2]),
    // 3: who was taken out of a conversation.
    Step::of(&[table::SCHEMA_3]),
    // 4: places of a conversation that are not followed.
    Step::of(&[table::SCHEMA_4]),
    // 5: edits, deletions and reactions, which until then were kept as what needs a newer version.
    Step {
        sql: &[table::SCHEMA_5],
        finish: table::timeline::find_targets,
    },
    // 6: marks, deleting on this device alone, and search.
    Step::of(&[table::SCHEMA_6]),
    // 7: what is agreed on, and pins, which until then were kept as what needs a newer version.
    Step {
        sql: &[table::SCHEMA_7],
        finish: table::timeline::find_pins,
    },
    // 8: files that are on their way.
    Step::of(&[table::SCHEMA_8]),
    // 9: messages that disappear, which until then were kept as what needs a newer version.
    Step {
        sql: &[table::SCHEMA_9],
        finish: table::expiry::find_all,
    },
    // 10: signals.
    Step::of(&[table::SCHEMA_10]),
    // 11: profiles, and who is blocked.
    Step::of(&[table::SCHEMA_11]),
    // 12: what strangers have begun.
    Step::of(&[table::SCHEMA_12]),
    // 13: invitation links.
    Step::of(&[table::SCHEMA_13]),
    // 14: polls and files that are opened once, which until then were kept as what needs a newer version.
    Step {
        sql: &[table::SCHEMA_14],
        finish: table::once::find_all,
    },
    // 15: pictures of groups, and places of what was deleted.
    Step::of(&[table::SCHEMA_15]),
];
