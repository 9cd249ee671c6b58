//! TLS towards the server: rustls with ring, the system's certificate authorities, and one that the person named.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why no TLS connection can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The CA file holds no certificate.
    #[error("the CA file holds no certificate: it must be PEM, as in -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The CA file holds something that is not one.
    #[error("the CA file can't be used: {0}")]
    Certificate(String),
    /// The system has no certificate authorities and none was named.
    #[error(
        "this system has no certificate authorities installed: install them (ca-certificates) or name one with --ca"
    )]
    NoRoots,
    /// rustls refused the set-up.
    #[error("TLS can't be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Reads the certificates of a CA file.
///
/// # Errors
/// [`TlsError`] when there is none, or one is malformed.
pub fn authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(certificates)
}

/// The set-up for all connections of a profile: the system's authorities and those of `ca` (PEM).
pub(crate) fn config(ca: Option<&str>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca {
        for certificate in authorities(pem)? {
            roots
                .add(certificate)
                .map_err(|error| TlsError::Certificate(error.to_string()))?;
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        assert!(matches!(
            config(Some("hello")),
            Err(TlsError::NoCertificate)
        ));
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            config(Some(broken)),
            Err(TlsError::Certificate(_))
        ));
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            config(Some(nonsense)),
            Err(TlsError::Certificate(_))
        ));
    }
}
