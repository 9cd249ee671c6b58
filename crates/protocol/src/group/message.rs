//! Messages (RFC 9420 sections 6 and 15): encrypting one's own, opening others'.

use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::Epoch;
use openmls::framing::errors::{MessageDecryptionError, SecretTreeError};
use openmls::group::{PastEpochDeletion, ProcessMessageError, ValidationError};
use openmls::prelude::{
    DeserializeBytes as _, MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider as _, ProcessedMessage,
    ProcessedMessageContent, ProtocolMessage, Sender,
};

use super::Group;
use super::commit::StagedChange;
use super::config::MAX_PAST_EPOCHS;
use super::device::Device;
use super::error::{Error, Reject};
use super::provider::{Failure, Mls, Storage};
use crate::rules::{LeafIndex, Violation};

/// What an opened message is.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and most messages are of the larger kind"
)]
pub enum Processed {
    /// Somebody said something.
    Application(Application),
    /// Somebody changes the group: judge it, then merge or refuse it.
    Commit(Box<StagedChange>),
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The sender's leaf in that epoch.
    pub leaf: LeafIndex,
    /// Whose leaf that was.
    pub sender: Certificate,
    /// The epoch.
    pub epoch: Epoch,
    /// The bytes.
    pub content: Vec<u8>,
}

impl Group {
    /// Encrypts for all members in this epoch. Gives an `MLSMessage`.
    ///
    /// # Errors
    /// [`Error::Pending`] while a commit waits: what was encrypted now would be stale once that is accepted. Else
    /// [`Error::NotAMember`].
    pub fn encrypt<S: Storage>(
        &mut self,
        mls: &Mls<'_, S>,
        device: Device<'_>,
        content: &[u8],
    ) -> Result<Vec<u8>, Error<Failure<S>>> {
        if !self.is_member() {
            return Err(Error::NotAMember);
        }
        if self.is_pending() {
            return Err(Error::Pending);
        }
        let message = self
            .mls
            .create_message(mls, &device, content)
            .map_err(|_| mls.failed(Error::Internal("encrypting a message")))?;
        message
            .to_bytes()
            .map_err(|_| Error::Internal("encoding a message"))
    }

    /// Opens an `MLSMessage` of another member.
    ///
    /// # Errors
    /// [`Reject`], and nothing changed: malformed, forged, replayed, of an epoch that is not here, or a standalone proposal.
    pub fn process<S: Storage>(
        &mut self,
        mls: &Mls<'_, S>,
        message: &[u8],
    ) -> Result<Processed, Error<Failure<S>>> {
        if !self.is_member() {
            return Err(Error::NotAMember);
        }
        let message = self.parse(message)?;
        let processed =
            self.mls
                .process_message(mls, message)
                .map_err(|error| match rejected(error) {
                    Ok(reject) => mls.failed(reject.into()),
                    Err(error) => error,
                })?;
        let Sender::Member(leaf) = *processed.sender() else {
            return Err(Reject::WrongKind.into());
        };
        self.sort(mls, LeafIndex(leaf.u32()), processed)
    }

    fn parse(&self, message: &[u8]) -> Result<ProtocolMessage, Reject> {
        let message =
            MlsMessageIn::tls_deserialize_exact_bytes(message).map_err(|_| Reject::Malformed)?;
        let MlsMessageBodyIn::PrivateMessage(message) = message.extract() else {
            return Err(Reject::WrongKind);
        };
        let message = ProtocolMessage::from(message);
        if message.group_id() != self.mls.group_id() {
            return Err(Reject::WrongGroup);
        }
        let (epoch, group) = (Epoch(message.epoch().as_u64()), self.epoch());
        let behind = if message.is_handshake_message() {
            0
        } else {
            MAX_PAST_EPOCHS as u64
        };
        if epoch > group || group.0 - epoch.0 > behind {
            return Err(Reject::WrongEpoch {
                message: epoch,
                group,
            });
        }
        Ok(message)
    }

