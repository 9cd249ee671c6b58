//! What the server itself seals: delivery addresses under its own key, rosters under the key that members present.
//!
//! AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces. The address key lies in a file of the data folder, never
//! in the database, so that a copied database opens no address.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::{AeadInPlace as _, Aes256Gcm, KeyInit as _};
use bytes::Bytes;
use keyfold_wire::ids::{MailboxId, Serial};
use keyfold_wire::roster::RosterKey;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::private_file;

const NONCE: usize = 12;
const TAG: usize = 16;
const KEY_ID: usize = 4;
const TARGET: usize = MailboxId::LENGTH + 8;
const ADDRESS: usize = KEY_ID + NONCE + TARGET + TAG;
const KEY_FILE: usize = KEY_ID + 32;

/// Why nothing could be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The machine gave no randomness.
    #[error("the machine gives no random numbers")]
    NoRandomness,
    /// Sealed under another key, or changed.
    #[error("the bytes were not sealed under this key")]
    NotOurs,
    /// The key file cannot be read or made.
    #[error("the address key file {0} cannot be used: {1}")]
    KeyFile(String, io::Error),
    /// The key file is not one.
    #[error(
        "the address key file {0} is damaged: put it back from a backup; without it no device can be reached"
    )]
    KeyFileDamaged(String),
}

/// Where a delivery address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Which of its addresses it is.
    pub serial: Serial,
}

/// The server's own key for delivery addresses.
///
/// An address is `key id (4) || nonce (12) || AES-256-GCM(mailbox id (16) || serial (8, big endian))`, with the key
/// id as associated data.
pub struct AddressKey {
    id: [u8; KEY_ID],
    cipher: Aes256Gcm,
}

impl std::fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl AddressKey {
    /// The key with these bytes.
    pub fn new(id: u32, key: &[u8; 32]) -> Self {
        Self {
            id: id.to_be_bytes(),
            cipher: Aes256Gcm::new(key.into()),
        }
    }

    /// Reads the key from a file; makes one, readable by its owner only, where there is none.
    ///
    /// # Errors
    /// [`SealError`]; a damaged file is never overwritten.
    pub fn open_or_create(path: &Path) -> Result<Self, SealError> {
        let name = || path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::read(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::create(path).map_err(|error| SealError::KeyFile(name(), error))
            }
            Err(error) => Err(SealError::KeyFile(name(), error)),
        }
    }

    fn read(file: File, path: &Path) -> Result<Self, SealError> {
        let name = || path.display().to_string();
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_FILE + 1));
        file.take(KEY_FILE as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| SealError::KeyFile(name(), error))?;
        Self::parse(&bytes).ok_or_else(|| SealError::KeyFileDamaged(name()))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (id, key) = bytes.split_first_chunk::<KEY_ID>()?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(key).ok()?);
        Some(Self::new(u32::from_be_bytes(*id), &key))
    }

    fn create(path: &Path) -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; KEY_FILE]);
        OsRng
            .try_fill_bytes(bytes.as_mut_slice())
            .map_err(io::Error::other)?;
        private_file::replace(path, bytes.as_slice())?;
        Self::parse(bytes.as_slice()).ok_or_else(|| io::Error::other("no key"))
    }

    /// A fresh address.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, target: Target) -> Result<Bytes, SealError> {
        let mut target_bytes = [0; TARGET];
        let (mailbox, serial) = target_bytes.split_at_mut(MailboxId::LENGTH);
        mailbox.copy_from_slice(target.mailbox.as_bytes());
        serial.copy_from_slice(&target.serial.0.to_be_bytes());
        let mut address = Vec::with_capacity(ADDRESS);
        address.extend_from_slice(&self.id);
        seal_onto(&mut address, &self.cipher, &self.id, &target_bytes)?;
        Ok(address.into())
    }

    /// Where an address leads; `None` when this server did not make it.
    pub fn open(&self, address: &[u8]) -> Option<Target> {
        let sealed = address.strip_prefix(&self.id)?;
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        let mut plain = <[u8; TARGET]>::try_from(body).ok()?;
        self.cipher
            .decrypt_in_place_detached(
                GenericArray::from_slice(nonce),
                &self.id,
                &mut plain,
                GenericArray::from_slice(tag),
            )
            .ok()?;
        let (mailbox, serial) = plain.split_first_chunk::<{ MailboxId::LENGTH }>()?;
        let serial = u64::from_be_bytes(serial.try_into().ok()?);
        Some(Target {
            mailbox: MailboxId::new(*mailbox),
            serial: Serial(serial),
        })
    }
}

const SIGNAL_LABEL: &[u8] = b"keyfold server signal v1";

