//! A device's end of a WebSocket of `docs/protocol/wire.md`.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use keyfold_wire::frame::{decode_server, encode_client};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{Deliveries, ServerFrame};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::kit::soon;

pub struct Socket {
    inner: WebSocketStream<TcpStream>,
    last_id: u64,
    /// What was pushed while something else was awaited.
    pushed: VecDeque<Deliveries>,
}

impl Socket {
    pub async fn open(server: SocketAddr, path: &str) -> Self {
        let tcp = TcpStream::connect(server).await.unwrap();
        let url = format!("ws://{server}{path}");
        let (inner, _) = tokio_tungstenite::client_async(url, tcp).await.unwrap();
        Self {
            inner,
            last_id: 0,
            pushed: VecDeque::new(),
        }
    }

    pub async fn tell(&mut self, request: Request) -> u64 {
        self.last_id += 1;
        let frame = Message::Binary(encode_client(self.last_id, request));
        soon("sending", self.inner.send(frame)).await.unwrap();
        self.last_id
    }

    pub async fn ask(&mut self, request: Request) -> Content {
        let id = self.tell(request).await;
        loop {
            let frame = self.next().await;
            match frame.content.unwrap() {
                Content::Deliveries(deliveries) => self.pushed.push_back(deliveries),
                answer if frame.id == id => return answer,
                _ => {}
            }
        }
    }

    /// The next push of items.
    pub async fn deliveries(&mut self) -> Deliveries {
        loop {
            if let Some(deliveries) = self.pushed.pop_front() {
                return deliveries;
            }
            if let Some(Content::Deliveries(deliveries)) = self.next().await.content {
                return deliveries;
            }
        }
    }

    async fn next(&mut self) -> ServerFrame {
        loop {
            match soon("a frame", self.inner.next()).await {
                Some(Ok(Message::Binary(bytes))) => return decode_server(bytes).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame: {other:?}"),
            }
        }
    }
}
