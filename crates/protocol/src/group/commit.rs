//! Commits (RFC 9420 section 12.4): staging one's own, judging and merging others'.

use keyfold_wire::ids::Epoch;
use openmls::group::CommitMessageBundle;
use openmls::prelude::{
    CommitBuilder, Initial, LeafNodeIndex, LeafNodeParameters, MlsMessageOut, OpenMlsProvider as _,
    Proposal, ProposalOrRefType, QueuedProposal, Sender, StagedCommit,
};

use super::config;
use super::device::Device;
use super::epoch::{self, NextEpoch};
use super::error::{Error, Reject};
use super::key_package::CheckedKeyPackage;
use super::leaf::{self, Places};
use super::provider::{Failure, Mls, Storage};
use super::{Group, state_in};
use crate::leave::LeaveProof;
use crate::roster::Roster;
use crate::rules::{CommitFacts, LeafIndex, Violation};
use crate::state::ConversationState;

/// What a commit of one's own is to do.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Devices that come in.
    pub added: Vec<CheckedKeyPackage>,
    /// Leaves that go.
    pub removed: Vec<LeafIndex>,
    /// The new state, if it changes.
    pub state: Option<ConversationState>,
    /// Whether the committer's own keys are replaced. Removing and a new state replace them in any case.
    pub update: Option<Update>,
    /// For those that leave by their own will.
    pub leave_proofs: Vec<LeaveProof>,
}

/// The committer's new leaf.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// A new delivery address; `None` keeps the present one.
    pub address: Option<Vec<u8>>,
}

/// A commit of one's own that waits for the server's word.
#[derive(Debug)]
pub struct Staged {
    /// An `MLSMessage`, to be sealed under the present epoch's key.
    pub commit: Vec<u8>,
    /// An `MLSMessage` for those that come in; `keyfold_protocol::welcome` splits it.
    pub welcome: Option<Vec<u8>>,
    /// What it does.
    pub facts: CommitFacts,
    /// The epoch that it leads to.
    pub next: NextEpoch,
}

/// A commit of another member that MLS accepts; the rules are still to be asked.
#[derive(Debug)]
pub struct StagedChange {
    staged: StagedCommit,
    facts: CommitFacts,
    next: Option<NextEpoch>,
}

impl StagedChange {
    pub(super) fn new<S: Storage>(
        group: &Group,
        mls: &Mls<'_, S>,
        committer: LeafIndex,
        aad: &[u8],
        staged: StagedCommit,
    ) -> Result<Self, Error<Failure<S>>> {
        let facts = facts(group, &staged, committer, aad)?;
        let next = if staged.self_removed() {
            None
        } else {
            Some(next(group, mls, &staged, &facts)?)
        };
        Ok(Self {
            staged,
            facts,
            next,
        })
    }

    /// Whose it is.
    pub fn committer(&self) -> LeafIndex {
        self.facts.committer
    }

    /// What it does, for `GroupView::judge`.
    pub fn facts(&self) -> &CommitFacts {
        &self.facts
    }

    /// The epoch that it leads to. `None`: it removes this device.
    pub fn next(&self) -> Option<&NextEpoch> {
        self.next.as_ref()
    }

    /// Whether it removes this device.
    pub fn removes_me(&self) -> bool {
        self.staged.self_removed()
    }
}

