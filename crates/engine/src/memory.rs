//! What the engine keeps in memory beside its database. All of it can be read again: after a fault it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyfold_protocol::envelope::EnvelopeKey;
use keyfold_protocol::group::Group;
use keyfold_protocol::signal::SignalKey;
use keyfold_wire::ids::{AccountId, DeviceId, Epoch, MessageId, Sequence, Serial, Timestamp};
use keyfold_wire::roster::RosterKey;
use keyfold_wire::v1;
use rusqlite::Connection;

use crate::Fault;
use crate::clock::Clock;
use crate::limits::{RETRY_FIRST, RETRY_MOST};
use crate::outcome::RequestId;
use crate::signals::Signals;
use crate::table::conversation::{ConversationRow, Row};
use crate::table::heard::Heard;
use crate::table::outbox::{self, Waiting};
use crate::table::timeline::Place;
use crate::table::{intent, mailbox, timeline};

/// A conversation in memory.
pub(crate) struct Loaded {
    pub(crate) row: ConversationRow,
    /// The row has changes that are not written.
    pub(crate) row_dirty: bool,
    /// Its group, where there is one.
    pub(crate) group: Option<Current>,
    /// Own messages that wait for encryption.
    pub(crate) waiting: usize,
    /// This account has said that it leaves, and that has not come back yet. Its proof names its leaf as it is, and nothing
    /// is said or changed behind it.
    pub(crate) leaving: bool,
    /// It was a line that is over: its row is gone.
    pub(crate) ended: bool,
    /// Counters by device, and whether they changed.
    pub(crate) heard: HashMap<DeviceId, (Heard, bool)>,
}

/// A group with the keys of its current epoch.
pub(crate) struct Current {
    pub(crate) group: Group,
    pub(crate) envelope: EnvelopeKey,
    pub(crate) signal: SignalKey,
    pub(crate) roster_key: RosterKey,
    /// Its message secrets have changes that are not written.
    pub(crate) dirty: bool,
}

/// The caches.
pub(crate) struct Memory {
    pub(crate) loaded: HashMap<Row, Loaded>,
    /// Which conversation an own address is in.
    pub(crate) serials: HashMap<Serial, Row>,
    /// The outbox without the bytes.
    pub(crate) outbox: BTreeMap<i64, Waiting>,
    /// Own messages and commits by the id that they come back under.
    pub(crate) by_message: HashMap<MessageId, i64>,
    /// How many intents each conversation has.
    pub(crate) intents: HashMap<Row, usize>,
    /// The last sequence applied.
    pub(crate) applied: Sequence,
}

