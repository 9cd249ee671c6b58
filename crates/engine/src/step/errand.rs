//! Errands: what devices tell each other about the way back, in a welcome into a group that nobody stays in.
//! `docs/protocol/recovery.md`.

use keyfold_protocol::group::{CheckedKeyPackage, Joined, NewGroup, Use as PackageUse, delete};
use keyfold_protocol::limits::MAX_NAMED;
use keyfold_protocol::rules::{GroupView, LeafView};
use keyfold_protocol::state::{ConversationState, Errand};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationHandle, DeviceId, Serial, Timestamp};
use keyfold_wire::v1;

use super::Step;
use super::commit::addresses_of;
use crate::Fault;
use crate::limits::READMIT_JITTER;
use crate::memory::Loaded;
use crate::table::conversation::{self, Row};
use crate::table::intent::{self, Progress, Wish};
use crate::table::outbox::{Kind, Waiting};
use crate::table::{address, key_package, linked, member, offer};
use crate::view::Standing;

impl Step<'_> {
    /// Sends an errand about a conversation to these devices. Nothing of its group stays here.
    pub(super) fn send_errand(
        &mut self,
        about: &Loaded,
        to: Vec<CheckedKeyPackage>,
        suite: Suite,
        errand: Errand,
    ) -> Result<(), Fault> {
        let handle = ConversationHandle::new(self.rng.bytes());
        let state = ConversationState::errand(about.row.talk(), handle, errand);
        let Some((serial, address)) = address::free(self.tx)? else {
            return self.take_addresses();
        };
        let group_id: [u8; 32] = self.rng.bytes();
        let joiners = addresses_of(&to);
        let new = NewGroup {
            group_id: &group_id,
            suite,
            state: &state,
            address: &address,
        };
        let attempt = self.storage.attempt()?;
        let made = self.fresh_group(new, to)?;
        self.storage.take_back(attempt)?;
        if let Some((_, staged)) = made {
            let request = self.create_request(&state, &staged, &joiners)?;
            let waiting = Waiting::new(Kind::Errand, None, about.row.row.0);
            self.request(waiting, v1::client_frame::Request::Create(request))?;
        }
        self.revoke(vec![serial])
    }

    /// Takes in an errand, and uses up the key package that it came by; but not one that others were offered as well: of those who were asked
    /// one may answer, and another let this device in by it.
    pub(super) fn run_errand(
        &mut self,
        joined: &Joined,
        serial: Serial,
        at: Timestamp,
    ) -> Result<(), Fault> {
        if joined.usage == PackageUse::Once && offer::is_for(self.tx, serial)?.is_none() {
            delete(&self.mls(), &joined.key_package).map_err(Fault::from_mls)?;
            key_package::remove(self.tx, &joined.key_package)?;
            self.revoke(vec![serial])?;
            self.erase_soon();
        }
        let view = joined.group.view();
        let (Some(from), Some(errand)) = (view.leaf(joined.inviter), view.state.as_errand()) else {
            return Ok(());
        };
        let Some(row) = conversation::row_of(self.tx, &view.state.id)? else {
            return Ok(());
        };
        let Some(mut loaded) = self.take(row)? else {
            return Ok(());
        };
        match errand {
            Errand::LetMeIn(package) => self.asked_to_let_in(&mut loaded, from, package)?,
            Errand::NotAMember => self.said_to_be_gone(&mut loaded, from, at)?,
            Errand::NotFollowed(place) => self.is_not_followed(&mut loaded, from, *place)?,
            Errand::AskThese(named) => self.told_whom_to_ask(&mut loaded, from.account(), named)?,
            Errand::StandsAt(place, package) => {
                self.told_a_place(&mut loaded, from, *place, package)?;
            }
        }
        self.put(loaded);
        Ok(())
    }

    /// A device asks to be let in again.
    fn asked_to_let_in(
        &mut self,
        loaded: &mut Loaded,
        from: &LeafView,
        package: &[u8],
    ) -> Result<(), Fault> {
        match loaded.row.standing {
            Standing::Active => {}
            // Others can't go on either: the conversation moves.
            Standing::Held(_) | Standing::Rejoining(_) => {
                let mut members = member::all(self.tx, loaded.row.row)?.into_iter();
                return if members.any(|member| member.account == from.account()) {
                    self.wish_move(loaded)
                } else {
                    Ok(())
                };
            }
            Standing::Left => return self.name_members(loaded, from, package),
            Standing::Creating | Standing::Failed(_) => return Ok(()),
        }
        if !self.load_group(loaded)? {
            return Ok(());
        }
        if self.is_here(loaded, from)? || self.is_own_device(from)? {
            return self.wish_readmit(loaded.row.row, from, package);
        }
        if self.may_belong_here(from)? {
            return Ok(());
        }
        self.answer_ask(loaded, from, package, Errand::NotAMember)
    }

    /// Whether that very device is in the group that this one is in: one that was taken out may have been stolen.
    pub(super) fn is_here(&self, loaded: &mut Loaded, from: &LeafView) -> Result<bool, Fault> {
        self.load_group(loaded)?;
        let view = loaded.group.as_ref().map(|current| current.group.view());
        Ok(view.is_some_and(|view| leaf_of(view, from.account(), from.device()).is_some()))
    }

    /// Whether this device has added that one to the account: then it belongs wherever this one is.
    fn is_own_device(&self, leaf: &LeafView) -> Result<bool, Fault> {
        let own = leaf.account() == self.me()?.account();
        Ok(own && linked::has(self.tx, &leaf.device())?)
    }

    /// On a linked device: whether that one is of the same account, and was not seen taken out. Whoever has linked it adds it, or says that it is out.
    fn may_belong_here(&self, leaf: &LeafView) -> Result<bool, Fault> {
        let me = self.me()?;
        let own = leaf.account() == me.account() && me.account_key.is_none();
        Ok(own && !self.removed_devices()?.contains(&leaf.device()))
    }

    /// Takes a device out and adds it again in a while, unless somebody is quicker.
    pub(super) fn wish_readmit(
        &mut self,
        row: Row,
        from: &LeafView,
        package: &[u8],
    ) -> Result<(), Fault> {
        let (account, device) = (*from.account().as_bytes(), *from.device().as_bytes());
        let same =
            |wish: &Wish| matches!(wish, Wish::Readmit { device: other, .. } if *other == device);
        for intent in intent::of(self.tx, row)? {
            if same(&intent.wish) && intent.progress == Progress::Ready {
                self.forget_intent(intent.id)?;
            }
        }
        let wish = Wish::Readmit {
            account,
            device,
            key_package: package.to_vec(),
        };
        let when = self.now.after(self.within(READMIT_JITTER));
        self.intend(row, &wish, Progress::Ready, when)?;
        self.wake(when);
        Ok(())
    }

    /// This account is out. Whoever asks and was in with it is told who else was; who was out before, that it was.
    fn name_members(
        &mut self,
        loaded: &Loaded,
        from: &LeafView,
        package: &[u8],
    ) -> Result<(), Fault> {
        let me = self.me()?.account();
        let mut members = member::all(self.tx, loaded.row.row)?;
        let Some(asks) = members
            .iter()
            .find(|one| one.account == from.account())
            .cloned()
        else {
            return self.answer_ask(loaded, from, package, Errand::NotAMember);
        };
        members.retain(|one| one.account != me && one.account != from.account());
        members.sort_by_key(|one| (std::cmp::Reverse(one.role), one.account));
        let named = members.into_iter().take(MAX_NAMED);
        let mut named: Vec<AccountId> = named.map(|one| one.account).collect();
        if named.is_empty() && asks.account != me && asks.devices > 1 {
            // Whoever asks has other devices that may be in it.
            named.push(asks.account);
        } else if named.is_empty() {
            // Nobody else was in it.
            return self.answer_ask(loaded, from, package, Errand::NotAMember);
        }
        named.sort_unstable();
        self.answer_ask(loaded, from, package, Errand::AskThese(named))
    }

    /// Answers a device that has asked to be let in, by the key package that it has offered.
    pub(super) fn answer_ask(
        &mut self,
        loaded: &Loaded,
        from: &LeafView,
        package: &[u8],
        answer: Errand,
    ) -> Result<(), Fault> {
        let Some(package) = self.offered(package, from.account(), from.device()) else {
            return Ok(());
        };
        let suite = package.suite();
        self.send_errand(loaded, vec![package], suite, answer)
    }

    /// A key package that a device has offered, if it is that device's.
    pub(super) fn offered(
        &self,
        package: &[u8],
        account: AccountId,
        device: DeviceId,
    ) -> Option<CheckedKeyPackage> {
        let checked = CheckedKeyPackage::check(self.crypto, package, self.now).ok()?;
        let whose = checked.certificate();
        (whose.account == account && whose.device == device).then_some(checked)
    }
}

/// The leaf of a device.
pub(super) fn leaf_of(view: &GroupView, account: AccountId, device: DeviceId) -> Option<&LeafView> {
    let mut leaves = view.leaves.iter();
    leaves.find(|leaf| leaf.account() == account && leaf.device() == device)
}
