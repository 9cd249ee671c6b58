//! Files as the edge shows them. Their keys do not cross: the shell seals and opens them.

use keyfold_engine::view;
use keyfold_protocol::content;
use schemars::JsonSchema;
use serde::Serialize;

use crate::scalar::{Bytes, Count, Instant, MessageId, Upload};
use crate::view::Picture;

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
    /// What can be seen of it before it is loaded.
    media: Media,
}

/// What can be seen of a file before it is loaded, as its sender says; `null`: nothing is said.
#[derive(Serialize, JsonSchema)]
pub struct Media {
    /// Pixels from left to right, 1 to 65,535.
    width: Option<u32>,
    /// Pixels from top to bottom, the same.
    height: Option<u32>,
    /// A `ThumbHash`, which draws a blurred picture.
    blur: Option<Bytes>,
    /// Milliseconds that it plays.
    duration: Option<u32>,
    /// How loud it is in as many equal parts, each 0 to 255.
    waveform: Option<Vec<u8>>,
    /// A small picture of it.
    thumbnail: Option<Picture>,
}

impl From<content::Media> for Media {
    fn from(media: content::Media) -> Self {
        let content::Media {
            sides,
            blur,
            duration,
            waveform,
            thumbnail,
        } = media;
        Self {
            width: sides.map(|(width, _)| width),
            height: sides.map(|(_, height)| height),
            blur: blur.map(Bytes),
            duration,
            waveform,
            thumbnail: thumbnail
                .map(|picture| Picture::new(picture.media_type(), picture.as_bytes())),
        }
    }
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
            media,
        } = file;
        Self {
            name,
            media_type,
            size: Count(size),
            caption,
            state: state.into(),
            expires: expires.map(Instant),
            media: media.into(),
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
