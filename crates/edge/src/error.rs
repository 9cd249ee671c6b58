//! Why a call failed: a code and a name for programs, a sentence for people, and what it is about.
//!
//! JSON-RPC's own codes lie between -32768 and -32000 (JSON-RPC 2.0 section 5.1); those of Keyfold are positive: complaints below 100,
//! faults of this side from 100 on. Codes and names are stable; sentences may change.

use keyfold_engine::{Complaint, Fault};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::limits::{MAX_BATCH, MAX_LINE, MAX_SETTLING};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal;)*) => {
        /// What kind of error it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $($(#[doc = $doc])* $name,)*
        }

        impl Kind {
            /// All of them, with what they mean.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$name, concat!($($doc),*))),*];

            /// The code of JSON-RPC.
            pub const fn code(self) -> i64 {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

kinds! {
    /// It is no JSON.
    ParseError = -32700;
    /// It is JSON, and no call.
    InvalidRequest = -32600;
    /// There is no such method.
    MethodNotFound = -32601;
    /// The parameters do not fit the method.
    InvalidParams = -32602;
    /// This side did what it never does; please report it.
    InternalError = -32603;
    /// There is no account on this device yet.
    NotRegistered = 1;
    /// This device already has an account.
    AlreadyRegistered = 2;
    /// There is no such conversation here.
    NoSuchConversation = 3;
    /// Not in this conversation any more.
    NotAMember = 4;
    /// The conversation is being left.
    Leaving = 5;
    /// Only an admin of the group may do that.
    NotAllowed = 6;
    /// Nobody can remove themselves.
    Oneself = 7;
    /// That can be done in groups only.
    GroupsOnly = 8;
    /// The person is not in this conversation.
    NotThere = 9;
    /// The text is empty or too long.
    TextSize = 10;
    /// The name can't be used.
    Name = 11;
    /// Nobody to talk to, or too many.
    People = 12;
    /// It is not a handle.
    Handle = 13;
    /// Only a primary device can do that.
    NotPrimary = 14;
    /// The link request or certificate can't be used.
    Link = 15;
    /// There is no such message here, or it was taken back.
    NoSuchMessage = 16;
    /// Only a text of one's own can be changed.
    NotYours = 17;
    /// The reaction is empty or too long.
    Reaction = 18;
    /// Too much is waiting to be sent.
    TooMuchWaiting = 19;
    /// Only texts, places and contact cards can be forwarded.
    NoText = 20;
    /// A message is forwarded to no conversation, or to too many at once.
    Forward = 21;
    /// The group must be left first.
    LeaveFirst = 22;
    /// No word is looked for, or too many, or too long ones.
    Query = 23;
    /// No message is marked, or too many at once.
    TooManyMessages = 24;
    /// Too many conversations are pinned.
    TooManyPinned = 25;
    /// The draft is too long.
    Draft = 26;
    /// The file is too large, or what it is called or said to be makes no sense.
    File = 40;
    /// Too many files are on their way.
    TooManyUploads = 41;
    /// There is no such file on its way.
    NoSuchUpload = 42;
    /// There is no file in that message.
    NoFile = 43;
    /// The server does not have the file any more.
    FileGone = 44;
    /// The file was changed on its way.
    FileChanged = 45;
    /// The server does not give the file out.
    FileRefused = 46;
    /// The place on this disk can't be read from, or written to, or is taken.
    Path = 47;
    /// What is said of oneself is too long, or the picture is none or too large.
    Profile = 48;
    /// Nothing is said to who is blocked.
    Blocked = 49;
    /// The picture is too large for a group, or none.
    GroupPicture = 80;
    /// Messages can't disappear after so short, or so long, a time.
    Timer = 27;
    /// Too many people are chosen.
    Chosen = 30;
    /// The group has too many people to ask who has read a message.
    ReadByPeople = 31;
    /// Receipts are switched off.
    ReceiptsOff = 32;
    /// A stranger has begun the conversation: accept it first.
    NotAccepted = 50;
    /// Nothing, nobody or too much is reported.
    Report = 51;
    /// The invitation link can't be opened.
    Invitation = 60;
    /// The invitation link is this person's own.
    OwnInvitation = 61;
    /// An invitation link lasts too short, or too long, a time.
    InvitationLasts = 62;
    /// An invitation link lets nobody in, or too many.
    InvitationUses = 63;
    /// There are too many invitation links.
    TooManyInvitations = 64;
    /// There is no such invitation link, or it has ended.
    NoSuchInvitation = 65;
    /// Nobody waits to be let in by that number.
    NoSuchRequest = 66;
    /// As many were let in by an invitation link as it was for.
    UsedUp = 67;
    /// Too many invitation links were opened, or none by that number.
    Opened = 68;
    /// No delivery address is at hand.
    NoAddress = 69;
    /// The poll has too few, too many or equal options, or words that can't be.
    Poll = 70;
    /// It is no poll.
    NoPoll = 71;
    /// The poll is over.
    PollOver = 72;
    /// An option is not there, or too many are chosen.
    Vote = 73;
    /// There is no such place.
    Location = 74;
    /// The handle was not looked up, so that nobody knows whose it is.
    NotLookedUp = 75;
    /// It is no contact card of somebody else.
    NoCard = 76;
    /// The directory says that the card's handle is somebody else's.
    CardWrong = 77;
    /// It is opened once: it was, or it can't be kept.
    OpenedOnce = 78;
    /// It can't be the preview of a link in the text.
    Preview = 79;
    /// The database can't be read.
    WrongKey = 100;
    /// The database is not encrypted.
    NotEncrypted = 101;
    /// The database is damaged.
    Corrupt = 102;
    /// A newer version of Keyfold has used the database.
    NewerSchema = 103;
    /// The disk is full; nothing was lost.
    DiskFull = 104;
    /// Another program has the profile open.
    InUse = 105;
    /// The database can't be used.
    Database = 106;
    /// The program ends.
    Stopped = 120;
    /// Too many calls wait at once.
    TooManyCalls = 121;
    /// The server can't be reached.
    NotReached = 122;
}

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Data {
    /// What kind of error it is.
    pub name: Kind,
    /// The most that there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// What there was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<usize>,
    /// The handle that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Error {
    /// The code.
    pub code: i64,
    /// A sentence for a person.
    pub message: String,
    /// What it is about.
    pub data: Data,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            code: kind.code(),
            message: message.into(),
            data: Data {
                name: kind,
                limit: None,
                actual: None,
                handle: None,
            },
        }
    }

    /// What kind it is.
    pub const fn kind(&self) -> Kind {
        self.data.name
    }

    fn limited(mut self, limit: usize) -> Self {
        self.data.limit = Some(limit);
        self
    }

    fn about(mut self, handle: String) -> Self {
        self.data.handle = Some(handle);
        self
    }

    /// A line had more bytes than [`MAX_LINE`].
    pub fn line_too_long() -> Self {
        let message = format!("a line has at most {MAX_LINE} bytes: this one was passed over");
        Self::new(Kind::InvalidRequest, message).limited(MAX_LINE)
    }

    pub(crate) fn batch_too_long(actual: usize) -> Self {
        let message =
            format!("a batch has at most {MAX_BATCH} calls, not {actual}: nothing of it was done");
        let mut error = Self::new(Kind::InvalidRequest, message).limited(MAX_BATCH);
        error.data.actual = Some(actual);
        error
    }

    /// More calls than [`MAX_SETTLING`] would wait.
    pub fn too_many_calls() -> Self {
        let message = format!("{MAX_SETTLING} calls wait already: let one end first");
        Self::new(Kind::TooManyCalls, message).limited(MAX_SETTLING)
    }

    /// The client has ended.
    pub fn stopped() -> Self {
        Self::new(Kind::Stopped, "the program ends: start it again")
    }
}

