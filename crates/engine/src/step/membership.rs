//! Entering an epoch: what changed is shown, remembered and scheduled.

use std::collections::BTreeMap;

use keyfold_protocol::group::StagedChange;
use keyfold_protocol::rules::{GroupView, LeafIndex, LeafView};
use keyfold_protocol::state::{ConversationState, Kind};
use keyfold_wire::ids::{AccountId, DeviceId, Timestamp};
use keyfold_wire::limits::EPOCH_GRACE;
use keyfold_wire::v1;

use super::content::Fate;
use super::errand::leaf_of;
use super::{Notice, Step};
use crate::Fault;
use crate::command::Deed;
use crate::limits::{MAX_NAME, PAST_SLACK, UPDATE_BYTES_PER_DAY, UPDATE_INTERVAL};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::address::{self, Use};
use crate::table::agreed::{self, Agreed};
use crate::table::intent::{self, Progress, Wish};
use crate::table::member::{self, MemberRow};
use crate::table::outbox::Kind as RequestKind;
use crate::table::{heard, key_package, leaver, profile};

/// When an item came in and how large it was.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    pub(super) size: usize,
}

impl Step<'_> {
    /// Judges another member's commit and enters its epoch.
    pub(super) fn enter(
        &mut self,
        loaded: &mut Loaded,
        change: StagedChange,
        check: Option<&v1::CommitCheck>,
        arrival: Arrival,
    ) -> Result<Fate, Fault> {
        let Some(current) = &mut loaded.group else {
            return Ok(Fate::Dropped);
        };
        let offender = current.group.view().leaf(change.committer());
        let offender = offender.map(LeafView::account);
        if let Err(violation) = current.group.view().judge(change.facts()) {
            return self.hold_against(loaded, offender, violation.to_string(), arrival.at);
        }
        let matches = change
            .next()
            .map(|next| next.roster.check(&next.roster_key, check));
        if let Some(Err(mismatch)) = matches {
            if ends_line(current.group.view(), change.committer(), check) {
                self.lose_place(
                    loaded,
                    "the others have moved on without this device".to_owned(),
                )?;
                return Ok(Fate::Applied);
            }
            return self.hold(loaded, mismatch.to_string(), arrival.at);
        }
        let before = current.group.view().clone();
        let committer = before.leaf(change.committer()).cloned();
        if change.removes_me() {
            return self.removed_by(loaded, committer.as_ref(), change.facts(), arrival.at);
        }
        self.rebase(loaded)?;
        let current = loaded.group.as_mut().ok_or_else(Fault::no_group)?;
        current
            .group
            .merge(&self.mls(), change)
            .map_err(Fault::from_mls)?;
        self.entered(loaded, &before, committer, arrival)?;
        Ok(Fate::Applied)
    }

    /// The own pending commit has come back: it won.
    pub(super) fn enter_own(
        &mut self,
        loaded: &mut Loaded,
        request: i64,
        check: Option<&v1::CommitCheck>,
        arrival: Arrival,
    ) -> Result<Fate, Fault> {
        if !self.load_group(loaded)? {
            return Ok(Fate::Dropped);
        }
        let current = loaded.group.as_mut().ok_or_else(Fault::no_group)?;
        let next = current
            .group
            .pending_next(&self.mls())
            .map_err(Fault::from_mls)?;
        let Some(next) = next else {
            return Ok(Fate::Dropped);
        };
        if let Err(mismatch) = next.roster.check(&next.roster_key, check) {
            return self.hold(loaded, mismatch.to_string(), arrival.at);
        }
        let before = current.group.view().clone();
        current
            .group
            .merge_pending(&self.mls())
            .map_err(Fault::from_mls)?;
        let waiting = self.drop_request(request)?;
        let me = (self.me()?.account(), self.me()?.device());
        let me = leaf_of(&before, me.0, me.1).cloned();
        self.entered(loaded, &before, me, arrival)?;
        if let Some(waiting) = waiting
            && let Some(intent) = intent::get(self.tx, waiting.reference)?
        {
            if intent.wish == Wish::End {
                // Nobody else was in it: the roster that ends it is that of the next epoch.
                self.line_over(loaded)?;
                return Ok(Fate::Applied);
            }
            self.updated(loaded, &intent.wish)?;
            self.reinvite_again(loaded.row.row, &intent.wish, true)?;
            self.intent_over(loaded, &intent, Ok(()))?;
            // Who is invited again is looked after already, or has come to where they are not reached by their own doing.
            let first = intent.wish.adds() && !intent.wish.is_another_invitation();
            if first && loaded.row.line_of.is_none() {
                self.has_invited(loaded.row.row)?;
            }
        }
        Ok(Fate::Applied)
    }

    /// Somebody else's commit was first: the own one is taken back, its intent tries again.
    fn rebase(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        let own: Vec<(i64, i64)> = self
            .memory
            .outbox
            .iter()
            .filter(|(_, waiting)| {
                waiting.conversation == Some(row) && waiting.kind == RequestKind::Commit
            })
            .map(|(id, waiting)| (*id, waiting.reference))
            .collect();
        for (request, intent) in own {
            self.drop_request(request)?;
            intent::set_progress(self.tx, intent, Progress::Ready)?;
        }
        Ok(())
    }

    /// The own commit was never accepted: it is taken back, its intent tries again once the epoch has come.
    pub(super) fn take_back(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        self.rebase(loaded)?;
        if self.load_group(loaded)? {
            let current = loaded.group.as_mut().ok_or_else(Fault::no_group)?;
            current
                .group
                .clear_pending(&self.mls())
                .map_err(Fault::from_mls)?;
        }
        self.touched.insert(loaded.row.row);
        Ok(())
    }

    /// A new epoch has begun.
    fn entered(
        &mut self,
        loaded: &mut Loaded,
        before: &GroupView,
        committer: Option<LeafView>,
        arrival: Arrival,
    ) -> Result<(), Fault> {
        let Some(current) = loaded.group.take() else {
            return Ok(());
        };
        let fresh = self.current(current.group)?;
        let after = fresh.group.view().clone();
        self.keep_signal_key(before, &current.signal)?;
        let returned = returned(before, &after, committer.as_ref());
        let gone = |leaf: &LeafView| !has_device(&after, leaf.device());
        let removal = !returned.is_empty() || before.leaves.iter().any(gone);
        loaded.group = Some(fresh);
        let now = self.now;
        let row = loaded.change();
        (row.past_until, row.past_due, row.past_key) = if removal {
            (None, None, None)
        } else {
            let until = arrival.at.after(EPOCH_GRACE);
            let due = now.after(EPOCH_GRACE).after(PAST_SLACK);
            (
                Some(until),
                Some(due),
                Some(current.envelope.to_secret_bytes().to_vec().into()),
            )
        };
        row.commit_bytes = u64::try_from(arrival.size).unwrap_or(u64::MAX);
        if removal {
            let current = loaded.group.as_mut().ok_or_else(Fault::no_group)?;
            current
                .group
                .erase_past(&self.mls())
                .map_err(Fault::from_mls)?;
            self.erase = true;
        }
        self.unpark.extend(loaded.row.serial);
        self.mirror(loaded, &after)?;
        if loaded.row.line_of.is_none() {
            let committer = committer.map(|leaf| leaf.account());
            self.note_removed(before, &after, committer)?;
            self.show_changes(loaded, before, &after, committer, arrival.at)?;
            let me = self.me()?.account();
            let came = |leaf: &LeafView| leaf.account() == me && !has_device(before, leaf.device());
            if after.leaves.iter().any(came) {
                self.see_own_devices(loaded.row.row, &after)?;
            }
            if removal {
                // Whose word was that of a device that is out now has to say it again.
                self.leavers_of(loaded.row.row, &after)?;
            }
            self.forget_gone(loaded, before, &after)?;
            self.count_anew(loaded, returned, committer, arrival.at)?;
        }
        self.reschedule = true;
        self.touched.insert(loaded.row.row);
        self.unpark.extend(loaded.row.serial);
        Ok(())
    }

    /// Writes what reads need of the group: epoch, name, members, own address.
    pub(super) fn mirror(&mut self, loaded: &mut Loaded, view: &GroupView) -> Result<(), Fault> {
        let me = self.me()?.account();
        let serial = self.own_serial(view)?;
        let row = loaded.change();
        row.epoch = view.epoch;
        row.server_epoch = row.server_epoch.max(view.epoch);
        row.suite = view.suite;
        row.handle = Some(view.state.handle);
        row.moves = view.state.moves;
        match view.state.kind {
            _ if row.line_of.is_some() => {}
            Kind::Group => {
                row.title = view.state.name.as_str().chars().take(MAX_NAME).collect();
            }
            Kind::Direct(both) => row.peer = both.into_iter().find(|account| *account != me),
            Kind::Errand => {}
        }
        if serial.is_some() && row.serial != serial {
            let (old, row_id) = (row.serial, row.row);
            row.serial = serial;
            row.rejected = 0;
            self.change_address(old, serial, row_id)?;
        }
        let mut members: BTreeMap<AccountId, MemberRow> = BTreeMap::new();
        for leaf in &view.leaves {
            let account = leaf.account();
            let entry = members.entry(account).or_insert_with(|| MemberRow {
                account,
                role: view.authority(account),
                devices: 0,
            });
            entry.devices = entry.devices.saturating_add(1);
        }
        let members: Vec<MemberRow> = members.into_values().collect();
        self.newcomers_are_told(loaded, &members)?;
        member::replace(self.tx, loaded.row.row, &members)?;
        agreed::put(self.tx, loaded.row.row, &Agreed::of(&view.state))?;
        agreed::put_picture(self.tx, loaded.row.row, view.state.picture.as_ref())?;
        self.meet(view)
    }

    fn change_address(
        &mut self,
        old: Option<keyfold_wire::ids::Serial>,
        new: Option<keyfold_wire::ids::Serial>,
        row: crate::table::conversation::Row,
    ) -> Result<(), Fault> {
        let shared = |serial| key_package::is_last_resort(self.tx, serial);
        if let Some(new) = new
            && !shared(new)?
        {
            address::assign(self.tx, new, Use::Conversation(row), None)?;
        }
        if let Some(old) = old
            && !shared(old)?
        {
            let until = self.now.after(EPOCH_GRACE).after(PAST_SLACK);
            address::assign(self.tx, old, Use::Retiring(row), Some(until))?;
            self.wake(until);
        }
        Ok(())
    }

    fn show_changes(
        &mut self,
        loaded: &mut Loaded,
        before: &GroupView,
        after: &GroupView,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let (had, has) = (before.accounts(), after.accounts());
        self.remember_gone(loaded.row.row, &had, &has, at)?;
        let came: Vec<[u8; 32]> = has
            .difference(&had)
            .map(|account| *account.as_bytes())
            .collect();
        let mut went = Vec::new();
        for account in had.difference(&has) {
            let left = leaver::all(self.tx, loaded.row.row)?;
            leaver::remove(self.tx, loaded.row.row, account)?;
            if !left.iter().any(|(leaver, _)| leaver == account) {
                went.push(*account.as_bytes());
            }
        }
        let mut notices = Vec::new();
        if !came.is_empty() {
            notices.push(Notice::Added(came));
        }
        if !went.is_empty() {
            notices.push(Notice::Removed(went));
        }
        if before.state.name != after.state.name {
            notices.push(Notice::Renamed(after.state.name.as_str().to_owned()));
        }
        notices.extend(settings_changed(&before.state, &after.state));
        if !before.state.roles().eq(after.state.roles()) && had == has {
            notices.push(Notice::RolesChanged);
        }
        notices.extend(devices_changed(before, after).map(Notice::DevicesChanged));
        let any = !notices.is_empty();
        for notice in notices {
            self.note(loaded, by, &notice, at)?;
        }
        if any || had != has {
            let shown = self.shown_id(loaded)?;
            self.tell(Event::Changed(shown));
        }
        Ok(())
    }

    /// Devices that are gone start to count anew if they come back.
    fn forget_gone(
        &mut self,
        loaded: &mut Loaded,
        before: &GroupView,
        after: &GroupView,
    ) -> Result<(), Fault> {
        for leaf in &before.leaves {
            if !has_device(after, leaf.device()) {
                self.hear_anew(loaded, Some(leaf.device()))?;
            }
        }
        Ok(())
    }

    /// From now on all devices, or this one, may count from anywhere.
    pub(super) fn hear_anew(
        &mut self,
        loaded: &mut Loaded,
        device: Option<DeviceId>,
    ) -> Result<(), Fault> {
        let row = loaded.row.row;
        let concerned = |one: &DeviceId| device.is_none_or(|device| device == *one);
        let cached: Vec<DeviceId> = loaded.heard.keys().copied().filter(concerned).collect();
        for one in cached {
            if let Some((heard, true)) = loaded.heard.remove(&one) {
                heard::put(self.tx, row, &one, &heard)?;
            }
        }
        heard::begin_anew(self.tx, row, device.as_ref())
    }

    /// Devices that had lost their state and were let in again may count from anywhere.
    fn count_anew(
        &mut self,
        loaded: &mut Loaded,
        returned: Vec<LeafView>,
        by: Option<AccountId>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        if !returned.is_empty() {
            profile::untell(self.tx, loaded.row.row)?;
        }
        for leaf in returned {
            self.hear_anew(loaded, Some(leaf.device()))?;
            let key = (loaded.row.row, leaf.device());
            self.session.reached.insert(key, self.now);
            let notice = Notice::Returned(*leaf.account().as_bytes());
            self.note(loaded, by, &notice, at)?;
            let shown = self.shown_id(loaded)?;
            self.tell(Event::Changed(shown));
        }
        Ok(())
    }

    /// How long until the own leaf is renewed: a week, or longer where the group is so large that it would cost too much.
    pub(super) fn update_interval(loaded: &Loaded) -> std::time::Duration {
        let leaves = loaded
            .group
            .as_ref()
            .map_or(1, |current| current.group.view().leaves.len());
        let leaves = u64::try_from(leaves).unwrap_or(u64::MAX);
        let bytes = loaded.row.commit_bytes.saturating_mul(leaves);
        let days = bytes.checked_div(UPDATE_BYTES_PER_DAY).unwrap_or(0);
        let paced = std::time::Duration::from_secs(days.saturating_mul(24 * 60 * 60));
        UPDATE_INTERVAL.max(paced)
    }
}

