//! `chat`: talk in the terminal.
//!
//! One loop: a key or a notice comes, the model changes, the screen is drawn. All that is shown is read from the local
//! database, so it opens at once and works without a connection. `model` holds what is shown, `prompt` what is being
//! written, `screen` draws both, `action` says what keys and `/commands` mean.

mod action;
mod model;
mod prompt;
mod screen;
#[cfg(test)]
pub(crate) mod tests;

use std::io::IsTerminal as _;
use std::time::Duration;

use keyfold_client::Notice;
use keyfold_engine::command::Mark;
use keyfold_engine::{Command, Fault};
use keyfold_wire::ids::ConversationId;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;
use tokio::sync::mpsc;

use crate::args::Conversation;
use crate::command::conversation_online;
use crate::failure::{Failure, Kind};
use crate::session::{Online, Session};
use action::{Act, Wish};
use model::Model;

/// Key presses that may wait while a step of the engine runs.
const WAITING_KEYS: usize = 256;

/// How often the screen looks by itself: who was online a minute ago is not any more.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Opens the screen, and closes it again whatever happens.
pub(crate) async fn run(session: &Session, args: Conversation) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let error =
            "chat needs a terminal: in scripts use `keyfold send` and `keyfold read --follow`";
        return Err(Failure::new(Kind::Usage, error));
    }
    let mut online = session.online()?;
    let talked = match conversation_online(&online, &args.conversation).await {
        Ok(conversation) => on_screen(&mut online, conversation).await,
        Err(failure) => Err(failure),
    };
    online.end().await;
    talked
}

async fn on_screen(online: &mut Online, conversation: ConversationId) -> Result<(), Failure> {
    let mut model = Model::new(conversation);
    load(online, &mut model).await?;
    model.opened();
    let draft = model
        .view
        .as_ref()
        .and_then(|view| view.marks.draft.clone());
    model.prompt.insert(draft.as_deref().unwrap_or_default());
    online.command(Command::MarkRead { conversation }).await?;
    online.command(Command::Foreground { active: true }).await?;
    let mut terminal = ratatui::try_init()?;
    let _ = execute!(std::io::stdout(), EnableBracketedPaste);
    let talked = talk(online, &mut model, &mut terminal).await;
    let _ = execute!(std::io::stdout(), DisableBracketedPaste);
    ratatui::try_restore()?;
    talked?;
    online
        .command(Command::Foreground { active: false })
        .await?;
    // What was typed and not said waits for the next time.
    let left = model.prompt.text();
    if left != draft.unwrap_or_default() {
        let mark = Mark::Draft(left.to_owned());
        online.command(Command::Mark { conversation, mark }).await?;
    }
    Ok(())
}

async fn talk(
    online: &mut Online,
    model: &mut Model,
    terminal: &mut DefaultTerminal,
) -> Result<(), Failure> {
    let mut keys = keyboard();
    let mut clock = tokio::time::interval(LOOK_AGAIN);
    loop {
        terminal.draw(|frame| screen::draw(frame, model))?;
        let typed = model.prompt.text().to_owned();
        let wish = tokio::select! {
            _ = clock.tick() => Wish::More,
            key = keys.recv() => match key {
                Some(key) => action::understand(model, key),
                None => Wish::Quit,
            },
            notice = online.notices.next() => match notice {
                Some(notice) => {
                    notified(online, model, &notice).await?;
                    Wish::Nothing
                }
                None => Wish::Quit,
            },
        };
        match wish {
            Wish::Nothing => tell_typing(online, model, &typed).await?,
            Wish::Quit => return Ok(()),
            Wish::More => load(online, model).await?,
            Wish::Do(act) => carry_out(online, model, act).await?,
        }
    }
}

/// The prompt is another than before: whoever is on the other side sees that somebody is typing. Commands to this program are nobody's business.
async fn tell_typing(online: &mut Online, model: &Model, before: &str) -> Result<(), Failure> {
    let text = model.prompt.text();
    if text == before {
        return Ok(());
    }
    let command = Command::Typing {
        conversation: model.conversation,
        typing: !text.is_empty() && !text.starts_with('/'),
    };
    online.command(command).await.map(drop)
}

/// Reads the keyboard on a thread of its own, since that blocks.
fn keyboard() -> mpsc::Receiver<event::Event> {
    let (keys, received) = mpsc::channel(WAITING_KEYS);
    std::thread::spawn(move || {
        while let Ok(key) = event::read() {
            if keys.blocking_send(key).is_err() {
                return;
            }
        }
    });
    received
}

/// Takes a notice and all that wait behind it, then reads once.
async fn notified(online: &mut Online, model: &mut Model, first: &Notice) -> Result<(), Failure> {
    let mut arrived = model.heard(first);
    while let Some(notice) = online.notices.ready() {
        arrived |= model.heard(&notice);
    }
    load(online, model).await?;
    if arrived {
        let conversation = model.conversation;
        online.command(Command::MarkRead { conversation }).await?;
    }
    Ok(())
}

/// Reads what the screen shows.
async fn load(online: &Online, model: &mut Model) -> Result<(), Failure> {
    let (id, limit) = (model.conversation, model.limit);
    let read = move |engine: &keyfold_engine::Engine| -> Result<_, Fault> {
        let all = engine.conversations()?;
        let elsewhere = all
            .iter()
            .filter(|each| each.id != id)
            .map(|each| each.unread)
            .sum();
        let entries = engine.timeline_last(id, limit)?;
        Ok((
            all.into_iter().find(|each| each.id == id),
            entries,
            elsewhere,
            engine.me()?,
        ))
    };
    let (view, entries, elsewhere, me) = online.client.read(read).await?;
    model.link = online.client.link();
    model.show(view, entries, elsewhere, me);
    Ok(())
}

async fn carry_out(online: &mut Online, model: &mut Model, act: Act) -> Result<(), Failure> {
    let conversation = model.conversation;
    let command = match act {
        Act::Say(text) => Command::Send { conversation, text },
        Act::Add(people) => Command::Add {
            conversation,
            people,
        },
        Act::Remove(people) => Command::Remove {
            conversation,
            people,
        },
        Act::Accept => Command::Accept { conversation },
        Act::Leave => Command::Leave { conversation },
        Act::Mark(account) => Command::MarkVerified { account },
    };
    match online.command(command).await {
        Ok(_) => {}
        Err(failure) if failure.kind == Kind::Fault => return Err(failure),
        Err(failure) => model.say(failure.error),
    }
    load(online, model).await
}
