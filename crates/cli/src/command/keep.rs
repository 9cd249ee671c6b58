//! What a person keeps in order on this device: what is deleted here alone, and what conversations and messages are marked with. All of it
//! works offline.

use std::time::Duration;

use keyfold_client::profile::Profile;
use keyfold_engine::Command;
use keyfold_engine::command::{Mark, Starred};
use keyfold_engine::view::Mute;
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::ConversationId;
use serde::Serialize;

use super::amend::choose;
use super::conversation;
use super::send::{show, standard_input_for};
use crate::args::{Conversation, Draft, Messages, MuteArgs, Star, Toggle, Top};
use crate::clean;
use crate::failure::Failure;
use crate::record::ConversationRecord;
use crate::session::Session;

#[derive(Serialize)]
struct Deleted {
    conversation: String,
    deleted: bool,
}

/// Puts a conversation out of the way.
pub(super) fn archive(session: &Session, args: &Toggle) -> Result<(), Failure> {
    let mark = if args.off {
        Mark::Unarchived
    } else {
        Mark::Archived
    };
    marked(session, &args.conversation, mark)
}

/// Announces less of a conversation.
pub(super) fn mute(session: &Session, args: &MuteArgs) -> Result<(), Failure> {
    let mute = match (args.off, args.but_mentions, args.hours) {
        (true, ..) => Mute::Off,
        (_, true, _) => Mute::ButMentions,
        (_, _, Some(hours)) => {
            let time = Duration::from_hours(u64::from(hours));
            Mute::Until(keyfold_client::now().after(time))
        }
        _ => Mute::Always,
    };
    marked(session, &args.conversation, Mark::Muted(mute))
}

/// Marks a conversation as unread.
pub(super) fn unread(session: &Session, args: &Conversation) -> Result<(), Failure> {
    marked(session, &args.conversation, Mark::Unread)
}

/// Puts a conversation before all others.
pub(super) fn top(session: &Session, args: &Top) -> Result<(), Failure> {
    let mark = if args.toggle.off {
        Mark::Unpinned
    } else {
        Mark::Pinned(args.turn.map(|turn| turn.saturating_sub(1)))
    };
    marked(session, &args.toggle.conversation, mark)
}

/// Keeps what is to be said later.
pub(super) fn draft(session: &Session, args: Draft) -> Result<(), Failure> {
    let text = standard_input_for(args.text)?;
    marked(session, &args.conversation, Mark::Draft(text))
}

fn marked(session: &Session, words: &str, mark: Mark) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let conversation = conversation(&profile.engine, words)?;
    profile.offline(Command::Mark { conversation, mark })?;
    show_conversation(session, &profile, conversation)
}

fn show_conversation(
    session: &Session,
    profile: &Profile,
    id: ConversationId,
) -> Result<(), Failure> {
    match profile.engine.conversation(id)? {
        Some(found) => session.out.show(&ConversationRecord::from(&found), |_| {
            clean::line(&found.name)
        }),
        None => Ok(()),
    }
}

/// Stars messages.
pub(super) fn star(session: &Session, args: &Star) -> Result<(), Failure> {
    let (starred, state) = if args.off {
        (Starred::No, "not_starred")
    } else {
        (Starred::Yes, "starred")
    };
    let command = |conversation, messages| Command::Star {
        conversation,
        messages,
        starred,
    };
    with_messages(session, &args.at, state, command)
}

/// Deletes messages here.
pub(super) fn hide(session: &Session, args: &Messages) -> Result<(), Failure> {
    let command = |conversation, messages| Command::Hide {
        conversation,
        messages,
    };
    with_messages(session, args, "hidden", command)
}

fn with_messages(
    session: &Session,
    args: &Messages,
    state: &'static str,
    command: impl FnOnce(ConversationId, Vec<ContentId>) -> Command,
) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let conversation = conversation(&profile.engine, &args.conversation)?;
    let mut messages = Vec::new();
    for words in &args.messages {
        let found = profile.engine.find_messages(conversation, words)?;
        messages.push(choose(words, &found)?);
    }
    profile.offline(command(conversation, messages.clone()))?;
    for id in messages {
        show(session.out, conversation, id, state)?;
    }
    Ok(())
}

/// Deletes all that a conversation shows here.
pub(super) fn clear(session: &Session, args: &Conversation) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let conversation = conversation(&profile.engine, &args.conversation)?;
    profile.offline(Command::Clear { conversation })?;
    show_conversation(session, &profile, conversation)
}

/// Deletes a conversation here.
pub(super) fn delete(session: &Session, args: &Conversation) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let conversation = conversation(&profile.engine, &args.conversation)?;
    profile.offline(Command::DeleteConversation { conversation })?;
    let record = Deleted {
        conversation: conversation.to_string(),
        deleted: true,
    };
    session
        .out
        .show(&record, |_| "deleted on this device".to_owned())
}
