//! What a person (or a script) asks of the engine, and what it answers at once.
//!
//! A command that needs the server becomes an intent: it is durable when `apply` returns, survives restarts and lost
//! races, and ends in an [`Event`](crate::Event) that says how it went.

use keyfold_protocol::content::{Choice, ContentId, Media};
use keyfold_protocol::file::{FileKey, FileName};
use keyfold_protocol::state::{Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::file::UploadToken;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId};
use serde::{Deserialize, Serialize};

/// Something that a person wants done.
///
/// Handles are given as typed (`ada`); the directory finds the account.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// Make an account with this device as its first, and register it.
    Register {
        /// The handle wished for.
        handle: String,
        /// An invitation code, where the server asks for one; else empty.
        invitation: String,
        /// The MLS suites that this device speaks, most wanted first.
        suites: Vec<Suite>,
    },
    /// The recovery key has been shown or written down: erase it here.
    RecoveryKeyKept,
    /// Prepare this device to be linked to an existing account. Answers with the request to carry to a primary one.
    RequestLink {
        /// The MLS suites that this device speaks, most wanted first.
        suites: Vec<Suite>,
    },
    /// On a primary device: certify, register and add a new device to every conversation.
    AddDevice {
        /// What [`Command::RequestLink`] answered on the new device.
        link_request: Vec<u8>,
    },
    /// On the new device: take the certificate that the primary made ([`Answer::Certificate`]).
    AcceptLink {
        /// An encoded device certificate.
        certificate: Vec<u8>,
    },
    /// On a primary device: remove another device of the account, from the directory and from every conversation.
    RemoveDevice {
        /// The device.
        device: DeviceId,
    },
    /// Start a conversation.
    Create {
        /// The other people's handles; one and no name: one to one.
        people: Vec<String>,
        /// The group's name.
        name: Option<String>,
        /// The MLS suite; `None` for the best that all devices speak.
        suite: Option<Suite>,
    },
    /// Say something.
    Send {
        /// Where.
        conversation: ConversationId,
        /// At most [`keyfold_wire::limits::MAX_TEXT`] bytes.
        text: String,
    },
    /// Say something in answer to a message.
    Reply {
        /// Where.
        conversation: ConversationId,
        /// The message.
        to: ContentId,
        /// At most [`keyfold_wire::limits::MAX_TEXT`] bytes.
        text: String,
    },
    /// Say something else in the place of a text of one's own.
    Edit {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: ContentId,
        /// At most [`keyfold_wire::limits::MAX_TEXT`] bytes.
        text: String,
    },
    /// Take a message back, for everybody: one of one's own, or, for admins of a group, anybody's.
    TakeBack {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: ContentId,
    },
    /// React to a message. Each person has one reaction to it, the newest.
    React {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: ContentId,
        /// At most [`keyfold_protocol::limits::MAX_REACTION`] bytes; `None`: not any more.
        emoji: Option<String>,
    },
    /// Add people to a group.
    Add {
        /// The group.
        conversation: ConversationId,
        /// Their handles.
        people: Vec<String>,
    },
    /// Remove people from a group.
    Remove {
        /// The group.
        conversation: ConversationId,
        /// Their handles.
        people: Vec<String>,
    },
    /// Leave a group.
    Leave {
        /// The group.
        conversation: ConversationId,
    },
    /// Give a group another name.
    Rename {
        /// The group.
        conversation: ConversationId,
        /// The new name.
        name: String,
    },
    /// Give a member another role.
    ChangeRole {
        /// The group.
        conversation: ConversationId,
        /// Whose.
        account: AccountId,
        /// Which.
        role: Role,
    },
    /// Replace this device's keys in a conversation now, and all its key packages.
    Update {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Everything in the conversation has been seen. In one that waits to be accepted it changes nothing.
    MarkRead {
        /// The conversation.
        conversation: ConversationId,
    },
    /// The safety number with this account was compared and is right.
    MarkVerified {
        /// The other account.
        account: AccountId,
    },
    /// Look a handle up in the directory, so that its account is known here.
    LookUp {
        /// The handle.
        handle: String,
    },
    /// Pin a message for everybody, or not any more. Any member may.
    Pin {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: ContentId,
        /// It is from now on.
        pinned: bool,
    },
    /// Give a group another description.
    Describe {
        /// The group.
        conversation: ConversationId,
        /// At most [`keyfold_protocol::limits::MAX_DESCRIPTION`] bytes; empty: none.
        description: String,
    },
    /// Say who may do something in a group.
    Allow {
        /// The group.
        conversation: ConversationId,
        /// What.
        deed: Deed,
        /// Who.
        policy: Policy,
    },
    /// Say a text again elsewhere. Answers with a message for each conversation; where it can't be said in one of them it is said in none.
    Forward {
        /// Where it was said.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: ContentId,
        /// At most [`MAX_FORWARD`](crate::limits::MAX_FORWARD); one that is named twice counts once.
        to: Vec<ConversationId>,
    },
    /// Delete messages on this device alone. They stay away when they, or what is about them, come again.
    Hide {
        /// Where.
        conversation: ConversationId,
        /// Which, as they were said first, at most [`crate::limits::MAX_MARKED`].
        messages: Vec<ContentId>,
    },
    /// Delete everything that a conversation shows, on this device alone. What waits to be sent is sent all the same.
    Clear {
        /// The conversation.
        conversation: ConversationId,
    },
    /// The same, and the conversation itself goes from the list. A group must be left first; a one-to-one conversation comes again, empty, when
    /// somebody writes.
    DeleteConversation {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Star messages on this device, or not any more.
    Star {
        /// Where.
        conversation: ConversationId,
        /// Which, as they were said first, at most [`crate::limits::MAX_MARKED`].
        messages: Vec<ContentId>,
        /// Or not any more.
        starred: Starred,
    },
    /// Mark a conversation, on this device.
    Mark {
        /// The conversation.
        conversation: ConversationId,
        /// With what.
        mark: Mark,
    },
    /// Send a file, which the shell has sealed: it is shown at once, and said when it lies at the server.
    SendFile {
        /// Where.
        conversation: ConversationId,
        /// The file.
        file: Box<OutgoingFile>,
        /// What is said about it, at most [`keyfold_wire::limits::MAX_TEXT`] bytes; may be empty.
        caption: String,
    },
    /// From the shell: all of a file lies at the server. Answers with the message, or [`Answer::Taken`] where it can't be said any more, as
    /// [`Event::UploadFailed`](crate::Event::UploadFailed) tells.
    FileUploaded(UploadId),
    /// From the shell: the server won't take a file, for this reason.
    FileFailed(UploadId, String),
    /// Give up sending a file.
    CancelFile(UploadId),
    /// Show this of oneself, in the place of what was shown before, to those whom one talks to.
    SetProfile {
        /// What one is called, at most [`keyfold_protocol::limits::MAX_NAME`] bytes; empty: nothing but the handle.
        name: String,
        /// What one says of oneself, at most [`keyfold_protocol::limits::MAX_ABOUT`] bytes; may be empty.
        about: String,
        /// JPEG, PNG or WebP, at most [`keyfold_protocol::limits::MAX_PICTURE`] bytes.
        picture: Option<Vec<u8>>,
    },
    /// Want to hear nothing of somebody any more, on this device: neither what they say, nor of conversations that they begin. Nobody hears of it.
    Block {
        /// Who.
        account: AccountId,
    },
    /// Want to hear of somebody again. What they have said meanwhile does not come.
    Unblock {
        /// Who.
        account: AccountId,
    },
    /// Let messages disappear from now on, or stay. In a one-to-one conversation both may, in a group whom its rules let change its name.
    SetTimer {
        /// The conversation.
        conversation: ConversationId,
        /// Seconds after which a message is to be gone, once it was read: [`MIN_TIMER`](keyfold_protocol::limits::MIN_TIMER) to
        /// [`MAX_TIMER`](keyfold_protocol::limits::MAX_TIMER); `None`: they stay.
        timer: Option<u32>,
    },
    /// Say something that disappears, where the conversation's own timer does not let it disappear sooner.
    SendFleeting {
        /// Where.
        conversation: ConversationId,
        /// At most [`keyfold_wire::limits::MAX_TEXT`] bytes.
        text: String,
        /// Seconds after which it is to be gone, once it was read, as of [`Command::SetTimer`].
        lasts: u32,
    },
    /// The person looks at the screen, or has gone away: the people they talk to one to one see when they were last active. Say it once; it is kept up
    /// until the other is said.
    Foreground {
        /// They look at it.
        active: bool,
    },
    /// The person is typing, or not any more. Say it at each key: it is told at most every [`crate::limits::TYPING_AGAIN`].
    Typing {
        /// Where.
        conversation: ConversationId,
        /// They are.
        typing: bool,
    },
    /// Find out who has read a message in a group. Who is online and tells, answers; [`Engine::read_by`](crate::Engine::read_by) then shows it.
    AskReadBy {
        /// The group.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: ContentId,
    },
    /// Give a group another picture.
    SetGroupPicture {
        /// The group.
        conversation: ConversationId,
        /// JPEG, PNG or WebP, at most [`keyfold_protocol::limits::MAX_GROUP_PICTURE`] bytes; `None`: none any more.
        picture: Option<Vec<u8>>,
    },
    /// What others may see of this person, and this person of others ([`crate::view::Privacy`]), on this device.
    SetPrivacy {
        /// Who may see when they were last active.
        presence: crate::view::Audience,
        /// Whether others are told what came and was read.
        receipts: bool,
        /// Whether others are told that they are typing.
        typing: bool,
    },
    /// Say a text with what one of its links leads to, as the shell has seen it.
    SendPreviewed {
        /// Where.
        conversation: ConversationId,
        /// At most [`keyfold_wire::limits::MAX_TEXT`] bytes.
        text: String,
        /// What the link leads to.
        preview: Box<LinkPreview>,
    },
    /// Ask a question with options.
    SendPoll {
        /// Where.
        conversation: ConversationId,
        /// A line of at most [`keyfold_protocol::limits::MAX_QUESTION`] bytes.
        question: String,
        /// [`keyfold_protocol::limits::MIN_OPTIONS`] to [`keyfold_protocol::limits::MAX_OPTIONS`] different lines of at most
        /// [`keyfold_protocol::limits::MAX_OPTION`] bytes.
        options: Vec<String>,
        /// How many of them one may choose.
        choice: Choice,
    },
    /// Choose something of a poll, in the place of what was chosen before.
    Vote {
        /// Where.
        conversation: ConversationId,
        /// The poll.
        message: ContentId,
        /// The options, by their numbers from 0 on; none: nothing any more.
        choices: Vec<u8>,
    },
    /// End a poll: one's own; in a group, admins anybody's.
    EndPoll {
        /// Where.
        conversation: ConversationId,
        /// The poll.
        message: ContentId,
    },
    /// Say where something is.
    SendLocation {
        /// To whom.
        conversation: ConversationId,
        /// Where it is.
        place: Place,
    },
    /// Say who somebody is. The directory must have told this device of them ([`Command::LookUp`]), or they are oneself.
    SendContact {
        /// To whom.
        conversation: ConversationId,
        /// Their handle.
        handle: String,
    },
    /// Talk to whom a contact card names: answered with the conversation, or, where the directory is asked first, with [`Answer::Taken`];
    /// [`Event::Found`](crate::Event::Found) or [`Event::NotFound`](crate::Event::NotFound) tells then, and this can be asked again.
    UseCard {
        /// Where the card was sent.
        conversation: ConversationId,
        /// The card.
        message: ContentId,
    },
    /// A file that is opened once ([`Engine::once`](crate::Engine::once)) is about to be shown: its key is erased here. Whoever shows it does so after
    /// this is durable.
    OpenOnce {
        /// Where.
        conversation: ConversationId,
        /// The message.
        message: ContentId,
    },
    /// Make an invitation link. Answers with [`Answer::Invitation`]; [`Engine::invitations`](crate::Engine::invitations) has the link.
    Invite {
        /// The group, in which this person may add people. `None`: to this person.
        conversation: Option<ConversationId>,
        /// Seconds that it lasts, [`MIN_INVITATION_LASTS`](crate::limits::MIN_INVITATION_LASTS) to
        /// [`MAX_INVITATION_LASTS`](crate::limits::MAX_INVITATION_LASTS).
        lasts: u32,
        /// How many it lets in, at most [`MAX_INVITATION_USES`](crate::limits::MAX_INVITATION_USES); `None`: as many.
        uses: Option<u32>,
        /// Whether somebody has to approve of each.
        approval: bool,
    },
    /// Let nobody in by a link any more. Who waits for approval by it is forgotten.
    RevokeInvitation {
        /// Which.
        invitation: InvitationId,
    },
    /// Let somebody in who waits.
    Approve {
        /// Which.
        request: JoinRequestId,
    },
    /// Do not let somebody in who waits. They do not hear of it.
    Refuse {
        /// Which.
        request: JoinRequestId,
    },
    /// Ask to be let in by an invitation link. Answers with [`Answer::Opened`], or with the conversation where this device is in it already.
    OpenInvitation {
        /// What stands behind the `#` of the link.
        fragment: String,
    },
    /// Do not want to be let in by a link any more that was opened here, or forget one that has come to nothing.
    CancelOpened {
        /// Which.
        opened: OpenedId,
    },
    /// Accept what a stranger has begun: what came is shown, and it goes on as everywhere. In what was accepted already it changes nothing.
    Accept {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Whether what strangers begin waits from now on until it is accepted, on this device. It does, unless this says otherwise; a program that
    /// answers everybody does without.
    AskFirst {
        /// It does.
        wanted: bool,
    },
    /// Hand messages, as this device has received and opened them, to the operator of the server, with who said them and when. Nobody else hears of it;
    /// [`Event::Reported`](crate::Event::Reported) tells when the server has it.
    Report {
        /// The conversation.
        conversation: ConversationId,
        /// Which, at most [`keyfold_wire::limits::MAX_REPORTED`], together at most [`keyfold_wire::limits::MAX_REPORT`] bytes. None: only the other person of
        /// a one-to-one conversation, or who asks, is named.
        messages: Vec<ContentId>,
        /// What the person says about it, at most [`keyfold_wire::limits::MAX_REPORT_ABOUT`] bytes; may be empty.
        about: String,
    },
}

/// A point on Earth (WGS 84), as somebody says it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Ten-millionths of a degree to the north.
    pub latitude: i32,
    /// Ten-millionths of a degree to the east.
    pub longitude: i32,
    /// Within how many metres it is right, from 1 on; `None`: that is not said.
    pub accuracy: Option<u32>,
    /// What it is called, at most [`keyfold_protocol::limits::MAX_NAME`] bytes; may be empty.
    pub label: String,
}

/// What a link leads to, as a shell has seen it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct LinkPreview {
    /// Where it leads: a link of the text, `http` or `https`.
    pub url: String,
    /// What the page is called, at most [`keyfold_protocol::limits::MAX_NAME`] bytes.
    pub title: String,
    /// What it says of itself, at most [`keyfold_protocol::limits::MAX_PREVIEW_WORDS`] bytes; may be empty.
    pub description: String,
    /// A JPEG, PNG or WebP of at most [`keyfold_protocol::limits::MAX_PREVIEW_PICTURE`] bytes.
    pub picture: Option<Vec<u8>>,
}

