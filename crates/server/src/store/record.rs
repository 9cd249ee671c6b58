//! What a store hands out, and the decisions over it that every store shares.

use std::time::Duration;

use bytes::Bytes;
use keyfold_wire::ids::{AccountId, ConversationHandle, Epoch, MessageId, Sequence, Timestamp};
use keyfold_wire::{limits, v1};
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;
use crate::seal::Target;

/// A conversation's name at rest: a hash of its handle, so that the disk does not hold the handle itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationKey(pub [u8; 32]);

impl ConversationKey {
    /// SHA-256 over `"keyfold server conversation v1"` and the handle.
    pub fn of(handle: &ConversationHandle) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"keyfold server conversation v1");
        hasher.update(handle.as_bytes());
        Self(hasher.finalize().into())
    }
}

/// By what a request is known again, without saying at rest which message or which moment it was.
///
/// Key and mask come from the handle, which the disk does not hold: a copied database does not lead from an accepted
/// id to the item that still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnceKey {
    /// From handle and message id.
    pub key: [u8; 16],
    /// From the whole request.
    pub request: [u8; 16],
    /// Hides the time of acceptance at rest.
    mask: u64,
}

impl OnceKey {
    /// Of a message id of a conversation, and the hash of everything in the request.
    pub fn new(handle: &ConversationHandle, message_id: &MessageId, request: [u8; 32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"keyfold server once v1");
        hasher.update(handle.as_bytes());
        hasher.update(message_id.as_bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        let (key, rest) = hash.split_at(16);
        let (mask, _) = rest.split_at(8);
        let (request, _) = request.split_at(16);
        Self {
            key: key.try_into().unwrap_or_default(),
            request: request.try_into().unwrap_or_default(),
            mask: u64::from_le_bytes(mask.try_into().unwrap_or_default()),
        }
    }

    /// What lies at rest for this time of acceptance.
    pub fn hide(&self, received: Timestamp) -> u64 {
        received.0 ^ self.mask
    }

    /// The time of acceptance from what lies at rest, when it is the same request.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] when it is another one.
    pub fn recognise(&self, request: &[u8], hidden: u64) -> Result<Timestamp, Refusal> {
        if request == self.request {
            Ok(Timestamp(hidden ^ self.mask))
        } else {
            Err(Refusal::Conflict)
        }
    }
}

/// A conversation as it lies at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Never used again, even when the same handle is created again.
    pub id: i64,
    /// The current epoch.
    pub epoch: Epoch,
    /// The current roster, sealed under the epoch's roster key.
    pub roster: Bytes,
    /// The epoch before, while it may still be sent to.
    pub previous: Option<Previous>,
    /// The day of its last accepted request, see [`day`].
    pub used: u32,
}

/// The epoch before the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// Its roster, sealed under its roster key.
    pub roster: Bytes,
    /// The last instant at which a Send for it is taken.
    pub until: Timestamp,
}

impl Conversation {
    /// The sealed roster that a Send for `epoch` goes to.
    ///
    /// # Errors
    /// [`Refusal::Stale`] or [`Refusal::Ahead`].
    pub fn roster_for_send(&self, epoch: Epoch, now: Timestamp) -> Result<&Bytes, Refusal> {
        match &self.previous {
            Some(previous) if epoch.next() == self.epoch && now <= previous.until => {
                Ok(&previous.roster)
            }
            _ => self.roster_for_commit(epoch),
        }
    }

    /// The sealed roster that a Commit for `epoch` goes to.
    ///
    /// # Errors
    /// [`Refusal::Stale`] or [`Refusal::Ahead`].
    pub fn roster_for_commit(&self, epoch: Epoch) -> Result<&Bytes, Refusal> {
        match epoch.cmp(&self.epoch) {
            std::cmp::Ordering::Equal => Ok(&self.roster),
            std::cmp::Ordering::Less => Err(Refusal::Stale {
                current: self.epoch,
            }),
            std::cmp::Ordering::Greater => Err(Refusal::Ahead {
                current: self.epoch,
            }),
        }
    }

