//! Commands of the engine as parameters, and back.
//!
//! Both ways name every field: a command or field that the engine gains does not compile here until it can be asked for.

use keyfold_engine::{Command, command as engine, view};

use crate::Method;
use crate::params as p;
use crate::scalar::{Bytes, ConversationId, Instant, Suite};

/// Fields behind a semicolon are lists.
macro_rules! commands {
    ($($name:ident { $($field:ident),* $(; $list:ident)? })*) => {
        $(
            impl From<p::$name> for Command {
                fn from(params: p::$name) -> Self {
                    let p::$name { $($field,)* $($list)? } = params;
                    Self::$name {
                        $($field: $field.into(),)*
                        $($list: $list.into_iter().map(Into::into).collect())?
                    }
                }
            }
        )*

        impl Method {
            /// How a command is asked for. `None`: a shell gives it, when a file is sealed, uploaded or given up
            /// ([`Shell::SendFile`](crate::Shell::SendFile), [`Shell::CancelFile`](crate::Shell::CancelFile)).
            pub fn of(command: Command) -> Option<Self> {
                Some(match command {
                    $(Command::$name { $($field,)* $($list)? } => {
                        Self::$name(p::$name {
                            $($field: $field.into(),)*
                            $($list: $list.into_iter().map(Into::into).collect())?
                        })
                    })*
                    Command::RecoveryKeyKept => Self::RecoveryKeyKept(p::RecoveryKeyKept {}),
                    Command::Create { people, name, suite } => {
                        let suite = suite.map(Suite::from);
                        Self::Create(p::Create { people, name, suite })
                    }
                    Command::SetProfile { name, about, picture } => {
                        let picture = picture.map(Bytes);
                        Self::SetProfile(p::SetProfile { name, about, picture })
                    }
                    Command::SetGroupPicture { conversation, picture } => {
                        let (conversation, picture) = (conversation.into(), picture.map(Bytes));
                        Self::SetGroupPicture(p::SetGroupPicture { conversation, picture })
                    }
                    Command::Invite { conversation, lasts, uses, approval } => {
                        let conversation = conversation.map(ConversationId);
                        Self::Invite(p::Invite { conversation, lasts, uses, approval })
                    }
                    Command::SendFile { .. }
                    | Command::FileUploaded(_)
                    | Command::FileFailed(..)
                    | Command::CancelFile(_) => return None,
                })
            }
        }
    };
}

commands! {
    Register { handle, invitation; suites }
    RequestLink { ; suites }
    AddDevice { link_request }
    AcceptLink { certificate }
    RemoveDevice { device }
    Send { conversation, text }
    Reply { conversation, to, text }
    Edit { conversation, message, text }
    TakeBack { conversation, message }
    React { conversation, message, emoji }
    Add { conversation, people }
    Remove { conversation, people }
    Leave { conversation }
    Rename { conversation, name }
    ChangeRole { conversation, account, role }
    Update { conversation }
    MarkRead { conversation }
    MarkVerified { account }
    LookUp { handle }
    Pin { conversation, message, pinned }
    Describe { conversation, description }
    Allow { conversation, deed, policy }
    Forward { conversation, message; to }
    Hide { conversation; messages }
    Clear { conversation }
    DeleteConversation { conversation }
    Star { conversation, starred; messages }
    Mark { conversation, mark }
    Block { account }
    Unblock { account }
    SetTimer { conversation, timer }
    SendFleeting { conversation, text, lasts }
    Foreground { active }
    Typing { conversation, typing }
    AskReadBy { conversation, message }
    SetPrivacy { presence, receipts, typing }
    SendPreviewed { conversation, text, preview }
    SendPoll { conversation, question, choice; options }
    Vote { conversation, message; choices }
    EndPoll { conversation, message }
    SendLocation { conversation, place }
    SendContact { conversation, handle }
    UseCard { conversation, message }
    OpenOnce { conversation, message }
    RevokeInvitation { invitation }
    Approve { request }
    Refuse { request }
    OpenInvitation { fragment }
    CancelOpened { opened }
    Accept { conversation }
    AskFirst { wanted }
    Report { conversation, about; messages }
}

impl From<p::RecoveryKeyKept> for Command {
    fn from(_: p::RecoveryKeyKept) -> Self {
        Self::RecoveryKeyKept
    }
}

impl From<p::Create> for Command {
    fn from(params: p::Create) -> Self {
        let p::Create {
            people,
            name,
            suite,
        } = params;
        Self::Create {
            people,
            name,
            suite: suite.map(Suite::into),
        }
    }
}

impl From<p::Invite> for Command {
    fn from(params: p::Invite) -> Self {
        let p::Invite {
            conversation,
            lasts,
            uses,
            approval,
        } = params;
        Self::Invite {
            conversation: conversation.map(ConversationId::into),
            lasts,
            uses,
            approval,
        }
    }
}

