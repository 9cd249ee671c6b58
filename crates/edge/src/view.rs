//! What reads give: people, conversations, timelines. Each is made from the engine's view of the same name, field by field.

mod invitation;
mod kinds;
mod signal;
mod text;

use keyfold_engine::view;
use keyfold_protocol::content;
use keyfold_protocol::identity::{Person, SafetyNumber};
use schemars::JsonSchema;
use serde::Serialize;

use crate::file::File;
use crate::params::Mute;
use crate::scalar::{
    AccountId, Bytes, ConversationId, Count, Cursor, Deed, DeviceId, Instant, MessageId, Policy,
    Role, Suite,
};

pub use invitation::{Ended, Invitation, JoinRequest, Opened, OpenedState};
pub use kinds::{Card, CardCheck, Location, Once, OnceState, Poll, PollOption, Preview};
pub use signal::{Privacy, ReadBy, Receipt};
pub use text::{Block, BlockKind, Destination, Marker, Part, Snippet, Span};

/// The account and device of this profile.
#[derive(Serialize, JsonSchema)]
pub struct Me {
    /// The handle, in the directory's form.
    handle: String,
    /// The account.
    account: AccountId,
    /// This device.
    device: DeviceId,
    /// The server has confirmed the registration.
    registered: bool,
    /// It holds the account key.
    primary: bool,
    /// One's own half of every safety number: groups of digits.
    fingerprint: String,
}

impl From<view::Me> for Me {
    fn from(me: view::Me) -> Self {
        let view::Me {
            handle,
            account,
            device,
            registered,
            primary,
            account_key,
        } = me;
        let person = Person {
            account,
            account_key,
        };
        Self {
            handle,
            account: AccountId(account),
            device: DeviceId(device),
            registered,
            primary,
            fingerprint: person.fingerprint().to_string(),
        }
    }
}

/// A person as this device knows them.
#[derive(Serialize, JsonSchema)]
pub struct Contact {
    /// The account.
    account: AccountId,
    /// What they call themselves.
    handle: String,
    /// The directory says the same.
    confirmed: bool,
    /// Their safety number has been compared.
    verified: bool,
    /// What they are called by their profile; `null`: nothing else. Anybody may be called anything: the handle tells people apart.
    name: Option<String>,
    /// This person wants to hear nothing of them.
    blocked: bool,
}

impl From<view::Contact> for Contact {
    fn from(contact: view::Contact) -> Self {
        let view::Contact {
            account,
            handle,
            confirmed,
            verified,
            // `safety_number` says it in the form that people compare.
            account_key: _,
            name,
            blocked,
        } = contact;
        Self {
            account: AccountId(account),
            handle,
            confirmed,
            verified,
            name: name.map(|name| name.to_string()),
            blocked,
        }
    }
}

/// What somebody shows of themselves.
#[derive(Serialize, JsonSchema)]
pub struct Profile {
    /// What they are called; empty: nothing but the handle.
    name: String,
    /// What they say of themselves; may be empty.
    about: String,
    /// What they look like; `null`: they do not show it.
    picture: Option<Picture>,
}

/// A picture. It is its sender's: whoever decodes it bounds what that may cost.
#[derive(Serialize, JsonSchema)]
pub struct Picture {
    /// Its media type.
    media_type: &'static str,
    /// The file.
    content: Bytes,
}

impl Picture {
    pub(crate) fn new(media_type: &'static str, content: &[u8]) -> Self {
        Self {
            media_type,
            content: Bytes(content.to_vec()),
        }
    }
}

impl From<content::Profile> for Profile {
    fn from(profile: content::Profile) -> Self {
        let content::Profile {
            version: _,
            name,
            about,
            picture,
        } = profile;
        Self {
            name: name.to_string(),
            about: about.as_str().to_owned(),
            picture: picture.map(|picture| Picture::new(picture.media_type(), picture.as_bytes())),
        }
    }
}