macro_rules! complaints {
    ($($complaint:pat => $kind:ident;)*) => {
        /// What kind of error a complaint is.
        const fn kind_of(complaint: &Complaint) -> Kind {
            match complaint {
                $($complaint => Kind::$kind,)*
            }
        }
    };
}

complaints! {
    Complaint::NotRegistered => NotRegistered;
    Complaint::AlreadyRegistered => AlreadyRegistered;
    Complaint::NoSuchConversation => NoSuchConversation;
    Complaint::NotAMember => NotAMember;
    Complaint::Leaving => Leaving;
    Complaint::NotAllowed => NotAllowed;
    Complaint::Oneself => Oneself;
    Complaint::GroupsOnly => GroupsOnly;
    Complaint::NotThere(..) => NotThere;
    Complaint::TextSize { .. } => TextSize;
    Complaint::Name(..) => Name;
    Complaint::People(..) => People;
    Complaint::Handle(..) => Handle;
    Complaint::NotPrimary => NotPrimary;
    Complaint::Link(..) => Link;
    Complaint::NoSuchMessage => NoSuchMessage;
    Complaint::NotYours => NotYours;
    Complaint::Reaction(..) => Reaction;
    Complaint::TooMuchWaiting(..) => TooMuchWaiting;
    Complaint::NoText => NoText;
    Complaint::Forward(..) => Forward;
    Complaint::LeaveFirst => LeaveFirst;
    Complaint::Query { .. } => Query;
    Complaint::TooManyMessages(..) => TooManyMessages;
    Complaint::TooManyPinned(..) => TooManyPinned;
    Complaint::Draft(..) => Draft;
    Complaint::File => File;
    Complaint::TooManyUploads(..) => TooManyUploads;
    Complaint::NoSuchUpload => NoSuchUpload;
    Complaint::Profile(..) => Profile;
    Complaint::GroupPicture(..) => GroupPicture;
    Complaint::Blocked => Blocked;
    Complaint::Timer(..) => Timer;
    Complaint::Chosen(..) => Chosen;
    Complaint::ReadByPeople(..) => ReadByPeople;
    Complaint::ReceiptsOff => ReceiptsOff;
    Complaint::NotAccepted => NotAccepted;
    Complaint::Report { .. } => Report;
    Complaint::Invitation(..) => Invitation;
    Complaint::OwnInvitation => OwnInvitation;
    Complaint::InvitationLasts(..) => InvitationLasts;
    Complaint::InvitationUses(..) => InvitationUses;
    Complaint::TooManyInvitations(..) => TooManyInvitations;
    Complaint::NoSuchInvitation => NoSuchInvitation;
    Complaint::NoSuchRequest => NoSuchRequest;
    Complaint::UsedUp => UsedUp;
    Complaint::TooManyOpened(..) => Opened;
    Complaint::NoSuchOpened => Opened;
    Complaint::NoAddress => NoAddress;
    Complaint::Poll(..) => Poll;
    Complaint::NoPoll => NoPoll;
    Complaint::PollOver => PollOver;
    Complaint::Vote(..) => Vote;
    Complaint::Location(..) => Location;
    Complaint::NotLookedUp(..) => NotLookedUp;
    Complaint::NoCard | Complaint::OwnCard => NoCard;
    Complaint::CardWrong(..) => CardWrong;
    Complaint::OpenedAlready | Complaint::OnlyOnce => OpenedOnce;
    Complaint::Preview => Preview;
}

