//! One WebSocket to the server: opened, pumped both ways, and its end reported exactly once.
//!
//! Knows bytes and frames; which request a frame answers is the driver's business. A socket lives in a task of its own,
//! so that a long step of the engine never keeps a ping from being answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use keyfold_wire::limits::MAX_FRAME;
use keyfold_wire::{frame, v1};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::address::ServerUrl;
use crate::limits::{CONNECT_PATIENCE, GOODBYE, PING_AFTER, SILENCE, WAITING_FRAMES};

/// How to reach the server.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) server: ServerUrl,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Why a socket ended or never began.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketEnd {
    /// The name does not resolve, or nobody answers there.
    #[error("the server can't be reached: {0}")]
    Unreachable(String),
    /// TLS failed, as a rule because the certificate is not trusted.
    #[error("the server's identity can't be checked: {0}")]
    Tls(String),
    /// Something answers, but not a Keyfold server.
    #[error("what answers there is not a Keyfold server: {0}")]
    NotKeyfold(String),
    /// It took too long.
    #[error("the server does not answer")]
    Silent,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server takes nothing at present: its disk is full, or it has too much to do.
    #[error("the server has no room or no time for it now")]
    Overburdened,
    /// The server closed it with this code, see [`keyfold_wire::close`].
    #[error("the server closed the connection (code {0})")]
    Closed(u16),
    /// This side closed it.
    #[error("closed")]
    Done,
}

/// What a socket tells its driver.
pub(crate) enum News {
    /// It is open.
    Opened,
    /// A frame came.
    Frame(v1::ServerFrame),
    /// It is over; nothing comes after this.
    Ended(SocketEnd),
}

/// The sending side. Dropping it closes the socket.
pub(crate) struct Sending {
    frames: mpsc::UnboundedSender<Bytes>,
}

impl Sending {
    /// Queues a frame. The driver bounds how many are unanswered; a broken socket is told as [`News::Ended`].
    pub(crate) fn send(&self, frame: Bytes) {
        let _ = self.frames.send(frame);
    }
}

type Sink<S> = SplitSink<WebSocketStream<S>, Message>;
type Stream<S> = SplitStream<WebSocketStream<S>>;

/// Opens a socket in a task of its own; `label` marks its news.
pub(crate) fn open<L: Copy + Send + 'static>(
    runtime: &tokio::runtime::Handle,
    route: Route,
    path: &'static str,
    label: L,
    news: mpsc::Sender<(L, News)>,
) -> Sending {
    let (frames, queue) = mpsc::unbounded_channel();
    runtime.spawn(async move {
        let end = live(&route, path, label, &news, queue).await;
        let _ = news.send((label, News::Ended(end))).await;
    });
    Sending { frames }
}

async fn live<L: Copy>(
    route: &Route,
    path: &str,
    label: L,
    news: &mpsc::Sender<(L, News)>,
    queue: mpsc::UnboundedReceiver<Bytes>,
) -> SocketEnd {
    match timeout(CONNECT_PATIENCE, connect(route)).await {
        Err(_) => SocketEnd::Silent,
        Ok(Err(end)) => end,
        Ok(Ok(Transport::Plain(stream))) => greet(stream, route, path, label, news, queue).await,
        Ok(Ok(Transport::Tls(stream))) => greet(*stream, route, path, label, news, queue).await,
    }
}

/// A connection's bytes.
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// Connects, with TLS where the server's address says so.
pub(crate) async fn connect(route: &Route) -> Result<Transport, SocketEnd> {
    let unreachable = |error: std::io::Error| SocketEnd::Unreachable(error.to_string());
    let host = route.server.host().to_owned();
    let tcp = TcpStream::connect((host.as_str(), route.server.port()))
        .await
        .map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    if !route.server.is_tls() {
        return Ok(Transport::Plain(tcp));
    }
    let name = ServerName::try_from(host).map_err(|error| SocketEnd::Tls(error.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&route.tls));
    let stream = connector
        .connect(name, tcp)
        .await
        .map_err(|error| tls_end(&error))?;
    Ok(Transport::Tls(Box::new(stream)))
}

/// A handshake that rustls refused is about identity; one that broke off is about the network.
fn tls_end(error: &std::io::Error) -> SocketEnd {
    let inner = error.get_ref();
    let refused = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if refused.is_some() {
        SocketEnd::Tls(error.to_string())
    } else {
        SocketEnd::Unreachable(error.to_string())
    }
}

