//! Two one-to-one conversations that were begun at the same moment from both ends: both stay readable, both ends go on
//! in the one with the smaller id, and there is one timeline.

use keyfold_wire::ids::ConversationId;

use super::Step;
use crate::Fault;
use crate::memory::Loaded;
use crate::table::conversation;
use crate::table::timeline::{self, Place, WAITING};
use crate::table::{heard, hidden, mark, outbox, search};
use crate::view::Standing;

impl Step<'_> {
    /// Joins a one-to-one conversation's timeline with that of its twin, where it has one.
    pub(super) fn merge_twin(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let Some(peer) = loaded.row.peer else {
            return Ok(());
        };
        conversation::update(self.tx, &loaded.row)?;
        for row in conversation::with_peer(self.tx, &peer)? {
            if row == loaded.row.row {
                continue;
            }
            let mut twin = self.expect(row)?;
            // One that is still being made is joined with all the others once it is there.
            let there = twin.row.standing != Standing::Creating;
            if there && smaller(&twin.row.public_id, &loaded.row.public_id) {
                self.show_in(loaded, &mut twin)?;
            } else if there {
                self.show_in(&mut twin, loaded)?;
            }
            self.put(twin);
        }
        Ok(())
    }

    /// From now on the first is shown in the timeline of the second.
    fn show_in(&mut self, guest: &mut Loaded, host: &mut Loaded) -> Result<(), Fault> {
        if guest.row.shown_in == host.row.row || host.row.shown_in != host.row.row {
            return Ok(());
        }
        let entries = timeline::all(self.tx, guest.row.row)?;
        for entry in &entries {
            self.unindex(entry.place)?;
            if let Some(target) = &entry.target {
                self.unindex_message(host.row.row, target)?;
            }
        }
        for entry in &entries {
            let to = next_place(host, entry.place);
            timeline::relocate(self.tx, entry.place, to)?;
            // It may be of another twin, that was shown in the guest until now.
            let origin = entry.origin;
            self.refer(entry.place, to)?;
            if origin == guest.row.row {
                guest.entry_moved(entry.place, to);
            } else if let Some(mut other) = self.take(origin)? {
                other.entry_moved(entry.place, to);
                self.put(other);
            }
            heard::relocate(self.tx, origin, entry.place, to)?;
        }
        for entry in &entries {
            for id in entry.content_id.iter().chain(&entry.target) {
                self.erase_taken_back(host, id)?;
            }
        }
        for row in conversation::lines(self.tx, Some(guest.row.row))? {
            if let Some(mut line) = self.take(row)? {
                line.change().shown_in = host.row.row;
                self.put(line);
            }
        }
        search::forget(self.tx, guest.row.row)?;
        self.reindex()?;
        self.index_soon();
        hidden::relocate(self.tx, guest.row.row, host.row.row)?;
        mark::relocate(self.tx, guest.row.row, host.row.row)?;
        self.signals_move(guest.row.row, host.row.row)?;
        self.renumber(None)?;
        self.recount.insert(guest.row.row);
        self.touched.insert(guest.row.row);
        self.merge_requests(guest, host)?;
        let unread = guest.row.unread;
        guest.change().shown_in = host.row.row;
        guest.change().unread = 0;
        let row = host.change();
        row.unread = row.unread.saturating_add(unread);
        Ok(())
    }

    /// Requests speak of an entry by its place.
    fn refer(&mut self, from: Place, to: Place) -> Result<(), Fault> {
        for (id, waiting) in &mut self.memory.outbox {
            // In whichever of the guest's lines.
            let of_entry = matches!(waiting.kind, outbox::Kind::Send | outbox::Kind::Parting);
            if of_entry && waiting.reference == from.0 {
                waiting.reference = to.0;
                outbox::refer(self.tx, *id, to.0)?;
            }
        }
        Ok(())
    }
}

fn smaller(one: &ConversationId, other: &ConversationId) -> bool {
    one.as_bytes() < other.as_bytes()
}

/// The next place of a timeline for an entry of another: what waits stays among what waits.
fn next_place(host: &mut Loaded, entry: Place) -> Place {
    let row = host.change();
    if entry.position() >= WAITING {
        let place = Place::new(row.row, WAITING.saturating_add(row.next_waiting));
        row.next_waiting = row.next_waiting.saturating_add(1);
        place
    } else {
        let place = Place::new(row.row, row.next);
        row.next = row.next.saturating_add(1);
        place
    }
}
