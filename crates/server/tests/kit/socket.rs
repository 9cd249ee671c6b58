//! A device's end of a WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use keyfold_wire::frame::{decode_server, encode_client};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{Refused, ServerFrame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::server::Server;
use super::soon;

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}
pub type Bytes = Box<dyn Duplex>;

pub struct Socket {
    inner: WebSocketStream<Bytes>,
    next_id: u64,
}

/// How a socket ended: the server's code, if it gave one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Closed(pub Option<u16>);

impl Socket {
    pub async fn open(
        server: &Server,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("ws://{}{path}", server.address());
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match soon(tokio_tungstenite::client_async(
            request,
            server.bytes().await,
        ))
        .await
        {
            Ok((inner, _)) => Ok(Self { inner, next_id: 1 }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        }
    }

    /// Sends a request without waiting; its id.
    pub async fn send(&mut self, request: Request) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_bytes(&encode_client(id, request)).await;
        id
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.send_message(Message::Binary(bytes.to_vec().into()))
            .await;
    }

    pub async fn send_message(&mut self, message: Message) {
        soon(self.inner.send(message)).await.unwrap();
    }

    /// Sends although the other side may have gone.
    pub async fn try_send(&mut self, request: Request) -> Option<u64> {
        let id = self.next_id;
        self.next_id += 1;
        let message = Message::Binary(encode_client(id, request));
        soon(self.inner.send(message)).await.ok().map(|()| id)
    }

    /// Sends bytes although the other side may have gone.
    pub async fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        soon(self.inner.send(Message::Binary(bytes.to_vec().into())))
            .await
            .is_ok()
    }

    /// The next frame, or how it ended.
    pub async fn next_or_end(&mut self) -> Result<ServerFrame, Closed> {
        let mut closed = Closed::default();
        loop {
            match soon(self.inner.next()).await {
                Some(Ok(Message::Binary(bytes))) => return Ok(decode_server(bytes).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    closed = Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(Message::Text(_))) => panic!("the server sent text"),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(closed),
            }
        }
    }

    pub async fn next(&mut self) -> ServerFrame {
        self.next_or_end().await.expect("the socket was closed")
    }

    /// The next WebSocket message of any kind.
    pub async fn next_message(&mut self) -> Option<Message> {
        soon(self.inner.next()).await.and_then(Result::ok)
    }

    /// Sends a request and waits for its answer, past whatever is pushed.
    pub async fn ask(&mut self, request: Request) -> Content {
        let id = self.send(request).await;
        loop {
            let frame = self.next().await;
            if frame.id == id {
                return frame.content.unwrap();
            }
        }
    }

    /// The refusal that comes next.
    pub async fn refused(&mut self) -> (u64, Refused) {
        let frame = self.next().await;
        match frame.content {
            Some(Content::Refused(refused)) => (frame.id, refused),
            _ => panic!("not refused"),
        }
    }

    pub async fn refused_with(&mut self) -> &'static str {
        self.refused().await.1.code().as_str_name()
    }

    /// Waits for the end.
    pub async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.next_or_end().await {
                return closed;
            }
        }
    }

    /// Says goodbye.
    pub async fn close(&mut self) {
        let _ = self.inner.close(None).await;
    }
}

impl Socket {
    /// Sends a request; its answer must be the very next frame.
    pub async fn ask_next(&mut self, request: Request) -> Content {
        let id = self.send(request).await;
        let frame = self.next().await;
        assert_eq!(frame.id, id, "something else came first");
        frame.content.unwrap()
    }
}
