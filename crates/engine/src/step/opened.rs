//! Invitation links that are opened here: a request goes to those who made the link, and waits for them.
//! `docs/protocol/invitations.md`, section "What the opener's device does".

use bytes::Bytes;
use keyfold_protocol::group::{self, Use as PackageUse};
use keyfold_protocol::invitation::{Invitation, JoinRequest, SealedRequest};
use keyfold_protocol::rules::GroupView;
use keyfold_protocol::state::Kind as StateKind;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationHandle, ConversationId, MessageId};
use keyfold_wire::v1::{self, RefusalCode};

use super::Step;
use super::command::Answered;
use super::reply::words;
use super::request::Brought;
use crate::Fault;
use crate::clock::in_millis;
use crate::command::{Answer, Complaint, OpenedId};
use crate::limits::{FEW_ADDRESSES, MAX_OPENED, OPENED_LASTS};
use crate::table::address::{self, Use};
use crate::table::opened::{self, OpenedRow};
use crate::table::outbox::{Kind, Waiting};
use crate::table::{blocked, conversation, key_package, member, parked, request};
use crate::view::{OpenedState, Standing};

/// The epoch of the conversation in which a request goes to the server, and nobody stays.
const EPOCH: u64 = 1;

impl Step<'_> {
    /// A person opens a link.
    pub(super) fn open_invitation(&mut self, fragment: &str) -> Result<Answered, Fault> {
        let link = match Invitation::read(fragment) {
            Ok(link) => link,
            Err(error) => return Ok(Err(Complaint::Invitation(error.to_string()))),
        };
        let me = self.me()?;
        let suite = Suite::try_from(link.suite).ok();
        let Some(suite) = suite.filter(|suite| suite.is_spoken_by(&me.certificate)) else {
            let why = "this device does not speak its encryption".to_owned();
            return Ok(Err(Complaint::Invitation(why)));
        };
        if let Some(id) = self.is_where_it_leads(&link)? {
            return Ok(Ok(Answer::Conversation(id)));
        }
        if link.maker == self.me()?.account() {
            return Ok(Err(Complaint::OwnInvitation));
        }
        if blocked::has(self.tx, &link.maker)? {
            return Ok(Err(Complaint::Blocked));
        }
        if let Some(before) = opened::of_link(self.tx, &link.secret.link_id())? {
            match before.state {
                OpenedState::Asking | OpenedState::Waiting => {
                    return Ok(Ok(Answer::Opened(OpenedId(before.id))));
                }
                OpenedState::Failed(_) => opened::remove(self.tx, before.id)?,
            }
        }
        self.ask_by_link(&link, suite)
    }

    /// The conversation that a link leads to, where this device is in it already.
    fn is_where_it_leads(&self, link: &Invitation) -> Result<Option<ConversationId>, Fault> {
        let row = match &link.conversation {
            Some(conversation) => conversation::row_of(self.tx, conversation)?,
            None => conversation::with_peer(self.tx, &link.maker)?
                .first()
                .copied(),
        };
        let Some(row) = row else { return Ok(None) };
        // Anybody can make a group of any id, and a stranger's waits.
        let with_maker = member::all(self.tx, row)?
            .iter()
            .any(|one| one.account == link.maker);
        if !with_maker || request::holds(self.tx, row)? {
            return Ok(None);
        }
        let loaded = self.memory.loaded.get(&row);
        let found = match loaded {
            Some(loaded) => Some((loaded.row.standing.clone(), loaded.row.public_id)),
            None => conversation::get(self.tx, row)?.map(|row| (row.standing, row.public_id)),
        };
        let is_over =
            |standing: &Standing| matches!(standing, Standing::Left | Standing::Failed(_));
        Ok(found
            .filter(|(standing, _)| !is_over(standing))
            .map(|(_, id)| id))
    }

    /// Makes the request. It is durable when this returns, and goes out when the server can be reached.
    fn ask_by_link(&mut self, link: &Invitation, suite: Suite) -> Result<Answered, Fault> {
        let all = opened::all(self.tx)?;
        let has_failed = |one: &&OpenedRow| matches!(one.state, OpenedState::Failed(_));
        if all.len() >= MAX_OPENED {
            match all.iter().find(has_failed) {
                Some(failed) => opened::remove(self.tx, failed.id)?,
                None => return Ok(Err(Complaint::TooManyOpened(MAX_OPENED))),
            }
        }
        let Some((serial, address)) = address::free(self.tx)? else {
            self.take_addresses()?;
            return Ok(Err(Complaint::NoAddress));
        };
        let made = group::make(
            &self.mls(),
            self.device()?,
            suite,
            &address,
            PackageUse::Once,
        )
        .map_err(Fault::from_mls)?;
        address::assign(self.tx, serial, Use::Package, None)?;
        key_package::add(self.tx, &made.reference, suite, serial, false, self.now)?;
        if address::count_free(self.tx)? < FEW_ADDRESSES {
            self.take_addresses()?;
        }
        let keys = &self.me()?.keys;
        let asked = JoinRequest::make(&link.secret, self.rng.bytes(), made.message, keys);
        let sealed = self.rng.with(|rng| asked.seal(&link.secret, rng));
        let sealed = sealed.map_err(|_| Fault::internal("sealing a request to join"))?;
        let row = OpenedRow {
            id: 0,
            link: link.secret.link_id(),
            maker: link.maker,
            conversation: link.conversation,
            title: link.title.as_str().to_owned(),
            serial,
            reference: made.reference,
            made: self.now,
            lasts_until: self.clock().passed.saturating_add(in_millis(OPENED_LASTS)),
            state: OpenedState::Asking,
        };
        let id = opened::insert(self.tx, &row)?;
        let body = self.to_makers(link, sealed);
        let waiting = Waiting::new(Kind::JoinRequest, None, id);
        self.request(waiting, v1::client_frame::Request::Create(body))?;
        self.links_changed();
        Ok(Ok(Answer::Opened(OpenedId(id))))
    }

    /// A conversation that nobody stays in, whose roster is the makers': nothing in it leads to this device.
    fn to_makers(&self, link: &Invitation, sealed: SealedRequest) -> v1::Create {
        let addresses = || link.addresses.iter().map(|one| Bytes::copy_from_slice(one));
        let salt = Bytes::copy_from_slice(&sealed.salt);
        let roster_key: [u8; 32] = self.rng.bytes();
        v1::Create {
            handle: ConversationHandle::new(self.rng.bytes()).to_wire(),
            epoch: EPOCH,
            roster: addresses().collect(),
            roster_key: Bytes::copy_from_slice(&roster_key),
            message_id: MessageId::new(self.rng.bytes()).to_wire(),
            welcomes: addresses()
                .map(|address| v1::WelcomeItem {
                    address,
                    secrets: salt.clone(),
                })
                .collect(),
            group_info: sealed.sealed.into(),
        }
    }

    /// The server has a request.
    pub(super) fn join_request_taken(&mut self, request: i64, id: i64) -> Result<(), Fault> {
        self.drop_request(request)?;
        opened::waits(self.tx, id)?;
        self.links_changed();
        Ok(())
    }

    /// The server does not take a request.
    pub(super) fn join_request_refused(&mut self, id: i64, code: RefusalCode) -> Result<(), Fault> {
        let Some(opened) = opened::get(self.tx, id)? else {
            return Ok(());
        };
        let why = match code {
            RefusalCode::AddressInvalid => {
                "it is a link of another server, or of one that has been set up anew".to_owned()
            }
            code => format!("the server refused: {}", words(code)),
        };
        self.fail_opened(&opened, &why)
    }

    /// A link that was opened comes to nothing.
    pub(super) fn fail_opened(&mut self, opened: &OpenedRow, why: &str) -> Result<(), Fault> {
        self.withdraw_shown(opened)?;
        opened::fail(self.tx, opened.id, why)?;
        self.links_changed();
        Ok(())
    }

    /// A person does not want to be let in any more.
    pub(super) fn cancel_opened(&mut self, id: OpenedId) -> Result<Answered, Fault> {
        let Some(opened) = opened::get(self.tx, id.0)? else {
            return Ok(Err(Complaint::NoSuchOpened));
        };
        self.withdraw_shown(&opened)?;
        opened::remove(self.tx, opened.id)?;
        self.links_changed();
        Ok(Ok(Answer::Taken))
    }

    /// The key package of a request is of no use any more, if it was not used; nor is the request, if it has not gone out.
    fn withdraw_shown(&mut self, opened: &OpenedRow) -> Result<(), Fault> {
        let requests = self.memory.outbox.iter();
        let mine = requests.filter(|(_, waiting)| {
            waiting.kind == Kind::JoinRequest && waiting.reference == opened.id
        });
        let mine: Vec<i64> = mine.map(|(id, _)| *id).collect();
        for request in mine {
            self.drop_request(request)?;
        }
        if address::used_for(self.tx, opened.serial)? == Some(Use::Package) {
            group::delete(&self.mls(), &opened.reference).map_err(Fault::from_mls)?;
            key_package::remove(self.tx, &opened.reference)?;
            parked::take(self.tx, opened.serial)?;
            self.revoke(vec![opened.serial])?;
            self.erase = true;
        }
        Ok(())
    }

    /// Which of the links that were opened here a welcome into this group answers: the conversation was asked for.
    /// It must come from the maker, or by the key package in the request, which nobody else has: the id of a group is known to whoever has seen the link.
    pub(super) fn was_asked_for(
        &self,
        view: &GroupView,
        brought: Brought,
    ) -> Result<Vec<OpenedRow>, Fault> {
        let accounts = view.accounts();
        let direct = matches!(view.state.kind, StateKind::Direct(_));
        let answers = |one: &OpenedRow| match &one.conversation {
            Some(conversation) => !direct && *conversation == view.state.id,
            None => direct && accounts.contains(&one.maker),
        };
        let by = brought.by.map(|(account, _)| account);
        let mut open = opened::open(self.tx)?;
        open.retain(|one| answers(one) && (by == Some(one.maker) || brought.serial == one.serial));
        Ok(open)
    }

    /// This device has come into a group: whoever waited for that waits no longer.
    pub(super) fn let_in_by_link(
        &mut self,
        view: &GroupView,
        brought: Brought,
    ) -> Result<(), Fault> {
        for opened in self.was_asked_for(view, brought)? {
            self.withdraw_shown(&opened)?;
            opened::remove(self.tx, opened.id)?;
            self.links_changed();
        }
        Ok(())
    }
}
