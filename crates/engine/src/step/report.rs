//! Messages that a person hands to the server's operator, as this device has received and opened them. It is their word: nothing proves it.
//!
//! The request waits in the outbox until the server has it, byte for byte, so that it is handed over once.

use keyfold_protocol::content::ContentId;
use keyfold_wire::Message as _;
use keyfold_wire::ids::AccountId;
use keyfold_wire::limits::{MAX_REPORT, MAX_REPORT_ABOUT, MAX_REPORTED};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::memory::Loaded;
use crate::outcome::{Event, Failure};
use crate::query;
use crate::table::conversation::Row;
use crate::table::outbox::{Kind, Waiting};
use crate::table::request;
use crate::table::timeline::{self, EntryRow, WAITING};

/// Why something can't be reported so.
const COMPLAINT: Complaint = Complaint::Report {
    messages: MAX_REPORTED,
    bytes: MAX_REPORT,
};

impl Step<'_> {
    /// A person reports messages, or somebody.
    pub(super) fn report(
        &mut self,
        loaded: &Loaded,
        messages: &[ContentId],
        about: String,
    ) -> Result<Answered, Fault> {
        if messages.len() > MAX_REPORTED || about.len() > MAX_REPORT_ABOUT {
            return Ok(Err(COMPLAINT));
        }
        let row = loaded.row.shown_in;
        let me = self.me()?.account();
        let mut reported = Vec::new();
        let mut others = Vec::new();
        for id in messages {
            let Some(entry) = self.received(row, id)? else {
                return Ok(Err(Complaint::NoSuchMessage));
            };
            let (Some(sender), Some(text)) = (entry.sender, self.words_of(row, &entry)?) else {
                return Ok(Err(Complaint::NoSuchMessage));
            };
            others.extend((sender != me).then_some(sender));
            reported.push(v1::ReportedMessage {
                sender: sender.to_wire(),
                at_ms: entry.at.0,
                text,
            });
        }
        let asks = request::get(self.tx, row)?.map(|request| request.sender);
        let peer = loaded.row.peer.filter(|_| loaded.row.direct);
        let Some(account) = peer.or(others.first().copied()).or(asks) else {
            return Ok(Err(COMPLAINT));
        };
        self.hand_over(row, account, about, reported)
    }

    fn hand_over(
        &mut self,
        row: Row,
        account: AccountId,
        about: String,
        messages: Vec<v1::ReportedMessage>,
    ) -> Result<Answered, Fault> {
        let id: [u8; 16] = self.rng.bytes();
        let report = v1::Report {
            id: id.to_vec().into(),
            account: account.to_wire(),
            about,
            messages,
        };
        if report.encoded_len() > MAX_REPORT {
            return Ok(Err(COMPLAINT));
        }
        let waiting = Waiting::new(Kind::Report, None, row.0);
        self.request(waiting, Body::Report(report))?;
        Ok(Ok(Answer::Taken))
    }

    /// A message that is at the server, and shown here.
    fn received(&self, row: Row, id: &ContentId) -> Result<Option<EntryRow>, Fault> {
        let found = timeline::find(self.tx, row, id)?;
        let placed = |entry: &EntryRow| entry.target.is_none() && entry.place.position() < WAITING;
        let Some(entry) = found.filter(placed) else {
            return Ok(None);
        };
        let shown = query::is_shown(self.tx, &entry)?;
        Ok(shown.then_some(entry))
    }

    /// What a message says now, or which file it is.
    fn words_of(&self, row: Row, entry: &EntryRow) -> Result<Option<String>, Fault> {
        let Some(id) = &entry.content_id else {
            return Ok(None);
        };
        if timeline::is_taken_back(self.tx, row, entry)? {
            return Ok(None);
        }
        let about = timeline::about(self.tx, row, id)?;
        let last = about.iter().rev().find_map(|one| one.edits(entry));
        query::reported_words(self.tx, entry, last)
    }

    /// The server has a report, or does not take it.
    pub(super) fn report_over(
        &mut self,
        row: Row,
        outcome: Result<(), Failure>,
    ) -> Result<(), Fault> {
        // What was on the way may hold what has been deleted here since.
        self.erase_soon();
        let Some(loaded) = self.take(row)? else {
            return Ok(());
        };
        let shown_in = loaded.row.shown_in;
        self.put(loaded);
        let Some(shown) = self.take(shown_in)? else {
            return Ok(());
        };
        let id = shown.row.public_id;
        self.put(shown);
        self.tell(match outcome {
            Ok(()) => Event::Reported(id),
            Err(failure) => Event::ReportFailed(id, failure),
        });
        Ok(())
    }
}
