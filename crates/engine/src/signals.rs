//! What the running process knows of signals, and forgets when it ends: where one that is lost costs nothing, nothing is written for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyfold_protocol::signal::{Kind, Says};
use keyfold_wire::ids::{AccountId, DeviceId, Timestamp};
use keyfold_wire::v1;

use crate::limits::MAX_SIGNALS_IN_FLIGHT;
use crate::table::conversation::Row;

/// A conversation and a kind: of each there is one at a time.
pub(crate) type Slot = (Row, Kind);

/// A signal that is made and not answered.
pub(crate) struct Made {
    pub(crate) slot: Slot,
    pub(crate) says: Says,
    /// After that it is of no use, by this device's clock.
    pub(crate) until: Timestamp,
    pub(crate) body: v1::Signal,
}

/// The signals of a session.
#[derive(Default)]
pub(crate) struct Signals {
    /// What is to be said, and until when that is of use.
    pub(crate) wanted: BTreeMap<Slot, (Says, Timestamp)>,
    /// When cursors are told next.
    pub(crate) receipts: BTreeMap<Row, Timestamp>,
    /// Made, and not handed to the shell.
    pub(crate) ready: BTreeMap<i64, Made>,
    /// Handed to the shell, and not answered.
    pub(crate) in_flight: BTreeMap<i64, (Slot, Says)>,
    /// The server's clock less this device's, in milliseconds.
    pub(crate) offset: i64,
    /// The person looks at the screen: since when presence is due again.
    pub(crate) presence_due: Option<Timestamp>,
    /// When it was last said that this person is typing.
    pub(crate) typing_said: HashMap<Row, Timestamp>,
    /// Who is typing, and until when.
    pub(crate) typing: BTreeMap<(Row, AccountId), Timestamp>,
    /// Counters of typing: they need not outlive the process.
    pub(crate) typing_heard: HashMap<(Row, DeviceId), u64>,
    /// Where it was last asked who has read something.
    pub(crate) asked: HashMap<Row, Timestamp>,
    /// When it was last told because somebody had asked.
    pub(crate) answered: HashMap<Row, Timestamp>,
    /// Where somebody has asked and was not told yet.
    pub(crate) owed: BTreeSet<Row>,
    /// Up to which number signals were taken in by this step.
    pub(crate) acknowledge: Option<u64>,
}

impl Signals {
    /// The server's time when this device's clock says so.
    pub(crate) fn to_server(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add_signed(self.offset))
    }

    /// This device's time when the server's clock says so.
    pub(crate) fn to_own(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add_signed(self.offset.saturating_neg()))
    }

    /// The server's clock says so now.
    pub(crate) fn set_server(&mut self, server: Timestamp, own: Timestamp) {
        let signed = |at: Timestamp| i64::try_from(at.0).unwrap_or(i64::MAX);
        self.offset = signed(server).saturating_sub(signed(own));
    }

    /// One of this slot is on its way: the next waits for its answer, else it might come before it.
    pub(crate) fn is_busy(&self, slot: Slot) -> bool {
        self.in_flight.values().any(|(busy, _)| *busy == slot)
    }

    /// The next one to hand to the shell.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<(i64, v1::Signal)> {
        while self.in_flight.len() < MAX_SIGNALS_IN_FLIGHT {
            let (id, made) = self.ready.pop_first()?;
            if made.until > now {
                self.in_flight.insert(id, (made.slot, made.says));
                return Some((id, made.body));
            }
        }
        None
    }
}
