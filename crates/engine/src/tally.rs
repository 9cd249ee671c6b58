//! How a poll stands: the newest vote of each person in the conversation's order, up to where it was ended.
//!
//! A vote for an option that is not there, or for more than one may choose, counts as if nobody had cast it; so does one behind the end. A vote of somebody
//! who has left since stands, as what they have said does.

use std::collections::BTreeMap;

use keyfold_protocol::content::{Body, Poll};
use keyfold_wire::ids::AccountId;

use crate::table::timeline::{EntryRow, Stage};

/// How a poll stands.
#[derive(Default)]
pub(crate) struct Tally {
    /// What each person has chosen: something.
    pub(crate) votes: BTreeMap<AccountId, Vec<u8>>,
    /// Who has ended it.
    pub(crate) ended: Option<AccountId>,
}

impl Tally {
    /// Counts what is about a poll, in order.
    pub(crate) fn of<'a>(
        message: &EntryRow,
        poll: &Poll,
        about: impl IntoIterator<Item = &'a EntryRow>,
    ) -> Self {
        let mut tally = Self::default();
        for one in about {
            let Some(author) = one.sender.filter(|_| one.stage != Stage::Failed) else {
                continue;
            };
            match one.says().map(|kept| kept.body) {
                Some(Body::Vote(vote)) if poll.takes(&vote.choices) => {
                    if vote.choices.is_empty() {
                        tally.votes.remove(&author);
                    } else {
                        tally.votes.insert(author, vote.choices);
                    }
                }
                Some(Body::PollEnd(_)) if one.sender == message.sender || one.by_admin => {
                    tally.ended = Some(author);
                    break;
                }
                _ => {}
            }
        }
        tally
    }

    /// Who has chosen an option, by their accounts.
    pub(crate) fn voters(&self, option: u8) -> impl Iterator<Item = &AccountId> {
        let chosen = move |(_, choices): &(&AccountId, &Vec<u8>)| choices.contains(&option);
        self.votes.iter().filter(chosen).map(|(account, _)| account)
    }
}
