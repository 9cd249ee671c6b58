//! A device that the server does not know: it was removed, or whoever linked it never told the server.
//!
//! Does not decide which token or registration is tried before: `register`. `docs/protocol/recovery.md`.

use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1::RefusalCode;

use super::Step;
use super::reply::words;
use crate::Fault;
use crate::limits::UNKNOWN_PATIENCE;
use crate::outcome::{Event, Failure};
use crate::table::conversation::{self, Row};
use crate::table::intent::{self, IntentRow, Progress, Wish};
use crate::table::setting::{self, Setting};
use crate::table::timeline;
use crate::view::Standing;

impl Step<'_> {
    /// The server does not know this device, and there is nothing else to show it. What waits here is given up if that is still so after
    /// a while: a primary device adds it again, where it was the server that had forgotten it.
    pub(super) fn is_unknown(&mut self) -> Result<(), Fault> {
        let since = self.unknown_since()?;
        let for_long = self.now >= since.after(UNKNOWN_PATIENCE);
        // The request that adds a new device may still be under way.
        let was_greeted = setting::get(self.tx, Setting::Mailbox)?.is_some();
        if was_greeted || for_long {
            self.tell(Event::DeviceRemoved);
        }
        if for_long {
            self.give_up_waiting()?;
        }
        Ok(())
    }

    /// The server knows it.
    pub(super) fn is_known(&mut self) -> Result<(), Fault> {
        setting::remove(self.tx, Setting::UnknownSince)
    }

    /// When the server first said so, or now. A clock that was set back makes it wait anew.
    fn unknown_since(&mut self) -> Result<Timestamp, Fault> {
        let since = setting::get(self.tx, Setting::UnknownSince)?;
        let since = since.and_then(|at| at.as_slice().try_into().ok());
        let since = since.map(|at| Timestamp(u64::from_be_bytes(at)));
        if let Some(since) = since.filter(|since| *since <= self.now) {
            return Ok(since);
        }
        setting::put(self.tx, Setting::UnknownSince, &self.now.0.to_be_bytes())?;
        Ok(self.now)
    }

    /// What a person waits for here and the server has not had can't be done. What it may have had stays as it is: nobody can say.
    fn give_up_waiting(&mut self) -> Result<(), Fault> {
        let why = Failure::Server(words(RefusalCode::Unauthenticated).to_owned());
        for row in conversation::begun(self.tx)? {
            self.give_up_wishes(row, &why)?;
        }
        for row in timeline::rows_waiting(self.tx)? {
            let mut loaded = self.expect(row)?;
            let shown_in = loaded.row.shown_in;
            for entry in timeline::waiting(self.tx, shown_in, row, usize::MAX)? {
                self.fail(&mut loaded, &entry, &why)?;
            }
            loaded.waiting = 0;
            loaded.leaving = timeline::is_leaving(self.tx, shown_in, row)?;
            self.recount.extend(loaded.row.line_of);
            self.touched.extend(loaded.row.line_of);
            self.put(loaded);
        }
        Ok(())
    }

    fn give_up_wishes(&mut self, row: Row, why: &Failure) -> Result<(), Fault> {
        let mut intents = intent::of(self.tx, row)?;
        intents.retain(|one| one.progress != Progress::Requested);
        let mut loaded = self.expect(row)?;
        let begins = |one: &IntentRow| matches!(one.wish, Wish::Create { .. });
        if loaded.row.standing == Standing::Creating && intents.iter().any(begins) {
            self.create_failed(&mut loaded, why.clone())?;
            intents.clear();
        }
        for intent in intents.iter().filter(|one| one.wish.is_asked()) {
            self.intent_over(&mut loaded, intent, Err(why.clone()))?;
        }
        self.put(loaded);
        Ok(())
    }
}
