//! One WebSocket: binary frames in and out, in little memory.
//!
//! The library's buffers keep their largest size for ever. So what goes out is cut into fragments; and once a socket
//! that has carried something large is silent, between two messages and with everything written, the library's part is
//! made anew around the same connection. What comes in is limited per socket.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use keyfold_wire::close;
use keyfold_wire::frame::encode_server;
use keyfold_wire::v1::{self, server_frame::Content};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::stream::Stream;
use crate::refusal::Refusal;

/// The library allocates it at once, for each socket. A message of the usual size fits.
const READ_BUFFER: usize = 2 * 1024;

/// The largest fragment that goes out: with its head, what one TLS record holds.
const FRAGMENT: usize = 16 * 1024 - 4;

/// Fragments collected before they are written: a record's worth, so that a usual push is one write.
const WRITE_BUFFER: usize = 16 * 1024;

/// Messages up to this size leave the library's buffers as they are.
const SMALL: usize = 4 * 1024;

/// How long the other side may take for what is written at once, at most two fragments: 9 kbit/s.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// How long, and how much, is read and thrown away after a close, so that the other side gets to see why.
const LINGER: Duration = Duration::from_secs(3);
const LINGER_BYTES: usize = 2 * keyfold_wire::limits::MAX_FRAME;

/// Why a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The other side is gone, or said goodbye.
    Gone,
    /// This side says goodbye, with a code and a sentence.
    Close(u16, &'static str),
}

/// A WebSocket.
pub(super) struct Socket {
    /// `None` once the library's part could not be made anew: the socket is gone.
    inner: Option<WebSocketStream<Stream>>,
    max_frame: usize,
    grown: bool,
}

impl Socket {
    /// A socket on an upgraded connection; `read` came with the upgrade. Takes frames up to `max_frame` bytes.
    pub(super) fn new(mut stream: Stream, read: &[u8], max_frame: usize) -> Self {
        stream.frames_begin(read);
        Self {
            inner: library(stream, read.to_vec(), max_frame),
            max_frame,
            grown: false,
        }
    }

    /// The next frame. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Bytes, Ending> {
        loop {
            let message = poll_fn(|context| self.poll_message(context)).await;
            let is_binary = matches!(message, Some(Ok(Message::Binary(_))));
            if let Some(inner) = &mut self.inner
                && (is_binary || inner.get_ref().is_between_messages())
            {
                inner.get_mut().frame_finished();
            }
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    self.grown |= bytes.len() > SMALL;
                    return Ok(bytes);
                }
                Some(Ok(Message::Text(_)) | Err(Error::Utf8(_))) => return Err(NOT_BINARY),
                Some(Ok(_)) => {}
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                    return Err(TOO_LARGE);
                }
                Some(Err(Error::Protocol(_))) => return Err(NOT_WEBSOCKET),
                Some(Err(_)) | None => return Err(Ending::Gone),
            }
        }
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            let Some(inner) = &mut self.inner else {
                return Poll::Ready(None);
            };
            let polled = inner.poll_next_unpin(context);
            let is_at_rest =
                self.grown && polled.is_pending() && inner.get_ref().is_between_messages();
            // Everything that came was taken; is all that goes out written?
            if !is_at_rest || !matches!(inner.poll_flush_unpin(context), Poll::Ready(Ok(()))) {
                return polled;
            }
            self.grown = false;
            let stream = self.inner.take().map(WebSocketStream::into_inner);
            self.inner = stream.and_then(|stream| library(stream, Vec::new(), self.max_frame));
        }
    }

    /// The next frame, if it is here already.
    pub(super) fn next_now(&mut self) -> Option<Result<Bytes, Ending>> {
        self.next().now_or_never()
    }

    /// Queues a frame: `id` of its request, zero for what is sent unasked. Waits while the other side does not read.
    pub(super) async fn feed(&mut self, id: u64, content: Content) -> Result<(), Ending> {
        let mut rest = encode_server(id, content);
        self.grown |= rest.len() > SMALL;
        if rest.len() <= FRAGMENT {
            return self.feed_message(Message::Binary(rest)).await;
        }
        let mut kind = Data::Binary;
        while !rest.is_empty() {
            let fragment = rest.split_to(rest.len().min(FRAGMENT));
            let frame = Frame::message(fragment, OpCode::Data(kind), rest.is_empty());
            self.feed_message(Message::Frame(frame)).await?;
            kind = Data::Continue;
        }
        Ok(())
    }

    /// Queues a refusal.
    pub(super) async fn refuse(&mut self, id: u64, refusal: Refusal) -> Result<(), Ending> {
        self.feed(id, Content::Refused(v1::Refused::from(refusal)))
            .await
    }

    /// Writes out what is queued.
    pub(super) async fn flush(&mut self) -> Result<(), Ending> {
        in_time(self.library()?.flush()).await
    }

    /// Asks the other side for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), Ending> {
        in_time(self.library()?.send(Message::Ping(Bytes::new()))).await
    }

    /// Whether anything came since the last time this was asked.
    pub(super) fn take_heard(&mut self) -> bool {
        self.inner
            .as_mut()
            .is_some_and(|inner| inner.get_mut().take_heard())
    }

    async fn feed_message(&mut self, message: Message) -> Result<(), Ending> {
        in_time(self.library()?.feed(message)).await
    }

    fn library(&mut self) -> Result<&mut WebSocketStream<Stream>, Ending> {
        self.inner.as_mut().ok_or(Ending::Gone)
    }

    /// Says goodbye and waits a little for the other side to hear it.
    pub(super) async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        let Ok(inner) = self.library() else {
            return;
        };
        if in_time(inner.send(Message::Close(Some(frame))))
            .await
            .is_err()
        {
            return;
        }
        let stream = inner.get_mut();
        // Closing with unread bytes would reset the connection, and the goodbye would be lost with it.
        let linger = async {
            stream.shutdown().await?;
            let mut left = LINGER_BYTES;
            let mut waste = vec![0; READ_BUFFER];
            while left > 0 {
                let came = stream.read(&mut waste).await?;
                stream.frame_finished();
                if came == 0 {
                    break;
                }
                left = left.saturating_sub(came);
            }
            std::io::Result::Ok(())
        };
        let _ = tokio::time::timeout(LINGER, linger).await;
    }
}

