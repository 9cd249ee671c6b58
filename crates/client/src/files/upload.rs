//! Own files on their way to the server: one after another, in parts, until the server has them or won't.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keyfold_engine::command::Opens;
use keyfold_engine::view::Upload;
use keyfold_engine::{Answer, Command, OutgoingFile, UploadId};
use keyfold_media::{Sent, Stripped};
use keyfold_protocol::content::Media;
use keyfold_protocol::file::{FileKey, FileName, Layout};
use keyfold_wire::file::{FileId, UploadToken};
use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::FILE_PART;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, SeekFrom};
use tokio::sync::{Notify, broadcast};

use super::http::{Http, Not};
use super::spool::{Sealed, Spool};
use super::{Engine, FileFailure, Progress, Transfer};
use crate::backoff::Backoff;
use crate::client::{Client, Notice};
use crate::error::ClientError;
use crate::socket::Route;

/// A file to be sent, as a program names it.
pub struct Sending<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// Its media type (RFC 6838).
    pub media_type: &'a str,
    /// What is said about it; may be empty.
    pub caption: &'a str,
    /// Every byte of it is sent, with what it says of where and when it was taken.
    pub as_it_is: bool,
    /// How often it may be opened.
    pub opens: Opens,
}

/// A file that was begun to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its name on this device.
    pub upload: UploadId,
    /// It is a picture or a film of a kind that is not known here, so it may say where and when it was taken.
    pub says_more: bool,
}

impl Client {
    /// Seals a file and sends it. Durable when it returns: the file itself is not needed any more. The upload goes on in the background, in
    /// this process and the next ones; [`Event::Sent`](keyfold_engine::Event::Sent) tells of its end,
    /// [`Event::UploadFailed`](keyfold_engine::Event::UploadFailed) of another one. A picture is turned as it was taken, and what a picture or film says beside what is seen goes, unless
    /// it is to be sent as it is.
    ///
    /// # Errors
    /// [`FileFailure`]; then nothing is sent.
    pub async fn send_file(
        &self,
        conversation: ConversationId,
        sending: Sending<'_>,
    ) -> Result<Begun, FileFailure> {
        let mut rng =
            StdRng::try_from_os_rng().map_err(|error| ClientError::Random(error.to_string()))?;
        let key = FileKey::random(&mut rng);
        let mut token = [0; 32];
        rng.fill_bytes(&mut token);
        let token = UploadToken::new(token);
        let (spool, id) = (self.files.spool.clone(), token.id());
        let copy = spool.outgoing(&id);
        let (path, sealed_under) = (sending.path.to_owned(), key.clone());
        let media_type = sending.media_type.to_owned();
        let how = if sending.as_it_is {
            Sent::AsItIs
        } else {
            Sent::Clean
        };
        let ready = tokio::task::spawn_blocking(move || {
            seal(&spool, &path, &media_type, how, &sealed_under, &id)
        });
        let (sealed, media, stripped) = ready.await.map_err(std::io::Error::other)??;
        let name = sending.path.file_name();
        let file = OutgoingFile {
            token,
            key,
            hash: sealed.hash,
            size: sealed.size,
            media_type: sending.media_type.to_owned(),
            name: name.map(|name| FileName::nearest(&name.to_string_lossy())),
            media,
            opens: sending.opens,
        };
        let command = Command::SendFile {
            conversation,
            file: Box::new(file),
            caption: sending.caption.to_owned(),
        };
        let answer = self.command(command).await;
        if answer.is_err() {
            let _ = tokio::fs::remove_file(copy).await;
        }
        self.files.wake();
        match answer? {
            Answer::Upload(upload) => Ok(Begun {
                upload,
                says_more: !sending.as_it_is
                    && stripped == Stripped::Unknown
                    && ["image/", "video/"]
                        .iter()
                        .any(|kind| sending.media_type.starts_with(kind)),
            }),
            _ => Err(ClientError::Stopped.into()),
        }
    }

    /// Gives up sending a file: it is not said, and goes from this device and the server.
    ///
    /// # Errors
    /// [`ClientError::Complaint`] when it has been said already, or there is none.
    pub async fn cancel_file(&self, upload: UploadId) -> Result<(), ClientError> {
        let all = self.read(keyfold_engine::Engine::uploads).await?;
        let token = all.into_iter().find(|one| one.id == upload);
        self.command(Command::CancelFile(upload)).await?;
        self.files.wake();
        let Some(Upload { token, .. }) = token else {
            return Ok(());
        };
        let _ = tokio::fs::remove_file(self.files.spool.outgoing(&token.id())).await;
        let route = self.files.route.clone();
        tokio::spawn(async move {
            // Where that fails the server deletes it by itself, within a day.
            if let Ok(mut http) = Http::connect(&route).await {
                let _ = http.delete(&token).await;
            }
        });
        Ok(())
    }
}

/// Seals what is sent of a file.
fn seal(
    spool: &Spool,
    path: &Path,
    media_type: &str,
    how: Sent,
    key: &FileKey,
    id: &FileId,
) -> Result<(Sealed, Media, Stripped), FileFailure> {
    let mut source = std::fs::File::open(path)?;
    if !source.metadata()?.is_file() {
        return Err(FileFailure::NotAFile);
    }
    let length = source.metadata()?.len();
    // What can't be sent is not looked at.
    Layout::new(length)?;
    let looked = keyfold_media::look(source.try_clone()?, media_type, how)?;
    let sent = looked.recipe.length();
    let sealed = spool.seal(&mut looked.recipe.read(&mut source), sent, key, id)?;
    if source.metadata()?.len() != length {
        let _ = std::fs::remove_file(spool.outgoing(id));
        return Err(FileFailure::Moving);
    }
    Ok((sealed, looked.media, looked.stripped))
}