/// The safety number of this account and another.
#[derive(Serialize, JsonSchema)]
pub struct Comparison {
    /// The other person.
    contact: Contact,
    /// 12 groups of 5 digits, the same on both sides.
    safety_number: String,
    /// What a QR code of it says.
    qr: String,
}

impl Comparison {
    pub(crate) fn new(me: &view::Me, contact: view::Contact) -> Self {
        let other = Person {
            account: contact.account,
            account_key: contact.account_key,
        };
        let this = Person {
            account: me.account,
            account_key: me.account_key,
        };
        let number = SafetyNumber::new(&this, &other);
        Self {
            contact: contact.into(),
            safety_number: number.to_string(),
            qr: number.qr(),
        }
    }
}

/// Where a conversation stands.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Standing {
    /// Being created; what is sent waits.
    Creating,
    /// In use.
    Active,
    /// Left, or removed from it.
    Left,
    /// It could not be created.
    Failed {
        /// Why, in words.
        reason: String,
    },
    /// A change was refused: nothing goes on until a member has moved it to a fresh group, which happens by itself.
    Held {
        /// Why, in words.
        reason: String,
    },
    /// This device has lost its place and asks to be let in again, by itself.
    Rejoining {
        /// Why, in words.
        reason: String,
    },
}

impl From<view::Standing> for Standing {
    fn from(standing: view::Standing) -> Self {
        match standing {
            view::Standing::Creating => Self::Creating,
            view::Standing::Active => Self::Active,
            view::Standing::Left => Self::Left,
            view::Standing::Failed(reason) => Self::Failed { reason },
            view::Standing::Held(reason) => Self::Held { reason },
            view::Standing::Rejoining(reason) => Self::Rejoining { reason },
        }
    }
}

/// A member of a conversation.
#[derive(Serialize, JsonSchema)]
pub struct Member {
    /// Who.
    contact: Contact,
    /// The role.
    role: Role,
    /// How many devices.
    devices: Count,
    /// It is this device's account.
    me: bool,
}

impl From<view::Member> for Member {
    fn from(member: view::Member) -> Self {
        let view::Member {
            contact,
            role,
            devices,
            me,
        } = member;
        Self {
            contact: contact.into(),
            role: role.into(),
            devices: devices.into(),
            me,
        }
    }
}

/// A conversation.
#[derive(Serialize, JsonSchema)]
pub struct Conversation {
    /// Its id, the same for all members.
    id: ConversationId,
    /// A group's name; for one to one the other's handle.
    name: String,
    /// One to one.
    direct: bool,
    /// Where it stands.
    standing: Standing,
    /// The members; oneself included.
    members: Vec<Member>,
    /// How often its keys have changed (RFC 9420 section 2).
    epoch: Count,
    /// The cipher suite.
    suite: Suite,
    /// Messages that have arrived since it was marked as read.
    unread: Count,
    /// What a group is about; may be empty.
    description: String,
    /// Seconds after which messages disappear once they were read; `null`: they stay.
    timer: Option<u32>,
    /// Who may add people to a group.
    may_add: Policy,
    /// Who may say something in a group.
    may_post: Policy,
    /// Who may change a group's name, description and timer.
    may_edit: Policy,
    /// The last entry of the timeline.
    last: Option<Entry>,
    /// What this person has marked it with, on this device.
    marks: Marks,
    /// One to one: when the other person was last active, where they show it and this person shows it to them. Less than 90 seconds ago: they are
    /// online.
    last_active: Option<Instant>,
    /// Who is typing.
    typing: Vec<Contact>,
    /// It waits to be accepted: who has begun it, or has brought this account into it. Only its first text is shown. `null`: it does not wait.
    request: Option<Contact>,
}

