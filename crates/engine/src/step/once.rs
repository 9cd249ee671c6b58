//! Files that are opened once: their keys are erased when that was done, or when it was not done in time.
//!
//! Each device of a reader opens for itself: to tell the others would tell everybody in the conversation. The author's devices keep no key of what the
//! server has. What a changed program shows it can keep; this is for people who trust each other and not their own memory.

use keyfold_protocol::content::{self, Body, Content, ContentId};
use keyfold_wire::ids::Timestamp;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::{EXPIRE_AT_ONCE, ONCE_KEPT};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::once;
use crate::table::timeline::{EntryRow, Place};

/// What is kept of a message that has come.
pub(super) struct KeptSo {
    pub(super) body: Vec<u8>,
    pub(super) until: Option<i64>,
}

impl EntryRow {
    /// Whether it is opened once.
    pub(super) fn is_once(&self) -> bool {
        matches!(self.says().map(|kept| kept.body), Some(Body::Once(_)))
    }
}

impl Step<'_> {
    /// What is kept of a message that has come, and until when, where its key goes then.
    pub(super) fn kept_of(
        &self,
        content: &Content,
        own: bool,
        at: Timestamp,
    ) -> Result<KeptSo, Fault> {
        let whole = || content.encoded().to_vec();
        Ok(match &content.body {
            Body::Once(_) if own => KeptSo {
                body: without_key(content.encoded())?,
                until: None,
            },
            Body::Once(_) => KeptSo {
                body: whole(),
                until: Some(self.once_until(at)),
            },
            _ => KeptSo {
                body: whole(),
                until: None,
            },
        })
    }

    /// An own one is at the server and has its place, or will never be said: nothing of it is kept.
    pub(super) fn strip_own(&mut self, place: Place, entry: &EntryRow) -> Result<(), Fault> {
        if entry.is_once() {
            once::strip(self.tx, place, &without_key(&entry.body)?)?;
            self.erase_soon();
        }
        Ok(())
    }

    /// A person has opened it: the shell is about to show it.
    pub(super) fn open_once(
        &mut self,
        loaded: &Loaded,
        message: &ContentId,
    ) -> Result<Answered, Fault> {
        let entry = match self.meant(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        match entry.says().map(|kept| kept.body) {
            Some(Body::Once(once)) if once.file.is_some() && !entry.mine => {}
            Some(Body::Once(_)) => return Ok(Err(Complaint::OpenedAlready)),
            _ => return Ok(Err(Complaint::NoSuchMessage)),
        }
        once::strip(self.tx, entry.place, &without_key(&entry.body)?)?;
        self.erase = true;
        self.tell(Event::Amended(loaded.row.public_id, *message));
        Ok(Ok(Answer::Taken))
    }

    /// Keys of what nobody has opened in time go.
    pub(super) fn forget_once(&mut self, passed: i64) -> Result<(), Fault> {
        if once::next(self.tx)?.is_none_or(|next| next > passed) {
            return Ok(());
        }
        for entry in &once::due(self.tx, passed, EXPIRE_AT_ONCE)? {
            once::strip(self.tx, entry.place, &without_key(&entry.body)?)?;
            if let (Some(loaded), Some(id)) =
                (self.take(entry.place.conversation())?, entry.content_id)
            {
                let changed = Event::Amended(loaded.row.public_id, id);
                self.put(loaded);
                self.tell(changed);
            }
        }
        self.erase = true;
        Ok(())
    }

    fn once_until(&self, at: Timestamp) -> i64 {
        let clock = self.clock();
        clock
            .when(at)
            .saturating_add(crate::clock::in_millis(ONCE_KEPT))
    }
}

fn without_key(encoded: &[u8]) -> Result<Vec<u8>, Fault> {
    content::without_key(encoded).map_err(|_| Fault::corrupt("a file that is opened once is none"))
}
