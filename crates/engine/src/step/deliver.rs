//! Delivered items: from sealed bytes to entries, epochs and invitations, in the mailbox's order.
//!
//! Does not acknowledge: the engine tells the shell how far it may, once the step is durable.

use keyfold_protocol::envelope::{self, EnvelopeKey};
use keyfold_protocol::group::{Application, Error, Processed, Reject};
use keyfold_protocol::rules::LeafView;
use keyfold_wire::ids::{Epoch, MessageId, Sequence, Serial, Timestamp};
use keyfold_wire::{Message as _, v1};
use sha2::{Digest as _, Sha256};

use super::Step;
use super::content::Fate;
use super::membership::Arrival;
use crate::Fault;
use crate::clock::Told;
use crate::limits::{INVITED_TWICE_AGAIN, MAX_PARKED, MAX_REJECTED};
use crate::memory::{Loaded, Word};
use crate::outcome::Event;
use crate::table::address::{self, Use};
use crate::table::conversation::{self, Row};
use crate::table::outbox::Kind;
use crate::table::{key_package, parked};
use crate::view::Standing;

/// Numbers of the wire format beyond it fit no database; only a broken server uses them.
const LARGEST_NUMBER: u64 = i64::MAX as u64;

/// A commit by the own leaf, of which this device has none under way.
const UNKNOWN_CHANGE: &str = "a change that this device had made is not known to it";
/// A commit that is none, or that MLS does not take.
const UNREADABLE: &str = "a change of the group can't be read";

