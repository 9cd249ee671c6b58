//! How far messages have come, and what others may see of a person.

use keyfold_engine::view;
use schemars::JsonSchema;
use serde::Serialize;

use super::Contact;
use crate::params::Audience;

/// How far an own message has come at the other people's devices.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Receipt {
    /// Nothing is known: it has not come, the other person does not tell, or this one does not.
    None,
    /// A device has it.
    Delivered,
    /// It was seen.
    Read,
}

impl From<view::Receipt> for Receipt {
    fn from(receipt: view::Receipt) -> Self {
        match receipt {
            view::Receipt::None => Self::None,
            view::Receipt::Delivered => Self::Delivered,
            view::Receipt::Read => Self::Read,
        }
    }
}

/// How far a member of a group has come with a message.
#[derive(Serialize, JsonSchema)]
pub struct ReadBy {
    /// Who.
    contact: Contact,
    /// How far.
    receipt: Receipt,
}

impl From<view::ReadBy> for ReadBy {
    fn from(read_by: view::ReadBy) -> Self {
        let view::ReadBy { contact, receipt } = read_by;
        Self {
            contact: contact.into(),
            receipt: receipt.into(),
        }
    }
}

/// What others may see of a person, on this device. Who hides something does not see it of others.
#[derive(Serialize, JsonSchema)]
pub struct Privacy {
    /// Who may see when this person was last active, of those whom they talk to one to one.
    presence: Audience,
    /// Whether others are told what came and was read.
    receipts: bool,
    /// Whether others are told that this person is typing.
    typing: bool,
}

impl From<view::Privacy> for Privacy {
    fn from(privacy: view::Privacy) -> Self {
        let view::Privacy {
            presence,
            receipts,
            typing,
        } = privacy;
        Self {
            presence: presence.into(),
            receipts,
            typing,
        }
    }
}
