//! A storage in memory that notes message secrets as a device's database does, instead of writing them with each message.

use std::cell::RefCell;
use std::collections::BTreeSet;

use openmls::prelude::GroupId;
use openmls_rust_crypto::{MemoryStorage, MemoryStorageError};
use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};
use serde::Serialize;

use crate::group::Storage;

#[derive(Debug, Default)]
pub(super) struct Notebook {
    pub(super) written: MemoryStorage,
    /// Groups whose message secrets changed and are not written, by encoded id.
    owed: RefCell<BTreeSet<Vec<u8>>>,
    /// Groups whose message secrets are written next time.
    next: RefCell<BTreeSet<Vec<u8>>>,
}

impl Notebook {
    /// How many entries there are under this name.
    pub(super) fn count(&self, name: &str) -> usize {
        let values = self.written.values.read().unwrap();
        let names = values.keys();
        names.filter(|key| key.starts_with(name.as_bytes())).count()
    }
}

fn encoded(group_id: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(group_id).unwrap()
}

impl Storage for Notebook {
    fn take_failure(&self) -> Option<MemoryStorageError> {
        None
    }

    fn owes_secrets(&self, group_id: &[u8]) -> bool {
        let owed = self.owed.borrow();
        owed.contains(&encoded(&GroupId::from_slice(group_id)))
    }

    fn write_secrets_next(&self, group_id: &[u8]) {
        let group_id = encoded(&GroupId::from_slice(group_id));
        self.next.borrow_mut().insert(group_id);
    }
}

/// Methods that do what the storage in memory does.
macro_rules! written {
    ($($method:ident[$($kind:ident),+]($($arg:ident: $type:ty),+) -> $value:ty;)+) => {$(
        fn $method<$($kind: traits::$kind<CURRENT_VERSION>),+>(&self, $($arg: $type),+) -> Result<$value, MemoryStorageError> {
            self.written.$method::<$($kind),+>($($arg),+)
        }
    )+};
}

impl StorageProvider<CURRENT_VERSION> for Notebook {
    type Error = MemoryStorageError;

