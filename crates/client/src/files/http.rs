//! Sealed files over HTTP: one connection, requests one after another. See `docs/protocol/files.md`.
//!
//! Carries no cookie and no device token: to the server it comes from nobody.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_RANGE, HOST, HeaderMap, RANGE, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use keyfold_wire::file::{
    FILES_PATH, FileId, UPLOAD_LENGTH, UPLOAD_LIMIT, UPLOAD_OFFSET, UploadToken,
};
use keyfold_wire::limits::FILE_PART;
use tokio::time::timeout;

use crate::limits::{BUSY_WAIT, CONNECT_PATIENCE, PART_PATIENCE, REPLY_PATIENCE};
use crate::socket::{Route, SocketEnd, Transport, connect};

/// Why a request was not carried out.
#[derive(Debug)]
pub(super) enum Not {
    /// The way to the server is broken: try again.
    Reached(SocketEnd),
    /// The server wants to be asked later, at least after this long.
    Now(Duration),
    /// It has no such file (any more).
    Found,
    /// Larger than it takes: bytes of a sealed file.
    Taken(u64),
    /// The upload stands elsewhere.
    There(u64),
    /// It refuses for good.
    Permitted(String),
}

/// A connection.
pub(super) struct Http {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Http {
    /// Connects.
    pub(super) async fn connect(route: &Route) -> Result<Self, Not> {
        let transport = timeout(CONNECT_PATIENCE, connect(route)).await;
        let transport = transport.map_err(|_| Not::Reached(SocketEnd::Silent))?;
        let sender = match transport.map_err(Not::Reached)? {
            Transport::Plain(stream) => handshake(TokioIo::new(stream)).await?,
            Transport::Tls(stream) => handshake(TokioIo::new(*stream)).await?,
        };
        Ok(Self {
            sender,
            host: route.server.authority(),
        })
    }

    /// Begins an upload, or asks how far it has come: so many bytes.
    pub(super) async fn begin(&mut self, token: &UploadToken, length: u64) -> Result<u64, Not> {
        let request = self
            .about(Method::PUT, &token.id())
            .header(AUTHORIZATION, token.to_header().as_str())
            .header(UPLOAD_LENGTH, length);
        let response = self.ask(request, Bytes::new(), REPLY_PATIENCE).await?;
        offset(response.headers())
    }

    /// Brings the next part, and says how far the upload has come.
    pub(super) async fn extend(
        &mut self,
        token: &UploadToken,
        offset_now: u64,
        part: Bytes,
    ) -> Result<u64, Not> {
        let request = self
            .about(Method::PATCH, &token.id())
            .header(AUTHORIZATION, token.to_header().as_str())
            .header(UPLOAD_OFFSET, offset_now);
        let response = self.ask(request, part, PART_PATIENCE).await?;
        offset(response.headers())
    }

    /// Deletes an upload.
    pub(super) async fn delete(&mut self, token: &UploadToken) -> Result<(), Not> {
        let request = self
            .about(Method::DELETE, &token.id())
            .header(AUTHORIZATION, token.to_header().as_str());
        self.ask(request, Bytes::new(), REPLY_PATIENCE)
            .await
            .map(drop)
    }

    /// The bytes of a file from `first` up to and without `end`, at most a part of them. Of a file that has another length than this,
    /// nothing.
    pub(super) async fn read(
        &mut self,
        id: &FileId,
        first: u64,
        end: u64,
        length: u64,
    ) -> Result<Bytes, Not> {
        let end = end.min(first.saturating_add(FILE_PART)).min(length);
        let last = end.saturating_sub(1);
        let request = self
            .about(Method::GET, id)
            .header(RANGE, format!("bytes={first}-{last}"));
        let response = self.ask(request, Bytes::new(), REPLY_PATIENCE).await?;
        let expected = format!("bytes {first}-{last}/{length}");
        let range = response.headers().get(CONTENT_RANGE);
        if range.and_then(|range| range.to_str().ok()) != Some(&expected) {
            return Err(Not::Permitted(
                "the server has another file than the one that was sent".to_owned(),
            ));
        }
        let limit = usize::try_from(FILE_PART).unwrap_or(usize::MAX);
        let body = Limited::new(response.into_body(), limit).collect();
        match timeout(PART_PATIENCE, body).await {
            Err(_) => Err(Not::Reached(SocketEnd::Silent)),
            Ok(Err(error)) => Err(broken(error.to_string())),
            Ok(Ok(body)) => Ok(body.to_bytes()),
        }
    }

    fn about(&self, method: Method, id: &FileId) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{FILES_PATH}/{id}"))
            .header(HOST, &self.host)
    }

    async fn ask(
        &mut self,
        request: hyper::http::request::Builder,
        body: Bytes,
        patience: Duration,
    ) -> Result<Response<Incoming>, Not> {
        let request = request
            .body(Full::new(body))
            .map_err(|error| Not::Permitted(error.to_string()))?;
        let answer = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        match timeout(patience, answer).await {
            Err(_) => Err(Not::Reached(SocketEnd::Silent)),
            Ok(Err(error)) => Err(broken(error.to_string())),
            Ok(Ok(response)) => judged(response),
        }
    }
}

async fn handshake<S>(stream: TokioIo<S>) -> Result<SendRequest<Full<Bytes>>, Not>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream)
        .await
        .map_err(|error| broken(error.to_string()))?;
    tokio::spawn(async move {
        // Whoever asks hears of it.
        let _ = connection.await;
    });
    Ok(sender)
}

fn broken(error: String) -> Not {
    Not::Reached(SocketEnd::Broken(error))
}

fn judged(response: Response<Incoming>) -> Result<Response<Incoming>, Not> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let headers = response.headers();
    Err(match status {
        StatusCode::NOT_FOUND => Not::Found,
        StatusCode::CONFLICT if headers.contains_key(UPLOAD_OFFSET) => Not::There(offset(headers)?),
        StatusCode::PAYLOAD_TOO_LARGE => Not::Taken(largest(headers)),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Not::Now(wait(headers)),
        // Full disks are made room on, and servers come back.
        status if status.is_server_error() => Not::Now(wait(headers)),
        status => Not::Permitted(format!("it answered with {}", status.as_u16())),
    })
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn offset(headers: &HeaderMap) -> Result<u64, Not> {
    number(headers, UPLOAD_OFFSET).ok_or_else(|| {
        Not::Reached(SocketEnd::NotKeyfold(
            "it does not say how far the upload has come".to_owned(),
        ))
    })
}

fn largest(headers: &HeaderMap) -> u64 {
    let limit = headers
        .get(UPLOAD_LIMIT)
        .and_then(|limit| limit.to_str().ok());
    limit
        .and_then(|limit| limit.strip_prefix("max-size=")?.parse().ok())
        .unwrap_or_default()
}

fn wait(headers: &HeaderMap) -> Duration {
    number(headers, RETRY_AFTER.as_str())
        .map_or(BUSY_WAIT, |seconds| Duration::from_secs(seconds.min(3_600)))
}
