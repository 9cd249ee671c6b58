//! Files from the server: loaded in parts, each segment checked before it is kept, and handed out only when it is what was sent.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use keyfold_engine::command::Opens;
use keyfold_engine::view::What;
use keyfold_engine::{Command, Complaint};
use keyfold_protocol::content::{Attachment, ContentId};
use keyfold_protocol::file::{Layout, SEALED_SEGMENT, SEGMENT, Segments};
use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::FILE_PART;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::http::{Http, Not};
use super::{Engine, FileFailure, Progress, Transfer, spool};
use crate::backoff::Backoff;
use crate::client::{Client, Notice};
use crate::error::ClientError;
use crate::socket::SocketEnd;

/// What is asked for at once: as many whole segments as a part has.
const WHOLE: u64 = FILE_PART / SEALED_SEGMENT as u64 * SEALED_SEGMENT as u64;

impl Client {
    /// What a message says of its file.
    ///
    /// # Errors
    /// [`FileFailure::NoFile`].
    pub async fn attachment(
        &self,
        conversation: ConversationId,
        message: ContentId,
    ) -> Result<Attachment, FileFailure> {
        let found = self
            .read(move |engine| engine.attachment(conversation, &message))
            .await?;
        found.ok_or(FileFailure::NoFile)
    }

    /// The file of a message, and how often it may be opened.
    ///
    /// # Errors
    /// [`FileFailure::NoFile`], [`FileFailure::Opened`].
    pub async fn file_of(
        &self,
        conversation: ConversationId,
        message: ContentId,
    ) -> Result<(Attachment, Opens), FileFailure> {
        self.read(move |engine| {
            if let Some(file) = engine.attachment(conversation, &message)? {
                return Ok(Ok((file, Opens::Always)));
            }
            if let Some(file) = engine.once(conversation, &message)? {
                return Ok(Ok((file, Opens::Once)));
            }
            let entry = engine.message(conversation, &message)?;
            Ok(Err(match entry.map(|entry| entry.what) {
                Some(What::Once(_)) => FileFailure::Opened,
                _ => FileFailure::NoFile,
            }))
        })
        .await?
    }