/// Whether a commit is the end of a line that the conversation has left: nobody but its committer is in the next roster.
fn ends_line(view: &GroupView, committer: LeafIndex, check: Option<&v1::CommitCheck>) -> bool {
    let own = view
        .leaf(committer)
        .map(|leaf| vec![leaf.address.clone().into()]);
    let hash = own.map(|own: Vec<bytes::Bytes>| keyfold_wire::roster::hash(&own));
    matches!((hash, check), (Some(hash), Some(check)) if check.roster_hash == hash.as_slice())
}

/// Devices whose leaf is another one than before, though they did not change it themselves.
fn returned(before: &GroupView, after: &GroupView, committer: Option<&LeafView>) -> Vec<LeafView> {
    let own_change = |leaf: &LeafView| committer.is_some_and(|own| own.index == leaf.index);
    let mut returned = Vec::new();
    for was in before.leaves.iter().filter(|leaf| !own_change(leaf)) {
        let now = leaf_of(after, was.account(), was.device());
        let now = now.filter(|is| is.index != was.index || is.address != was.address);
        returned.extend(now.cloned());
    }
    returned
}

fn has_device(view: &GroupView, device: keyfold_wire::ids::DeviceId) -> bool {
    view.leaves.iter().any(|leaf| leaf.device() == device)
}

