//! The shell around the core: connections, WebSockets, limits per network.
//!
//! [`listen`] accepts, [`upgrade`] turns a request into a socket, [`mailbox`] and [`anonymous`] speak the protocol on
//! one. An idle device costs one task, one small TLS session and one small buffer.

mod anonymous;
mod beat;
mod boundary;
mod files;
mod health;
mod invited;
mod listen;
mod mailbox;
mod memory;
mod metrics_page;
mod origin;
mod peer;
mod socket;
mod stream;
mod upgrade;
mod window;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get, put};
use keyfold_wire::file::FILES_PATH;
use keyfold_wire::frame::{ANONYMOUS_PATH, MAILBOX_PATH};

use crate::ServerCore;
use crate::config::Patience;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::network::{Class, Network, NetworkLimits};
use crate::refusal::Refusal;
use crate::shutdown::Stop;

pub use listen::{Listener, raise_open_files};
pub use memory::FrameMemory;
pub use metrics_page::serve as serve_metrics;
pub use peer::Forwarding;

/// What all connections of a server share.
pub struct App {
    /// Decides.
    pub core: Arc<ServerCore>,
    /// Where sealed files lie.
    pub files: Files,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// What one network may ask.
    pub limits: Arc<NetworkLimits>,
    /// Memory for frames that have not come in whole.
    pub memory: Arc<FrameMemory>,
    /// How long sockets may be silent.
    pub patience: Patience,
    /// Who says where a connection comes from.
    pub forwarding: Forwarding,
    /// Says when to stop.
    pub stop: Stop,
}

impl App {
    /// Takes `cost` from a network's bucket.
    fn admit(&self, class: Class, network: Network, cost: u32) -> Result<(), Refusal> {
        self.limits
            .take(class, network, cost, Instant::now())
            .map_err(|wait| {
                self.metrics.limited(class);
                Refusal::Busy {
                    retry_after: wait.0,
                }
            })
    }
}

/// All that is served to devices.
fn router(app: Arc<App>) -> Router {
    let file = put(files::begin)
        .patch(files::extend)
        .get(files::read)
        .delete(files::delete);
    Router::new()
        .route(MAILBOX_PATH, any(upgrade::mailbox))
        .route(ANONYMOUS_PATH, any(upgrade::anonymous))
        .route(&format!("{FILES_PATH}/{{id}}"), file)
        .route("/healthz", get(health::check))
        .route(invited::PATH, get(invited::page))
        .layer(middleware::from_fn(origin::check))
        .with_state(app)
}
