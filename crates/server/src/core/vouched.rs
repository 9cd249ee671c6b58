//! Devices whose one-time key packages are as the device knows them.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use keyfold_wire::ids::MailboxId;

/// Devices that have said since the start that this server knows all that they know, or have replaced their key packages.
///
/// A server that was put back from a backup does not know it. It would hand out one-time key packages a second time, and whoever is invited
/// by one that was used can open nothing. A device that comes says where it stands, and so whether anything is lost. Until it has come it is
/// invited by its key package of last resort. The same where a device goes on from an older copy of its own state.
///
/// Holds 16 bytes for each device of the server that has come; nothing of it is written down.
#[derive(Default)]
pub struct Vouched(RwLock<HashSet<MailboxId>>);

impl Vouched {
    /// Whether a device's one-time key packages may be handed out.
    pub fn has(&self, mailbox: MailboxId) -> bool {
        let devices = self.0.read().unwrap_or_else(PoisonError::into_inner);
        devices.contains(&mailbox)
    }

    /// They may.
    pub fn add(&self, mailbox: MailboxId) {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        devices.insert(mailbox);
    }

    /// They may not any more.
    pub fn remove(&self, mailbox: MailboxId) {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        devices.remove(&mailbox);
    }
}
