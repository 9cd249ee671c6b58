//! MLS groups (RFC 9420) over `openmls`: a thin layer that knows Keyfold's types and rules out what Keyfold does not use.
//!
//! - [`Mls`]: cryptography, storage and randomness of one step
//! - [`Group`]: one group in memory; every change is written to the storage in the same call, message secrets excepted
//!   (see [`Group::flush`])
//! - [`stage`](Group::stage), [`merge`](Group::merge): commits, one's own and others'
//! - [`CheckedKeyPackage`], [`make`], [`join`]: coming in
//!
//! A [`Reject`] leaves a group as it was, in memory and in the storage. After any other [`Error`] roll the storage back
//! and [`load`](Group::load) the group again.

mod commit;
mod config;
mod device;
mod epoch;
mod error;
mod join;
mod key_package;
mod leaf;
mod message;
mod provider;
#[cfg(test)]
mod tests;

use keyfold_wire::ids::Epoch;
use keyfold_wire::roster::RosterKey;
use openmls::prelude::{
    Extension, Extensions, GroupContext, GroupId, MlsGroup, OpenMlsProvider as _,
};

use openmls::treesync::LeafNodeSource;

pub use commit::{Change, Staged, StagedChange, Update};
pub use config::{MAX_PAST_EPOCHS, MAXIMUM_FORWARD_DISTANCE, OUT_OF_ORDER_TOLERANCE};
pub use device::Device;
pub use epoch::NextEpoch;
pub use error::{Error, Reject};
pub use join::{Joined, join, join_again};
pub use key_package::{CheckedKeyPackage, OwnKeyPackage, Use, delete, make};
pub use message::{Application, Processed};
pub use provider::{Crypto, Mls, NoRandomness, Rng, StepRand, Storage};

use crate::envelope::EnvelopeKey;
use crate::roster::Roster;
use crate::rules::{GroupView, LeafIndex, LeafView, Violation};
use crate::signal::SignalKey;
use crate::state::{self, ConversationState};
use crate::suite::Suite;
use provider::Failure;

/// One MLS group as this device has it. Not `Clone`: two copies would use the same keys twice.
#[derive(Debug)]
pub struct Group {
    mls: MlsGroup,
    view: GroupView,
}

/// What a new group begins with.
#[derive(Debug, Clone, Copy)]
pub struct NewGroup<'a> {
    /// Its MLS group id; random.
    pub group_id: &'a [u8],
    /// Its cipher suite, for good.
    pub suite: Suite,
    /// What its members will agree on.
    pub state: &'a ConversationState,
    /// This device's delivery address in it.
    pub address: &'a [u8],
}

impl Group {
    /// Makes a group with this device as its only member, at epoch 0.
    ///
    /// # Errors
    /// [`Error`]: the certificate is not this device's, there is such a group already, or the storage fails.
    pub fn create<S: Storage>(
        mls: &Mls<'_, S>,
        device: Device<'_>,
        new: NewGroup<'_>,
    ) -> Result<Self, Error<Failure<S>>> {
        let leaf = config::leaf_extensions(new.address)
            .ok_or(Violation::AddressMissing)
            .map_err(Reject::from)?;
        let context = config::context_extensions(new.state.encode())
            .ok_or(Error::Internal("group extensions"))?;
        let config = config::create_config(new.suite, device.capabilities()?, context, leaf)
            .ok_or(Error::Internal("group configuration"))?;
        let id = GroupId::from_slice(new.group_id);
        let group = MlsGroup::new_with_group_id(mls, &device, &config, id, device.credential())
            .map_err(|_| mls.failed(Error::Internal("making a group")))?;
        let mut group = Self {
            view: view(&group, leaf::verify)?,
            mls: group,
        };
        group.flush(mls)?;
        Ok(group)
    }

    /// Reads a group from the storage. `None`: there is none with this id.
    ///
    /// # Errors
    /// [`Error`] when the storage fails or holds something else.
    pub fn load<S: Storage>(
        storage: &S,
        group_id: &[u8],
    ) -> Result<Option<Self>, Error<Failure<S>>> {
        match MlsGroup::load(storage, &GroupId::from_slice(group_id)).map_err(Error::Storage)? {
            Some(group) => Ok(Some(Self {
                view: view(&group, leaf::known)?,
                mls: group,
            })),
            None => Ok(None),
        }
    }

    /// Deletes all of it from the storage.
    ///
    /// # Errors
    /// [`Error`] when the storage fails.
    pub fn delete<S: Storage>(mut self, storage: &S) -> Result<(), Error<Failure<S>>> {
        self.mls.delete(storage).map_err(Error::Storage)
    }

    /// The MLS group id.
    pub fn id(&self) -> &[u8] {
        &self.view.group_id
    }

    /// The epoch.
    pub fn epoch(&self) -> Epoch {
        self.view.epoch
    }

    /// The cipher suite.
    pub fn suite(&self) -> Suite {
        self.view.suite
    }

