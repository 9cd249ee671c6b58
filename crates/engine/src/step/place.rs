//! A device that may have missed a move tells some members where it is; whoever is further lets it in. `docs/protocol/recovery.md`.

use std::collections::BTreeSet;
use std::time::Duration;

use keyfold_protocol::rules::LeafView;
use keyfold_protocol::state::{Errand, Place};
use keyfold_wire::ids::{AccountId, Timestamp};

use super::Step;
use super::errand::leaf_of;
use crate::Fault;
use crate::limits::{LOCATE_AFTER, LOCATE_AGAIN, LOCATE_AT_MOST, LOCATE_WITHIN, OBJECT_AGAIN};
use crate::memory::{Loaded, Word};
use crate::table::conversation::{ConversationRow, Row};
use crate::table::intent::{self, Progress, Wish};
use crate::table::{given_up, member};
use crate::view::Standing;

impl Step<'_> {
    /// Tells some members in a while: those who move do it first.
    pub(super) fn look_later(&mut self, row: Row) -> Result<(), Fault> {
        let intents = intent::of(self.tx, row)?;
        if intents.iter().any(|intent| intent.wish == Wish::Look) {
            return Ok(());
        }
        let when = self
            .now
            .after(LOCATE_AFTER)
            .after(self.within(LOCATE_WITHIN));
        self.intend(row, &Wish::Look, Progress::Ready, when)?;
        self.wake(when);
        Ok(())
    }

    /// Tells some of those who are members both here and in a group that somebody has made and that this device can't judge. `false`:
    /// there are none.
    pub(super) fn locate_among(
        &mut self,
        loaded: &Loaded,
        there: &BTreeSet<AccountId>,
    ) -> Result<bool, Fault> {
        let (row, me) = (loaded.row.row, self.me()?.account());
        let members = member::all(self.tx, row)?;
        let mut whom: Vec<AccountId> = members.into_iter().map(|one| one.account).collect();
        whom.retain(|account| *account != me && there.contains(account));
        if whom.is_empty() {
            return Ok(false);
        }
        if !self.is_time(row, me, Word::Place, LOCATE_AGAIN) {
            return Ok(true);
        }
        for _ in 0..whom.len().min(LOCATE_AT_MOST) {
            let any = self.rng.with(|rng| rng.next_u64());
            let any = usize::try_from(any).unwrap_or(0).checked_rem(whom.len());
            let account = whom.swap_remove(any.unwrap_or(0));
            self.wish_of(loaded, &Wish::Locate, &account)?;
        }
        Ok(true)
    }

    /// Sees to what is due of this.
    pub(super) fn try_locate(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        let is_it = |wish: &Wish| matches!(wish, Wish::Look | Wish::Locate);
        while let Some(intent) = self.next_intent(row, is_it)?
            && self.session.greeted
        {
            if intent.wish == Wish::Look {
                self.forget_intent(intent.id)?;
                let members = member::all(self.tx, row)?;
                let members = members.into_iter().map(|one| one.account).collect();
                self.locate_among(loaded, &members)?;
                continue;
            }
            let Some(place) = loaded.row.place() else {
                return Ok(());
            };
            self.offer_to(loaded, intent.id, |package| {
                Errand::StandsAt(place, package)
            })?;
            if intent::get(self.tx, intent.id)?.is_some() {
                // Addresses are on their way.
                return Ok(());
            }
        }
        Ok(())
    }

    /// A device says where it is. If nobody is there any more it hears so; if the others are further it is let in with them, unless it
    /// is there already.
    pub(super) fn told_a_place(
        &mut self,
        loaded: &mut Loaded,
        from: &LeafView,
        place: Place,
        package: &[u8],
    ) -> Result<(), Fault> {
        let (row, from_account) = (loaded.row.row, from.account());
        if given_up::has(self.tx, row, place)? {
            return if self.is_time(row, from_account, Word::NotFollowed, OBJECT_AGAIN) {
                self.say_not_followed(loaded, place, &from_account)
            } else {
                Ok(())
            };
        }
        if loaded.row.standing == Standing::Active && loaded.row.place() < Some(place) {
            // It is further itself: then this device may have missed that.
            let mut members = member::all(self.tx, row)?.into_iter();
            return if members.any(|member| member.account == from_account) {
                self.look_later(row)
            } else {
                Ok(())
            };
        }
        let further = loaded.row.place() > Some(place);
        if loaded.row.standing != Standing::Active || !further || !self.load_group(loaded)? {
            return Ok(());
        }
        let current = loaded.group.as_ref().ok_or_else(Fault::no_group)?;
        let leaf = leaf_of(current.group.view(), from.account(), from.device());
        match leaf.map(|leaf| leaf.index) {
            None => self.answer_ask(loaded, from, package, Errand::NotAMember),
            Some(leaf) if current.group.not_renewed().contains(&leaf) => {
                self.wish_readmit(loaded.row.row, from, package)
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether the last such word of this account is so long ago, or lost with the process, or from before the clock was set back: from now
    /// on it is a new one.
    pub(super) fn is_time(
        &mut self,
        row: Row,
        account: AccountId,
        word: Word,
        pause: Duration,
    ) -> bool {
        let last = self.session.said.get(&(row, account, word)).copied();
        let is_time = self.has_passed(pause, last);
        if is_time {
            self.session.said.insert((row, account, word), self.now);
        }
        is_time
    }

    /// Whether so long has passed since then, if ever. What lies ahead is from before the clock was set back.
    pub(super) fn has_passed(&self, pause: Duration, since: Option<Timestamp>) -> bool {
        since.is_none_or(|since| self.now >= since.after(pause) || since > self.now)
    }
}

impl ConversationRow {
    /// Which of the groups of its conversation this is. `None`: of none yet.
    pub(crate) fn place(&self) -> Option<Place> {
        self.handle.map(|handle| Place {
            moves: self.moves,
            handle,
        })
    }
}
