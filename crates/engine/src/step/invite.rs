//! Invitation links that are made here: made, revoked, over. Who asks by them is dealt with in `step::admit`.
//! `docs/protocol/invitations.md`.

use std::time::Duration;

use keyfold_protocol::invitation::LinkSecret;
use keyfold_protocol::state::Name;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationId, Timestamp};
use keyfold_wire::limits::ITEM_RETENTION;

use super::Step;
use super::command::{Answered, may_speak};
use crate::Fault;
use crate::clock::in_millis;
use crate::command::{Answer, Command, Complaint, InvitationId};
use crate::limits::{
    FEW_ADDRESSES, MAX_INVITATION_LASTS, MAX_INVITATION_USES, MAX_INVITATIONS, MAX_REJECTED,
    MIN_INVITATION_LASTS,
};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::address::{self, Use};
use crate::table::intent::{self, Progress};
use crate::table::invitation::{self, InvitationRow};
use crate::table::{join_request, opened};
use crate::view::Ended;

/// Where a link leads.
struct Goal {
    suite: Suite,
    title: String,
}

impl Step<'_> {
    /// What a person wants of invitation links. `Err`: it is something else.
    pub(super) fn by_link(&mut self, command: Command) -> Result<Result<Answered, Command>, Fault> {
        Ok(Ok(match command {
            Command::Invite {
                conversation,
                lasts,
                uses,
                approval,
            } => self.invite(conversation, lasts, uses, approval)?,
            Command::RevokeInvitation { invitation } => self.revoke_invitation(invitation)?,
            Command::Approve { request } => self.approve(request)?,
            Command::Refuse { request } => self.refuse(request)?,
            Command::OpenInvitation { fragment } => self.open_invitation(&fragment)?,
            Command::CancelOpened { opened } => self.cancel_opened(opened)?,
            other => return Ok(Err(other)),
        }))
    }

    fn invite(
        &mut self,
        conversation: Option<ConversationId>,
        lasts: u32,
        uses: Option<u32>,
        approval: bool,
    ) -> Result<Answered, Fault> {
        let (least, most) = (MIN_INVITATION_LASTS, MAX_INVITATION_LASTS);
        let lasts = Duration::from_secs(lasts.into());
        if !(least..=most).contains(&lasts) {
            let range = Complaint::InvitationLasts(least.as_secs(), most.as_secs());
            return Ok(Err(range));
        }
        let uses = uses.map_or(MAX_INVITATION_USES, u64::from);
        if !(1..=MAX_INVITATION_USES).contains(&uses) {
            return Ok(Err(Complaint::InvitationUses(MAX_INVITATION_USES)));
        }
        let goal = match self.goal(conversation.as_ref())? {
            Ok(goal) => goal,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let links = invitation::all(self.tx)?;
        if links.iter().filter(|link| link.ended.is_none()).count() >= MAX_INVITATIONS {
            return Ok(Err(Complaint::TooManyInvitations(MAX_INVITATIONS)));
        }
        if links.len() >= MAX_INVITATIONS {
            invitation::forget_oldest(self.tx)?;
        }
        let Some((serial, _)) = address::free(self.tx)? else {
            self.take_addresses()?;
            return Ok(Err(Complaint::NoAddress));
        };
        address::assign(self.tx, serial, Use::Invitation, None)?;
        if address::count_free(self.tx)? < FEW_ADDRESSES {
            self.take_addresses()?;
        }
        let link = InvitationRow {
            id: 0,
            serial: Some(serial),
            secret: Some(self.rng.with(|rng| LinkSecret::generate(rng))),
            suite: goal.suite.number(),
            conversation,
            title: goal.title,
            made: self.now,
            lasts_until: self.clock().passed.saturating_add(in_millis(lasts)),
            uses,
            approval,
            admitted: 0,
            useless: 0,
            ended: None,
        };
        let id = invitation::insert(self.tx, &link)?;
        self.links_changed();
        Ok(Ok(Answer::Invitation(InvitationId(id))))
    }

    /// The group, which this person may add people to, or this person.
    fn goal(
        &mut self,
        conversation: Option<&ConversationId>,
    ) -> Result<Result<Goal, Complaint>, Fault> {
        let Some(conversation) = conversation else {
            let me = self.me()?;
            return Ok(Ok(Goal {
                suite: me.suites().first().copied().unwrap_or_default(),
                title: me.certificate.handle.clone(),
            }));
        };
        let Some(mut loaded) = self.named(conversation)? else {
            return Ok(Err(Complaint::NoSuchConversation));
        };
        let goal = self.goal_in(&mut loaded);
        self.put(loaded);
        goal
    }

    fn goal_in(&mut self, loaded: &mut Loaded) -> Result<Result<Goal, Complaint>, Fault> {
        if let Err(complaint) = may_speak(loaded) {
            return Ok(Err(complaint));
        }
        if loaded.row.direct {
            return Ok(Err(Complaint::GroupsOnly));
        }
        if self.is_request(loaded)? {
            return Ok(Err(Complaint::NotAccepted));
        }
        let me = self.me()?.account();
        self.load_group(loaded)?;
        let view = loaded.group.as_ref().map(|current| current.group.view());
        if view.is_some_and(|view| !view.may_add(me)) {
            return Ok(Err(Complaint::NotAllowed));
        }
        // One that was made up of many names may be cut in the middle of one: it fits all the same.
        let title = Name::new(&loaded.row.title).unwrap_or_default();
        Ok(Ok(Goal {
            suite: loaded.row.suite,
            title: title.as_str().to_owned(),
        }))
    }

    fn revoke_invitation(&mut self, id: InvitationId) -> Result<Answered, Fault> {
        let Some(link) = invitation::get(self.tx, id.0)? else {
            return Ok(Err(Complaint::NoSuchInvitation));
        };
        self.end_invitation(&link, Ended::Revoked)?;
        Ok(Ok(Answer::Taken))
    }

    /// Nobody asks by a link any more: its secret is erased, and nothing comes to its address. Who has asked in time can be let in, where anybody can.
    pub(super) fn end_invitation(&mut self, link: &InvitationRow, how: Ended) -> Result<(), Fault> {
        invitation::end(self.tx, link.id, link.ended.unwrap_or(how))?;
        if how == Ended::Revoked {
            self.let_go_of_admissions(link)?;
        }
        if how.forgets_who_waits() {
            join_request::forget_waiting(self.tx, link.id)?;
        }
        self.erase = true;
        self.revoke(link.serial.into_iter().collect())?;
        self.links_changed();
        Ok(())
    }

    /// Nobody is let in any more for whom nothing has gone to the server yet.
    fn let_go_of_admissions(&mut self, link: &InvitationRow) -> Result<(), Fault> {
        if link.conversation.is_none() {
            // Each is a conversation of its own by now.
            return Ok(());
        }
        for intent in join_request::admitting(self.tx, link.id)? {
            let found = intent::get(self.tx, intent)?;
            if found.is_some_and(|found| found.progress != Progress::Requested) {
                self.forget_intent(intent)?;
            }
        }
        Ok(())
    }

    /// This device is not in a conversation any more: it lets nobody in.
    pub(super) fn end_invitations_to(&mut self, loaded: &Loaded) -> Result<(), Fault> {
        for link in invitation::open(self.tx)? {
            if link.conversation == Some(loaded.row.talk()) {
                self.end_invitation(&link, Ended::Left)?;
            }
        }
        Ok(())
    }

    /// The server has made this device's mailbox anew: neither a request nor what answers one comes here any more.
    pub(super) fn links_lead_nowhere(&mut self) -> Result<(), Fault> {
        for link in invitation::open(self.tx)? {
            self.end_invitation(&link, Ended::Left)?;
        }
        for opened in opened::open(self.tx)? {
            self.fail_opened(
                &opened,
                "the server was put back to an earlier state: open the link again",
            )?;
        }
        Ok(())
    }

    /// Something came for a link that is no request.
    pub(super) fn useless_for(&mut self, link: &InvitationRow) -> Result<(), Fault> {
        if invitation::count_useless(self.tx, link.id)? > MAX_REJECTED {
            self.end_invitation(link, Ended::Flooded)?;
        }
        Ok(())
    }

    /// Links that are over by now. All that came in time for one that was made here has to have come.
    pub(super) fn expire_links(&mut self, passed: i64) -> Result<(), Fault> {
        // Nothing that was asked in time lies at the server for longer than that.
        let gone = passed.saturating_sub(in_millis(ITEM_RETENTION));
        let over_by = if self.session.caught_up { passed } else { gone };
        if invitation::next_over(self.tx)?.is_some_and(|at| at <= over_by) {
            for link in invitation::over(self.tx, over_by)? {
                self.end_invitation(&link, Ended::Over)?;
            }
        }
        if opened::next_over(self.tx)?.is_some_and(|at| at <= passed) {
            for opened in opened::open(self.tx)? {
                if opened.lasts_until <= passed {
                    self.fail_opened(&opened, "nobody who made it has let you in")?;
                }
            }
        }
        Ok(())
    }

    /// When the next link is over. One that is already waits for what came in time.
    pub(super) fn next_link_over(&self, passed: i64) -> Result<Option<i64>, Fault> {
        let made = invitation::next_over(self.tx)?;
        let made = made.filter(|at| *at > passed || self.session.caught_up);
        Ok([made, opened::next_over(self.tx)?]
            .into_iter()
            .flatten()
            .min())
    }

    /// Whoever shows the links asks for them anew.
    pub(super) fn links_changed(&mut self) {
        if !self.events.contains(&Event::InvitationsChanged) {
            self.tell(Event::InvitationsChanged);
        }
    }

    /// Whether a link was over when the server took something for it.
    pub(super) fn was_over(&self, link: &InvitationRow, at: Timestamp) -> bool {
        self.clock().when(at) >= link.lasts_until
    }
}
