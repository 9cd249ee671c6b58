//! This device or its account goes out of a conversation: it was removed, or has left.

use keyfold_protocol::rules::{CommitFacts, LeafView};
use keyfold_wire::ids::{AccountId, Timestamp};

use super::content::Fate;
use super::{Notice, Step};
use crate::Fault;
use crate::limits::OBJECT_AGAIN;
use crate::memory::{Loaded, Word};
use crate::outcome::{Event, Failure};
use crate::table::finding::{self, Finding};
use crate::table::{given_up, gone, key_package, leaver};
use crate::view::Standing;

impl Step<'_> {
    /// A commit removes this device: for good, or to let it in again.
    pub(super) fn removed_by(
        &mut self,
        loaded: &mut Loaded,
        by: Option<&LeafView>,
        facts: &CommitFacts,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        if loaded.row.line_of.is_some() {
            self.tell_remover(loaded, by.map(LeafView::account))?;
            self.line_over(loaded)?;
            return Ok(Fate::Applied);
        }
        let me = (self.me()?.account(), self.me()?.device());
        let mut added = facts.added.iter();
        if let Some(leaf) = added.find(|leaf| (leaf.account(), leaf.device()) == me) {
            self.invited_again(loaded, &leaf.address)?;
            return Ok(Fate::Applied);
        }
        self.removed(loaded, by.map(LeafView::account), at)
    }

    /// Who removes somebody in a line that was left may not know that it was: this device, which is out of it, can't end it.
    fn tell_remover(&mut self, line: &Loaded, by: Option<AccountId>) -> Result<(), Fault> {
        let (Some(by), Some(place)) = (by, line.row.place()) else {
            return Ok(());
        };
        let Some(host) = self.take_host(line)? else {
            return Ok(());
        };
        if self.is_time(host.row.row, by, Word::NotFollowed, OBJECT_AGAIN) {
            self.say_not_followed(&host, place, &by)?;
        }
        self.put(host);
        Ok(())
    }

    /// This device was removed.
    pub(super) fn removed(
        &mut self,
        loaded: &mut Loaded,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        let me = *self.me()?.account().as_bytes();
        self.note(loaded, by, &Notice::Removed(vec![me]), at)?;
        self.part(loaded)?;
        self.request_over(loaded)?;
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Removed(shown));
        Ok(Fate::Applied)
    }

    /// This account has left.
    pub(super) fn left(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        self.part(loaded)?;
        self.request_over(loaded)?;
        let me = self.me()?.account();
        finding::add(self.tx, loaded.row.row, &me, Finding::HasLeft)?;
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Removed(shown));
        Ok(())
    }

    /// Lets go of the group: its secrets are erased, its address is revoked.
    fn part(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        self.load_group(loaded)?;
        if let Some(current) = loaded.group.take() {
            current
                .group
                .delete(&self.storage)
                .map_err(Fault::from_mls)?;
        }
        self.hear_anew(loaded, None)?;
        gone::forget(self.tx, loaded.row.row)?;
        given_up::forget(self.tx, loaded.row.row)?;
        leaver::forget(self.tx, loaded.row.row)?;
        let row = loaded.change();
        row.standing = Standing::Left;
        row.group_id = None;
        (row.past_until, row.past_due, row.past_key) = (None, None, None);
        row.update_due = None;
        let serial = row.serial.take();
        self.drop_lines(loaded)?;
        self.on_the_way_again(loaded)?;
        self.erase = true;
        self.reschedule = true;
        self.give_up(loaded, &Failure::NotAMember)?;
        match serial {
            // Others may be reached, or invite, by the address of a last-resort key package.
            Some(serial) if !key_package::is_last_resort(self.tx, serial)? => {
                self.revoke(vec![serial])
            }
            _ => Ok(()),
        }
    }
}
