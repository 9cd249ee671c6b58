//! `send-file` and `save`: files to a conversation, and from one to this disk.

use std::path::{Path, PathBuf};

use keyfold_client::{FileFailure, Notice, Sending, Transfer};
use keyfold_engine::command::Opens;
use keyfold_engine::{Event, UploadId};
use keyfold_protocol::content::{ContentId, UNKNOWN_FILE};
use keyfold_protocol::file::FileName;
use keyfold_wire::ids::ConversationId;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::amend::choose;
use super::conversation_online;
use super::send::show;
use crate::args::{Save, SendFile};
use crate::failure::{Failure, Kind};
use crate::output::Output;
use crate::session::{Online, PATIENCE, Session, hopeless};

/// The name of a file that came without one.
const NAMELESS: &str = "file";

#[derive(Serialize)]
struct Saved {
    id: String,
    conversation: String,
    path: String,
}

/// Sends a file.
pub(super) async fn send(session: &Session, args: SendFile) -> Result<(), Failure> {
    let mut online = session.online()?;
    let sent = send_online(session.out, &mut online, &args).await;
    online.end().await;
    let (conversation, id) = sent?;
    show(session.out, conversation, id, "sent")
}

async fn send_online(
    out: Output,
    online: &mut Online,
    args: &SendFile,
) -> Result<(ConversationId, ContentId), Failure> {
    let conversation = conversation_online(online, &args.conversation).await?;
    let media_type = media_type(&args.path, args.media_type.as_deref());
    let sending = Sending {
        path: &args.path,
        media_type: &media_type,
        caption: &args.caption,
        as_it_is: args.as_is,
        opens: if args.once {
            Opens::Once
        } else {
            Opens::Always
        },
    };
    let begun = online.client.send_file(conversation, sending).await;
    let begun = begun.map_err(|failure| about(&args.path, failure))?;
    if begun.says_more {
        out.warn(&format!(
            "{} is a picture or film of a kind that is not known here, and is sent as it is: it may say where and when it was taken",
            args.path.display()
        ));
    }
    Ok((conversation, said(online, begun.upload).await?))
}

/// The media type of a file: what is said, else as its name ends.
pub(crate) fn media_type(path: &Path, said: Option<&str>) -> String {
    let guessed = || mime_guess::from_path(path).first_raw();
    said.or_else(guessed).unwrap_or(UNKNOWN_FILE).to_owned()
}

/// Waits until a file is said and the server has that, for as long as it gets on.
async fn said(online: &mut Online, upload: UploadId) -> Result<ContentId, Failure> {
    let (mut message, mut end) = (None, Instant::now() + PATIENCE);
    loop {
        let Ok(notice) = timeout_at(end, online.notices.next()).await else {
            return Err(online.unfinished());
        };
        match notice {
            Some(Notice::File(progress)) if progress.file == Transfer::Up(upload) => {
                end = Instant::now() + PATIENCE;
            }
            Some(Notice::Event(Event::Uploaded(_, done, id))) if done == upload => {
                message = Some(id);
            }
            Some(Notice::Event(Event::Sent(_, id))) if message == Some(id) => return Ok(id),
            Some(Notice::Event(Event::SendFailed(_, id, why))) if message == Some(id) => {
                return Err(Failure::refused(&why));
            }
            Some(Notice::Event(Event::UploadFailed(_, failed, why))) if failed == upload => {
                // Whoever is told of it here does not need it on the timeline.
                online.client.cancel_file(upload).await?;
                return Err(Failure::refused(&why));
            }
            Some(Notice::Link(link)) => hopeless(&link)?,
            Some(_) => {}
            None => return Err(Failure::new(Kind::Fault, "the client has ended")),
        }
    }
}

/// Loads a file and puts it on the disk.
pub(super) async fn save(session: &Session, args: Save) -> Result<(), Failure> {
    let online = session.online()?;
    let saved = tokio::select! {
        saved = save_online(&online, &args) => saved,
        _ = tokio::signal::ctrl_c() => Err(Failure::new(
            Kind::Offline,
            "stopped; what has come is kept here, and the same command goes on with it",
        )),
    };
    online.end().await;
    let saved = saved?;
    session.out.show(&saved, |_| saved.path.clone())
}

async fn save_online(online: &Online, args: &Save) -> Result<Saved, Failure> {
    let conversation = conversation_online(online, &args.at.conversation).await?;
    let words = args.at.message.clone();
    let found = online
        .client
        .read(move |engine| engine.find_messages(conversation, &words))
        .await?;
    let message = choose(&args.at.message, &found)?;
    let found = online.client.file_of(conversation, message).await;
    let (attachment, _) = found.map_err(|failure| refusal(&failure))?;
    let path = place(args.to.as_deref(), attachment.name.as_ref());
    if path.symlink_metadata().is_ok() {
        return Err(exists(&path));
    }
    online
        .client
        .save_file(conversation, message, &path, PATIENCE)
        .await
        .map_err(|failure| about(&path, failure))?;
    Ok(Saved {
        id: message.to_string(),
        conversation: conversation.to_string(),
        path: path.display().to_string(),
    })
}

/// Where a file goes: into a folder by a name that is safe there, else just where it was said.
pub(crate) fn place(to: Option<&Path>, name: Option<&FileName>) -> PathBuf {
    let name = name.map_or_else(|| NAMELESS.to_owned(), FileName::on_disk);
    match to {
        None => PathBuf::from(name),
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(path) => path.to_owned(),
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        Kind::Usage,
        format!(
            "{} is there already: name another place with --to",
            path.display()
        ),
    )
}

/// A failure that is about a file on this disk, or not.
fn about(path: &Path, failure: FileFailure) -> Failure {
    match failure {
        FileFailure::Disk(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            exists(path)
        }
        FileFailure::Disk(error) if !keyfold_client::profile::is_full(&error) => {
            Failure::new(Kind::Usage, format!("{}: {error}", path.display()))
        }
        FileFailure::Disk(error) => error.into(),
        FileFailure::Client(error) => error.into(),
        failure => refusal(&failure),
    }
}

fn refusal(failure: &FileFailure) -> Failure {
    let kind = match failure {
        FileFailure::NoFile | FileFailure::Gone => Kind::NotFound,
        FileFailure::NotAFile | FileFailure::Damaged(_) => Kind::Usage,
        FileFailure::Unreached(why) => {
            return Failure::offline(
                why,
                "; what has come is kept here, and the same command goes on with it",
            );
        }
        _ => Kind::Refused,
    };
    let words = match failure {
        FileFailure::Damaged(_) => format!("{failure}; --as-is sends it all the same"),
        failure => failure.to_string(),
    };
    Failure::new(kind, words)
}
