//! Who is typing, was active, and has come how far.

use keyfold_protocol::content::ContentId;
use keyfold_protocol::signal::Cursors;
use keyfold_wire::ids::{AccountId, ConversationId, Timestamp};

use crate::limits::{ONLINE_WITHIN, TYPING_LASTS};
use crate::step::privacy;
use crate::table::conversation::{ConversationRow, Row};
use crate::table::timeline::{self, Place};
use crate::table::{contact, member, signal as table};
use crate::view::{Contact, Entry, Privacy, ReadBy, Receipt, State};
use crate::{Engine, Fault};

/// How far somebody has come on a timeline.
#[derive(Default)]
struct Reached {
    delivered: Option<Place>,
    read: Option<Place>,
}

impl Reached {
    fn at(&self, place: Place) -> Receipt {
        if self.read >= Some(place) {
            Receipt::Read
        } else if self.delivered >= Some(place) {
            Receipt::Delivered
        } else {
            Receipt::None
        }
    }
}

impl Engine {
    /// What others may see of this person, on this device.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn privacy(&self) -> Result<Privacy, Fault> {
        privacy::load(&self.database)
    }

    /// Which members of a group a message has come to, as far as they have told; the author and oneself are not among them. `None`: there is no such
    /// message, or it has not been sent.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn read_by(
        &self,
        id: ConversationId,
        message: &ContentId,
    ) -> Result<Option<Vec<ReadBy>>, Fault> {
        let (tx, me) = (&self.database, self.own_account());
        let Some(row) = self.shown_row(&id)? else {
            return Ok(None);
        };
        let Some(entry) = timeline::find(tx, row.row, message)? else {
            return Ok(None);
        };
        if entry.place.position() >= timeline::WAITING {
            return Ok(None);
        }
        let mut told = Vec::new();
        if !self.privacy()?.receipts {
            return Ok(Some(told));
        }
        for one in member::all(tx, row.row)? {
            if Some(one.account) == me || Some(one.account) == entry.sender {
                continue;
            }
            let receipt = self.reached(row.row, &one.account)?.at(entry.place);
            if receipt != Receipt::None
                && let Some(contact) = contact::get(tx, &one.account)?
            {
                told.push(ReadBy { contact, receipt });
            }
        }
        told.sort_by(|one, other| one.contact.handle.cmp(&other.contact.handle));
        Ok(Some(told))
    }

    fn own_account(&self) -> Option<AccountId> {
        self.identity
            .as_ref()
            .map(crate::identity::Identity::account)
    }

    fn reached(&self, row: Row, account: &AccountId) -> Result<Reached, Fault> {
        let tx = &self.database;
        let Cursors { delivered, read } = table::cursors(tx, row, account)?;
        let place = |id: Option<ContentId>| match id {
            Some(id) => timeline::place_of(tx, row, &id),
            None => Ok(None),
        };
        Ok(Reached {
            delivered: place(delivered)?,
            read: place(read)?,
        })
    }

    /// Notes on own messages of a one-to-one conversation how far they have come.
    pub(super) fn note_receipts(
        &self,
        row: &ConversationRow,
        entries: &mut [Entry],
    ) -> Result<(), Fault> {
        let own = |entry: &&mut Entry| entry.mine && entry.state == State::Sent;
        let Some(peer) = row.peer.filter(|_| row.direct) else {
            return Ok(());
        };
        if !entries.iter_mut().any(|entry| own(&entry)) || !self.privacy()?.receipts {
            return Ok(());
        }
        let reached = self.reached(row.row, &peer)?;
        for entry in entries.iter_mut().filter(own) {
            entry.receipt = if entry.has_its_place() {
                reached.at(Place::new(row.row, entry.position))
            } else {
                Receipt::None
            };
        }
        Ok(())
    }

    /// When the other side of a one-to-one conversation was last active, if this person shows that to them, too.
    pub(super) fn last_active(&self, row: &ConversationRow) -> Result<Option<Timestamp>, Fault> {
        let Some(peer) = row.peer.filter(|_| row.direct) else {
            return Ok(None);
        };
        let at = table::presence(&self.database, &peer)?;
        // What seems to lie ahead was heard by a clock that has been set back since.
        let at = at.filter(|at| *at <= self.now().after(ONLINE_WITHIN));
        match at {
            Some(at) if self.privacy()?.presence.includes(&peer) => Ok(Some(at)),
            _ => Ok(None),
        }
    }

    /// Who is typing in a conversation.
    pub(super) fn typing(&self, row: Row) -> Result<Vec<Contact>, Fault> {
        let now = self.now();
        let typing = &self.signals().typing;
        let first = (row, AccountId::new([0; 32]));
        let last = (row, AccountId::new([255; 32]));
        let mut contacts = Vec::new();
        for ((_, account), until) in typing.range(first..=last) {
            if *until > now && *until <= now.after(TYPING_LASTS) {
                contacts.extend(contact::get(&self.database, account)?);
            }
        }
        contacts.sort_by(|one, other| one.handle.cmp(&other.handle));
        Ok(contacts)
    }
}
