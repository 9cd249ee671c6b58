//! What reads return: plain data for screens and scripts.

pub use keyfold_protocol::content::{Block, BlockKind, Choice, Link, Look, Mark, Preview, Span};
use keyfold_protocol::content::{ContentId, Media};
use keyfold_protocol::state::{Name, Policy, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::file::UploadToken;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, Epoch, Timestamp};
use zeroize::Zeroizing;

use crate::command::{Deed, InvitationId, JoinRequestId, OpenedId, UploadId};

/// The account and device that this database belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The handle, in the directory's form.
    pub handle: String,
    /// The account.
    pub account: AccountId,
    /// This device.
    pub device: DeviceId,
    /// The server has confirmed the registration.
    pub registered: bool,
    /// It holds the account key.
    pub primary: bool,
    /// The account key, for safety numbers.
    pub account_key: [u8; 32],
}

/// A person as this device knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The account.
    pub account: AccountId,
    /// What they call themselves.
    pub handle: String,
    /// The directory says the same.
    pub confirmed: bool,
    /// Their safety number has been compared.
    pub verified: bool,
    /// The account key, for safety numbers.
    pub account_key: [u8; 32],
    /// What they are called by their profile. Anybody may be called anything: the handle tells people apart.
    pub name: Option<Name>,
    /// This person wants to hear nothing of them.
    pub blocked: bool,
}

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Being created; sending is possible, it waits.
    Creating,
    /// In use.
    Active,
    /// Left, or removed from it.
    Left,
    /// It could not be created.
    Failed(String),
    /// A commit, a roster or the server itself is bad: nothing goes on until a member has moved the conversation to a fresh
    /// group, which happens by itself. The words say what was wrong.
    Held(String),
    /// This device has lost its place: it asks to be let in again, by itself. The words say why.
    Rejoining(String),
}

/// One conversation of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its id, the same for all members.
    pub id: ConversationId,
    /// A group's name; for one to one the other's handle.
    pub name: String,
    /// One to one.
    pub direct: bool,
    /// Where it stands.
    pub standing: Standing,
    /// Members' accounts; oneself included.
    pub members: Vec<Member>,
    /// The epoch.
    pub epoch: Epoch,
    /// The suite.
    pub suite: Suite,
    /// Messages that have arrived since it was marked as read.
    pub unread: u64,
    /// What a group is about; may be empty.
    pub description: String,
    /// Seconds after which messages disappear once they were read; `None`: they stay.
    pub timer: Option<u32>,
    /// Who may add people to a group.
    pub may_add: Policy,
    /// Who may say something in a group.
    pub may_post: Policy,
    /// Who may change a group's name, description, picture and timer.
    pub may_edit: Policy,
    /// The last entry of the timeline.
    pub last: Option<Entry>,
    /// What this person has marked it with, on this device.
    pub marks: Marks,
    /// One to one: when the other person was last active, by this device's clock, where they show it and this person shows it to them. Less than
    /// [`crate::limits::ONLINE_WITHIN`] ago: they are online.
    pub last_active: Option<Timestamp>,
    /// Who is typing.
    pub typing: Vec<Contact>,
    /// It waits to be accepted: who has begun it, or has brought this account into it. Nothing else of it is shown than its first text.
    pub request: Option<Contact>,
}

/// One member account of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub contact: Contact,
    /// The role.
    pub role: Role,
    /// How many devices.
    pub devices: usize,
    /// It is this device's account.
    pub me: bool,
}

/// An entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not by itself")]
pub struct Entry {
    /// Its place: entries of a conversation are ordered by it. Changes once for own messages, when they
    /// have come back.
    pub position: i64,
    /// The message's id; `None` for what the conversation itself says.
    pub id: Option<ContentId>,
    /// Who said or did it; `None`: nobody in particular.
    pub from: Option<Contact>,
    /// It is one's own.
    pub mine: bool,
    /// When the server took it; for what has not been sent yet, when it was written.
    pub at: Timestamp,
    /// What it is.
    pub what: What,
    /// How far it has come.
    pub state: State,
    /// The message that it answers.
    pub reply_to: Option<Quote>,
    /// Its author has said something else in its place.
    pub edited: bool,
    /// How people react to it: one each, by when they did.
    pub reactions: Vec<Reacted>,
    /// A text as it is to be shown; [`What::Text`] is how it was typed. Whom it mentions is called as they are known here.
    pub blocks: Vec<Block>,
    /// It mentions this person.
    pub mentions_me: bool,
    /// It was said elsewhere, maybe by somebody else.
    pub forwarded: bool,
    /// It is pinned for everybody.
    pub pinned: bool,
    /// This person has starred it, on this device.
    pub starred: bool,
    /// It disappears.
    pub expiry: Option<Expiry>,
    /// One to one: how far an own message has come at the other person's devices.
    pub receipt: Receipt,
    /// What a link of its text leads to, as its sender has seen it. It is shown as it is, and nothing is fetched.
    pub preview: Option<Box<Preview>>,
}