/// Accounts that stay, with other devices than before.
fn devices_changed(before: &GroupView, after: &GroupView) -> impl Iterator<Item = [u8; 32]> {
    let had = before.accounts();
    let came = after
        .leaves
        .iter()
        .filter(|leaf| !has_device(before, leaf.device()));
    let went = before
        .leaves
        .iter()
        .filter(|leaf| !has_device(after, leaf.device()));
    let has = after.accounts();
    let accounts: std::collections::BTreeSet<AccountId> = came
        .chain(went)
        .map(LeafView::account)
        .filter(|account| had.contains(account) && has.contains(account))
        .collect();
    accounts.into_iter().map(|account| *account.as_bytes())
}

/// Lines about what is agreed on.
fn settings_changed(before: &ConversationState, after: &ConversationState) -> Vec<Notice> {
    let mut notices = Vec::new();
    if before.description != after.description {
        notices.push(Notice::Described(after.description.as_str().to_owned()));
    }
    if before.picture != after.picture {
        notices.push(Notice::Pictured(after.picture.is_some()));
    }
    if before.timer != after.timer {
        notices.push(Notice::Timed(after.timer));
    }
    for (deed, policy) in [
        (Deed::Add, (before.add_policy, after.add_policy)),
        (Deed::Post, (before.post_policy, after.post_policy)),
        (Deed::Edit, (before.edit_policy, after.edit_policy)),
    ] {
        if policy.0 != policy.1 {
            notices.push(Notice::Allowed(deed, policy.1));
        }
    }
    notices
}
