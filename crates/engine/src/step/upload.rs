//! Own files: shown at once, said when they lie at the server.
//!
//! Until then such a message has neither id nor counter: what is said meanwhile goes before it, and one that is given up leaves no gap.
//! The shell has the bytes, sealed, and brings them to the server; what a message needs to know of them is here.

use keyfold_protocol::content::{self, Attachment, Author, Body, ContentError, Kept, Saying};
use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::{FILE_RETENTION, MAX_TEXT};

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint, Opens, OutgoingFile, UploadId};
use crate::limits::MAX_UPLOADS;
use crate::memory::Loaded;
use crate::outcome::{Event, Failure};
use crate::table::timeline::{self, EntryRow, Kind, Place, Stage, WAITING};
use crate::table::upload::{self, UploadRow};
use crate::view::Standing;

impl Step<'_> {
    /// A person sends a file, which the shell has sealed.
    pub(super) fn send_file(
        &mut self,
        loaded: &mut Loaded,
        file: &OutgoingFile,
        caption: &str,
    ) -> Result<Answered, Fault> {
        let (all, _) = upload::count(self.tx)?;
        if all >= MAX_UPLOADS {
            return Ok(Err(Complaint::TooManyUploads(MAX_UPLOADS)));
        }
        let me = self.me()?.account();
        if self.is_with_blocked(loaded)? {
            return Ok(Err(Complaint::Blocked));
        }
        if !self.may_post(loaded, &me)? {
            return Ok(Err(Complaint::NotAllowed));
        }
        let attachment = Attachment {
            id: file.token.id(),
            key: file.key.clone(),
            hash: file.hash,
            size: file.size,
            media_type: file.media_type.clone(),
            name: file.name.clone(),
            expires: None,
            media: file.media.clone(),
        };
        let saying = match file.opens {
            Opens::Always => Saying::File {
                file: &attachment,
                caption,
                in_reply_to: None,
            },
            // Its words would stay where it does not.
            Opens::Once if !caption.is_empty() => return Ok(Err(Complaint::File)),
            Opens::Once => Saying::Once(&attachment),
        };
        let author = self.author_in(loaded)?;
        let composed = self.rng.with(|rng| content::write(&author, 0, saying, rng));
        let composed = match composed {
            Ok(composed) => composed,
            Err(error) => return Ok(Err(complaint(error, caption))),
        };
        let id = upload::insert(self.tx, &file.token, &composed.encoded)?;
        self.show_upload(loaded, id)?;
        Ok(Ok(Answer::Upload(UploadId(id))))
    }

    fn author_in(&self, loaded: &Loaded) -> Result<Author, Fault> {
        let me = self.me()?;
        Ok(Author {
            account: me.account(),
            device: me.device(),
            conversation: loaded.row.public_id,
        })
    }

    fn show_upload(&mut self, loaded: &mut Loaded, id: i64) -> Result<(), Fault> {
        let me = self.me()?.account();
        let place = self.in_shown(loaded, |shown| {
            let row = shown.change();
            let place = Place::new(row.row, WAITING.saturating_add(row.next_waiting));
            row.next_waiting = row.next_waiting.saturating_add(1);
            place
        })?;
        let entry = EntryRow {
            place,
            origin: loaded.row.row,
            content_id: None,
            sender: Some(me),
            mine: true,
            kind: Kind::Upload,
            body: id.to_be_bytes().to_vec(),
            at: self.now,
            stage: Stage::Uploading,
            target: None,
            by_admin: false,
            starred: false,
            lasts: None,
            goes_at: None,
            once_until: None,
        };
        timeline::insert(self.tx, &entry)?;
        let shown = self.shown_id(loaded)?;
        self.tell(Event::Uploading(shown, UploadId(id)));
        Ok(())
    }

    /// A file lies at the server: it is said now.
    pub(super) fn file_uploaded(&mut self, id: UploadId) -> Result<Answered, Fault> {
        let Some((mut loaded, row, place)) = self.upload(id)? else {
            return Ok(Err(Complaint::NoSuchUpload));
        };
        let answer = self.say_file(&mut loaded, &row, place);
        self.put(loaded);
        answer
    }

    fn say_file(
        &mut self,
        loaded: &mut Loaded,
        row: &UploadRow,
        place: Place,
    ) -> Result<Answered, Fault> {
        let over = match loaded.row.standing {
            Standing::Left | Standing::Failed(_) => true,
            _ => loaded.leaving,
        };
        if over {
            self.upload_failed(loaded, row.id, &Failure::NotAMember)?;
            return Ok(Ok(Answer::Taken));
        }
        let kept = Kept::read(&row.content).map_err(|_| Fault::corrupt("a file does not read"))?;
        let (mut file, caption, once) = match kept.body {
            Body::File(file) => (Some(file.attachment), file.caption, false),
            Body::Once(once) => (once.file, None, true),
            _ => (None, None, false),
        };
        let Some(file) = &mut file else {
            return Err(Fault::corrupt("a file is none"));
        };
        file.expires = Some(whole_seconds(self.now.after(FILE_RETENTION)));
        let caption = caption.map(|caption| caption.text);
        let saying = if once {
            Saying::Once(file)
        } else {
            Saying::File {
                file,
                caption: caption.as_deref().unwrap_or_default(),
                in_reply_to: kept.in_reply_to,
            }
        };
        match self.say(loaded, saying)? {
            Ok(Answer::Message(message)) => {
                timeline::remove(self.tx, place)?;
                upload::remove(self.tx, row.id)?;
                let shown = self.shown_id(loaded)?;
                self.tell(Event::Uploaded(shown, UploadId(row.id), message));
                Ok(Ok(Answer::Message(message)))
            }
            Err(complaint @ Complaint::TooMuchWaiting(_)) => Ok(Err(complaint)),
            // It was allowed when it was begun.
            Err(complaint) => {
                let why = Failure::File(complaint.to_string());
                self.upload_failed(loaded, row.id, &why)?;
                Ok(Ok(Answer::Taken))
            }
            Ok(other) => Ok(Ok(other)),
        }
    }

    /// A file can't be brought to the server.
    pub(super) fn file_failed(&mut self, id: UploadId, why: String) -> Result<Answered, Fault> {
        let Some((mut loaded, row, _)) = self.upload(id)? else {
            return Ok(Err(Complaint::NoSuchUpload));
        };
        let failed = self.upload_failed(&mut loaded, row.id, &Failure::File(why));
        self.put(loaded);
        failed.map(|()| Ok(Answer::Taken))
    }

    fn upload_failed(&mut self, loaded: &mut Loaded, id: i64, why: &Failure) -> Result<(), Fault> {
        upload::fail(self.tx, id, &why.to_string())?;
        let shown = self.shown_id(loaded)?;
        self.tell(Event::UploadFailed(shown, UploadId(id), why.clone()));
        Ok(())
    }

    /// A person does not want to send a file any more.
    pub(super) fn cancel_file(&mut self, id: UploadId) -> Result<Answered, Fault> {
        let Some((mut loaded, row, place)) = self.upload(id)? else {
            return Ok(Err(Complaint::NoSuchUpload));
        };
        let given_up = self.give_up_upload(&mut loaded, row.id, place);
        self.put(loaded);
        given_up.map(|()| Ok(Answer::Taken))
    }

    /// An own file that is not said yet goes, with its line of the timeline.
    pub(super) fn give_up_upload(
        &mut self,
        loaded: &mut Loaded,
        id: i64,
        place: Place,
    ) -> Result<(), Fault> {
        timeline::remove(self.tx, place)?;
        upload::remove(self.tx, id)?;
        self.erase_soon();
        let shown = self.shown_id(loaded)?;
        self.tell(Event::UploadCancelled(shown, UploadId(id)));
        Ok(())
    }

    /// An upload with its place, and the conversation in which it is shown.
    fn upload(&mut self, id: UploadId) -> Result<Option<(Loaded, UploadRow, Place)>, Fault> {
        let Some(row) = upload::get(self.tx, id.0)? else {
            return Ok(None);
        };
        let Some(place) = upload::place(self.tx, id.0)? else {
            return Ok(None);
        };
        Ok(Some((self.expect(place.conversation())?, row, place)))
    }
}

/// As it travels.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp(at.0 / 1_000 * 1_000)
}

/// Why a file can't be said.
fn complaint(error: ContentError, caption: &str) -> Complaint {
    match error {
        ContentError::TextTooLong => Complaint::TextSize {
            limit: MAX_TEXT,
            actual: caption.len(),
        },
        _ => Complaint::File,
    }
}
