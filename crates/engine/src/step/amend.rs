//! What is done to a message after it was said: it is edited, taken back, reacted to, or pinned.
//!
//! Such a message is no entry of its own; it lies on the timeline behind its target, and whoever reads that folds it in
//! (`query::fold`). What is taken back is erased here, once that is certain. draft-ietf-mimi-content-08, "Rendering and
//! authorization of edits and deletes".

use keyfold_protocol::content::{Body, ContentId, Kept, Saying};
use keyfold_protocol::state::{Policy, Role};
use keyfold_wire::ids::AccountId;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::conversation::Row;
use crate::table::timeline::{self, EntryRow, Kind, Stage};
use crate::table::{agreed, hidden, member};

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aim {
    /// Nothing: it is an entry of its own.
    Itself,
    /// Another one.
    At {
        /// Which, as it was said first.
        target: ContentId,
        /// An admin says so.
        by_admin: bool,
    },
    /// Another one, which its author may not change, or which can't be changed so.
    Nowhere,
}

impl EntryRow {
    /// Whether it says something else in the place of another one.
    pub(super) fn is_edit(&self) -> bool {
        matches!(self.says().map(|kept| kept.body), Some(Body::Edit { .. }))
    }

    /// Notes what it is about.
    pub(super) const fn aims(&mut self, aim: Aim) {
        if let Aim::At { target, by_admin } = aim {
            (self.target, self.by_admin) = (Some(target), by_admin);
        }
    }
}

/// Whether it is for those only who may say something: reactions and votes are for all, and everybody takes back what is theirs.
const fn is_posted(body: &Body) -> bool {
    !matches!(
        body,
        Body::Reaction(_)
            | Body::Deletion(_)
            | Body::Leaving(_)
            | Body::Profile(_)
            | Body::Vote(_)
            | Body::PollEnd(_)
    )
}

