//! Commits: turning an intent into one, and entering the epoch that one leads to.

use keyfold_protocol::group::{Change, CheckedKeyPackage, NextEpoch, Staged, Update};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::picture::GroupPicture;
use keyfold_protocol::rules::{GroupView, LeafIndex};
use keyfold_protocol::state::{ConversationState, Description, Name, Role};
use keyfold_protocol::{envelope, welcome};
use keyfold_wire::ids::{AccountId, DeviceId, MessageId, Serial};
use keyfold_wire::v1;
use sha2::{Digest as _, Sha256};

use super::Step;
use super::errand::leaf_of;
use super::pump::Attempt;
use super::send::bytes;
use crate::Fault;
use crate::command::Deed;
use crate::limits::MAX_REJECTED;
use crate::memory::Loaded;
use crate::outcome::Failure;
use crate::table::conversation::Row;
use crate::table::intent::{self, IntentRow, Progress, Wish};
use crate::table::outbox::{Kind, Waiting};
use crate::table::{address, key_package, leaver, linked};

/// A change to commit, or why there is none.
type Planned = Result<Change, Attempt>;

impl Step<'_> {
    /// Turns an intent into a pending commit and its request.
    pub(super) fn commit(
        &mut self,
        loaded: &mut Loaded,
        intent: &IntentRow,
    ) -> Result<Attempt, Fault> {
        let change = match self.plan(loaded, intent)? {
            Ok(change) => change,
            Err(attempt) => return Ok(attempt),
        };
        let joiners = addresses_of(&change.added);
        let Some(current) = &mut loaded.group else {
            return Ok(Attempt::NotYet);
        };
        let (mls, device) = (self.mls(), self.device()?);
        let change = naming_owner(current.group.view(), change);
        let staged = match current.group.stage(&mls, device, change) {
            Ok(staged) => staged,
            Err(keyfold_protocol::group::Error::Reject(why)) => {
                return Ok(Attempt::Over(Err(Failure::Refused(why.to_string()))));
            }
            Err(error) => return Err(Fault::from_mls(error)),
        };
        if current.group.view().judge(&staged.facts).is_err() {
            current.group.clear_pending(&mls).map_err(Fault::from_mls)?;
            return Ok(Attempt::Over(Err(Failure::NotAllowed)));
        }
        let request = self.commit_request(loaded, &staged, &joiners)?;
        let Some((message_id, request)) = request else {
            let current = loaded.group.as_mut().ok_or_else(Fault::no_group)?;
            current
                .group
                .clear_pending(&self.mls())
                .map_err(Fault::from_mls)?;
            return Ok(Attempt::Over(Err(Failure::Refused(
                "the change is too large".to_owned(),
            ))));
        };
        let request = match intent.wish {
            Wish::End => self.ending(loaded, request)?,
            _ => request,
        };
        let mut waiting = Waiting::new(Kind::Commit, Some(loaded.row.row), intent.id);
        waiting.message_id = Some(message_id);
        waiting.body_hash = Some(Sha256::digest(&request.body).into());
        self.request(waiting, v1::client_frame::Request::Commit(request))?;
        intent::set_progress(self.tx, intent.id, Progress::Requested)?;
        Ok(Attempt::Requested)
    }

    fn commit_request(
        &self,
        loaded: &Loaded,
        staged: &Staged,
        joiners: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<Option<(MessageId, v1::Commit)>, Fault> {
        let (Some(current), Some(handle)) = (&loaded.group, loaded.row.handle) else {
            return Ok(None);
        };
        let message_id = MessageId::new(self.rng.bytes());
        let epoch = loaded.row.epoch;
        let body = self
            .rng
            .with(|rng| envelope::seal(&current.envelope, epoch, message_id, &staged.commit, rng));
        let Ok(body) = body else { return Ok(None) };
        let (welcomes, group_info) = welcomes(staged.welcome.as_deref(), joiners)?;
        let request = v1::Commit {
            handle: handle.to_wire(),
            epoch: epoch.0,
            roster_key: bytes(current.roster_key.as_bytes()),
            message_id: message_id.to_wire(),
            body: body.into(),
            next_roster: roster(&staged.next),
            next_roster_key: bytes(staged.next.roster_key.as_bytes()),
            welcomes,
            group_info: group_info.into(),
            removes: !staged.facts.removed.is_empty(),
        };
        Ok(Some((message_id, request)))
    }

    /// Nobody is in the roster of the epoch that ends a line but who ends it: by that the others know what it is.
    fn ending(&self, loaded: &Loaded, mut request: v1::Commit) -> Result<v1::Commit, Fault> {
        let me = self.me()?;
        let own = loaded.group.as_ref().and_then(|current| {
            leaf_of(current.group.view(), me.account(), me.device())
                .map(|leaf| leaf.address.clone())
        });
        request.next_roster = own.into_iter().map(bytes::Bytes::from).collect();
        request.removes = true;
        Ok(request)
    }

    /// Lets a device in again, or for the first time where this one has added it to the account.
    fn plan_readmit(
        &self,
        view: &GroupView,
        (account, device): ([u8; 32], [u8; 16]),
        key_package: &[u8],
        own: bool,
    ) -> Planned {
        let (account, device) = (AccountId::new(account), DeviceId::new(device));
        let leaf = leaf_of(view, account, device);
        let package = self.offered(key_package, account, device);
        let Some(package) = package.filter(|package| package.suite() == view.suite) else {
            return Err(Attempt::Over(Ok(())));
        };
        // Another of those that were asked was quicker.
        let is_in = leaf.is_some_and(|leaf| leaf.address == package.address());
        if is_in || (leaf.is_none() && !own) {
            return Err(Attempt::Over(Ok(())));
        }
        Ok(Change {
            removed: leaf.map(|leaf| leaf.index).into_iter().collect(),
            added: vec![package],
            ..Change::default()
        })
    }

    /// What the intent means for the group as it is now.
    fn plan(&mut self, loaded: &Loaded, intent: &IntentRow) -> Result<Planned, Fault> {
        let Some(current) = &loaded.group else {
            return Ok(Err(Attempt::NotYet));
        };
        let view = current.group.view();
        Ok(match &intent.wish {
            Wish::Add | Wish::Admit => self.plan_add(view, intent)?,
            Wish::AddDevice(device) => {
                let planned = self.plan_add(view, intent)?;
                self.lacks_device(view, *device, planned)?
            }
            Wish::Remove(accounts) => {
                let gone = |account: &AccountId| accounts.contains(account.as_bytes());
                plan_remove(view, |leaf| gone(&leaf.account()))
            }
            Wish::RemoveDevice(device) => {
                plan_remove(view, |leaf| leaf.device().as_bytes() == device)
            }
            Wish::RemoveLeavers => self.plan_leavers(loaded, view)?,
            Wish::Rename(_)
            | Wish::Describe(_)
            | Wish::Picture(_)
            | Wish::Allow(..)
            | Wish::Timer(_) => plan_state(view, |state| settle(state, &intent.wish)),
            Wish::Role(account, role) => {
                let account = AccountId::new(*account);
                if !view.accounts().contains(&account) {
                    return Ok(Err(Attempt::Over(Err(Failure::Nothing))));
                }
                let role = Wish::role(*role);
                plan_state(view, |state| change_role(state, account, role))
            }
            Wish::Update | Wish::Renew => self.plan_update(loaded)?,
            Wish::Readmit {
                account,
                device,
                key_package,
            } => {
                let own = linked::has(self.tx, &DeviceId::new(*device))?;
                self.plan_readmit(view, (*account, *device), key_package, own)
            }
            Wish::Reinvite(_) | Wish::Reach(_) => {
                self.plan_reinvite(loaded.row.row, &current.group, intent)?
            }
            Wish::End => Ok(Change {
                update: Some(Update::default()),
                ..Change::default()
            }),
            Wish::Create { .. }
            | Wish::Move
            | Wish::Rejoin
            | Wish::NotFollowed(..)
            | Wish::TellGone
            | Wish::Look
            | Wish::Locate
            | Wish::Bring(_) => Err(Attempt::Over(Ok(()))),
        })
    }

    fn plan_add(&self, view: &GroupView, intent: &IntentRow) -> Result<Planned, Fault> {
        let mut added = Vec::new();
        for person in intent::gathered(self.tx, intent.id)? {
            let packages = person.packages.unwrap_or_default();
            let known = |device| view.leaves.iter().any(|leaf| leaf.device() == device);
            let wanted = packages.iter().filter(|fetched| !known(fetched.device()));
            let mut usable = Vec::new();
            let mut any = false;
            for fetched in wanted {
                any = true;
                let checked = CheckedKeyPackage::check(self.crypto, &fetched.key_package, self.now);
                usable.extend(checked.ok().filter(|package| package.suite() == view.suite));
            }
            usable.retain(|package| person.account == Some(package.certificate().account));
            if any && usable.is_empty() {
                let failure = Failure::NoKeyPackage(person.handle);
                return Ok(Err(Attempt::Over(Err(failure))));
            }
            added.extend(usable);
        }
        if added.is_empty() {
            return Ok(Err(Attempt::Over(Ok(()))));
        }
        Ok(Ok(Change {
            added,
            update: Some(Update::default()),
            ..Change::default()
        }))
    }

    /// A device that is not in, and of which the directory had nothing, is not done with.
    fn lacks_device(
        &self,
        view: &GroupView,
        device: [u8; 16],
        planned: Planned,
    ) -> Result<Planned, Fault> {
        let me = self.me()?.account();
        let is_in = leaf_of(view, me, DeviceId::new(device)).is_some();
        Ok(match planned {
            Err(Attempt::Over(Ok(()))) if !is_in => Err(Attempt::Over(Err(Failure::Nothing))),
            planned => planned,
        })
    }

    fn plan_leavers(&self, loaded: &Loaded, view: &GroupView) -> Result<Planned, Fault> {
        let proofs = self.leavers_of(loaded.row.row, view)?;
        let gone = |account: AccountId| proofs.iter().any(|proof| proof.account == account);
        let planned = plan_remove(view, |leaf| gone(leaf.account()));
        Ok(planned.map(|change| Change {
            leave_proofs: proofs,
            ..change
        }))
    }

    /// Those who have said that they leave this group. Who has left another one, or has come back since, is not leaving any more: that is
    /// forgotten.
    pub(super) fn leavers_of(&self, row: Row, view: &GroupView) -> Result<Vec<LeaveProof>, Fault> {
        let mut proofs = Vec::new();
        for (account, encoded) in leaver::all(self.tx, row)? {
            let decoded = LeaveProof::decode_list(&encoded).unwrap_or_default();
            let valid = decoded.into_iter().find(|proof| {
                let mut leaves = view.leaves.iter();
                leaves.any(|leaf| proof.is_valid(&view.group_id, leaf))
            });
            match valid {
                Some(proof) => proofs.push(proof),
                None => leaver::remove(self.tx, row, &account)?,
            }
        }
        Ok(proofs)
    }

    /// New keys for the own leaf; a new address too, where the present one is flooded or came from a last-resort package.
    fn plan_update(&mut self, loaded: &Loaded) -> Result<Planned, Fault> {
        if loaded.leaving {
            return Ok(Err(Attempt::Over(Ok(()))));
        }
        let wanted = self.has_shared_address(loaded)? || loaded.row.rejected > MAX_REJECTED;
        let mut update = Update::default();
        if wanted {
            let Some((serial, bytes)) = address::free(self.tx)? else {
                self.take_addresses()?;
                return Ok(Err(Attempt::NotYet));
            };
            address::assign(
                self.tx,
                serial,
                address::Use::Conversation(loaded.row.row),
                None,
            )?;
            update.address = Some(bytes);
        }
        Ok(Ok(Change {
            update: Some(update),
            ..Change::default()
        }))
    }

    /// Whether a conversation's address is still that of a last-resort key package, by which others may be begun.
    pub(super) fn has_shared_address(&self, loaded: &Loaded) -> Result<bool, Fault> {
        match loaded.row.serial {
            Some(serial) => key_package::is_last_resort(self.tx, serial),
            None => Ok(true),
        }
    }

    /// The serial of the own leaf's address.
    pub(super) fn own_serial(&self, view: &GroupView) -> Result<Option<Serial>, Fault> {
        let device = self.me()?.device();
        let Some(leaf) = view.leaves.iter().find(|leaf| leaf.device() == device) else {
            return Ok(None);
        };
        address::serial_of(self.tx, &leaf.address)
    }
}

