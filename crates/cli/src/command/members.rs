//! Conversations and who is in them: `new`, `add`, `remove`, `leave`, `rename`, `describe`, `picture`, `allow`, `role`, `update`.

use keyfold_client::picture;
use keyfold_engine::view::Conversation as View;
use keyfold_engine::{Answer, Command, Event};
use keyfold_wire::handle::normal_form;
use keyfold_wire::ids::ConversationId;
use serde::Serialize;

use super::person::{small, write_new};
use super::send::standard_input_for;
use crate::args::{
    Allow, ChangeRole, Conversation, Describe, Disappear, GroupPicture, New, People, Rename,
};
use crate::command::conversation_online;
use crate::failure::{Failure, Kind};
use crate::record::ConversationRecord;
use crate::session::{Online, PATIENCE, Session};

/// What a change prints: where it happened.
#[derive(Serialize)]
struct Changed {
    conversation: String,
    epoch: u64,
    done: bool,
}

/// Starts a conversation.
pub(super) async fn new(session: &Session, args: New) -> Result<(), Failure> {
    let mut online = session.online()?;
    let outcome = begin(&mut online, args).await;
    let shown = match outcome {
        Ok(view) => session
            .out
            .show(&ConversationRecord::from(&view), |_| view.id.to_string()),
        Err(failure) => Err(failure),
    };
    online.end().await;
    shown
}

async fn begin(online: &mut Online, args: New) -> Result<View, Failure> {
    let New {
        people,
        name,
        suite,
    } = args;
    let command = Command::Create {
        people,
        name,
        suite: suite.map(Into::into),
    };
    let Answer::Conversation(id) = online.command(command).await? else {
        return Err(Failure::new(Kind::Fault, "the conversation was not begun"));
    };
    ready(online, id).await?;
    view(online, id).await
}

/// Returns once a conversation that was begun is there.
pub(super) async fn ready(online: &mut Online, id: ConversationId) -> Result<(), Failure> {
    // A one-to-one conversation that exists already is answered with its id, and no event follows.
    if !matches!(
        view(online, id).await?.standing,
        keyfold_engine::view::Standing::Active
    ) {
        online
            .wait(|event| match event {
                Event::Ready(ready) if *ready == id => Some(Ok(())),
                Event::CreateFailed(failed, why) if *failed == id => {
                    Some(Err(Failure::refused(why)))
                }
                _ => None,
            })
            .await?;
    }
    Ok(())
}

async fn view(online: &Online, id: ConversationId) -> Result<View, Failure> {
    let view = online
        .client
        .read(move |engine| engine.conversation(id))
        .await?;
    view.ok_or_else(|| keyfold_engine::Complaint::NoSuchConversation.into())
}

/// Adds people.
pub(super) async fn add(session: &Session, args: People) -> Result<(), Failure> {
    let people = args.people;
    change(session, &args.conversation, |conversation| Command::Add {
        conversation,
        people,
    })
    .await
}

/// Removes people.
pub(super) async fn remove(session: &Session, args: People) -> Result<(), Failure> {
    let people = args.people;
    change(session, &args.conversation, |conversation| {
        Command::Remove {
            conversation,
            people,
        }
    })
    .await
}

/// Leaves.
pub(super) async fn leave(session: &Session, args: Conversation) -> Result<(), Failure> {
    change(session, &args.conversation, |conversation| Command::Leave {
        conversation,
    })
    .await
}

/// Gives another name.
pub(super) async fn rename(session: &Session, args: Rename) -> Result<(), Failure> {
    let name = args.name;
    change(session, &args.conversation, |conversation| {
        Command::Rename { conversation, name }
    })
    .await
}

/// Says what a group is about.
pub(super) async fn describe(session: &Session, args: Describe) -> Result<(), Failure> {
    let description = standard_input_for(args.description)?;
    change(session, &args.conversation, |conversation| {
        Command::Describe {
            conversation,
            description,
        }
    })
    .await
}

