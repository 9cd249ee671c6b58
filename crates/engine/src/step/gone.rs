//! Whoever was taken out of a conversation and has not heard of it is told. `docs/protocol/recovery.md`.
//!
//! A server that was put back may have lost the commit that took somebody out. The others move; who is out would stay where it was,
//! alone, and speak to nobody.

use std::collections::BTreeSet;

use keyfold_protocol::rules::{LeafIndex, LeafView};
use keyfold_protocol::state::{Errand, Place};
use keyfold_wire::ids::{AccountId, ConversationHandle, Timestamp};

use super::Step;
use crate::Fault;
use crate::limits::MAX_GONE;
use crate::memory::Loaded;
use crate::table::conversation::{self, Row};
use crate::table::finding::{self, Finding};
use crate::table::intent::{self, Wish};
use crate::table::{address, given_up, gone, linked, member};
use crate::view::Standing;

impl Step<'_> {
    /// A commit has changed who is in a conversation.
    pub(super) fn remember_gone(
        &self,
        row: Row,
        had: &BTreeSet<AccountId>,
        has: &BTreeSet<AccountId>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        for account in had.difference(has) {
            gone::add(self.tx, row, account, at)?;
        }
        for account in has.difference(had) {
            gone::remove(self.tx, row, account)?;
        }
        Ok(())
    }

    /// This device has moved the conversation: those who were taken out before may not know.
    pub(super) fn tell_gone(&mut self, host: &Loaded) -> Result<(), Fault> {
        for account in gone::all(self.tx, host.row.row)? {
            self.wish_of(host, &Wish::TellGone, &account)?;
        }
        Ok(())
    }

    /// The server may have lost that this account has left: other devices of it, which were away, hear it from this one in a while.
    pub(super) fn doubt_leavings(&mut self) -> Result<(), Fault> {
        let me = self.me()?.account();
        for row in conversation::left(self.tx, MAX_GONE)? {
            if self.has_other_devices(row)? && finding::has(self.tx, row, &me, Finding::HasLeft)? {
                self.look_later(row)?;
            }
        }
        Ok(())
    }

    /// Whether other devices of this account are or were in a conversation, as far as is known here.
    pub(super) fn has_other_devices(&self, row: Row) -> Result<bool, Fault> {
        let me = self.me()?.account();
        let mut members = member::all(self.tx, row)?.into_iter();
        Ok(members.any(|one| one.account == me && one.devices > 1))
    }

    /// They hear it, if it is still so.
    pub(super) fn try_tell_own(&mut self, left: &Loaded) -> Result<(), Fault> {
        while self.session.greeted {
            let Some(intent) = self.next_intent(left.row.row, |wish| *wish == Wish::Look)? else {
                return Ok(());
            };
            self.forget_intent(intent.id)?;
            let me = self.me()?.account();
            self.wish_of(left, &Wish::TellGone, &me)?;
        }
        Ok(())
    }

    /// Who has to hear that nobody follows to the group that this device is about to leave: if it has made that group all who are in it,
    /// else those who are not among `others`, for they may be there because of it. Whom it was about to add may be in it as well.
    pub(super) fn astray(
        &mut self,
        host: &mut Loaded,
        others: &BTreeSet<AccountId>,
    ) -> Result<Vec<AccountId>, Fault> {
        let me = self.me()?.account();
        self.load_group(host)?;
        // Whoever makes a group has its first leaf (RFC 9420 section 11).
        let made = host
            .group
            .as_ref()
            .is_some_and(|current| current.group.own_index() == LeafIndex(0));
        let members = member::all(self.tx, host.row.row)?.into_iter();
        let members: Vec<AccountId> = members.map(|one| one.account).collect();
        let mut added = self.being_added(host.row.row)?;
        added.retain(|account| !members.contains(account));
        let astray = added
            .into_iter()
            .chain(members)
            .filter(|account| *account != me && (made || !others.contains(account)));
        Ok(astray.take(MAX_GONE as usize).collect())
    }

    /// Whom this device is about to add to a conversation, by key packages that it has: the server may have taken that already.
    fn being_added(&self, row: Row) -> Result<BTreeSet<AccountId>, Fault> {
        let mut added = BTreeSet::new();
        for intent in intent::of(self.tx, row)? {
            if intent.wish.adds() {
                let people = intent::gathered(self.tx, intent.id)?.into_iter();
                let ready = people.filter(|person| person.packages.is_some());
                added.extend(ready.filter_map(|person| person.account));
            }
        }
        Ok(added)
    }

    /// They hear it.
    pub(super) fn tell_astray(
        &mut self,
        host: &Loaded,
        place: Place,
        astray: &[AccountId],
    ) -> Result<(), Fault> {
        for account in astray {
            self.say_not_followed(host, place, account)?;
        }
        Ok(())
    }

    /// An account hears that the group at this place is not followed.
    pub(super) fn say_not_followed(
        &mut self,
        host: &Loaded,
        place: Place,
        account: &AccountId,
    ) -> Result<(), Fault> {
        let wish = Wish::NotFollowed(place.moves, *place.handle.as_bytes());
        self.wish_of(host, &wish, account)
    }

    /// Sends the errands of these wishes whose receivers' key packages are here.
    pub(super) fn try_errands(&mut self, host: &Loaded) -> Result<(), Fault> {
        while self.session.greeted {
            let Some(intent) = self.next_intent(host.row.row, Wish::is_errand)? else {
                return Ok(());
            };
            let errand = match intent.wish {
                Wish::NotFollowed(moves, handle) => Errand::NotFollowed(Place {
                    moves,
                    handle: ConversationHandle::new(handle),
                }),
                _ => Errand::NotAMember,
            };
            let packages = self.packages_of(intent::gathered(self.tx, intent.id)?)?;
            if !packages.is_empty() {
                if address::count_free(self.tx)? == 0 {
                    return self.take_addresses();
                }
                self.send_errand(host, packages, host.row.suite, errand)?;
            }
            self.forget_intent(intent.id)?;
        }
        Ok(())
    }

    /// A member says that this device is not in the conversation any more. That alone is no reason to go, but one to ask the others.
    pub(super) fn said_to_be_gone(
        &mut self,
        loaded: &mut Loaded,
        from: &LeafView,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let (row, by) = (loaded.row.row, from.account());
        let me = self.me()?.account();
        // Also if a device of theirs that is not in itself has said that they are out, or that others were in later.
        if by != me && !self.known(row)?.contains(&by) {
            return Ok(());
        }
        let knows = self.is_here(loaded, from)? || linked::has(self.tx, &from.device())?;
        match loaded.row.standing {
            // A device that was taken out may be in other hands: it is no reason but to ask.
            Standing::Active if !knows => return self.look_later(row),
            Standing::Rejoining(_) if !knows && by == me => return Ok(()),
            Standing::Rejoining(_) => {}
            Standing::Active => {
                self.lose_place(loaded, "a member says that it was removed".to_owned())?;
            }
            _ => return Ok(()),
        }
        if finding::add(self.tx, row, &by, Finding::SaysGone)? {
            self.asks_anew(loaded);
        }
        let say = finding::all(self.tx, row, Finding::SaysGone)?;
        let can_say = self.who_can_say(row)?;
        let out = finding::all(self.tx, row, Finding::IsOut)?;
        let named = finding::all(self.tx, row, Finding::Named)?;
        // One may lie; an own device does not. Of who has said both, those that they have named may know better.
        let needed = can_say.len().min(2);
        let words: BTreeSet<_> = say.intersection(&can_say).copied().collect();
        let unheard = named
            .iter()
            .any(|one| !say.contains(one) && !out.contains(one));
        let enough = words.difference(&out).count() >= needed || !unheard && words.len() >= needed;
        if by != me && !enough && !self.was_taken_out(loaded, by)? {
            return Ok(());
        }
        let (place, mut astray) = (loaded.row.place(), self.astray(loaded, &say)?);
        // The other devices of this account may be here as well, and nobody has answered them.
        if by != me && self.has_other_devices(row)? {
            astray.push(me);
        }
        let objecting = finding::all(self.tx, row, Finding::Objects)?;
        self.removed(loaded, None, at)?;
        let Some(place) = place else {
            return Ok(());
        };
        self.tell_astray(loaded, place, &astray)?;
        if !objecting.is_empty() {
            given_up::add(self.tx, row, place)?;
        }
        Ok(())
    }

    /// Whether this member, who says that this account is out, can itself have taken it out, and all were asked without anybody letting it
    /// in: those who are where this device is may be as lost as it is.
    fn was_taken_out(&self, loaded: &Loaded, by: AccountId) -> Result<bool, Fault> {
        let me = self.me()?.account();
        let members = member::all(self.tx, loaded.row.row)?;
        let role = |account| members.iter().find(|one| one.account == account);
        let may = role(by).map(|one| one.role) > role(me).map(|one| one.role);
        let asked = usize::try_from(loaded.row.attempts).unwrap_or(usize::MAX);
        Ok(may && asked > self.whom_to_ask(loaded.row.row)?.len())
    }

    /// Who has left or was removed, as far as is known here. A device of somebody who is in may have said so, that is not in itself. What
    /// an own device says of itself says nothing of this one, nor of a third.
    pub(super) fn who_is_out(&self, row: Row) -> Result<BTreeSet<AccountId>, Fault> {
        let mut out = finding::all(self.tx, row, Finding::IsOut)?;
        out.remove(&self.me()?.account());
        for is_in in [Finding::SaysGone, Finding::Objects] {
            for account in finding::all(self.tx, row, is_in)? {
                out.remove(&account);
            }
        }
        Ok(out)
    }

    /// Who can say that this account was removed: the other members, or, where they are all out by now, those whom they have named.
    fn who_can_say(&self, row: Row) -> Result<BTreeSet<AccountId>, Fault> {
        let me = self.me()?.account();
        let out = self.who_is_out(row)?;
        let is_in = |account: &AccountId| *account != me && !out.contains(account);
        let members = member::all(self.tx, row)?.into_iter();
        let mut can_say: BTreeSet<AccountId> = members.map(|one| one.account).collect();
        can_say.retain(is_in);
        if can_say.is_empty() {
            can_say = finding::all(self.tx, row, Finding::Named)?;
            can_say.retain(is_in);
        }
        Ok(can_say)
    }
}