/// Brings all files that wait to the server.
pub(super) struct Worker {
    pub(super) route: Route,
    pub(super) spool: Spool,
    pub(super) engine: Engine,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) wake: Arc<Notify>,
}

/// How an attempt ended.
enum End {
    /// The server has all of it.
    Done,
    /// It was cancelled.
    Cancelled,
    /// It can't be sent; the words say why.
    Failed(String),
    /// To be tried again, after at least so long.
    Later(Duration),
}

impl Worker {
    pub(super) async fn run(self) {
        let mut backoff = Backoff::default();
        let Ok(mut rng) = StdRng::try_from_os_rng() else {
            return;
        };
        // Those that are put off, and until when they all are: one that does not get on keeps no other from being tried.
        let (mut put_off, mut floor) = (HashSet::new(), Duration::ZERO);
        while let Ok(all) = self.engine.read(keyfold_engine::Engine::uploads).await {
            let mut going = all.into_iter().filter(|one| one.failed.is_none());
            let Some(upload) = going.find(|one| !put_off.contains(&one.id)) else {
                if put_off.is_empty() {
                    self.wake.notified().await;
                    continue;
                }
                let pause = backoff.failed(floor, &mut rng);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.wake.notified() => {}
                }
                (put_off, floor) = (HashSet::new(), Duration::ZERO);
                continue;
            };
            match self.settle(&upload).await {
                Ok(None) => backoff.succeeded(),
                Ok(Some(least)) => {
                    floor = floor.max(least);
                    put_off.insert(upload.id);
                }
                Err(ClientError::Stopped) => return,
                Err(error) => {
                    tracing::warn!(%error, "a file is uploaded later");
                    put_off.insert(upload.id);
                }
            }
        }
    }

    /// Brings one file to the server, and tells the engine what came of it. How long to wait where nothing did yet.
    async fn settle(&self, upload: &Upload) -> Result<Option<Duration>, ClientError> {
        let copy = self.spool.outgoing(&upload.token.id());
        let command = match self.bring(upload, &copy).await? {
            End::Done => Command::FileUploaded(upload.id),
            End::Failed(why) => Command::FileFailed(upload.id, why),
            End::Cancelled => return Ok(None),
            End::Later(floor) => return Ok(Some(floor)),
        };
        match self.engine.command(command).await {
            // It waits for other messages, or was cancelled just now.
            Err(ClientError::Complaint(complaint)) => {
                tracing::debug!(%complaint, "a file that was uploaded is not said");
                if self.is_wanted(upload.id).await? {
                    return Ok(Some(Duration::from_secs(1)));
                }
            }
            other => drop(other?),
        }
        let _ = tokio::fs::remove_file(copy).await;
        Ok(None)
    }

    async fn is_wanted(&self, id: UploadId) -> Result<bool, ClientError> {
        let all = self.engine.read(keyfold_engine::Engine::uploads).await?;
        Ok(all.iter().any(|one| one.id == id && one.failed.is_none()))
    }

    async fn bring(&self, upload: &Upload, copy: &Path) -> Result<End, ClientError> {
        let mut file = match File::open(copy).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(End::Failed("its sealed copy is gone".to_owned()));
            }
            Err(error) => {
                tracing::warn!(%error, "a sealed copy can't be read");
                return Ok(End::Later(Duration::ZERO));
            }
        };
        let attempt = async {
            let mut http = Http::connect(&self.route).await?;
            let mut at = http.begin(&upload.token, upload.sealed_length).await?;
            while at < upload.sealed_length {
                self.tell(upload, at);
                match self.is_wanted(upload.id).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(End::Cancelled),
                    Err(_) => return Ok(End::Later(Duration::ZERO)),
                }
                let Ok(part) = part(&mut file, at, upload.sealed_length).await else {
                    return Ok(End::Failed("its sealed copy can't be read".to_owned()));
                };
                let before = at;
                at = match http.extend(&upload.token, at, part).await {
                    Err(Not::There(elsewhere)) => elsewhere,
                    other => other?,
                };
                if at <= before {
                    // Tried again, but not at once: or a server could let it be sent for ever.
                    return Ok(End::Later(Duration::ZERO));
                }
            }
            self.tell(upload, at);
            Ok(End::Done)
        };
        Ok(match attempt.await {
            Ok(end) => end,
            Err(Not::Taken(largest)) => End::Failed(format!(
                "it is too large for the server, which takes files of up to about {} MB",
                largest / 9 * 8 / 1_000_000
            )),
            Err(Not::Permitted(why)) => End::Failed(why),
            Err(Not::Now(wait)) => End::Later(wait),
            Err(Not::Reached(why)) => {
                tracing::debug!(%why, "an upload was interrupted");
                End::Later(Duration::ZERO)
            }
            // Its day was over; the server is about to forget it.
            Err(Not::Found | Not::There(_)) => End::Later(Duration::from_secs(10)),
        })
    }

    fn tell(&self, upload: &Upload, done: u64) {
        let progress = Progress {
            file: Transfer::Up(upload.id),
            done,
            of: upload.sealed_length,
        };
        let _ = self.notices.send(Notice::File(progress));
    }
}

/// The part of a sealed copy that begins here.
async fn part(file: &mut File, at: u64, length: u64) -> std::io::Result<Bytes> {
    let size = usize::try_from((length - at).min(FILE_PART)).unwrap_or(0);
    let mut part = vec![0; size];
    file.seek(SeekFrom::Start(at)).await?;
    file.read_exact(&mut part).await?;
    Ok(part.into())
}
