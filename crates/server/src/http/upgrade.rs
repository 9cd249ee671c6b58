//! From an HTTP request to a WebSocket (RFC 6455 section 4.2).
//!
//! By hand, where axum has an extractor, since a socket of that kind can neither be cut into fragments nor give its
//! buffers back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use keyfold_wire::limits::MAX_FRAME;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::App;
use super::peer::Peer;
use super::socket::Socket;
use super::stream::Stream;
use super::{anonymous, mailbox};
use crate::metrics::SocketKind;
use crate::network::{Class, Network, OpenSocket};
use crate::refusal::Refusal;

/// Opens a mailbox socket.
pub(super) async fn mailbox(State(app): State<Arc<App>>, request: Request) -> Response {
    open(app, SocketKind::Mailbox, request)
}

/// Opens an anonymous socket.
pub(super) async fn anonymous(State(app): State<Arc<App>>, request: Request) -> Response {
    open(app, SocketKind::Anonymous, request)
}

fn open(app: Arc<App>, kind: SocketKind, mut request: Request) -> Response {
    let Some(key) = websocket_key(&request) else {
        return not_a_websocket();
    };
    let accept = derive_accept_key(key.as_bytes());
    let peer = request.extensions().get::<Peer>().copied();
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (Some(peer), Some(upgrade), Ok(accept)) = (peer, upgrade, HeaderValue::try_from(accept))
    else {
        return not_a_websocket();
    };
    let network = app.forwarding.network(peer, request.headers());
    if let Err(refusal) = app.admit(Class::Connection, network, 1) {
        return too_many(refusal);
    }
    let Some(counted) = app.limits.open(network) else {
        app.metrics.limited(Class::Connection);
        return too_many(Refusal::Busy {
            retry_after: RETRY_FULL,
        });
    };
    let stop = app.stop.clone();
    stop.spawn(run(app, kind, network, upgrade, counted));
    switching(accept)
}

/// When a network that holds too many sockets may look again.
const RETRY_FULL: std::time::Duration = std::time::Duration::from_secs(30);

/// What a socket's task does from beginning to end.
async fn run(
    app: Arc<App>,
    kind: SocketKind,
    network: Network,
    upgrade: OnUpgrade,
    _counted: OpenSocket,
) {
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else {
        return;
    };
    let _open = app.metrics.sockets.open(kind);
    let stream = parts.io.into_inner();
    match kind {
        SocketKind::Mailbox => {
            let socket = Socket::new(stream, &parts.read_buf, mailbox::MAX_MAILBOX_FRAME);
            drop(parts.read_buf);
            mailbox::serve(app, socket, network).await;
        }
        SocketKind::Anonymous => {
            let socket = Socket::new(stream, &parts.read_buf, MAX_FRAME);
            drop(parts.read_buf);
            anonymous::serve(app, socket, network).await;
        }
    }
}

fn websocket_key(request: &Request) -> Option<HeaderValue> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
        && has_token(headers, &header::SEC_WEBSOCKET_VERSION, "13");
    asks.then(|| headers.get(header::SEC_WEBSOCKET_KEY).cloned())
        .flatten()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn switching(accept: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn not_a_websocket() -> Response {
    let headers = [
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_VERSION, "13"),
    ];
    (
        StatusCode::UPGRADE_REQUIRED,
        headers,
        "this path speaks WebSocket, version 13\n",
    )
        .into_response()
}

fn too_many(refusal: Refusal) -> Response {
    let Refusal::Busy { retry_after } = refusal else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let seconds = (retry_after.as_secs() + 1).to_string();
    let headers = [(header::RETRY_AFTER, seconds)];
    (
        StatusCode::TOO_MANY_REQUESTS,
        headers,
        "too many connections from your network\n",
    )
        .into_response()
}
