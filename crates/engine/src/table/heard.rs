//! The counters of what was heard from each device of a conversation: how a withheld or doubled message shows.

use keyfold_wire::ids::DeviceId;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use super::conversation::Row;
use super::timeline::Place;
use super::{from_sql, to_sql};
use crate::Fault;
use crate::limits::{MAX_LATE, MAX_MISSING};

/// What was heard from one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    last: u64,
    missing: Vec<Missing>,
    /// The last counter of the time before the device lost its state: it may say again what it had said up to there.
    before: u64,
}

/// In place of a gap's place: none is shown.
const NO_GAP: i64 = 0;

/// One counter that did not come, and the gap on the timeline that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Missing {
    counter: u64,
    place: i64,
}

/// What a counter says about its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The one that was expected.
    Next,
    /// So many before it did not come.
    After {
        /// The first that is missing.
        first: u64,
        /// How many.
        missing: u64,
    },
    /// It was missing; this gap becomes smaller.
    Late(Place),
    /// It was heard before.
    Again,
}

impl Heard {
    /// From a device heard for the first time: what came before this device joined is not missed.
    pub(crate) fn first() -> Self {
        Self::default()
    }

    /// Whether a message with this counter may be one that was said before the device lost its state.
    pub(crate) const fn may_be_said_again(&self, counter: u64) -> bool {
        counter <= self.before
    }

    /// What this counter says. Changes nothing.
    pub(crate) fn judge(&self, counter: u64) -> Turn {
        let expected = self.last.saturating_add(1);
        if self.last == 0 || counter == expected {
            Turn::Next
        } else if counter > expected {
            Turn::After {
                first: expected,
                missing: counter.saturating_sub(expected),
            }
        } else {
            self.missing
                .iter()
                .find(|missing| missing.counter == counter)
                .map_or(Turn::Again, |missing| Turn::Late(Place(missing.place)))
        }
    }

    /// The counter has been heard. Of a device heard for the first time, a few from before it may come late: nobody knows
    /// whether they are for this device, so no gap stands for them.
    pub(crate) fn hear(&mut self, counter: u64) {
        self.missing.retain(|missing| {
            let unseen = missing.place == NO_GAP;
            let old = missing.counter.saturating_add(MAX_LATE) < counter;
            missing.counter != counter && !(unseen && old)
        });
        if self.last == 0 {
            let first = counter.saturating_sub(MAX_LATE).max(1);
            self.missing.extend((first..counter).map(|counter| Missing {
                counter,
                place: NO_GAP,
            }));
        }
        self.last = self.last.max(counter);
    }

    /// These did not come; the gap stands there. Only the newest [`MAX_MISSING`] can still be filled.
    pub(crate) fn miss(&mut self, first: u64, missing: u64, place: Place) {
        let end = first.saturating_add(missing);
        let kept = first.max(end.saturating_sub(MAX_MISSING));
        self.missing.extend((kept..end).map(|counter| Missing {
            counter,
            place: place.0,
        }));
        let limit = usize::try_from(MAX_MISSING).unwrap_or(usize::MAX);
        let surplus = self.missing.len().saturating_sub(limit);
        self.missing.drain(..surplus);
    }

    /// A gap has moved.
    pub(crate) fn relocate(&mut self, from: Place, to: Place) {
        for missing in &mut self.missing {
            if missing.place == from.0 {
                missing.place = to.0;
            }
        }
    }
}

