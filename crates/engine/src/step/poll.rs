//! Polls: a question is asked, people vote on it, and it is ended.
//!
//! Votes are no entries of their own, and everybody who is in the conversation may vote, as they may react. What counts is said in `tally.rs`.

use keyfold_protocol::content::{Body, Choice, ContentId, Poll, Saying, Vote};
use keyfold_protocol::limits::{MAX_OPTIONS, MIN_OPTIONS};
use keyfold_wire::ids::AccountId;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::memory::Loaded;
use crate::table::timeline::{self, EntryRow, WAITING};
use crate::tally::Tally;

impl Step<'_> {
    /// A person asks a question.
    pub(super) fn ask_poll(
        &mut self,
        loaded: &mut Loaded,
        question: &str,
        options: &[String],
        choice: Choice,
    ) -> Result<Answered, Fault> {
        let poll = Poll {
            question: question.trim().to_owned(),
            options: options.iter().map(|one| one.trim().to_owned()).collect(),
            choice,
        };
        if poll.check().is_err() {
            return Ok(Err(Complaint::Poll(MIN_OPTIONS, MAX_OPTIONS)));
        }
        self.say(loaded, Saying::Poll(&poll))
    }

    /// A person chooses something of a poll in the place of what they chose before, or nothing any more.
    pub(super) fn vote(
        &mut self,
        loaded: &mut Loaded,
        message: &ContentId,
        mut choices: Vec<u8>,
    ) -> Result<Answered, Fault> {
        let (poll, tally) = match self.open_poll(loaded, message)? {
            Ok(open) => open,
            Err(complaint) => return Ok(Err(complaint)),
        };
        choices.sort_unstable();
        choices.dedup();
        if !poll.takes(&choices) {
            return Ok(Err(Complaint::Vote(poll.options.len())));
        }
        let before = tally.votes.get(&self.me()?.account());
        if before.map_or(&[][..], Vec::as_slice) == choices {
            return Ok(Ok(Answer::Taken));
        }
        let on = *message;
        let choices = &choices;
        self.say(loaded, Saying::Vote { on, choices })
    }

    /// A person ends a poll of their own, or somebody else's where they may.
    pub(super) fn end_poll(
        &mut self,
        loaded: &mut Loaded,
        message: &ContentId,
    ) -> Result<Answered, Fault> {
        let entry = match self.meant_by_all(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        if let Err(complaint) = self.open_poll(loaded, message)? {
            return Ok(Err(complaint));
        }
        let me = self.me()?.account();
        if entry.sender != Some(me) && !self.is_admin(loaded, &me)? {
            return Ok(Err(Complaint::NotAllowed));
        }
        self.say(loaded, Saying::PollEnd(*message))
    }

    /// A poll that is not over, with how it stands, what waits to be sent included.
    fn open_poll(
        &self,
        loaded: &Loaded,
        message: &ContentId,
    ) -> Result<Result<(Poll, Tally), Complaint>, Fault> {
        let entry = match self.meant_by_all(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let Some(poll) = poll_of(&entry) else {
            return Ok(Err(Complaint::NoPoll));
        };
        let about = timeline::about(self.tx, loaded.row.shown_in, message)?;
        let tally = Tally::of(&entry, &poll, &about);
        Ok(match tally.ended {
            Some(_) => Err(Complaint::PollOver),
            None => Ok((poll, tally)),
        })
    }

    /// Whether a vote counts, of which the poll is here.
    pub(super) fn may_vote(&self, poll: &EntryRow, vote: &Vote) -> Result<bool, Fault> {
        let Some(asked) = poll_of(poll) else {
            return Ok(false);
        };
        let shown_in = poll.place.conversation();
        let about = timeline::about(self.tx, shown_in, &vote.on)?;
        let placed = about.iter().filter(|one| one.place.position() < WAITING);
        let tally = Tally::of(poll, &asked, placed);
        Ok(asked.takes(&vote.choices) && tally.ended.is_none())
    }

    /// Whether somebody may end a poll that is here.
    pub(super) fn may_end(poll: &EntryRow, author: &AccountId, by_admin: bool) -> bool {
        let own = poll.sender.as_ref() == Some(author);
        (own || by_admin) && poll_of(poll).is_some()
    }
}

fn poll_of(entry: &EntryRow) -> Option<Poll> {
    match entry.says()?.body {
        Body::Poll(poll) => Some(*poll),
        _ => None,
    }
}