/// The library's part of a socket. It has nothing to wait for, so there always is one.
fn library(stream: Stream, read: Vec<u8>, max_frame: usize) -> Option<WebSocketStream<Stream>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(max_frame))
        .max_frame_size(Some(max_frame));
    WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).now_or_never()
}

const NOT_BINARY: Ending = Ending::Close(close::NOT_BINARY, "only binary frames are spoken here");
const TOO_LARGE: Ending = Ending::Close(close::TOO_LARGE, "the frame is too large");
const NOT_WEBSOCKET: Ending = Ending::Close(1002, "not the WebSocket protocol");

async fn in_time(write: impl Future<Output = Result<(), Error>>) -> Result<(), Ending> {
    match tokio::time::timeout(WRITE_WITHIN, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Ending::Gone),
        Err(_) => Err(Ending::Close(
            close::UNRESPONSIVE,
            "what was sent was not read",
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::sync::Arc;

    use keyfold_wire::v1::Done;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Semaphore;

    use super::super::memory::FrameMemory;
    use super::super::stream::Transport;
    use super::*;

    async fn pair(max_frame: usize) -> (Socket, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(
            TcpStream::connect(listener.local_addr().unwrap()),
            listener.accept()
        );
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let stream = Stream::new(
            Transport::Plain(server.unwrap().0),
            FrameMemory::new(),
            permit,
        );
        let client = WebSocketStream::from_raw_socket(client.unwrap(), Role::Client, None).await;
        (Socket::new(stream, &[], max_frame), client)
    }

    fn of(length: usize) -> Message {
        Message::Binary(vec![7; length].into())
    }

    #[tokio::test]
    async fn a_socket_that_grew_is_made_anew_when_it_rests_and_loses_nothing() {
        let (mut socket, mut client) = pair(1 << 20).await;
        for length in [SMALL + 1, 10, 1 << 20, 0, 100_000] {
            client.send(of(length)).await.unwrap();
            assert_eq!(socket.next().await.unwrap().len(), length);
        }
        assert!(socket.grown);
        assert!(socket.next_now().is_none());
        assert!(!socket.grown, "at rest it is small again");

        client.send(of(SMALL)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().len(), SMALL);
        socket
            .feed(9, Content::Done(Done::default()))
            .await
            .unwrap();
        socket.flush().await.unwrap();
        assert!(matches!(client.next().await, Some(Ok(Message::Binary(_)))));
    }

    #[tokio::test]
    async fn in_the_middle_of_a_message_it_is_left_alone() {
        let (mut socket, mut client) = pair(1 << 20).await;
        let begins = Frame::message(vec![1; 50_000], OpCode::Data(Data::Binary), false);
        let ends = Frame::message(vec![2; 50_000], OpCode::Data(Data::Continue), true);
        client.send(of(SMALL + 1)).await.unwrap();
        client.send(Message::Frame(begins)).await.unwrap();
        client.send(Message::Ping(Bytes::new())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().len(), SMALL + 1);
        // The ping is answered once what was sent before it has been read.
        while !matches!(next_of(&mut client, &mut socket).await, Message::Pong(_)) {}
        assert!(socket.grown);
        client.send(Message::Frame(ends)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().len(), 100_000);
    }

    /// What the client hears while the server's end reads and has no message yet.
    async fn next_of(client: &mut WebSocketStream<TcpStream>, socket: &mut Socket) -> Message {
        tokio::select! {
            message = client.next() => message.unwrap().unwrap(),
            _ = socket.next() => panic!("the message was not whole"),
        }
    }

    #[tokio::test]
    async fn a_frame_at_its_socket_s_limit_passes_and_a_longer_one_does_not() {
        let (mut socket, mut client) = pair(1_000).await;
        client.send(of(1_000)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().len(), 1_000);
        client.send(of(1_001)).await.unwrap();
        assert_eq!(socket.next().await, Err(TOO_LARGE));
    }
}