/// What only the running process knows.
#[derive(Default)]
pub(crate) struct Session {
    /// The highest number that a request was given. None is given twice, else a late answer would be taken for another's.
    pub(crate) last_request: i64,
    /// Requests that the shell has and has not answered, and what conversation they are of.
    pub(crate) in_flight: BTreeMap<i64, Option<Row>>,
    /// The server has greeted this process: what it remembers of this device is not ahead of what is here. Nothing is encrypted
    /// before, for keys that an older copy of the database holds may have been used.
    pub(crate) greeted: bool,
    /// How often the server has refused a token since it last greeted this device: after the first time the other one is tried.
    pub(crate) refusals: u32,
    /// When it was last looked into whether this device still has its place.
    pub(crate) probed: HashMap<Row, Timestamp>,
    /// When something was last said to an account, or believed of it.
    pub(crate) said: HashMap<(Row, AccountId, Word), Timestamp>,
    /// When a device whose address leads nowhere was last tried to be reached.
    pub(crate) reached: HashMap<(Row, DeviceId), Timestamp>,
    /// Addresses that are not this device's any more, and are said to be so.
    pub(crate) disowned: BTreeSet<Serial>,
    /// Addresses of last-resort key packages for which something has come that belongs nowhere, and when the server took that.
    pub(crate) strange: BTreeMap<Serial, Timestamp>,
    /// Since when a move has waited for a key package of an account.
    pub(crate) missing: HashMap<(Row, AccountId), Timestamp>,
    /// When this device, which has linked none or has met one that it does not know, last asked which others its account has.
    pub(crate) looked_up_others: Option<Timestamp>,
    /// Own requests that the server had accepted before the present connection, and that had not come back, in order: it may have lost them.
    pub(crate) accepted_before: Vec<i64>,
    /// The mailbox socket has been greeted, and nothing has waited behind the last delivery since.
    pub(crate) caught_up: bool,
    /// A push could not be written. What comes behind it is not taken in, else it would be lost: the next connection begins
    /// with it again.
    pub(crate) broken_off: bool,
    /// Key packages that are to be published once addresses have come.
    pub(crate) publish_due: Option<Stock>,
    /// When used keys are to be swept out of the write-ahead log.
    pub(crate) erase_due: Option<Timestamp>,
    /// How the index of words stands.
    pub(crate) index: Index,
    /// Signals.
    pub(crate) signals: Signals,
    /// The next deadline.
    pub(crate) deadline: Option<Timestamp>,
    /// The last `now` that the shell told.
    pub(crate) now: Timestamp,
    /// How much time has passed, for what disappears. `None`: no time was told yet.
    pub(crate) clock: Option<Clock>,
    /// What of it is in the database, unless that is behind by a jump or a word of the server's.
    pub(crate) clock_kept: Option<i64>,
}

/// What is said to an account, or believed of it, again only after a while.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    /// That nobody follows to where it is.
    NotFollowed,
    /// That it is out.
    Gone,
    /// Where this device is; to some members, under the own account.
    Place,
    /// By it, that nobody follows to where this device is.
    Objection,
    /// By somebody, an invitation to the address of a conversation; under the own account.
    Invited,
}

/// Which key packages the directory is to get.
#[derive(Clone, PartialEq)]
pub(crate) enum Stock {
    /// All, in the place of those that it has.
    All,
    /// Those that are missing beside what it has.
    Missing(v1::Supply),
}

/// What a session still has to do.
#[derive(Clone)]
pub(crate) struct Dues {
    broken_off: bool,
    greeted: bool,
    refusals: u32,
    publish: Option<Stock>,
    erase: Option<Timestamp>,
    index: Option<Timestamp>,
    deadline: Option<Timestamp>,
}

/// What is known of the index of words.
#[derive(Default)]
pub(crate) struct Index {
    /// When what has come gets into it.
    pub(crate) due: Option<Timestamp>,
    /// It was made by the rules of this program.
    pub(crate) is_ours: bool,
}

impl Session {
    /// The shell has told the time. If its clock has moved back, what is scheduled is looked at again.
    pub(crate) fn passes_to(&mut self, now: Timestamp) {
        if now.after(RETRY_MOST) < self.now {
            self.erase_due = self.erase_due.map(|_| now);
            self.index.due = self.index.due.map(|_| now);
            self.deadline = Some(now);
        }
        self.now = now;
        let jumped = self.clock.get_or_insert(Clock::new(now)).show(now);
        self.clock_kept = self.clock_kept.filter(|_| !jumped);
    }

    /// The number of a new request, behind the last one in the outbox.
    pub(crate) fn next_request(&mut self, last: Option<i64>) -> i64 {
        let last = last.map_or(self.last_request, |last| last.max(self.last_request));
        self.last_request = last.saturating_add(1);
        self.last_request
    }

    pub(crate) fn dues(&self) -> Dues {
        Dues {
            broken_off: self.broken_off,
            greeted: self.greeted,
            refusals: self.refusals,
            publish: self.publish_due.clone(),
            erase: self.erase_due,
            index: self.index.due,
            deadline: self.deadline,
        }
    }