impl Step<'_> {
    /// What a message of this account is about. Of what is not known here (yet) nobody can say whether they may: that is seen when it is
    /// shown.
    pub(super) fn aim(
        &self,
        loaded: &Loaded,
        author: &AccountId,
        body: &Body,
    ) -> Result<Aim, Fault> {
        if is_posted(body) && !self.may_post(loaded, author)? {
            return Ok(Aim::Nowhere);
        }
        let Some(of) = body.about() else {
            return Ok(Aim::Itself);
        };
        let may_moderate = matches!(body, Body::Deletion(_) | Body::PollEnd(_));
        let by_admin = may_moderate && self.is_admin(loaded, author)?;
        let (target, found) = self.first_said(loaded.row.shown_in, &of)?;
        let Some(found) = found else {
            // Of what its reader has deleted nothing is taken in any more.
            let hidden = hidden::has(self.tx, loaded.row.shown_in, &target)?;
            return Ok(if hidden {
                Aim::Nowhere
            } else {
                Aim::At { target, by_admin }
            });
        };
        let own = found.sender.as_ref() == Some(author);
        // A reaction is nobody's business but its author's.
        let moderated = by_admin && found.target.is_none();
        let may = match body {
            Body::Edit { .. } => own && found.target.is_none(),
            Body::Deletion(_) => own || moderated,
            Body::Vote(vote) => self.may_vote(&found, vote)?,
            Body::PollEnd(_) => Self::may_end(&found, author, by_admin),
            _ => found.target.is_none(),
        };
        Ok(if may && found.kind == Kind::Content {
            Aim::At { target, by_admin }
        } else {
            Aim::Nowhere
        })
    }

    /// The message with this id, where it is here; of an edit the one that was edited. Of a reaction itself, also once that is taken back.
    fn first_said(
        &self,
        shown_in: Row,
        id: &ContentId,
    ) -> Result<(ContentId, Option<EntryRow>), Fault> {
        let found = timeline::find(self.tx, shown_in, id)?;
        let edited = found.as_ref().and_then(|one| {
            let edit = matches!(one.says()?.body, Body::Edit { .. });
            one.target.filter(|_| edit)
        });
        match edited {
            Some(first) => Ok((first, timeline::find(self.tx, shown_in, &first)?)),
            None => Ok((*id, found)),
        }
    }

    /// What a message of one's own is about, now that it has its place: judged anew, as everybody else judges it there.
    pub(super) fn aim_of_placed(
        &mut self,
        loaded: &Loaded,
        entry: &EntryRow,
    ) -> Result<Aim, Fault> {
        let Some(kept) = entry.says() else {
            return Ok(Aim::Itself);
        };
        let me = self.me()?.account();
        let Some(host) = loaded.row.line_of else {
            return self.aim(loaded, &me, &kept.body);
        };
        let host = self.expect(host)?;
        let aim = self.aim(&host, &me, &kept.body);
        self.put(host);
        aim
    }

    /// A message has its place on a timeline: what it takes back is erased, and what it takes the place of.
    pub(super) fn amends(
        &mut self,
        loaded: &mut Loaded,
        id: &ContentId,
        aim: Aim,
    ) -> Result<(), Fault> {
        self.erase_taken_back(loaded, id)?;
        if let Aim::At { target, .. } = aim {
            self.erase_taken_back(loaded, &target)?;
            self.supersede(loaded, id, &target)?;
            self.tell_amended(loaded, &target)?;
        }
        Ok(())
    }

    /// The last edit stands, and each person's last reaction: nobody reads the ones before again.
    fn supersede(&self, loaded: &Loaded, id: &ContentId, target: &ContentId) -> Result<(), Fault> {
        let about = timeline::about(self.tx, loaded.row.shown_in, target)?;
        let Some(last) = about.iter().find(|one| one.content_id.as_ref() == Some(id)) else {
            return Ok(());
        };
        let Some(last_says) = last.says().map(|kept| kept.body) else {
            return Ok(());
        };
        // Which votes count is not known before the poll is.
        let known = || timeline::has(self.tx, loaded.row.shown_in, target);
        if matches!(last_says, Body::Vote(_)) && !known()? {
            return Ok(());
        }
        for one in &about {
            let earlier = one.place < last.place;
            let own = one.sender == last.sender;
            let alike = match (one.says().map(|kept| kept.body), &last_says) {
                // Whoever pins it, it is pinned once.
                (Some(Body::Pin { .. }), Body::Pin { .. }) => true,
                _ if !own => false,
                (Some(Body::Edit { .. }), Body::Edit { .. })
                | (Some(Body::Reaction(_)), Body::Reaction(_))
                | (Some(Body::Vote(_)), Body::Vote(_)) => true,
                // Taken back, and followed by another one.
                (None, Body::Reaction(_)) => one.kind == Kind::Deleted,
                _ => false,
            };
            if earlier && alike {
                timeline::supersede(self.tx, one.place)?;
            }
        }
        Ok(())
    }

    /// Whether an account may say something here.
    pub(super) fn may_post(&self, loaded: &Loaded, account: &AccountId) -> Result<bool, Fault> {
        Ok(loaded.row.direct
            || agreed::get(self.tx, loaded.row.row)?.post == Policy::Everyone
            || self.is_admin(loaded, account)?)
    }

    pub(super) fn is_admin(&self, loaded: &Loaded, account: &AccountId) -> Result<bool, Fault> {
        if loaded.row.direct {
            return Ok(false);
        }
        let members = member::all(self.tx, loaded.row.row)?;
        Ok(members
            .iter()
            .any(|one| one.account == *account && one.role >= Role::Admin))
    }

    /// A message or reaction that was taken back is erased, and what is about it, once both have their places.
    pub(super) fn erase_taken_back(
        &mut self,
        loaded: &Loaded,
        id: &ContentId,
    ) -> Result<(), Fault> {
        let shown_in = loaded.row.shown_in;
        let about = timeline::about(self.tx, shown_in, id)?;
        if about.is_empty() {
            return Ok(());
        }
        let is_final = |one: &EntryRow| one.place.position() < timeline::WAITING;
        let message = timeline::find(self.tx, shown_in, id)?;
        let message = message.filter(|one| one.kind == Kind::Content && is_final(one));
        let taken_back = |message: &EntryRow| {
            let mut placed = about.iter().filter(|one| is_final(one));
            placed.any(|one| one.takes_back(message))
        };
        let Some(message) = message.filter(taken_back) else {
            return Ok(());
        };
        self.unindex(message.place)?;
        timeline::erase(self.tx, message.place)?;
        for one in about {
            let deletion = matches!(one.says().map(|kept| kept.body), Some(Body::Deletion(_)));
            if (is_final(&one) || one.stage == Stage::Failed) && !deletion {
                timeline::erase(self.tx, one.place)?;
            }
        }
        self.erase_soon();
        Ok(())
    }

    /// Whoever shows the message reads it anew.
    pub(super) fn tell_amended(
        &mut self,
        loaded: &mut Loaded,
        target: &ContentId,
    ) -> Result<(), Fault> {
        let shown_in = loaded.row.shown_in;
        let found = timeline::find(self.tx, shown_in, target)?;
        let entry = found.and_then(|one| one.target).unwrap_or(*target);
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Amended(shown, entry));
        Ok(())
    }

    /// The message that a person means, if it is there to be changed.
    pub(super) fn meant(
        &self,
        loaded: &Loaded,
        id: &ContentId,
    ) -> Result<Result<EntryRow, Complaint>, Fault> {
        let shown_in = loaded.row.shown_in;
        let found = timeline::find(self.tx, shown_in, id)?;
        let found = found.filter(|one| one.kind == Kind::Content && one.target.is_none());
        Ok(match found {
            Some(entry)
                if !entry.is_leaving() && !timeline::is_taken_back(self.tx, shown_in, &entry)? =>
            {
                Ok(entry)
            }
            _ => Err(Complaint::NoSuchMessage),
        })
    }

    /// The same, where others have it, or will.
    pub(super) fn meant_by_all(
        &self,
        loaded: &Loaded,
        id: &ContentId,
    ) -> Result<Result<EntryRow, Complaint>, Fault> {
        Ok(match self.meant(loaded, id)? {
            Ok(entry) if entry.stage == Stage::Failed => Err(Complaint::NoSuchMessage),
            meant => meant,
        })
    }

    /// A person answers a message.
    pub(super) fn answer_message(
        &mut self,
        loaded: &mut Loaded,
        to: &ContentId,
        text: &str,
    ) -> Result<Answered, Fault> {
        if let Err(complaint) = self.meant_by_all(loaded, to)? {
            return Ok(Err(complaint));
        }
        let text = self.with_mentions(loaded, text)?;
        let saying = Saying::Text {
            text: &text,
            in_reply_to: Some(*to),
        };
        self.say(loaded, saying)
    }

    /// A person says something else in the place of what they have said.
    pub(super) fn edit(
        &mut self,
        loaded: &mut Loaded,
        message: &ContentId,
        text: &str,
    ) -> Result<Answered, Fault> {
        let entry = match self.meant_by_all(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let said = entry.says();
        let own_words = |kept: &&Kept| matches!(kept.body, Body::Text(_)) && !kept.forwarded;
        let is_text = said.as_ref().is_some_and(|kept| own_words(&kept));
        if entry.sender != Some(self.me()?.account()) || !is_text {
            return Ok(Err(Complaint::NotYours));
        }
        let expires = said.as_ref().and_then(|kept| kept.expires);
        let in_reply_to = said.and_then(|kept| kept.in_reply_to);
        let text = self.with_mentions(loaded, text)?;
        let saying = Saying::Edit {
            of: *message,
            text: &text,
            in_reply_to,
        };
        // It lasts as long as what it takes the place of.
        self.say_expiring(loaded, saying, expires)
    }

    /// A person takes back what they have said, or what somebody else has where they may.
    pub(super) fn take_back_message(
        &mut self,
        loaded: &mut Loaded,
        message: &ContentId,
    ) -> Result<Answered, Fault> {
        let entry = match self.meant(loaded, message)? {
            Ok(entry) => entry,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let me = self.me()?.account();
        if entry.sender != Some(me) && !self.is_admin(loaded, &me)? {
            return Ok(Err(if loaded.row.direct {
                Complaint::NotYours
            } else {
                Complaint::NotAllowed
            }));
        }
        if entry.stage == Stage::Failed {
            // Nobody else has it, nor what was said about it.
            timeline::erase(self.tx, entry.place)?;
            for one in timeline::about(self.tx, loaded.row.shown_in, message)? {
                if one.stage == Stage::Failed {
                    timeline::erase(self.tx, one.place)?;
                }
            }
            self.erase_soon();
            self.tell_amended(loaded, message)?;
            return Ok(Ok(Answer::Taken));
        }
        self.say(loaded, Saying::Deletion(*message))
    }

    /// A person reacts to a message, otherwise than before, or not any more.
    pub(super) fn react(
        &mut self,
        loaded: &mut Loaded,
        message: &ContentId,
        emoji: Option<&str>,
    ) -> Result<Answered, Fault> {
        if let Err(complaint) = self.meant_by_all(loaded, message)? {
            return Ok(Err(complaint));
        }
        let mine = self.own_reaction(loaded, message)?;
        let saying = match (emoji, &mine) {
            (Some(emoji), Some((_, before))) if emoji == before => return Ok(Ok(Answer::Taken)),
            (Some(emoji), mine) => Saying::Reaction {
                to: *message,
                emoji,
                replaces: mine.as_ref().map(|(id, _)| *id),
            },
            (None, Some((id, _))) => Saying::Deletion(*id),
            (None, None) => return Ok(Ok(Answer::Taken)),
        };
        self.say(loaded, saying)
    }

    /// A person pins a message for everybody, or does not want it pinned any more.
    pub(super) fn pin(
        &mut self,
        loaded: &mut Loaded,
        message: &ContentId,
        pinned: bool,
    ) -> Result<Answered, Fault> {
        if let Err(complaint) = self.meant_by_all(loaded, message)? {
            return Ok(Err(complaint));
        }
        if self.is_pinned(loaded, message)? == pinned {
            return Ok(Ok(Answer::Taken));
        }
        let of = *message;
        self.say(loaded, Saying::Pin { of, pinned })
    }

    fn is_pinned(&self, loaded: &Loaded, message: &ContentId) -> Result<bool, Fault> {
        let about = timeline::about(self.tx, loaded.row.shown_in, message)?;
        let stands = about.iter().rev().filter(|one| one.stage != Stage::Failed);
        let mut pins = stands.filter_map(|one| match one.says()?.body {
            Body::Pin { pinned, .. } => Some(pinned),
            _ => None,
        });
        Ok(pins.next().unwrap_or(false))
    }

    /// This account's reaction to a message, with its id.
    fn own_reaction(
        &self,
        loaded: &Loaded,
        to: &ContentId,
    ) -> Result<Option<(ContentId, String)>, Fault> {
        let me = self.me()?.account();
        let about = timeline::about(self.tx, loaded.row.shown_in, to)?;
        // The newest counts, be it that it was taken back.
        let newest = about.iter().rev().find_map(|one| {
            if one.sender != Some(me) || one.stage == Stage::Failed {
                return None;
            }
            match one.says().map(|kept| kept.body) {
                Some(Body::Reaction(reaction)) => Some(Some((one, reaction.emoji))),
                None if one.kind == Kind::Deleted => Some(None),
                _ => None,
            }
        });
        let Some((row, emoji)) = newest.flatten() else {
            return Ok(None);
        };
        if timeline::is_taken_back(self.tx, loaded.row.shown_in, row)? {
            return Ok(None);
        }
        Ok(row.content_id.map(|id| (id, emoji)))
    }
}