impl From<view::Conversation> for Conversation {
    fn from(conversation: view::Conversation) -> Self {
        let view::Conversation {
            id,
            name,
            direct,
            standing,
            members,
            epoch,
            suite,
            unread,
            description,
            timer,
            may_add,
            may_post,
            may_edit,
            last,
            marks,
            last_active,
            typing,
            request,
        } = conversation;
        Self {
            id: ConversationId(id),
            name,
            direct,
            standing: standing.into(),
            members: members.into_iter().map(Member::from).collect(),
            epoch: epoch.into(),
            suite: suite.into(),
            unread: Count(unread),
            description,
            timer,
            may_add: may_add.into(),
            may_post: may_post.into(),
            may_edit: may_edit.into(),
            last: last.map(Entry::from),
            marks: marks.into(),
            last_active: last_active.map(Instant),
            typing: typing.into_iter().map(Contact::from).collect(),
            request: request.map(Contact::from),
        }
    }
}

/// What a person has marked a conversation with, on this device alone.
#[derive(Serialize, JsonSchema)]
pub struct Marks {
    /// It is out of the way until somebody says something; where it is muted for good, also then.
    archived: bool,
    /// Whether what comes is announced.
    mute: Mute,
    /// It is to be shown as unread, whatever was read.
    unread: bool,
    /// Its turn among those that stand before all others, from 0 on; `null`: it does not.
    pinned: Option<u32>,
    /// What was typed and not said.
    draft: Option<String>,
}

impl From<view::Marks> for Marks {
    fn from(marks: view::Marks) -> Self {
        let view::Marks {
            archived,
            mute,
            unread,
            pinned,
            draft,
        } = marks;
        Self {
            archived,
            mute: mute.into(),
            unread,
            pinned,
            draft,
        }
    }
}

/// How far an entry has come.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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

impl From<view::State> for State {
    fn from(state: view::State) -> Self {
        match state {
            view::State::Waiting => Self::Waiting,
            view::State::Sent => Self::Sent,
            view::State::Received => Self::Received,
            view::State::Failed => Self::Failed,
        }
    }
}

/// An entry of a timeline.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not by itself")]
pub struct Entry {
    /// Its place: entries of a conversation are ordered by it. Changes once for own messages, when they have come back.
    position: i64,
    /// Its place is final.
    placed: bool,
    /// The message's id; `null` for what the conversation itself says.
    id: Option<MessageId>,
    /// Who said or did it; `null`: nobody in particular.
    from: Option<Contact>,
    /// It is one's own.
    mine: bool,
    /// When the server took it; for what has not been sent yet, when it was written.
    at: Instant,
    /// What it is.
    what: What,
    /// How far it has come.
    state: State,
    /// The message that it answers.
    reply_to: Option<Quote>,
    /// Its author has said something else in its place.
    edited: bool,
    /// How people react to it: one each, by when they did.
    reactions: Vec<Reaction>,
    /// A text as it is to be shown; whom it mentions is called as they are known here. Empty where it is no text.
    blocks: Vec<Block>,
    /// It mentions this person.
    mentions_me: bool,
    /// It was said elsewhere, maybe by somebody else.
    forwarded: bool,
    /// It is pinned for everybody.
    pinned: bool,
    /// This person has starred it, on this device.
    starred: bool,
    /// It disappears; `null`: it stays.
    expiry: Option<Expiry>,
    /// One to one: how far an own message has come.
    receipt: Receipt,
    /// What a link of its text leads to, as its sender has seen it; `null`: that is not said.
    preview: Option<Preview>,
}

/// That a message disappears.
#[derive(Serialize, JsonSchema)]
pub struct Expiry {
    /// Seconds after which it is to be gone, from when it was read here or, one's own, when the server accepted it; `null`: its time was said when it
    /// was written.
    lasts: Option<u32>,
    /// When it goes, by this device's clock, if that goes on as it should; `null`: its time has not begun.
    at: Option<Instant>,
}