impl From<p::SetProfile> for Command {
    fn from(params: p::SetProfile) -> Self {
        let p::SetProfile {
            name,
            about,
            picture,
        } = params;
        Self::SetProfile {
            name,
            about,
            picture: picture.map(Vec::from),
        }
    }
}

impl From<p::SetGroupPicture> for Command {
    fn from(params: p::SetGroupPicture) -> Self {
        let p::SetGroupPicture {
            conversation,
            picture,
        } = params;
        Self::SetGroupPicture {
            conversation: conversation.into(),
            picture: picture.map(Vec::from),
        }
    }
}

impl From<p::Choice> for view::Choice {
    fn from(choice: p::Choice) -> Self {
        match choice {
            p::Choice::Single => Self::Single,
            p::Choice::Several => Self::Several,
        }
    }
}

impl From<view::Choice> for p::Choice {
    fn from(choice: view::Choice) -> Self {
        match choice {
            view::Choice::Single => Self::Single,
            view::Choice::Several => Self::Several,
        }
    }
}

impl From<p::Place> for engine::Place {
    fn from(place: p::Place) -> Self {
        let p::Place {
            latitude,
            longitude,
            accuracy,
            label,
        } = place;
        Self {
            latitude,
            longitude,
            accuracy,
            label,
        }
    }
}

impl From<engine::Place> for p::Place {
    fn from(place: engine::Place) -> Self {
        let engine::Place {
            latitude,
            longitude,
            accuracy,
            label,
        } = place;
        Self {
            latitude,
            longitude,
            accuracy,
            label,
        }
    }
}

impl From<p::LinkPreview> for Box<engine::LinkPreview> {
    fn from(preview: p::LinkPreview) -> Self {
        let p::LinkPreview {
            url,
            title,
            description,
            picture,
        } = preview;
        Self::new(engine::LinkPreview {
            url,
            title,
            description,
            picture: picture.map(Vec::from),
        })
    }
}

impl From<Box<engine::LinkPreview>> for p::LinkPreview {
    fn from(preview: Box<engine::LinkPreview>) -> Self {
        let engine::LinkPreview {
            url,
            title,
            description,
            picture,
        } = *preview;
        Self {
            url,
            title,
            description,
            picture: picture.map(Bytes),
        }
    }
}

impl From<p::Starred> for engine::Starred {
    fn from(starred: p::Starred) -> Self {
        if starred.0 { Self::Yes } else { Self::No }
    }
}

impl From<engine::Starred> for p::Starred {
    fn from(starred: engine::Starred) -> Self {
        Self(starred == engine::Starred::Yes)
    }
}

impl From<p::ConversationMark> for engine::Mark {
    fn from(mark: p::ConversationMark) -> Self {
        use p::ConversationMark as M;
        match mark {
            M::Archived {} => Self::Archived,
            M::Unarchived {} => Self::Unarchived,
            M::Muted { mute } => Self::Muted(mute.into()),
            M::Unread {} => Self::Unread,
            M::Pinned { turn } => Self::Pinned(turn),
            M::Unpinned {} => Self::Unpinned,
            M::Draft { text } => Self::Draft(text),
        }
    }
}

impl From<engine::Mark> for p::ConversationMark {
    fn from(mark: engine::Mark) -> Self {
        use engine::Mark as M;
        match mark {
            M::Archived => Self::Archived {},
            M::Unarchived => Self::Unarchived {},
            M::Muted(mute) => Self::Muted { mute: mute.into() },
            M::Unread => Self::Unread {},
            M::Pinned(turn) => Self::Pinned { turn },
            M::Unpinned => Self::Unpinned {},
            M::Draft(text) => Self::Draft { text },
        }
    }
}

impl From<p::Mute> for view::Mute {
    fn from(mute: p::Mute) -> Self {
        match mute {
            p::Mute::Off {} => Self::Off,
            p::Mute::Until { at } => Self::Until(at.0),
            p::Mute::Always {} => Self::Always,
            p::Mute::ButMentions {} => Self::ButMentions,
        }
    }
}

impl From<view::Mute> for p::Mute {
    fn from(mute: view::Mute) -> Self {
        match mute {
            view::Mute::Off => Self::Off {},
            view::Mute::Until(at) => Self::Until { at: Instant(at) },
            view::Mute::Always => Self::Always {},
            view::Mute::ButMentions => Self::ButMentions {},
        }
    }
}

impl From<p::Audience> for view::Audience {
    fn from(audience: p::Audience) -> Self {
        match audience {
            p::Audience::Everyone {} => Self::Everyone,
            p::Audience::Chosen { accounts } => {
                Self::Chosen(accounts.into_iter().map(Into::into).collect())
            }
            p::Audience::Nobody {} => Self::Nobody,
        }
    }
}

impl From<view::Audience> for p::Audience {
    fn from(audience: view::Audience) -> Self {
        match audience {
            view::Audience::Everyone => Self::Everyone {},
            view::Audience::Chosen(chosen) => Self::Chosen {
                accounts: chosen.into_iter().map(Into::into).collect(),
            },
            view::Audience::Nobody => Self::Nobody {},
        }
    }
}