impl Group {
    /// Makes a commit and keeps it pending, until [`Group::merge_pending`] or [`Group::clear_pending`].
    ///
    /// # Errors
    /// [`Error::Pending`] while another waits, [`Error::NotAMember`], and [`Reject::InvalidCommit`] when MLS does not accept
    /// the change (a device twice, a leaf that does not exist, oneself removed).
    pub fn stage<S: Storage>(
        &mut self,
        mls: &Mls<'_, S>,
        device: Device<'_>,
        change: Change,
    ) -> Result<Staged, Error<Failure<S>>> {
        if !self.is_member() {
            return Err(Error::NotAMember);
        }
        if self.is_pending() {
            return Err(Error::Pending);
        }
        let aad = LeaveProof::encode_list(&change.leave_proofs);
        self.mls.set_aad(aad.clone());
        let bundle = self.build(mls, device, change);
        self.mls.set_aad(Vec::new());
        let bundle = bundle?;
        self.flush(mls)?;
        let staged = self
            .mls
            .pending_commit()
            .ok_or(Error::Internal("a commit that is not pending"))?;
        let facts = facts(self, staged, self.own_index(), &aad)?;
        let next = next(self, mls, staged, &facts)?;
        let welcome = bundle
            .to_welcome_msg()
            .map(|welcome| encode(&welcome))
            .transpose()?;
        Ok(Staged {
            commit: encode(bundle.commit())?,
            welcome,
            facts,
            next,
        })
    }

    fn build<S: Storage>(
        &mut self,
        mls: &Mls<'_, S>,
        device: Device<'_>,
        change: Change,
    ) -> Result<CommitMessageBundle, Error<Failure<S>>> {
        let builder = self.propose(device, change)?;
        let ready = builder
            .load_psks(mls.storage())
            .map_err(|_| mls.failed(Error::Internal("loading no PSKs")))?
            // No public group info: nobody joins by an external commit, and making one signs the whole tree.
            .create_group_info(false)
            .build(mls.rand(), mls.crypto(), &device, |_| true)
            .map_err(|error| mls.failed(Reject::InvalidCommit(error.to_string()).into()))?;
        ready
            .stage_commit(mls)
            .map_err(|_| mls.failed(Error::Internal("staging a commit")))
    }

    fn propose<'g>(
        &'g mut self,
        device: Device<'_>,
        change: Change,
    ) -> Result<CommitBuilder<'g, Initial>, Reject> {
        let leaf = change
            .update
            .map(|update| leaf_parameters(device, &update))
            .transpose()?;
        let mut builder = self
            .mls
            .commit_builder()
            .consume_proposal_store(false)
            .propose_removals(change.removed.iter().map(|leaf| LeafNodeIndex::new(leaf.0)))
            .propose_adds(change.added.into_iter().map(|added| added.key_package));
        if let Some(state) = change.state {
            builder = config::context_extensions(state.encode())
                .and_then(|extensions| builder.propose_group_context_extensions(extensions).ok())
                .ok_or(Violation::StateUnreadable)?;
        }
        Ok(match leaf {
            Some(leaf) => builder.force_self_update(true).leaf_node_parameters(leaf),
            None => builder,
        })
    }

    /// The epoch that the pending commit leads to; as [`Staged::next`], also after a restart. `None`: none is pending.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn pending_next<S: Storage>(
        &self,
        mls: &Mls<'_, S>,
    ) -> Result<Option<NextEpoch>, Error<Failure<S>>> {
        let Some(staged) = self.mls.pending_commit() else {
            return Ok(None);
        };
        let facts = facts(self, staged, self.own_index(), &[])?;
        next(self, mls, staged, &facts).map(Some)
    }

    /// Enters the epoch of one's own pending commit: the server accepted it.
    ///
    /// # Errors
    /// [`Error::Internal`] when none is pending, [`Error::Storage`].
    pub fn merge_pending<S: Storage>(&mut self, mls: &Mls<'_, S>) -> Result<(), Error<Failure<S>>> {
        if !self.is_pending() {
            return Err(Error::Internal("no commit is pending"));
        }
        mls.storage().write_secrets_next(self.id());
        self.mls
            .merge_pending_commit(mls)
            .map_err(|_| mls.failed(Error::Internal("merging a commit")))?;
        self.refresh()
    }

    /// Forgets one's own pending commit: somebody else's was first. Nothing happens when none is pending.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn clear_pending<S: Storage>(&mut self, mls: &Mls<'_, S>) -> Result<(), Error<Failure<S>>> {
        self.mls
            .clear_pending_commit(mls.storage())
            .map_err(Error::Storage)
    }

    /// Enters the epoch of another member's commit, or ends this device's membership. A pending commit is cleared.
    /// After one that removes this device, [`Group::delete`] what is left: the secrets of its last epoch.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Internal`].
    pub fn merge<S: Storage>(
        &mut self,
        mls: &Mls<'_, S>,
        change: StagedChange,
    ) -> Result<(), Error<Failure<S>>> {
        let (storage, epoch) = (mls.storage(), self.mls.epoch());
        storage.write_secrets_next(self.id());
        self.mls
            .merge_staged_commit(mls, change.staged)
            .map_err(|_| mls.failed(Error::Internal("merging a commit")))?;
        if !self.is_member() {
            // `openmls` leaves the private keys of the epoch behind that the removed member was last in.
            storage
                .delete_encryption_epoch_key_pairs(self.mls.group_id(), &epoch, self.own_index().0)
                .map_err(Error::Storage)?;
            self.flush(mls)?;
        }
        self.refresh()
    }
}