    /// Loads the file of a message and puts it at `path`, where nothing may be yet. What has come before is not loaded again. Waits for the
    /// server for as long as something comes within `patience`. Of a file that is opened once the key is erased before it is there, and what has come of it.
    ///
    /// # Errors
    /// [`FileFailure`]: then there is nothing at `path`. Dropping the future cancels it; what has come is kept, sealed, for the next time.
    pub async fn save_file(
        &self,
        conversation: ConversationId,
        message: ContentId,
        path: &Path,
        patience: Duration,
    ) -> Result<(), FileFailure> {
        let (attachment, opens) = self.file_of(conversation, message).await?;
        if opens == Opens::Once && path.symlink_metadata().is_ok() {
            // It could not be put there once it was opened.
            return Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists).into());
        }
        let turn = self.files.turn(attachment.id);
        let _turn = turn.lock().await;
        let kept = self.files.spool.incoming(&attachment.id);
        let loaded = self.load(&attachment, message, patience).await;
        let path = path.to_owned();
        let placed = match loaded {
            Ok(mut sealed) => {
                let opened = Command::OpenOnce {
                    conversation,
                    message,
                };
                let (engine, runtime) = (Engine(self.calls()), Handle::current());
                let place = move || {
                    spool::place(&path, |target| {
                        let mut target = std::io::BufWriter::with_capacity(SEGMENT, target);
                        spool::open_all(&mut sealed, &attachment, &mut target)?;
                        target.flush()?;
                        if opens == Opens::Once {
                            runtime
                                .block_on(engine.command(opened))
                                .map_err(opened_before)?;
                        }
                        Ok(())
                    })
                };
                let placed = tokio::task::spawn_blocking(place).await;
                placed.map_err(std::io::Error::other)?
            }
            Err(failure) => Err(failure),
        };
        // It is no longer needed, or of no use.
        if matches!(
            placed,
            Ok(()) | Err(FileFailure::Changed | FileFailure::Opened)
        ) {
            let _ = tokio::fs::remove_file(kept).await;
        }
        placed
    }

    /// A part of a file's content, from what is loaded already or from the server: for films and sounds that are played while they come.
    ///
    /// # Errors
    /// [`FileFailure`]; nothing that was changed is handed out.
    pub async fn read_file(
        &self,
        conversation: ConversationId,
        message: ContentId,
        range: Range<u64>,
    ) -> Result<Vec<u8>, FileFailure> {
        let attachment = self.attachment(conversation, message).await?;
        let layout = Layout::new(attachment.size)?;
        if range.end > attachment.size || range.start > range.end {
            return Err(FileFailure::Range);
        }
        let segments = Segments::new(&attachment.key, layout);
        let mut kept = std::fs::File::open(self.files.spool.incoming(&attachment.id)).ok();
        let (mut http, mut content) = (None, Vec::new());
        let mut at = range.start;
        while at < range.end {
            let (number, place) = layout.segment_of(at);
            let known = kept
                .as_mut()
                .and_then(|kept| segment_of(kept, layout, number));
            let opened = |mut segment: Vec<u8>| match segments.open(number, &mut segment) {
                Ok(()) => Ok(segment),
                Err(error) => Err(FileFailure::from(error)),
            };
            // What is here may be half written.
            let segment = match known.map(opened) {
                Some(Ok(segment)) => segment,
                _ => opened(self.fetch(&mut http, &attachment, layout, number).await?)?,
            };
            let wanted = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            let here = segment.get(place..).unwrap_or_default();
            let here = here.get(..wanted).unwrap_or(here);
            content.extend_from_slice(here);
            at += here.len() as u64;
        }
        Ok(content)
    }

    async fn fetch(
        &self,
        http: &mut Option<Http>,
        attachment: &Attachment,
        layout: Layout,
        number: u32,
    ) -> Result<Vec<u8>, FileFailure> {
        let mut open = match http.take() {
            Some(open) => open,
            None => Http::connect(&self.files.route).await.map_err(failure)?,
        };
        let first = layout.begins_at(number);
        let end = first + layout.sealed_segment(number) as u64;
        let length = layout.sealed_length();
        let bytes = open.read(&attachment.id, first, end, length).await;
        *http = Some(open);
        Ok(bytes.map_err(failure)?.to_vec())
    }

    /// Loads all of a file, sealed as it is.
    async fn load(
        &self,
        attachment: &Attachment,
        message: ContentId,
        patience: Duration,
    ) -> Result<std::fs::File, FileFailure> {
        let layout = Layout::new(attachment.size)?;
        let mut kept = Kept {
            file: self.files.spool.begun(&attachment.id, layout)?,
            segments: Segments::new(&attachment.key, layout),
        };
        let mut rng =
            StdRng::try_from_os_rng().map_err(|error| ClientError::Random(error.to_string()))?;
        let (mut backoff, mut end) = (Backoff::default(), Instant::now() + patience);
        let mut http = None;
        loop {
            let at = kept.length()?;
            self.tell(message, at, layout);
            if at == layout.sealed_length() {
                kept.file.sync_all()?;
                return Ok(kept.file);
            }
            let came = self.next(&mut http, attachment, layout, at).await;
            match came {
                Ok(bytes) => {
                    kept = tokio::task::spawn_blocking(move || kept.add(&bytes))
                        .await
                        .map_err(std::io::Error::other)??;
                    backoff.succeeded();
                    end = Instant::now() + patience;
                }
                Err(Not::Reached(why)) if Instant::now() >= end => {
                    return Err(FileFailure::Unreached(why));
                }
                Err(Not::Now(_)) if Instant::now() >= end => {
                    return Err(FileFailure::Unreached(SocketEnd::Overburdened));
                }
                Err(not @ (Not::Reached(_) | Not::Now(_))) => {
                    http = None;
                    let floor = match not {
                        Not::Now(floor) => floor,
                        _ => Duration::ZERO,
                    };
                    sleep(backoff.failed(floor, &mut rng)).await;
                }
                Err(not) => return Err(failure(not)),
            }
        }
    }

    async fn next(
        &self,
        http: &mut Option<Http>,
        attachment: &Attachment,
        layout: Layout,
        at: u64,
    ) -> Result<Bytes, Not> {
        let mut open = match http.take() {
            Some(open) => open,
            None => Http::connect(&self.files.route).await?,
        };
        let bytes = open
            .read(&attachment.id, at, at + WHOLE, layout.sealed_length())
            .await?;
        *http = Some(open);
        Ok(bytes)
    }

    fn tell(&self, message: ContentId, done: u64, layout: Layout) {
        let progress = Progress {
            file: Transfer::Down(message),
            done,
            of: layout.sealed_length(),
        };
        let _ = self.files.notices.send(Notice::File(progress));
    }
}

/// What has come of a file, in whole segments.
struct Kept {
    file: std::fs::File,
    segments: Segments,
}

impl Kept {
    fn length(&self) -> std::io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    /// Keeps the whole segments of what has come, once each was seen to open.
    fn add(mut self, mut bytes: &[u8]) -> Result<Self, FileFailure> {
        let layout = self.segments.layout();
        let before = self.length()? / SEALED_SEGMENT as u64;
        let mut number = u32::try_from(before).map_err(|_| FileFailure::Changed)?;
        let mut opened = Vec::new();
        let mut came = 0;
        while let Some((segment, rest)) = bytes
            .split_at_checked(layout.sealed_segment(number))
            .filter(|(segment, _)| !segment.is_empty())
        {
            opened.clear();
            opened.extend_from_slice(segment);
            self.segments.open(number, &mut opened)?;
            self.file.write_all(segment)?;
            (bytes, number, came) = (rest, number + 1, came + 1);
        }
        if came == 0 {
            return Err(FileFailure::Changed);
        }
        Ok(self)
    }
}

/// A segment of what is here already.
fn segment_of(kept: &mut std::fs::File, layout: Layout, number: u32) -> Option<Vec<u8>> {
    let mut segment = vec![0; layout.sealed_segment(number)];
    kept.seek(SeekFrom::Start(layout.begins_at(number))).ok()?;
    kept.read_exact(&mut segment).ok()?;
    Some(segment)
}

/// Another call may have opened it meanwhile.
fn opened_before(error: ClientError) -> FileFailure {
    match error {
        ClientError::Complaint(Complaint::OpenedAlready) => FileFailure::Opened,
        error => error.into(),
    }
}

fn failure(not: Not) -> FileFailure {
    match not {
        Not::Found => FileFailure::Gone,
        Not::Reached(why) => FileFailure::Unreached(why),
        Not::Now(_) => FileFailure::Unreached(SocketEnd::Overburdened),
        Not::Permitted(why) => FileFailure::Refused(why),
        Not::Taken(_) | Not::There(_) => FileFailure::Refused("it makes no sense".to_owned()),
    }
}
