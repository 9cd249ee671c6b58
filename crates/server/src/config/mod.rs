//! What the server was told to do: the command line, read once into settings that cannot contradict each other.
//!
//! Does not touch the disk or the network. No argument is needed: without any the server keeps its data in
//! `./keyfold-data` and listens on loopback.

mod arguments;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub use arguments::{
    Arguments, InviteArguments, LogLevel, Registrations, ReportsArguments, ReportsTask, Task,
};

use crate::network::RateTable;

/// Settings that contradict each other or would be unsafe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not loopback, and nobody does TLS.
    #[error(
        "refusing to listen on {0} without TLS: give --tls-cert and --tls-key, or --acme DOMAIN with \
         --acme-contact MAIL, or --behind-proxy when a proxy in front of this server does TLS"
    )]
    Unprotected(SocketAddr),
    /// A development certificate proves nothing to anybody else.
    #[error(
        "--dev-ca is for this machine alone, but {0} is not a loopback address: use --tls-cert and --tls-key, or --acme"
    )]
    DevelopmentElsewhere(SocketAddr),
    /// Metrics are not meant for everybody.
    #[error("--metrics {0} is not a loopback address: choose one such as 127.0.0.1:9448")]
    PublicMetrics(SocketAddr),
}

/// How bytes come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP; on loopback only.
    Plain,
    /// Plain HTTP from a proxy that does TLS and says in `X-Forwarded-For` who it speaks for.
    BehindProxy,
    /// TLS with certificates from files.
    Files(CertificateFiles),
    /// TLS with certificates that the server gets and renews by itself (RFC 8555, TLS-ALPN-01).
    Acme(Acme),
    /// TLS with a development CA in this folder, made when missing; on loopback only.
    DevelopmentCa(PathBuf),
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How to get certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The names to certify.
    pub domains: Vec<String>,
    /// The mail address that the authority may write to.
    pub contact: String,
    /// The authority's directory; `None`: Let's Encrypt.
    pub directory: Option<String>,
    /// Roots (PEM) that the authority's own certificate is checked against; `None`: the public ones.
    pub roots: Option<PathBuf>,
}

/// How long sockets may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a mailbox socket may take for its first frame.
    pub first_frame: Duration,
    /// How long a socket may be silent before it is pinged; silent once more as long, it is closed.
    pub keepalive: Duration,
    /// How long an anonymous socket may ask nothing.
    pub idle: Duration,
    /// How long a shutdown waits for what is in flight.
    pub shutdown: Duration,
}

/// Everything a running server was told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder that holds everything the server keeps.
    pub data: PathBuf,
    /// Where devices connect.
    pub listen: SocketAddr,
    /// Who may register.
    pub registrations: Registrations,
    /// How bytes come in.
    pub transport: Transport,
    /// Where metrics are served, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// How much is logged.
    pub log: LogLevel,
    /// What one network may ask; `None`: anything.
    pub rates: Option<RateTable>,
    /// How long sockets may be silent.
    pub patience: Patience,
    /// Connections open at the same time.
    pub max_connections: NonZeroU32,
    /// Bytes of the largest file that people may send.
    pub max_file_size: u64,
}

impl Transport {
    /// Whether this server itself does TLS.
    pub fn is_tls(&self) -> bool {
        matches!(
            self,
            Self::Files(_) | Self::Acme(_) | Self::DevelopmentCa(_)
        )
    }
}

impl Settings {
    fn check(self) -> Result<Self, ConfigError> {
        let loopback = self.listen.ip().is_loopback();
        match &self.transport {
            Transport::Plain if !loopback => Err(ConfigError::Unprotected(self.listen)),
            Transport::DevelopmentCa(_) if !loopback => {
                Err(ConfigError::DevelopmentElsewhere(self.listen))
            }
            _ => match self.metrics {
                Some(address) if !address.ip().is_loopback() => {
                    Err(ConfigError::PublicMetrics(address))
                }
                _ => Ok(self),
            },
        }
    }
}
