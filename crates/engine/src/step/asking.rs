//! A device that has lost its place in a conversation asks its members, one after the other, to be let in again.
//! `docs/protocol/recovery.md`.

use std::collections::BTreeSet;
use std::time::Duration;

use keyfold_protocol::group::{self, CheckedKeyPackage, Joined, Use as PackageUse};
use keyfold_protocol::limits::MAX_NAMED;
use keyfold_protocol::rules::{GroupView, LeafView};
use keyfold_protocol::state::{Errand, Place};
use keyfold_wire::ids::{AccountId, Serial, Timestamp};

use super::{Notice, Step};
use crate::Fault;
use crate::limits::{
    ASK_AFTER, ASK_AGAIN, ASK_AGAIN_MOST, HEED_AGAIN, MAX_OFFERS, OBJECT_AGAIN, ROUNDS_OF_ASKS,
};
use crate::memory::{Loaded, Word};
use crate::outcome::{Event, Failure};
use crate::table::address::{self, Use};
use crate::table::conversation::{self, Row};
use crate::table::finding::{self, Finding};
use crate::table::intent::{self, GatheredRow, Progress, Wish};
use crate::table::outbox::Kind;
use crate::table::timeline::{self, Stage};
use crate::table::{given_up, gone, key_package, member, offer, parked};
use crate::view::Standing;

pub(super) const ELSEWHERE: &str = "the others go on elsewhere";

