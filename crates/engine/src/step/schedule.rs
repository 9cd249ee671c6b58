//! What time brings: updates of own keys, the end of a grace, key packages that are old, and when to look again.

use std::time::Duration;

use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::EPOCH_GRACE;

use super::Step;
use crate::Fault;
use crate::limits::{
    KEY_PACKAGE_RETENTION, LAST_RESORT_INTERVAL, MAX_REJECTED, OFFER_RETENTION, PAST_SLACK,
    RETRY_MOST,
};
use crate::memory::Loaded;
use crate::table::conversation::{self, Row};
use crate::table::intent::{self, Wish};
use crate::table::outbox::{self, Kind, Waiting};
use crate::table::{address, key_package, offer};
use crate::view::Standing;

impl Step<'_> {
    /// Does what is due.
    pub(super) fn tick(&mut self) -> Result<(), Fault> {
        self.reschedule = true;
        if self
            .identity
            .as_ref()
            .is_none_or(|identity| !identity.registered)
        {
            return Ok(());
        }
        self.ask_anew()?;
        self.end_graces_anew()?;
        for row in conversation::due(self.tx, self.now)? {
            let mut loaded = self.expect(row)?;
            self.renew(&mut loaded)?;
            if !loaded.ended {
                self.end_grace(&mut loaded)?;
            }
            self.put(loaded);
        }
        self.touched.extend(intent::due(self.tx, self.now)?);
        let retired = address::retired(self.tx, self.now)?;
        self.revoke(retired)?;
        self.wait_anew()?;
        self.index_some()?;
        self.signals_tick()?;
        self.renew_certificates()?;
        self.sweep_key_packages()
    }

    /// No epoch has a longer grace from now on. One that does was left before the clock was set back.
    fn end_graces_anew(&mut self) -> Result<(), Fault> {
        let latest = self.now.after(EPOCH_GRACE).after(PAST_SLACK);
        for row in conversation::past_after(self.tx, latest)? {
            let mut loaded = self.expect(row)?;
            if loaded.row.past_due.is_some_and(|due| due > latest) {
                loaded.change().past_due = Some(latest);
            }
            self.put(loaded);
        }
        Ok(())
    }

    /// No barrier waits for longer than a retry. One that does was made before the clock was set back: it waits again from now on,
    /// and not until the clock has come to where it was.
    fn wait_anew(&mut self) -> Result<(), Fault> {
        let latest = self.now.after(RETRY_MOST);
        let due = self.now.after(PAST_SLACK);
        for (id, waiting) in &mut self.memory.outbox {
            if waiting.kind == Kind::Barrier && waiting.not_before > latest {
                waiting.not_before = due;
                outbox::update(self.tx, *id, waiting)?;
            }
        }
        Ok(())
    }

    fn renew(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        if loaded.row.update_due.is_none_or(|due| due > self.now) {
            return Ok(());
        }
        if let Standing::Rejoining(_) = loaded.row.standing {
            return self.ask_member(loaded);
        }
        if loaded.row.line_of.is_some() {
            return self.end_line(loaded);
        }
        let young = self.now.before(OFFER_RETENTION);
        let kept = offer::count_since(self.tx, loaded.row.row, young)?;
        self.withdraw_offers(loaded.row.row, kept)?;
        self.load_group(loaded)?;
        let next = self.now.after(Self::update_interval(loaded));
        loaded.change().update_due = Some(next);
        self.wish_renewal(loaded.row.row)
    }

    /// The grace of the epoch before is over: its secrets are erased, once it is certain that nothing of that epoch is
    /// still on its way. An answer on the mailbox socket shows that, since what was pushed before it has arrived before it.
    fn end_grace(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.row.row;
        let over = loaded.row.past_due.is_some_and(|due| due <= self.now);
        if !over || !self.session.caught_up || self.barrier_stands(row) {
            return Ok(());
        }
        self.barrier(row, Timestamp(0))
    }

    fn barrier_stands(&self, row: Row) -> bool {
        let of_row =
            |waiting: &Waiting| waiting.kind == Kind::Barrier && waiting.reference == row.0;
        self.memory.outbox.values().any(of_row)
    }

    /// The barrier was answered, at this time by the server's clock.
    pub(super) fn passed(&mut self, row: Row, server: Timestamp) -> Result<(), Fault> {
        let Some(mut loaded) = self.take(row)? else {
            return Ok(());
        };
        self.reschedule = true;
        if self.session.caught_up && loaded.row.past_due.is_some_and(|due| due <= self.now) {
            // The own clock may have been set forward. A server that does not tell the time is taken to agree with it.
            let early = loaded.row.past_until.filter(|until| server < *until);
            match early.filter(|_| server != Timestamp::default()) {
                Some(until) => {
                    let rest = until.since(server).min(EPOCH_GRACE);
                    loaded.change().past_due = Some(self.now.after(rest));
                }
                None => self.erase_past(&mut loaded)?,
            }
        }
        // A later one belongs to what the server has said since: its commit has had no time to come yet.
        if !self.barrier_stands(row) {
            self.passed_by(&mut loaded)?;
        }
        self.put(loaded);
        Ok(())
    }

    /// Everything that was on its way has come.
    fn passed_by(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let held = matches!(loaded.row.standing, Standing::Held(_)) && loaded.row.line_of.is_some();
        let over = held && loaded.row.update_due.is_none();
        match (over, self.session.caught_up) {
            (true, true) => self.end_line(loaded),
            (true, false) => self.look_again(loaded.row.row),
            (false, _) => self.still_behind(loaded),
        }
    }

    /// The server has spoken of a later epoch. If its commit has not come although nothing waits any more, it can't be
    /// entered, and what a person says must not wait in silence.
    fn still_behind(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        if loaded.row.standing != Standing::Active || loaded.row.epoch >= loaded.row.server_epoch {
            return Ok(());
        }
        if !self.session.caught_up {
            return self.look_again(loaded.row.row);
        }
        let why = "the conversation has moved on with a change that did not come".to_owned();
        self.lose_place(loaded, why)
    }

    /// Sees in a while whether the commit has come that the server has spoken of.
    pub(super) fn look_again(&mut self, row: Row) -> Result<(), Fault> {
        self.barrier(row, self.now.after(PAST_SLACK))
    }

    /// Erases what could still open messages of the epoch before.
    pub(super) fn erase_past(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let row = loaded.change();
        (row.past_until, row.past_due, row.past_key) = (None, None, None);
        if self.load_group(loaded)? {
            let current = loaded.group.as_mut().ok_or_else(Fault::no_group)?;
            current
                .group
                .erase_past(&self.mls())
                .map_err(Fault::from_mls)?;
            current.dirty = false;
        }
        self.erase = true;
        self.reschedule = true;
        Ok(())
    }

    /// Own keys were renewed in a conversation: the next time is a whole interval away, and key packages are replaced too.
    pub(super) fn updated(&mut self, loaded: &mut Loaded, wish: &Wish) -> Result<(), Fault> {
        // Where the address is of no use any more, or that of a last-resort key package, and this commit has not replaced it, another does. A line
        // that was left gets none.
        let next = if loaded.row.line_of.is_some() {
            self.now.after(Self::update_interval(loaded))
        } else if loaded.row.rejected > MAX_REJECTED {
            self.now
        } else if self.has_shared_address(loaded)? {
            let soon = self.now.after(self.renewal_after_join(loaded));
            loaded.row.update_due.map_or(soon, |due| due.min(soon))
        } else {
            self.now.after(Self::update_interval(loaded))
        };
        let row = loaded.change();
        row.since_update = 0;
        row.update_due = Some(next);
        self.reschedule = true;
        match wish {
            Wish::Update => self.replace_packages(),
            Wish::Renew => self.replace_packages_daily(),
            _ => Ok(()),
        }
    }

    fn sweep_key_packages(&mut self) -> Result<(), Fault> {
        let mut old = self.now.before(KEY_PACKAGE_RETENTION);
        // The directory hands the last ones out until it has those that take their place.
        if self.memory.has_request(Kind::PublishKeyPackages)
            && let Some(last) = key_package::last_retired(self.tx)?
        {
            old = old.min(last.before(Duration::from_millis(1)));
        }
        let mut serials = Vec::new();
        for (reference, serial) in key_package::retired_before(self.tx, old)? {
            keyfold_protocol::group::delete(&self.mls(), &reference).map_err(Fault::from_mls)?;
            key_package::remove(self.tx, &reference)?;
            serials.push(serial);
            self.erase = true;
        }
        self.revoke(serials)?;
        let made = key_package::oldest_last_resort(self.tx)?;
        let old = made.is_some_and(|made| made.after(LAST_RESORT_INTERVAL) <= self.now);
        if old || self.replacement_due()?.is_some_and(|due| due <= self.now) {
            self.replace_packages()?;
        }
        Ok(())
    }

    /// Whether an erasure that is due would be begun now: caught up, and not under way.
    fn erasures_due(&self) -> bool {
        self.session.caught_up && !self.memory.has_request(Kind::Barrier)
    }

    /// When to look again.
    pub(crate) fn next_deadline(&self) -> Result<Option<Timestamp>, Fault> {
        let registered = self
            .identity
            .as_ref()
            .is_some_and(|identity| identity.registered);
        if !registered {
            return self.next_expiry();
        }
        // What is under way is looked at again when it is answered.
        let under_way = [Kind::TakeAddresses, Kind::PublishKeyPackages];
        let can_publish = !under_way.iter().any(|kind| self.memory.has_request(*kind));
        let renewal =
            key_package::oldest_last_resort(self.tx)?.map(|made| made.after(LAST_RESORT_INTERVAL));
        let sweep =
            key_package::first_retired(self.tx)?.map(|time| time.after(KEY_PACKAGE_RETENTION));
        let later = |waiting: &&Waiting| !waiting.is_due(self.now);
        let retries = self.memory.outbox.values().filter(later);
        // What lies further ahead was set by a clock that has moved back, and is looked at before.
        let latest = self.now.after(RETRY_MOST);
        let retry = retries.map(|waiting| waiting.not_before.min(latest)).min();
        let dues = [
            self.replacement_due()?.filter(|_| can_publish),
            conversation::next_due(self.tx, self.erasures_due())?,
            intent::next_due(self.tx, self.now)?,
            address::next_retired(self.tx)?,
            self.session.erase_due,
            self.session.index.due,
            renewal.filter(|_| can_publish),
            sweep.filter(|_| can_publish),
            retry,
            self.next_expiry()?,
            Some(self.certificates_due()?),
            self.signals_due()?,
        ];
        Ok(dues.into_iter().flatten().min())
    }
}