impl From<view::Expiry> for Expiry {
    fn from(expiry: view::Expiry) -> Self {
        let view::Expiry { lasts, at } = expiry;
        Self {
            lasts,
            at: at.map(Instant),
        }
    }
}

impl From<view::Entry> for Entry {
    fn from(entry: view::Entry) -> Self {
        let placed = entry.has_its_place();
        let view::Entry {
            position,
            id,
            from,
            mine,
            at,
            what,
            state,
            reply_to,
            edited,
            reactions,
            blocks,
            mentions_me,
            forwarded,
            pinned,
            starred,
            expiry,
            receipt,
            preview,
        } = entry;
        Self {
            position,
            placed,
            id: id.map(MessageId),
            from: from.map(Contact::from),
            mine,
            at: Instant(at),
            what: what.into(),
            state: state.into(),
            reply_to: reply_to.map(Quote::from),
            edited,
            reactions: reactions.into_iter().map(Reaction::from).collect(),
            blocks: blocks.into_iter().map(Block::from).collect(),
            mentions_me,
            forwarded,
            pinned,
            starred,
            expiry: expiry.map(Expiry::from),
            receipt: receipt.into(),
            preview: preview.map(|preview| (*preview).into()),
        }
    }
}

/// The message that another one answers.
#[derive(Serialize, JsonSchema)]
pub struct Quote {
    /// Its id.
    id: MessageId,
    /// Who said it; `null` where it is not here.
    from: Option<Contact>,
    /// It is one's own.
    mine: bool,
    /// The beginning of what it says now; `null`: it is not here, was taken back, or is no text.
    text: Option<String>,
}

impl From<view::Quote> for Quote {
    fn from(quote: view::Quote) -> Self {
        let view::Quote {
            id,
            from,
            mine,
            text,
        } = quote;
        Self {
            id: MessageId(id),
            from: from.map(Contact::from),
            mine,
            text,
        }
    }
}

/// A reaction.
#[derive(Serialize, JsonSchema)]
pub struct Reaction {
    /// Whose.
    from: Contact,
    /// An emoji, or what its sender has for one.
    emoji: String,
    /// It is one's own.
    mine: bool,
}

impl From<view::Reacted> for Reaction {
    fn from(reacted: view::Reacted) -> Self {
        let view::Reacted { from, emoji, mine } = reacted;
        Self {
            from: from.into(),
            emoji,
            mine,
        }
    }
}

/// What an entry shows.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// A text.
    Text {
        /// What it says now, as it was typed: Markdown, with `@` and the handle for a mention.
        text: String,
    },
    /// It was taken back, by its author or an admin.
    TakenBack {
        /// By whom; `null` where that is not known any more.
        by: Option<Contact>,
        /// By this person.
        mine: bool,
    },
    /// Content of a newer version of Keyfold than this one.
    NeedsNewerVersion,
    /// Messages of this person did not come.
    Gap {
        /// How many.
        missing: Count,
    },
    /// The conversation began, or this device joined it.
    Began,
    /// People came in.
    Added {
        /// Who.
        people: Vec<Contact>,
    },
    /// People were removed.
    Removed {
        /// Who.
        people: Vec<Contact>,
    },
    /// Somebody left.
    Left,
    /// A new name.
    Renamed {
        /// The name.
        name: String,
    },
    /// Roles or rules changed.
    RolesChanged,
    /// Devices of a member came or went.
    DevicesChanged,
    /// Something was refused.
    Refused {
        /// What, in words.
        reason: String,
    },
    /// The conversation goes on in a fresh group.
    Moved,
    /// This device had lost its place and is back. What was said meanwhile is not here.
    Back {
        /// Why, in words.
        reason: String,
    },
    /// A device of this person had lost its place and was let in again.
    Returned {
        /// Whose.
        person: Contact,
    },
    /// Messages may be missing here.
    MayBeMissing {
        /// Why, in words.
        reason: String,
    },
    /// A new description.
    Described {
        /// The description; empty: none any more.
        description: String,
    },
    /// When messages disappear from now on.
    Timed {
        /// So many seconds after they were read; `null`: they stay.
        seconds: Option<u32>,
    },
    /// Others than before may do something in the group.
    Allowed {
        /// What.
        deed: Deed,
        /// Who.
        policy: Policy,
    },
    /// A file.
    File {
        /// It.
        file: File,
    },
    /// The group's picture.
    Pictured {
        /// Whether it has one now; the read `group_picture` gives it.
        shown: bool,
    },
    /// A question with options.
    Poll {
        /// It.
        poll: Poll,
    },
    /// A place.
    Location {
        /// It.
        location: Location,
    },
    /// Somebody's account.
    Card {
        /// It.
        card: Card,
    },
    /// A file that is opened once.
    Once {
        /// It.
        once: Once,
    },
}

