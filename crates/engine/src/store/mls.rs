//! What `openmls` stores, in the step's own transaction.
//!
//! Message secrets change with every message and are written as a whole. Within a step they are only noted as changed;
//! [`Group::flush`](keyfold_protocol::group::Group::flush) writes them once. They are padded, so that their length seldom
//! changes: then SQLite overwrites in place, and only pages that differ are encrypted and written.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use keyfold_protocol::group::Storage;
use openmls::prelude::GroupId;
use openmls_traits::storage::{CURRENT_VERSION, Entity, StorageProvider, traits};
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;

use super::codec::{self, Buffer};
use crate::Fault;

/// Message secrets are padded to a multiple of this: growth by a few bytes does not move pages.
const SECRETS_STEP: usize = 1_024;

/// What a row of `mls` holds. Stored numbers never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
enum Kind {
    JoinConfig = 1,
    OwnLeafNodes = 2,
    Proposal = 3,
    Tree = 4,
    TranscriptHash = 5,
    Context = 6,
    ConfirmationTag = 7,
    GroupState = 8,
    MessageSecrets = 9,
    ResumptionPsks = 10,
    OwnLeafIndex = 11,
    EpochSecrets = 12,
    SignatureKeys = 13,
    EncryptionKeys = 14,
    EpochKeys = 15,
    KeyPackage = 16,
    Psk = 17,
}

/// The MLS state within one transaction.
pub struct MlsStorage<'t> {
    tx: &'t Connection,
    value: RefCell<Buffer>,
    /// Groups whose message secrets changed and are not written, by encoded id.
    owed: RefCell<BTreeSet<Vec<u8>>>,
    /// Groups whose message secrets are written next time.
    through: RefCell<BTreeSet<Vec<u8>>>,
    failure: Cell<Option<Fault>>,
}

/// A part of a step that can be taken back alone. See [`MlsStorage::attempt`].
#[must_use = "an attempt is kept or taken back"]
pub(crate) struct Attempt {
    owed: BTreeSet<Vec<u8>>,
    through: BTreeSet<Vec<u8>>,
}

impl<'t> MlsStorage<'t> {
    /// The MLS state that this connection's open transaction sees.
    pub fn new(tx: &'t Connection) -> Self {
        Self {
            tx,
            value: RefCell::default(),
            owed: RefCell::default(),
            through: RefCell::default(),
            failure: Cell::default(),
        }
    }

    /// To be asked before COMMIT: nothing that changed may be left unwritten, else a key would be used twice.
    ///
    /// # Errors
    /// [`Fault::Internal`] when a group was not flushed.
    pub fn check_settled(&self) -> Result<(), Fault> {
        if self.owed.borrow().is_empty() {
            Ok(())
        } else {
            Err(Fault::Internal("a group was not flushed"))
        }
    }

    /// Begins a part of the step that can be taken back alone: all that is written from now on, in whatever table. A group
    /// that is not kept owes nothing either.
    pub(crate) fn attempt(&self) -> Result<Attempt, Fault> {
        self.tx.execute_batch("SAVEPOINT attempt")?;
        Ok(Attempt {
            owed: self.owed.borrow().clone(),
            through: self.through.borrow().clone(),
        })
    }

    /// Keeps what was written since, as part of the step.
    pub(crate) fn keep(&self, attempt: Attempt) -> Result<(), Fault> {
        drop(attempt);
        Ok(self.tx.execute_batch("RELEASE attempt")?)
    }

    /// Takes back what was written since.
    pub(crate) fn take_back(&self, attempt: Attempt) -> Result<(), Fault> {
        self.owed.replace(attempt.owed);
        self.through.replace(attempt.through);
        Ok(self
            .tx
            .execute_batch("ROLLBACK TO attempt; RELEASE attempt")?)
    }