/// That a message disappears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Seconds after which it is to be gone, from when it was read here or, one's own, when the server accepted it. `None`: its time was said when it
    /// was written.
    pub lasts: Option<u32>,
    /// When it goes, by this device's clock, if that goes on as it should. `None`: its time has not begun.
    pub at: Option<Timestamp>,
}

/// Characters of a message that is answered: enough to know it by.
pub const QUOTE: usize = 200;

/// The message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub id: ContentId,
    /// Who said it; `None` where it is not here.
    pub from: Option<Contact>,
    /// It is one's own.
    pub mine: bool,
    /// The beginning of what it says now, at most [`QUOTE`] characters. `None`: it is not here, was taken back, or is no text.
    pub text: Option<String>,
}

/// A reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reacted {
    /// Whose.
    pub from: Contact,
    /// An emoji, or what its sender has for one.
    pub emoji: String,
    /// It is one's own.
    pub mine: bool,
}

impl Entry {
    /// Whether its position is final. An own message stands behind all others until the server has it and it has come back, and
    /// what failed stays there.
    #[must_use]
    pub const fn has_its_place(&self) -> bool {
        self.position < crate::table::timeline::WAITING
    }
}

/// What an entry shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Text, as it was typed: Markdown, with `@` and the handle for a mention.
    Text(String),
    /// It was taken back, by its author or an admin.
    TakenBack {
        /// By whom; `None` where that is not known any more.
        by: Option<Contact>,
        /// By this person.
        mine: bool,
    },
    /// Content of a newer version than this one.
    NeedsNewerVersion,
    /// So many messages of this person did not come.
    Gap(u64),
    /// The conversation began, or this device joined it.
    Began,
    /// People came in.
    Added(Vec<Contact>),
    /// People were removed.
    Removed(Vec<Contact>),
    /// Somebody left.
    Left,
    /// A new name.
    Renamed(String),
    /// Roles or rules changed.
    RolesChanged,
    /// Devices of a member came or went.
    DevicesChanged,
    /// Something was refused; the words say what.
    Refused(String),
    /// The conversation goes on in a fresh group: the one before was held, forked, or put back by the server.
    Moved,
    /// This device had lost its place and is back; the words say why. What was said meanwhile is not here.
    Back(String),
    /// A device of this person had lost its place and was let in again.
    Returned(Contact),
    /// Messages may be missing here; the words say why.
    MayBeMissing(String),
    /// A new description; empty: none any more.
    Described(String),
    /// Messages disappear so many seconds after they were read from now on; `None`: they stay.
    Timed(Option<u32>),
    /// Others than before may do this in the group.
    Allowed(Deed, Policy),
    /// A file.
    File(FileEntry),
    /// A new picture of the group, or none any more.
    Pictured(bool),
    /// A question with options.
    Poll(PollEntry),
    /// A place.
    Location(LocationEntry),
    /// Somebody's account.
    Card(CardEntry),
    /// A file that is opened once.
    Once(OnceEntry),
}

/// A poll on a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollEntry {
    /// The question.
    pub question: String,
    /// How many options one may choose.
    pub choice: Choice,
    /// What one may choose.
    pub options: Vec<PollOption>,
    /// How many people have chosen something.
    pub voters: usize,
    /// Nobody votes any more.
    pub ended: bool,
    /// Who has ended it, where they are known here.
    pub ended_by: Option<Contact>,
}

impl PollEntry {
    /// What it is found by: its question and its options.
    #[must_use]
    pub fn words(&self) -> String {
        let options = self.options.iter().map(|option| option.text.as_str());
        let lines: Vec<&str> = std::iter::once(self.question.as_str())
            .chain(options)
            .collect();
        lines.join("\n")
    }
}

/// An option of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollOption {
    /// What it says.
    pub text: String,
    /// How many people have chosen it; [`Engine::voters`](crate::Engine::voters) says who.
    pub votes: usize,
    /// This person has.
    pub mine: bool,
}

