//! Reads: each asks the engine one thing and gives it in the edge's form.

use keyfold_engine::{Complaint, Engine, Fault};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::picture::GroupPicture;
use keyfold_wire::ids;
use schemars::JsonSchema;
use serde::Serialize;

use crate::params::{
    Account, Conversation, Find, FindMessages, List, Message, Nothing, Person, Pinned, Search,
    StarredMessages, Timeline, TimelineLast, Voters,
};
use crate::scalar::{ConversationId, Count, MessageId};
use crate::view;
use crate::{Error, file};

/// What a read gives: its result, or why there is none.
pub type Read<T> = Result<Result<T, Error>, Fault>;

/// The recovery key's digits, until they were kept.
#[derive(Serialize, JsonSchema)]
pub struct RecoveryKey {
    /// 64 digits; `null`: they were kept, or this is not the account's first device.
    recovery_key: Option<String>,
}

/// What waits.
#[derive(Serialize, JsonSchema)]
pub struct Waiting {
    /// Messages, requests and intents that are not finished.
    waiting: Count,
}

/// Whether strangers wait.
#[derive(Serialize, JsonSchema)]
pub struct AsksFirst {
    /// They do.
    wanted: bool,
}

/// A message that was found.
#[derive(Serialize, JsonSchema)]
pub struct Found {
    /// Its id.
    message: MessageId,
    /// The beginning of what it says now; empty where it is no text.
    text: String,
}

pub(crate) fn me(_: &Nothing, engine: &Engine) -> Read<Option<view::Me>> {
    Ok(Ok(engine.me()?.map(view::Me::from)))
}

pub(crate) fn recovery_key(_: &Nothing, engine: &Engine) -> Read<RecoveryKey> {
    Ok(Ok(RecoveryKey {
        recovery_key: engine.recovery_key()?,
    }))
}

pub(crate) fn contact(asked: &Person, engine: &Engine) -> Read<Option<view::Contact>> {
    Ok(Ok(engine.contact(&asked.handle)?.map(view::Contact::from)))
}

pub(crate) fn safety_number(asked: &Person, engine: &Engine) -> Read<Option<view::Comparison>> {
    let Some(me) = engine.me()? else {
        return Ok(Err(Complaint::NotRegistered.into()));
    };
    let contact = engine.contact(&asked.handle)?;
    Ok(Ok(
        contact.map(|contact| view::Comparison::new(&me, contact))
    ))
}

pub(crate) fn waiting(_: &Nothing, engine: &Engine) -> Read<Waiting> {
    Ok(Ok(Waiting {
        waiting: Count(engine.waiting()?),
    }))
}

pub(crate) fn conversations(_: &Nothing, engine: &Engine) -> Read<Vec<view::Conversation>> {
    let all = engine.conversations()?.into_iter();
    Ok(Ok(all.map(view::Conversation::from).collect()))
}

pub(crate) fn list(asked: &List, engine: &Engine) -> Read<Vec<view::Conversation>> {
    let shown = engine.list(asked.filter.into())?.into_iter();
    Ok(Ok(shown.map(view::Conversation::from).collect()))
}

pub(crate) fn conversation(asked: &Conversation, engine: &Engine) -> Read<view::Conversation> {
    let found = engine.conversation(asked.conversation.0)?;
    Ok(found
        .map(view::Conversation::from)
        .ok_or_else(|| Complaint::NoSuchConversation.into()))
}

pub(crate) fn find(asked: &Find, engine: &Engine) -> Read<Vec<ConversationId>> {
    let found = engine.find(&asked.words)?.into_iter();
    Ok(Ok(found.map(ConversationId).collect()))
}

pub(crate) fn find_messages(asked: &FindMessages, engine: &Engine) -> Read<Vec<Found>> {
    let found = engine.find_messages(asked.conversation.0, &asked.words)?;
    let shown = |(id, text): (ContentId, String)| Found {
        message: MessageId(id),
        text,
    };
    known(engine, asked.conversation.0, found, shown)
}

pub(crate) fn message(asked: &Message, engine: &Engine) -> Read<view::Entry> {
    let found = engine.message(asked.conversation.0, &asked.message.0)?;
    Ok(found
        .map(view::Entry::from)
        .ok_or_else(|| Complaint::NoSuchMessage.into()))
}

pub(crate) fn timeline(asked: &Timeline, engine: &Engine) -> Read<Vec<view::Entry>> {
    let id = asked.conversation.0;
    let entries = engine.timeline(id, asked.after, asked.limit.0.into())?;
    known(engine, id, entries, view::Entry::from)
}