/// Gives a group another picture, or none, or writes it into a file.
pub(super) async fn picture(session: &Session, args: GroupPicture) -> Result<(), Failure> {
    if let Some(path) = &args.save {
        let profile = session.open()?;
        let id = super::conversation(&profile.engine, &args.conversation)?;
        let picture = profile.engine.group_picture(id)?;
        let picture = picture.ok_or_else(|| Failure::new(Kind::NotFound, "that has no picture"))?;
        write_new(path, picture.as_bytes())?;
        let saved = Saved {
            path: path.display().to_string(),
        };
        return session.out.show(&saved, |_| saved.path.clone());
    }
    let picture = args
        .set
        .as_deref()
        .map(|path| small(path, picture::for_group))
        .transpose()?;
    change(session, &args.conversation, |conversation| {
        Command::SetGroupPicture {
            conversation,
            picture,
        }
    })
    .await
}

#[derive(Serialize)]
struct Saved {
    path: String,
}

/// Says who may do something in a group.
pub(super) async fn allow(session: &Session, args: Allow) -> Result<(), Failure> {
    let (deed, policy) = (args.deed.into(), args.policy.into());
    change(session, &args.conversation, |conversation| Command::Allow {
        conversation,
        deed,
        policy,
    })
    .await
}

/// Says after how long messages disappear.
pub(super) async fn disappear(session: &Session, args: Disappear) -> Result<(), Failure> {
    let timer = args.timer.0;
    change(session, &args.conversation, |conversation| {
        Command::SetTimer {
            conversation,
            timer,
        }
    })
    .await
}

/// Replaces this device's keys: in the conversation first, then at the directory, which is done when nothing waits any more.
pub(super) async fn update(session: &Session, args: Conversation) -> Result<(), Failure> {
    let mut online = session.online()?;
    let changed = async {
        let conversation = conversation_online(&online, &args.conversation).await?;
        let command = Command::Update { conversation };
        carry_out(&mut online, conversation, command).await?;
        online.settle(PATIENCE).await?;
        changed(&online, conversation).await
    }
    .await;
    finish(session, online, changed).await
}

/// Gives a member another role.
pub(super) async fn role(session: &Session, args: ChangeRole) -> Result<(), Failure> {
    let handle = normal_form(&args.handle);
    let ChangeRole {
        conversation: words,
        role,
        ..
    } = args;
    let mut online = session.online()?;
    let changed = async {
        let conversation = conversation_online(&online, &words).await?;
        let members = view(&online, conversation).await?.members;
        let found = members
            .into_iter()
            .find(|member| member.contact.handle == handle);
        let account = found
            .ok_or(keyfold_engine::Complaint::NotThere(handle))?
            .contact
            .account;
        let command = Command::ChangeRole {
            conversation,
            account,
            role: role.into(),
        };
        carry_out(&mut online, conversation, command).await
    }
    .await;
    finish(session, online, changed).await
}

async fn change(
    session: &Session,
    words: &str,
    command: impl FnOnce(ConversationId) -> Command,
) -> Result<(), Failure> {
    let mut online = session.online()?;
    let changed = async {
        let conversation = conversation_online(&online, words).await?;
        carry_out(&mut online, conversation, command(conversation)).await
    }
    .await;
    finish(session, online, changed).await
}

/// Waits until the change is done, refused, or has made this account leave.
async fn carry_out(
    online: &mut Online,
    conversation: ConversationId,
    command: Command,
) -> Result<Changed, Failure> {
    let leaving = matches!(command, Command::Leave { .. });
    online
        .finish(command, |event| match event {
            Event::ChangeDone(at) if *at == conversation => Some(Ok(())),
            Event::Removed(at) if *at == conversation && leaving => Some(Ok(())),
            Event::ChangeFailed(at, why) if *at == conversation => Some(Err(Failure::refused(why))),
            _ => None,
        })
        .await?;
    changed(online, conversation).await
}

async fn changed(online: &Online, conversation: ConversationId) -> Result<Changed, Failure> {
    Ok(Changed {
        conversation: conversation.to_string(),
        epoch: view(online, conversation).await?.epoch.0,
        done: true,
    })
}

async fn finish(
    session: &Session,
    online: Online,
    changed: Result<Changed, Failure>,
) -> Result<(), Failure> {
    online.end().await;
    session.out.show(&changed?, |_| "done".to_owned())
}
