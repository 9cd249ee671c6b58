//! The parameters of each method. They are given by name; a name that is not known is refused.
//!
//! None prints: some hold what a person has written.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::scalar::{
    AccountId, Bytes, ConversationId, Cursor, Deed, DeviceId, Filter, HitLimit, Instant,
    Invitation, Limit, MessageId, OpenedLink, Patience, Policy, Request, Role, Suite, Upload,
};

macro_rules! params {
    ($(
        $(#[$doc:meta])* $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

params! {
    /// Nothing.
    Nothing {}
    /// The recovery key was kept.
    RecoveryKeyKept {}
    /// An account to be made.
    Register {
        /// The handle wished for.
        handle: String,
        /// An invitation code, where the server asks for one.
        #[serde(default)]
        invitation: String,
        /// The cipher suites that this device speaks, most wanted first.
        #[serde(default = "all_suites", deserialize_with = "some_suites")]
        #[schemars(length(min = 1))]
        suites: Vec<Suite>,
    }
    /// A device to be linked.
    RequestLink {
        /// The cipher suites that this device speaks, most wanted first.
        #[serde(default = "all_suites", deserialize_with = "some_suites")]
        #[schemars(length(min = 1))]
        suites: Vec<Suite>,
    }
    /// What another device asked for.
    AddDevice {
        /// What `request_link` gave on the new device.
        link_request: Bytes,
    }
    /// What a primary device answered.
    AcceptLink {
        /// What `add_device` gave on the primary device.
        certificate: Bytes,
    }
    /// A device of this account.
    RemoveDevice {
        /// The device.
        device: DeviceId,
    }
    /// A conversation to be begun.
    Create {
        /// The other people's handles; one and no name: one to one.
        people: Vec<String>,
        /// The group's name.
        #[serde(default)]
        name: Option<String>,
        /// The cipher suite; else the best that all devices speak.
        #[serde(default)]
        suite: Option<Suite>,
    }
    /// A text.
    Send {
        /// Where.
        conversation: ConversationId,
        /// The text, of at most 65,536 bytes in UTF-8.
        text: String,
    }
    /// A text in answer to a message.
    Reply {
        /// Where.
        conversation: ConversationId,
        /// The message that is answered.
        to: MessageId,
        /// The text, of at most 65,536 bytes in UTF-8.
        text: String,
    }
    /// Another text for a message.
    Edit {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: MessageId,
        /// The text, of at most 65,536 bytes in UTF-8.
        text: String,
    }
    /// A message.
    Message {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: MessageId,
    }
    /// A message to be taken back.
    TakeBack {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: MessageId,
    }
    /// A reaction to a message.
    React {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: MessageId,
        /// One emoji, of at most 64 bytes in UTF-8; `null` or left out: not any more.
        #[serde(default)]
        emoji: Option<String>,
    }
    /// People to be added to a group.
    Add {
        /// The group.
        conversation: ConversationId,
        /// Their handles.
        people: Vec<String>,
    }
    /// People to be removed from a group.
    Remove {
        /// The group.
        conversation: ConversationId,
        /// Their handles.
        people: Vec<String>,
    }
    /// A group to be left.
    Leave {
        /// The group.
        conversation: ConversationId,
    }
    /// A new name for a group.
    Rename {
        /// The group.
        conversation: ConversationId,
        /// The new name.
        name: String,
    }
    /// Another role for a member.
    ChangeRole {
        /// The group.
        conversation: ConversationId,
        /// Whose.
        account: AccountId,
        /// Which.
        role: Role,
    }
    /// A conversation whose keys are to be replaced.
    Update {
        /// The conversation.
        conversation: ConversationId,
    }
    /// A conversation that was seen.
    MarkRead {
        /// The conversation.
        conversation: ConversationId,
    }
    /// An account that was compared.
    MarkVerified {
        /// The other account.
        account: AccountId,
    }
    /// A handle to be looked up.
    LookUp {
        /// The handle.
        handle: String,
    }
    /// A message to be pinned.
    Pin {
        /// Where.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: MessageId,
        /// `true`: it is pinned for everybody; `false`: not any more.
        pinned: bool,
    }
    /// Another description for a group.
    Describe {
        /// The group.
        conversation: ConversationId,
        /// The description, of at most 2,048 bytes in UTF-8; empty: none.
        description: String,
    }
    /// Who may do something in a group.
    Allow {
        /// The group.
        conversation: ConversationId,
        /// What.
        deed: Deed,
        /// Who.
        policy: Policy,
    }
    /// A text, a place or a contact card to be said again elsewhere.
    Forward {
        /// Where it was said.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: MessageId,
        /// Where it is to be said: 1 to 20 conversations; one that is named twice counts once.
        to: Vec<ConversationId>,
    }
    /// Messages to be deleted on this device.
    Hide {
        /// Where.
        conversation: ConversationId,
        /// Which, as they were said first: 1 to 500.
        messages: Vec<MessageId>,
    }
    /// A conversation to be emptied on this device.
    Clear {
        /// The conversation.
        conversation: ConversationId,
    }
    /// A conversation to be deleted on this device.
    DeleteConversation {
        /// The conversation.
        conversation: ConversationId,
    }
    /// Messages to be starred.
    Star {
        /// Where.
        conversation: ConversationId,
        /// Which, as they were said first: 1 to 500.
        messages: Vec<MessageId>,
        /// `true`: they are starred; `false`: not any more.
        starred: Starred,
    }
    /// A conversation to be marked.
    Mark {
        /// The conversation.
        conversation: ConversationId,
        /// With what.
        mark: ConversationMark,
    }
    /// After how long messages of a conversation are to disappear.
    SetTimer {
        /// The conversation.
        conversation: ConversationId,
        /// Seconds from when a message was read, 5 to 31,536,000; `null` or left out: messages stay.
        #[serde(default)]
        timer: Option<u32>,
    }
    /// A text that disappears.
    SendFleeting {
        /// Where.
        conversation: ConversationId,
        /// The text, of at most 65,536 bytes in UTF-8.
        text: String,
        /// Seconds after which it is to be gone once it was read, 5 to 31,536,000.
        lasts: u32,
    }
    /// A conversation to be accepted.
    Accept {
        /// The conversation.
        conversation: ConversationId,
    }
    /// What is reported.
    Report {
        /// Where it was said.
        conversation: ConversationId,
        /// Which messages: at most 20, together with the words at most 135,168 bytes. None: only the other person is named.
        #[serde(default)]
        messages: Vec<MessageId>,
        /// What the person says about it, of at most 2,048 bytes in UTF-8.
        #[serde(default)]
        about: String,
    }
    /// Whether strangers wait.
    AskFirst {
        /// `true`: what they begin waits until it is accepted, as it does unless this was said otherwise.
        wanted: bool,
    }
    /// A conversation.
    Conversation {
        /// The conversation.
        conversation: ConversationId,
    }
    /// A person.
    Person {
        /// Their handle.
        handle: String,
    }
    /// Words that may mean a conversation.
    Find {
        /// An id, the beginning of one (at least four digits), a name or a handle.
        words: String,
    }
    /// Which conversations.
    List {
        /// Which.
        #[serde(default)]
        filter: Filter,
    }
    /// Messages that are pinned.
    Pinned {
        /// The conversation.
        conversation: ConversationId,
        /// How many at most.
        #[serde(default)]
        limit: Limit,
    }
    /// Words that messages have.
    Search {
        /// 1 to 16 words, of at most 512 bytes in UTF-8 together.
        words: String,
        /// Where; `null` or left out: in all conversations.
        #[serde(default)]
        conversation: Option<ConversationId>,
        /// The `next` of the page before; `null` or left out: the first page.
        #[serde(default)]
        after: Option<Cursor>,
        /// How many at most.
        #[serde(default)]
        limit: HitLimit,
    }
    /// Messages that are starred.
    StarredMessages {
        /// Where; `null` or left out: in all conversations.
        #[serde(default)]
        conversation: Option<ConversationId>,
        /// The `next` of the page before; `null` or left out: the first page.
        #[serde(default)]
        after: Option<Cursor>,
        /// How many at most.
        #[serde(default)]
        limit: HitLimit,
    }
    /// Words that may mean a message.
    FindMessages {
        /// Where.
        conversation: ConversationId,
        /// The beginning of an id (at least four digits), or `last`.
        words: String,
    }
    /// A part of a timeline.
    Timeline {
        /// The conversation.
        conversation: ConversationId,
        /// Only what stands after this position; `null` or left out: from the beginning.
        #[serde(default)]
        after: Option<i64>,
        /// How many at most.
        #[serde(default)]
        limit: Limit,
    }
    /// The end of a timeline.
    TimelineLast {
        /// The conversation.
        conversation: ConversationId,
        /// How many at most.
        #[serde(default)]
        limit: Limit,
        /// `true`: only what has its final place.
        #[serde(default)]
        placed: bool,
    }
    /// What one shows of oneself, all of it.
    SetProfile {
        /// What one is called, at most 256 bytes in UTF-8; empty: nothing but the handle.
        name: String,
        /// What one says of oneself, at most 512 bytes in UTF-8; empty: nothing.
        about: String,
        /// A JPEG, PNG or WebP of at most 32,768 bytes, without what nobody else is to know (such as where it was taken); `null`: none.
        picture: Option<Bytes>,
    }
    /// Somebody of whom nothing is to be heard.
    Block {
        /// Who.
        account: AccountId,
    }
    /// Somebody of whom something is to be heard again.
    Unblock {
        /// Who.
        account: AccountId,
    }
    /// An account.
    Account {
        /// Which.
        account: AccountId,
    }
    /// A group's picture.
    SetGroupPicture {
        /// The group.
        conversation: ConversationId,
        /// JPEG, PNG or WebP, at most 16,384 bytes; `null` or left out: none any more.
        #[serde(default)]
        picture: Option<Bytes>,
    }
    /// A file to be sent.
    SendFile {
        /// Where.
        conversation: ConversationId,
        /// Where it lies on this disk.
        path: String,
        /// What is said about it, at most 65,536 bytes in UTF-8; empty or left out: nothing.
        #[serde(default)]
        caption: String,
        /// Its media type; `null` or left out: as its name ends.
        #[serde(default)]
        media_type: Option<String>,
        /// Every byte of it is sent, also what a picture or film says of where and when it was taken; left out: it is not.
        #[serde(default)]
        as_it_is: bool,
        /// `true`: it is opened once on each device of whoever gets it. A picture, a video or a recording, without a caption.
        #[serde(default)]
        once: bool,
    }
    /// An own file that is on its way.
    CancelFile {
        /// Which.
        upload: Upload,
    }
    /// A file to be put on this disk.
    SaveFile {
        /// Where it was sent.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
        /// The file to make, which must not be there, or a folder, for a name that is safe there.
        path: String,
    }
    /// Whether the person looks at the screen.
    Foreground {
        /// They do.
        active: bool,
    }
    /// Whether the person is typing.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// They are.
        typing: bool,
    }
    /// A message that others may have read.
    AskReadBy {
        /// The group.
        conversation: ConversationId,
        /// The message, as it was said first.
        message: MessageId,
    }
    /// What others may see.
    SetPrivacy {
        /// Who may see when the person was last active, of those whom they talk to one to one.
        presence: Audience,
        /// Whether others are told what came and was read.
        receipts: bool,
        /// Whether others are told that the person is typing.
        typing: bool,
    }
    /// A text with what one of its links leads to.
    SendPreviewed {
        /// Where.
        conversation: ConversationId,
        /// The text, of at most 65,536 bytes in UTF-8.
        text: String,
        /// What a link of it leads to.
        preview: LinkPreview,
    }
    /// A question with options.
    SendPoll {
        /// Where.
        conversation: ConversationId,
        /// The question: a line of at most 512 bytes in UTF-8.
        question: String,
        /// 2 to 12 different lines of at most 128 bytes in UTF-8.
        options: Vec<String>,
        /// How many of them one may choose.
        #[serde(default)]
        choice: Choice,
    }
    /// What is chosen of a poll.
    Vote {
        /// Where.
        conversation: ConversationId,
        /// The poll.
        message: MessageId,
        /// The options, by their numbers from 0 on; none: nothing any more.
        choices: Vec<u8>,
    }
    /// A poll that is over.
    EndPoll {
        /// Where.
        conversation: ConversationId,
        /// The poll.
        message: MessageId,
    }
    /// Who has chosen an option of a poll.
    Voters {
        /// Where.
        conversation: ConversationId,
        /// The poll.
        message: MessageId,
        /// The option, by its number from 0 on.
        option: u8,
        /// The last account of the page before; `null` or left out: the first page.
        #[serde(default)]
        after: Option<AccountId>,
        /// How many at most.
        #[serde(default)]
        limit: HitLimit,
    }
    /// Where something is.
    SendLocation {
        /// To whom.
        conversation: ConversationId,
        /// Where it is.
        place: Place,
    }
    /// Who somebody is.
    SendContact {
        /// To whom.
        conversation: ConversationId,
        /// Their handle, which was looked up before, or one's own.
        handle: String,
    }
    /// A contact card.
    UseCard {
        /// Where it was sent.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
    }
    /// A file that is opened once.
    OpenOnce {
        /// Where it was sent.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
    }
    /// An invitation link to be made.
    Invite {
        /// The group; `null` or left out: to this person.
        #[serde(default)]
        conversation: Option<ConversationId>,
        /// Seconds that it lasts, 60 to 31,622,400.
        lasts: u32,
        /// How many it lets in, at most 1,000; `null` or left out: as many.
        #[serde(default)]
        uses: Option<u32>,
        /// Whether somebody has to approve of each.
        #[serde(default)]
        approval: bool,
    }
    /// An invitation link that was made on this device.
    RevokeInvitation {
        /// Which.
        invitation: Invitation,
    }
    /// Somebody who waits to be let in.
    Approve {
        /// Which.
        request: Request,
    }
    /// Somebody who waits to be let in.
    Refuse {
        /// Which.
        request: Request,
    }
    /// An invitation link.
    OpenInvitation {
        /// What stands behind the `#` of the link.
        fragment: String,
    }
    /// An invitation link that was opened on this device.
    CancelOpened {
        /// Which.
        opened: OpenedLink,
    }
    /// How long to wait.
    Settle {
        /// How long at most, in milliseconds.
        #[serde(default)]
        patience: Patience,
    }
}

/// How many options of a poll one may choose.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// One.
    #[default]
    Single,
    /// As many as there are.
    Several,
}

/// A point on Earth (WGS 84).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Ten-millionths of a degree to the north: -900,000,000 to 900,000,000.
    pub latitude: i32,
    /// Ten-millionths of a degree to the east: -1,800,000,000 to 1,800,000,000.
    pub longitude: i32,
    /// Within how many metres it is right: 1 to 20,037,508; `null` or left out: that is not said.
    #[serde(default)]
    pub accuracy: Option<u32>,
    /// What it is called, at most 256 bytes in UTF-8; empty or left out: nothing.
    #[serde(default)]
    pub label: String,
}

/// What a link leads to, as whoever says so has seen it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkPreview {
    /// Where it leads: a link of the text, `http` or `https`.
    pub url: String,
    /// What the page is called, at most 256 bytes in UTF-8.
    pub title: String,
    /// What it says of itself, at most 512 bytes in UTF-8; empty or left out: nothing.
    #[serde(default)]
    pub description: String,
    /// A JPEG, PNG or WebP of at most 24,576 bytes; `null` or left out: none.
    #[serde(default)]
    pub picture: Option<Bytes>,
}

