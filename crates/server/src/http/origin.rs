//! A web page of another origin must not speak to this server with its visitor's browser (RFC 6455 section 10.2).
//!
//! Whatever is not a browser sends no `Origin`. Behind a proxy the proxy must hand on the `Host`.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Lets a request pass unless it names an origin that is not this server.
pub(super) async fn check(request: Request, next: Next) -> Response {
    if is_own(request.headers()) {
        return next.run(request).await;
    }
    (
        StatusCode::FORBIDDEN,
        "this server answers pages of its own origin only\n",
    )
        .into_response()
}

fn is_own(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    match (
        origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://")),
        host,
    ) {
        (Some((scheme @ ("http" | "https"), authority)), Some(host)) => {
            same(bare(scheme, authority), bare(scheme, host))
        }
        _ => false,
    }
}

fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && one.eq_ignore_ascii_case(other)
}

/// An authority without its scheme's own port.
fn bare<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn passes(origin: Option<&str>, host: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        if let Some(host) = host {
            headers.insert(header::HOST, host.parse().unwrap());
        }
        is_own(&headers)
    }

    #[test]
    fn no_origin_or_the_own_one_passes() {
        assert!(passes(None, Some("chat.example.org")));
        assert!(passes(
            Some("https://chat.example.org"),
            Some("chat.example.org")
        ));
        assert!(passes(
            Some("https://chat.example.org"),
            Some("Chat.Example.org:443")
        ));
        assert!(passes(
            Some("http://127.0.0.1:8448"),
            Some("127.0.0.1:8448")
        ));
    }

    #[test]
    fn any_other_does_not() {
        assert!(!passes(
            Some("https://evil.example"),
            Some("chat.example.org")
        ));
        assert!(!passes(
            Some("https://chat.example.org:444"),
            Some("chat.example.org")
        ));
        assert!(!passes(
            Some("https://chat.example.org.evil.example"),
            Some("chat.example.org")
        ));
        assert!(!passes(Some("null"), Some("chat.example.org")));
        assert!(!passes(Some("file://"), Some("")));
        assert!(!passes(Some("https://chat.example.org"), None));
    }
}
