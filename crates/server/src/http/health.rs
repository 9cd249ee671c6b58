//! Whether the server can do its work.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use keyfold_wire::ids::AccountId;

use super::App;
use crate::refusal::Refusal;
use crate::request::AnonymousRequest;

/// A store that takes longer is as good as broken.
const WITHIN: Duration = Duration::from_secs(5);

/// Asks the store; 200 when it answered, 503 when it did not or the server is shutting down.
pub(super) async fn check(State(app): State<Arc<App>>) -> Response {
    if app.stop.is_said() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    // Nobody has this account: a store that can say so reads.
    let nobody = AnonymousRequest::LookupAccount(AccountId::new([0; 32]));
    match tokio::time::timeout(WITHIN, app.core.anonymous(nobody)).await {
        Ok(Err(Refusal::NotFound)) => (StatusCode::OK, "ok\n").into_response(),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer: look at the disk and the log\n",
        )
            .into_response(),
    }
}
