//! What commands print, as records. Field names are stable: `docs/cli.md`.

mod kinds;

use keyfold_engine::Deed;
use keyfold_engine::view::{
    Contact, Conversation, Entry, FileEntry, FileState, Member, Mute, Quote, Reacted, Receipt,
    Standing, State, What,
};
use keyfold_protocol::state::Policy;
use serde::Serialize;

use crate::when;
use kinds::{CardRecord, LocationRecord, OnceRecord, PollRecord, PreviewRecord};

/// One conversation of `list`.
#[derive(Serialize)]
pub(crate) struct ConversationRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) direct: bool,
    pub(crate) standing: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) members: Vec<MemberRecord>,
    pub(crate) epoch: u64,
    pub(crate) suite: String,
    pub(crate) unread: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timer: Option<u32>,
    pub(crate) may_add: &'static str,
    pub(crate) may_post: &'static str,
    pub(crate) may_edit: &'static str,
    pub(crate) last: Option<EntryRecord>,
    pub(crate) archived: bool,
    pub(crate) muted: Option<String>,
    pub(crate) marked_unread: bool,
    pub(crate) pinned: Option<u32>,
    pub(crate) draft: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_active: Option<String>,
    /// Who asks, where it waits to be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
}

/// One member of a conversation.
#[derive(Serialize)]
pub(crate) struct MemberRecord {
    pub(crate) handle: String,
    pub(crate) account: String,
    pub(crate) role: &'static str,
    pub(crate) devices: usize,
    pub(crate) me: bool,
    pub(crate) verified: bool,
}

/// One entry of `read`.
#[derive(Serialize, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not by itself")]
pub(crate) struct EntryRecord {
    pub(crate) id: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) from: Option<String>,
    pub(crate) mine: bool,
    pub(crate) text: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) people: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<&'static str>,
    pub(crate) sent_at: String,
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<QuoteRecord>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) edited: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reactions: Vec<ReactionRecord>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) mentions_me: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) forwarded: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pinned: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) starred: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<FileRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lasts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disappears_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) poll: Option<PollRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<LocationRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) card: Option<CardRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) once: Option<OnceRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preview: Option<PreviewRecord>,
}

/// The file of an entry.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct FileRecord {
    pub(crate) name: Option<String>,
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<u32>,
}

impl From<&FileEntry> for FileRecord {
    fn from(file: &FileEntry) -> Self {
        let (state, why) = match &file.state {
            FileState::Uploading(_) => ("uploading", None),
            FileState::Failed(_, why) => ("failed", Some(why.clone())),
            FileState::AtServer => ("at_server", None),
        };
        Self {
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            size: file.size,
            state,
            why,
            until: file.expires.map(when::rfc3339),
            width: file.media.sides.map(|(width, _)| width),
            height: file.media.sides.map(|(_, height)| height),
            duration_ms: file.media.duration,
        }
    }
}

/// The message that an entry answers.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct QuoteRecord {
    pub(crate) id: String,
    pub(crate) from: Option<String>,
    pub(crate) text: Option<String>,
}

/// A reaction to an entry.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(crate) struct ReactionRecord {
    pub(crate) from: String,
    pub(crate) emoji: String,
    pub(crate) mine: bool,
}

impl From<&Quote> for QuoteRecord {
    fn from(quote: &Quote) -> Self {
        Self {
            id: quote.id.to_string(),
            from: quote.from.as_ref().map(|contact| contact.handle.clone()),
            text: quote.text.clone(),
        }
    }
}

impl From<&Reacted> for ReactionRecord {
    fn from(reacted: &Reacted) -> Self {
        Self {
            from: reacted.from.handle.clone(),
            emoji: reacted.emoji.clone(),
            mine: reacted.mine,
        }
    }
}

impl From<&Conversation> for ConversationRecord {
    fn from(conversation: &Conversation) -> Self {
        let (standing, reason) = standing(&conversation.standing);
        Self {
            id: conversation.id.to_string(),
            name: conversation.name.clone(),
            direct: conversation.direct,
            standing,
            reason,
            members: conversation
                .members
                .iter()
                .map(MemberRecord::from)
                .collect(),
            epoch: conversation.epoch.0,
            suite: conversation.suite.to_string(),
            unread: conversation.unread,
            description: conversation.description.clone(),
            timer: conversation.timer,
            may_add: policy(conversation.may_add),
            may_post: policy(conversation.may_post),
            may_edit: policy(conversation.may_edit),
            last: conversation.last.as_ref().map(EntryRecord::from),
            archived: conversation.marks.archived,
            muted: muted(conversation.marks.mute),
            marked_unread: conversation.marks.unread,
            pinned: conversation.marks.pinned.map(|turn| turn.saturating_add(1)),
            draft: conversation.marks.draft.clone(),
            last_active: conversation.last_active.map(when::rfc3339),
            request: conversation.request.as_ref().map(|one| one.handle.clone()),
        }
    }
}

impl From<&Member> for MemberRecord {
    fn from(member: &Member) -> Self {
        Self {
            handle: member.contact.handle.clone(),
            account: member.contact.account.to_string(),
            role: role(member.role),
            devices: member.devices,
            me: member.me,
            verified: member.contact.verified,
        }
    }
}

