//! One page or picture over HTTP: bounded in bytes and in moves, from an address that was checked.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use hyper::rt::{Read, Write};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::{PreviewFailure, Reach};
use crate::limits::MAX_PREVIEW_MOVES;
use crate::tls;

/// What the program is called: the same for everybody.
const NAME: &str = "Mozilla/5.0 (compatible; Keyfold)";

/// Fetches for one preview.
pub(super) struct Fetcher {
    reach: Reach,
    /// The system's authorities alone: one's own server may have others.
    tls: Arc<ClientConfig>,
}

/// What came.
pub(super) struct Fetched {
    /// From where, after all moves.
    pub(super) url: Url,
    /// At most as many bytes as were asked for; of what is longer, the beginning.
    pub(super) body: Vec<u8>,
    /// It is HTML.
    pub(super) is_page: bool,
}

impl Fetcher {
    pub(super) fn new(reach: Reach) -> Result<Self, PreviewFailure> {
        let tls = tls::config(None).map_err(|_| PreviewFailure::NotLoaded)?;
        Ok(Self { reach, tls })
    }

    /// Gets what lies there, following a few moves.
    pub(super) async fn get(&self, url: Url, most: usize) -> Result<Fetched, PreviewFailure> {
        let mut url = url;
        for _ in 0..=MAX_PREVIEW_MOVES {
            let response = self.ask(&url).await?;
            if response.status().is_redirection() {
                url = next(&url, &response)?;
                continue;
            }
            if !response.status().is_success() {
                return Err(PreviewFailure::NotLoaded);
            }
            let is_page = is_page(&response);
            let body = beginning(response.into_body(), most).await?;
            return Ok(Fetched { url, body, is_page });
        }
        Err(PreviewFailure::Moved)
    }

    async fn ask(&self, url: &Url) -> Result<Response<Incoming>, PreviewFailure> {
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(PreviewFailure::NotPublic),
        };
        let named = !url.username().is_empty() || url.password().is_some();
        let place = self.place(url).await?;
        if named {
            return Err(PreviewFailure::NotPublic);
        }
        let stream = TcpStream::connect(place).await.map_err(broken)?;
        if !is_tls {
            return send(TokioIo::new(stream), url).await;
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(broken)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(broken)?;
        send(TokioIo::new(stream), url).await
    }

    /// Where a page lies: an address that was checked, and is the one that is connected to, whatever its name means by then. A name that also means
    /// another kind of address is not trusted at all.
    async fn place(&self, url: &Url) -> Result<SocketAddr, PreviewFailure> {
        let not_public = || PreviewFailure::NotPublic;
        let port = url.port_or_known_default().ok_or_else(not_public)?;
        if !self.reach.has_port(port) {
            return Err(PreviewFailure::NotPublic);
        }
        let places: Vec<SocketAddr> = match url.host().ok_or_else(not_public)? {
            Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Domain(name) => lookup_host((name, port)).await.map_err(broken)?.collect(),
        };
        if places.iter().any(|place| !self.reach.has(*place)) {
            return Err(PreviewFailure::NotPublic);
        }
        places.first().copied().ok_or(PreviewFailure::NotLoaded)
    }
}

fn broken<E>(_: E) -> PreviewFailure {
    PreviewFailure::NotLoaded
}

async fn send<S>(stream: S, url: &Url) -> Result<Response<Incoming>, PreviewFailure>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await.map_err(broken)?;
    // It ends with the answer's body.
    tokio::spawn(connection);
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, NAME)
        .header(ACCEPT, "text/html, image/*;q=0.9, */*;q=0.1")
        .header(ACCEPT_ENCODING, "identity")
        .body(Empty::<Bytes>::new())
        .map_err(broken)?;
    sender.send_request(request).await.map_err(broken)
}

/// Where something has moved to. Not from what is sealed on its way to what is not.
fn next<B>(url: &Url, response: &Response<B>) -> Result<Url, PreviewFailure> {
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    let next = url.join(location.ok_or(PreviewFailure::NotLoaded)?);
    let next = next.map_err(|_| PreviewFailure::NotPublic)?;
    if url.scheme() == "https" && next.scheme() != "https" {
        return Err(PreviewFailure::NotPublic);
    }
    Ok(next)
}

fn is_page<B>(response: &Response<B>) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE);
    let media_type = media_type.and_then(|media_type| media_type.to_str().ok());
    let essence = media_type.and_then(|media_type| media_type.split(';').next());
    essence.is_some_and(|essence| {
        let essence = essence.trim().to_ascii_lowercase();
        essence == "text/html" || essence == "application/xhtml+xml"
    })
}

/// The beginning of what comes, and no byte more.
async fn beginning(mut body: Incoming, most: usize) -> Result<Vec<u8>, PreviewFailure> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(broken)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let room = most.saturating_sub(read.len());
        read.extend_from_slice(data.get(..room).unwrap_or(data));
        if read.len() >= most {
            break;
        }
    }
    Ok(read)
}
