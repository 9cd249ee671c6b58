//! What is done to a message that was said: it is answered, edited, taken back, reacted to.

use keyfold_engine::Command;
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::ConversationId;

use super::find::the_one;
use super::send::{new_message, settled, show, standard_input_for};
use super::{conversation, conversation_online};
use crate::args::{Message, React, Reword, TakeBack};
use crate::failure::Failure;
use crate::session::{Online, Session};

/// Answers a message.
pub(super) async fn reply(session: &Session, args: Reword) -> Result<(), Failure> {
    let text = standard_input_for(args.text)?;
    let command = |conversation, to| Command::Reply {
        conversation,
        to,
        text,
    };
    carry_out(session, &args.at, args.queue, Shown::New, command).await
}

/// Says something else in the place of a message.
pub(super) async fn edit(session: &Session, args: Reword) -> Result<(), Failure> {
    let text = standard_input_for(args.text)?;
    let command = |conversation, message| Command::Edit {
        conversation,
        message,
        text,
    };
    carry_out(session, &args.at, args.queue, Shown::Meant, command).await
}

/// Takes a message back, for everybody.
pub(super) async fn take_back(session: &Session, args: TakeBack) -> Result<(), Failure> {
    let command = |conversation, message| Command::TakeBack {
        conversation,
        message,
    };
    carry_out(session, &args.at, args.queue, Shown::Meant, command).await
}

/// Reacts to a message, or does not any more.
pub(super) async fn react(session: &Session, args: React) -> Result<(), Failure> {
    let command = |conversation, message| Command::React {
        conversation,
        message,
        emoji: args.emoji,
    };
    carry_out(session, &args.at, args.queue, Shown::Meant, command).await
}

/// Which id is printed.
#[derive(Clone, Copy)]
enum Shown {
    /// That of the new message.
    New,
    /// That of the message that was meant.
    Meant,
}

async fn carry_out(
    session: &Session,
    at: &Message,
    queue: bool,
    shown: Shown,
    command: impl FnOnce(ConversationId, ContentId) -> Command,
) -> Result<(), Failure> {
    let id = |meant: ContentId, new: Option<ContentId>| match shown {
        Shown::New => new.unwrap_or(meant),
        Shown::Meant => meant,
    };
    if queue {
        let mut profile = session.open()?;
        let conversation = conversation(&profile.engine, &at.conversation)?;
        let found = profile.engine.find_messages(conversation, &at.message)?;
        let meant = choose(&at.message, &found)?;
        let answer = profile.offline(command(conversation, meant))?;
        let new = new_message(&answer);
        let state = if new.is_some() { "waiting" } else { "done" };
        return show(session.out, conversation, id(meant, new), state);
    }
    let mut online = session.online()?;
    let done = carry_out_online(&mut online, at, command).await;
    online.end().await;
    let (conversation, meant, new) = done?;
    let state = if new.is_some() { "sent" } else { "done" };
    show(session.out, conversation, id(meant, new), state)
}

/// The conversation, the message that was meant, and the new one, if one was needed.
async fn carry_out_online(
    online: &mut Online,
    at: &Message,
    command: impl FnOnce(ConversationId, ContentId) -> Command,
) -> Result<(ConversationId, ContentId, Option<ContentId>), Failure> {
    let conversation = conversation_online(online, &at.conversation).await?;
    let words = at.message.clone();
    let found = online
        .client
        .read(move |engine| engine.find_messages(conversation, &words))
        .await?;
    let meant = choose(&at.message, &found)?;
    let new = settled(online, command(conversation, meant)).await?;
    Ok((conversation, meant, new))
}

pub(super) fn choose(words: &str, found: &[(ContentId, String)]) -> Result<ContentId, Failure> {
    let none = format!("no message here has the id {words}: `keyfold read --ids` shows them");
    let several = format!(
        "{words} is the beginning of {} messages' ids: use more of it",
        found.len()
    );
    the_one(found, none, several)
}