impl From<&Entry> for EntryRecord {
    fn from(entry: &Entry) -> Self {
        let mut record = Self {
            id: entry.id.map(|id| id.to_string()),
            kind: kind(&entry.what),
            from: entry.from.as_ref().map(|contact| contact.handle.clone()),
            mine: entry.mine,
            text: None,
            people: Vec::new(),
            missing: None,
            seconds: None,
            deed: None,
            policy: None,
            sent_at: when::rfc3339(entry.at),
            state: state(entry.state),
            reply_to: entry.reply_to.as_ref().map(QuoteRecord::from),
            edited: entry.edited,
            reactions: entry.reactions.iter().map(ReactionRecord::from).collect(),
            mentions_me: entry.mentions_me,
            forwarded: entry.forwarded,
            pinned: entry.pinned,
            starred: entry.starred,
            file: None,
            lasts: entry.expiry.and_then(|expiry| expiry.lasts),
            disappears_at: entry.expiry.and_then(|expiry| expiry.at).map(when::rfc3339),
            receipt: receipt(entry.receipt),
            poll: None,
            location: None,
            card: None,
            once: None,
            preview: entry.preview.as_deref().map(PreviewRecord::from),
        };
        match &entry.what {
            What::Text(text)
            | What::Renamed(text)
            | What::Refused(text)
            | What::Back(text)
            | What::Described(text)
            | What::MayBeMissing(text) => {
                record.text = Some(text.clone());
            }
            What::File(file) => {
                record.text.clone_from(&file.caption);
                record.file = Some(file.into());
            }
            What::Poll(_) | What::Location(_) | What::Card(_) | What::Once(_) => {
                record.holds(&entry.what);
            }
            What::Added(people) | What::Removed(people) => record.people = handles(people),
            What::Gap(missing) => record.missing = Some(*missing),
            What::TakenBack { by, .. } => record.people = handles(by.as_slice()),
            What::Returned(whose) => record.people = handles(std::slice::from_ref(whose)),
            What::Timed(seconds) => record.seconds = *seconds,
            What::Allowed(deed, policy) => {
                record.deed = Some(self::deed(*deed));
                record.policy = Some(self::policy(*policy));
            }
            What::Pictured(_)
            | What::NeedsNewerVersion
            | What::Began
            | What::Left
            | What::RolesChanged
            | What::DevicesChanged
            | What::Moved => {}
        }
        record
    }
}

impl EntryRecord {
    /// Takes what is neither text nor file.
    fn holds(&mut self, what: &What) {
        match what {
            What::Poll(poll) => {
                self.text = Some(poll.question.clone());
                self.poll = Some(poll.into());
            }
            What::Location(location) => {
                self.text = Some(location.label.clone()).filter(|label| !label.is_empty());
                self.location = Some(location.into());
            }
            What::Card(card) => self.card = Some(card.into()),
            What::Once(once) => self.once = Some(once.into()),
            _ => {}
        }
    }
}

/// Whether what comes is announced; a time that is over counts no more.
fn muted(mute: Mute) -> Option<String> {
    match mute {
        Mute::Until(until) if until > keyfold_client::now() => Some(when::rfc3339(until)),
        Mute::Off | Mute::Until(_) => None,
        Mute::Always => Some("always".to_owned()),
        Mute::ButMentions => Some("but_mentions".to_owned()),
    }
}

fn handles(people: &[Contact]) -> Vec<String> {
    people
        .iter()
        .map(|contact| contact.handle.clone())
        .collect()
}

fn kind(what: &What) -> &'static str {
    match what {
        What::Text(_) => "text",
        What::TakenBack { .. } => "taken_back",
        What::NeedsNewerVersion => "newer",
        What::Gap(_) => "gap",
        What::Began => "began",
        What::Added(_) => "added",
        What::Removed(_) => "removed",
        What::Left => "left",
        What::Renamed(_) => "renamed",
        What::RolesChanged => "roles",
        What::DevicesChanged => "devices",
        What::Refused(_) => "refused",
        What::Moved => "moved",
        What::Back(_) => "back",
        What::Returned(_) => "returned",
        What::MayBeMissing(_) => "may_be_missing",
        What::File(_) => "file",
        What::Poll(_) => "poll",
        What::Location(_) => "location",
        What::Card(_) => "card",
        What::Once(_) => "once",
        What::Described(_) => "described",
        What::Timed(_) => "timer",
        What::Allowed(..) => "allowed",
        What::Pictured(_) => "pictured",
    }
}

fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Add => "add",
        Deed::Post => "post",
        Deed::Edit => "edit",
    }
}

fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::Admins => "admins",
        Policy::Everyone => "everyone",
    }
}

pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Sent => "sent",
        State::Received => "received",
        State::Failed => "failed",
    }
}

pub(crate) fn receipt(receipt: Receipt) -> Option<&'static str> {
    match receipt {
        Receipt::None => None,
        Receipt::Delivered => Some("delivered"),
        Receipt::Read => Some("read"),
    }
}

fn standing(standing: &Standing) -> (&'static str, Option<String>) {
    match standing {
        Standing::Creating => ("creating", None),
        Standing::Active => ("active", None),
        Standing::Left => ("left", None),
        Standing::Failed(why) => ("failed", Some(why.clone())),
        Standing::Held(why) => ("held", Some(why.clone())),
        Standing::Rejoining(why) => ("rejoining", Some(why.clone())),
    }
}

fn role(role: keyfold_protocol::state::Role) -> &'static str {
    use keyfold_protocol::state::Role;
    match role {
        Role::Member => "member",
        Role::Admin => "admin",
        Role::Owner => "owner",
    }
}