fn plan_remove(
    view: &GroupView,
    gone: impl Fn(&keyfold_protocol::rules::LeafView) -> bool,
) -> Planned {
    let removed: Vec<LeafIndex> = view
        .leaves
        .iter()
        .filter(|leaf| gone(leaf))
        .map(|leaf| leaf.index)
        .collect();
    if removed.is_empty() {
        return Err(Attempt::Over(Ok(())));
    }
    let state = view.state_after(&removed, &[]);
    Ok(Change {
        removed,
        state,
        ..Change::default()
    })
}

/// Where nobody is called owner somebody acts as one, by the order of the leaves, and others may come before it by being added or made admin:
/// then it is called owner.
fn naming_owner(view: &GroupView, mut change: Change) -> Change {
    let state = change.state.as_ref().unwrap_or(&view.state);
    let owned = state.roles().any(|(_, role)| role == Role::Owner);
    let changes = !change.added.is_empty() || change.state.is_some();
    let Some(owner) = view.acting_owner().filter(|_| changes && !owned) else {
        return change;
    };
    let mut leaves = view.leaves.iter();
    let stays = leaves.any(|leaf| leaf.account() == owner && !change.removed.contains(&leaf.index))
        || change
            .added
            .iter()
            .any(|one| one.certificate().account == owner);
    let gives_up = state.role(owner) != view.state.role(owner);
    if view.state.kind == keyfold_protocol::state::Kind::Group && stays && !gives_up {
        let mut state = state.clone();
        state.set_role(owner, Role::Owner);
        change.state = Some(state);
    }
    change
}

