//! `privacy`: what others may see, on this device. `read-by`: who has read a message.

use std::time::Duration;

use keyfold_engine::view::{self, Audience, Receipt};
use keyfold_engine::{Command, Engine};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::ConversationId;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::amend::choose;
use super::conversation_online;
use crate::args::{self, Privacy, ReadBy, Switch};
use crate::clean;
use crate::failure::{Failure, Kind};
use crate::record::receipt;
use crate::session::{Online, Session};

#[derive(Serialize)]
struct PrivacyRecord {
    presence: &'static str,
    to: Vec<String>,
    receipts: bool,
    typing: bool,
}

#[derive(Serialize)]
struct ReadByRecord {
    handle: String,
    receipt: &'static str,
}

/// Shows what others may see, after changing it where that is asked for.
pub(super) fn privacy(session: &Session, args: &Privacy) -> Result<(), Failure> {
    let mut profile = session.open()?;
    super::account::me(profile.engine.me()?)?;
    let before = profile.engine.privacy()?;
    let after = changed(&profile.engine, args, before.clone())?;
    if after != before {
        let view::Privacy {
            presence,
            receipts,
            typing,
        } = after.clone();
        profile.offline(Command::SetPrivacy {
            presence,
            receipts,
            typing,
        })?;
    }
    let record = record(&profile.engine, &after)?;
    session.out.show(&record, |_| sentence(&record))
}

fn changed(
    engine: &Engine,
    args: &Privacy,
    mut privacy: view::Privacy,
) -> Result<view::Privacy, Failure> {
    match args.presence {
        None => {}
        Some(args::Audience::Chosen) => {
            let mut chosen = Vec::new();
            for handle in &args.to {
                let unknown = || {
                    let error = format!("nobody called {handle} is known here: talk to them first");
                    Failure::new(Kind::NotFound, error)
                };
                chosen.push(engine.contact(handle)?.ok_or_else(unknown)?.account);
            }
            privacy.presence = Audience::Chosen(chosen);
        }
        Some(_) if !args.to.is_empty() => {
            let error = "name people with --to only where they are chosen: --presence chosen";
            return Err(Failure::new(Kind::Usage, error));
        }
        Some(args::Audience::Everyone) => privacy.presence = Audience::Everyone,
        Some(args::Audience::Nobody) => privacy.presence = Audience::Nobody,
    }
    let is_on = |switch: Option<Switch>, before| switch.map_or(before, |one| one == Switch::On);
    privacy.receipts = is_on(args.receipts, privacy.receipts);
    privacy.typing = is_on(args.typing, privacy.typing);
    Ok(privacy)
}

fn record(engine: &Engine, privacy: &view::Privacy) -> Result<PrivacyRecord, Failure> {
    let (presence, chosen) = match &privacy.presence {
        Audience::Everyone => ("everyone", &[][..]),
        Audience::Chosen(chosen) => ("chosen", chosen.as_slice()),
        Audience::Nobody => ("nobody", &[][..]),
    };
    let conversations = engine.conversations()?;
    let people = conversations.iter().flat_map(|one| &one.members);
    let chosen = people.filter(|one| chosen.contains(&one.contact.account));
    let mut to: Vec<_> = chosen.map(|one| one.contact.handle.clone()).collect();
    to.sort();
    to.dedup();
    Ok(PrivacyRecord {
        presence,
        to,
        receipts: privacy.receipts,
        typing: privacy.typing,
    })
}

fn sentence(record: &PrivacyRecord) -> String {
    let who = match record.presence {
        "everyone" => "everyone you talk to".to_owned(),
        "chosen" if !record.to.is_empty() => {
            let names: Vec<_> = record.to.iter().map(|name| clean::line(name)).collect();
            names.join(", ")
        }
        _ => "nobody".to_owned(),
    };
    let told = |is| if is { "told" } else { "not told" };
    format!(
        "When you were last active is seen by {who}. What came and was read is {}. That you are typing is {}.",
        told(record.receipts),
        told(record.typing)
    )
}

/// Asks a group who has read a message, and prints what is known after a while.
pub(super) async fn read_by(session: &Session, args: ReadBy) -> Result<(), Failure> {
    let mut online = session.online()?;
    let told = ask(&mut online, &args).await;
    online.end().await;
    for one in told? {
        let record = ReadByRecord {
            handle: one.contact.handle.clone(),
            receipt: receipt(one.receipt).unwrap_or_default(),
        };
        session.out.show(&record, |paint| {
            let handle = clean::line(&record.handle);
            format!("{handle}  {}", paint.dim(record.receipt))
        })?;
    }
    Ok(())
}

async fn ask(online: &mut Online, args: &ReadBy) -> Result<Vec<view::ReadBy>, Failure> {
    let conversation = conversation_online(online, &args.at.conversation).await?;
    let words = args.at.message.clone();
    let find = words.clone();
    let found = online
        .client
        .read(move |engine| engine.find_messages(conversation, &find))
        .await?;
    let message = choose(&words, &found)?;
    let direct = online
        .client
        .read(move |engine| engine.conversation(conversation))
        .await?
        .is_some_and(|found| found.direct);
    if !direct {
        online.settle(crate::session::PATIENCE).await?;
        let command = Command::AskReadBy {
            conversation,
            message,
        };
        online.command(command).await?;
        listen(online, Duration::from_secs(args.wait)).await;
    }
    told(online, conversation, message).await
}

/// Takes in what comes for a while.
async fn listen(online: &mut Online, time: Duration) {
    let deadline = Instant::now() + time;
    while let Ok(Some(_)) = timeout_at(deadline, online.notices.next()).await {}
}

async fn told(
    online: &Online,
    conversation: ConversationId,
    message: ContentId,
) -> Result<Vec<view::ReadBy>, Failure> {
    let read = online
        .client
        .read(move |engine| engine.read_by(conversation, &message))
        .await?;
    let mut read =
        read.ok_or_else(|| Failure::new(Kind::Refused, "the message has not been sent yet"))?;
    read.sort_by_key(|one| std::cmp::Reverse(one.receipt == Receipt::Read));
    Ok(read)
}
