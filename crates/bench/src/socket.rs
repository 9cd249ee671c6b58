//! The load's end of a WebSocket over TLS.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use keyfold_wire::frame::{decode_server, encode_client};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Ten thousand of these are in one process: small buffers.
const BUFFER: usize = 4 * 1_024;

/// Where a server is, and whom to trust.
#[derive(Clone)]
pub(crate) struct There {
    pub(crate) address: String,
    trust: Arc<rustls::ClientConfig>,
}

/// A connection.
pub(crate) type Socket = WebSocketStream<TlsStream<TcpStream>>;

impl There {
    pub(crate) fn new(address: &str, ca: &Path) -> Result<Self> {
        let ca = CertificateDer::from_pem_file(ca).context("the development CA")?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            address: address.to_owned(),
            trust: Arc::new(trust),
        })
    }

    /// Opens a WebSocket at a path.
    pub(crate) async fn open(&self, path: &str) -> Result<Socket> {
        let tcp = TcpStream::connect(&self.address).await?;
        tcp.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.trust));
        let tls = connector.connect("127.0.0.1".try_into()?, tcp).await?;
        let url = format!("ws://{}{path}", self.address);
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER);
        let opened = tokio_tungstenite::client_async_with_config(url, tls, Some(config)).await;
        Ok(opened?.0)
    }
}

/// The next binary message.
pub(crate) async fn next(
    stream: &mut (
             impl futures_util::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>>
             + Unpin
         ),
) -> Result<Bytes> {
    loop {
        match stream.next().await {
            Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
            Some(Ok(Message::Close(reason))) => bail!("closed: {reason:?}"),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => bail!("the connection ended"),
        }
    }
}

/// Asks and waits for the answer; what is pushed in between is passed over.
pub(crate) async fn ask(socket: &mut Socket, id: u64, request: Request) -> Result<Content> {
    socket
        .send(Message::Binary(encode_client(id, request)))
        .await?;
    loop {
        let frame = decode_server(next(socket).await?)?;
        if frame.id == id {
            return frame.content.context("an empty answer");
        }
    }
}

/// What an answer is that was not hoped for.
pub(crate) fn named(content: Option<&Content>) -> &'static str {
    match content {
        Some(Content::Refused(refused)) => refused.code().as_str_name(),
        Some(_) => "something else",
        None => "nothing",
    }
}
