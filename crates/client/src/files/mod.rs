//! Files between the disk, the engine and the server: sealed and uploaded in the background, downloaded when asked for.
//!
//! Memory does not grow with a file: it goes in parts of `FILE_PART` bytes and segments of 64 KiB. What is interrupted goes on where it
//! stopped, also in the next process. Nothing is handed out that was changed.

mod download;
mod http;
mod spool;
mod upload;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use keyfold_engine::view::Upload;
use keyfold_engine::{Answer, Command, Fault, UploadId};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::file::FileError;
use keyfold_wire::file::FileId;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::client::Notice;
use crate::driver::Call;
use crate::error::ClientError;
use crate::socket::{Route, SocketEnd};
use spool::Spool;

pub use upload::{Begun, Sending};

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub file: Transfer,
    /// Sealed bytes that are done.
    pub done: u64,
    /// Sealed bytes of all of it.
    pub of: u64,
}

/// A file that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// To the server.
    Up(UploadId),
    /// From the server.
    Down(ContentId),
}

/// Why a file was not sent, loaded or handed out.
#[derive(Debug, thiserror::Error)]
pub enum FileFailure {
    /// There is no such message, it has no file, or was taken back.
    #[error("there is no file in that message")]
    NoFile,
    /// It is opened once: it was, or it was sent from here.
    #[error("that was to be opened once, and can't be any more")]
    Opened,
    /// The server has it no more.
    #[error("the server does not have the file any more: ask for it to be sent again")]
    Gone,
    /// It is too large, or was changed.
    #[error("{0}")]
    File(FileError),
    /// Another one than was sent.
    #[error("the file was changed on its way: it is not handed out")]
    Changed,
    /// Not a file, but a folder or something else.
    #[error("that is no file: send the files in it one by one")]
    NotAFile,
    /// It changed while it was read.
    #[error("the file changed while it was read: try again when nothing writes to it")]
    Moving,
    /// What it says beside what is seen of it can't be taken out.
    #[error("{0}")]
    Damaged(keyfold_media::Trouble),
    /// A read behind its end.
    #[error("the file ends before that")]
    Range,
    /// The server can't be reached; what has come so far is kept.
    #[error("{0}")]
    Unreached(SocketEnd),
    /// The server refuses for good.
    #[error("the server does not give the file out: {0}")]
    Refused(String),
    /// The disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The engine.
    #[error("{0}")]
    Client(#[from] ClientError),
}

impl From<keyfold_media::Trouble> for FileFailure {
    fn from(trouble: keyfold_media::Trouble) -> Self {
        match trouble {
            keyfold_media::Trouble::Disk(error) => Self::Disk(error),
            damaged @ keyfold_media::Trouble::Damaged => Self::Damaged(damaged),
        }
    }
}

impl From<FileError> for FileFailure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Changed | FileError::Length => Self::Changed,
            error @ FileError::TooLarge => Self::File(error),
        }
    }
}

/// What files need of a client.
pub(crate) struct Files {
    pub(crate) route: Route,
    spool: Spool,
    notices: broadcast::Sender<Notice>,
    /// Wakes the uploads.
    wake: Arc<Notify>,
    uploads: JoinHandle<()>,
    /// Files that are being loaded: what has come of each is in one place on the disk.
    loading: Mutex<HashMap<FileId, Weak<tokio::sync::Mutex<()>>>>,
}

impl Files {
    /// Whoever loads a file does so alone.
    pub(crate) fn turn(&self, file: FileId) -> Arc<tokio::sync::Mutex<()>> {
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        loading.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = loading.get(&file).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        loading.insert(file, Arc::downgrade(&turn));
        turn
    }

    /// Begins to upload what waits, in the background. Copies of anything else go first, while none can be in the making.
    pub(crate) fn start(
        route: Route,
        profile: &std::path::Path,
        waiting: &[Upload],
        calls: &mpsc::Sender<Call>,
        notices: broadcast::Sender<Notice>,
    ) -> Self {
        let (spool, wake) = (Spool::new(profile), Arc::new(Notify::new()));
        let ids: Vec<_> = waiting.iter().map(|one| one.token.id()).collect();
        spool.tidy(&ids);
        let worker = upload::Worker {
            route: route.clone(),
            spool: spool.clone(),
            engine: Engine(calls.downgrade()),
            notices: notices.clone(),
            wake: Arc::clone(&wake),
        };
        Self {
            route,
            spool,
            notices,
            wake,
            uploads: tokio::spawn(worker.run()),
            loading: Mutex::default(),
        }
    }

    /// Something new waits, or does not any more.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.uploads.abort();
    }
}

/// How long a full queue of calls is left alone.
const FULL_WAIT: Duration = Duration::from_millis(10);

/// A way to the engine that does not keep the client running.
struct Engine(mpsc::WeakSender<Call>);

impl Engine {
    async fn command(&self, command: Command) -> Result<Answer, ClientError> {
        let (reply, answer) = oneshot::channel();
        self.call(Call::Command(command, reply)).await?;
        answer.await.map_err(|_| ClientError::Stopped)?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&keyfold_engine::Engine) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ClientError> {
        let (reply, answer) = oneshot::channel();
        let call = Call::Read(Box::new(move |engine| {
            let _ = reply.send(read(engine));
        }));
        self.call(call).await?;
        answer
            .await
            .map_err(|_| ClientError::Stopped)?
            .map_err(ClientError::Fault)
    }

    async fn call(&self, call: Call) -> Result<(), ClientError> {
        let mut call = call;
        loop {
            // Never held while it waits: whoever drops the client waits for the driver, and that for the last sender.
            let calls = self.0.upgrade().ok_or(ClientError::Stopped)?;
            call = match calls.try_send(call) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(ClientError::Stopped),
                Err(mpsc::error::TrySendError::Full(call)) => call,
            };
            drop(calls);
            tokio::time::sleep(FULL_WAIT).await;
        }
    }
}
