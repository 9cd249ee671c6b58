//! A device that seals nothing: it shows that the searches see what is not sealed.

use futures_util::{SinkExt as _, StreamExt as _};
use keyfold_wire::frame::{ANONYMOUS_PATH, decode_server, encode_client};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::frames::{self, PLANTED};
use crate::observed::Observed;
use crate::recorder::{Recorder, connector};

const HANDLE: &[u8; 32] = b"the handle of a careless group..";
const ROSTER_KEY: &[u8; 32] = b"the roster key of that group....";

/// Speaks to the server as every device does, in a conversation of its own with everybody's mailboxes.
pub(crate) struct Careless {
    runtime: Runtime,
    socket: WebSocketStream<TlsStream<TcpStream>>,
    asked: u64,
}

impl Careless {
    /// Begins its conversation with the mailboxes whose addresses have come by.
    pub(crate) fn before(recorder: &Recorder, server: &Observed) -> Self {
        let runtime = Runtime::new().unwrap();
        let address = recorder.url().trim_start_matches("https://");
        let socket = runtime.block_on(async {
            let tcp = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let tls = connector(server).connect(name, tcp).await.unwrap();
            let url = format!("wss://{address}{ANONYMOUS_PATH}");
            let mut request = url.into_client_request().unwrap();
            let word = HeaderValue::from_static(PLANTED);
            request.headers_mut().insert("user-agent", word);
            tokio_tungstenite::client_async(request, tls)
                .await
                .unwrap()
                .0
        });
        let mut careless = Self {
            runtime,
            socket,
            asked: 0,
        };
        let roster = frames::addresses(recorder);
        assert!(roster.len() >= 3, "one of each mailbox at least");
        careless.asks(Request::Create(v1::Create {
            handle: HANDLE.to_vec().into(),
            epoch: 1,
            roster: roster.into_iter().map(Into::into).collect(),
            roster_key: ROSTER_KEY.to_vec().into(),
            message_id: b"careless begin..".to_vec().into(),
            welcomes: Vec::new(),
            group_info: Vec::new().into(),
        }));
        careless
    }

    /// Says something that was never said before, as it is; returns it once the server has it.
    pub(crate) fn says_it_plainly(&mut self) -> String {
        let text = format!("{PLANTED}: word {} of several", self.asked);
        self.asks(Request::Send(v1::Send {
            handle: HANDLE.to_vec().into(),
            epoch: 1,
            roster_key: ROSTER_KEY.to_vec().into(),
            message_id: format!("careless {:07}", self.asked).into_bytes().into(),
            body: text.clone().into_bytes().into(),
        }));
        text
    }

    fn asks(&mut self, request: Request) {
        self.asked += 1;
        let frame = encode_client(self.asked, request);
        let socket = &mut self.socket;
        let answer = self.runtime.block_on(async {
            socket.send(Message::Binary(frame)).await.unwrap();
            socket.next().await.unwrap().unwrap()
        });
        let answer = decode_server(answer.into_data()).unwrap();
        assert!(
            matches!(answer.content, Some(Content::Accepted(_))),
            "the server takes what is not sealed: it cannot know"
        );
    }
}
