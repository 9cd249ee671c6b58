//! Messages that disappear: when their time begins, and that they go.
//!
//! Time is what `clock.rs` counts. What goes is deleted as what a person deletes here is (`step::hide`): with what is about it, out of the index
//! and the files, and what is still said about it is not taken in any more. docs/protocol/time.md.

use std::time::Duration;

use keyfold_protocol::content::{Content, Expires, Saying};
use keyfold_protocol::limits::{MAX_TIMER, MIN_TIMER};
use keyfold_wire::ids::Timestamp;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::clock::{Clock, Told, in_millis};
use crate::command::{Answer, Complaint};
use crate::limits::{CLOCK_TICK, EXPIRE_AT_ONCE};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::conversation::Row;
use crate::table::intent::Wish;
use crate::table::timeline::{self, EntryRow, Place};
use crate::table::{agreed, clock, expiry, hidden, once};

/// How long a message lasts that has come, and when it goes.
#[derive(Clone, Copy, Default)]
pub(super) struct Term {
    lasts: Option<u32>,
    goes_at: Option<i64>,
}

impl EntryRow {
    /// Notes how long it lasts, and until when the key of what is opened once is kept.
    pub(super) const fn ends(&mut self, term: Term, once_until: Option<i64>) {
        (self.lasts, self.goes_at) = (term.lasts, term.goes_at);
        self.once_until = once_until;
    }
}

const fn seconds(seconds: u32) -> i64 {
    (seconds as i64).saturating_mul(1_000)
}