    fn write_message_secrets<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        MessageSecrets: traits::MessageSecrets<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        secrets: &MessageSecrets,
    ) -> Result<(), MemoryStorageError> {
        let group = encoded(group_id);
        if !self.next.borrow_mut().remove(&group) {
            self.owed.borrow_mut().insert(group);
            return Ok(());
        }
        self.owed.borrow_mut().remove(&group);
        self.written.write_message_secrets(group_id, secrets)
    }

    written! {
        write_mls_join_config[GroupId, MlsGroupJoinConfig](id: &GroupId, value: &MlsGroupJoinConfig) -> ();
        append_own_leaf_node[GroupId, LeafNode](id: &GroupId, value: &LeafNode) -> ();
        queue_proposal[GroupId, ProposalRef, QueuedProposal](id: &GroupId, name: &ProposalRef, value: &QueuedProposal) -> ();
        write_tree[GroupId, TreeSync](id: &GroupId, value: &TreeSync) -> ();
        write_interim_transcript_hash[GroupId, InterimTranscriptHash](id: &GroupId, value: &InterimTranscriptHash) -> ();
        write_context[GroupId, GroupContext](id: &GroupId, value: &GroupContext) -> ();
        write_confirmation_tag[GroupId, ConfirmationTag](id: &GroupId, value: &ConfirmationTag) -> ();
        write_group_state[GroupState, GroupId](id: &GroupId, value: &GroupState) -> ();
        write_resumption_psk_store[GroupId, ResumptionPskStore](id: &GroupId, value: &ResumptionPskStore) -> ();
        write_own_leaf_index[GroupId, LeafNodeIndex](id: &GroupId, value: &LeafNodeIndex) -> ();
        write_group_epoch_secrets[GroupId, GroupEpochSecrets](id: &GroupId, value: &GroupEpochSecrets) -> ();
        write_signature_key_pair[SignaturePublicKey, SignatureKeyPair](id: &SignaturePublicKey, value: &SignatureKeyPair) -> ();
        write_encryption_key_pair[EncryptionKey, HpkeKeyPair](id: &EncryptionKey, value: &HpkeKeyPair) -> ();
        write_encryption_epoch_key_pairs[GroupId, EpochKey, HpkeKeyPair](id: &GroupId, epoch: &EpochKey, leaf: u32, value: &[HpkeKeyPair]) -> ();
        write_key_package[HashReference, KeyPackage](id: &HashReference, value: &KeyPackage) -> ();
        write_psk[PskId, PskBundle](id: &PskId, value: &PskBundle) -> ();
        mls_group_join_config[GroupId, MlsGroupJoinConfig](id: &GroupId) -> Option<MlsGroupJoinConfig>;
        own_leaf_nodes[GroupId, LeafNode](id: &GroupId) -> Vec<LeafNode>;
        queued_proposal_refs[GroupId, ProposalRef](id: &GroupId) -> Vec<ProposalRef>;
        queued_proposals[GroupId, ProposalRef, QueuedProposal](id: &GroupId) -> Vec<(ProposalRef, QueuedProposal)>;
        tree[GroupId, TreeSync](id: &GroupId) -> Option<TreeSync>;
        group_context[GroupId, GroupContext](id: &GroupId) -> Option<GroupContext>;
        interim_transcript_hash[GroupId, InterimTranscriptHash](id: &GroupId) -> Option<InterimTranscriptHash>;
        confirmation_tag[GroupId, ConfirmationTag](id: &GroupId) -> Option<ConfirmationTag>;
        group_state[GroupState, GroupId](id: &GroupId) -> Option<GroupState>;
        message_secrets[GroupId, MessageSecrets](id: &GroupId) -> Option<MessageSecrets>;
        resumption_psk_store[GroupId, ResumptionPskStore](id: &GroupId) -> Option<ResumptionPskStore>;
        own_leaf_index[GroupId, LeafNodeIndex](id: &GroupId) -> Option<LeafNodeIndex>;
        group_epoch_secrets[GroupId, GroupEpochSecrets](id: &GroupId) -> Option<GroupEpochSecrets>;
        signature_key_pair[SignaturePublicKey, SignatureKeyPair](id: &SignaturePublicKey) -> Option<SignatureKeyPair>;
        encryption_key_pair[HpkeKeyPair, EncryptionKey](id: &EncryptionKey) -> Option<HpkeKeyPair>;
        encryption_epoch_key_pairs[GroupId, EpochKey, HpkeKeyPair](id: &GroupId, epoch: &EpochKey, leaf: u32) -> Vec<HpkeKeyPair>;
        key_package[HashReference, KeyPackage](id: &HashReference) -> Option<KeyPackage>;
        psk[PskBundle, PskId](id: &PskId) -> Option<PskBundle>;
        remove_proposal[GroupId, ProposalRef](id: &GroupId, name: &ProposalRef) -> ();
        delete_own_leaf_nodes[GroupId](id: &GroupId) -> ();
        delete_group_config[GroupId](id: &GroupId) -> ();
        delete_tree[GroupId](id: &GroupId) -> ();
        delete_confirmation_tag[GroupId](id: &GroupId) -> ();
        delete_group_state[GroupId](id: &GroupId) -> ();
        delete_context[GroupId](id: &GroupId) -> ();
        delete_interim_transcript_hash[GroupId](id: &GroupId) -> ();
        delete_message_secrets[GroupId](id: &GroupId) -> ();
        delete_all_resumption_psk_secrets[GroupId](id: &GroupId) -> ();
        delete_own_leaf_index[GroupId](id: &GroupId) -> ();
        delete_group_epoch_secrets[GroupId](id: &GroupId) -> ();
        clear_proposal_queue[GroupId, ProposalRef](id: &GroupId) -> ();
        delete_signature_key_pair[SignaturePublicKey](id: &SignaturePublicKey) -> ();
        delete_encryption_key_pair[EncryptionKey](id: &EncryptionKey) -> ();
        delete_encryption_epoch_key_pairs[GroupId, EpochKey](id: &GroupId, epoch: &EpochKey, leaf: u32) -> ();
        delete_key_package[HashReference](id: &HashReference) -> ();
        delete_psk[PskId](id: &PskId) -> ();
    }
}
