//! The page that Prometheus reads, on a port of its own on loopback.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::App;

/// Serves the page until the server stops.
pub async fn serve(app: Arc<App>, listener: TcpListener) {
    let stop = app.stop.clone();
    let router = Router::new().route("/metrics", get(page)).with_state(app);
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.wait().await })
        .await;
    if let Err(error) = served {
        tracing::error!("metrics are no longer served: {error}");
    }
}

async fn page(State(app): State<Arc<App>>) -> Response {
    match app.metrics.text(&app.core.stats()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
