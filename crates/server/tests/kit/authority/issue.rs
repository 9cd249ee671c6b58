//! A private root, an intermediate under it, and the certificates that it signs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateSigningRequestDer, PrivateKeyDer};

const DAY: Duration = Duration::from_hours(24);

/// How long a certificate is good for.
#[derive(Clone, Copy)]
pub enum Lifetime {
    Months,
    /// Valid, but past two thirds of its time.
    NearlyOver,
}

pub(super) struct Issuer {
    /// In PEM form.
    pub(super) root: String,
    intermediate: Certificate,
    signs: rcgen::Issuer<'static, KeyPair>,
}

impl Issuer {
    pub(super) fn new() -> Self {
        let root_key = KeyPair::generate().unwrap();
        let root_params = ca("A private root");
        let root = root_params.self_signed(&root_key).unwrap().pem();
        let root_issuer = rcgen::Issuer::new(root_params, root_key);
        let key = KeyPair::generate().unwrap();
        let params = ca("An intermediate");
        let intermediate = params.signed_by(&key, &root_issuer).unwrap();
        Self {
            root,
            intermediate,
            signs: rcgen::Issuer::new(params, key),
        }
    }

    /// The authority's own TLS, under its own root.
    pub(super) fn own_tls(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.signs).unwrap();
        let chain = vec![certificate.der().clone(), self.intermediate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(config)
    }

    /// A certificate for exactly these names, from a request that its key has signed; a sentence if not.
    pub(super) fn issue(
        &self,
        csr: &[u8],
        names: &[String],
        lifetime: Lifetime,
    ) -> Result<Certificate, String> {
        let csr = CertificateSigningRequestDer::from(csr);
        let mut request =
            CertificateSigningRequestParams::from_der(&csr).map_err(|error| error.to_string())?;
        let wanted: Vec<_> = names
            .iter()
            .map(|name| SanType::DnsName(name.as_str().try_into().unwrap()))
            .collect();
        if request.params.subject_alt_names != wanted {
            return Err("for other names than the order".to_owned());
        }
        let (days_ago, days_left) = match lifetime {
            Lifetime::Months => (1, 89),
            Lifetime::NearlyOver => (80, 10),
        };
        let now = SystemTime::now();
        request.params.not_before = (now - days_ago * DAY).into();
        request.params.not_after = (now + days_left * DAY).into();
        request.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        request
            .signed_by(&self.signs)
            .map_err(|error| error.to_string())
    }

    /// What a client of the authority downloads.
    pub(super) fn chain(&self, certificate: &Certificate) -> String {
        certificate.pem() + &self.intermediate.pem()
    }
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}
