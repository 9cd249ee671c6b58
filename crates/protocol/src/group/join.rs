//! Joining a group by an invitation (RFC 9420 section 12.4.3.1).

use openmls::group::{StagedWelcome, WelcomeError};
use openmls::prelude::{
    DeserializeBytes as _, MlsGroup, MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider as _, Welcome,
};

use super::error::{Error, Reject};
use super::key_package::Use;
use super::provider::{Failure, Mls, Storage};
use super::{Group, config, leaf, view};
use crate::limits::MAX_EPOCH;
use crate::rules::LeafIndex;

/// A group that this device has just joined.
#[derive(Debug)]
pub struct Joined {
    /// The group.
    pub group: Group,
    /// Who committed the invitation.
    pub inviter: LeafIndex,
    /// The `KeyPackageRef` of the key package that was used.
    pub key_package: Vec<u8>,
    /// Whether it is gone now, or was the last resort: then this device's first commit should give a new address.
    pub usage: Use,
}

/// Joins the group of a Welcome for this device alone, given as an `MLSMessage`. All leaves are verified and the group as a
/// whole is judged. Afterwards the private keys of a one-time key package are gone.
///
/// # Errors
/// [`Reject`], e.g. [`Reject::AlreadyMember`]. The key package may be deleted then, too: roll back to a savepoint to keep it.
pub fn join<S: Storage>(mls: &Mls<'_, S>, message: &[u8]) -> Result<Joined, Error<Failure<S>>> {
    join_again(mls, message, |_| false)
}

/// Joins a group of which this device may have been a member: what is in the storage of a group with the same id is deleted
/// first, where `replaces` says so of that id.
///
/// # Errors
/// As [`join`]. The former group may be deleted then, too: roll back to a savepoint to keep it.
pub fn join_again<S: Storage>(
    mls: &Mls<'_, S>,
    message: &[u8],
    replaces: impl FnOnce(&[u8]) -> bool,
) -> Result<Joined, Error<Failure<S>>> {
    let welcome = read(message)?;
    let [entry] = welcome.secrets() else {
        return Err(Reject::Malformed.into());
    };
    let key_package = entry.new_member().as_slice().to_vec();
    let builder = StagedWelcome::build_from_welcome(mls, &config::join_config(), welcome)
        .map_err(|error| failed(mls, error))?;
    let processed = builder.processed_welcome();
    if !processed.psks().is_empty() {
        return Err(Reject::InvalidWelcome("it needs a pre-shared key".to_owned()).into());
    }
    let last_resort = processed
        .own_key_package()
        .is_some_and(openmls::prelude::KeyPackage::last_resort);
    let unverified = processed.unverified_group_info();
    let (id, epoch) = (unverified.group_id().clone(), unverified.epoch().as_u64());
    if epoch > MAX_EPOCH {
        return Err(Reject::InvalidWelcome("its epoch is out of range".to_owned()).into());
    }
    if let Some(mut former) = MlsGroup::load(mls.storage(), &id).map_err(Error::Storage)?
        && replaces(id.as_slice())
    {
        former.delete(mls.storage()).map_err(Error::Storage)?;
    }
    // Lifetimes are unbounded, as the check of each leaf finds; this device's clock has no say.
    let staged = builder
        .skip_lifetime_validation()
        .build()
        .map_err(|error| failed(mls, error))?;
    let inviter = LeafIndex(staged.welcome_sender_index().u32());
    let group = staged.into_group(mls).map_err(|error| failed(mls, error))?;
    let view = view(&group, leaf::verify)?;
    view.judge_whole().map_err(Reject::from)?;
    let usage = if last_resort {
        Use::LastResort
    } else {
        Use::Once
    };
    let mut group = Group { mls: group, view };
    group.flush(mls)?;
    Ok(Joined {
        group,
        inviter,
        key_package,
        usage,
    })
}

fn read(message: &[u8]) -> Result<Welcome, Reject> {
    let message =
        MlsMessageIn::tls_deserialize_exact_bytes(message).map_err(|_| Reject::Malformed)?;
    match message.extract() {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err(Reject::WrongKind),
    }
}

fn failed<S: Storage>(mls: &Mls<'_, S>, error: WelcomeError<Failure<S>>) -> Error<Failure<S>> {
    match error {
        WelcomeError::StorageError(error) => Error::Storage(error),
        WelcomeError::NoMatchingKeyPackage => mls.failed(Reject::UnknownKeyPackage.into()),
        WelcomeError::GroupAlreadyExists => mls.failed(Reject::AlreadyMember.into()),
        error => mls.failed(Reject::InvalidWelcome(error.to_string()).into()),
    }
}
