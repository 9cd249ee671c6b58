//! Files as the edge shows them. Their keys do not cross: the shell seals and opens them.

use keyfold_engine::view;
use schemars::JsonSchema;
use serde::Serialize;

use crate::scalar::{Count, Instant, MessageId, Upload};

/// A file on a timeline.
#[derive(Serialize, JsonSchema)]
pub struct File {
    /// Its name, as its sender says; `null`: it has none.
    name: Option<String>,
    /// Its media type, as its sender says.
    media_type: String,
    /// Bytes of its content.
    size: Count,
    /// What is said about it, as it was typed; `null`: nothing.
    caption: Option<String>,
    /// How far it has come.
    state: FileState,
    /// Until when the server keeps it; `null`: not known.
    expires: Option<Instant>,
}

impl From<view::FileEntry> for File {
    fn from(file: view::FileEntry) -> Self {
        let view::FileEntry {
            name,
            media_type,
            size,
            caption,
            state,
            expires,
        } = file;
        Self {
            name,
            media_type,
            size: Count(size),
            caption,
            state: state.into(),
            expires: expires.map(Instant),
        }
    }
}

/// How far a file has come.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FileState {
    /// An own one, on its way to the server.
    Uploading {
        /// For `cancel_file`.
        upload: Upload,
    },
    /// An own one that can't be sent.
    Failed {
        /// For `cancel_file`, which takes it off the timeline.
        upload: Upload,
        /// Why, in words.
        reason: String,
    },
    /// It is at the server.
    AtServer,
}

impl From<view::FileState> for FileState {
    fn from(state: view::FileState) -> Self {
        match state {
            view::FileState::Uploading(upload) => Self::Uploading {
                upload: Upload(upload),
            },
            view::FileState::Failed(upload, reason) => Self::Failed {
                upload: Upload(upload),
                reason,
            },
            view::FileState::AtServer => Self::AtServer,
        }
    }
}

/// An own file that is not said yet.
#[derive(Serialize, JsonSchema)]
pub struct Uploading {
    /// For `cancel_file`.
    upload: Upload,
    /// Bytes that the server is to have.
    sealed_length: Count,
    /// Why it can't be sent; `null`: it is on its way.
    failed: Option<String>,
}

impl From<view::Upload> for Uploading {
    fn from(upload: view::Upload) -> Self {
        // The token is the shell's: whoever has it can replace the file.
        let view::Upload {
            id,
            token: _,
            sealed_length,
            failed,
        } = upload;
        Self {
            upload: Upload(id),
            sealed_length: Count(sealed_length),
            failed,
        }
    }
}

/// How far a file has come on its way.
#[derive(Serialize, JsonSchema)]
pub struct Progress {
    /// Which.
    pub file: Transfer,
    /// Sealed bytes that are done.
    pub done: Count,
    /// Sealed bytes of all of it.
    pub of: Count,
}

/// A file that is under way.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Transfer {
    /// To the server.
    Up {
        /// Which.
        upload: Upload,
    },
    /// From the server.
    Down {
        /// The message whose file it is.
        message: MessageId,
    },
}
