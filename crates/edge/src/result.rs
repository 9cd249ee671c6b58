//! What commands give back at once, each as a type of its own.

use keyfold_engine::Answer;
use schemars::JsonSchema;
use serde::Serialize;

use crate::scalar::{Bytes, ConversationId, Invitation, MessageId, OpenedLink, Upload};

/// A result of a command, made from the engine's answer.
pub trait OfAnswer: Serialize + JsonSchema {
    /// The result; `None`: the engine answered something else than this command is answered with.
    fn of(answer: Answer) -> Option<Self>
    where
        Self: Sized;
}

/// Taken: it is durable here, and events will tell how it went.
#[derive(Serialize, JsonSchema)]
pub struct Taken {}

impl OfAnswer for Taken {
    fn of(answer: Answer) -> Option<Self> {
        matches!(answer, Answer::Taken).then_some(Self {})
    }
}

/// A conversation that was begun, ready once the event `ready` says so, or that there was.
#[derive(Serialize, JsonSchema)]
pub struct Begun {
    /// Its id.
    conversation: ConversationId,
}

impl OfAnswer for Begun {
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Conversation(id) => Some(Self {
                conversation: ConversationId(id),
            }),
            _ => None,
        }
    }
}

/// A conversation, or nothing yet.
#[derive(Serialize, JsonSchema)]
pub struct Used {
    /// Its id; `null`: the directory is asked first.
    conversation: Option<ConversationId>,
}

impl OfAnswer for Used {
    fn of(answer: Answer) -> Option<Self> {
        let conversation = match answer {
            Answer::Conversation(id) => Some(ConversationId(id)),
            Answer::Taken => None,
            _ => return None,
        };
        Some(Self { conversation })
    }
}

/// A message, durable here, on its way; the event `sent` tells that the server has it.
#[derive(Serialize, JsonSchema)]
pub struct Said {
    /// Its id.
    message: MessageId,
}

impl OfAnswer for Said {
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Message(id) => Some(Self {
                message: MessageId(id),
            }),
            _ => None,
        }
    }
}

/// Messages, durable here, on their way; the event `sent` tells of each that the server has it.
#[derive(Serialize, JsonSchema)]
pub struct SaidAll {
    /// Their ids, one for each conversation in the order in which these were named.
    messages: Vec<MessageId>,
}

impl OfAnswer for SaidAll {
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Messages(ids) => Some(Self {
                messages: ids.into_iter().map(MessageId).collect(),
            }),
            _ => None,
        }
    }
}

/// What was done to a message.
#[derive(Serialize, JsonSchema)]
pub struct Amendment {
    /// The id of what tells the others of it, for the events `sent` and `send_failed`; `null`: nothing is sent, as nobody else has the
    /// message or it was so already.
    message: Option<MessageId>,
}

impl OfAnswer for Amendment {
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Message(id) => Some(Self {
                message: Some(MessageId(id)),
            }),
            Answer::Taken => Some(Self { message: None }),
            _ => None,
        }
    }
}

/// A request to be linked.
#[derive(Serialize, JsonSchema)]
pub struct LinkRequest {
    /// To be carried to a primary device of the account, for `add_device`.
    link_request: Bytes,
}

impl OfAnswer for LinkRequest {
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::LinkRequest(bytes) => Some(Self {
                link_request: Bytes(bytes),
            }),
            _ => None,
        }
    }
}

/// A certificate for a new device.
#[derive(Serialize, JsonSchema)]
pub struct Certificate {
    /// To be carried to the new device, for `accept_link`.
    certificate: Bytes,
}

impl OfAnswer for Certificate {
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Certificate(bytes) => Some(Self {
                certificate: Bytes(bytes),
            }),
            _ => None,
        }
    }
}

/// An invitation link that was made.
#[derive(Serialize, JsonSchema)]
pub struct Invited {
    /// For `revoke_invitation`; `invitations` has the link.
    invitation: Invitation,
}

impl OfAnswer for Invited {
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Invitation(id) => Some(Self {
                invitation: Invitation(id),
            }),
            _ => None,
        }
    }
}

/// An invitation link that was opened.
#[derive(Serialize, JsonSchema)]
pub struct OpenedNow {
    /// For `cancel_opened`; `null`: the person is where it leads.
    opened: Option<OpenedLink>,
    /// Where it leads, if the person is there already.
    conversation: Option<ConversationId>,
}

impl OfAnswer for OpenedNow {
    fn of(answer: Answer) -> Option<Self> {
        let (opened, conversation) = match answer {
            Answer::Opened(id) => (Some(OpenedLink(id)), None),
            Answer::Conversation(id) => (None, Some(ConversationId(id))),
            _ => return None,
        };
        Some(Self {
            opened,
            conversation,
        })
    }
}

/// A file that was sealed, on its way.
#[derive(Serialize, JsonSchema)]
pub struct Sending {
    /// For `cancel_file`.
    pub upload: Upload,
    /// It is a picture or a film of a kind that is not known here, so it may say where and when it was taken.
    pub says_more: bool,
}

/// A file that was put on this disk.
#[derive(Serialize, JsonSchema)]
pub struct Saved {
    /// Where.
    pub path: String,
}

/// How long everything took.
#[derive(Serialize, JsonSchema)]
pub struct Settled {
    /// `true`: connected, everything fetched, everything sent and answered; `false`: the time was over first.
    pub settled: bool,
}
