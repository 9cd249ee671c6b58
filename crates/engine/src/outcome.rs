//! What a step tells the shell, once its transaction is durable.

use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, Sequence};
use keyfold_wire::v1;

use crate::command::{Answer, Complaint, UploadId};

/// What one step gives back. Everything it speaks of is durable.
#[derive(Debug)]
pub struct Outcome {
    /// The command's answer ([`Answer::Taken`] for other inputs).
    pub answer: Result<Answer, Complaint>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Send this as `Acknowledge` on the mailbox socket.
    pub acknowledge: Option<Sequence>,
    /// Send this as `AcknowledgeSignals` on the mailbox socket.
    pub acknowledge_signals: Option<u64>,
}

/// Names one request from [`Engine::next_request`](crate::Engine::next_request) until it is answered or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Which socket a request belongs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The one with the token.
    Mailbox,
    /// The one without.
    Anonymous,
}

/// A request for the server. The bytes on the wire are the same at every retry.
pub struct Request {
    /// For [`Input::Reply`](crate::Input::Reply) and [`Input::Lost`](crate::Input::Lost).
    pub id: RequestId,
    /// The socket.
    pub channel: Channel,
    /// The request, to be framed with an id of the shell's choice.
    pub body: v1::client_frame::Request,
}

/// Something that a person may want to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The account exists; the device is ready.
    Registered,
    /// The server would not register it; the account here is gone again.
    RegistrationRefused(Failure),
    /// This device's token is no longer accepted: it was removed from its account.
    DeviceRemoved,
    /// A conversation that was begun here exists, or one was joined.
    Ready(ConversationId),
    /// A conversation could not be begun.
    CreateFailed(ConversationId, Failure),
    /// A new entry on the timeline.
    Arrived(ConversationId, ContentId),
    /// A message was edited, taken back or reacted to.
    Amended(ConversationId, ContentId),
    /// The server has an own message.
    Sent(ConversationId, ContentId),
    /// An own message can't be sent any more.
    SendFailed(ConversationId, ContentId, Failure),
    /// Members, name or roles changed.
    Changed(ConversationId),
    /// A change asked for here is done.
    ChangeDone(ConversationId),
    /// A change asked for here can't be done.
    ChangeFailed(ConversationId, Failure),
    /// This device or its account is no longer a member.
    Removed(ConversationId),
    /// A commit, roster or key was refused: the conversation waits until a member has moved it to a fresh group.
    Held(ConversationId, Failure),
    /// The conversation goes on in a fresh group.
    Moved(ConversationId),
    /// This device has lost its place in a conversation and asks to be let in again.
    Rejoining(ConversationId, Failure),
    /// This device is back in a conversation in which it had lost its place.
    Back(ConversationId),
    /// Messages of somebody are missing.
    Gap(ConversationId),
    /// The directory knows this account.
    Found(AccountId),
    /// The directory does not know this handle.
    NotFound(String),
    /// A handle now leads to another account than before.
    IdentityChanged(String),
    /// A new device of this account is registered.
    DeviceAdded(DeviceId),
    /// The mailbox is empty: all that waited has been applied.
    CaughtUp,
    /// The server remembers more than this device does: its database was rolled back. It asks to be let in again everywhere.
    RolledBack,
    /// This device remembers more than the server does: that was put back to an earlier state.
    ServerRolledBack,
    /// The server did not keep all that came for this device while it was away.
    NotKept,
    /// Messages were deleted on this device: whoever shows the conversation reads it anew.
    Hidden(ConversationId),
    /// A conversation was marked, or deleted from the list, on this device.
    Marked(ConversationId),
    /// An own file is on its way to the server.
    Uploading(ConversationId, UploadId),
    /// An own file is at the server, and is said as this message.
    Uploaded(ConversationId, UploadId, ContentId),
    /// An own file can't be sent.
    UploadFailed(ConversationId, UploadId, Failure),
    /// An own file is not sent any more.
    UploadCancelled(ConversationId, UploadId),
    /// Somebody, maybe oneself, shows something else of themselves, or is blocked here, or not any more.
    PersonChanged(AccountId),
    /// Somebody is typing or not any more, was active, or has come further: whoever shows the conversation asks for that anew.
    Signal(ConversationId),
    /// Something about the invitation links that were made or opened here: who shows them asks for them anew.
    InvitationsChanged,
    /// A stranger has begun a conversation, or has brought this account into a group: it waits until it is accepted, and nothing else is told of it
    /// but [`Event::Changed`]. Once it is accepted, on whichever device, [`Event::Ready`] tells.
    Requested(ConversationId),
    /// The server's operator has what was reported here.
    Reported(ConversationId),
    /// The server does not take what was reported here.
    ReportFailed(ConversationId, Failure),
}

/// Why something could not be done, for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No such handle.
    #[error("nobody is called {0} here")]
    NobodyCalled(String),
    /// A person has no device that can be added.
    #[error("{0} has no device that can be added now")]
    NoKeyPackage(String),
    /// The suite asked for does not suit everybody.
    #[error("not everybody's devices speak the encryption asked for")]
    Suite,
    /// The roles do not allow it (any more).
    #[error("the group's roles do not allow it")]
    NotAllowed,
    /// It was so already, or has become pointless.
    #[error("there was nothing to change")]
    Nothing,
    /// Not a member any more.
    #[error("you are not in this conversation any more")]
    NotAMember,
    /// What came breaks the group's rules.
    #[error("a change of the group was refused: {0}")]
    Refused(String),
    /// The server refused.
    #[error("the server refused: {0}")]
    Server(String),
    /// This device can't go on where it is.
    #[error("this device has lost its place in the conversation and asks to be let in again: {0}")]
    PlaceLost(String),
    /// A file can't be sent.
    #[error("the file was not sent: {0}")]
    File(String),
}