/// A place on a timeline. Nothing is fetched to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationEntry {
    /// Ten-millionths of a degree to the north.
    pub latitude: i32,
    /// Ten-millionths of a degree to the east.
    pub longitude: i32,
    /// Within how many metres it is right.
    pub accuracy: Option<u32>,
    /// What its sender calls it; may be empty.
    pub label: String,
    /// Its `geo:` URI (RFC 5870).
    pub uri: String,
}

/// A contact card on a timeline: what its sender says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardEntry {
    /// The account.
    pub account: AccountId,
    /// Its handle.
    pub handle: String,
    /// What they are called, as the sender knows it; may be empty.
    pub name: String,
    /// Whether the directory says the same.
    pub check: CardCheck,
}

impl CardEntry {
    /// What it is found by: handle and name.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}\n{}", self.handle, self.name)
    }
}

/// Whether account and handle of a contact card belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardCheck {
    /// The directory was not asked yet; [`Command::UseCard`](crate::Command::UseCard) does.
    NotYet,
    /// It says so.
    Right,
    /// It says that the handle is somebody else's.
    Wrong,
}

/// A file that is opened once, on a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceEntry {
    /// Its media type, as its sender says: a picture, a video or a recording.
    pub media_type: String,
    /// Bytes of its content.
    pub size: u64,
    /// How far it has come.
    pub state: OnceState,
}

/// How far a file that is opened once has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnceState {
    /// An own one, on its way to the server.
    Uploading(UploadId),
    /// An own one that can't be sent; the words say why.
    Failed(UploadId, String),
    /// An own one: nobody opens it here.
    Sent,
    /// An own one that can't be sent any more, though its file is at the server.
    Unsent,
    /// It can be opened here.
    Unopened,
    /// It was opened here, or not in time.
    Over,
}

/// A file on a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name, as its sender says.
    pub name: Option<String>,
    /// Its media type, as its sender says.
    pub media_type: String,
    /// Bytes of its content.
    pub size: u64,
    /// What is said about it.
    pub caption: Option<String>,
    /// How far it has come.
    pub state: FileState,
    /// Until when it can be had.
    pub expires: Option<Timestamp>,
    /// What can be seen of it before it is loaded, as its sender says.
    pub media: Media,
}

impl FileEntry {
    /// What it is found by: its name, and what is said about it.
    #[must_use]
    pub fn words(&self) -> String {
        let words: Vec<&str> = [&self.name, &self.caption]
            .into_iter()
            .filter_map(Option::as_deref)
            .collect();
        words.join("\n")
    }
}

/// How far a file has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// An own one, on its way to the server.
    Uploading(UploadId),
    /// An own one that can't be sent; the words say why.
    Failed(UploadId, String),
    /// It is at the server.
    AtServer,
}

/// An own file that is not said yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its name on this device.
    pub id: UploadId,
    /// What makes the upload one's own.
    pub token: UploadToken,
    /// Bytes that the server is to have.
    pub sealed_length: u64,
    /// Why it can't be sent. `None`: it is on its way.
    pub failed: Option<String>,
}

/// How far an entry has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Durable here, not yet at the server.
    Waiting,
    /// At the server.
    Sent,
    /// From somebody else, or from the conversation itself.
    Received,
    /// Can't be sent any more.
    Failed,
}

/// What a person has marked a conversation with. It stays on this device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// It is out of the way until somebody says something; where it is muted for good, also then.
    pub archived: bool,
    /// Whether what comes is announced.
    pub mute: Mute,
    /// It is to be shown as unread, whatever was read.
    pub unread: bool,
    /// Its turn among those that stand before all others, from 0 on.
    pub pinned: Option<u32>,
    /// What was typed and not said.
    pub draft: Option<String>,
}

/// Whether what comes in a conversation is announced. Shells see to it: they have the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mute {
    /// Everything is.
    #[default]
    Off,
    /// Nothing is until then.
    Until(Timestamp),
    /// Nothing is.
    Always,
    /// Only what mentions this person is.
    ButMentions,
}

/// Which conversations a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All but archived ones.
    #[default]
    All,
    /// Those with something unread, or marked so, but for archived ones.
    Unread,
    /// Groups, but for archived ones.
    Groups,
    /// One-to-one conversations, but for archived ones.
    People,
    /// Archived ones.
    Archived,
    /// Those that wait to be accepted. No other filter shows them.
    Requests,
}

/// A page of messages that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The newest first.
    pub hits: Vec<Hit>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Cursor>,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) at: i64,
    pub(crate) place: i64,
}

impl Cursor {
    /// For whoever hands it on as text. It means something to this database alone.
    #[must_use]
    pub const fn to_parts(self) -> [i64; 2] {
        [self.at, self.place]
    }