impl Step<'_> {
    pub(super) fn clock(&self) -> Clock {
        self.session.clock.unwrap_or_else(|| Clock::new(self.now))
    }

    /// The server has told an instant.
    pub(super) fn told_time(&mut self, told: Told) {
        let mut clock = self.clock();
        clock.tell(told);
        if self.session.clock != Some(clock) {
            (self.session.clock, self.session.clock_kept) = (Some(clock), None);
        }
    }

    /// A person says how long messages are to stay from now on.
    pub(super) fn set_timer(
        &mut self,
        loaded: &mut Loaded,
        timer: Option<u32>,
    ) -> Result<Answered, Fault> {
        if timer.is_some_and(|timer| !(MIN_TIMER..=MAX_TIMER).contains(&timer)) {
            return Ok(Err(Complaint::Timer(MIN_TIMER, MAX_TIMER)));
        }
        self.load_group(loaded)?;
        let me = self.me()?.account();
        let view = loaded.group.as_ref().map(|current| current.group.view());
        if view.is_some_and(|view| !view.may_edit(me)) {
            return Ok(Err(Complaint::NotAllowed));
        }
        self.wish(loaded, &Wish::Timer(timer))?;
        Ok(Ok(Answer::Taken))
    }

    /// A person says something that is to be gone so many seconds after it was read.
    pub(super) fn say_fleeting(
        &mut self,
        loaded: &mut Loaded,
        text: &str,
        lasts: u32,
    ) -> Result<Answered, Fault> {
        if !(MIN_TIMER..=MAX_TIMER).contains(&lasts) {
            return Ok(Err(Complaint::Timer(MIN_TIMER, MAX_TIMER)));
        }
        let text = self.with_mentions(loaded, text)?;
        let expires = self.term_here(loaded, Some(lasts))?;
        let saying = Saying::Text {
            text: &text,
            in_reply_to: None,
        };
        self.say_expiring(loaded, saying, expires)
    }

    /// How long what is said here now lasts, where it is said to last no longer than this.
    pub(super) fn term_here(
        &self,
        loaded: &Loaded,
        wanted: Option<u32>,
    ) -> Result<Option<Expires>, Fault> {
        let timer = agreed::get(self.tx, loaded.row.row)?.timer;
        let shortest = timer.into_iter().chain(wanted).min();
        Ok(shortest.map(Expires::after_reading))
    }

    /// How long a message lasts that has come. `None`: its time is over already, and it is not to come again.
    pub(super) fn term_of(
        &self,
        loaded: &Loaded,
        content: &Content,
        own: bool,
        at: Timestamp,
    ) -> Result<Option<Term>, Fault> {
        let clock = self.clock();
        let term = match content.expires {
            None => Term::default(),
            Some(Expires::AfterReading(lasts)) => Term {
                lasts: Some(lasts),
                goes_at: own.then(|| clock.when(at).saturating_add(seconds(lasts))),
            },
            Some(Expires::At(time)) => Term {
                lasts: None,
                goes_at: Some(clock.at_server(Timestamp(u64::from(time).saturating_mul(1_000)))),
            },
        };
        if term.goes_at.is_some_and(|goes_at| goes_at <= clock.passed) {
            hidden::add(self.tx, loaded.row.shown_in, &content.id)?;
            return Ok(None);
        }
        Ok(Some(term))
    }

    /// The server has accepted a message of one's own at this time: the time of one that disappears has begun.
    pub(super) fn begin_own(
        &mut self,
        place: Place,
        entry: &EntryRow,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let (Some(lasts), None) = (entry.lasts, entry.goes_at) else {
            return Ok(());
        };
        let clock = self.clock();
        let mut began = clock.when(at);
        if let Some(age) = self.now.0.checked_sub(entry.at.0) {
            // Not before it was written, whatever the server says.
            let age = i64::try_from(age).unwrap_or(i64::MAX);
            began = began.max(clock.passed.saturating_sub(age));
        }
        expiry::set(self.tx, place, began.saturating_add(seconds(lasts)))?;
        self.session.clock_kept = None;
        Ok(())
    }

    /// What has come up to there has been read.
    pub(super) fn begin_read(&mut self, shown_in: Row, up_to: i64) -> Result<(), Fault> {
        if expiry::read(self.tx, shown_in, up_to, self.clock().passed)? {
            self.session.clock_kept = None;
        }
        Ok(())
    }

    /// What is to be gone by now goes.
    pub(super) fn expire(&mut self) -> Result<(), Fault> {
        let passed = self.clock().passed;
        self.forget_once(passed)?;
        self.expire_links(passed)?;
        if expiry::next(self.tx)?.is_some_and(|next| next <= passed) {
            self.delete_due(passed)?;
        }
        if let Some(at) = self.next_expiry()? {
            self.wake(at);
            self.keep_clock()?;
        }
        Ok(())
    }

    fn delete_due(&mut self, passed: i64) -> Result<(), Fault> {
        for entry in &expiry::due(self.tx, passed, EXPIRE_AT_ONCE)? {
            let Some(mut loaded) = self.take(entry.place.conversation())? else {
                timeline::remove(self.tx, entry.place)?;
                continue;
            };
            self.hide_one(&mut loaded, entry)?;
            let hidden = Event::Hidden(loaded.row.public_id);
            if !self.events.contains(&hidden) {
                self.tell(hidden);
            }
            self.put(loaded);
        }
        self.erase = true;
        self.reindex()
    }

    /// When to look again whether something is to be gone.
    pub(super) fn next_expiry(&self) -> Result<Option<Timestamp>, Fault> {
        let passed = self.clock().passed;
        let next = [
            expiry::next(self.tx)?,
            self.next_link_over(passed)?,
            once::next(self.tx)?,
        ];
        Ok(next.into_iter().flatten().min().map(|next| {
            let left = u64::try_from(next.saturating_sub(passed)).unwrap_or(0);
            self.now.after(Duration::from_millis(left).min(CLOCK_TICK))
        }))
    }

    /// Writes down how much time has passed, from time to time.
    fn keep_clock(&mut self) -> Result<(), Fault> {
        let now = self.clock();
        let since = self
            .session
            .clock_kept
            .map(|kept| now.passed.saturating_sub(kept));
        if since.is_none_or(|since| since >= in_millis(CLOCK_TICK)) {
            clock::put(self.tx, &now)?;
            self.session.clock_kept = Some(now.passed);
        }
        Ok(())
    }
}
