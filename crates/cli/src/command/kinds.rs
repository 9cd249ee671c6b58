//! Polls, places, contact cards and previews: `poll`, `vote`, `end-poll`, `voters`, `location`, `card`, `meet`, `previews`.

use keyfold_client::profile::Profile;
use keyfold_engine::limits::MAX_VOTERS;
use keyfold_engine::view::{Choice, Contact, What};
use keyfold_engine::{Answer, Command, Complaint, Engine, Event, Fault, Place};
use keyfold_protocol::content::ContentId;
use keyfold_wire::handle::normal_form;
use keyfold_wire::ids::ConversationId;
use serde::Serialize;

use super::amend::{Shown, carry_out, choose, meant};
use super::send::{new_message, not_taken, settled, show};
use super::{conversation, conversation_online};
use crate::args::{
    At, CardArgs, LocationArgs, Message, PollArgs, Previews, Switch, VoteArgs, VotersArgs,
};
use crate::clean;
use crate::failure::{Failure, Kind};
use crate::session::{Online, Session};

/// Asks a question with options.
pub(super) async fn poll(session: &Session, args: PollArgs) -> Result<(), Failure> {
    let PollArgs {
        conversation: words,
        question,
        options,
        several,
        queue,
    } = args;
    let choice = if several {
        Choice::Several
    } else {
        Choice::Single
    };
    let command = |conversation| Command::SendPoll {
        conversation,
        question,
        options,
        choice,
    };
    say(session, &words, queue, command).await
}

/// Says where something is.
pub(super) async fn location(session: &Session, args: LocationArgs) -> Result<(), Failure> {
    let place = Place {
        latitude: args.latitude,
        longitude: args.longitude,
        accuracy: args.accuracy,
        label: args.label,
    };
    let command = |conversation| Command::SendLocation {
        conversation,
        place,
    };
    say(session, &args.conversation, args.queue, command).await
}

/// Says something new, now or with the next connection.
async fn say(
    session: &Session,
    words: &str,
    queue: bool,
    command: impl FnOnce(ConversationId) -> Command,
) -> Result<(), Failure> {
    if queue {
        let mut profile: Profile = session.open()?;
        let conversation = conversation(&profile.engine, words)?;
        let answer = profile.offline(command(conversation))?;
        let id = new_message(&answer).ok_or_else(not_taken)?;
        return show(session.out, conversation, id, "waiting");
    }
    let mut online = session.online()?;
    let sent = say_online(&mut online, words, command).await;
    online.end().await;
    let (conversation, id) = sent?;
    show(session.out, conversation, id, "sent")
}

async fn say_online(
    online: &mut Online,
    words: &str,
    command: impl FnOnce(ConversationId) -> Command,
) -> Result<(ConversationId, ContentId), Failure> {
    let conversation = conversation_online(online, words).await?;
    let sent = settled(online, command(conversation)).await?;
    Ok((conversation, sent.ok_or_else(not_taken)?))
}

/// Chooses something of a poll, or nothing any more.
pub(super) async fn vote(session: &Session, args: VoteArgs) -> Result<(), Failure> {
    let choices = args.choices.iter().map(|number| number.saturating_sub(1));
    let choices = choices.collect();
    let command = |conversation, message| Command::Vote {
        conversation,
        message,
        choices,
    };
    carry_out(session, &args.at, args.queue, Shown::Meant, command).await
}

/// Ends a poll.
pub(super) async fn end_poll(session: &Session, args: At) -> Result<(), Failure> {
    let command = |conversation, message| Command::EndPoll {
        conversation,
        message,
    };
    carry_out(session, &args.at, args.queue, Shown::Meant, command).await
}

/// Who has chosen an option.
#[derive(Serialize)]
struct Chosen {
    option: String,
    votes: usize,
    people: Vec<String>,
}

/// Shows who has chosen what of a poll.
pub(super) fn voters(session: &Session, args: &VotersArgs) -> Result<(), Failure> {
    let profile = session.open()?;
    let engine = &profile.engine;
    let (conversation, message) = message_here(engine, &args.at)?;
    let entry = engine.message(conversation, &message)?;
    let Some(What::Poll(poll)) = entry.map(|entry| entry.what) else {
        return Err(Complaint::NoPoll.into());
    };
    for (number, option) in (0_u8..).zip(poll.options) {
        let people = all_voters(engine, conversation, &message, number)?;
        let chosen = Chosen {
            option: option.text,
            votes: option.votes,
            people: people.into_iter().map(|one| one.handle).collect(),
        };
        session.out.show(&chosen, |paint| {
            let people: Vec<_> = chosen.people.iter().map(|one| clean::line(one)).collect();
            let people = if people.is_empty() {
                paint.dim("nobody")
            } else {
                people.join(", ")
            };
            format!("{}: {people}", clean::line(&chosen.option))
        })?;
    }
    Ok(())
}