    /// What the members agreed on.
    pub fn state(&self) -> &ConversationState {
        &self.view.state
    }

    /// The group in this epoch. Kept ready: asking costs nothing.
    pub fn view(&self) -> &GroupView {
        &self.view
    }

    /// The member at a leaf in this epoch, by binary search.
    pub fn member(&self, index: LeafIndex) -> Option<&LeafView> {
        let place = self
            .view
            .leaves
            .binary_search_by_key(&index, |leaf| leaf.index)
            .ok()?;
        self.view.leaves.get(place)
    }

    /// Leaves that are as they were added: their devices have not renewed them, and perhaps have never come in.
    pub fn not_renewed(&self) -> Vec<LeafIndex> {
        let leaves = self.mls.treesync().full_leaves();
        leaves
            .filter(|(_, node)| matches!(node.leaf_node_source(), LeafNodeSource::KeyPackage(_)))
            .map(|(index, _)| LeafIndex(index.u32()))
            .collect()
    }

    /// This device's leaf.
    pub fn own_index(&self) -> LeafIndex {
        LeafIndex(self.mls.own_leaf_index().u32())
    }

    /// Whether this device is (still) a member.
    pub fn is_member(&self) -> bool {
        self.mls.is_active()
    }

    /// Whether a commit of one's own waits to be merged or cleared.
    pub fn is_pending(&self) -> bool {
        self.mls.pending_commit().is_some()
    }

    /// The delivery addresses of this epoch in leaf order.
    pub fn roster(&self) -> Roster {
        Roster::of(&self.view.leaves)
    }

    /// The key that this epoch's roster is sealed under.
    ///
    /// # Errors
    /// [`Error::NotAMember`] after this device was removed.
    pub fn roster_key<S: Storage>(&self, mls: &Mls<'_, S>) -> Result<RosterKey, Error<Failure<S>>> {
        self.keys(mls).map(|(roster_key, _)| roster_key)
    }

    /// The key that this epoch's bodies are sealed under.
    ///
    /// # Errors
    /// [`Error::NotAMember`] after this device was removed.
    pub fn envelope_key<S: Storage>(
        &self,
        mls: &Mls<'_, S>,
    ) -> Result<EnvelopeKey, Error<Failure<S>>> {
        self.keys(mls).map(|(_, envelope_key)| envelope_key)
    }

    /// The key that this epoch's signals are sealed under.
    ///
    /// # Errors
    /// [`Error::NotAMember`] after this device was removed.
    pub fn signal_key<S: Storage>(&self, mls: &Mls<'_, S>) -> Result<SignalKey, Error<Failure<S>>> {
        let export = |label: &str, length| self.mls.export_secret(mls.crypto(), label, &[], length);
        let key = epoch::key(&export, crate::signal::EXPORTER_LABEL).ok_or(Error::NotAMember)?;
        Ok(SignalKey::new(*key))
    }

    fn keys<S: Storage>(
        &self,
        mls: &Mls<'_, S>,
    ) -> Result<(RosterKey, EnvelopeKey), Error<Failure<S>>> {
        epoch::keys(|label, length| self.mls.export_secret(mls.crypto(), label, &[], length))
            .ok_or(Error::NotAMember)
    }

    /// Takes over what the tree says after an epoch began.
    fn refresh<E>(&mut self) -> Result<(), Error<E>> {
        self.view = view(&self.mls, leaf::known)?;
        Ok(())
    }
}

/// What the rules see of a group. `read` turns a leaf node into a leaf.
fn view<E>(
    group: &MlsGroup,
    read: impl Fn(LeafIndex, &openmls::prelude::LeafNode) -> Result<LeafView, Reject>,
) -> Result<GroupView, Error<E>> {
    let leaves = group.treesync().full_leaves();
    Ok(GroupView {
        group_id: group.group_id().to_vec(),
        epoch: Epoch(group.epoch().as_u64()),
        suite: config::suite(group.ciphersuite()).ok_or(Reject::Rule(Violation::SuiteNotSpoken))?,
        state: state_in(group.extensions()).map_err(Reject::from)?,
        leaves: leaves
            .map(|(index, node)| read(LeafIndex(index.u32()), node))
            .collect::<Result<_, _>>()?,
    })
}

/// The conversation's state in a group context that holds it, the required capabilities, and nothing else.
fn state_in(extensions: &Extensions<GroupContext>) -> Result<ConversationState, Violation> {
    let expected = config::required_capabilities();
    let required = extensions.iter().any(
        |extension| matches!(extension, Extension::RequiredCapabilities(required) if *required == expected),
    );
    if !required || extensions.iter().count() != 2 {
        return Err(Violation::ForbiddenProposal);
    }
    let encoded = extensions
        .unknown(state::EXTENSION_TYPE)
        .ok_or(Violation::StateUnreadable)?;
    ConversationState::decode(&encoded.0).map_err(|_| Violation::StateUnreadable)
}
