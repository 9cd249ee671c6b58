//! `send`: a message from the command line, from standard input, or one for each of its lines.

use std::collections::HashSet;
use std::io::Read as _;

use keyfold_client::profile::Profile;
use keyfold_client::{ClientError, Notice, preview};
use keyfold_engine::command::LinkPreview;
use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::MAX_TEXT;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{Instant, sleep_until};

use crate::args::Send;
use crate::command::{conversation, conversation_online};
use crate::failure::{Failure, Kind};
use crate::output::Output;
use crate::session::{Online, PATIENCE, Session, hopeless};

/// Lines that may be on their way at once; reading goes on as they arrive.
const LINES_AHEAD: usize = 1_000;

#[derive(Serialize)]
struct Said {
    id: String,
    conversation: String,
    state: &'static str,
}

/// Says something.
pub(super) async fn send(session: &Session, args: Send) -> Result<(), Failure> {
    if args.lines {
        return lines(session, &args).await;
    }
    let text = standard_input_for(args.text.clone())?;
    if args.queue {
        let mut profile = session.open()?;
        let conversation = conversation(&profile.engine, &args.conversation)?;
        let id = message(&profile.offline(saying(conversation, text, args.lasts))?)?;
        return show(session.out, conversation, id, "waiting");
    }
    let profile = session.open()?;
    let looks = profile.previews() && args.lasts.is_none();
    let mut online = Online::new(profile, session.out)?;
    let sent = say(&mut online, session.out, &args, text, looks).await;
    online.end().await;
    let (conversation, id) = sent?;
    show(session.out, conversation, id, "sent")
}

/// A text that stays as long as the conversation lets it, or no longer than this.
fn saying(conversation: ConversationId, text: String, lasts: Option<u32>) -> Command {
    match lasts {
        Some(lasts) => Command::SendFleeting {
            conversation,
            text,
            lasts,
        },
        None => Command::Send { conversation, text },
    }
}

pub(super) fn show(
    out: Output,
    conversation: ConversationId,
    id: ContentId,
    state: &'static str,
) -> Result<(), Failure> {
    let record = Said {
        id: id.to_string(),
        conversation: conversation.to_string(),
        state,
    };
    out.show(&record, |_| id.to_string())
}

/// What a link of a text leads to. Where that can't be seen, the text goes without.
async fn look(out: Output, text: &str) -> Option<LinkPreview> {
    match preview::make(text).await {
        Ok(made) => made,
        Err(why) => {
            out.note(&format!("sent without a preview: {why}"));
            None
        }
    }
}

async fn say(
    online: &mut Online,
    out: Output,
    args: &Send,
    text: String,
    looks: bool,
) -> Result<(ConversationId, ContentId), Failure> {
    let conversation = conversation_online(online, &args.conversation).await?;
    let preview = if looks { look(out, &text).await } else { None };
    let plain = saying(conversation, text.clone(), args.lasts);
    let command = preview.map(Box::new).map(|preview| Command::SendPreviewed {
        conversation,
        text,
        preview,
    });
    let answer = match command {
        // The text goes without what can't be said of its link.
        Some(previewed) => match online.client.command(previewed).await {
            Err(ClientError::Complaint(Complaint::Preview)) => online.command(plain).await?,
            answer => answer?,
        },
        None => online.command(plain).await?,
    };
    let id = message(&answer)?;
    all_sent(online, HashSet::from([id])).await?;
    Ok((conversation, id))
}

/// Carries out what says something, and returns once the server has it. `None`: there was nothing to say.
pub(super) async fn settled(
    online: &mut Online,
    command: Command,
) -> Result<Option<ContentId>, Failure> {
    let Some(id) = new_message(&online.command(command).await?) else {
        return Ok(None);
    };
    all_sent(online, HashSet::from([id])).await?;
    Ok(Some(id))
}