    /// A step has failed: what it was going to do is still to be done, though not at once, as it would fail again.
    pub(crate) fn not_done(&mut self, dues: Dues, now: Timestamp) {
        self.broken_off = dues.broken_off;
        self.greeted = dues.greeted;
        self.refusals = dues.refusals;
        self.publish_due = dues.publish;
        self.erase_due = dues.erase;
        self.index = Index {
            due: dues.index,
            is_ours: false,
        };
        let soon = now.after(RETRY_FIRST);
        self.deadline = dues.deadline.map(|due| due.max(soon));
    }
}

impl Memory {
    /// Reads what is always kept.
    pub(crate) fn load(tx: &Connection) -> Result<Self, Fault> {
        let outbox: BTreeMap<i64, Waiting> = outbox::all(tx)?.into_iter().collect();
        let by_message = outbox
            .iter()
            .filter_map(|(id, waiting)| Some((waiting.message_id?, *id)))
            .collect();
        Ok(Self {
            loaded: HashMap::new(),
            serials: HashMap::new(),
            outbox,
            by_message,
            intents: intent::counts(tx)?,
            applied: mailbox::applied(tx)?,
        })
    }

    /// Requests of a conversation that the server has not accepted yet.
    pub(crate) fn open_requests(&self, row: Row) -> usize {
        self.outbox
            .values()
            .filter(|waiting| waiting.conversation == Some(row) && !waiting.accepted)
            .count()
    }

    /// Whether a message that was encrypted before this epoch has not been accepted yet.
    pub(crate) fn is_behind(&self, row: Row, epoch: Epoch) -> bool {
        self.outbox.values().any(|waiting| {
            waiting.conversation == Some(row)
                && waiting.kind == outbox::Kind::Send
                && !waiting.accepted
                && waiting.epoch < epoch
        })
    }

    /// The places of messages whose answer alone says whether they were sent, since this device is not in the conversation any more.
    pub(crate) fn parting(&self, row: Row) -> impl Iterator<Item = i64> {
        let parting = self.outbox.values().filter(move |waiting| {
            waiting.conversation == Some(row) && waiting.kind == outbox::Kind::Parting
        });
        parting.map(|waiting| waiting.reference)
    }

    /// Whether a conversation has any intent.
    pub(crate) fn has_intents(&self, row: Row) -> bool {
        self.intents.get(&row).is_some_and(|count| *count > 0)
    }

    /// How many requests of this kind are in the outbox.
    pub(crate) fn requests(&self, kind: outbox::Kind) -> usize {
        let of_kind = |waiting: &&Waiting| waiting.kind == kind;
        self.outbox.values().filter(of_kind).count()
    }

    /// Whether a request of this kind is in the outbox.
    pub(crate) fn has_request(&self, kind: outbox::Kind) -> bool {
        self.requests(kind) > 0
    }
}

impl Loaded {
    /// A conversation whose group is not loaded, or does not exist.
    pub(crate) fn new(tx: &Connection, row: ConversationRow) -> Result<Self, Fault> {
        let waiting = timeline::count_waiting(tx, row.shown_in, row.row)?;
        let leaving = timeline::is_leaving(tx, row.shown_in, row.row)?;
        Ok(Self {
            row,
            row_dirty: false,
            group: None,
            waiting,
            leaving,
            ended: false,
            heard: HashMap::new(),
        })
    }

    /// An entry of its own has another place.
    pub(crate) fn entry_moved(&mut self, from: Place, to: Place) {
        for (heard, dirty) in self.heard.values_mut() {
            heard.relocate(from, to);
            *dirty = true;
        }
    }

    /// The row, to be changed.
    pub(crate) fn change(&mut self) -> &mut ConversationRow {
        self.row_dirty = true;
        &mut self.row
    }
}

impl From<RequestId> for i64 {
    fn from(id: RequestId) -> Self {
        Self::try_from(id.0).unwrap_or(Self::MAX)
    }
}