/// What a group's rules say who may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Deed {
    /// Add people. Mostly admins may.
    Add,
    /// Say something, and edit and pin. Mostly everyone may.
    Post,
    /// Change name, description, picture and timer. Mostly admins may.
    Edit,
}

/// Whether messages are starred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Starred {
    /// They are.
    Yes,
    /// They are not.
    No,
}

/// What a conversation is marked with, on this device alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    /// Out of the way, and not pinned.
    Archived,
    /// Not out of the way any more.
    Unarchived,
    /// What comes is announced so from now on.
    Muted(crate::view::Mute),
    /// Shown as unread until it is read.
    Unread,
    /// Before all others, at this turn from 0 on, or behind the others that are. It is not archived then.
    Pinned(Option<u32>),
    /// Not any more.
    Unpinned,
    /// What was typed and not said, at most [`keyfold_wire::limits::MAX_TEXT`] bytes; empty: nothing.
    Draft(String),
}

/// Names a file that is on its way, on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(pub i64);

/// Names an invitation link that was made on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvitationId(pub i64);

/// Names somebody who wants to be let in by a link that was made on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JoinRequestId(pub i64);

/// Names an invitation link that was opened on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpenedId(pub i64);

/// A file that was sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Under which it is brought to the server.
    pub token: UploadToken,
    /// What it is sealed under.
    pub key: FileKey,
    /// SHA-256 over the sealed file.
    pub hash: [u8; 32],
    /// Bytes of its content.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// Its name.
    pub name: Option<FileName>,
    /// What can be seen of it before it is loaded.
    pub media: Media,
    /// How often it may be opened.
    pub opens: Opens,
}

