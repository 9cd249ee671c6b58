//! `requests`, `accept`: what strangers have begun. `report`: what goes to the operator.

use keyfold_engine::view::{Conversation, Filter, What};
use keyfold_engine::{Command, Engine, Event, Fault};
use keyfold_wire::ids::ConversationId;
use serde::Serialize;

use super::amend::choose;
use super::{conversation, conversation_online};
use crate::args::{self, Report, Requests, Switch};
use crate::clean;
use crate::failure::Failure;
use crate::session::Session;

/// What a stranger asks.
#[derive(Serialize)]
struct RequestRecord {
    id: String,
    handle: String,
    name: Option<String>,
    group: Option<String>,
    text: Option<String>,
}

#[derive(Serialize)]
struct ReportRecord {
    conversation: String,
    messages: usize,
    done: bool,
}

#[derive(Serialize)]
struct AskRecord {
    ask: bool,
}

/// Lists what strangers have begun; or says, after changing it, whether they wait.
pub(super) fn requests(session: &Session, args: &Requests) -> Result<(), Failure> {
    let mut profile = session.open()?;
    if let Some(ask) = args.ask {
        let wanted = ask == Switch::On;
        profile.offline(Command::AskFirst { wanted })?;
        let record = AskRecord { ask: wanted };
        return session.out.show(&record, |_| {
            if wanted {
                "What strangers begin waits until you accept it.".to_owned()
            } else {
                "What strangers begin is taken as what everybody begins.".to_owned()
            }
        });
    }
    super::account::me(profile.engine.me()?)?;
    let waiting = profile.engine.list(Filter::Requests)?;
    if waiting.is_empty() {
        return session.out.say(|_| "Nobody asks.".to_owned());
    }
    for one in &waiting {
        if let Some(record) = record(one) {
            session.out.show(&record, |_| sentence(&record))?;
        }
    }
    Ok(())
}

/// Accepts what a stranger has begun.
pub(super) fn accept(session: &Session, args: &args::Conversation) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let id = conversation(&profile.engine, &args.conversation)?;
    profile.offline(Command::Accept { conversation: id })?;
    let shown = profile.engine.conversation(id)?;
    let name = shown.as_ref().map(|one| clean::line(&one.name));
    let record = shown.as_ref().map(crate::record::ConversationRecord::from);
    session.out.show(&record, |_| {
        format!("You talk to {} now.", name.unwrap_or_default())
    })
}

/// Hands messages to the operator.
pub(super) async fn report(session: &Session, args: Report) -> Result<(), Failure> {
    let Report {
        conversation: named,
        messages: words,
        about,
        queue,
    } = args;
    let messages = words.len();
    let id = if queue {
        let mut profile = session.open()?;
        let id = conversation(&profile.engine, &named)?;
        let command = reporting(&profile.engine, id, &words, about)??;
        profile.offline(command)?;
        id
    } else {
        let mut online = session.online()?;
        let reported = async {
            let id = conversation_online(&online, &named).await?;
            let read = online
                .client
                .read(move |engine| reporting(engine, id, &words, about));
            let told = |event: &Event| match event {
                Event::Reported(at) if *at == id => Some(Ok(())),
                Event::ReportFailed(at, why) if *at == id => Some(Err(Failure::refused(why))),
                _ => None,
            };
            let command = read.await??;
            online.finish(command, told).await?;
            Ok(id)
        };
        let reported: Result<_, Failure> = reported.await;
        online.end().await;
        reported?
    };
    let record = ReportRecord {
        conversation: id.to_string(),
        messages,
        done: !queue,
    };
    session.out.show(&record, |_| {
        if record.done {
            "The operator of your server has it. It is your word, and nobody else is told."
                .to_owned()
        } else {
            "It goes to the operator of your server with the next connection.".to_owned()
        }
    })
}

/// The command that reports what was named.
fn reporting(
    engine: &Engine,
    conversation: ConversationId,
    words: &[String],
    about: String,
) -> Result<Result<Command, Failure>, Fault> {
    let mut messages = Vec::new();
    for one in words {
        match choose(one, &engine.find_messages(conversation, one)?) {
            Ok(id) => messages.push(id),
            Err(failure) => return Ok(Err(failure)),
        }
    }
    Ok(Ok(Command::Report {
        conversation,
        messages,
        about,
    }))
}

fn record(one: &Conversation) -> Option<RequestRecord> {
    let from = one.request.as_ref()?;
    let text = one.last.as_ref().and_then(|entry| match &entry.what {
        What::Text(text) => Some(text.clone()),
        _ => None,
    });
    Some(RequestRecord {
        id: one.id.to_string(),
        handle: from.handle.clone(),
        name: from.name.as_ref().map(ToString::to_string),
        group: (!one.direct).then(|| one.name.clone()),
        text,
    })
}

fn sentence(record: &RequestRecord) -> String {
    let id: String = record.id.chars().take(8).collect();
    let mut from = clean::line(&record.handle);
    if let Some(name) = &record.name {
        from = format!("{from} ({})", clean::line(name));
    }
    if let Some(group) = &record.group {
        from = format!("{from}, for the group {}", clean::line(group));
    }
    let text = record.text.as_deref().map(clean::line);
    format!("{id}  {from}  {}", text.unwrap_or_default())
}
