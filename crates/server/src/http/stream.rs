//! One connection's bytes, TLS or plain, which notices when it hears something.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;

use super::boundary::Boundary;
use super::memory::{FrameMemory, Unfinished};

/// A connection.
pub(super) struct Stream {
    bytes: Transport,
    heard: bool,
    /// Where in a frame it is; `None` before the first one.
    frames: Option<Boundary>,
    unfinished: Unfinished,
    _permit: OwnedSemaphorePermit,
}

/// What carries the bytes.
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// A connection that counts as open until it is dropped.
    pub(super) fn new(
        bytes: Transport,
        memory: Arc<FrameMemory>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            bytes,
            heard: false,
            frames: None,
            unfinished: Unfinished::new(memory),
            _permit: permit,
        }
    }

    /// Whether anything came since the last time this was asked.
    pub(super) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// From now on frames come; `first` is what has come of them.
    pub(super) fn frames_begin(&mut self, first: &[u8]) {
        self.frames.insert(Boundary::default()).follow(first);
    }

    /// A frame was taken.
    pub(super) fn frame_finished(&mut self) {
        self.unfinished.finished();
    }

    /// Whether all that came is whole messages.
    pub(super) fn is_between_messages(&self) -> bool {
        self.frames
            .as_ref()
            .is_some_and(Boundary::is_between_messages)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(match &mut this.bytes {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        this.heard |= !came.is_empty();
        let Some(frames) = &mut this.frames else {
            return Poll::Ready(Ok(()));
        };
        frames.follow(came);
        if this.unfinished.grow(came.len()) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::OutOfMemory,
            "too many large frames at once",
        )))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().bytes {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