/// Returns once the server has all of these.
pub(super) async fn all_sent(
    online: &mut Online,
    mut messages: HashSet<ContentId>,
) -> Result<(), Failure> {
    online
        .wait(|event| match event {
            Event::Sent(_, sent) => {
                (messages.remove(sent) && messages.is_empty()).then_some(Ok(()))
            }
            Event::SendFailed(_, failed, why) if messages.contains(failed) => {
                Some(Err(Failure::refused(why)))
            }
            _ => None,
        })
        .await
}

/// The id of what an answer says was written.
pub(super) const fn new_message(answer: &Answer) -> Option<ContentId> {
    match answer {
        Answer::Message(id) => Some(*id),
        _ => None,
    }
}

fn message(answer: &Answer) -> Result<ContentId, Failure> {
    new_message(answer).ok_or_else(not_taken)
}

pub(super) fn not_taken() -> Failure {
    Failure::new(Kind::Fault, "the message was not taken")
}

/// A text from the command line, where `-` stands for standard input.
pub(super) fn standard_input_for(text: String) -> Result<String, Failure> {
    if text == "-" {
        standard_input()
    } else {
        Ok(text)
    }
}

/// All of standard input, without the line break at its end. One byte past the limit is enough to refuse it.
fn standard_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_TEXT as u64 + 2)
        .read_to_end(&mut bytes)?;
    let mut text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(
            Kind::Usage,
            "a message is text in UTF-8; standard input held something else",
        )
    })?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Says each line of standard input.
async fn lines(session: &Session, args: &Send) -> Result<(), Failure> {
    if args.text != "-" {
        return Err(Failure::new(
            Kind::Usage,
            "--lines reads standard input: write - as the text",
        ));
    }
    if args.queue {
        return queue_lines(session.open()?, session.out, args);
    }
    let mut online = session.online()?;
    let said = match conversation_online(&online, &args.conversation).await {
        Ok(conversation) => say_lines(&mut online, session.out, conversation, args.lasts).await,
        Err(failure) => Err(failure),
    };
    online.end().await;
    said
}

fn queue_lines(mut profile: Profile, out: Output, args: &Send) -> Result<(), Failure> {
    let conversation = conversation(&profile.engine, &args.conversation)?;
    for line in std::io::stdin().lines() {
        let text = line?;
        if !text.is_empty() {
            let id = message(&profile.offline(saying(conversation, text, args.lasts))?)?;
            show(out, conversation, id, "waiting")?;
        }
    }
    Ok(())
}

/// Sends lines as they come and prints each message once the server has it, in that order.
async fn say_lines(
    online: &mut Online,
    out: Output,
    conversation: ConversationId,
    lasts: Option<u32>,
) -> Result<(), Failure> {
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    let mut on_their_way: HashSet<ContentId> = HashSet::new();
    let (mut more, mut patience) = (true, Instant::now() + PATIENCE);
    while more || !on_their_way.is_empty() {
        tokio::select! {
            line = input.next_line(), if more && on_their_way.len() < LINES_AHEAD => match line? {
                None => more = false,
                Some(text) if text.is_empty() => {}
                Some(text) => {
                    let said = online.command(saying(conversation, text, lasts)).await?;
                    let id = message(&said)?;
                    on_their_way.insert(id);
                    patience = Instant::now() + PATIENCE;
                }
            },
            notice = online.notices.next() => match notice {
                Some(Notice::Event(Event::Sent(_, id))) if on_their_way.remove(&id) => {
                    show(out, conversation, id, "sent")?;
                    patience = Instant::now() + PATIENCE;
                }
                Some(Notice::Event(Event::SendFailed(_, id, why))) if on_their_way.contains(&id) => {
                    return Err(Failure::refused(&why));
                }
                Some(Notice::Link(link)) => hopeless(&link)?,
                Some(_) => {}
                None => return Err(Failure::new(Kind::Fault, "the client has ended")),
            },
            () = sleep_until(patience), if !on_their_way.is_empty() => return Err(online.unfinished()),
        }
    }
    Ok(())
}