impl Step<'_> {
    /// This device can't go on where it is, though others may.
    pub(super) fn lose_place(&mut self, loaded: &mut Loaded, why: String) -> Result<(), Fault> {
        if loaded.row.line_of.is_some() {
            return self.line_over(loaded);
        }
        if let Standing::Rejoining(_) = loaded.row.standing {
            return Ok(());
        }
        self.take_back(loaded)?;
        loaded.change().standing = Standing::Rejoining(why.clone());
        self.asks_anew(loaded);
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Rejoining(shown, Failure::PlaceLost(why)));
        Ok(())
    }

    /// It is time to ask a member: each in turn, then all anew; and once all were asked, a move is tried as well.
    pub(super) fn ask_member(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        let attempts = loaded.row.attempts;
        if self.asks_already(row)? {
            // Nobody is passed over because this device was out of reach.
            self.asks_next(loaded, attempts.saturating_sub(1));
            return Ok(());
        }
        self.asks_next(loaded, attempts);
        loaded.change().attempts = attempts.saturating_add(1);
        self.forget_wishes(row, |wish| *wish == Wish::Rejoin)?;
        let members = self.whom_to_ask(row)?;
        let turn = usize::try_from(attempts).unwrap_or(usize::MAX);
        let Some(account) = turn
            .checked_rem(members.len())
            .and_then(|turn| members.get(turn).copied())
        else {
            return self.wish_move(loaded);
        };
        if turn >= members.len() {
            self.wish_move(loaded)?;
        }
        self.wish_of(loaded, &Wish::Rejoin, &account)
    }

    /// Whether somebody can say where the conversation goes on: who is elsewhere for certain, or is said to have been a member; and, where one
    /// says that this account is not a member, whoever has not been asked yet.
    /// Who does not answer in a while is waited for no more: anybody could hold the others up for ever.
    pub(super) fn somebody_knows(&self, loaded: &Loaded) -> Result<bool, Fault> {
        let row = loaded.row.row;
        let asked = usize::try_from(loaded.row.attempts).unwrap_or(usize::MAX);
        let in_a_round = self.whom_to_ask(row)?.len();
        if asked <= in_a_round && !finding::all(self.tx, row, Finding::SaysGone)?.is_empty() {
            return Ok(true);
        }
        if asked > in_a_round.saturating_mul(ROUNDS_OF_ASKS) {
            return Ok(false);
        }
        let out = self.who_is_out(row)?;
        let mut knows = finding::all(self.tx, row, Finding::Named)?;
        knows.append(&mut finding::all(self.tx, row, Finding::Objects)?);
        Ok(!knows.is_subset(&out))
    }

    /// Whether the ask before has not reached the server yet.
    fn asks_already(&self, row: Row) -> Result<bool, Fault> {
        let intents = intent::of(self.tx, row)?.into_iter();
        let asks = intents.filter(|intent| intent.wish == Wish::Rejoin);
        let asks: Vec<i64> = asks.map(|intent| intent.id).collect();
        Ok(self
            .memory
            .outbox
            .values()
            .any(|waiting| match waiting.kind {
                Kind::Errand => waiting.reference == row.0,
                Kind::Fetch => asks.contains(&waiting.reference),
                Kind::TakeAddresses => !asks.is_empty(),
                _ => false,
            }))
    }

    /// No ask waits for longer than its pause. One that does was put off before the clock was set back.
    pub(super) fn ask_anew(&mut self) -> Result<(), Fault> {
        for row in conversation::asking_after(self.tx, self.now.after(ASK_AGAIN))? {
            let mut loaded = self.expect(row)?;
            let latest = self
                .now
                .after(ask_pause(loaded.row.attempts))
                .after(ASK_AFTER);
            if loaded.row.update_due.is_some_and(|due| due > latest) {
                loaded.change().update_due = Some(self.now);
                self.reschedule = true;
            }
            self.put(loaded);
        }
        Ok(())
    }

    /// The next ask is due when the one before, the `turn`th, has had time to be answered.
    fn asks_next(&mut self, loaded: &mut Loaded, turn: u64) {
        let due = self
            .now
            .after(ask_pause(turn))
            .after(self.within(ASK_AFTER));
        loaded.change().update_due = Some(due);
        self.reschedule = true;
    }

    /// An errand has reached the server: if it was an ask, it has from now on time to be answered.
    pub(super) fn errand_sent(&mut self, request: i64) -> Result<(), Fault> {
        let Some(waiting) = self.drop_request(request)? else {
            return Ok(());
        };
        if let Some(mut loaded) = self.take(Row(waiting.reference))? {
            if let Standing::Rejoining(_) = loaded.row.standing
                && loaded.row.attempts > 0
            {
                let turn = loaded.row.attempts.saturating_sub(1);
                self.asks_next(&mut loaded, turn);
            }
            self.put(loaded);
        }
        Ok(())
    }

    /// Other devices of the own account, if there are any, then those who say that they are elsewhere, then those who may do most, then those named.
    pub(super) fn whom_to_ask(&self, row: Row) -> Result<Vec<AccountId>, Fault> {
        let me = self.me()?.account();
        let found = |what| finding::all(self.tx, row, what);
        let (objecting, said) = (found(Finding::Objects)?, found(Finding::SaysGone)?);
        let out = self.who_is_out(row)?;
        let mut members = member::all(self.tx, row)?;
        // A device that this one was linked to, or has linked, after it was last here may be in it.
        let has_others = !self.own_devices()?.is_empty();
        members.retain(|member| member.account != me || member.devices > 1 || has_others);
        // Who is said to be gone asks those who have not said so, and its own devices, which know no more, after them.
        let gone = !said.is_empty();
        members.sort_by_key(|member| {
            (
                said.contains(&member.account),
                (member.account == me) == gone,
                !objecting.contains(&member.account),
                std::cmp::Reverse(member.role),
                member.account,
            )
        });
        let members = members.into_iter().map(|member| member.account);
        let asked = members.chain(found(Finding::Named)?);
        Ok(asked.filter(|account| !out.contains(account)).collect())
    }

    /// Somebody who is out says who was in when it went: they are asked as well, and nobody moves before they have answered.
    pub(super) fn told_whom_to_ask(
        &mut self,
        loaded: &mut Loaded,
        by: AccountId,
        named: &[AccountId],
    ) -> Result<(), Fault> {
        let row = loaded.row.row;
        let Standing::Rejoining(_) = loaded.row.standing else {
            return Ok(());
        };
        let known = self.known(row)?;
        let before = finding::all(self.tx, row, Finding::Named)?;
        let room = MAX_NAMED.saturating_sub(before.len());
        if !known.contains(&by) {
            return Ok(());
        }
        let mut any = finding::add(self.tx, row, &by, Finding::IsOut)?;
        // It may have said that others go on elsewhere when it heard that it was out itself.
        finding::remove(self.tx, row, &by, Finding::Objects)?;
        let me = self.me()?.account();
        let fresh = named
            .iter()
            .filter(|one| **one != me && !known.contains(one));
        for account in fresh.take(room) {
            any |= finding::add(self.tx, row, account, Finding::Named)?;
        }
        if any {
            self.asks_anew(loaded);
        }
        Ok(())
    }

    /// Members, as far as is known here, and those whom one of them has named.
    pub(super) fn known(&self, row: Row) -> Result<BTreeSet<AccountId>, Fault> {
        let mut known = finding::all(self.tx, row, Finding::Named)?;
        let members = member::all(self.tx, row)?;
        known.extend(members.into_iter().map(|member| member.account));
        Ok(known)
    }

    /// A member of the group in which this device has lost its place is elsewhere, or out, by now. It was as lost, and could answer nothing: it
    /// is asked anew, once.
    fn hears_of_another(&mut self, loaded: &mut Loaded, by: &AccountId) -> Result<(), Fault> {
        let row = loaded.row.row;
        if !finding::has(self.tx, row, by, Finding::IsOut)?
            && finding::add(self.tx, row, by, Finding::Objects)?
        {
            self.asks_anew(loaded);
        }
        Ok(())
    }

    /// Others are to be asked than before, or in another order: from the first on.
    pub(super) fn asks_anew(&mut self, loaded: &mut Loaded) {
        let due = self.now.after(self.within(ASK_AFTER));
        let row = loaded.change();
        row.attempts = 0;
        row.update_due = Some(due);
        self.reschedule = true;
    }

    /// Sends the ask that is ready.
    pub(super) fn try_ask(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        let ready = self.next_intent(row, |wish| *wish == Wish::Rejoin)?;
        let Some(intent) = ready.filter(|_| self.session.greeted) else {
            return Ok(());
        };
        self.offer_to(loaded, intent.id, Errand::LetMeIn)
    }

    /// Sends the people of an intent an errand with a fresh key package, by which to let this device in.
    pub(super) fn offer_to(
        &mut self,
        loaded: &Loaded,
        intent: i64,
        errand: impl FnOnce(Vec<u8>) -> Errand,
    ) -> Result<(), Fault> {
        let row = loaded.row.row;
        let people = intent::gathered(self.tx, intent)?;
        let packages = self.packages_of(people)?;
        if packages.is_empty() {
            return self.forget_intent(intent);
        }
        if address::count_free(self.tx)? < 2 {
            return self.take_addresses();
        }
        let Some((serial, bytes)) = address::free(self.tx)? else {
            return Ok(());
        };
        let suite = loaded.row.suite;
        let usage = PackageUse::Once;
        let made = group::make(&self.mls(), self.device()?, suite, &bytes, usage)
            .map_err(Fault::from_mls)?;
        address::assign(self.tx, serial, Use::Package, None)?;
        key_package::add(self.tx, &made.reference, suite, serial, false, self.now)?;
        offer::add(self.tx, serial, &made.reference, row)?;
        self.withdraw_offers(row, MAX_OFFERS)?;
        self.send_errand(loaded, packages, suite, errand(made.message))?;
        self.forget_intent(intent)
    }

    /// The key packages of those whom an errand goes to. The directory may still list a device that this account has removed: it hears nothing.
    pub(super) fn packages_of(
        &self,
        people: Vec<GatheredRow>,
    ) -> Result<Vec<CheckedKeyPackage>, Fault> {
        let (me, removed) = (self.me()?.account(), self.removed_devices()?);
        let mut packages = Vec::new();
        for person in people {
            for fetched in person.packages.unwrap_or_default() {
                let checked = CheckedKeyPackage::check(self.crypto, &fetched.key_package, self.now);
                let theirs = |one: &CheckedKeyPackage| {
                    let whose = one.certificate();
                    let is_removed = whose.account == me && removed.contains(&whose.device);
                    Some(whose.account) == person.account && !is_removed
                };
                packages.extend(checked.ok().filter(theirs));
            }
        }
        Ok(packages)
    }

    /// Offered key packages of a conversation beyond the newest `kept` are of no use any more.
    pub(super) fn withdraw_offers(&mut self, row: Row, kept: usize) -> Result<(), Fault> {
        let offers = offer::of(self.tx, row)?;
        let surplus = offers.len().saturating_sub(kept);
        let mut serials = Vec::new();
        for (reference, serial) in offers.into_iter().take(surplus) {
            group::delete(&self.mls(), &reference).map_err(Fault::from_mls)?;
            key_package::remove(self.tx, &reference)?;
            offer::remove(self.tx, serial)?;
            parked::take(self.tx, serial)?;
            if address::used_for(self.tx, serial)? == Some(Use::Package) {
                serials.push(serial);
            }
        }
        self.revoke(serials)
    }

    /// A member has let this device in again.
    pub(super) fn come_back(
        &mut self,
        loaded: &mut Loaded,
        joined: Joined,
        serial: Serial,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let view = joined.group.view().clone();
        let by = view.leaf(joined.inviter).map(LeafView::account);
        if loaded.row.group_id.as_ref() != Some(&view.group_id) {
            self.stop_reinviting(loaded.row.row)?;
        }
        let place = loaded.row.place();
        if let Some(place) = place.filter(|place| *place != view.state.place()) {
            let astray = self.astray(loaded, &view.accounts())?;
            self.tell_astray(loaded, place, &astray)?;
            // Whoever is at an earlier one is let in where this device is.
            if place > view.state.place() {
                given_up::add(self.tx, loaded.row.row, place)?;
            }
        }
        given_up::remove(self.tx, loaded.row.row, view.state.place())?;
        self.replace_line(loaded, &view)?;
        self.drop_former_group(loaded, &view)?;
        self.all_wait_again(loaded)?;
        let why = match &loaded.row.standing {
            Standing::Rejoining(why) | Standing::Held(why) => why.clone(),
            _ => ELSEWHERE.to_owned(),
        };
        offer::remove(self.tx, serial)?;
        address::assign(self.tx, serial, Use::Conversation(loaded.row.row), None)?;
        loaded.group = Some(self.current(joined.group)?);
        let row = loaded.change();
        row.standing = Standing::Active;
        row.group_id = Some(view.group_id.clone());
        row.moves = view.state.moves;
        row.server_epoch = view.epoch;
        (row.past_until, row.past_due, row.past_key) = (None, None, None);
        (row.since_update, row.attempts) = (0, 0);
        if let Some(former) = row.serial {
            parked::take(self.tx, former)?;
        }
        let had = member::all(self.tx, loaded.row.row)?.into_iter();
        let had: BTreeSet<AccountId> = had.map(|one| one.account).collect();
        self.mirror(loaded, &view)?;
        self.leavers_of(loaded.row.row, &view)?;
        self.bring_own_devices(loaded.row.row, &view)?;
        let due = self.now.after(self.renewal_after_join(loaded));
        loaded.change().update_due = Some(due);
        self.hear_anew(loaded, None)?;
        self.on_the_way_again(loaded)?;
        self.note(loaded, by, &Notice::Back(why), at)?;
        self.show_difference(loaded, &had, &view.accounts(), at)?;
        self.erase = true;
        self.reschedule = true;
        self.touched.insert(loaded.row.row);
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Back(shown));
        Ok(())
    }

    /// Who has come and gone meanwhile is shown: this device has judged none of that.
    fn show_difference(
        &mut self,
        loaded: &mut Loaded,
        had: &BTreeSet<AccountId>,
        has: &BTreeSet<AccountId>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let only = |one: &BTreeSet<AccountId>, other| -> Vec<[u8; 32]> {
            one.difference(other).map(|who| *who.as_bytes()).collect()
        };
        let (came, went) = (only(has, had), only(had, has));
        if !came.is_empty() {
            self.note(loaded, None, &Notice::Added(came), at)?;
        }
        if !went.is_empty() {
            self.note(loaded, None, &Notice::Removed(went), at)?;
        }
        Ok(())
    }

    /// The group that this device has lost its place in. The new one may have the same id: then it has taken its place already.
    fn drop_former_group(&mut self, loaded: &mut Loaded, view: &GroupView) -> Result<(), Fault> {
        let same = loaded.row.group_id.as_ref() == Some(&view.group_id);
        if same {
            loaded.group = None;
            return Ok(());
        }
        self.load_group(loaded)?;
        if let Some(current) = loaded.group.take() {
            current
                .group
                .delete(&self.storage)
                .map_err(Fault::from_mls)?;
        }
        Ok(())
    }

    /// Whatever this device has said and not seen come back is to be said again; who has heard it passes over the second.
    pub(super) fn all_wait_again(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        for intent in intent::of(self.tx, row)? {
            if intent.progress == Progress::Requested && intent.wish != Wish::Move {
                intent::set_progress(self.tx, intent.id, Progress::Ready)?;
            }
        }
        let of_row = |waiting: &crate::table::outbox::Waiting| {
            waiting.conversation == Some(row) && matches!(waiting.kind, Kind::Send | Kind::Commit)
        };
        let requests = self.memory.outbox.iter();
        let requests: Vec<i64> = requests
            .filter(|(_, waiting)| of_row(waiting))
            .map(|(id, _)| *id)
            .collect();
        for request in requests {
            self.drop_request(request)?;
        }
        for entry in timeline::own_unsettled(self.tx, loaded.row.shown_in, row)? {
            timeline::mark(self.tx, entry.place, Stage::Waiting)?;
        }
        loaded.waiting = timeline::count_waiting(self.tx, loaded.row.shown_in, row)?;
        Ok(())
    }

    /// A member does not follow to where this device is: by a move, or by a group that was begun again by somebody whose database was put
    /// back to before it had begun.
    pub(super) fn is_not_followed(
        &mut self,
        loaded: &mut Loaded,
        from: &LeafView,
        place: Place,
    ) -> Result<(), Fault> {
        let (row, me, by) = (loaded.row.row, self.me()?.account(), from.account());
        let here = loaded.row.place() == Some(place);
        let rejoins = matches!(loaded.row.standing, Standing::Rejoining(_));
        if !here || loaded.row.standing != Standing::Active && !rejoins {
            return Ok(());
        }
        let members = member::all(self.tx, row)?;
        let is_member = members.iter().any(|member| member.account == by);
        if rejoins {
            if is_member && by != me && self.is_here(loaded, from)? {
                self.hears_of_another(loaded, &by)?;
            }
            return Ok(());
        }
        if is_member {
            if !self.is_here(loaded, from)? {
                return self.look_later(row);
            }
            if !self.is_time(row, by, Word::Objection, HEED_AGAIN) {
                return Ok(());
            }
            if finding::has(self.tx, row, &me, Finding::HasLeft)? {
                // It was taken along by a move, and was about to leave again.
                return self.left(loaded);
            }
            self.lose_place(loaded, ELSEWHERE.to_owned())?;
            finding::add(self.tx, row, &by, Finding::Objects)?;
        } else if gone::all(self.tx, row)?.contains(&by) {
            if members.iter().any(|member| member.account != me) {
                // Who was in it may know better than those who are, but is not believed: these are asked.
                self.look_later(row)?;
            } else if self.is_time(row, by, Word::Gone, OBJECT_AGAIN) {
                self.wish_of(loaded, &Wish::TellGone, &by)?;
            }
        }
        Ok(())
    }
}

/// How long the `turn`th ask has to be answered.
fn ask_pause(turn: u64) -> Duration {
    let doublings = u32::try_from(turn.min(20)).unwrap_or(20);
    ASK_AGAIN.saturating_mul(1 << doublings).min(ASK_AGAIN_MOST)
}
