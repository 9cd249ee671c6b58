//! Files of programs that speak JSON-RPC: from this disk, and onto it.

use std::path::Path;

use keyfold_client::{Begun, Client, FileFailure, Progress, Sending, Transfer};
use keyfold_edge::Error;
use keyfold_edge::error::Kind;
use keyfold_edge::{file, params as p, result as r, scalar};
use keyfold_engine::command::Opens;

use super::error;
use crate::command::file::{media_type, place};
use crate::session::PATIENCE;

/// Seals a file and sends it.
pub(super) async fn send(client: &Client, asked: p::SendFile) -> Result<r::Sending, Error> {
    let path = Path::new(&asked.path);
    let sending = Sending {
        path,
        media_type: &media_type(path, asked.media_type.as_deref()),
        caption: &asked.caption,
        as_it_is: asked.as_it_is,
        opens: if asked.once {
            Opens::Once
        } else {
            Opens::Always
        },
    };
    let begun = client.send_file(asked.conversation.into(), sending).await;
    let Begun { upload, says_more } = begun.map_err(failed)?;
    Ok(r::Sending {
        upload: scalar::Upload(upload),
        says_more,
    })
}

/// Loads a file and puts it on the disk.
pub(super) async fn save(client: &Client, asked: p::SaveFile) -> Result<r::Saved, Error> {
    let (conversation, message) = (asked.conversation.into(), asked.message.into());
    let found = client.file_of(conversation, message).await;
    let (found, _) = found.map_err(failed)?;
    let path = place(Some(Path::new(&asked.path)), found.name.as_ref());
    client
        .save_file(conversation, message, &path, PATIENCE)
        .await
        .map_err(failed)?;
    Ok(r::Saved {
        path: path.display().to_string(),
    })
}

/// How far a file has come.
pub(super) fn progress(progress: Progress) -> file::Progress {
    file::Progress {
        file: match progress.file {
            Transfer::Up(upload) => file::Transfer::Up {
                upload: upload.into(),
            },
            Transfer::Down(message) => file::Transfer::Down {
                message: message.into(),
            },
        },
        done: scalar::Count(progress.done),
        of: scalar::Count(progress.of),
    }
}

fn failed(failure: FileFailure) -> Error {
    let failure = match failure {
        FileFailure::Client(failure) => return error(failure),
        failure => failure,
    };
    let kind = match &failure {
        FileFailure::NoFile => Kind::NoFile,
        FileFailure::Opened => Kind::OpenedOnce,
        FileFailure::Gone => Kind::FileGone,
        FileFailure::File(_) | FileFailure::Range => Kind::File,
        FileFailure::Changed => Kind::FileChanged,
        FileFailure::Unreached(_) => Kind::NotReached,
        FileFailure::Refused(_) => Kind::FileRefused,
        FileFailure::Disk(error) if keyfold_client::profile::is_full(error) => Kind::DiskFull,
        FileFailure::Disk(_)
        | FileFailure::NotAFile
        | FileFailure::Moving
        | FileFailure::Damaged(_) => Kind::Path,
        FileFailure::Client(_) => Kind::InternalError,
    };
    Error::new(kind, failure.to_string())
}
