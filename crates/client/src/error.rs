//! What can go wrong between a program and its client.

use keyfold_engine::{Complaint, Fault};

use crate::tls::TlsError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The command can't be done; nothing changed.
    #[error("{0}")]
    Complaint(#[from] Complaint),
    /// The device failed; nothing changed.
    #[error("{0}")]
    Fault(Fault),
    /// TLS can't be set up.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The system gives no random numbers.
    #[error("this system gives no random numbers: {0}")]
    Random(String),
    /// No thread can be had.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
    /// The client has ended.
    #[error("the client has ended")]
    Stopped,
}
