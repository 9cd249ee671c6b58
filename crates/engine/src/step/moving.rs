//! A conversation that can't go on where it is moves: a member makes a fresh group of the same people at a new handle, and all
//! who find it right follow. `docs/protocol/recovery.md`.
//!
//! Which line of a conversation is in use, and what becomes of the others, is in `lines`.

use std::collections::BTreeSet;
use std::time::Duration;

use keyfold_protocol::group::{Change, CheckedKeyPackage, Group, NewGroup, Staged, Update};
use keyfold_protocol::limits::MAX_MOVES;
use keyfold_protocol::rules::{GroupView, Violation};
use keyfold_protocol::state::{Kind as ConversationKind, Role};
use keyfold_wire::ids::{AccountId, ConversationHandle, Timestamp};
use keyfold_wire::v1;

use super::commit::addresses_of;
use super::content::Fate;
use super::{Notice, Step};
use crate::Fault;
use crate::limits::{
    LEAVE_OUT_AFTER, MAX_GONE, MOVE_AFTER, MOVE_AFTER_OTHERS, MOVE_AGAIN, OBJECT_AGAIN,
    OBJECT_AT_MOST, OBJECT_TO_OTHERS,
};
use crate::memory::{Loaded, Word};
use crate::outcome::{Event, Failure};
use crate::table::address;
use crate::table::conversation::Row;
use crate::table::finding::{self, Finding};
use crate::table::intent::{self, GatheredRow, IntentRow, Progress, Wish};
use crate::table::outbox::{Kind, Waiting};
use crate::table::{given_up, gone, leaver};
use crate::view::Standing;