/// Whether messages are starred.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Starred(pub bool);

/// What a conversation is marked with, on this device alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConversationMark {
    /// It is out of the way, and not pinned.
    Archived {},
    /// It is not out of the way any more.
    Unarchived {},
    /// What comes is announced so from now on.
    Muted {
        /// How.
        mute: Mute,
    },
    /// It is shown as unread until it is read.
    Unread {},
    /// It stands before all others, and is not archived.
    Pinned {
        /// Its turn among those that do, from 0 on; `null` or left out: the last.
        #[serde(default)]
        turn: Option<u32>,
    },
    /// It does not stand before all others any more.
    Unpinned {},
    /// Something was typed there and not said.
    Draft {
        /// What, at most 65,536 bytes in UTF-8; empty: nothing.
        text: String,
    },
}

/// Who may see something.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Audience {
    /// Everyone whom the person talks to.
    Everyone {},
    /// Some of them, at most 256.
    Chosen {
        /// Who.
        accounts: Vec<AccountId>,
    },
    /// Nobody.
    Nobody {},
}

/// Whether what comes in a conversation is announced. Whoever announces it sees to that.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mute {
    /// Everything is.
    Off {},
    /// Nothing is until then.
    Until {
        /// When.
        at: Instant,
    },
    /// Nothing is.
    Always {},
    /// Only what mentions this person is.
    ButMentions {},
}

fn all_suites() -> Vec<Suite> {
    keyfold_protocol::suite::Suite::ALL
        .into_iter()
        .map(Suite::from)
        .collect()
}

/// A device that speaks no suite could never talk.
fn some_suites<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Suite>, D::Error> {
    let suites = Vec::<Suite>::deserialize(deserializer)?;
    if suites.is_empty() {
        return Err(de::Error::custom("a device speaks at least one suite"));
    }
    Ok(suites)
}