    /// Passes a result on, and remembers the first failure for [`Storage::take_failure`].
    fn noted<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &result {
            let first = self.failure.take().unwrap_or_else(|| fault.clone());
            self.failure.set(Some(first));
        }
        result
    }

    fn put(&self, kind: Kind, key: &impl Serialize, value: &impl Serialize) -> Result<(), Fault> {
        self.noted(encoded(key).and_then(|key| {
            let mut buffer = self.value.borrow_mut();
            self.write(kind, &key, buffer.fill(value)?)
        }))
    }

    fn put_secrets(&self, key: &impl Serialize, value: &impl Serialize) -> Result<(), Fault> {
        self.noted(encoded(key).and_then(|key| {
            if !self.through.borrow_mut().remove(&key) {
                self.owed.borrow_mut().insert(key);
                return Ok(());
            }
            self.owed.borrow_mut().remove(&key);
            let mut buffer = self.value.borrow_mut();
            let value = buffer.fill(value)?;
            value.resize(value.len().next_multiple_of(SECRETS_STEP), 0);
            self.write(Kind::MessageSecrets, &key, value)
        }))
    }

    fn write(&self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let mut update = self
            .tx
            .prepare_cached("UPDATE mls SET value = ?3 WHERE kind = ?1 AND key = ?2")?;
        if update.execute((kind as i64, key, value))? == 0 {
            let mut insert = self
                .tx
                .prepare_cached("INSERT INTO mls (kind, key, value) VALUES (?1, ?2, ?3)")?;
            insert.execute((kind as i64, key, value))?;
        }
        Ok(())
    }

    fn read(&self, kind: Kind, key: &[u8]) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, Fault> {
        let mut select = self
            .tx
            .prepare_cached("SELECT value FROM mls WHERE kind = ?1 AND key = ?2")?;
        let value = select
            .query_row((kind as i64, key), |row| row.get(0))
            .optional()?;
        Ok(value.map(zeroize::Zeroizing::new))
    }

    fn get<V: Entity<CURRENT_VERSION>>(
        &self,
        kind: Kind,
        key: &impl Serialize,
    ) -> Result<Option<V>, Fault> {
        self.noted(encoded(key).and_then(|key| match self.read(kind, &key)? {
            Some(value) => codec::decode(&value).map(Some),
            None => Ok(None),
        }))
    }

    fn erase(&self, kind: Kind, key: &impl Serialize) -> Result<(), Fault> {
        self.noted(encoded(key).and_then(|key| self.delete(kind, &key)))
    }

    fn delete(&self, kind: Kind, key: &[u8]) -> Result<(), Fault> {
        let mut delete = self
            .tx
            .prepare_cached("DELETE FROM mls WHERE kind = ?1 AND key = ?2")?;
        delete.execute((kind as i64, key))?;
        Ok(())
    }

    /// The queued proposals of a group in their order: rows whose keys begin with the group's.
    fn proposals<V: serde::de::DeserializeOwned>(
        &self,
        group_id: &impl Serialize,
    ) -> Result<Vec<V>, Fault> {
        let prefix = encoded(group_id)?;
        let sql = "SELECT value FROM mls
            WHERE kind = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2 ORDER BY id";
        let mut select = self.tx.prepare_cached(sql)?;
        let mut rows = select.query((Kind::Proposal as i64, &prefix))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let value: Vec<u8> = row.get(0)?;
            all.extend(codec::decode_all(&value)?);
        }
        Ok(all)
    }

    /// Adds a value to a list, which is values one after the other.
    fn append(
        &self,
        kind: Kind,
        key: &impl Serialize,
        value: &impl Serialize,
    ) -> Result<(), Fault> {
        self.noted(encoded(key).and_then(|key| {
            let mut list = self.read(kind, &key)?.unwrap_or_default();
            codec::encode(value, &mut list)?;
            self.write(kind, &key, &list)
        }))
    }

    fn list<V: serde::de::DeserializeOwned>(
        &self,
        kind: Kind,
        key: &impl Serialize,
    ) -> Result<Vec<V>, Fault> {
        self.noted(encoded(key).and_then(|key| match self.read(kind, &key)? {
            Some(list) => codec::decode_all(&list),
            None => Ok(Vec::new()),
        }))
    }
}

fn encoded(key: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(64);
    codec::encode(key, &mut bytes)?;
    Ok(bytes)
}

/// Both encodings say where they end, so that one group's key is never another's beginning.
fn proposal_key(group_id: &impl Serialize, reference: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let mut key = encoded(group_id)?;
    codec::encode(reference, &mut key)?;
    Ok(key)
}

fn group_key(group_id: &[u8]) -> Vec<u8> {
    // An id is bytes alone: encoding it does not fail. If it did, nothing would be found under the empty key.
    encoded(&GroupId::from_slice(group_id)).unwrap_or_default()
}

impl Storage for MlsStorage<'_> {
    fn take_failure(&self) -> Option<Fault> {
        self.failure.take()
    }

    fn owes_secrets(&self, group_id: &[u8]) -> bool {
        self.owed.borrow().contains(&group_key(group_id))
    }

    fn write_secrets_next(&self, group_id: &[u8]) {
        self.through.borrow_mut().insert(group_key(group_id));
    }
}