/// Page by page, until all are there.
fn all_voters(
    engine: &Engine,
    conversation: ConversationId,
    message: &ContentId,
    option: u8,
) -> Result<Vec<Contact>, Fault> {
    let mut all: Vec<Contact> = Vec::new();
    loop {
        let after = all.last().map(|last| last.account);
        let page = engine.voters(conversation, message, option, after, MAX_VOTERS)?;
        let is_last = page.len() < MAX_VOTERS;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

fn message_here(engine: &Engine, at: &Message) -> Result<(ConversationId, ContentId), Failure> {
    let conversation = conversation(engine, &at.conversation)?;
    let found = engine.find_messages(conversation, &at.message)?;
    Ok((conversation, choose(&at.message, &found)?))
}

/// Says who somebody is. The directory is asked first.
pub(super) async fn card(session: &Session, args: CardArgs) -> Result<(), Failure> {
    let mut online = session.online()?;
    let sent = send_card(&mut online, &args).await;
    online.end().await;
    let (conversation, id) = sent?;
    show(session.out, conversation, id, "sent")
}

async fn send_card(
    online: &mut Online,
    args: &CardArgs,
) -> Result<(ConversationId, ContentId), Failure> {
    let handle = args.handle.clone();
    let look_up = Command::LookUp {
        handle: handle.clone(),
    };
    look_up_with(online, look_up, &handle).await?;
    let command = |conversation| Command::SendContact {
        conversation,
        handle,
    };
    say_online(online, &args.conversation, command).await
}

/// Asks the directory, and waits for what it says.
async fn look_up_with(online: &mut Online, command: Command, handle: &str) -> Result<(), Failure> {
    let handle = normal_form(handle);
    online
        .finish(command, |event| match event {
            Event::Found(_) => Some(Ok(())),
            Event::NotFound(missing) if *missing == handle => Some(Err(Failure::new(
                Kind::NotFound,
                format!("nobody is called {handle} here"),
            ))),
            _ => None,
        })
        .await
}

/// Where somebody is met.
#[derive(Serialize)]
struct Met {
    conversation: String,
}

/// Begins a conversation with whom a contact card names.
pub(super) async fn meet(session: &Session, args: At) -> Result<(), Failure> {
    let mut online = session.online()?;
    let met = meet_online(&mut online, &args.at).await;
    online.end().await;
    let met = Met {
        conversation: met?.to_string(),
    };
    session.out.show(&met, |_| met.conversation.clone())
}

async fn meet_online(online: &mut Online, at: &Message) -> Result<ConversationId, Failure> {
    let (conversation, message) = meant(online, at).await?;
    let command = || Command::UseCard {
        conversation,
        message,
    };
    let entry = online
        .client
        .read(move |engine| engine.message(conversation, &message))
        .await?;
    let mut answer = online.command(command()).await?;
    if let (Answer::Taken, Some(What::Card(card))) = (&answer, entry.map(|entry| entry.what)) {
        online
            .wait(|event| match event {
                Event::Found(_) => Some(Ok(())),
                Event::NotFound(missing) if *missing == card.handle => Some(Err(Failure::new(
                    Kind::NotFound,
                    format!("that contact card is wrong: nobody is called {missing} here"),
                ))),
                _ => None,
            })
            .await?;
        answer = online.command(command()).await?;
    }
    let Answer::Conversation(met) = answer else {
        return Err(Failure::new(Kind::Fault, "the conversation was not begun"));
    };
    super::members::ready(online, met).await?;
    Ok(met)
}

/// Whether links are looked at.
#[derive(Serialize)]
struct Looks {
    previews: bool,
}

/// Shows whether this device looks at what links lead to, after changing it where that is asked for.
pub(super) fn previews(session: &Session, args: &Previews) -> Result<(), Failure> {
    let mut profile = session.open()?;
    match args.switch {
        Some(Switch::On) => profile.switch_previews_on()?,
        Some(Switch::Off) => profile.switch_previews_off()?,
        None => {}
    }
    let looks = Looks {
        previews: profile.previews(),
    };
    session.out.show(&looks, |_| {
        let says = if looks.previews {
            "`send` looks at what your links lead to; the pages learn of your network"
        } else {
            "nothing looks at what your links lead to"
        };
        says.to_owned()
    })
}
