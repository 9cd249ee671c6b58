//! TLS: one rustls configuration whose certificate can change while it is in use.
//!
//! TLS 1.3 alone: every client of this protocol speaks it. Sessions resume by tickets that the server can open but
//! does not keep (RFC 8446 section 4.6.1), so a device that is away costs no memory.

mod acme;
mod acme_cache;
mod certificate;
mod dev_ca;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{CertificateFiles, Transport};
use crate::metrics::Metrics;
use crate::shutdown::Stop;

pub use certificate::CertificateError;
pub use dev_ca::DevCaError;

/// How long a handshake may take: three round trips over a bad mobile line.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Outgoing TLS records that rustls holds for a socket that does not take them; beyond it, writing waits.
const RECORDS_BUFFERED: usize = 16 * 1024;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificate or key.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The development CA.
    #[error(transparent)]
    DevCa(#[from] DevCaError),
    /// What comes from a certificate authority cannot be kept.
    #[error("certificates by ACME cannot be kept in {}: {source}", folder.display())]
    AcmeFolder {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// rustls refuses the configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// What turns TCP connections into TLS ones.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// Answers a certificate authority's TLS-ALPN-01 challenge (RFC 8737).
    challenge: Option<Arc<ServerConfig>>,
}

impl Tls {
    /// Sets up TLS for a transport and starts what keeps its certificate fresh. `None`: the transport does without.
    ///
    /// # Errors
    /// [`TlsError`]: a file that cannot be read, a key that does not fit its certificate, a folder that cannot be made.
    pub fn start(
        transport: &Transport,
        data: &Path,
        metrics: &Arc<Metrics>,
        stop: &Stop,
    ) -> Result<Option<Self>, TlsError> {
        match transport {
            Transport::Plain | Transport::BehindProxy => Ok(None),
            Transport::Files(files) => Self::from_files(files.clone(), metrics, stop).map(Some),
            Transport::DevelopmentCa(folder) => {
                let files = dev_ca::ensure(folder)?;
                Self::from_files(files, metrics, stop).map(Some)
            }
            Transport::Acme(acme) => {
                let renewal = acme::start(acme, cache_folder(data), metrics, stop)?;
                let config = server_config(renewal.certificates)?;
                Ok(Some(Self {
                    config,
                    challenge: Some(renewal.challenge),
                }))
            }
        }
    }

    fn from_files(
        files: CertificateFiles,
        metrics: &Arc<Metrics>,
        stop: &Stop,
    ) -> Result<Self, TlsError> {
        let certificate = certificate::watch(files, metrics, stop)?;
        Ok(Self {
            config: server_config(certificate)?,
            challenge: None,
        })
    }

    /// Takes a connection through its handshake. `None`: it was a certificate authority's challenge.
    ///
    /// # Errors
    /// Whatever is not TLS, or takes longer than ten seconds.
    pub async fn accept(&self, tcp: TcpStream) -> io::Result<Option<Box<TlsStream<TcpStream>>>> {
        tokio::time::timeout(HANDSHAKE_WITHIN, self.handshake(tcp))
            .await
            .unwrap_or_else(|late| Err(late.into()))
    }

    async fn handshake(&self, tcp: TcpStream) -> io::Result<Option<Box<TlsStream<TcpStream>>>> {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), tcp).await?;
        if let Some(challenge) = &self.challenge
            && rustls_acme::is_tls_alpn_challenge(&hello.client_hello())
        {
            let mut answered = hello.into_stream(Arc::clone(challenge)).await?;
            tokio::io::AsyncWriteExt::shutdown(&mut answered).await?;
            return Ok(None);
        }
        let small = |connection: &mut rustls::ServerConnection| {
            connection.set_buffer_limit(Some(RECORDS_BUFFERED));
        };
        let stream = hello
            .into_stream_with(Arc::clone(&self.config), small)
            .await?;
        Ok(Some(Box::new(stream)))
    }
}

fn server_config(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// Where certificates from ACME and the account for them are kept.
fn cache_folder(data: &Path) -> PathBuf {
    data.join("acme")
}