/// Methods that put one value under one key.
macro_rules! put {
    ($($method:ident[$($type:ident),+]($key:ident => $value:ident) in $kind:ident;)+) => {$(
        fn $method<$($type: traits::$type<CURRENT_VERSION>),+>(&self, key: &$key, value: &$value) -> Result<(), Fault> {
            self.put(Kind::$kind, key, value)
        }
    )+};
}

/// Methods that read one value.
macro_rules! get {
    ($($method:ident[$($type:ident),+]($key:ident) -> $value:ident in $kind:ident;)+) => {$(
        fn $method<$($type: traits::$type<CURRENT_VERSION>),+>(&self, key: &$key) -> Result<Option<$value>, Fault> {
            self.get(Kind::$kind, key)
        }
    )+};
}

/// Methods that erase what is under one key.
macro_rules! erase {
    ($($method:ident[$($type:ident),+]($key:ident) in $kind:ident;)+) => {$(
        fn $method<$($type: traits::$type<CURRENT_VERSION>),+>(&self, key: &$key) -> Result<(), Fault> {
            self.erase(Kind::$kind, key)
        }
    )+};
}

impl StorageProvider<CURRENT_VERSION> for MlsStorage<'_> {
    type Error = Fault;

    put! {
        write_mls_join_config[GroupId, MlsGroupJoinConfig](GroupId => MlsGroupJoinConfig) in JoinConfig;
        write_tree[GroupId, TreeSync](GroupId => TreeSync) in Tree;
        write_interim_transcript_hash[GroupId, InterimTranscriptHash](GroupId => InterimTranscriptHash) in TranscriptHash;
        write_context[GroupId, GroupContext](GroupId => GroupContext) in Context;
        write_confirmation_tag[GroupId, ConfirmationTag](GroupId => ConfirmationTag) in ConfirmationTag;
        write_group_state[GroupState, GroupId](GroupId => GroupState) in GroupState;
        write_resumption_psk_store[GroupId, ResumptionPskStore](GroupId => ResumptionPskStore) in ResumptionPsks;
        write_own_leaf_index[GroupId, LeafNodeIndex](GroupId => LeafNodeIndex) in OwnLeafIndex;
        write_group_epoch_secrets[GroupId, GroupEpochSecrets](GroupId => GroupEpochSecrets) in EpochSecrets;
        write_signature_key_pair[SignaturePublicKey, SignatureKeyPair](SignaturePublicKey => SignatureKeyPair) in SignatureKeys;
        write_encryption_key_pair[EncryptionKey, HpkeKeyPair](EncryptionKey => HpkeKeyPair) in EncryptionKeys;
        write_key_package[HashReference, KeyPackage](HashReference => KeyPackage) in KeyPackage;
        write_psk[PskId, PskBundle](PskId => PskBundle) in Psk;
    }

    get! {
        mls_group_join_config[GroupId, MlsGroupJoinConfig](GroupId) -> MlsGroupJoinConfig in JoinConfig;
        tree[GroupId, TreeSync](GroupId) -> TreeSync in Tree;
        group_context[GroupId, GroupContext](GroupId) -> GroupContext in Context;
        interim_transcript_hash[GroupId, InterimTranscriptHash](GroupId) -> InterimTranscriptHash in TranscriptHash;
        confirmation_tag[GroupId, ConfirmationTag](GroupId) -> ConfirmationTag in ConfirmationTag;
        group_state[GroupState, GroupId](GroupId) -> GroupState in GroupState;
        message_secrets[GroupId, MessageSecrets](GroupId) -> MessageSecrets in MessageSecrets;
        resumption_psk_store[GroupId, ResumptionPskStore](GroupId) -> ResumptionPskStore in ResumptionPsks;
        own_leaf_index[GroupId, LeafNodeIndex](GroupId) -> LeafNodeIndex in OwnLeafIndex;
        group_epoch_secrets[GroupId, GroupEpochSecrets](GroupId) -> GroupEpochSecrets in EpochSecrets;
        signature_key_pair[SignaturePublicKey, SignatureKeyPair](SignaturePublicKey) -> SignatureKeyPair in SignatureKeys;
        encryption_key_pair[HpkeKeyPair, EncryptionKey](EncryptionKey) -> HpkeKeyPair in EncryptionKeys;
        key_package[HashReference, KeyPackage](HashReference) -> KeyPackage in KeyPackage;
        psk[PskBundle, PskId](PskId) -> PskBundle in Psk;
    }

    erase! {
        delete_own_leaf_nodes[GroupId](GroupId) in OwnLeafNodes;
        delete_group_config[GroupId](GroupId) in JoinConfig;
        delete_tree[GroupId](GroupId) in Tree;
        delete_confirmation_tag[GroupId](GroupId) in ConfirmationTag;
        delete_group_state[GroupId](GroupId) in GroupState;
        delete_context[GroupId](GroupId) in Context;
        delete_interim_transcript_hash[GroupId](GroupId) in TranscriptHash;
        delete_all_resumption_psk_secrets[GroupId](GroupId) in ResumptionPsks;
        delete_own_leaf_index[GroupId](GroupId) in OwnLeafIndex;
        delete_group_epoch_secrets[GroupId](GroupId) in EpochSecrets;
        delete_signature_key_pair[SignaturePublicKey](SignaturePublicKey) in SignatureKeys;
        delete_encryption_key_pair[EncryptionKey](EncryptionKey) in EncryptionKeys;
        delete_key_package[HashReference](HashReference) in KeyPackage;
        delete_psk[PskId](PskId) in Psk;
    }

    fn write_message_secrets<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        MessageSecrets: traits::MessageSecrets<CURRENT_VERSION>,
    >(
        &self,
        key: &GroupId,
        value: &MessageSecrets,
    ) -> Result<(), Fault> {
        self.put_secrets(key, value)
    }

    fn delete_message_secrets<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        key: &GroupId,
    ) -> Result<(), Fault> {
        let encoded = encoded(key)?;
        self.owed.borrow_mut().remove(&encoded);
        self.through.borrow_mut().remove(&encoded);
        self.erase(Kind::MessageSecrets, key)
    }

    fn append_own_leaf_node<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        LeafNode: traits::LeafNode<CURRENT_VERSION>,
    >(
        &self,
        key: &GroupId,
        value: &LeafNode,
    ) -> Result<(), Fault> {
        self.append(Kind::OwnLeafNodes, key, value)
    }

    fn own_leaf_nodes<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        LeafNode: traits::LeafNode<CURRENT_VERSION>,
    >(
        &self,
        key: &GroupId,
    ) -> Result<Vec<LeafNode>, Fault> {
        self.list(Kind::OwnLeafNodes, key)
    }

    fn queue_proposal<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
        QueuedProposal: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        reference: &ProposalRef,
        proposal: &QueuedProposal,
    ) -> Result<(), Fault> {
        self.noted(proposal_key(group_id, reference).and_then(|key| {
            let mut buffer = self.value.borrow_mut();
            self.write(Kind::Proposal, &key, buffer.fill(&(reference, proposal))?)
        }))
    }

    fn queued_proposals<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
        QueuedProposal: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<(ProposalRef, QueuedProposal)>, Fault> {
        self.noted(self.proposals(group_id))
    }

    fn queued_proposal_refs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<ProposalRef>, Fault> {
        let all: Vec<(ProposalRef, serde::de::IgnoredAny)> =
            self.noted(self.proposals(group_id))?;
        Ok(all.into_iter().map(|(reference, _)| reference).collect())
    }

    fn remove_proposal<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        reference: &ProposalRef,
    ) -> Result<(), Fault> {
        self.noted(
            proposal_key(group_id, reference).and_then(|key| self.delete(Kind::Proposal, &key)),
        )
    }

    fn clear_proposal_queue<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Fault> {
        self.noted(encoded(group_id).and_then(|prefix| {
            let sql =
                "DELETE FROM mls WHERE kind = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2";
            self.tx
                .prepare_cached(sql)?
                .execute((Kind::Proposal as i64, &prefix))?;
            Ok(())
        }))
    }

    fn write_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
        key_pairs: &[HpkeKeyPair],
    ) -> Result<(), Fault> {
        self.noted(encoded(&(group_id, epoch, leaf_index)).and_then(|key| {
            let mut list = zeroize::Zeroizing::new(Vec::new());
            key_pairs
                .iter()
                .try_for_each(|pair| codec::encode(pair, &mut list))?;
            self.write(Kind::EpochKeys, &key, &list)
        }))
    }

    fn encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<Vec<HpkeKeyPair>, Fault> {
        self.list(Kind::EpochKeys, &(group_id, epoch, leaf_index))
    }

    fn delete_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<(), Fault> {
        self.erase(Kind::EpochKeys, &(group_id, epoch, leaf_index))
    }
}
