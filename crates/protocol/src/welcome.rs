//! Splitting an MLS Welcome (RFC 9420 section 12.4.3.1) into what all joiners share and one part for each of them.
//!
//! So the sealed ratchet tree goes to the server once, and nobody learns how many others joined. The shared part is
//! `encrypted_group_info`, padded; a joiner's part is the cipher suite (u16 BE) and its `EncryptedGroupSecrets`. A joiner
//! rebuilds a Welcome with that single entry, which MLS takes like the whole one.

use keyfold_wire::limits::{MAX_GROUP_INFO, MAX_ROSTER, MAX_WELCOME_SECRETS};
use tls_codec::{DeserializeBytes as _, Serialize as _, TlsVarInt, VLByteSlice};

use crate::padding;

/// Version `mls10` and wire format `mls_welcome`: what comes before a Welcome in an `MLSMessage` (RFC 9420 section 6).
const MESSAGE_HEADER: [u8; 4] = [0, 1, 0, 3];

/// A Welcome that was taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitWelcome {
    /// The sealed group info, padded: the same for all joiners.
    pub group_info: Vec<u8>,
    /// One part for each joiner, in the Welcome's order.
    pub joiners: Vec<Joiner>,
}

/// One joiner's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joiner {
    /// The `KeyPackageRef` of the key package that was used.
    pub key_package_ref: Vec<u8>,
    /// Cipher suite and `EncryptedGroupSecrets`.
    pub secrets: Vec<u8>,
}

/// Why a Welcome cannot be split or rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WelcomeError {
    /// Not such bytes.
    #[error("the invitation is malformed: ask to be invited again")]
    Malformed,
    /// A part is over its limit, or there are too many joiners.
    #[error("the invitation is too large: add fewer devices at once")]
    TooLarge,
}

/// Splits a Welcome, given as an `MLSMessage`.
///
/// # Errors
/// [`WelcomeError`]: not a Welcome, or over a limit.
pub fn split(message: &[u8]) -> Result<SplitWelcome, WelcomeError> {
    let welcome = message
        .strip_prefix(&MESSAGE_HEADER)
        .ok_or(WelcomeError::Malformed)?;
    let (suite, rest) = welcome
        .split_first_chunk::<2>()
        .ok_or(WelcomeError::Malformed)?;
    let (secrets, rest) = vector(rest)?;
    let (group_info, rest) = vector(rest)?;
    if !rest.is_empty() {
        return Err(WelcomeError::Malformed);
    }
    let group_info = padding::pad(group_info).map_err(|_| WelcomeError::TooLarge)?;
    if group_info.len() > MAX_GROUP_INFO {
        return Err(WelcomeError::TooLarge);
    }
    Ok(SplitWelcome {
        group_info,
        joiners: joiners(*suite, secrets)?,
    })
}

/// Rebuilds the Welcome of one joiner, as an `MLSMessage`.
///
/// # Errors
/// [`WelcomeError`]: not what [`split`] makes, or over a limit.
pub fn rebuild(secrets: &[u8], group_info: &[u8]) -> Result<Vec<u8>, WelcomeError> {
    if group_info.len() > MAX_GROUP_INFO {
        return Err(WelcomeError::TooLarge);
    }
    let entry = entry(secrets)?;
    let group_info = padding::unpad(group_info).map_err(|_| WelcomeError::Malformed)?;
    let mut message = MESSAGE_HEADER.to_vec();
    message.extend_from_slice(&entry.suite);
    message.extend(opaque(entry.group_secrets)?);
    message.extend(opaque(group_info)?);
    Ok(message)
}

/// The `KeyPackageRef` in a joiner's part: which of its key packages was used.
///
/// # Errors
/// [`WelcomeError`]: not what [`split`] makes, or over a limit.
pub fn key_package_ref(secrets: &[u8]) -> Result<Vec<u8>, WelcomeError> {
    entry(secrets).map(|entry| entry.key_package_ref)
}

/// The number of the cipher suite in a joiner's part.
///
/// # Errors
/// [`WelcomeError`]: not what [`split`] makes, or over a limit.
pub fn suite_number(secrets: &[u8]) -> Result<u16, WelcomeError> {
    entry(secrets).map(|entry| u16::from_be_bytes(entry.suite))
}

fn joiners(suite: [u8; 2], mut rest: &[u8]) -> Result<Vec<Joiner>, WelcomeError> {
    let mut joiners = Vec::new();
    while !rest.is_empty() {
        if joiners.len() == MAX_ROSTER {
            return Err(WelcomeError::TooLarge);
        }
        let (key_package_ref, after) = group_secrets(rest)?;
        let entry = rest
            .get(..rest.len() - after.len())
            .ok_or(WelcomeError::Malformed)?;
        let secrets = [suite.as_slice(), entry].concat();
        if secrets.len() > MAX_WELCOME_SECRETS {
            return Err(WelcomeError::TooLarge);
        }
        joiners.push(Joiner {
            key_package_ref,
            secrets,
        });
        rest = after;
    }
    if joiners.is_empty() {
        return Err(WelcomeError::Malformed);
    }
    Ok(joiners)
}

/// A joiner's part, taken apart.
struct Entry<'a> {
    suite: [u8; 2],
    /// `EncryptedGroupSecrets`, as encoded.
    group_secrets: &'a [u8],
    key_package_ref: Vec<u8>,
}

fn entry(secrets: &[u8]) -> Result<Entry<'_>, WelcomeError> {
    if secrets.len() > MAX_WELCOME_SECRETS {
        return Err(WelcomeError::TooLarge);
    }
    let (suite, encoded) = secrets
        .split_first_chunk::<2>()
        .ok_or(WelcomeError::Malformed)?;
    let (key_package_ref, rest) = group_secrets(encoded)?;
    if !rest.is_empty() {
        return Err(WelcomeError::Malformed);
    }
    Ok(Entry {
        suite: *suite,
        group_secrets: encoded,
        key_package_ref,
    })
}

/// Passes over one `EncryptedGroupSecrets`: `new_member`, `kem_output`, `ciphertext`. Gives the first, and what follows.
fn group_secrets(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), WelcomeError> {
    let (reference, rest) = vector(bytes)?;
    let (_kem_output, rest) = vector(rest)?;
    let (_ciphertext, rest) = vector(rest)?;
    Ok((reference.to_vec(), rest))
}

/// Reads one vector behind its variable-size length (RFC 9420 section 2.1.2), without copying it.
fn vector(bytes: &[u8]) -> Result<(&[u8], &[u8]), WelcomeError> {
    let (length, rest) =
        TlsVarInt::tls_deserialize_bytes(bytes).map_err(|_| WelcomeError::Malformed)?;
    let length = usize::try_from(length.value()).map_err(|_| WelcomeError::Malformed)?;
    rest.split_at_checked(length).ok_or(WelcomeError::Malformed)
}

fn opaque(bytes: &[u8]) -> Result<Vec<u8>, WelcomeError> {
    VLByteSlice(bytes)
        .tls_serialize_detached()
        .map_err(|_| WelcomeError::TooLarge)
}
