//! Invitations: from a welcome to a conversation.

use std::collections::BTreeSet;
use std::time::Duration;

use keyfold_protocol::group::{self, Error, Joined, Use as PackageUse};
use keyfold_protocol::rules::{GroupView, LeafIndex, LeafView};
use keyfold_protocol::state::{Kind, Place};
use keyfold_protocol::welcome;
use keyfold_wire::ids::{AccountId, Epoch, Serial, Timestamp};
use keyfold_wire::v1;

use super::asking::ELSEWHERE;
use super::content::Fate;
use super::reinvite::INVITED_AGAIN;
use super::request::Brought;
use super::{Notice, Step};
use crate::Fault;
use crate::limits::UPDATE_AFTER_JOIN;
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::store::Attempt;
use crate::table::address::{self, Use};
use crate::table::conversation::{self, ConversationRow, Row};
use crate::table::finding::{self, Finding};
use crate::table::outbox::{Kind as RequestKind, Waiting};
use crate::table::{blocked, contact, key_package, mark, member, offer};
use crate::view::{Contact, Standing};

/// The epoch that a group begins with, once everybody is added.
const FIRST_EPOCH: Epoch = Epoch(1);

/// What the member list confirms with the directory at once; larger groups when somebody asks.
const CONFIRM_AT_MOST: usize = 32;

/// A group that this account had left.
struct Former {
    place: Option<Place>,
    members: BTreeSet<AccountId>,
}

