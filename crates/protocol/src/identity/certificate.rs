//! Issuing what `keyfold_wire::certificate` verifies: device certificates and registrations.

use keyfold_wire::certificate::{certificate_input, registration_input, removal_input};
use keyfold_wire::ids::{DeviceId, Timestamp};
use keyfold_wire::{Message as _, limits, v1};

use super::{AccountKey, DeviceToken, RecoveryKey};
use crate::suite::Suite;

/// Whose device is to be certified, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// What the account calls itself.
    pub handle: String,
    /// The device.
    pub device: DeviceId,
    /// Its signature key's public half.
    pub signature_key: [u8; 32],
    /// The suites that it speaks.
    pub suites: Vec<Suite>,
    /// Now.
    pub created: Timestamp,
    /// When it ends: at most `CERTIFICATE_VALIDITY` from now by custom.
    pub expires: Timestamp,
}

/// Why no certificate was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// A handle is over `MAX_HANDLE`.
    #[error(
        "the handle is too long: choose one of at most {} bytes",
        limits::MAX_HANDLE
    )]
    HandleTooLong,
    /// An invitation code is over `MAX_INVITATION`.
    #[error("the invitation code is too long: check it")]
    InvitationTooLong,
    /// No suite, or more than `MAX_SUITES`.
    #[error(
        "a device must speak between one and {} cipher suites",
        limits::MAX_SUITES
    )]
    Suites,
    /// It would end before it begins.
    #[error("the certificate would end before it begins: check the device's clock")]
    Dates,
}

/// What a registration needs beside the account key.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The first device's certificate.
    pub certificate: &'a CertificateRequest,
    /// The recovery key, whose public half is bound to the account.
    pub recovery: &'a RecoveryKey,
    /// The device's token, whose hash the server keeps.
    pub token: &'a DeviceToken,
    /// The invitation code; empty without one.
    pub invitation: &'a str,
}

impl AccountKey {
    /// An encoded `DeviceCertificate`: the account's word that this device is its own.
    ///
    /// # Errors
    /// [`IssueError`] when the handle, suites or dates are not of their form.
    pub fn certify(&self, request: &CertificateRequest) -> Result<Vec<u8>, IssueError> {
        if request.handle.len() > limits::MAX_HANDLE {
            return Err(IssueError::HandleTooLong);
        }
        if request.suites.is_empty() || request.suites.len() > limits::MAX_SUITES {
            return Err(IssueError::Suites);
        }
        if request.expires <= request.created {
            return Err(IssueError::Dates);
        }
        let body = self.body(request).encode_to_vec();
        let signature = self.sign(&certificate_input(&body));
        let signed = v1::DeviceCertificate {
            body: body.into(),
            signature: signature.to_vec().into(),
        };
        Ok(signed.encode_to_vec())
    }

    fn body(&self, request: &CertificateRequest) -> v1::DeviceCertificateBody {
        v1::DeviceCertificateBody {
            account: self.account().to_wire(),
            account_key: self.public().to_vec().into(),
            handle: request.handle.clone(),
            device: request.device.to_wire(),
            signature_key: request.signature_key.to_vec().into(),
            suites: request
                .suites
                .iter()
                .map(|suite| u32::from(suite.number()))
                .collect(),
            created_ms: request.created.0,
            expires_ms: request.expires.0,
        }
    }

    /// The signed request that registers a new account with its first device. Made once, it can be sent again unchanged.
    ///
    /// # Errors
    /// [`IssueError`] as of [`AccountKey::certify`], or when the invitation code is too long.
    pub fn register(&self, registration: &Registration<'_>) -> Result<v1::Register, IssueError> {
        if registration.invitation.len() > limits::MAX_INVITATION {
            return Err(IssueError::InvitationTooLong);
        }
        let mut register = v1::Register {
            handle: registration.certificate.handle.clone(),
            account_key: self.public().to_vec().into(),
            recovery_key: registration.recovery.public().to_vec().into(),
            device_certificate: self.certify(registration.certificate)?.into(),
            token_hash: registration.token.hash().to_vec().into(),
            invitation: registration.invitation.to_owned(),
            signature: Vec::new().into(),
        };
        register.signature = self.sign(&registration_input(&register)).to_vec().into();
        Ok(register)
    }

    /// A registration that was made before, with the device's certificate and token of today: for a server that has forgotten the account.
    pub fn register_again(
        &self,
        former: v1::Register,
        certificate: &[u8],
        token: &DeviceToken,
    ) -> v1::Register {
        let mut register = v1::Register {
            device_certificate: certificate.to_vec().into(),
            token_hash: token.hash().to_vec().into(),
            ..former
        };
        register.signature = self.sign(&registration_input(&register)).to_vec().into();
        register
    }

    /// The signed request that removes a device of this account.
    pub fn remove(&self, device: DeviceId) -> v1::RemoveDevice {
        let signature = self.sign(&removal_input(&self.account(), &device));
        v1::RemoveDevice {
            device: device.to_wire(),
            signature: signature.to_vec().into(),
        }
    }
}