impl From<view::What> for What {
    fn from(what: view::What) -> Self {
        let contacts = |people: Vec<view::Contact>| people.into_iter().map(Contact::from).collect();
        match what {
            view::What::Text(text) => Self::Text { text },
            view::What::TakenBack { by, mine } => Self::TakenBack {
                by: by.map(Contact::from),
                mine,
            },
            view::What::NeedsNewerVersion => Self::NeedsNewerVersion,
            view::What::Gap(missing) => Self::Gap {
                missing: Count(missing),
            },
            view::What::Began => Self::Began,
            view::What::Added(people) => Self::Added {
                people: contacts(people),
            },
            view::What::Removed(people) => Self::Removed {
                people: contacts(people),
            },
            view::What::Left => Self::Left,
            view::What::Renamed(name) => Self::Renamed { name },
            view::What::RolesChanged => Self::RolesChanged,
            view::What::DevicesChanged => Self::DevicesChanged,
            view::What::Refused(reason) => Self::Refused { reason },
            view::What::Moved => Self::Moved,
            view::What::Back(reason) => Self::Back { reason },
            view::What::Returned(person) => Self::Returned {
                person: person.into(),
            },
            view::What::MayBeMissing(reason) => Self::MayBeMissing { reason },
            view::What::Described(description) => Self::Described { description },
            view::What::Timed(seconds) => Self::Timed { seconds },
            view::What::Allowed(deed, policy) => Self::Allowed {
                deed: deed.into(),
                policy: policy.into(),
            },
            view::What::File(file) => Self::File { file: file.into() },
            view::What::Pictured(shown) => Self::Pictured { shown },
            view::What::Poll(poll) => Self::Poll { poll: poll.into() },
            view::What::Location(location) => Self::Location {
                location: location.into(),
            },
            view::What::Card(card) => Self::Card { card: card.into() },
            view::What::Once(once) => Self::Once { once: once.into() },
        }
    }
}

/// A page of messages that were found.
#[derive(Serialize, JsonSchema)]
pub struct Page {
    /// The newest first.
    hits: Vec<Hit>,
    /// For `after`, where there may be more; `null`: there is no more.
    next: Option<Cursor>,
}

impl From<view::Found> for Page {
    fn from(found: view::Found) -> Self {
        let view::Found { hits, next } = found;
        Self {
            hits: hits.into_iter().map(Hit::from).collect(),
            next: next.map(Cursor),
        }
    }
}

/// A message that was found.
#[derive(Serialize, JsonSchema)]
pub struct Hit {
    /// Where it was said.
    conversation: ConversationId,
    /// The message.
    entry: Entry,
    /// A part of what it says, around the first place that was meant.
    snippet: Snippet,
}

impl From<view::Hit> for Hit {
    fn from(hit: view::Hit) -> Self {
        let view::Hit {
            conversation,
            entry,
            snippet,
        } = hit;
        Self {
            conversation: ConversationId(conversation),
            entry: entry.into(),
            snippet: snippet.into(),
        }
    }
}
