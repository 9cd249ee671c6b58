//! What is done to a message that was said: it is answered, edited, taken back, reacted to, pinned, forwarded.

use keyfold_engine::{Answer, Command};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::ConversationId;

use super::find::the_one;
use super::send::{all_sent, new_message, not_taken, settled, show, standard_input_for};
use super::{conversation, conversation_online};
use crate::args::{At, Forward, Message, React, Reword};
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
pub(super) async fn take_back(session: &Session, args: At) -> Result<(), Failure> {
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

/// Pins a message for everybody, or does not want it pinned any more.
pub(super) async fn pin(session: &Session, args: At, pinned: bool) -> Result<(), Failure> {
    let command = |conversation, message| Command::Pin {
        conversation,
        message,
        pinned,
    };
    carry_out(session, &args.at, args.queue, Shown::Meant, command).await
}

/// Says a text again in other conversations.
pub(super) async fn forward(session: &Session, args: Forward) -> Result<(), Failure> {
    if args.queue {
        let mut profile = session.open()?;
        let engine = &profile.engine;
        let at = conversation(engine, &args.at.conversation)?;
        let found = engine.find_messages(at, &args.at.message)?;
        let message = choose(&args.at.message, &found)?;
        let to = args.to.iter().map(|words| conversation(engine, words));
        let to = to.collect::<Result<Vec<_>, _>>()?;
        let answer = profile.offline(forwarding(at, message, &to))?;
        return show_all(session, &to, &answer, "waiting");
    }
    let mut online = session.online()?;
    let done = forward_online(&mut online, &args).await;
    online.end().await;
    let (to, answer) = done?;
    show_all(session, &to, &answer, "sent")
}

async fn forward_online(
    online: &mut Online,
    args: &Forward,
) -> Result<(Vec<ConversationId>, Answer), Failure> {
    let (at, message) = meant(online, &args.at).await?;
    let mut to = Vec::new();
    for words in &args.to {
        to.push(conversation_online(online, words).await?);
    }
    let answer = online.command(forwarding(at, message, &to)).await?;
    if let Answer::Messages(messages) = &answer {
        all_sent(online, messages.iter().copied().collect()).await?;
    }
    Ok((to, answer))
}

fn forwarding(conversation: ConversationId, message: ContentId, to: &[ConversationId]) -> Command {
    Command::Forward {
        conversation,
        message,
        to: to.to_vec(),
    }
}

fn show_all(
    session: &Session,
    to: &[ConversationId],
    answer: &Answer,
    state: &'static str,
) -> Result<(), Failure> {
    let Answer::Messages(messages) = answer else {
        return Err(not_taken());
    };
    // What is named twice is one.
    let mut named = std::collections::HashSet::new();
    let to = to.iter().filter(|one| named.insert(**one));
    for (conversation, id) in to.zip(messages) {
        show(session.out, *conversation, *id, state)?;
    }
    Ok(())
}

/// Which id is printed.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    /// That of the new message.
    New,
    /// That of the message that was meant.
    Meant,
}

pub(super) async fn carry_out(
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
    let (conversation, meant) = meant(online, at).await?;
    let new = settled(online, command(conversation, meant)).await?;
    Ok((conversation, meant, new))
}

/// The message that was meant, with its conversation.
pub(super) async fn meant(
    online: &Online,
    at: &Message,
) -> Result<(ConversationId, ContentId), Failure> {
    let conversation = conversation_online(online, &at.conversation).await?;
    let words = at.message.clone();
    let found = online
        .client
        .read(move |engine| engine.find_messages(conversation, &words))
        .await?;
    Ok((conversation, choose(&at.message, &found)?))
}

pub(super) fn choose(words: &str, found: &[(ContentId, String)]) -> Result<ContentId, Failure> {
    let none = format!("no message here has the id {words}: `keyfold read --ids` shows them");
    let several = format!(
        "{words} is the beginning of {} messages' ids: use more of it",
        found.len()
    );
    the_one(found, none, several)
}
