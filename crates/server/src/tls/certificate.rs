//! A certificate from files: read again when they change, and on SIGHUP.
//!
//! A pair that cannot be read, or does not fit, while running is reported and the old one stays in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::CertificateFiles;
use crate::metrics::Metrics;
use crate::shutdown::Stop;

/// How often the files are looked at. Certificates are renewed weeks ahead.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} holds no {what} in PEM form", path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
    },
    /// They do not fit.
    #[error("the certificate and its key cannot be used together: {0}")]
    Mismatch(rustls::Error),
    /// What is in the file is no root.
    #[error("{} holds a certificate that cannot be trusted as a root: {source}", path.display())]
    NoRoot {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// Hands the newest certificate to each handshake.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.0.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// Reads the pair, and starts the task that reads it again.
pub(super) fn watch(
    files: CertificateFiles,
    metrics: &Arc<Metrics>,
    stop: &Stop,
) -> Result<Arc<dyn ResolvesServerCert>, CertificateError> {
    let seen = changed_at(&files);
    let current = Arc::new(Current(RwLock::new(read(&files)?)));
    let hangup = signal(SignalKind::hangup()).ok();
    let watching = keep_fresh(
        files,
        seen,
        Arc::clone(&current),
        Arc::clone(metrics),
        hangup,
    );
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = watching => (),
            () = stopped.wait() => (),
        }
    });
    Ok(current)
}

async fn keep_fresh(
    files: CertificateFiles,
    mut seen: Option<SystemTime>,
    current: Arc<Current>,
    metrics: Arc<Metrics>,
    mut hangup: Option<Signal>,
) {
    loop {
        let asked = tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => false,
            () = heard(&mut hangup) => true,
        };
        let now = changed_at(&files);
        if asked || now != seen {
            seen = now;
            replace(&files, &current, &metrics);
        }
    }
}

fn replace(files: &CertificateFiles, current: &Current, metrics: &Metrics) {
    match read(files) {
        Ok(key) => {
            *current.0.write().unwrap_or_else(PoisonError::into_inner) = key;
            tracing::info!("the TLS certificate was read again");
        }
        Err(error) => {
            metrics.tls.certificate_failed();
            tracing::error!("the former TLS certificate stays in use: {error}");
        }
    }
}

/// The next SIGHUP; never, where there is no such signal.
async fn heard(hangup: &mut Option<Signal>) {
    match hangup {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn changed_at(files: &CertificateFiles) -> Option<SystemTime> {
    let modified = |path: &Path| {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    modified(&files.certificate).max(modified(&files.key))
}

/// The roots in a file.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(path)? {
        roots.add(root).map_err(|source| CertificateError::NoRoot {
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(roots)
}

fn read(files: &CertificateFiles) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain = certificates(&files.certificate)?;
    let key = zeroize::Zeroizing::new(contents(&files.key)?);
    let key =
        PrivateKeyDer::from_pem_slice(&key).map_err(|_| not_pem(&files.key, "private key"))?;
    let key = any_supported_type(&key).map_err(CertificateError::Mismatch)?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(CertificateError::Mismatch)?;
    Ok(Arc::new(certified))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&contents(path)?)
        .filter_map(Result::ok)
        .collect();
    if certificates.is_empty() {
        return Err(not_pem(path, "certificate"));
    }
    Ok(certificates)
}

fn contents(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn not_pem(path: &Path, what: &'static str) -> CertificateError {
    CertificateError::NotPem {
        path: path.to_owned(),
        what,
    }
}
