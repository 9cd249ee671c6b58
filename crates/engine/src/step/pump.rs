//! What a conversation can do next: encrypt what waits, or turn an intent into a commit.

use std::collections::BTreeSet;

use super::Step;
use crate::Fault;
use crate::limits::MAX_ENCRYPTED_AHEAD;
use crate::memory::Loaded;
use crate::outcome::{Event, Failure};
use crate::table::conversation::Row;
use crate::table::intent::{self, IntentRow, Progress, Wish};
use crate::table::is_due;
use crate::table::outbox::Kind;
use crate::table::request;
use crate::table::timeline::{self, Place, Stage};
use crate::view::Standing;

impl Step<'_> {
    /// Does whatever the conversation can do now.
    pub(super) fn pump(&mut self, row: Row) -> Result<(), Fault> {
        let Some(mut loaded) = self.take(row)? else {
            return Ok(());
        };
        if self.recount.remove(&row) {
            let (shown_in, origin) = (loaded.row.shown_in, loaded.row.row);
            loaded.waiting = timeline::count_waiting(self.tx, shown_in, origin)?;
        }
        match loaded.row.standing {
            Standing::Creating if loaded.row.line_of.is_none() => self.try_create(&mut loaded)?,
            Standing::Active => {
                self.try_errands(&loaded)?;
                self.try_locate(&mut loaded)?;
                self.try_reinvite(&mut loaded)?;
                self.try_bring(&mut loaded)?;
                self.go_on(&mut loaded)?;
            }
            Standing::Held(_) if loaded.row.line_of.is_none() => self.try_move(&mut loaded)?,
            Standing::Rejoining(_) => {
                self.try_ask(&mut loaded)?;
                self.try_move(&mut loaded)?;
            }
            Standing::Left => {
                self.try_errands(&loaded)?;
                self.try_tell_own(&loaded)?;
            }
            Standing::Creating | Standing::Failed(_) | Standing::Held(_) => {}
        }
        self.put(loaded);
        Ok(())
    }

    fn go_on(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        self.encrypt_waiting(loaded)?;
        while self.session.greeted
            && loaded.row.epoch >= loaded.row.server_epoch
            && self.memory.open_requests(loaded.row.row) == 0
            && !self.has_said_to_leave(loaded)?
        {
            let Some(intent) = self.next_intent(loaded.row.row, Wish::is_change)? else {
                return Ok(());
            };
            let intent = self.first_who_leaves(loaded.row.row, intent)?;
            if !self.load_group(loaded)? {
                return Ok(());
            }
            if loaded
                .group
                .as_ref()
                .is_some_and(|current| current.group.is_pending())
            {
                return Ok(());
            }
            match self.commit(loaded, &intent)? {
                Attempt::Requested | Attempt::NotYet => return Ok(()),
                Attempt::Over(outcome) => {
                    let failed = outcome.is_err();
                    self.intent_over(loaded, &intent, outcome)?;
                    self.reinvite_again(loaded.row.row, &intent.wish, false)?;
                    if failed {
                        self.was_to_bring(loaded.row.row, &intent.wish)?;
                    }
                }
            }
            self.encrypt_waiting(loaded)?;
        }
        Ok(())
    }

    /// Whoever is added has not heard of those who leave: they are taken out before, and without waiting for somebody who is quicker.
    fn first_who_leaves(&self, row: Row, intent: IntentRow) -> Result<IntentRow, Fault> {
        if !intent.wish.adds() {
            return Ok(intent);
        }
        let ready =
            |one: &IntentRow| one.wish == Wish::RemoveLeavers && one.progress == Progress::Ready;
        let first = intent::of(self.tx, row)?.into_iter().find(ready);
        Ok(first.unwrap_or(intent))
    }

    /// Whether it is on its way that this account leaves. Who would be added after that would not hear of it.
    fn has_said_to_leave(&self, loaded: &Loaded) -> Result<bool, Fault> {
        if !loaded.leaving {
            return Ok(false);
        }
        let row = Some(loaded.row.row);
        for waiting in self.memory.outbox.values() {
            if waiting.conversation == row
                && waiting.kind == Kind::Send
                && let Some(entry) = timeline::get(self.tx, Place(waiting.reference))?
                && entry.is_leaving()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Encrypts own messages that wait, as far as the pipeline takes them.
    fn encrypt_waiting(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        if loaded.waiting == 0 || !self.may_encrypt(loaded)? {
            return Ok(());
        }
        let room = MAX_ENCRYPTED_AHEAD.saturating_sub(self.memory.open_requests(loaded.row.row));
        let (shown_in, origin) = (loaded.row.shown_in, loaded.row.row);
        for entry in timeline::waiting(self.tx, shown_in, origin, room)? {
            if self.must_wait(loaded) && entry.is_leaving() {
                return Ok(());
            }
            let stage = if self.encrypt(loaded, &entry)? {
                Stage::Encrypted
            } else {
                Stage::Failed
            };
            timeline::mark(self.tx, entry.place, stage)?;
            loaded.waiting = loaded.waiting.saturating_sub(1);
        }
        Ok(())
    }

    /// Whether an intent is ready to become a commit: messages wait for it, so that it is not put off for ever.
    pub(super) fn commit_waits(&self, row: Row) -> Result<bool, Fault> {
        Ok(self.next_intent(row, Wish::is_change)?.is_some())
    }

    /// The first intent that can be seen to now, of those that are wanted.
    pub(super) fn next_intent(
        &self,
        row: Row,
        wanted: impl Fn(&Wish) -> bool,
    ) -> Result<Option<IntentRow>, Fault> {
        if !self.memory.has_intents(row) {
            return Ok(None);
        }
        // Nothing goes out where a stranger has not been accepted, but what takes an own device out: it may be in other hands.
        let waits = request::holds(self.tx, row)?;
        let ready = |intent: &IntentRow| {
            intent.progress == Progress::Ready
                && is_due(intent.not_before, self.now)
                && wanted(&intent.wish)
                && (!waits || matches!(intent.wish, Wish::RemoveDevice(_)))
        };
        Ok(intent::of(self.tx, row)?.into_iter().find(ready))
    }

    /// An intent is done or can't be: whoever asked for it hears so.
    pub(super) fn intent_over(
        &mut self,
        loaded: &mut Loaded,
        intent: &IntentRow,
        outcome: Result<(), Failure>,
    ) -> Result<(), Fault> {
        self.admission_over(intent.id, outcome.as_ref().err())?;
        self.forget_intent(intent.id)?;
        if !intent.wish.is_asked() {
            return Ok(());
        }
        let shown = self.shown_id(loaded)?;
        self.tell(match outcome {
            Ok(()) => Event::ChangeDone(shown),
            Err(failure) => Event::ChangeFailed(shown, failure),
        });
        Ok(())
    }

    /// A conversation ends here: what waits in it can't be sent, what was wished can't be done. What the server has accepted and
    /// has not come back yet lies behind the end, where nobody shows it.
    pub(super) fn give_up(&mut self, loaded: &mut Loaded, why: &Failure) -> Result<(), Fault> {
        let row = loaded.row.row;
        self.drop_requests(row)?;
        self.end_invitations_to(loaded)?;
        for intent in intent::of(self.tx, row)? {
            // Others hear all the same what they have to.
            if !intent.wish.is_errand() {
                self.intent_over(loaded, &intent, Err(why.clone()))?;
            }
        }
        let parting: BTreeSet<i64> = self.memory.parting(row).collect();
        for entry in timeline::own_unsettled(self.tx, loaded.row.shown_in, row)? {
            if !parting.contains(&entry.place.0) {
                self.fail(loaded, &entry, why)?;
            }
        }
        (loaded.waiting, loaded.leaving) = (0, false);
        Ok(())
    }

    fn drop_requests(&mut self, row: Row) -> Result<(), Fault> {
        let ids: Vec<i64> = self
            .memory
            .outbox
            .iter()
            .filter(|(_, waiting)| {
                waiting.conversation == Some(row) && waiting.kind != Kind::Parting
            })
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.drop_request(id)?;
        }
        Ok(())
    }

    /// Asks for a renewal of the own leaf unless one is wished for already.
    pub(super) fn wish_renewal(&mut self, row: Row) -> Result<(), Fault> {
        let intents = intent::of(self.tx, row)?;
        if !intents
            .iter()
            .any(|intent| matches!(intent.wish, Wish::Update | Wish::Renew))
        {
            let now = self.now;
            self.intend(row, &Wish::Renew, Progress::Ready, now)?;
        }
        self.touched.insert(row);
        Ok(())
    }
}

/// How turning an intent into a commit went.
pub(super) enum Attempt {
    /// The commit is in the outbox.
    Requested,
    /// Something is missing, e.g. an address; it is on its way.
    NotYet,
    /// There is nothing (more) to do for this intent.
    Over(Result<(), Failure>),
}
