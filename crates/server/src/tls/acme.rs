//! Certificates by ACME (RFC 8555) with the TLS-ALPN-01 challenge (RFC 8737), which needs no second port.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use rustls::server::{ResolvesServerCert, ServerConfig};
use rustls_acme::AcmeConfig;
use rustls_acme::caches::DirCache;

use crate::config::Acme;
use crate::metrics::Metrics;
use crate::shutdown::Stop;

/// What a running renewal hands out.
pub(super) struct Renewal {
    /// The certificate of the moment; none before the first has come.
    pub(super) certificates: Arc<dyn ResolvesServerCert>,
    /// Answers challenges.
    pub(super) challenge: Arc<ServerConfig>,
}

/// Starts getting and renewing certificates, and keeping them in `cache`.
pub(super) fn start(acme: &Acme, cache: &Path, metrics: &Arc<Metrics>, stop: &Stop) -> Renewal {
    let config = AcmeConfig::new(&acme.domains)
        .contact_push(format!("mailto:{}", acme.contact))
        .cache(DirCache::new(cache.to_owned()));
    let config = match &acme.directory {
        Some(url) => config.directory(url),
        None => config.directory_lets_encrypt(true),
    };
    let mut state = config.state();
    let renewal = Renewal {
        certificates: state.resolver(),
        challenge: state.challenge_rustls_config(),
    };
    let (metrics, stop) = (Arc::clone(metrics), stop.clone());
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                event = state.next() => event,
                () = stop.wait() => break,
            };
            match event {
                Some(Ok(event)) => tracing::info!("certificate by ACME: {event:?}"),
                Some(Err(error)) => {
                    metrics.tls.certificate_failed();
                    tracing::error!("no certificate by ACME yet, trying again: {error}");
                }
                None => break,
            }
        }
    });
    renewal
}