/// How often a file may be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Opens {
    /// As often as somebody likes.
    #[default]
    Always,
    /// Once on each device of whoever gets it: a picture, a video or a recording, without words.
    Once,
}

/// What a command gives back at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Taken; events will tell.
    Taken,
    /// The conversation that was begun; ready once [`Event::Ready`](crate::Event::Ready) says so.
    Conversation(ConversationId),
    /// The message, durable here, on its way.
    Message(ContentId),
    /// The messages, one for each conversation in the order in which these were named.
    Messages(Vec<ContentId>),
    /// To be carried to a primary device of the account.
    LinkRequest(Vec<u8>),
    /// To be carried to the new device: its certificate.
    Certificate(Vec<u8>),
    /// The file, durable here, on its way.
    Upload(UploadId),
    /// The link that was made.
    Invitation(InvitationId),
    /// The link that was opened.
    Opened(OpenedId),
}

/// Why a command can't be done. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Complaint {
    /// No account on this device yet.
    #[error("there is no account on this device yet: register first")]
    NotRegistered,
    /// There is one already.
    #[error("this device already has an account")]
    AlreadyRegistered,
    /// Unknown conversation.
    #[error("there is no such conversation here")]
    NoSuchConversation,
    /// Not a member any more.
    #[error("you are not in this conversation any more")]
    NotAMember,
    /// It was left, and the server does not know yet.
    #[error("you are leaving this conversation: nothing more can be said or changed in it")]
    Leaving,
    /// Roles do not allow it.
    #[error("only an admin of the group may do that")]
    NotAllowed,
    /// Nobody removes their own account.
    #[error("nobody can remove themselves: leave the group instead")]
    Oneself,
    /// In a one-to-one conversation this makes no sense.
    #[error("that can be done in groups only")]
    GroupsOnly,
    /// No such member.
    #[error("{0} is not in this conversation")]
    NotThere(String),
    /// Empty or too long text.
    #[error("a message has between 1 and {limit} bytes; this one has {actual}")]
    TextSize {
        /// The most.
        limit: usize,
        /// What came.
        actual: usize,
    },
    /// A name that can't be.
    #[error("that name can't be used: {0}")]
    Name(String),
    /// Nobody to talk to, or too many.
    #[error("a conversation needs between 1 and {0} other people")]
    People(usize),
    /// A handle that can't be.
    #[error("{0:?} is not a handle")]
    Handle(String),
    /// This needs the account key.
    #[error("only a primary device can do that")]
    NotPrimary,
    /// The link request or certificate can't be used.
    #[error("that link code can't be used: {0}")]
    Link(String),
    /// Unknown, taken back, or nothing that anybody can do anything to.
    #[error("there is no such message here, or it was taken back")]
    NoSuchMessage,
    /// Somebody else said it.
    #[error("only a text of your own can be changed")]
    NotYours,
    /// An empty or too long reaction.
    #[error("a reaction is one emoji, of at most {0} bytes")]
    Reaction(usize),
    /// Nothing that can be said again.
    #[error("only texts, places and contact cards can be forwarded")]
    NoText,
    /// To nobody, or to too many at once.
    #[error("a message is forwarded to between 1 and {0} conversations at once")]
    Forward(usize),
    /// Too much is waiting to be sent.
    #[error("{0} messages are waiting to be sent; connect first")]
    TooMuchWaiting(usize),
    /// A group whose other members still take this device for one of them.
    #[error("leave the group first: then it can be deleted")]
    LeaveFirst,
    /// Nothing, or too much, is looked for.
    #[error("look for at least one word, at most {words}, of at most {bytes} bytes together")]
    Query {
        /// The most words.
        words: usize,
        /// The most bytes.
        bytes: usize,
    },
    /// None, or too many at once.
    #[error("between 1 and {0} messages can be marked at once")]
    TooManyMessages(usize),
    /// Too many stand before all others.
    #[error("{0} conversations are pinned, and no more can be: unpin one first")]
    TooManyPinned(usize),
    /// Too long.
    #[error("a draft has at most {0} bytes")]
    Draft(usize),
    /// Too large, or with a name or media type that can't be.
    #[error(
        "that file can't be sent: it is too large, or what it is called or said to be makes no sense"
    )]
    File,
    /// Too many are on their way.
    #[error("{0} files are on their way already: wait for them, or cancel some")]
    TooManyUploads(u64),
    /// It was said, or given up.
    #[error("there is no such file on its way")]
    NoSuchUpload,
    /// Too long, too large, or with control characters.
    #[error(
        "what you say of yourself has at most {0} bytes, without control characters, and your picture is a JPEG, PNG or WebP of at most {1} bytes"
    )]
    Profile(usize, usize),
    /// Too large, or none.
    #[error("a group's picture is a JPEG, PNG or WebP of at most {0} bytes")]
    GroupPicture(usize),
    /// Nothing is said to who is blocked.
    #[error("you have blocked them: unblock them first")]
    Blocked,
    /// Too short or too long a time for messages to stay.
    #[error("messages disappear after between {0} and {1} seconds")]
    Timer(u32, u32),
    /// Too many are chosen.
    #[error("at most {0} people can be chosen")]
    Chosen(usize),
    /// So many would answer that nobody could bear it.
    #[error("who has read a message can be asked in groups of at most {0} people")]
    ReadByPeople(usize),
    /// Who does not tell does not ask.
    #[error("receipts are switched off: switch them on to see those of others")]
    ReceiptsOff,
    /// Too few, too many or equal options, or words that are empty, too long or with control characters.
    #[error(
        "a poll is a question and {0} to {1} different options, each a line that is not too long"
    )]
    Poll(usize, usize),
    /// It is something else.
    #[error("that is no poll")]
    NoPoll,
    /// Nobody votes any more.
    #[error("that poll is over")]
    PollOver,
    /// An option that is not there, or too many.
    #[error("choose one of the {0} options, or several where the poll lets you")]
    Vote(usize),
    /// Not on Earth, or with an accuracy that can't be.
    #[error(
        "there is no such place: latitudes go from -90 to 90 degrees, longitudes from -180 to 180, and the accuracy from 1 to {0} metres"
    )]
    Location(u32),
    /// The directory has not told of them.
    #[error("who {0:?} is has not been looked up yet: do that first")]
    NotLookedUp(String),
    /// It is something else.
    #[error("that is no contact card")]
    NoCard,
    /// The card names oneself.
    #[error("that is your own contact card")]
    OwnCard,
    /// Account and handle do not belong together.
    #[error("that contact card is wrong: the directory says that {0:?} is somebody else")]
    CardWrong(String),
    /// It was opened here, or nobody did in time, or one has sent it oneself.
    #[error("that was to be opened once, and can't be any more")]
    OpenedAlready,
    /// It is to be opened once.
    #[error("that is to be opened once, and can't be kept")]
    OnlyOnce,
    /// The link is not in the text, or what is said of it can't be.
    #[error("that can't be the preview of a link in the text")]
    Preview,
    /// Not a link that can be opened.
    #[error("that invitation link can't be opened: {0}")]
    Invitation(String),
    /// One's own.
    #[error("that is an invitation of your own: others open it")]
    OwnInvitation,
    /// It does not last long enough, or too long.
    #[error("an invitation lasts between {0} and {1} seconds")]
    InvitationLasts(u64, u64),
    /// It lets nobody in, or too many.
    #[error("an invitation lets in between 1 and {0} people")]
    InvitationUses(u64),
    /// Too many.
    #[error("there are {0} invitations, and no more can be made: revoke one first")]
    TooManyInvitations(usize),
    /// None of that number, or it has ended.
    #[error("there is no such invitation, or it has ended")]
    NoSuchInvitation,
    /// Nobody of that number waits.
    #[error("nobody waits to be let in by that number")]
    NoSuchRequest,
    /// Nobody can be let in any more.
    #[error("as many were let in by that invitation as it was for")]
    UsedUp,
    /// Too many.
    #[error("{0} invitations were opened here and wait: cancel one first")]
    TooManyOpened(usize),
    /// None of that number.
    #[error("no invitation was opened here by that number")]
    NoSuchOpened,
    /// The server has to give one.
    #[error("no delivery address is at hand: connect, and try again")]
    NoAddress,
    /// A stranger has begun it.
    #[error("accept this conversation first, or delete it: somebody you don't know has begun it")]
    NotAccepted,
    /// Nothing, nobody, or too much.
    #[error(
        "a report is about what others have said: at most {messages} messages, which with your words have at most {bytes} bytes; in a group name at least one"
    )]
    Report {
        /// The most messages.
        messages: usize,
        /// The most bytes.
        bytes: usize,
    },
}
