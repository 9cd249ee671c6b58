//! Whom a person wants to hear nothing of: no conversation that they begin is shown, and what they say is not taken in, also in groups.
//!
//! Nobody else hears of it: their messages are received, counted and forgotten, so that what others say is no different, and after unblocking a
//! conversation goes on where it is.

use keyfold_wire::ids::AccountId;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::{blocked, contact, mark};

impl Step<'_> {
    /// A person wants to hear nothing of somebody, or wants to again.
    pub(super) fn block(&mut self, account: &AccountId, wanted: bool) -> Result<Answered, Fault> {
        if *account == self.me()?.account() {
            return Ok(Err(Complaint::Oneself));
        }
        if contact::get(self.tx, account)?.is_none() {
            return Ok(Err(Complaint::NotThere(account.to_string())));
        }
        if blocked::set(self.tx, account, wanted)? {
            self.tell(Event::PersonChanged(*account));
            if wanted {
                self.requests_away(account)?;
            }
        }
        Ok(Ok(Answer::Taken))
    }

    /// What somebody who is blocked has begun is as one that was deleted here.
    pub(super) fn put_away(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let shown_in = loaded.row.shown_in;
        if shown_in != loaded.row.row {
            // It goes on under the timeline of one that is here.
            return Ok(());
        }
        mark::delete(self.tx, shown_in)
    }

    /// Whether this is a conversation with somebody who is blocked.
    pub(super) fn is_with_blocked(&self, loaded: &Loaded) -> Result<bool, Fault> {
        match &loaded.row.peer {
            Some(peer) if loaded.row.direct => blocked::has(self.tx, peer),
            _ => Ok(false),
        }
    }
}
