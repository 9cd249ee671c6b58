//! What a browser shows that was sent to an invitation link. The same for every link: what makes one stands behind `#`, and does not come here.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};

/// Where such links lead.
pub(super) const PATH: &str = "/i";

const PAGE: &str = "\
This is an invitation to talk on Keyfold, end to end encrypted.

Open it with Keyfold: copy the whole link, with everything behind the #, and give it to

    keyfold open LINK

Whoever has the link can ask to be let in, so pass it on with care.
";

/// Plain text, so that nothing in it runs or loads.
pub(super) async fn page() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, PAGE).into_response()
}