    fn sort<S: Storage>(
        &self,
        mls: &Mls<'_, S>,
        leaf: LeafIndex,
        processed: ProcessedMessage,
    ) -> Result<Processed, Error<Failure<S>>> {
        match processed.content() {
            ProcessedMessageContent::ApplicationMessage(_) => self
                .application(leaf, processed)
                .map(Processed::Application)
                .map_err(Error::from),
            ProcessedMessageContent::StagedCommitMessage(_) => {
                let aad = processed.aad().to_vec();
                let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content()
                else {
                    return Err(Error::Internal("a commit that is none"));
                };
                StagedChange::new(self, mls, leaf, &aad, *staged)
                    .map(|staged| Processed::Commit(Box::new(staged)))
            }
            ProcessedMessageContent::ProposalMessage(_)
            | ProcessedMessageContent::ExternalJoinProposalMessage(_) => {
                Err(Reject::StandaloneProposal.into())
            }
            ProcessedMessageContent::OwnPendingCommit
            | ProcessedMessageContent::OwnPrivateMessage => Err(Reject::ClaimsOwnLeaf.into()),
        }
    }

    fn application(
        &self,
        leaf: LeafIndex,
        processed: ProcessedMessage,
    ) -> Result<Application, Reject> {
        let epoch = Epoch(processed.epoch().as_u64());
        if !processed.aad().is_empty() {
            return Err(Reject::Malformed);
        }
        let sender = match self.member(leaf) {
            Some(member) if epoch == self.epoch() => member.certificate.clone(),
            // The leaf may have been another device's then.
            _ => Certificate::verify(processed.credential().serialized_content())
                .map_err(Violation::Certificate)?,
        };
        let ProcessedMessageContent::ApplicationMessage(content) = processed.into_content() else {
            return Err(Reject::Malformed);
        };
        Ok(Application {
            leaf,
            sender,
            epoch,
            content: content.into_bytes(),
        })
    }

    /// Writes the message secrets, if the storage has only noted that they changed. To be called before COMMIT for each
    /// group that encrypted or opened something.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn flush<S: Storage>(&mut self, mls: &Mls<'_, S>) -> Result<(), Error<Failure<S>>> {
        if !mls.storage().owes_secrets(self.id()) {
            return Ok(());
        }
        mls.storage().write_secrets_next(self.id());
        // Writes without deleting: no secret is that old.
        let none = PastEpochDeletion::older_than_duration(std::time::Duration::MAX);
        self.mls
            .delete_past_epoch_secrets(mls, none)
            .map_err(|error| mls.failed(storage(error)))
    }

    /// Erases the secrets of past epochs: nothing that was sent in them can be opened any more.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn erase_past<S: Storage>(&mut self, mls: &Mls<'_, S>) -> Result<(), Error<Failure<S>>> {
        mls.storage().write_secrets_next(self.id());
        self.mls
            .delete_past_epoch_secrets(mls, PastEpochDeletion::delete_all())
            .map_err(|error| mls.failed(storage(error)))
    }
}

fn storage<E>(error: openmls::group::DeletePastEpochSecretsError<E>) -> Error<E> {
    let openmls::group::DeletePastEpochSecretsError::StorageError(error) = error;
    Error::Storage(error)
}

/// Tells a message that is not acceptable from a storage or library that failed.
fn rejected<E>(error: ProcessMessageError<E>) -> Result<Reject, Error<E>> {
    match error {
        ProcessMessageError::StorageError(error) => Err(Error::Storage(error)),
        ProcessMessageError::LibraryError(_) => Err(Error::Internal("processing a message")),
        ProcessMessageError::GroupStateError(_) => Err(Error::NotAMember),
        ProcessMessageError::ValidationError(error) => Ok(invalid(error)),
        ProcessMessageError::InvalidCommit(error) => Ok(Reject::InvalidCommit(error.to_string())),
        ProcessMessageError::IncompatibleWireFormat
        | ProcessMessageError::UnauthorizedExternalApplicationMessage
        | ProcessMessageError::UnauthorizedExternalCommitMessage
        | ProcessMessageError::UnsupportedProposalType => Ok(Reject::WrongKind),
    }
}

fn invalid(error: ValidationError) -> Reject {
    match error {
        ValidationError::WrongGroupId => Reject::WrongGroup,
        ValidationError::UnableToDecrypt(error) => match error {
            MessageDecryptionError::SecretTreeError(
                SecretTreeError::TooDistantInThePast | SecretTreeError::SecretReuseError,
            )
            | MessageDecryptionError::GenerationOutOfBound => Reject::Replayed,
            _ => Reject::Undecryptable,
        },
        ValidationError::NoPastEpochData => Reject::Replayed,
        ValidationError::InvalidSignature | ValidationError::UnknownMember => Reject::Forged,
        _ => Reject::Malformed,
    }
}
