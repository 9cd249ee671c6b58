//! No key is used twice.
//!
//! Of each body that a device puts on the wire, the envelope is opened and the MLS sender data in it (RFC 9420 section
//! 6.3.2), with the epoch's secrets from a copy of the sender's own database. Checked are:
//!
//! - the envelope: no two different bodies have the same nonce under the same key;
//! - MLS: no two different messages have the same group, epoch, leaf, kind and generation, which decide key and nonce but
//!   for the four random bytes of the reuse guard. So even what the guard would save is found, except between two copies
//!   of one device, for which the guard was made.
//!
//! The same body again, byte for byte, is a retry and no use.

use std::collections::HashMap;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes128Gcm, KeyInit as _, Nonce};
use hkdf::Hkdf;
use keyfold_protocol::envelope::{self, EnvelopeKey};
use keyfold_wire::ids::{Epoch, MessageId};
use keyfold_wire::v1::client_frame::Request as Body;
use sha2::Sha256;

use super::Watch;
use crate::copied::{self, vector};
use crate::device::Device;
use crate::oracle::{Check, Violation};

/// Both suites hash with SHA-256: its length, and that of the sample of a ciphertext that sender data is sealed with.
const HASH: usize = 32;
const NONCE: usize = 12;

/// What has been used.
#[derive(Default)]
pub(super) struct Keys {
    envelopes: HashMap<(Vec<u8>, u64), EnvelopeKey>,
    sender_data: HashMap<(Vec<u8>, u64), Vec<u8>>,
    nonces: HashMap<(Vec<u8>, u64, [u8; NONCE]), Vec<u8>>,
    generations: HashMap<Use, (usize, usize)>,
    /// Bodies by message id, as they were seen first.
    bodies: HashMap<Vec<u8>, Vec<u8>>,
    /// Uses that could be read.
    pub(super) read: usize,
    /// Bodies whose secrets were gone when they went out.
    pub(super) unread: usize,
}

/// What a message key is derived for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Use {
    group: Vec<u8>,
    epoch: u64,
    kind: u8,
    leaf: u32,
    generation: u32,
}

impl Watch {
    /// A device has put a request on the wire.
    pub(crate) fn asks(&mut self, device: &Device, life: usize, body: &Body) {
        let (handle, epoch, id, sealed) = match body {
            Body::Send(send) => (&send.handle, send.epoch, &send.message_id, &send.body),
            Body::Commit(commit) => (
                &commit.handle,
                commit.epoch,
                &commit.message_id,
                &commit.body,
            ),
            _ => return,
        };
        let keys = &mut self.keys;
        if let Some(before) = keys.bodies.get(id.as_ref()) {
            if before != sealed {
                self.finds("one message id names two bodies".to_owned());
            }
            return;
        }
        keys.bodies.insert(id.to_vec(), sealed.to_vec());
        let place = (handle.to_vec(), epoch);
        if !keys.envelopes.contains_key(&place) {
            keys.learn(device);
        }
        match self.keys.uses((device.number, life), &place, id, sealed) {
            Some(Err(words)) => self.finds(words),
            Some(Ok(())) => self.keys.read += 1,
            None => self.keys.unread += 1,
        }
    }

    fn finds(&mut self, words: String) {
        self.found.push(Violation {
            check: Check::Keys,
            words,
        });
    }
}

impl Keys {
    /// Takes in all secrets that a device has now.
    fn learn(&mut self, device: &Device) {
        let Some(mut copied) = device.copied() else {
            return;
        };
        let known = |handle: &[u8], epoch: Epoch| {
            let place = (handle.to_vec(), epoch.0);
            self.envelopes.contains_key(&place)
        };
        for held in copied.holds_but(known) {
            for (epoch, key) in held.envelope_keys(&mut copied) {
                self.envelopes
                    .entry((held.handle.clone(), epoch.0))
                    .or_insert(key);
            }
        }
        for secrets in copied::all_in(&copied.database) {
            self.sender_data
                .entry((secrets.group_id, secrets.epoch))
                .or_insert(secrets.sender_data_secret);
        }
    }

    /// Notes what a body uses. `None`: its secrets are not here.
    fn uses(
        &mut self,
        copy: (usize, usize),
        place: &(Vec<u8>, u64),
        id: &[u8],
        body: &[u8],
    ) -> Option<Result<(), String>> {
        let key = self.envelopes.get(place)?;
        let id = MessageId::try_from(id).ok()?;
        let message = envelope::open(key, Epoch(place.1), id, body).ok()?;
        let nonce = *body.first_chunk::<NONCE>()?;
        let used = (place.0.clone(), place.1, nonce);
        if self.nonces.insert(used, body.to_vec()).is_some() {
            return Some(Err("an envelope's nonce is used twice".to_owned()));
        }
        let used = self.sender_data_of(&message)?;
        match self.generations.insert(used.clone(), copy) {
            // Two copies of one device have its leaf, and so has one that was put back and could not notice: the reuse guard is for them.
            Some(before) if before == copy => Some(Err(format!(
                "device {}, leaf {} uses its key {} of epoch {} twice",
                copy.0, used.leaf, used.generation, used.epoch
            ))),
            _ => Some(Ok(())),
        }
    }

    /// `PrivateMessage` (RFC 9420 section 6.3): group id, epoch, content type, authenticated data, encrypted sender data,
    /// ciphertext.
    fn sender_data_of(&self, message: &[u8]) -> Option<Use> {
        let (group, rest) = vector(message.get(4..)?)?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first()?;
        let (_authenticated, rest) = vector(rest)?;
        let (sealed, rest) = vector(rest)?;
        let (ciphertext, _) = vector(rest)?;
        let epoch_number = u64::from_be_bytes(*epoch);
        let secret = self.sender_data.get(&(group.to_vec(), epoch_number))?;
        let sample = &ciphertext[..ciphertext.len().min(HASH)];
        let key: [u8; 16] = expand(secret, "key", sample)?;
        let nonce: [u8; NONCE] = expand(secret, "nonce", sample)?;
        let head = message.len() - rest_of(message, group)?.len();
        let aad = [&message[4..head], epoch, &[*kind]].concat();
        let payload = Payload {
            msg: sealed,
            aad: &aad,
        };
        let cipher = Aes128Gcm::new_from_slice(&key).ok()?;
        let opened = cipher.decrypt(Nonce::from_slice(&nonce), payload).ok()?;
        let (leaf, rest) = opened.split_first_chunk::<4>()?;
        Some(Use {
            group: group.to_vec(),
            epoch: epoch_number,
            kind: *kind,
            leaf: u32::from_be_bytes(*leaf),
            generation: u32::from_be_bytes(*rest.first_chunk::<4>()?),
        })
    }
}

/// What comes behind the group id.
fn rest_of<'m>(message: &'m [u8], group: &[u8]) -> Option<&'m [u8]> {
    let (found, rest) = vector(message.get(4..)?)?;
    (found == group).then_some(rest)
}

/// `ExpandWithLabel` (RFC 9420 section 8).
fn expand<const N: usize>(secret: &[u8], label: &str, context: &[u8]) -> Option<[u8; N]> {
    let label = [b"MLS 1.0 ", label.as_bytes()].concat();
    let mut info = u16::try_from(N).ok()?.to_be_bytes().to_vec();
    for part in [label.as_slice(), context] {
        info.push(u8::try_from(part.len()).ok().filter(|it| *it < 64)?);
        info.extend_from_slice(part);
    }
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret)
        .ok()?
        .expand(&info, &mut out)
        .ok()?;
    Some(out)
}
