//! Sealed files over plain HTTP: begun, continued and cancelled by whoever has the upload token, downloaded in pieces by whoever has
//! the id. See `docs/protocol/files.md`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use keyfold_wire::file::{
    FileId, UPLOAD_COMPLETE, UPLOAD_LENGTH, UPLOAD_LIMIT, UPLOAD_OFFSET, UploadToken,
};
use keyfold_wire::limits::FILE_PART;

use super::App;
use super::peer::Peer;
use crate::network::Class;
use crate::refusal::Refusal;
use crate::store::{FilePlace, FileRecord};

/// How long one part may take: 4 MiB over 110 kbit/s.
const PART_WITHIN: Duration = Duration::from_mins(5);

/// Why a request on a file is not carried out.
enum Not {
    /// Nobody showed the token of this file.
    Authorized,
    /// It is larger than this server takes.
    Taken(u64),
    /// The upload stands elsewhere.
    There(u64),
    /// The file has no such range.
    Within(u64),
    /// The body did not come in time.
    InTime,
    /// For another reason.
    Now(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Self::Now(refusal)
    }
}

type Answer = Result<Response, Not>;

/// `PUT`: begins an upload, or says how far it has come.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    answer(begun(&app, &id, &head).await)
}

async fn begun(app: &App, id: &str, head: &Parts) -> Answer {
    admit(app, head, Class::File)?;
    let place = own(id, &head.headers)?;
    let length = number(&head.headers, UPLOAD_LENGTH)?;
    if length > app.files.largest() {
        return Err(Not::Taken(app.files.largest()));
    }
    if length == 0 {
        return Err(Refusal::Malformed.into());
    }
    let record = app.core.begin_file(place, length).await?;
    Ok(stands(StatusCode::OK, &record))
}

/// `PATCH`: the next part.
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    answer(extended(&app, &id, request).await)
}