impl Step<'_> {
    /// Nothing more is taken from this conversation: a commit, a roster or the server is bad. It moves.
    pub(super) fn hold(
        &mut self,
        loaded: &mut Loaded,
        why: String,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        if loaded.row.line_of.is_some() {
            self.line_over(loaded)?;
            return Ok(Fate::Applied);
        }
        if loaded.row.standing == Standing::Active {
            self.note(loaded, None, &Notice::Refused(why.clone()), at)?;
            loaded.change().standing = Standing::Held(why.clone());
            let shown = self.shown_id(loaded)?;
            self.tell(Event::Held(shown, Failure::Refused(why)));
        }
        self.wish_move(loaded)?;
        Ok(Fate::Applied)
    }

    /// Every member finds that this account has broken the group: a move leaves it behind.
    pub(super) fn hold_against(
        &mut self,
        loaded: &mut Loaded,
        offender: Option<AccountId>,
        why: String,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        if let Some(offender) = offender.filter(|_| loaded.row.line_of.is_none()) {
            finding::add(self.tx, loaded.row.row, &offender, Finding::Broke)?;
        }
        self.hold(loaded, why, at)
    }

    /// Moves the conversation soon, unless somebody else is quicker, or is known to be elsewhere.
    pub(super) fn wish_move(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        let mut intents = intent::of(self.tx, row)?.into_iter();
        if intents.any(|intent| intent.wish == Wish::Move) || !self.load_group(loaded)? {
            return Ok(());
        }
        let rejoins = matches!(loaded.row.standing, Standing::Rejoining(_));
        if rejoins && self.somebody_knows(loaded)? {
            return Ok(());
        }
        let me = self.me()?.account();
        let view = loaded.group.as_ref().map(|current| current.group.view());
        let first = view.is_some_and(|view| {
            view.state.kind != ConversationKind::Group || view.authority(me) >= Role::Admin
        });
        // Who has only lost its own place leaves time for being let in.
        let base = if first && !rejoins {
            MOVE_AFTER
        } else {
            MOVE_AFTER_OTHERS
        };
        let when = self.now.after(base).after(self.within(base));
        self.intend(row, &Wish::Move, Progress::Ready, when)?;
        self.wake(when);
        Ok(())
    }

    /// A random part of this time.
    pub(super) fn within(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let part = self.rng.with(|rng| rng.next_u64()).checked_rem(most);
        Duration::from_millis(part.unwrap_or(0))
    }

    /// Makes the move that is due, if everything for it is here.
    pub(super) fn try_move(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let ready = self.next_intent(loaded.row.row, |wish| *wish == Wish::Move)?;
        let Some(intent) = ready.filter(|_| self.session.greeted) else {
            return Ok(());
        };
        let rejoins = matches!(loaded.row.standing, Standing::Rejoining(_));
        if rejoins && self.somebody_knows(loaded)? || !self.load_group(loaded)? {
            return self.forget_intent(intent.id);
        }
        let people = intent::gathered(self.tx, intent.id)?;
        if people.is_empty() {
            return self.gather_members(loaded, &intent);
        }
        let Some((_, address)) = address::free(self.tx)? else {
            return self.take_addresses();
        };
        if !self.found_line(loaded, &intent, people, &address)? {
            self.move_later(intent.id)?;
        }
        Ok(())
    }

    /// A move can't be made now: again in a while.
    pub(super) fn move_later(&mut self, intent: i64) -> Result<(), Fault> {
        let when = self.now.after(MOVE_AGAIN);
        self.wake(when);
        intent::put_off(self.tx, intent, when)
    }

    /// Who need not be in the group in which a conversation goes on: those who leave or are out, and those who have broken it.
    fn gone(&self, loaded: &Loaded) -> Result<BTreeSet<AccountId>, Fault> {
        let mut gone = finding::all(self.tx, loaded.row.row, Finding::Broke)?;
        gone.extend(self.who_is_out(loaded.row.row)?);
        let leavers = leaver::all(self.tx, loaded.row.row)?;
        gone.extend(leavers.into_iter().map(|(account, _)| account));
        Ok(gone)
    }

    fn gather_members(&mut self, loaded: &Loaded, intent: &IntentRow) -> Result<(), Fault> {
        let Some(current) = &loaded.group else {
            return Ok(());
        };
        let gone = self.gone(loaded)?;
        let accounts = current.group.view().accounts();
        let suite = current.group.suite();
        intent::set_progress(self.tx, intent.id, Progress::Gathering)?;
        for account in accounts.difference(&gone) {
            self.gather_packages(intent.id, account, suite)?;
        }
        Ok(())
    }

    /// Makes the group in which the conversation is to go on. `false`: not now, somebody can't be taken along.
    fn found_line(
        &mut self,
        loaded: &mut Loaded,
        intent: &IntentRow,
        people: Vec<GatheredRow>,
        address: &[u8],
    ) -> Result<bool, Fault> {
        let Some(from) = loaded
            .group
            .as_ref()
            .map(|current| current.group.view().clone())
        else {
            return Ok(false);
        };
        let Some(added) = self.all_packages(loaded.row.row, &from, people)? else {
            return Ok(false);
        };
        if from.state.moves >= MAX_MOVES {
            return Ok(false);
        }
        let mut state = from
            .state
            .moved_to(ConversationHandle::new(self.rng.bytes()), from.epoch);
        let mut accounts: BTreeSet<_> = added
            .iter()
            .map(|package| package.certificate().account)
            .collect();
        accounts.insert(self.me()?.account());
        for (account, _) in from.state.roles() {
            if !accounts.contains(&account) {
                state.set_role(account, Role::Member);
            }
        }
        // Whoever acts as owner by the order of the leaves would not in the order of the new ones.
        let owner = from.acting_owner().filter(|one| accounts.contains(one));
        if let (Some(owner), ConversationKind::Group) = (owner, &from.state.kind) {
            state.set_role(owner, Role::Owner);
        }
        let group_id: [u8; 32] = self.rng.bytes();
        let joiners = addresses_of(&added);
        let new = NewGroup {
            group_id: &group_id,
            suite: from.suite,
            state: &state,
            address,
        };
        let attempt = self.storage.attempt()?;
        let Some((group, staged)) = self.fresh_group(new, added)? else {
            self.storage.take_back(attempt)?;
            return Ok(false);
        };
        let (me, gone) = (self.me()?.account(), self.gone(loaded)?);
        if from.judge_move(group.view(), me, &gone).is_err() {
            self.storage.take_back(attempt)?;
            return Ok(false);
        }
        self.storage.keep(attempt)?;
        let request = self.create_request(&state, &staged, &joiners)?;
        let line = self.new_line(loaded, group)?;
        let waiting = Waiting::new(Kind::Create, Some(line.row.row), intent.id);
        self.put(line);
        self.request(waiting, v1::client_frame::Request::Create(request))?;
        intent::set_progress(self.tx, intent.id, Progress::Requested)?;
        Ok(true)
    }

    /// One usable key package of each device that has any; `None`: a person would be left behind. Whoever has had none for long is, by who
    /// may remove them: else anybody could hold a conversation up for good by withdrawing theirs.
    fn all_packages(
        &mut self,
        row: Row,
        from: &GroupView,
        people: Vec<GatheredRow>,
    ) -> Result<Option<Vec<CheckedKeyPackage>>, Fault> {
        let me = self.me()?.account();
        let mut all = Vec::new();
        for person in people {
            let before = all.len();
            for fetched in person.packages.unwrap_or_default() {
                let checked = CheckedKeyPackage::check(self.crypto, &fetched.key_package, self.now);
                all.extend(checked.ok().filter(|package| {
                    package.suite() == from.suite
                        && Some(package.certificate().account) == person.account
                }));
            }
            let Some(account) = person.account else {
                continue;
            };
            if all.len() > before {
                self.session.missing.remove(&(row, account));
                continue;
            }
            let since = self.session.missing.entry((row, account));
            let since = *since.or_insert(self.now);
            let is_long = self.now >= since.after(LEAVE_OUT_AFTER);
            if account != me && !(is_long && from.may_remove(me, account)) {
                return Ok(None);
            }
        }
        Ok(Some(all))
    }

    /// A group of its own with these devices. `None`: they can't be in one group.
    pub(super) fn fresh_group(
        &mut self,
        new: NewGroup<'_>,
        added: Vec<CheckedKeyPackage>,
    ) -> Result<Option<(Group, Staged)>, Fault> {
        let (mls, device) = (self.mls(), self.device()?);
        let mut group = Group::create(&mls, device, new).map_err(Fault::from_mls)?;
        let change = Change {
            added,
            update: Some(Update::default()),
            ..Change::default()
        };
        let staged = match group.stage(&mls, device, change) {
            Ok(staged) if group.view().judge(&staged.facts).is_ok() => staged,
            Ok(_) | Err(keyfold_protocol::group::Error::Reject(_)) => return Ok(None),
            Err(error) => return Err(Fault::from_mls(error)),
        };
        group.merge_pending(&mls).map_err(Fault::from_mls)?;
        Ok(Some((group, staged)))
    }

    /// Whether a move that somebody has made of a conversation that is in use here is followed.
    pub(super) fn judge_move(
        &mut self,
        host: &mut Loaded,
        to: &GroupView,
        maker: AccountId,
    ) -> Result<Result<(), Violation>, Fault> {
        if !self.load_group(host)? {
            return Ok(Err(Violation::NoSuchLeaf));
        }
        let gone = self.gone(host)?;
        let current = host.group.as_ref().ok_or_else(Fault::no_group)?;
        Ok(current.group.view().judge_move(to, maker, &gone))
    }

    /// Says once of each who tried.
    pub(super) fn refuse_move(
        &mut self,
        host: &mut Loaded,
        there: &Group,
        maker: AccountId,
        why: Violation,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let to = there.view();
        if host.row.standing != Standing::Active {
            return Ok(());
        }
        given_up::add(self.tx, host.row.row, to.state.place())?;
        // Whoever is known to be out can't have moved on from here, whatever it says.
        let is_out = gone::all(self.tx, host.row.row)?.contains(&maker);
        let view = host.group.as_ref().map(|current| current.group.view());
        let knows_more = view.is_some_and(|view| view.knows_less_than(to));
        if is_out || !knows_more || !self.locate_among(host, &to.accounts())? {
            self.object(host, there, maker)?;
        }
        if finding::add(self.tx, host.row.row, &maker, Finding::MovedBadly)? {
            let words = format!("a move of this conversation to a new place: {why}");
            self.note(host, Some(maker), &Notice::Refused(words), at)?;
            let shown = self.shown_id(host)?;
            self.tell(Event::Changed(shown));
        }
        Ok(())
    }

    /// The maker may not know that its idea of the conversation is old: it is told, and again when it goes on, for the first word
    /// may have been lost. So are those who are not in the conversation as it is here: they can but have followed, and the maker may
    /// be gone. And so are those who have come in there, though they may belong here: they have lost their place, and let the maker in.
    fn object(&mut self, host: &Loaded, there: &Group, maker: AccountId) -> Result<(), Fault> {
        let Some(view) = host.group.as_ref().map(|current| current.group.view()) else {
            return Ok(());
        };
        let (me, members) = (self.me()?.account(), view.accounts());
        let speaks = members.len() <= OBJECT_AT_MOST || view.authority(me) >= Role::Admin;
        if !speaks && maker != me {
            return Ok(());
        }
        let (to, absent) = (there.view(), there.not_renewed());
        let came = |account: &AccountId| {
            let mut leaves = to.leaves.iter();
            leaves.any(|leaf| leaf.account() == *account && !absent.contains(&leaf.index))
        };
        let (came, others): (BTreeSet<_>, BTreeSet<_>) = to.accounts().into_iter().partition(came);
        // Whoever is no member could name anybody.
        let others = others.into_iter().filter(|one| !members.contains(one));
        let others = others.take(if members.contains(&maker) {
            OBJECT_TO_OTHERS
        } else {
            0
        });
        let whom = came.into_iter().chain(others).filter(|one| *one != maker);
        for account in std::iter::once(maker).chain(whom).take(MAX_GONE as usize) {
            if self.is_time(host.row.row, account, Word::NotFollowed, OBJECT_AGAIN) {
                self.say_not_followed(host, to.state.place(), &account)?;
            }
        }
        Ok(())
    }
}
