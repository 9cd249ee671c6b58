//! Looking into the store from outside: how much it keeps, and all of it as bytes. For simulations that judge what lies at a
//! server.

use std::collections::BTreeMap;

use keyfold_wire::Message as _;
use keyfold_wire::ids::DeviceId;

use super::MemoryStore;

/// How many rows there are of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Accounts.
    pub accounts: usize,
    /// Mailboxes, one for each device.
    pub mailboxes: usize,
    /// Items that wait, by the device that they wait for.
    pub items: BTreeMap<DeviceId, usize>,
    /// Serials that were revoked.
    pub revoked: usize,
    /// Key packages that can be handed out.
    pub packages: usize,
    /// Key packages that were handed out, and are remembered so that none is twice.
    pub spent: usize,
    /// Conversations.
    pub conversations: usize,
    /// Requests that are known again.
    pub once: usize,
    /// Signals that wait.
    pub signals: usize,
}

impl MemoryStore {
    /// How much it keeps.
    pub fn census(&self) -> Census {
        let state = self.lock();
        let mut census = Census {
            accounts: state.accounts.len(),
            mailboxes: state.mailboxes.len(),
            conversations: state.conversations.len(),
            once: state.once.len(),
            ..Census::default()
        };
        for mailbox in state.mailboxes.values() {
            let spent = mailbox.packages.iter().filter(|one| one.spent.is_some());
            let spent = spent.count();
            if !mailbox.items.is_empty() {
                census.items.insert(mailbox.device, mailbox.items.len());
            }
            census.revoked += mailbox.revoked.len();
            census.signals += mailbox.signals.by_number.len();
            census.spent += spent;
            census.packages += mailbox.packages.len() - spent;
        }
        census
    }

    /// All bytes that it keeps, one stretch for each thing.
    pub fn everything(&self) -> Vec<Vec<u8>> {
        let state = self.lock();
        let mut all = Vec::new();
        for row in state.accounts.values() {
            all.push(row.account.handle.as_bytes().to_vec());
            all.push(row.account.account_key.to_vec());
            all.push(row.account.recovery_key.to_vec());
            all.push(row.digest.to_vec());
            all.push(row.first_token.to_vec());
        }
        for mailbox in state.mailboxes.values() {
            all.push(mailbox.certificate.to_vec());
            all.push(mailbox.token_hash.to_vec());
            let packages = mailbox.packages.iter();
            all.extend(packages.map(|one| one.content.data.to_vec()));
            let items = mailbox.items.values();
            all.extend(items.map(keyfold_wire::v1::Item::encode_to_vec));
            let signals = mailbox.signals.by_number.values();
            all.extend(signals.map(|one| one.sealed.to_vec()));
        }
        for (key, conversation) in &state.conversations {
            all.push(key.0.to_vec());
            all.push(conversation.roster.to_vec());
            let previous = conversation.previous.iter();
            all.extend(previous.map(|previous| previous.roster.to_vec()));
        }
        for ((_, key), once) in &state.once {
            all.push(key.to_vec());
            all.push(once.request.to_vec());
            all.push(once.hidden.to_be_bytes().to_vec());
        }
        all.extend(state.files.keys().map(|place| place.0.to_vec()));
        all.extend(state.invitations.iter().map(|code| code.to_vec()));
        all
    }
}