async fn extended(app: &App, id: &str, request: Request) -> Answer {
    let (head, body) = request.into_parts();
    let head = &head;
    admit(app, head, Class::Part)?;
    let place = own(id, &head.headers)?;
    let offset = number(&head.headers, UPLOAD_OFFSET)?;
    let record = app.core.file(place).await?;
    if offset != record.received {
        return Err(Not::There(record.received));
    }
    let expected = (record.length - offset).min(FILE_PART);
    if expected == 0 || number(&head.headers, header::CONTENT_LENGTH.as_str())? != expected {
        return Err(Refusal::Malformed.into());
    }
    let _turn = app.files.turn().await?;
    let limit = usize::try_from(expected).unwrap_or(usize::MAX);
    let body = axum::body::to_bytes(body, limit);
    let part = match tokio::time::timeout(PART_WITHIN, body).await {
        Ok(Ok(part)) if part.len() as u64 == expected => part,
        Ok(_) => return Err(Refusal::Malformed.into()),
        Err(_) => return Err(Not::InTime),
    };
    app.files.write(place, offset, part).await?;
    match app.core.extend_file(place, offset, expected).await {
        Ok(record) => {
            app.metrics.files.received(expected);
            Ok(stands(StatusCode::OK, &record))
        }
        Err(Refusal::NotFound) => {
            // Its time ran out while it came: nobody would delete it any more.
            app.files.delete(place, &record).await?;
            Err(Refusal::NotFound.into())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `DELETE`: the file goes, whole or not.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    answer(deleted(&app, &id, &head).await)
}

async fn deleted(app: &App, id: &str, head: &Parts) -> Answer {
    admit(app, head, Class::File)?;
    let place = own(id, &head.headers)?;
    let record = app.core.file(place).await?;
    app.files.delete(place, &record).await?;
    app.core.forget_file(place).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET`: a piece of a file that is whole.
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    answer(piece(&app, &id, &head).await)
}

async fn piece(app: &App, id: &str, head: &Parts) -> Answer {
    admit(app, head, Class::Part)?;
    let place = FilePlace::of(&id.parse::<FileId>().map_err(|_| Refusal::NotFound)?);
    let record = app.core.file(place).await?;
    if !record.is_complete() {
        return Err(Refusal::NotFound.into());
    }
    let length = record.length;
    let (first, end, status) = match head.headers.get(header::RANGE) {
        Some(range) => {
            let range = range.to_str().map_err(|_| Refusal::Malformed)?;
            let (first, end) = range_of(range, length).ok_or(Not::Within(length))?;
            (first, end, StatusCode::PARTIAL_CONTENT)
        }
        None => (0, length, StatusCode::OK),
    };
    if end - first > FILE_PART {
        return Err(Refusal::TooLarge.into());
    }
    let body = Body::from_stream(app.files.read(place, first, end));
    app.metrics.files.sent(end - first);
    let mut headers = vec![
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, (end - first).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        // It never changes, and no proxy is to keep it.
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{length}", end - 1);
        headers.push((header::CONTENT_RANGE, range));
    }
    Ok((status, axum::response::AppendHeaders(headers), body).into_response())
}

/// One range of bytes (RFC 9110 section 14.1.2): its beginning, and what comes behind its end.
fn range_of(header: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let first: u64 = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<u64>().ok()?.saturating_add(1).min(length),
    };
    (first < end).then_some((first, end))
}

/// Takes the request from its network's bucket.
fn admit(app: &App, head: &Parts, class: Class) -> Result<(), Refusal> {
    let peer = head.extensions.get::<Peer>();
    let peer = peer.copied().ok_or(Refusal::Unavailable)?;
    let network = app.forwarding.network(peer, &head.headers);
    app.admit(class, network, 1)
}

/// Where the file lies, if the request shows its upload token.
fn own(id: &str, headers: &HeaderMap) -> Result<FilePlace, Not> {
    let id: FileId = id.parse().map_err(|_| Refusal::NotFound)?;
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|shown| shown.to_str().ok())
        .and_then(UploadToken::from_header);
    match shown {
        Some(token) if token.id() == id => Ok(FilePlace::of(&id)),
        _ => Err(Not::Authorized),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Result<u64, Refusal> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .ok_or(Refusal::Malformed)
}

/// How far an upload has come.
fn stands(status: StatusCode, record: &FileRecord) -> Response {
    let complete = if record.is_complete() { "?1" } else { "?0" };
    let headers = [
        (UPLOAD_OFFSET, record.received.to_string()),
        (UPLOAD_LENGTH, record.length.to_string()),
        (UPLOAD_COMPLETE, complete.to_owned()),
    ];
    (status, headers).into_response()
}

fn answer(answer: Answer) -> Response {
    let not = match answer {
        Ok(response) => return response,
        Err(not) => not,
    };
    let with = |status: StatusCode, name: &'static str, value: String, why: &'static str| {
        let headers = [(HeaderName::from_static(name), value)];
        (status, headers, why).into_response()
    };
    match not {
        Not::Authorized => with(
            StatusCode::UNAUTHORIZED,
            "www-authenticate",
            "Bearer".to_owned(),
            "show this file's upload token\n",
        ),
        Not::Taken(largest) => with(
            StatusCode::PAYLOAD_TOO_LARGE,
            UPLOAD_LIMIT,
            format!("max-size={largest}"),
            "the file is larger than this server takes\n",
        ),
        Not::There(received) => with(
            StatusCode::CONFLICT,
            UPLOAD_OFFSET,
            received.to_string(),
            "the upload stands elsewhere\n",
        ),
        Not::Within(length) => with(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "content-range",
            format!("bytes */{length}"),
            "the file has no such range\n",
        ),
        Not::InTime => (
            StatusCode::REQUEST_TIMEOUT,
            "the part did not come in time\n",
        )
            .into_response(),
        Not::Now(Refusal::Busy { retry_after }) => with(
            StatusCode::TOO_MANY_REQUESTS,
            "retry-after",
            (retry_after.as_secs() + 1).to_string(),
            "try again later\n",
        ),
        Not::Now(refusal) => (status(refusal), format!("{refusal}\n")).into_response(),
    }
}

fn status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::Conflict => StatusCode::CONFLICT,
        Refusal::Unavailable => StatusCode::INSUFFICIENT_STORAGE,
        // Only where more than a part is asked for at once.
        Refusal::TooLarge => StatusCode::RANGE_NOT_SATISFIABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::range_of;

    #[test]
    fn a_range_lies_within_its_file() {
        let cases = [
            ("bytes=0-9", Some((0, 10))),
            ("bytes=5-", Some((5, 10))),
            ("bytes=9-9", Some((9, 10))),
            ("bytes=0-18446744073709551615", Some((0, 10))),
            ("bytes=10-", None),
            ("bytes=3-2", None),
            ("bytes=-3", None),
            ("bytes=0-1,3-4", None),
            ("items=0-1", None),
            ("", None),
        ];
        for (header, range) in cases {
            assert_eq!(range_of(header, 10), range, "{header}");
        }
    }
}
