//! The accept loop: TCP, TLS, HTTP/1.1 with upgrades.
//!
//! hyper by hand instead of `axum::serve`, for small buffers, a limit on headers' time, and TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::{Forwarding, Peer};
use super::stream::{Stream, Transport};
use super::{App, router};
use crate::network::Class;
use crate::tls::Tls;

/// Connections that the system completes before they are accepted: ten thousand devices come back at once.
const BACKLOG: u32 = 4_096;

/// A request's head: a browser's headers with room. Nothing sends more.
const HEAD: usize = 16 * 1024;

/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait when the system has no file descriptor left.
const BREATH: Duration = Duration::from_millis(100);

/// Descriptors that are not connections: the store, logs, metrics, with room.
const OTHER_FILES: u64 = 128;

/// Accepts connections.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Tls>,
    slots: Arc<Semaphore>,
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub fn bind(
        address: SocketAddr,
        tls: Option<Tls>,
        max_connections: NonZeroU32,
    ) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let tcp = socket.listen(BACKLOG)?;
        let slots = usize::try_from(max_connections.get())
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        Ok(Self {
            tcp,
            tls,
            slots: Arc::new(Semaphore::new(slots)),
        })
    }

    /// Where it listens, with the port that the system chose.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn url(&self) -> io::Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.tcp.local_addr()?))
    }

    /// Accepts until the server stops.
    pub async fn serve(self, app: Arc<App>) {
        let routes = router(Arc::clone(&app));
        let stop = app.stop.clone();
        tokio::select! {
            () = self.accept(app, routes) => (),
            () = stop.wait() => (),
        }
    }

    async fn accept(&self, app: Arc<App>, routes: Router) {
        // A closed semaphore is the only error, and nobody closes it.
        while let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await {
            match self.tcp.accept().await {
                Ok((tcp, peer)) => self.start(&app, &routes, tcp, peer.ip(), slot),
                Err(_) => tokio::time::sleep(BREATH).await,
            }
        }
    }

    fn start(
        &self,
        app: &Arc<App>,
        routes: &Router,
        tcp: TcpStream,
        peer: IpAddr,
        slot: OwnedSemaphorePermit,
    ) {
        let direct = app.forwarding == Forwarding::Direct;
        if direct
            && app
                .limits
                .take(Class::Handshake, peer.into(), 1, Instant::now())
                .is_err()
        {
            app.metrics.limited(Class::Handshake);
            return;
        }
        let _ = tcp.set_nodelay(true);
        let connection = connection(
            Arc::clone(app),
            routes.clone(),
            self.tls.clone(),
            tcp,
            Peer(peer),
            slot,
        );
        app.stop.spawn(connection);
    }
}

async fn connection(
    app: Arc<App>,
    routes: Router,
    tls: Option<Tls>,
    tcp: TcpStream,
    peer: Peer,
    slot: OwnedSemaphorePermit,
) {
    let transport = match tls {
        None => Some(Transport::Plain(tcp)),
        Some(tls) => secured(&app, &tls, tcp).await,
    };
    if let Some(transport) = transport {
        let stream = Stream::new(transport, Arc::clone(&app.memory), slot);
        http(&app, routes, stream, peer).await;
    }
}

async fn secured(app: &App, tls: &Tls, tcp: TcpStream) -> Option<Transport> {
    let Ok(stream) = tls.accept(tcp).await else {
        app.metrics.tls.handshake_failed();
        return None;
    };
    app.metrics.tls.handshake_done();
    stream.map(Transport::Tls)
}

/// Answers requests until the connection is closed, becomes a WebSocket, or the server stops.
async fn http(app: &App, routes: Router, stream: Stream, peer: Peer) {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = app.stop.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if ended.is_err() {
        tracing::trace!("a connection ended in the middle of a request");
    }
}

/// Lets this process open as many files as the system allows it, and says how many connections fit into that.
pub fn raise_open_files(wanted: NonZeroU32) -> NonZeroU32 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let open = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let fits = open.map_or(u64::MAX, |open| open.saturating_sub(OTHER_FILES).max(1));
    let fits = u32::try_from(fits)
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MAX);
    if fits < wanted {
        tracing::warn!(
            "the system allows {fits} connections, not {wanted}: raise its limit of open files"
        );
    }
    wanted.min(fits)
}
