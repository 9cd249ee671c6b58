//! Invitation links that were made on this device, with who waits, and those that were opened here.

use keyfold_engine::view;
use schemars::JsonSchema;
use serde::Serialize;

use super::Contact;
use crate::scalar::{self, AccountId, ConversationId, Count, Instant, OpenedLink, Request};

/// An invitation link that was made on this device.
#[derive(Serialize, JsonSchema)]
pub struct Invitation {
    /// For `revoke_invitation`.
    #[serde(rename = "invitation")]
    id: scalar::Invitation,
    /// The group; `null`: it leads to this person.
    conversation: Option<ConversationId>,
    /// What it shows before it is opened.
    title: String,
    /// What stands behind the `#` of the link, `https://SERVER/i#FRAGMENT`: whoever has it can ask. `null`: it has ended.
    fragment: Option<String>,
    /// When it was made, by this device's clock.
    made: Instant,
    /// For how many milliseconds it still holds.
    lasts: Count,
    /// How many may still be let in.
    uses: Count,
    /// How many were.
    admitted: Count,
    /// Whether somebody has to approve of each.
    approval: bool,
    /// Things that came for it and were no requests.
    useless: Count,
    /// Why nobody comes in by it any more; `null`: somebody may.
    ended: Option<Ended>,
    /// Who waits, oldest first.
    requests: Vec<JoinRequest>,
}

impl From<view::Invitation> for Invitation {
    fn from(link: view::Invitation) -> Self {
        let view::Invitation {
            id,
            conversation,
            title,
            fragment,
            made,
            lasts,
            uses,
            admitted,
            approval,
            useless,
            ended,
            requests,
        } = link;
        Self {
            id: id.into(),
            conversation: conversation.map(ConversationId),
            title,
            fragment: fragment.map(|fragment| fragment.to_string()),
            made: Instant(made),
            lasts: Count(lasts),
            uses: Count(uses),
            admitted: Count(admitted),
            approval,
            useless: Count(useless),
            ended: ended.map(Ended::from),
            requests: requests.into_iter().map(JoinRequest::from).collect(),
        }
    }
}

/// Why nobody comes in by a link any more.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Over,
    /// As many were let in as it was for.
    UsedUp,
    /// Too much came for it.
    Flooded,
    /// This person is not in the group any more, or the server has forgotten the link's address.
    Left,
}

impl From<view::Ended> for Ended {
    fn from(ended: view::Ended) -> Self {
        match ended {
            view::Ended::Revoked => Self::Revoked,
            view::Ended::Over => Self::Over,
            view::Ended::UsedUp => Self::UsedUp,
            view::Ended::Flooded => Self::Flooded,
            view::Ended::Left => Self::Left,
        }
    }
}

/// Somebody who wants to be let in.
#[derive(Serialize, JsonSchema)]
pub struct JoinRequest {
    /// For `approve` and `refuse`.
    request: Request,
    /// Who.
    who: Contact,
    /// When the server took it, by its clock.
    at: Instant,
    /// It is being let in.
    admitting: bool,
    /// Why it could not be let in when that was tried; `null`: it was not tried.
    failure: Option<String>,
}

impl From<view::JoinRequest> for JoinRequest {
    fn from(asked: view::JoinRequest) -> Self {
        let view::JoinRequest {
            id,
            who,
            at,
            admitting,
            failure,
        } = asked;
        Self {
            request: id.into(),
            who: who.into(),
            at: Instant(at),
            admitting,
            failure,
        }
    }
}

/// An invitation link that was opened on this device and has not let it in.
#[derive(Serialize, JsonSchema)]
pub struct Opened {
    /// For `cancel_opened`.
    #[serde(rename = "opened")]
    id: OpenedLink,
    /// Who made it.
    maker: AccountId,
    /// The group; `null`: it leads to the maker.
    conversation: Option<ConversationId>,
    /// The group's name or the maker's handle, as the link says.
    title: String,
    /// When it was opened, by this device's clock.
    made: Instant,
    /// How it stands.
    state: OpenedState,
}

impl From<view::Opened> for Opened {
    fn from(opened: view::Opened) -> Self {
        let view::Opened {
            id,
            maker,
            conversation,
            title,
            made,
            state,
        } = opened;
        Self {
            id: id.into(),
            maker: AccountId(maker),
            conversation: conversation.map(ConversationId),
            title,
            made: Instant(made),
            state: state.into(),
        }
    }
}

/// How a link stands that was opened.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OpenedState {
    /// The request is on its way to the server.
    Asking,
    /// The server has it: somebody who made the link has to be online, and maybe to approve.
    Waiting,
    /// It comes to nothing.
    Failed {
        /// Why.
        reason: String,
    },
}

impl From<view::OpenedState> for OpenedState {
    fn from(state: view::OpenedState) -> Self {
        match state {
            view::OpenedState::Asking => Self::Asking,
            view::OpenedState::Waiting => Self::Waiting,
            view::OpenedState::Failed(reason) => Self::Failed { reason },
        }
    }
}