/// What was heard from a device.
pub(crate) fn get(
    tx: &Connection,
    conversation: Row,
    device: &DeviceId,
) -> Result<Option<Heard>, Fault> {
    let found: Option<(i64, Vec<u8>, i64)> = tx
        .prepare_cached(
            "SELECT last, missing, before FROM heard WHERE conversation = ?1 AND device = ?2",
        )?
        .query_row((conversation.0, device.as_ref()), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    found
        .map(|(last, missing, before)| {
            let missing = rmp_serde::from_slice(&missing)
                .map_err(|_| Fault::corrupt("a list of missing counters does not read"))?;
            Ok(Heard {
                last: from_sql(last),
                missing,
                before: from_sql(before),
            })
        })
        .transpose()
}

/// Remembers it.
pub(crate) fn put(
    tx: &Connection,
    conversation: Row,
    device: &DeviceId,
    heard: &Heard,
) -> Result<(), Fault> {
    let missing = rmp_serde::to_vec(&heard.missing)
        .map_err(|_| Fault::corrupt("a list of missing counters does not write"))?;
    tx.prepare_cached("INSERT OR REPLACE INTO heard VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((
            conversation.0,
            device.as_ref(),
            to_sql(heard.last)?,
            missing,
            to_sql(heard.before)?,
        ))?;
    Ok(())
}

/// A gap has moved: whoever of the conversation's devices it belongs to.
pub(crate) fn relocate(
    tx: &Connection,
    conversation: Row,
    from: Place,
    to: Place,
) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached("SELECT device FROM heard WHERE conversation = ?1")?;
    let devices = statement
        .query_map([conversation.0], |row| row.get(0))?
        .collect::<Result<Vec<Vec<u8>>, _>>()?;
    for device in devices {
        let device = super::id(&device)?;
        if let Some(mut heard) = get(tx, conversation, &device)? {
            heard.relocate(from, to);
            put(tx, conversation, &device, &heard)?;
        }
    }
    Ok(())
}

/// From now on all devices of a conversation, or this one, may count from anywhere; what was heard before is passed over when it
/// is said again.
pub(crate) fn begin_anew(
    tx: &Connection,
    conversation: Row,
    device: Option<&DeviceId>,
) -> Result<(), Fault> {
    let none = rmp_serde::to_vec(&Vec::<Missing>::new())
        .map_err(|_| Fault::corrupt("a list of missing counters does not write"))?;
    tx.prepare_cached(
        "UPDATE heard SET before = max(before, last), last = 0, missing = ?3
         WHERE conversation = ?1 AND device = coalesce(?2, device)",
    )?
    .execute((conversation.0, device.map(AsRef::<[u8]>::as_ref), none))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_noticed_filled_late_and_never_doubled() {
        let mut heard = Heard::first();
        assert_eq!(heard.judge(7), Turn::Next, "the first may have any counter");
        heard.hear(7);
        assert_eq!(heard.judge(7), Turn::Again);
        assert_eq!(
            heard.judge(10),
            Turn::After {
                first: 8,
                missing: 2
            }
        );
        heard.miss(8, 2, Place(5));
        heard.hear(10);
        assert_eq!(heard.judge(9), Turn::Late(Place(5)));
        heard.hear(9);
        assert_eq!(heard.judge(9), Turn::Again);
        assert_eq!(heard.judge(11), Turn::Next);
    }

    #[test]
    fn a_few_from_before_the_first_may_come_late_once() {
        let first = MAX_LATE + 7;
        let mut heard = Heard::first();
        heard.hear(first);
        assert_eq!(heard.judge(first - 1), Turn::Late(Place(NO_GAP)));
        assert_eq!(heard.judge(7), Turn::Late(Place(NO_GAP)));
        assert_eq!(heard.judge(6), Turn::Again, "one past the limit");
        heard.hear(7);
        assert_eq!(heard.judge(7), Turn::Again);
        heard.hear(first + 1);
        assert_eq!(heard.judge(8), Turn::Late(Place(NO_GAP)));
        heard.hear(first + MAX_LATE + 1);
        assert_eq!(heard.judge(first - 1), Turn::Again, "given up");
    }

    #[test]
    fn only_so_many_missing_ones_are_remembered() {
        let mut heard = Heard::first();
        heard.hear(1);
        heard.miss(2, MAX_MISSING, Place(1));
        heard.hear(2 + MAX_MISSING);
        assert_eq!(heard.judge(2), Turn::Late(Place(1)));
        heard.miss(3 + MAX_MISSING, 1, Place(2));
        assert_eq!(
            heard.judge(2),
            Turn::Again,
            "one past the limit, the oldest is given up"
        );
    }
}
