//! Beginning a conversation: once the directory has told all, a group is made and handed to the server.

use keyfold_protocol::group::{CheckedKeyPackage, NewGroup, Staged};
use keyfold_protocol::state::{ConversationState, Name};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationHandle, MessageId, Serial};
use keyfold_wire::v1;

use super::commit::{addresses_of, roster, welcomes};
use super::send::bytes;
use super::{Notice, Step};
use crate::Fault;
use crate::memory::Loaded;
use crate::outcome::{Event, Failure};
use crate::table::address;
use crate::table::intent::{self, IntentRow, Progress, Wish};
use crate::table::outbox::{Kind, Waiting};
use crate::view::Standing;

/// Who is to be in a new conversation.
struct Party {
    others: Vec<(String, AccountId)>,
    packages: Vec<CheckedKeyPackage>,
    suite: Suite,
}

impl Step<'_> {
    /// Makes the group if everything for it is here.
    pub(super) fn try_create(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let intents = intent::of(self.tx, loaded.row.row)?;
        let create = intents.into_iter().find(|intent| {
            matches!(intent.wish, Wish::Create { .. }) && intent.progress == Progress::Ready
        });
        let Some(create) = create else { return Ok(()) };
        let party = match self.party(&create, loaded.row.suite)? {
            Ok(party) => party,
            Err(failure) => return self.create_failed(loaded, failure),
        };
        let Some((serial, address)) = address::free(self.tx)? else {
            return self.take_addresses();
        };
        match self.found(loaded, &create, party, serial, &address)? {
            Ok(()) => Ok(()),
            Err(failure) => self.create_failed(loaded, failure),
        }
    }

    /// Chooses the suite and one key package for each device.
    fn party(&self, create: &IntentRow, suite: Suite) -> Result<Result<Party, Failure>, Fault> {
        let me = self.me()?.account();
        let mut others = Vec::new();
        let mut checked: Vec<(String, Vec<CheckedKeyPackage>)> = Vec::new();
        for person in intent::gathered(self.tx, create.id)? {
            let Some(account) = person.account else {
                return Ok(Err(Failure::NobodyCalled(person.handle)));
            };
            let fetched = person.packages.unwrap_or_default();
            let mut packages = Vec::new();
            for one in &fetched {
                let package =
                    CheckedKeyPackage::check(self.crypto, &one.key_package, self.now).ok();
                packages.extend(package.filter(|one| one.certificate().account == account));
            }
            if account != me {
                others.push((person.handle.clone(), account));
            }
            checked.push((person.handle, packages));
        }
        let own = &self.me()?.certificate;
        let suite = create.wish.suite().unwrap_or(suite);
        let all = checked.iter().flat_map(|(_, packages)| packages);
        let certificates: Vec<_> = all
            .map(CheckedKeyPackage::certificate)
            .chain([own])
            .collect();
        if Suite::for_all(&certificates) != Some(suite) {
            return Ok(Err(Failure::Suite));
        }
        let mut packages = Vec::new();
        for (handle, of_person) in checked {
            let before = packages.len();
            packages.extend(
                of_person
                    .into_iter()
                    .filter(|package| package.suite() == suite),
            );
            let is_other = others.iter().any(|(other, _)| *other == handle);
            if is_other && packages.len() == before {
                return Ok(Err(Failure::NoKeyPackage(handle)));
            }
        }
        Ok(Ok(Party {
            others,
            packages,
            suite,
        }))
    }

    /// Makes the group, adds everybody, and puts the request into the outbox.
    fn found(
        &mut self,
        loaded: &mut Loaded,
        create: &IntentRow,
        party: Party,
        serial: Serial,
        address: &[u8],
    ) -> Result<Result<(), Failure>, Fault> {
        let state = match self.first_state(loaded, &party)? {
            Ok(state) => state,
            Err(failure) => return Ok(Err(failure)),
        };
        let group_id: [u8; 32] = self.rng.bytes();
        let new = NewGroup {
            group_id: &group_id,
            suite: party.suite,
            state: &state,
            address,
        };
        let attempt = self.storage.attempt()?;
        let joiners = addresses_of(&party.packages);
        let Some((group, staged)) = self.fresh_group(new, party.packages)? else {
            self.storage.take_back(attempt)?;
            return Ok(Err(Failure::Refused(
                "these devices can't be in one group".to_owned(),
            )));
        };
        self.storage.keep(attempt)?;
        address::assign(
            self.tx,
            serial,
            address::Use::Conversation(loaded.row.row),
            None,
        )?;
        let view = group.view().clone();
        loaded.group = Some(self.current(group)?);
        let row = loaded.change();
        row.group_id = Some(group_id.to_vec());
        self.mirror(loaded, &view)?;
        let request = self.create_request(&state, &staged, &joiners)?;
        let waiting = Waiting::new(Kind::Create, Some(loaded.row.row), create.id);
        self.request(waiting, v1::client_frame::Request::Create(request))?;
        intent::set_progress(self.tx, create.id, Progress::Requested)?;
        Ok(Ok(()))
    }

    fn first_state(
        &self,
        loaded: &Loaded,
        party: &Party,
    ) -> Result<Result<ConversationState, Failure>, Fault> {
        let me = self.me()?.account();
        let handle = ConversationHandle::new(self.rng.bytes());
        let id = loaded.row.public_id;
        if loaded.row.direct {
            let Some((_, other)) = party.others.first() else {
                return Ok(Err(Failure::Nothing));
            };
            let state = ConversationState::direct(id, handle, me, *other);
            return Ok(state.map_err(|error| Failure::Refused(error.to_string())));
        }
        let name = Name::new(&loaded.row.title);
        Ok(name
            .map(|name| ConversationState::group(id, handle, name, me))
            .map_err(|error| Failure::Refused(error.to_string())))
    }

    pub(super) fn create_request(
        &self,
        state: &ConversationState,
        staged: &Staged,
        joiners: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<v1::Create, Fault> {
        let (welcomes, group_info) = welcomes(staged.welcome.as_deref(), joiners)?;
        Ok(v1::Create {
            handle: state.handle.to_wire(),
            epoch: staged.next.epoch.0,
            roster: roster(&staged.next),
            roster_key: bytes(staged.next.roster_key.as_bytes()),
            message_id: MessageId::new(self.rng.bytes()).to_wire(),
            welcomes,
            group_info: group_info.into(),
        })
    }

    /// The server has the conversation.
    pub(super) fn created(
        &mut self,
        loaded: &mut Loaded,
        intent: i64,
        at: keyfold_wire::ids::Timestamp,
    ) -> Result<(), Fault> {
        if loaded.row.line_of.is_some() {
            self.forget_intent(intent)?;
            let me = self.me()?.account();
            return self.take_line(loaded, Some(me), at);
        }
        loaded.change().standing = Standing::Active;
        self.load_group(loaded)?;
        let due = self.now.after(Self::update_interval(loaded));
        loaded.change().update_due = Some(due);
        self.merge_twin(loaded)?;
        let me = self.me()?.account();
        self.note(loaded, Some(me), &Notice::Began, at)?;
        self.has_begun(loaded.row.shown_in)?;
        self.admission_over(intent, None)?;
        self.forget_intent(intent)?;
        if let Some(view) = loaded
            .group
            .as_ref()
            .map(|current| current.group.view().clone())
        {
            self.bring_own_devices(loaded.row.row, &view)?;
        }
        self.has_invited(loaded.row.row)?;
        self.reschedule = true;
        self.unpark.extend(loaded.row.serial);
        self.touched.insert(loaded.row.row);
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Ready(shown));
        Ok(())
    }

    /// The conversation can't be begun.
    pub(super) fn create_failed(
        &mut self,
        loaded: &mut Loaded,
        failure: Failure,
    ) -> Result<(), Fault> {
        if let Some(host) = loaded.row.line_of {
            for intent in intent::of(self.tx, host)? {
                if intent.wish == Wish::Move {
                    self.move_later(intent.id)?;
                }
            }
            return self.end_line(loaded);
        }
        loaded.change().standing = Standing::Failed(failure.to_string());
        self.give_up(loaded, &failure)?;
        let id = loaded.row.public_id;
        self.tell(Event::CreateFailed(id, failure));
        Ok(())
    }
}
