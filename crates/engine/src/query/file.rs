//! Files: what is on its way to the server, and what a message's file is opened with.

use keyfold_protocol::content::{Attachment, Body, ContentId, Kept};
use keyfold_protocol::file::Layout;
use keyfold_wire::ids::ConversationId;

use super::poll::once_upload;
use super::words::as_typed;
use crate::command::UploadId;
use crate::table::timeline::{self, EntryRow, Kind};
use crate::table::upload;
use crate::view::{FileEntry, FileState, Upload, What};
use crate::{Engine, Fault};

impl Engine {
    /// All files that are on their way to the server or can't be sent, oldest first.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn uploads(&self) -> Result<Vec<Upload>, Fault> {
        let mut uploads = Vec::new();
        for row in upload::all(&self.database)? {
            let size = match said(&row.content)? {
                Body::File(file) => file.attachment.size,
                Body::Once(once) => once.size,
                _ => return Err(Fault::corrupt("a file does not read")),
            };
            let layout = Layout::new(size).map_err(|_| Fault::corrupt("a file is too large"))?;
            uploads.push(Upload {
                id: UploadId(row.id),
                token: row.token,
                sealed_length: layout.sealed_length(),
                failed: row.failed,
            });
        }
        Ok(uploads)
    }

    /// The file of a message. `None`: there is no such message here, it has none, or was taken back.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn attachment(
        &self,
        conversation: ConversationId,
        message: &ContentId,
    ) -> Result<Option<Attachment>, Fault> {
        let entry = self.said_here(conversation, message)?;
        Ok(
            match entry.and_then(|entry| entry.says()).map(|kept| kept.body) {
                Some(Body::File(file)) => Some(file.attachment),
                _ => None,
            },
        )
    }

    /// A message that is shown here, and was not taken back.
    pub(super) fn said_here(
        &self,
        conversation: ConversationId,
        message: &ContentId,
    ) -> Result<Option<EntryRow>, Fault> {
        let Some(row) = self.shown_row(&conversation)? else {
            return Ok(None);
        };
        let found = timeline::find(&self.database, row.row, message)?;
        let Some(entry) = found.filter(|entry| entry.kind == Kind::Content) else {
            return Ok(None);
        };
        let stands = self.is_shown(&entry)? && self.fate(row.row, &entry)?.taken_back.is_none();
        Ok(stands.then_some(entry))
    }

    /// What an entry shows of a file that is on its way.
    pub(super) fn upload_entry(&self, row: &EntryRow) -> Result<What, Fault> {
        let id = row.upload();
        let found = upload::get(&self.database, id)?;
        let found = found.ok_or_else(|| Fault::corrupt("a file is missing"))?;
        let file = match said(&found.content)? {
            Body::File(file) => *file,
            Body::Once(once) => {
                return Ok(What::Once(once_upload(&once, UploadId(id), found.failed)));
            }
            _ => return Err(Fault::corrupt("a file does not read")),
        };
        let state = match found.failed {
            Some(why) => FileState::Failed(UploadId(id), why),
            None => FileState::Uploading(UploadId(id)),
        };
        let caption = file.caption.as_ref();
        let caption = caption.map(|text| as_typed(&self.database, text));
        Ok(What::File(shown(
            &file.attachment,
            caption.transpose()?,
            state,
        )))
    }
}

/// What an entry shows of a file.
pub(super) fn shown(file: &Attachment, caption: Option<String>, state: FileState) -> FileEntry {
    FileEntry {
        name: file.name.as_ref().map(|name| name.as_str().to_owned()),
        media_type: file.media_type.clone(),
        size: file.size,
        caption,
        state,
        expires: file.expires,
        media: file.media.clone(),
    }
}

fn said(content: &[u8]) -> Result<Body, Fault> {
    let kept = Kept::read(content);
    Ok(kept
        .map_err(|_| Fault::corrupt("a file does not read"))?
        .body)
}