impl AddressKey {
    /// Seals a signal for the disk: serial (8, big endian) and body, for one mailbox.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal_signal(&self, target: &Target, body: &[u8]) -> Result<Bytes, SealError> {
        let plain = [&target.serial.0.to_be_bytes(), body].concat();
        let mut sealed = Vec::with_capacity(NONCE + plain.len() + TAG);
        let associated = signal_data(&target.mailbox);
        seal_onto(&mut sealed, &self.cipher, &associated, &plain)?;
        Ok(sealed.into())
    }

    /// Opens what [`AddressKey::seal_signal`] has sealed for this mailbox; `None` when it has not.
    pub fn open_signal(&self, mailbox: &MailboxId, sealed: &[u8]) -> Option<(Serial, Bytes)> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        let mut plain = body.to_vec();
        self.cipher
            .decrypt_in_place_detached(
                GenericArray::from_slice(nonce),
                &signal_data(mailbox),
                &mut plain,
                GenericArray::from_slice(tag),
            )
            .ok()?;
        let (serial, body) = plain.split_first_chunk::<8>()?;
        let serial = Serial(u64::from_be_bytes(*serial));
        Some((serial, Bytes::copy_from_slice(body)))
    }
}

fn signal_data(mailbox: &MailboxId) -> Vec<u8> {
    [SIGNAL_LABEL, mailbox.as_bytes()].concat()
}

const REPORT_LABEL: &[u8] = b"keyfold server report v1";

impl AddressKey {
    /// Seals a report for the disk, under its id.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal_report(&self, id: &[u8; 16], report: &[u8]) -> Result<Bytes, SealError> {
        let mut sealed = Vec::with_capacity(NONCE + report.len() + TAG);
        let associated = [REPORT_LABEL, id].concat();
        seal_onto(&mut sealed, &self.cipher, &associated, report)?;
        Ok(sealed.into())
    }

    /// Opens what [`AddressKey::seal_report`] has sealed under this id; `None` when it has not.
    pub fn open_report(&self, id: &[u8; 16], sealed: &[u8]) -> Option<Bytes> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        let mut plain = body.to_vec();
        self.cipher
            .decrypt_in_place_detached(
                GenericArray::from_slice(nonce),
                &[REPORT_LABEL, id].concat(),
                &mut plain,
                GenericArray::from_slice(tag),
            )
            .ok()?;
        Some(plain.into())
    }
}

const ROSTER_LABEL: &[u8] = b"keyfold server roster v1";

/// Seals a roster for the disk: each address behind its length (u16, big endian), under the key that members hold.
///
/// # Errors
/// [`SealError::NoRandomness`].
pub fn seal_roster(key: &RosterKey, addresses: &[Bytes]) -> Result<Bytes, SealError> {
    let mut plain = Zeroizing::new(Vec::with_capacity(addresses.len() * (ADDRESS + 2)));
    for address in addresses {
        plain.extend(
            u16::try_from(address.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        plain.extend_from_slice(address);
    }
    let mut sealed = Vec::with_capacity(plain.len() + NONCE + TAG);
    seal_onto(
        &mut sealed,
        &Aes256Gcm::new(key.as_bytes().into()),
        ROSTER_LABEL,
        &plain,
    )?;
    Ok(sealed.into())
}

/// Opens a roster and calls `each` with every address in it.
///
/// # Errors
/// [`SealError::NotOurs`] when the key is not the one that it was sealed under.
pub fn open_roster(
    key: &RosterKey,
    sealed: &[u8],
    mut each: impl FnMut(&[u8]),
) -> Result<(), SealError> {
    let (nonce, rest) = sealed
        .split_first_chunk::<NONCE>()
        .ok_or(SealError::NotOurs)?;
    let (body, tag) = rest.split_last_chunk::<TAG>().ok_or(SealError::NotOurs)?;
    let mut plain = Zeroizing::new(body.to_vec());
    Aes256Gcm::new(key.as_bytes().into())
        .decrypt_in_place_detached(
            GenericArray::from_slice(nonce),
            ROSTER_LABEL,
            &mut plain,
            GenericArray::from_slice(tag),
        )
        .map_err(|_| SealError::NotOurs)?;
    let mut rest = plain.as_slice();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (address, tail) = tail.split_at_checked(length).ok_or(SealError::NotOurs)?;
        each(address);
        rest = tail;
    }
    Ok(())
}

/// Appends nonce, ciphertext and tag.
fn seal_onto(
    out: &mut Vec<u8>,
    cipher: &Aes256Gcm,
    associated: &[u8],
    plain: &[u8],
) -> Result<(), SealError> {
    let nonce: [u8; NONCE] = random()?;
    out.extend_from_slice(&nonce);
    let start = out.len();
    out.extend_from_slice(plain);
    let body = out.get_mut(start..).unwrap_or_default();
    let tag = cipher
        .encrypt_in_place_detached(GenericArray::from_slice(&nonce), associated, body)
        .map_err(|_| SealError::NotOurs)?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// Random bytes from the machine.
///
/// # Errors
/// [`SealError::NoRandomness`].
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| SealError::NoRandomness)?;
    Ok(bytes)
}
