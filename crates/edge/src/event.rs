//! What is told unasked: notifications, each with its own parameters.

use keyfold_engine as engine;
use keyfold_engine::outcome;
use schemars::JsonSchema;
use serde::Serialize;

use crate::file::Progress;
use crate::scalar::{AccountId, ConversationId, DeviceId, MessageId, Upload};

/// A notification.
pub enum Notification {
    /// Something happened in the engine.
    Event(Event),
    /// The connection to the server changed.
    Link(Link),
    /// A file has come on its way.
    Progress(Progress),
    /// Notifications were lost, since nobody read them: read again what is shown.
    Missed,
}

impl Notification {
    /// The name under which it is told.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Event(_) => "event",
            Self::Link(_) => "link",
            Self::Progress(_) => "progress",
            Self::Missed => "missed",
        }
    }
}

/// Nothing more is said.
#[derive(Serialize, JsonSchema)]
pub struct Missed {}

/// How the device stands towards its server.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Link {
    /// For the first time since the start.
    Connecting,
    /// Connected.
    Online {
        /// Everything that waited has been applied.
        caught_up: bool,
    },
    /// Not connected; it tries again by itself where that makes sense.
    Offline {
        /// Why, in words.
        reason: String,
    },
    /// The device itself failed, e.g. its disk is full. It tries again by itself.
    Broken {
        /// Why, in words.
        reason: String,
    },
}

