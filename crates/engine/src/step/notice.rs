//! What a conversation itself says on its timeline: people came, went, or changed something.

use keyfold_protocol::state::Policy;
use keyfold_wire::ids::AccountId;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::command::Deed;
use crate::table::contact;
use crate::view::{Contact, What};

/// One such line, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Notice {
    /// The conversation began, or this device joined it.
    Began,
    /// These accounts came in.
    Added(Vec<[u8; 32]>),
    /// These accounts were removed.
    Removed(Vec<[u8; 32]>),
    /// The sender left.
    Left,
    /// A new name.
    Renamed(String),
    /// Roles or rules changed.
    RolesChanged,
    /// Devices of this account came or went.
    DevicesChanged([u8; 32]),
    /// Something was refused.
    Refused(String),
    /// The conversation goes on in a fresh group.
    Moved,
    /// This device is back, after it had lost its place for this reason.
    Back(String),
    /// A device of this account was let in again.
    Returned([u8; 32]),
    /// Messages may be missing, for this reason.
    MayBeMissing(String),
    /// A new description; empty: none.
    Described(String),
    /// A new timer, in seconds; `None`: none.
    Timed(Option<u32>),
    /// Other people may do something.
    Allowed(Deed, Policy),
    /// A new picture, or none any more.
    Pictured(bool),
}

impl Notice {
    /// As it is kept.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Fault> {
        rmp_serde::to_vec(self).map_err(|_| Fault::corrupt("a notice does not write"))
    }

    /// Reads what [`Notice::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        rmp_serde::from_slice(bytes).map_err(|_| Fault::corrupt("a notice does not read"))
    }

    /// As it is shown.
    pub(crate) fn show(self, tx: &Connection) -> Result<What, Fault> {
        Ok(match self {
            Self::Began => What::Began,
            Self::Added(accounts) => What::Added(people(tx, &accounts)?),
            Self::Removed(accounts) => What::Removed(people(tx, &accounts)?),
            Self::Left => What::Left,
            Self::Renamed(name) => What::Renamed(name),
            Self::RolesChanged => What::RolesChanged,
            Self::DevicesChanged(_) => What::DevicesChanged,
            Self::Refused(words) => What::Refused(words),
            Self::Moved => What::Moved,
            Self::Back(words) => What::Back(words),
            Self::Returned(account) => match people(tx, &[account])?.pop() {
                Some(contact) => What::Returned(contact),
                None => What::DevicesChanged,
            },
            Self::MayBeMissing(words) => What::MayBeMissing(words),
            Self::Described(text) => What::Described(text),
            Self::Timed(seconds) => What::Timed(seconds),
            Self::Allowed(deed, policy) => What::Allowed(deed, policy),
            Self::Pictured(shown) => What::Pictured(shown),
        })
    }
}

fn people(tx: &Connection, accounts: &[[u8; 32]]) -> Result<Vec<Contact>, Fault> {
    let mut people = Vec::new();
    for account in accounts {
        people.extend(contact::get(tx, &AccountId::new(*account))?);
    }
    Ok(people)
}
