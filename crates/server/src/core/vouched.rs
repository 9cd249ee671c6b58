//! Devices whose one-time key packages are as the device knows them.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use keyfold_wire::ids::MailboxId;

/// Devices that have said since the start that this server knows all that they know, or have replaced their key packages.
///
/// A server that was put back from a backup does not know it. It would hand out one-time key packages a second time, and whoever is invited
/// by one that was used can open nothing. A device that comes says where it stands, and so whether anything is lost. Until it has come it is
/// invited by its key package of last resort. The same where a device goes on from an older copy of its own state.
///
/// A device that was told that something is lost comes again with the position that it has got from this server, and so seems to know all of it: it has to
/// replace its key packages all the same.
///
/// Holds 17 bytes for each device of the server that has come; nothing of it is written down.
#[derive(Default)]
pub struct Vouched(RwLock<HashMap<MailboxId, Standing>>);

/// How a device's key packages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// As the device knows them.
    Sound,
    /// Some may have been used, until they are replaced.
    Doubtful,
}

impl Vouched {
    /// Whether a device's one-time key packages may be handed out.
    pub fn has(&self, mailbox: MailboxId) -> bool {
        let devices = self.0.read().unwrap_or_else(PoisonError::into_inner);
        devices.get(&mailbox) == Some(&Standing::Sound)
    }

    /// The device has come, and nothing is lost: they may, unless something was.
    pub fn came(&self, mailbox: MailboxId) {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        devices.entry(mailbox).or_insert(Standing::Sound);
    }

    /// The device has come, and something is lost: they may not until they are replaced.
    pub fn fell_back(&self, mailbox: MailboxId) {
        self.stands(mailbox, Standing::Doubtful);
    }

    /// They are new: they may.
    pub fn replaced(&self, mailbox: MailboxId) {
        self.stands(mailbox, Standing::Sound);
    }

    fn stands(&self, mailbox: MailboxId, standing: Standing) {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        devices.insert(mailbox, standing);
    }

    /// There is no such device any more.
    pub fn forget(&self, mailbox: MailboxId) {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        devices.remove(&mailbox);
    }
}