pub(crate) fn timeline_last(asked: &TimelineLast, engine: &Engine) -> Read<Vec<view::Entry>> {
    let (id, limit) = (asked.conversation.0, asked.limit.0.into());
    let entries = if asked.placed {
        engine.timeline_last_placed(id, limit)?
    } else {
        engine.timeline_last(id, limit)?
    };
    known(engine, id, entries, view::Entry::from)
}

pub(crate) fn pinned(asked: &Pinned, engine: &Engine) -> Read<Vec<view::Entry>> {
    let id = asked.conversation.0;
    let entries = engine.pinned(id, asked.limit.0.into())?;
    known(engine, id, entries, view::Entry::from)
}

pub(crate) fn search(asked: &Search, engine: &Engine) -> Read<view::Page> {
    let within = asked.conversation.map(|id| id.0);
    let after = asked.after.map(|cursor| cursor.0);
    let found = engine.search(&asked.words, within, after, asked.limit.0.into())?;
    Ok(found.map(view::Page::from).map_err(Error::from))
}

pub(crate) fn starred(asked: &StarredMessages, engine: &Engine) -> Read<view::Page> {
    let within = asked.conversation.map(|id| id.0);
    let after = asked.after.map(|cursor| cursor.0);
    let found = engine.starred(within, after, asked.limit.0.into())?;
    Ok(found.map(view::Page::from).map_err(Error::from))
}

pub(crate) fn privacy(_: &Nothing, engine: &Engine) -> Read<view::Privacy> {
    Ok(Ok(engine.privacy()?.into()))
}

pub(crate) fn read_by(asked: &Message, engine: &Engine) -> Read<Vec<view::ReadBy>> {
    let found = engine.read_by(asked.conversation.0, &asked.message.0)?;
    let found = found.map(|found| found.into_iter().map(view::ReadBy::from).collect());
    Ok(found.ok_or_else(|| Complaint::NoSuchMessage.into()))
}

/// What was found in a conversation. Nothing: there may be no such conversation.
fn known<T, U>(
    engine: &Engine,
    id: ids::ConversationId,
    found: Vec<T>,
    shown: impl FnMut(T) -> U,
) -> Read<Vec<U>> {
    if found.is_empty() && engine.conversation(id)?.is_none() {
        return Ok(Err(Complaint::NoSuchConversation.into()));
    }
    Ok(Ok(found.into_iter().map(shown).collect()))
}

pub(crate) fn uploads(_: &Nothing, engine: &Engine) -> Read<Vec<file::Uploading>> {
    let uploads = engine.uploads()?;
    Ok(Ok(uploads.into_iter().map(Into::into).collect()))
}

pub(crate) fn profile(asked: &Account, engine: &Engine) -> Read<Option<view::Profile>> {
    Ok(Ok(engine.profile(&asked.account.0)?.map(Into::into)))
}

pub(crate) fn group_picture(asked: &Conversation, engine: &Engine) -> Read<Option<view::Picture>> {
    let picture = engine.group_picture(asked.conversation.into())?;
    let shown = |one: GroupPicture| view::Picture::new(one.media_type(), one.as_bytes());
    Ok(Ok(picture.map(shown)))
}

pub(crate) fn blocked(_: &Nothing, engine: &Engine) -> Read<Vec<view::Contact>> {
    Ok(Ok(engine.blocked()?.into_iter().map(Into::into).collect()))
}

pub(crate) fn voters(asked: &Voters, engine: &Engine) -> Read<Vec<view::Contact>> {
    let (id, message) = (asked.conversation.0, &asked.message.0);
    let after = asked.after.map(|account| account.0);
    let voters = engine.voters(id, message, asked.option, after, asked.limit.0.into())?;
    Ok(Ok(voters.into_iter().map(Into::into).collect()))
}

pub(crate) fn invitations(_: &Nothing, engine: &Engine) -> Read<Vec<view::Invitation>> {
    let made = engine.invitations()?.into_iter();
    Ok(Ok(made.map(Into::into).collect()))
}

pub(crate) fn opened(_: &Nothing, engine: &Engine) -> Read<Vec<view::Opened>> {
    Ok(Ok(engine.opened()?.into_iter().map(Into::into).collect()))
}

pub(crate) fn asks_first(_: &Nothing, engine: &Engine) -> Read<AsksFirst> {
    Ok(Ok(AsksFirst {
        wanted: engine.asks_first()?,
    }))
}