fn leaf_parameters(device: Device<'_>, update: &Update) -> Result<LeafNodeParameters, Reject> {
    let parameters = LeafNodeParameters::builder()
        .with_credential_with_key(device.credential())
        .with_capabilities(device.capabilities()?);
    let parameters = match &update.address {
        Some(address) => parameters
            .with_extensions(config::leaf_extensions(address).ok_or(Violation::AddressMissing)?),
        None => parameters,
    };
    Ok(parameters.build())
}

fn encode<E>(message: &MlsMessageOut) -> Result<Vec<u8>, Error<E>> {
    message
        .to_bytes()
        .map_err(|_| Error::Internal("encoding a commit"))
}

/// What a staged commit does to the group in its present epoch.
fn facts(
    group: &Group,
    staged: &StagedCommit,
    committer: LeafIndex,
    aad: &[u8],
) -> Result<CommitFacts, Reject> {
    let mut facts = CommitFacts::by(committer);
    facts.leave_proofs =
        LeaveProof::decode_list(aad).map_err(|_| Violation::LeaveProofsMalformed)?;
    facts.removed = staged
        .remove_proposals()
        .map(|remove| LeafIndex(remove.remove_proposal().removed().u32()))
        .collect();
    let mut places = Places::new(&group.view.leaves, &facts.removed);
    for proposal in staged.queued_proposals() {
        facts.other_proposals |= !is_by(proposal, committer);
        match proposal.proposal() {
            Proposal::Remove(_) => {}
            Proposal::Add(add) => {
                facts
                    .added
                    .push(leaf::verify(places.take(), add.key_package().leaf_node())?);
            }
            Proposal::GroupContextExtensions(context) => {
                facts.new_state = Some(state_in(context.extensions())?);
            }
            _ => facts.other_proposals = true,
        }
    }
    facts.path_leaf = staged
        .update_path_leaf_node()
        .map(|node| leaf::verify(committer, node))
        .transpose()?;
    Ok(facts)
}

/// By value in the commit, not by reference to something sent before.
fn is_by(proposal: &QueuedProposal, committer: LeafIndex) -> bool {
    proposal.proposal_or_ref_type() == ProposalOrRefType::Proposal
        && matches!(proposal.sender(), Sender::Member(leaf) if leaf.u32() == committer.0)
}

fn next<S: Storage>(
    group: &Group,
    mls: &Mls<'_, S>,
    staged: &StagedCommit,
    facts: &CommitFacts,
) -> Result<NextEpoch, Error<Failure<S>>> {
    let (roster_key, envelope_key) =
        epoch::keys(|label, length| staged.export_secret(mls.crypto(), label, &[], length))
            .ok_or(Error::Internal("exporting from a commit"))?;
    Ok(NextEpoch {
        epoch: Epoch(staged.epoch().as_u64()),
        roster: Roster::of(&group.view.after(facts).leaves),
        roster_key,
        envelope_key,
    })
}
