//! What was said where nobody follows is said again where the conversation goes on. `docs/protocol/recovery.md`.
//!
//! Whoever makes a group says themselves what it was moved from. So nothing is said again to anybody who was not there when it was said, and
//! only little.

use std::collections::BTreeSet;

use keyfold_protocol::content::{self, Author};
use keyfold_protocol::rules::GroupView;
use keyfold_protocol::state::{ConversationState, Place as At};
use keyfold_wire::ids::AccountId;

use super::{Notice, Step};
use crate::Fault;
use crate::limits::{SAY_AGAIN_MOST, SAY_AGAIN_PAUSE, SAY_AGAIN_WITHIN};
use crate::memory::{Loaded, Word};
use crate::table::timeline::{self, EntryRow, Kind, Place, Stage, WAITING};

/// How many lines of a timeline are looked at in one go.
const PAGE: usize = 256;

/// Whether a conversation that goes on there cannot have come from this place, as far as that can be seen: the others do not follow to it.
fn is_given_up(place: At, there: &ConversationState) -> bool {
    let here = there.place();
    let from = there.origin().map(|(from, _)| from);
    if place.moves < here.moves {
        from.is_some_and(|from| from.moves == place.moves && from != place)
    } else {
        place != here
    }
}

impl Step<'_> {
    /// This device comes from this place, with these members, to another. If the others do not follow to the former, those who were there have
    /// read what it has said there, and the others have not: it says that again, under the same counters, before what waits. Whoever has it passes
    /// over it. What was on its way from there waits by now.
    pub(super) fn say_again_astray(
        &mut self,
        loaded: &mut Loaded,
        place: At,
        had: &BTreeSet<AccountId>,
        there: &GroupView,
    ) -> Result<(), Fault> {
        let (row, shown_in, me) = (loaded.row.row, loaded.row.shown_in, self.me()?.account());
        if !is_given_up(place, &there.state) || !there.accounts().is_subset(had) {
            return Ok(());
        }
        let said = self.said_since_arrival(loaded)?;
        if said.is_empty() || !self.is_time(row, me, Word::SaidAgain, SAY_AGAIN_PAUSE) {
            return Ok(());
        }
        let waiting = timeline::waiting(self.tx, shown_in, row, usize::MAX)?;
        for entry in said.into_iter().chain(waiting) {
            let to = self.in_shown(loaded, |shown| {
                let row = shown.change();
                let place = Place::new(row.row, WAITING.saturating_add(row.next_waiting));
                row.next_waiting = row.next_waiting.saturating_add(1);
                place
            })?;
            timeline::relocate(self.tx, entry.place, to)?;
            timeline::mark(self.tx, to, Stage::Waiting)?;
        }
        loaded.waiting = timeline::count_waiting(self.tx, shown_in, row)?;
        self.touched.insert(row);
        Ok(())
    }

    /// What this device has said since it came into the group that it comes from, or somebody else did: oldest first.
    fn said_since_arrival(&self, loaded: &Loaded) -> Result<Vec<EntryRow>, Fault> {
        let since = self.now.before(SAY_AGAIN_WITHIN);
        let (mut before, mut said) = (WAITING, Vec::new());
        'timeline: while said.len() < SAY_AGAIN_MOST {
            let page = timeline::last(self.tx, loaded.row.shown_in, before, PAGE)?;
            let Some(first) = page.first() else { break };
            before = first.place.position();
            for entry in page.into_iter().rev() {
                let is_here = entry.origin == loaded.row.row;
                if entry.at < since || is_here && is_arrival(&entry)? {
                    break 'timeline;
                }
                if is_here && self.is_own_text(loaded, &entry)? && said.len() < SAY_AGAIN_MOST {
                    said.push(entry);
                }
            }
        }
        said.reverse();
        Ok(said)
    }

    /// Said on this very device, and at the server.
    fn is_own_text(&self, loaded: &Loaded, entry: &EntryRow) -> Result<bool, Fault> {
        let sent = entry.mine && entry.kind == Kind::Content && entry.stage == Stage::Sent;
        if !sent || entry.is_leaving() {
            return Ok(false);
        }
        let me = self.me()?;
        let author = Author {
            account: me.account(),
            device: me.device(),
            conversation: loaded.row.public_id,
        };
        let id = content::id_of(&author, &entry.body)
            .map_err(|_| Fault::corrupt("an own message does not read"))?;
        Ok(entry.content_id == Some(id))
    }
}

fn is_arrival(entry: &EntryRow) -> Result<bool, Fault> {
    if entry.kind != Kind::Notice {
        return Ok(false);
    }
    let notice = Notice::decode(&entry.body)?;
    Ok(matches!(
        notice,
        Notice::Began | Notice::Moved | Notice::Back(_) | Notice::Added(_)
    ))
}