/// What is agreed on from now on; what can't be was refused when it was asked for.
fn settle(state: &mut ConversationState, wish: &Wish) {
    match wish {
        Wish::Rename(name) => {
            if let Ok(name) = Name::new(name) {
                state.name = name;
            }
        }
        Wish::Describe(text) => {
            if let Ok(description) = Description::new(text) {
                state.description = description;
            }
        }
        Wish::Picture(picture) => {
            if let Ok(picture) = picture.clone().map(GroupPicture::new).transpose() {
                state.picture = picture;
            }
        }
        Wish::Allow(Deed::Add, policy) => state.add_policy = *policy,
        Wish::Allow(Deed::Post, policy) => state.post_policy = *policy,
        Wish::Allow(Deed::Edit, policy) => state.edit_policy = *policy,
        Wish::Timer(timer) => state.timer = *timer,
        _ => {}
    }
}

fn plan_state(view: &GroupView, change: impl FnOnce(&mut ConversationState)) -> Planned {
    let mut state = view.state.clone();
    change(&mut state);
    if state == view.state {
        return Err(Attempt::Over(Ok(())));
    }
    Ok(Change {
        state: Some(state),
        ..Change::default()
    })
}

/// At most one owner: a new one takes the place of the old, who stays an admin.
fn change_role(
    state: &mut keyfold_protocol::state::ConversationState,
    account: AccountId,
    role: Role,
) {
    if role == Role::Owner {
        let owners: Vec<AccountId> = state
            .roles()
            .filter(|(other, has)| *has == Role::Owner && *other != account)
            .map(|(other, _)| other)
            .collect();
        for owner in owners {
            state.set_role(owner, Role::Admin);
        }
    }
    state.set_role(account, role);
}