    /// About how much memory it takes.
    pub fn weight(&self) -> usize {
        let previous = self
            .previous
            .as_ref()
            .map_or(0, |previous| previous.roster.len());
        self.roster.len() + previous + 128
    }
}

/// The day of an instant, counted from the Unix epoch: as exact as the disk needs to know when something was used.
pub fn day(at: Timestamp) -> u32 {
    u32::try_from(at.0 / DAY_MS).unwrap_or(u32::MAX)
}

/// Days before this one are past retention: what happened on a day is kept at least `retention` from its end.
pub fn first_kept_day(now: Timestamp, retention: Duration) -> u32 {
    day(now.before(retention))
}

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The low bits of a sequence or serial, which count within a millisecond; the bits above are the time. More than 65,536
/// items for one mailbox in a millisecond is more than a disk takes, and what runs ahead all the same is overtaken by
/// the next quiet moment.
const COUNT_BITS: u32 = 16;

/// The latest time that a sequence or serial carries (the year 4199): half of what SQLite's signed integers hold, so that
/// even behind a clock gone mad there is room to count on for ever.
const LATEST: u64 = 1 << 62;

/// The number after `last`, for sequences of a mailbox and serials of its addresses.
///
/// It carries the time, so that a server that was put back from a backup does not give again what it gave after that
/// backup: devices still hold those numbers. Where the clock was moved back, it counts on.
pub fn next_number(last: u64, now: Timestamp) -> u64 {
    let by_time = now.0.saturating_mul(1 << COUNT_BITS).min(LATEST);
    last.saturating_add(1).max(by_time)
}

/// Before this instant, items are past retention.
pub fn first_kept_item(now: Timestamp) -> Timestamp {
    now.before(limits::ITEM_RETENTION)
}

/// What a signal takes the place of at one address, as it lies at rest. The address is in it, so that one replace key is another at each, and leads
/// from none of them to the others.
pub fn signal_place(target: &Target, replace_key: &[u8; 32]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"keyfold server signal place v1");
    hasher.update(target.mailbox.as_bytes());
    hasher.update(target.serial.0.to_be_bytes());
    hasher.update(replace_key);
    let hash: [u8; 32] = hasher.finalize().into();
    let (place, _) = hash.split_at(16);
    place.try_into().unwrap_or_default()
}

/// Signals that wait in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignalPage {
    /// Numbers and sealed copies, in the order of the numbers.
    pub signals: Vec<(u64, Bytes)>,
    /// Whether more wait behind them.
    pub more: bool,
}

/// Cursors and supply of one device.
#[derive(Clone, PartialEq)]
pub struct MailboxState {
    /// The highest sequence ever acknowledged.
    pub acknowledged: Sequence,
    /// The highest sequence up to the position asked for that was ever given, as far as the server knows.
    pub known: Sequence,
    /// The highest sequence whose item was deleted for its age before it was acknowledged; zero when none was.
    pub expired: Sequence,
    /// Key packages that are left.
    pub supply: v1::Supply,
}

/// Part of a mailbox.
#[derive(Clone, PartialEq, Default)]
pub struct Page {
    /// In order.
    pub items: Vec<v1::Item>,
    /// Whether more wait behind them.
    pub more: bool,
}

/// An account of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Normal form.
    pub handle: String,
    /// Ed25519.
    pub account_key: [u8; 32],
    /// Ed25519: whoever holds its other half may revoke after a theft.
    pub recovery_key: [u8; 32],
    /// Encoded, in the order in which the devices were added.
    pub certificates: Vec<Bytes>,
}

/// The size of an item as limits count it.
pub fn item_size(item: &v1::Item) -> usize {
    match &item.content {
        Some(v1::item::Content::Message(message)) => message.body.len() + 64,
        Some(v1::item::Content::Welcome(welcome)) => {
            welcome.secrets.len() + welcome.group_info.len() + 64
        }
        None => 64,
    }
}