impl From<Complaint> for Error {
    fn from(complaint: Complaint) -> Self {
        let mut error = Self::new(kind_of(&complaint), complaint.to_string());
        match complaint {
            Complaint::TextSize { limit, actual } => {
                error.data.actual = Some(actual);
                error.limited(limit)
            }
            Complaint::NotThere(handle)
            | Complaint::Handle(handle)
            | Complaint::NotLookedUp(handle)
            | Complaint::CardWrong(handle) => error.about(handle),
            Complaint::People(limit)
            | Complaint::Reaction(limit)
            | Complaint::TooMuchWaiting(limit)
            | Complaint::Forward(limit)
            | Complaint::TooManyMessages(limit)
            | Complaint::TooManyPinned(limit)
            | Complaint::Draft(limit)
            | Complaint::Chosen(limit)
            | Complaint::ReadByPeople(limit)
            | Complaint::TooManyInvitations(limit)
            | Complaint::TooManyOpened(limit)
            | Complaint::Vote(limit) => error.limited(limit),
            Complaint::TooManyUploads(limit) | Complaint::InvitationUses(limit) => {
                error.limited(usize::try_from(limit).unwrap_or(usize::MAX))
            }
            // Where there is more than one limit, they are in the sentence.
            _ => error,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let kind = match &fault {
            Fault::WrongKey => Kind::WrongKey,
            Fault::NotEncrypted => Kind::NotEncrypted,
            Fault::Corrupt(_) => Kind::Corrupt,
            Fault::NewerSchema { .. } => Kind::NewerSchema,
            Fault::DiskFull => Kind::DiskFull,
            Fault::InUse => Kind::InUse,
            Fault::Database(_) => Kind::Database,
            Fault::Internal(_) => Kind::InternalError,
        };
        Self::new(kind, fault.to_string())
    }
}

/// The name of a kind, as it is written.
pub(crate) fn name(kind: Kind) -> Value {
    serde_json::to_value(kind).unwrap_or(Value::Null)
}