impl Step<'_> {
    /// Applies a push.
    pub(super) fn deliver(&mut self, deliveries: v1::Deliveries) -> Result<(), Fault> {
        if self.session.broken_off {
            return Ok(());
        }
        for item in deliveries.items {
            let sequence = Sequence(item.sequence);
            if sequence <= self.memory.applied || item.sequence > LARGEST_NUMBER {
                continue;
            }
            self.told_time(Told::Since(Timestamp(item.received_ms)));
            if self.item(&item)? == Fate::Dropped {
                self.dropped = self.dropped.saturating_add(1);
            }
            self.memory.applied = sequence;
            self.retry_parked()?;
        }
        self.acknowledge = Some(self.memory.applied);
        if deliveries.caught_up {
            self.disown_last_resorts()?;
        }
        if deliveries.caught_up && !self.session.caught_up {
            self.send_lost_again()?;
            self.reschedule = true;
            self.tell_what_is_due()?;
            self.tell(Event::CaughtUp);
        }
        self.session.caught_up = deliveries.caught_up;
        Ok(())
    }

    /// Items that waited for what has just come.
    pub(super) fn retry_parked(&mut self) -> Result<(), Fault> {
        while let Some(serial) = self.unpark.pop_first() {
            for item in parked::take(self.tx, serial)? {
                let item = v1::Item::decode(item.as_slice())
                    .map_err(|_| Fault::corrupt("a parked item does not read"))?;
                self.item(&item)?;
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &v1::Item) -> Result<Fate, Fault> {
        if item.serial > LARGEST_NUMBER {
            return Ok(Fate::Dropped);
        }
        let serial = Serial(item.serial);
        let at = Timestamp(item.received_ms);
        match &item.content {
            Some(v1::item::Content::Message(message)) => {
                let Some(row) = self.conversation_of(serial, message)? else {
                    return self.without_conversation(serial, item);
                };
                let Some(mut loaded) = self.take(row)? else {
                    return self.disown(serial);
                };
                let fate = self.message(&mut loaded, message, at)?;
                if fate == Fate::Parked {
                    self.park(serial, item)?;
                }
                if fate == Fate::Dropped {
                    self.count_rejected(&mut loaded)?;
                }
                self.put(loaded);
                Ok(fate)
            }
            Some(v1::item::Content::Welcome(welcome)) => {
                match address::used_for(self.tx, serial)? {
                    Some(Use::Invitation) => self.asked_by_link(serial, welcome, at),
                    _ => self.welcome(serial, welcome, at),
                }
            }
            None => Ok(Fate::Dropped),
        }
    }

    /// Which conversation an item for an own address belongs to.
    fn conversation_of(
        &mut self,
        serial: Serial,
        message: &v1::Message,
    ) -> Result<Option<Row>, Fault> {
        if let Some(row) = self.memory.serials.get(&serial) {
            return Ok(Some(*row));
        }
        match address::used_for(self.tx, serial)? {
            Some(Use::Conversation(row) | Use::Retiring(row)) => {
                self.memory.serials.insert(serial, row);
                Ok(Some(row))
            }
            Some(Use::Package) if key_package::is_last_resort(self.tx, serial)? => {
                self.write_rows()?;
                self.one_of(conversation::sharing(self.tx, serial)?, message)
            }
            Some(Use::Package | Use::Free | Use::Invitation) | None => Ok(None),
        }
    }

    /// The address of a last-resort package serves several conversations until each has replaced it.
    fn one_of(&mut self, rows: Vec<Row>, message: &v1::Message) -> Result<Option<Row>, Fault> {
        let Ok(id) = MessageId::try_from(&*message.message_id) else {
            return Ok(None);
        };
        for row in rows {
            let Some(mut loaded) = self.take(row)? else {
                continue;
            };
            let own = self.own(&loaded, id, &message.body).is_some();
            let epoch = Epoch(message.epoch);
            let opens = own || self.open(&mut loaded, epoch, id, &message.body)?.is_some();
            self.put(loaded);
            if opens {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Its welcome may still come, if the address is in a key package.
    fn without_conversation(&mut self, serial: Serial, item: &v1::Item) -> Result<Fate, Fault> {
        if let Some(fate) = self.not_for_a_package(serial)? {
            return Ok(fate);
        }
        if key_package::is_last_resort(self.tx, serial)? {
            // Welcomes by it may be on their way behind this.
            let at = Timestamp(item.received_ms);
            self.session.strange.insert(serial, at);
        } else if key_package::is_retired(self.tx, serial)? {
            // The server has each welcome before what is said to those whom it welcomes.
            return self.disown(serial);
        }
        self.park(serial, item)?;
        Ok(Fate::Parked)
    }

    /// All that waited has come. What came for a last-resort key package and belongs nowhere shows that its address is of no use.
    fn disown_last_resorts(&mut self) -> Result<(), Fault> {
        self.write_rows()?;
        for (serial, at) in std::mem::take(&mut self.session.strange) {
            if !conversation::may_share(self.tx, serial, at)? {
                self.doubt_last_resort()?;
                if key_package::is_retired(self.tx, serial)? {
                    self.disown(serial)?;
                }
            }
        }
        Ok(())
    }

    /// Key packages have gone from the directory: no welcome brings to what was put aside for them.
    pub(super) fn disown_retired(&mut self) -> Result<(), Fault> {
        self.write_rows()?;
        for serial in parked::of_retired(self.tx)? {
            if key_package::is_last_resort(self.tx, serial)? {
                let at = self.session.strange.entry(serial);
                at.or_insert(Timestamp(0));
            } else {
                self.disown(serial)?;
            }
        }
        if self.session.caught_up {
            self.disown_last_resorts()?;
        }
        Ok(())
    }

    /// What becomes of something that came for an address which is in no key package, nor led to a conversation. `None`: it is in one.
    pub(super) fn not_for_a_package(&mut self, serial: Serial) -> Result<Option<Fate>, Fault> {
        Ok(match address::used_for(self.tx, serial)? {
            Some(Use::Package) => None,
            Some(Use::Conversation(row)) => {
                self.invited_twice(row, serial)?;
                Some(Fate::Dropped)
            }
            Some(Use::Retiring(_)) => Some(Fate::Dropped),
            Some(Use::Invitation) => Some(self.no_request(serial)?),
            Some(Use::Free) | None => Some(self.disown(serial)?),
        })
    }

    /// A one-time key package was handed out again, by a server that was put back: this device is listed in another group at the address
    /// of this conversation. That gets a new address, so that the old one leads nowhere.
    fn invited_twice(&mut self, row: Row, serial: Serial) -> Result<(), Fault> {
        let Some(mut loaded) = self.take(row)? else {
            return Ok(());
        };
        let one = &loaded.row;
        let in_use = one.serial == Some(serial) && one.line_of.is_none();
        let counts = in_use && one.standing == Standing::Active && one.rejected <= MAX_REJECTED;
        let me = self.me()?.account();
        if counts && self.is_time(row, me, Word::Invited, INVITED_TWICE_AGAIN) {
            self.load_group(&mut loaded)?;
            let soon = self.now.after(self.renewal_after_join(&loaded));
            let row = loaded.change();
            row.rejected = MAX_REJECTED.saturating_add(1);
            row.update_due = Some(row.update_due.map_or(soon, |due| due.min(soon)));
            self.reschedule = true;
        }
        self.put(loaded);
        Ok(())
    }

    /// An address that this device knows nothing of, or has given to nobody, was given out by it before it was put back to an earlier
    /// state, or by a copy of it: whoever uses it hears that it leads nowhere.
    fn disown(&mut self, serial: Serial) -> Result<Fate, Fault> {
        if self.session.disowned.insert(serial) {
            self.revoke(vec![serial])?;
        }
        Ok(Fate::Dropped)
    }

    fn park(&mut self, serial: Serial, item: &v1::Item) -> Result<(), Fault> {
        if parked::count(self.tx)? >= MAX_PARKED {
            parked::drop_oldest(self.tx)?;
        }
        parked::add(
            self.tx,
            Sequence(item.sequence),
            serial,
            &item.encode_to_vec(),
        )
    }

    /// Past the limit the address is replaced by an update; the old one is revoked after it.
    fn count_rejected(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.change();
        row.rejected = row.rejected.saturating_add(1);
        if row.rejected == MAX_REJECTED.saturating_add(1) && row.standing == Standing::Active {
            let row = row.row;
            self.wish_renewal(row)?;
        }
        Ok(())
    }

    fn message(
        &mut self,
        loaded: &mut Loaded,
        message: &v1::Message,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        let line = loaded.row.line_of.is_some();
        match loaded.row.standing {
            Standing::Active => {}
            Standing::Held(_) if line => {}
            Standing::Held(_) | Standing::Creating | Standing::Rejoining(_) => {
                return self.out_of_place(loaded, message, at);
            }
            Standing::Left | Standing::Failed(_) => return Ok(Fate::Dropped),
        }
        let Ok(message_id) = MessageId::try_from(&*message.message_id) else {
            return Ok(Fate::Dropped);
        };
        let arrival = Arrival {
            at,
            size: message.body.len(),
        };
        if let Some((request, kind)) = self.own(loaded, message_id, &message.body) {
            return match kind {
                Kind::Commit => self.enter_own(loaded, request, message.commit.as_ref(), arrival),
                _ => self.settle(loaded, request, at).map(|()| Fate::Applied),
            };
        }
        let epoch = Epoch(message.epoch);
        if epoch > loaded.row.epoch {
            self.suspect(loaded)?;
            return Ok(Fate::Parked);
        }
        let opened = self.open(loaded, epoch, message_id, &message.body)?;
        let is_commit = message.commit.is_some();
        // Whoever knows the address can have sent that: it says nothing about the group, but may be a sign.
        let Some(sealed) = opened else {
            if epoch == loaded.row.epoch {
                self.suspect(loaded)?;
            }
            return Ok(Fate::Dropped);
        };
        let current = loaded.group.as_mut().ok_or_else(Fault::no_group)?;
        match current.group.process(&self.mls(), &sealed) {
            Ok(Processed::Application(said)) if !is_commit => {
                current.dirty = true;
                self.erase_soon();
                let Some(sender) = sender(loaded, &said) else {
                    return Ok(Fate::Dropped);
                };
                self.count_message(loaded);
                self.hear(loaded, &sender, said.content, said.epoch, at)
            }
            Ok(Processed::Commit(change)) if is_commit && epoch == loaded.row.epoch => {
                current.dirty = true;
                self.enter(loaded, *change, message.commit.as_ref(), arrival)
            }
            Ok(_) => {
                current.dirty = true;
                self.unreadable(loaded, epoch, is_commit.then_some(UNREADABLE), at)
            }
            Err(Error::Reject(reject)) => {
                // Its key is used up, though what it sealed is refused.
                current.dirty = true;
                self.rejects(loaded, epoch, is_commit.then_some(&reject), at)
            }
            Err(error) => Err(Fault::from_mls(error)),
        }
    }

    /// Nothing is taken in now, but that the own messages have come back.
    fn out_of_place(
        &mut self,
        loaded: &mut Loaded,
        message: &v1::Message,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        let id = MessageId::try_from(&*message.message_id).ok();
        let own = id.and_then(|id| self.own(loaded, id, &message.body));
        match own {
            Some((request, Kind::Send)) if loaded.row.standing != Standing::Creating => {
                self.settle(loaded, request, at).map(|()| Fate::Applied)
            }
            _ => Ok(Fate::Parked),
        }
    }

    /// The own request that comes back with this item.
    fn own(&self, loaded: &Loaded, id: MessageId, body: &[u8]) -> Option<(i64, Kind)> {
        let request = *self.memory.by_message.get(&id)?;
        let waiting = self.memory.outbox.get(&request)?;
        let hash: [u8; 32] = Sha256::digest(body).into();
        let same = waiting.conversation == Some(loaded.row.row) && waiting.body_hash == Some(hash);
        same.then_some((request, waiting.kind))
    }

    /// Opens the envelope. `None`: not under a key of this conversation that is still here.
    fn open(
        &mut self,
        loaded: &mut Loaded,
        epoch: Epoch,
        message_id: MessageId,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, Fault> {
        if !self.load_group(loaded)? {
            return Ok(None);
        }
        if epoch == loaded.row.epoch {
            let current = loaded.group.as_ref().ok_or_else(Fault::no_group)?;
            return Ok(envelope::open(&current.envelope, epoch, message_id, body).ok());
        }
        let past = loaded
            .row
            .past_key
            .as_ref()
            .filter(|_| epoch.next() == loaded.row.epoch);
        let key = past.and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok());
        Ok(
            key.and_then(|key| {
                envelope::open(&EnvelopeKey::new(key), epoch, message_id, body).ok()
            }),
        )
    }

    /// A change of its own that this device knows nothing of: it was put back to before that, and the server can't tell, or a copy of it
    /// has made it. The others have entered it, and its secrets are not here. Anything else that is refused nobody can read.
    fn rejects(
        &mut self,
        loaded: &mut Loaded,
        epoch: Epoch,
        commit: Option<&Reject>,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        match commit {
            Some(Reject::ClaimsOwnLeaf) if epoch == loaded.row.epoch => {
                self.lose_place(loaded, UNKNOWN_CHANGE.to_owned())?;
                Ok(Fate::Applied)
            }
            _ => self.unreadable(loaded, epoch, commit.map(in_words).as_deref(), at),
        }
    }

    /// What a member has sealed and MLS does not take is dropped; but the server has moved on with a commit that nobody can
    /// enter, which `commit` says why.
    fn unreadable(
        &mut self,
        loaded: &mut Loaded,
        epoch: Epoch,
        commit: Option<&str>,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        match commit {
            Some(why) if epoch == loaded.row.epoch => self.hold(loaded, why.to_owned(), at),
            _ => Ok(Fate::Dropped),
        }
    }

    fn count_message(&mut self, loaded: &mut Loaded) {
        let row = loaded.change();
        row.since_update = row.since_update.saturating_add(1);
        if row.since_update == crate::limits::UPDATE_MESSAGES && row.update_due.is_some() {
            row.update_due = Some(self.now);
            self.wake(self.now);
        }
    }
}

/// Why a commit is refused: what all members find alike, as it is; what each finds for itself, in the same words.
fn in_words(reject: &Reject) -> String {
    match reject {
        Reject::Rule(violation) => violation.to_string(),
        Reject::Leaf(_) => reject.to_string(),
        _ => UNREADABLE.to_owned(),
    }
}

/// The sender's leaf as it is now. A device that is not there any more was removed, and its last messages with it.
fn sender(loaded: &Loaded, said: &Application) -> Option<LeafView> {
    let current = loaded.group.as_ref()?;
    if said.epoch == current.group.epoch() {
        return current.group.member(said.leaf).cloned();
    }
    let mut leaves = current.group.view().leaves.iter();
    leaves
        .find(|leaf| leaf.device() == said.sender.device)
        .cloned()
}