/// Reference and address of each key package.
pub(super) fn addresses_of(added: &[CheckedKeyPackage]) -> Vec<(Vec<u8>, Vec<u8>)> {
    added
        .iter()
        .map(|package| (package.reference().to_vec(), package.address().to_vec()))
        .collect()
}

/// A roster for a protobuf field.
pub(super) fn roster(next: &NextEpoch) -> Vec<bytes::Bytes> {
    let addresses = next.roster.addresses().iter();
    addresses
        .map(|address| bytes::Bytes::copy_from_slice(address))
        .collect()
}

/// Each joiner's part with its address, and the part that all share.
pub(super) fn welcomes(
    message: Option<&[u8]>,
    joiners: &[(Vec<u8>, Vec<u8>)],
) -> Result<(Vec<v1::WelcomeItem>, Vec<u8>), Fault> {
    let Some(message) = message else {
        return Ok((Vec::new(), Vec::new()));
    };
    let split = welcome::split(message).map_err(|_| Fault::internal("splitting a welcome"))?;
    let mut items = Vec::with_capacity(split.joiners.len());
    for joiner in split.joiners {
        let address = joiners
            .iter()
            .find(|(reference, _)| *reference == joiner.key_package_ref)
            .map(|(_, address)| address.clone())
            .ok_or_else(|| Fault::internal("a joiner without an address"))?;
        items.push(v1::WelcomeItem {
            address: address.into(),
            secrets: joiner.secrets.into(),
        });
    }
    Ok((items, split.group_info))
}