impl Step<'_> {
    /// Joins the conversation of a welcome.
    pub(super) fn welcome(
        &mut self,
        serial: Serial,
        item: &v1::Welcome,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        if let Some(fate) = self.not_for_a_package(serial)? {
            return Ok(fate);
        }
        let Ok(message) = welcome::rebuild(&item.secrets, &item.group_info) else {
            return Ok(Fate::Dropped);
        };
        let offered = offer::is_for(self.tx, serial)?;
        let former = offered.map(|row| conversation::get(self.tx, row));
        let former = former.transpose()?.flatten().and_then(|row| row.group_id);
        // What it is let in to is judged by the group that is there, which may have the same id.
        if let Some(row) = offered
            && let Some(mut loaded) = self.take(row)?
        {
            self.load_group(&mut loaded)?;
            self.put(loaded);
        }
        // Whoever reads what comes in a line that it has left may have been let in there again.
        self.write_rows()?;
        let lines = conversation::groups_of_lines(self.tx)?;
        let replaces =
            |id: &[u8]| former.as_deref() == Some(id) || lines.iter().any(|line| line == id);
        let attempt = self.storage.attempt()?;
        let joined = match group::join_again(&self.mls(), &message, replaces) {
            Ok(joined) => joined,
            Err(Error::Reject(_)) => return self.decline(attempt),
            Err(error) => return Err(Fault::from_mls(error)),
        };
        if joined.group.state().kind == Kind::Errand {
            self.storage.take_back(attempt)?;
            return self.run_errand(&joined, serial, at).map(|()| Fate::Applied);
        }
        if let Some(row) = offered {
            return self.let_in(row, joined, serial, at, attempt);
        }
        let by = joined.group.member(joined.inviter);
        let brought = Brought {
            by: by.map(|leaf| (leaf.account(), leaf.device())),
            serial,
        };
        let inviter = by.map(LeafView::account);
        let view = joined.group.view().clone();
        if let Some(host) = self.in_use(&view)? {
            return self.join_line(host, joined, serial, at, attempt);
        }
        let anew = self.comes_anew(&view.state.id, inviter)?;
        let Some((mut loaded, former)) = self.seat(&view, inviter)? else {
            return self.decline(attempt);
        };
        self.storage.keep(attempt)?;
        self.used_up(&joined, serial, &loaded)?;
        loaded.group = Some(self.current(joined.group)?);
        if anew && former.is_none() {
            self.judge_request(&loaded, &view, brought)?;
        }
        self.settle_in(&mut loaded, &view, brought, at)?;
        if let Some(former) = former {
            self.leave_again(&mut loaded, &view, &former)?;
        }
        self.unpark.insert(serial);
        self.put(loaded);
        Ok(Fate::Applied)
    }

    /// Whoever has made this group has not heard that this account had left it, or the server has lost it. Nor have those whom it leaves behind.
    fn leave_again(
        &mut self,
        loaded: &mut Loaded,
        view: &GroupView,
        former: &Former,
    ) -> Result<(), Fault> {
        if let Some(place) = former.place.filter(|place| *place < view.state.place()) {
            let there = view.accounts();
            let astray: Vec<_> = former.members.difference(&there).copied().collect();
            self.tell_astray(loaded, place, &astray)?;
        }
        let _answered = self.leave(loaded)?;
        let me = self.me()?.account();
        finding::add(self.tx, loaded.row.row, &me, Finding::HasLeft).map(drop)
    }

    /// The key package by which this device came in.
    fn used_up(&mut self, joined: &Joined, serial: Serial, loaded: &Loaded) -> Result<(), Fault> {
        if joined.usage == PackageUse::Once {
            key_package::remove(self.tx, &joined.key_package)?;
            address::assign(self.tx, serial, Use::Conversation(loaded.row.row), None)?;
        }
        Ok(())
    }

    /// A member lets this device in again, by the key package that it has offered for that.
    fn let_in(
        &mut self,
        row: Row,
        joined: Joined,
        serial: Serial,
        at: Timestamp,
        attempt: Attempt,
    ) -> Result<Fate, Fault> {
        let mut loaded = self.expect(row)?;
        let to = joined.group.view().clone();
        let asks = match &loaded.row.standing {
            Standing::Rejoining(_) | Standing::Held(_) => true,
            // It has said where it is, and somebody is further.
            Standing::Active => Some(to.state.place()) > loaded.row.place(),
            _ => false,
        };
        let kinds = matches!(to.state.kind, Kind::Direct(_)) == loaded.row.direct;
        if !asks || !kinds || to.state.id != loaded.row.talk() {
            self.put(loaded);
            return self.decline(attempt);
        }
        if !self.is_let_in_rightly(&mut loaded, &to, joined.inviter)? {
            let fate = self.decline(attempt);
            // Others may be elsewhere all the same: they are asked.
            if loaded.row.standing == Standing::Active {
                self.lose_place(&mut loaded, ELSEWHERE.to_owned())?;
            }
            self.put(loaded);
            return fate;
        }
        self.storage.keep(attempt)?;
        key_package::remove(self.tx, &joined.key_package)?;
        self.come_back(&mut loaded, joined, serial, at)?;
        self.unpark.insert(serial);
        self.put(loaded);
        Ok(Fate::Applied)
    }

    /// Whoever has not lost its way judges where it is let in: a device that had its place, or has just been taken out and added again.
    fn is_let_in_rightly(
        &mut self,
        loaded: &mut Loaded,
        to: &GroupView,
        inviter: LeafIndex,
    ) -> Result<bool, Fault> {
        let knows = match &loaded.row.standing {
            Standing::Active => true,
            Standing::Rejoining(why) => why == INVITED_AGAIN,
            _ => false,
        };
        let Some(by) = to.leaf(inviter).map(LeafView::account) else {
            return Ok(false);
        };
        Ok(!knows || self.judge_move(loaded, to, by)?.is_ok())
    }

    /// The conversation of a group, where it is in use here.
    fn in_use(&mut self, view: &GroupView) -> Result<Option<Loaded>, Fault> {
        let Some(row) = conversation::row_of(self.tx, &view.state.id)? else {
            return Ok(None);
        };
        let loaded = self.expect(row)?;
        let in_use = matches!(
            loaded.row.standing,
            Standing::Active | Standing::Held(_) | Standing::Rejoining(_)
        );
        if in_use {
            return Ok(Some(loaded));
        }
        self.put(loaded);
        Ok(None)
    }

    /// Somebody has moved a conversation that is in use here.
    fn join_line(
        &mut self,
        mut host: Loaded,
        joined: Joined,
        serial: Serial,
        at: Timestamp,
        attempt: Attempt,
    ) -> Result<Fate, Fault> {
        let to = joined.group.view().clone();
        let Some(by) = to.leaf(joined.inviter).map(LeafView::account) else {
            self.put(host);
            return self.decline(attempt);
        };
        if let Err(why) = self.judge_move(&mut host, &to, by)? {
            let fate = self.decline(attempt);
            self.refuse_move(&mut host, &joined.group, by, why, at)?;
            self.put(host);
            return fate;
        }
        self.storage.keep(attempt)?;
        self.replace_line(&host, &to)?;
        self.make_room(&host)?;
        if joined.usage == PackageUse::Once {
            key_package::remove(self.tx, &joined.key_package)?;
        }
        let mut line = self.new_line(&host, joined.group)?;
        self.put(host);
        self.unpark.insert(serial);
        self.take_line(&mut line, Some(by), at)?;
        self.put(line);
        Ok(Fate::Applied)
    }

    /// The key package stays, and nothing of the group.
    fn decline(&mut self, attempt: Attempt) -> Result<Fate, Fault> {
        self.storage.take_back(attempt)?;
        Ok(Fate::Dropped)
    }

    /// The conversation that a group is for: a new one, or one that this device was in; and, if it is to be left again, what that was.
    /// `None`: it is in use here already, or goes on anew with somebody who was removed: whoever has moved it has lost its way.
    fn seat(
        &mut self,
        view: &GroupView,
        inviter: Option<AccountId>,
    ) -> Result<Option<(Loaded, Option<Former>)>, Fault> {
        let existing = conversation::row_of(self.tx, &view.state.id)?;
        let mut former = None;
        let mut loaded = if let Some(row) = existing {
            let loaded = self.expect(row)?;
            let me = self.me()?.account();
            let begins = view.epoch <= FIRST_EPOCH;
            // Its other devices are where the others were before, and have not heard of that either.
            let behind = inviter == Some(me) && Some(view.state.place()) < loaded.row.place();
            let had_left = finding::has(self.tx, row, &me, Finding::HasLeft)?;
            let has_left = had_left && (begins || behind);
            // What it was moved from comes behind the removal: its maker had heard of that, and the server has lost that this device was added again.
            let after = |place| (place, loaded.row.epoch.next());
            let is_later = view.state.origin() > loaded.row.place().map(after);
            let removed = loaded.row.standing == Standing::Left && !has_left;
            let is_astray = begins && view.state.moves > 0 && removed && !is_later;
            // What failed here may have been begun by a copy of this device.
            let is_over = matches!(loaded.row.standing, Standing::Left | Standing::Failed(_));
            let kinds = matches!(view.state.kind, Kind::Direct(_)) == loaded.row.direct;
            if !is_over || !kinds || is_astray {
                self.put(loaded);
                return Ok(None);
            }
            if has_left {
                let members = member::all(self.tx, row)?.into_iter();
                former = Some(Former {
                    place: loaded.row.place(),
                    members: members.map(|one| one.account).collect(),
                });
            }
            finding::forget(self.tx, row)?;
            loaded
        } else {
            let direct = matches!(view.state.kind, Kind::Direct(_));
            let mut row = ConversationRow::new(view.state.id, direct, String::new(), view.suite);
            conversation::insert(self.tx, &mut row)?;
            Loaded::new(self.tx, row)?
        };
        let row = loaded.change();
        row.standing = Standing::Active;
        row.group_id = Some(view.group_id.clone());
        row.suite = view.suite;
        row.server_epoch = view.epoch;
        Ok(Some((loaded, former)))
    }

    fn settle_in(
        &mut self,
        loaded: &mut Loaded,
        view: &GroupView,
        brought: Brought,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let inviter = brought.by.map(|(account, _)| account);
        self.mirror(loaded, view)?;
        if loaded.row.direct
            && let Some(peer) = loaded.row.peer
            && let Some(known) = contact::get(self.tx, &peer)?
        {
            loaded.change().title = known.handle;
        }
        self.merge_twin(loaded)?;
        self.let_in_by_link(view, brought)?;
        self.note(loaded, inviter, &Notice::Began, at)?;
        let asks = self.is_request(loaded)?;
        let due = self.now.after(self.renewal_after_join(loaded));
        let row = loaded.change();
        row.since_update = 0;
        // Where a stranger has not been accepted nothing goes out.
        row.update_due = (!asks).then_some(due);
        if !asks {
            self.bring_own_devices(loaded.row.row, view)?;
        }
        if view.state.moves > 0 {
            // Whoever has let it in may have followed a move that nobody else does.
            self.look_later(loaded.row.row)?;
        }
        self.reschedule = true;
        if let Some(by) = inviter
            && blocked::has(self.tx, &by)?
        {
            // It is nowhere to be seen until somebody else speaks there, and nothing of it is missed then.
            return self.put_away(loaded);
        }
        let shown = self.shown_id(loaded)?;
        if asks {
            self.request_heard(loaded.row.shown_in)?;
            self.tell(Event::Requested(shown));
            return Ok(());
        }
        mark::heard(self.tx, loaded.row.shown_in)?;
        self.tell(Event::Ready(shown));
        Ok(())
    }

    /// How long after it has joined a device renews its keys: those who came in together do it one after the other.
    pub(super) fn renewal_after_join(&self, loaded: &Loaded) -> Duration {
        let leaves = loaded
            .group
            .as_ref()
            .map_or(1, |current| current.group.view().leaves.len());
        let times = u32::try_from(leaves.div_ceil(16)).unwrap_or(u32::MAX);
        let spread = UPDATE_AFTER_JOIN.saturating_mul(times);
        UPDATE_AFTER_JOIN.saturating_add(self.within(spread))
    }

    /// Remembers the people of a group; those never met are asked for at the directory.
    pub(super) fn meet(&mut self, view: &GroupView) -> Result<(), Fault> {
        let few = view.accounts().len() <= CONFIRM_AT_MOST;
        let me = self.me()?.account();
        for leaf in &view.leaves {
            let certificate = &leaf.certificate;
            if contact::get(self.tx, &certificate.account)?.is_some() {
                continue;
            }
            let own = certificate.account == me;
            let met = Contact {
                account: certificate.account,
                handle: certificate.handle.clone(),
                confirmed: own,
                verified: own,
                account_key: certificate.account_key,
                name: None,
                blocked: false,
            };
            contact::put(self.tx, &met)?;
            if few && !own {
                let lookup = v1::Lookup {
                    by: Some(v1::lookup::By::Account(certificate.account.to_wire())),
                };
                let waiting = Waiting::new(RequestKind::Confirm, None, 0);
                self.request(waiting, v1::client_frame::Request::Lookup(lookup))?;
            }
        }
        Ok(())
    }
}
