//! What was said where nobody follows is said again where the conversation goes on. `docs/protocol/recovery.md`.

use keyfold_protocol::state::{ConversationState, Place as At};

use super::{Notice, Step};
use crate::Fault;
use crate::memory::Loaded;
use crate::table::timeline::{self, EntryRow, Kind, Place, Stage, WAITING};

/// How many lines of a timeline are looked at in one go.
const PAGE: usize = 256;

/// Whether a conversation that goes on there cannot have come from this place, as far as that can be seen: the others do not follow to it.
pub(super) fn is_given_up(place: At, there: &ConversationState) -> bool {
    let here = there.place();
    let from = there.origin().map(|(from, _)| from);
    if place.moves < here.moves {
        from.is_some_and(|from| from.moves == place.moves && from != place)
    } else {
        place != here
    }
}

impl Step<'_> {
    /// This device comes from a place that the others do not follow to. Those who were there have read what it has said there, the others have
    /// not: it says that again, under the same counters, before what waits. Whoever has it passes over it.
    pub(super) fn say_again_astray(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let said = self.said_since_arrival(loaded)?;
        if said.is_empty() {
            return Ok(());
        }
        let (row, shown_in) = (loaded.row.row, loaded.row.shown_in);
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

    /// What this device has said since it came into the group that it is in, or comes from: oldest first.
    fn said_since_arrival(&self, loaded: &Loaded) -> Result<Vec<EntryRow>, Fault> {
        let (mut before, mut said) = (WAITING, Vec::new());
        'timeline: loop {
            let page = timeline::last(self.tx, loaded.row.shown_in, before, PAGE)?;
            let Some(first) = page.first() else { break };
            before = first.place.position();
            for entry in page.into_iter().rev() {
                if entry.origin != loaded.row.row {
                    continue;
                }
                match entry.kind {
                    Kind::Notice if is_arrival(&entry)? => break 'timeline,
                    Kind::Content if entry.stage == Stage::Sent && !entry.is_leaving() => {
                        said.push(entry);
                    }
                    _ => {}
                }
            }
        }
        said.reverse();
        Ok(said)
    }
}

fn is_arrival(entry: &EntryRow) -> Result<bool, Fault> {
    let notice = Notice::decode(&entry.body)?;
    Ok(matches!(
        notice,
        Notice::Began | Notice::Moved | Notice::Back(_)
    ))
}
