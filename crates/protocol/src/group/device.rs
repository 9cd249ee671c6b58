//! This device as MLS sees it: signer and credential.

use keyfold_wire::certificate::Certificate;
use openmls::prelude::{BasicCredential, Capabilities, CredentialWithKey};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;

use super::config;
use super::error::Reject;
use crate::identity::DeviceKeys;
use crate::rules::Violation;
use crate::suite::Suite;

/// This device: its keys and its encoded certificate.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Its keys.
    pub keys: &'a DeviceKeys,
    /// Its encoded certificate, byte for byte as the account made it.
    pub certificate: &'a [u8],
}

impl Device<'_> {
    pub(super) fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.certificate.to_vec()).into(),
            signature_key: self.keys.public().to_vec().into(),
        }
    }

    /// What its leaves declare: the suites of its certificate that this version speaks.
    pub(super) fn capabilities(&self) -> Result<Capabilities, Reject> {
        let certificate = Certificate::verify(self.certificate).map_err(Violation::Certificate)?;
        if certificate.signature_key != self.keys.public() {
            return Err(Violation::SignatureKey.into());
        }
        let suites: Vec<Suite> = Suite::ALL
            .into_iter()
            .filter(|suite| suite.is_spoken_by(&certificate))
            .collect();
        Ok(config::capabilities(&suites))
    }
}

impl Signer for Device<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.keys.sign(payload).to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