/// Something that happened.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The account exists; the device is ready.
    Registered,
    /// The server would not register it; the account here is gone again.
    RegistrationRefused {
        /// Why.
        failure: Failure,
    },
    /// This device was removed from its account.
    DeviceRemoved,
    /// A conversation that was begun here exists, or one was joined.
    Ready {
        /// Which.
        conversation: ConversationId,
    },
    /// A conversation could not be begun.
    CreateFailed {
        /// Which.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
    /// A new message on the timeline.
    Arrived {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
    },
    /// A message was edited, taken back, reacted to, pinned or starred, or is not any more.
    Amended {
        /// Where.
        conversation: ConversationId,
        /// Which, as it was said first.
        message: MessageId,
    },
    /// The server has an own message.
    Sent {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
    },
    /// An own message can't be sent any more.
    SendFailed {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
        /// Why.
        failure: Failure,
    },
    /// Members, name, description, timer, roles or rules changed.
    Changed {
        /// Where.
        conversation: ConversationId,
    },
    /// A change asked for here is done.
    ChangeDone {
        /// Where.
        conversation: ConversationId,
    },
    /// A change asked for here can't be done.
    ChangeFailed {
        /// Where.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
    /// This device or its account is no longer a member.
    Removed {
        /// Where.
        conversation: ConversationId,
    },
    /// Something was refused: the conversation waits until a member has moved it to a fresh group.
    Held {
        /// Which.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
    /// The conversation goes on in a fresh group.
    Moved {
        /// Which.
        conversation: ConversationId,
    },
    /// This device has lost its place in a conversation and asks to be let in again.
    Rejoining {
        /// Which.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
    /// This device is back in a conversation in which it had lost its place.
    Back {
        /// Which.
        conversation: ConversationId,
    },
    /// Messages of somebody are missing.
    Gap {
        /// Where.
        conversation: ConversationId,
    },
    /// The directory knows this account.
    Found {
        /// Which.
        account: AccountId,
    },
    /// The directory does not know this handle.
    NotFound {
        /// Which.
        handle: String,
    },
    /// A handle now leads to another account than before.
    IdentityChanged {
        /// Which.
        handle: String,
    },
    /// A new device of this account is registered.
    DeviceAdded {
        /// Which.
        device: DeviceId,
    },
    /// All that waited at the server has been applied.
    CaughtUp,
    /// The server remembers more than this device does: its database was put back. It asks to be let in again everywhere.
    RolledBack,
    /// This device remembers more than the server does: that was put back to an earlier state.
    ServerRolledBack,
    /// The server did not keep all that came for this device while it was away.
    NotKept,
    /// Messages were deleted on this device: whoever shows the conversation reads it anew.
    Hidden {
        /// Where.
        conversation: ConversationId,
    },
    /// A conversation was marked, or deleted, on this device.
    Marked {
        /// Which.
        conversation: ConversationId,
    },
    /// An own file is on its way to the server.
    Uploading {
        /// Where.
        conversation: ConversationId,
        /// Which.
        upload: Upload,
    },
    /// An own file is at the server, and is said.
    Uploaded {
        /// Where.
        conversation: ConversationId,
        /// Which.
        upload: Upload,
        /// The message; `sent` tells of it.
        message: MessageId,
    },
    /// An own file can't be sent.
    UploadFailed {
        /// Where.
        conversation: ConversationId,
        /// Which.
        upload: Upload,
        /// Why.
        failure: Failure,
    },
    /// An own file is not sent any more.
    UploadCancelled {
        /// Where.
        conversation: ConversationId,
        /// Which.
        upload: Upload,
    },
    /// Somebody, maybe oneself, shows something else of themselves (`profile` tells what), or is blocked here, or not any more.
    PersonChanged {
        /// Who.
        account: AccountId,
    },
    /// Somebody is typing or not any more, was active, or has come further: whoever shows the conversation asks for that anew.
    Signal {
        /// Where.
        conversation: ConversationId,
    },
    /// Something about the invitation links that were made or opened here (`invitations`, `opened`).
    InvitationsChanged,
    /// A stranger has begun a conversation, or has brought this account into a group: it waits until `accept`. Of it nothing else is told but
    /// `changed`; `ready` tells that it was accepted, on whichever device.
    Requested {
        /// Which.
        conversation: ConversationId,
    },
    /// The server's operator has what was reported.
    Reported {
        /// Where it was said.
        conversation: ConversationId,
    },
    /// The server does not take what was reported.
    ReportFailed {
        /// Where it was said.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
}

impl From<engine::Event> for Event {
    fn from(event: engine::Event) -> Self {
        use engine::Event as E;
        /// A variant of the same name, with these fields in their order.
        macro_rules! named {
            ($($plain:ident)* ; $($name:ident { $($field:ident: $as:path),+ })*) => {
                match event {
                    $(E::$plain => Self::$plain,)*
                    $(E::$name($($field),+) => Self::$name { $($field: $as($field)),+ },)*
                }
            };
        }
        named! {
            Registered DeviceRemoved CaughtUp RolledBack ServerRolledBack NotKept InvitationsChanged;
            RegistrationRefused { failure: Failure::from }
            Ready { conversation: ConversationId }
            CreateFailed { conversation: ConversationId, failure: Failure::from }
            Arrived { conversation: ConversationId, message: MessageId }
            Amended { conversation: ConversationId, message: MessageId }
            Sent { conversation: ConversationId, message: MessageId }
            SendFailed { conversation: ConversationId, message: MessageId, failure: Failure::from }
            Changed { conversation: ConversationId }
            ChangeDone { conversation: ConversationId }
            ChangeFailed { conversation: ConversationId, failure: Failure::from }
            Removed { conversation: ConversationId }
            Held { conversation: ConversationId, failure: Failure::from }
            Moved { conversation: ConversationId }
            Rejoining { conversation: ConversationId, failure: Failure::from }
            Back { conversation: ConversationId }
            Gap { conversation: ConversationId }
            Found { account: AccountId }
            NotFound { handle: String::from }
            IdentityChanged { handle: String::from }
            DeviceAdded { device: DeviceId }
            Hidden { conversation: ConversationId }
            Marked { conversation: ConversationId }
            Uploading { conversation: ConversationId, upload: Upload }
            Uploaded { conversation: ConversationId, upload: Upload, message: MessageId }
            UploadFailed { conversation: ConversationId, upload: Upload, failure: Failure::from }
            UploadCancelled { conversation: ConversationId, upload: Upload }
            PersonChanged { account: AccountId }
            Signal { conversation: ConversationId }
            Requested { conversation: ConversationId }
            Reported { conversation: ConversationId }
            ReportFailed { conversation: ConversationId, failure: Failure::from }
        }
    }
}

/// Why something could not be done.
#[derive(Serialize, JsonSchema)]
pub struct Failure {
    /// What kind of failure it is; stable.
    name: FailureName,
    /// A sentence for a person; its words may change.
    message: String,
    /// The handle that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureName {
    /// No such handle.
    NobodyCalled,
    /// A person has no device that can be added.
    NoKeyPackage,
    /// Not everybody's devices speak the suite asked for.
    Suite,
    /// The roles do not allow it.
    NotAllowed,
    /// It was so already.
    Nothing,
    /// Not a member any more.
    NotAMember,
    /// It breaks the group's rules.
    Refused,
    /// The server refused.
    Server,
    /// This device has lost its place in the conversation.
    PlaceLost,
    /// A file can't be sent.
    File,
}

impl From<outcome::Failure> for Failure {
    fn from(why: outcome::Failure) -> Self {
        use outcome::Failure as F;
        let message = why.to_string();
        let (name, handle) = match why {
            F::NobodyCalled(handle) => (FailureName::NobodyCalled, Some(handle)),
            F::NoKeyPackage(handle) => (FailureName::NoKeyPackage, Some(handle)),
            F::Suite => (FailureName::Suite, None),
            F::NotAllowed => (FailureName::NotAllowed, None),
            F::Nothing => (FailureName::Nothing, None),
            F::NotAMember => (FailureName::NotAMember, None),
            F::Refused(_) => (FailureName::Refused, None),
            F::Server(_) => (FailureName::Server, None),
            F::PlaceLost(_) => (FailureName::PlaceLost, None),
            F::File(_) => (FailureName::File, None),
        };
        Self {
            name,
            message,
            handle,
        }
    }
}