async fn greet<S: AsyncRead + AsyncWrite + Unpin, L: Copy>(
    stream: S,
    route: &Route,
    path: &str,
    label: L,
    news: &mpsc::Sender<(L, News)>,
    queue: mpsc::UnboundedReceiver<Bytes>,
) -> SocketEnd {
    let request = match route.server.socket(path).into_client_request() {
        Ok(request) => request,
        Err(error) => return SocketEnd::NotKeyfold(error.to_string()),
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
    let socket = match timeout(CONNECT_PATIENCE, upgrade).await {
        Err(_) => return SocketEnd::Silent,
        Ok(Err(tungstenite::Error::Io(error))) => return SocketEnd::Unreachable(error.to_string()),
        Ok(Err(error)) => return SocketEnd::NotKeyfold(error.to_string()),
        Ok(Ok((socket, _))) => socket,
    };
    if news.send((label, News::Opened)).await.is_err() {
        return SocketEnd::Done;
    }
    pump(socket, label, news, queue).await
}

/// Writing and reading go on independently: a server that has stopped reading until its answers are taken is not a
/// deadlock.
async fn pump<S: AsyncRead + AsyncWrite + Unpin, L: Copy>(
    socket: WebSocketStream<S>,
    label: L,
    news: &mpsc::Sender<(L, News)>,
    queue: mpsc::UnboundedReceiver<Bytes>,
) -> SocketEnd {
    let (mut sink, mut stream) = socket.split();
    let (ping, pings) = mpsc::channel(1);
    tokio::select! {
        end = write(&mut sink, queue, pings) => match end {
            SocketEnd::Done => { goodbye(sink, stream).await; SocketEnd::Done }
            end => explained(&mut stream, end).await,
        },
        end = read(&mut stream, label, news, ping) => end,
    }
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut Sink<S>,
    mut queue: mpsc::UnboundedReceiver<Bytes>,
    mut pings: mpsc::Receiver<()>,
) -> SocketEnd {
    loop {
        let message = tokio::select! {
            frame = queue.recv() => match frame {
                Some(frame) => Message::Binary(frame),
                None => return SocketEnd::Done,
            },
            Some(()) = pings.recv() => Message::Ping(Bytes::new()),
        };
        if let Err(error) = feed(sink, message, &mut queue).await {
            return ended(&error);
        }
    }
}

/// Writes a message and all frames that wait behind it, then flushes once.
async fn feed<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut Sink<S>,
    message: Message,
    queue: &mut mpsc::UnboundedReceiver<Bytes>,
) -> Result<(), tungstenite::Error> {
    sink.feed(message).await?;
    while let Ok(frame) = queue.try_recv() {
        sink.feed(Message::Binary(frame)).await?;
    }
    sink.flush().await
}

async fn read<S: AsyncRead + AsyncWrite + Unpin, L: Copy>(
    stream: &mut Stream<S>,
    label: L,
    news: &mpsc::Sender<(L, News)>,
    ping: mpsc::Sender<()>,
) -> SocketEnd {
    let mut heard = Instant::now();
    loop {
        let message = match timeout(PING_AFTER, stream.next()).await {
            Err(_) if heard.elapsed() >= SILENCE => return SocketEnd::Silent,
            Err(_) => {
                let _ = ping.try_send(());
                continue;
            }
            Ok(None) => return SocketEnd::Broken("it ended".to_owned()),
            Ok(Some(Err(error))) => return ended(&error),
            Ok(Some(Ok(message))) => message,
        };
        heard = Instant::now();
        match message {
            Message::Binary(bytes) => {
                let Ok(frame) = frame::decode_server(bytes) else {
                    return SocketEnd::NotKeyfold("it sent a malformed frame".to_owned());
                };
                if news.send((label, News::Frame(frame))).await.is_err() {
                    return SocketEnd::Done;
                }
            }
            Message::Close(close) => {
                return SocketEnd::Closed(close.map_or(1005, |close| close.code.into()));
            }
            Message::Text(_) => return SocketEnd::NotKeyfold("it sent text".to_owned()),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// Writing failed. The reason may lie in what the server said before it closed.
async fn explained<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Stream<S>,
    end: SocketEnd,
) -> SocketEnd {
    let close = async {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Close(Some(close)) = message {
                return Some(SocketEnd::Closed(close.code.into()));
            }
        }
        None
    };
    timeout(Duration::from_millis(200), close)
        .await
        .ok()
        .flatten()
        .unwrap_or(end)
}

/// The closing handshake, so that everything written has reached the server.
async fn goodbye<S: AsyncRead + AsyncWrite + Unpin>(mut sink: Sink<S>, mut stream: Stream<S>) {
    let handshake = async {
        if sink.close().await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    let _ = timeout(GOODBYE, handshake).await;
}

fn ended(error: &tungstenite::Error) -> SocketEnd {
    SocketEnd::Broken(error.to_string())
}

/// A socket's label and what it tells.
pub(crate) type Labelled<L> = (L, News);

/// The channel over which sockets report.
pub(crate) fn news<L>() -> (mpsc::Sender<Labelled<L>>, mpsc::Receiver<Labelled<L>>) {
    mpsc::channel(WAITING_FRAMES)
}
