//! Who asks by an invitation link that was made here: judged, shown, and let in by a commit as any other.
//! `docs/protocol/invitations.md`, section "What the maker's device does".

use keyfold_protocol::group::CheckedKeyPackage;
use keyfold_protocol::invitation::JoinRequest;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId, Serial, Timestamp};
use keyfold_wire::v1;

use super::Step;
use super::command::Answered;
use super::content::Fate;
use crate::Fault;
use crate::command::{Answer, Complaint, JoinRequestId};
use crate::limits::{MAX_JOIN_REQUESTS, MAX_REQUESTS_OF_LINK};
use crate::outcome::Failure;
use crate::table::conversation::{self, ConversationRow};
use crate::table::intent::{self, Fetched, Progress, Wish};
use crate::table::invitation::{self, InvitationRow};
use crate::table::join_request::{self, Progress as Stage, RequestRow};
use crate::table::outbox::{Kind, Waiting};
use crate::table::{blocked, contact, gone, member};
use crate::view::{Contact, Ended, Standing};

/// Why somebody waits whom nobody has to approve of: as many as may come are being let in.
const FOR_A_PLACE: &str = "as many as may come are being let in: one of them has to fail first";

impl Step<'_> {
    /// Something that is no welcome came for the address in a link.
    pub(super) fn no_request(&mut self, serial: Serial) -> Result<Fate, Fault> {
        if let Some(link) = invitation::of_serial(self.tx, serial)? {
            self.useless_for(&link)?;
        }
        Ok(Fate::Dropped)
    }

    /// Somebody asks by a link that was made here, or so it seems.
    pub(super) fn asked_by_link(
        &mut self,
        serial: Serial,
        item: &v1::Welcome,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        let Some(link) = invitation::of_serial(self.tx, serial)? else {
            self.revoke(vec![serial])?;
            return Ok(Fate::Dropped);
        };
        if self.was_over(&link, at) {
            return Ok(Fate::Dropped);
        }
        let Some((asked, package)) = self.read_request(&link, item, at) else {
            self.useless_for(&link)?;
            return Ok(Fate::Dropped);
        };
        self.weigh(&link, asked, &package, at)?;
        Ok(Fate::Applied)
    }

    fn read_request(
        &self,
        link: &InvitationRow,
        item: &v1::Welcome,
        at: Timestamp,
    ) -> Option<(JoinRequest, CheckedKeyPackage)> {
        let secret = link.secret.as_ref()?;
        let asked = JoinRequest::open(secret, &item.secrets, &item.group_info).ok()?;
        // By the server's clock: this device's may be wrong, and who asks would not hear of it. Before anybody is added all of it is judged again.
        let package = asked.check(self.crypto, secret, at).ok()?;
        let whose = package.certificate();
        let handle = keyfold_wire::handle::normal_form(&whose.handle);
        (handle == whose.handle).then_some((asked, package))
    }

    /// What becomes of a request that holds together.
    fn weigh(
        &mut self,
        link: &InvitationRow,
        asked: JoinRequest,
        package: &CheckedKeyPackage,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let whose = package.certificate();
        let account = whose.account;
        let before = join_request::of(self.tx, link.id)?;
        if before.len() >= MAX_REQUESTS_OF_LINK {
            return self.end_invitation(link, Ended::Flooded);
        }
        let is_known = |one: &RequestRow| {
            one.request == asked.id || one.account == account && one.progress != Stage::Done
        };
        let is_nothing = before.iter().any(is_known)
            || account == self.me()?.account()
            || blocked::has(self.tx, &account)?
            || self.is_there(link, &account)?;
        if is_nothing {
            return Ok(());
        }
        let waits = link.approval
            || link.uses == 0
            || before.iter().any(|one| one.account == account)
            || self.was_there(link, &account)?;
        let waiting = before.iter().filter(|one| one.progress == Stage::Waits);
        if waits && waiting.count() >= MAX_JOIN_REQUESTS {
            return Ok(());
        }
        let for_a_place = !link.approval && link.uses == 0;
        self.meet_who_asks(package)?;
        let mut row = RequestRow {
            id: 0,
            invitation: link.id,
            request: asked.id,
            account,
            device: whose.device,
            handle: whose.handle.clone(),
            key_package: asked.key_package,
            at,
            progress: Stage::Waits,
            failure: None,
        };
        row.id = join_request::insert(self.tx, &row)?;
        if for_a_place {
            join_request::waits_again(self.tx, row.id, FOR_A_PLACE)?;
        }
        self.links_changed();
        if !waits && let Err(why) = self.admit(link, &row)? {
            join_request::waits_again(self.tx, row.id, &why.to_string())?;
        }
        Ok(())
    }

    /// Whether an account is already where the link leads.
    fn is_there(&self, link: &InvitationRow, account: &AccountId) -> Result<bool, Fault> {
        let Some(conversation) = &link.conversation else {
            return Ok(!conversation::with_peer(self.tx, account)?.is_empty());
        };
        let Some(row) = conversation::row_of(self.tx, conversation)? else {
            return Ok(false);
        };
        let mut members = member::all(self.tx, row)?.into_iter();
        Ok(members.any(|member| member.account == *account))
    }

    /// Whether an account was taken out of the group, as far as this device remembers.
    fn was_there(&self, link: &InvitationRow, account: &AccountId) -> Result<bool, Fault> {
        let Some(conversation) = &link.conversation else {
            return Ok(false);
        };
        let Some(row) = conversation::row_of(self.tx, conversation)? else {
            return Ok(false);
        };
        Ok(gone::all(self.tx, row)?.contains(account))
    }

    /// Whoever asks is shown with the handle that the directory confirms; until it has, as somebody who calls themselves so.
    fn meet_who_asks(&mut self, package: &CheckedKeyPackage) -> Result<(), Fault> {
        let whose = package.certificate();
        if contact::get(self.tx, &whose.account)?.is_some() {
            return Ok(());
        }
        let met = Contact {
            account: whose.account,
            handle: whose.handle.clone(),
            confirmed: false,
            verified: false,
            account_key: whose.account_key,
            name: None,
            blocked: false,
        };
        contact::put(self.tx, &met)?;
        let lookup = v1::Lookup {
            by: Some(v1::lookup::By::Account(whose.account.to_wire())),
        };
        let waiting = Waiting::new(Kind::Confirm, None, 0);
        self.request(waiting, v1::client_frame::Request::Lookup(lookup))?;
        Ok(())
    }

    /// A person lets somebody in.
    pub(super) fn approve(&mut self, id: JoinRequestId) -> Result<Answered, Fault> {
        let Some((link, asked)) = self.waiting_request(id)? else {
            return Ok(Err(Complaint::NoSuchRequest));
        };
        if link.uses == 0 {
            return Ok(Err(Complaint::UsedUp));
        }
        self.links_changed();
        Ok(self.admit(&link, &asked)?.map(|()| Answer::Taken))
    }

    /// A person does not let somebody in.
    pub(super) fn refuse(&mut self, id: JoinRequestId) -> Result<Answered, Fault> {
        let Some((_, asked)) = self.waiting_request(id)? else {
            return Ok(Err(Complaint::NoSuchRequest));
        };
        join_request::settle(self.tx, asked.id, Stage::Refused)?;
        self.links_changed();
        Ok(Ok(Answer::Taken))
    }

    fn waiting_request(
        &self,
        id: JoinRequestId,
    ) -> Result<Option<(InvitationRow, RequestRow)>, Fault> {
        let asked = join_request::get(self.tx, id.0)?;
        let Some(asked) = asked.filter(|asked| asked.progress == Stage::Waits) else {
            return Ok(None);
        };
        Ok(invitation::get(self.tx, asked.invitation)?.map(|link| (link, asked)))
    }

    /// Begins to let somebody in: the directory is asked, and then a commit or a new conversation made.
    fn admit(
        &mut self,
        link: &InvitationRow,
        asked: &RequestRow,
    ) -> Result<Result<(), Complaint>, Fault> {
        let Some(uses) = link.uses.checked_sub(1) else {
            return Ok(Err(Complaint::UsedUp));
        };
        let intent = match &link.conversation {
            Some(conversation) => self.intend_to_add(conversation)?,
            None => self.intend_to_begin(asked).map(Ok)?,
        };
        let intent = match intent {
            Ok(intent) => intent,
            Err(complaint) => return Ok(Err(complaint)),
        };
        join_request::admit(self.tx, asked.id, intent)?;
        invitation::count(self.tx, link.id, uses, link.admitted)?;
        self.gather_known(intent, &asked.handle, &asked.account)?;
        if link.conversation.is_none() {
            self.gather_own_devices(intent)?;
        }
        Ok(Ok(()))
    }

    fn intend_to_add(
        &mut self,
        conversation: &ConversationId,
    ) -> Result<Result<i64, Complaint>, Fault> {
        let Some(loaded) = self.named(conversation)? else {
            return Ok(Err(Complaint::NoSuchConversation));
        };
        let (row, standing) = (loaded.row.row, loaded.row.standing.clone());
        self.put(loaded);
        if matches!(standing, Standing::Left | Standing::Failed(_)) {
            return Ok(Err(Complaint::NotAMember));
        }
        let now = self.now;
        self.intend(row, &Wish::Admit, Progress::Gathering, now)
            .map(Ok)
    }

    fn intend_to_begin(&mut self, asked: &RequestRow) -> Result<i64, Fault> {
        let public_id = ConversationId::new(self.rng.bytes());
        let title = asked.handle.clone();
        let mut row = ConversationRow::new(public_id, true, title, Suite::default());
        conversation::insert(self.tx, &mut row)?;
        let now = self.now;
        let wish = Wish::Create { suite: None };
        self.intend(row.row, &wish, Progress::Gathering, now)
    }

    /// An intent is over that may have let somebody in; or `failure` says why not.
    pub(super) fn admission_over(
        &mut self,
        intent: i64,
        failure: Option<&Failure>,
    ) -> Result<(), Fault> {
        let Some(asked) = join_request::of_intent(self.tx, intent)? else {
            return Ok(());
        };
        self.links_changed();
        let link = invitation::get(self.tx, asked.invitation)?;
        if let Some(failure) = failure {
            return self.not_let_in(link, &asked, failure);
        }
        join_request::settle(self.tx, asked.id, Stage::Done)?;
        if let Some(link) = link {
            let admitted = link.admitted.saturating_add(1);
            invitation::count(self.tx, link.id, link.uses, admitted)?;
            let others = join_request::admitting(self.tx, link.id)?;
            if link.uses == 0 && link.ended.is_none() && others.is_empty() {
                self.end_invitation(&link, Ended::UsedUp)?;
            }
        }
        Ok(())
    }

    /// Somebody could not be let in: their place is another's.
    fn not_let_in(
        &mut self,
        link: Option<InvitationRow>,
        asked: &RequestRow,
        failure: &Failure,
    ) -> Result<(), Fault> {
        let Some(mut link) = link else {
            return join_request::remove(self.tx, asked.id);
        };
        link.uses = link.uses.saturating_add(1);
        invitation::count(self.tx, link.id, link.uses, link.admitted)?;
        let over = link.ended.is_some_and(Ended::forgets_who_waits);
        // Whom the directory does not know cannot be let in later either.
        let nobody = matches!(failure, Failure::NobodyCalled(_));
        let full = join_request::count_waiting(self.tx, link.id)? >= MAX_JOIN_REQUESTS;
        if over || nobody || full {
            join_request::remove(self.tx, asked.id)?;
        } else {
            join_request::waits_again(self.tx, asked.id, &failure.to_string())?;
        }
        if !over
            && let Some(next) = join_request::oldest_waiting(self.tx, link.id, FOR_A_PLACE)?
            && let Err(why) = self.admit(&link, &next)?
        {
            join_request::waits_again(self.tx, next.id, &why.to_string())?;
        }
        Ok(())
    }

    /// What the certificate of whoever asks says, where the directory knows them by another handle.
    pub(super) fn calls_itself_otherwise(
        &self,
        intent: i64,
        found: &Contact,
    ) -> Result<Option<String>, Fault> {
        let asked = join_request::of_intent(self.tx, intent)?;
        let asked = asked.filter(|one| one.account == found.account && one.handle != found.handle);
        Ok(asked.map(|one| one.handle))
    }

    /// The key package that a request shows stands for its device, where the directory lists that one. `false`: it does not, so whoever asks may be somebody who has
    /// stolen the device, and nobody is added.
    pub(super) fn with_the_one_shown(
        &self,
        id: i64,
        account: &AccountId,
        packages: &mut [Fetched],
    ) -> Result<bool, Fault> {
        let Some(asked) = join_request::of_intent(self.tx, id)? else {
            return Ok(true);
        };
        if *account != asked.account {
            return Ok(true);
        }
        let Some(found) = intent::get(self.tx, id)? else {
            return Ok(true);
        };
        let row = conversation::get(self.tx, found.conversation)?;
        let suite = row.map(|row| row.suite);
        let checked = CheckedKeyPackage::check(self.crypto, &asked.key_package, self.now).ok();
        let fits = checked.is_some_and(|package| Some(package.suite()) == suite);
        let Some(shown) = packages.iter_mut().find(|one| one.device() == asked.device) else {
            return Ok(false);
        };
        if fits {
            shown.key_package.clone_from(&asked.key_package);
        }
        Ok(true)
    }
}