    /// From [`Cursor::to_parts`]. Other numbers lead to some page, or to an empty one.
    #[must_use]
    pub const fn from_parts([at, place]: [i64; 2]) -> Self {
        Self { at, place }
    }
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where it was said.
    pub conversation: ConversationId,
    /// The message; what it says is whole in here.
    pub entry: Entry,
    /// A part of what it says, around the first place that was meant, at most [`crate::limits::SNIPPET`] characters.
    pub snippet: Snippet,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The part.
    pub text: String,
    /// Where what was looked for stands in it, in bytes, in order.
    pub marks: Vec<std::ops::Range<usize>>,
    /// Something stands before it.
    pub cut_before: bool,
    /// Something stands behind it.
    pub cut_after: bool,
}

/// How far an own message has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Receipt {
    /// Nothing is known: it has not come, the other person does not tell, or this one does not.
    #[default]
    None,
    /// A device has it.
    Delivered,
    /// It was seen.
    Read,
}

/// How far a member of a group has come with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBy {
    /// Who.
    pub contact: Contact,
    /// How far; never [`Receipt::None`].
    pub receipt: Receipt,
}

/// What others may see of a person. Who hides something does not see it of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privacy {
    /// Who may see when this person was last active, of those whom they talk to one to one.
    pub presence: Audience,
    /// Whether others are told what came and was read.
    pub receipts: bool,
    /// Whether others are told that this person is typing.
    pub typing: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            presence: Audience::Everyone,
            receipts: true,
            typing: true,
        }
    }
}

/// Who may see something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everyone whom this person talks to.
    Everyone,
    /// These, at most [`crate::limits::MAX_CHOSEN`].
    Chosen(Vec<AccountId>),
    /// Nobody.
    Nobody,
}

/// An invitation link that was made on this device.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// For [`Command::RevokeInvitation`](crate::Command::RevokeInvitation).
    pub id: InvitationId,
    /// The group. `None`: it leads to this person.
    pub conversation: Option<ConversationId>,
    /// What the link shows before it is opened.
    pub title: String,
    /// What stands behind the `#` of the link: whoever has it can ask. `None`: it has ended.
    pub fragment: Option<Zeroizing<String>>,
    /// When it was made, by this device's clock.
    pub made: Timestamp,
    /// For how long it still holds, in milliseconds.
    pub lasts: u64,
    /// How many may still be let in.
    pub uses: u64,
    /// How many were.
    pub admitted: u64,
    /// Whether somebody has to approve of each.
    pub approval: bool,
    /// Things that came for it and were no requests.
    pub useless: u64,
    /// Why nobody comes in by it any more.
    pub ended: Option<Ended>,
    /// Who waits, oldest first.
    pub requests: Vec<JoinRequest>,
}

/// It has a secret in it.
impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation")
            .field("id", &self.id)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Why nobody comes in by a link any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Over,
    /// As many were let in as it was for.
    UsedUp,
    /// Too much came for it that was no request: its address is in other hands. Or so many have asked that no more can be remembered.
    Flooded,
    /// This person is not in the group any more, or the server has forgotten the link's address.
    Left,
}

impl Ended {
    /// Whether who waits is not let in any more either: who has asked in time of one that is over, or flooded, still can be.
    pub(crate) const fn forgets_who_waits(self) -> bool {
        matches!(self, Self::Revoked | Self::UsedUp | Self::Left)
    }
}

/// Somebody who wants to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// For [`Command::Approve`](crate::Command::Approve) and [`Command::Refuse`](crate::Command::Refuse).
    pub id: JoinRequestId,
    /// Who.
    pub who: Contact,
    /// When the server took it, by its clock.
    pub at: Timestamp,
    /// It is being let in.
    pub admitting: bool,
    /// Why it could not be let in when that was tried.
    pub failure: Option<String>,
}

/// An invitation link that was opened on this device and has not let it in yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// For [`Command::CancelOpened`](crate::Command::CancelOpened).
    pub id: OpenedId,
    /// Who made it.
    pub maker: AccountId,
    /// The group. `None`: it leads to the maker.
    pub conversation: Option<ConversationId>,
    /// The group's name or the maker's handle, as the link says.
    pub title: String,
    /// When it was opened, by this device's clock.
    pub made: Timestamp,
    /// How it stands.
    pub state: OpenedState,
}

/// How a link stands that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenedState {
    /// The request is on its way to the server.
    Asking,
    /// The server has it: somebody who made the link has to be online, and maybe to approve.
    Waiting,
    /// It comes to nothing, for this reason.
    Failed(String),
}
