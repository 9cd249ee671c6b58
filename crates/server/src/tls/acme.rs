//! Certificates by ACME (RFC 8555) with the TLS-ALPN-01 challenge (RFC 8737), which needs no second port.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt as _;
use rustls::server::{ResolvesServerCert, ServerConfig};
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::AcmeConfig;

use super::acme_cache::AcmeCache;
use super::{TlsError, certificate};
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

/// Starts getting and renewing certificates, and keeping them in `folder`.
///
/// # Errors
/// [`TlsError`]: the authority's roots cannot be read, or the folder cannot be made.
pub(super) fn start(
    acme: &Acme,
    folder: PathBuf,
    metrics: &Arc<Metrics>,
    stop: &Stop,
) -> Result<Renewal, TlsError> {
    let cache = AcmeCache::open(folder.clone())
        .map_err(|source| TlsError::AcmeFolder { folder, source })?;
    let config = AcmeConfig::new(&acme.domains)
        .contact_push(format!("mailto:{}", acme.contact))
        .cache(cache);
    let config = match &acme.directory {
        Some(url) => config.directory(url),
        None => config.directory_lets_encrypt(true),
    };
    let config = match &acme.roots {
        Some(path) => config.client_tls_config(trusting(certificate::roots(path)?)?),
        None => config,
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
    Ok(renewal)
}

/// TLS towards an authority under these roots. It may be an older one that speaks TLS 1.2.
fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
