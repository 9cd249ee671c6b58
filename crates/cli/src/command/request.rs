//! `requests`, `accept`: what strangers have begun.

use keyfold_engine::Command;
use keyfold_engine::view::{Conversation, Filter, What};
use serde::Serialize;

use crate::args::{self, Requests, Switch};
use crate::clean;
use crate::command::conversation;
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
