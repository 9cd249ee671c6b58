//! Certificates that come to their end: a primary device makes new ones, its own and those of the devices that it has linked; these
//! find theirs in the directory. `docs/protocol/identity.md`.
//!
//! A new certificate is in use from when the directory has it: then the server's clock has agreed that it is newer, and a clock that
//! was wrong for an hour has changed nothing.

use keyfold_protocol::identity::CertificateRequest;
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::{Message as _, v1};

use super::Step;
use crate::Fault;
use crate::identity::Identity;
use crate::limits::{CERTIFICATE_AGAIN, CERTIFICATE_LIFETIME, CERTIFICATE_RENEWAL};
use crate::table::linked;
use crate::table::outbox::{Kind, Waiting};
use crate::table::setting::{self, Setting};

impl Step<'_> {
    /// Sees to the certificates whose time has come: renews them, or looks whether that has been done.
    pub(super) fn renew_certificates(&mut self) -> Result<(), Fault> {
        if self.certificates_due()? > self.now {
            return Ok(());
        }
        let seen = self.now.0.to_be_bytes();
        setting::put(self.tx, Setting::CertificatesSeen, &seen)?;
        self.reschedule = true;
        // What has waited for a day for its way to the server is not new any more.
        let requests = self.memory.outbox.iter();
        let old = requests
            .filter(|(_, one)| matches!(one.kind, Kind::RenewCertificate | Kind::OwnCertificate));
        let old: Vec<i64> = old.map(|(id, _)| *id).collect();
        for request in old {
            self.drop_request(request)?;
        }
        if self.me()?.account_key.is_none() {
            return self.look_up_own();
        }
        for former in self.certified()? {
            if let Some(renewed) = self.certify_again(&former)? {
                let body = v1::client_frame::Request::AddDevice(renewed);
                self.request(Waiting::new(Kind::RenewCertificate, None, 0), body)?;
            }
        }
        Ok(())
    }

    /// Asks the directory for the own account.
    pub(super) fn look_up_own(&mut self) -> Result<(), Fault> {
        let own = v1::lookup::By::Account(self.me()?.account().to_wire());
        let body = v1::client_frame::Request::Lookup(v1::Lookup { by: Some(own) });
        self.request(Waiting::new(Kind::OwnCertificate, None, 0), body)?;
        Ok(())
    }

    /// When certificates are to be seen to.
    pub(super) fn certificates_due(&self) -> Result<Timestamp, Fault> {
        let me = self.me()?;
        let mut first = renewal(me.certificate.expires);
        if me.account_key.is_some() {
            for (_, frame) in linked::all(self.tx)? {
                first = first.min(renewal(end_of(&frame)?));
            }
        }
        let seen = setting::get(self.tx, Setting::CertificatesSeen)?;
        let seen = seen.and_then(|seen| seen.as_slice().try_into().ok().map(u64::from_be_bytes));
        // One that lies ahead was set by a clock that has moved back since.
        let seen = seen.map(Timestamp).filter(|seen| *seen <= self.now);
        Ok(seen.map_or(first, |seen| first.max(seen.after(CERTIFICATE_AGAIN))))
    }

    /// What this device answers for in the directory: itself, and the devices that it has linked.
    fn certified(&self) -> Result<Vec<v1::AddDevice>, Fault> {
        let me = self.me()?;
        let mut certified = vec![v1::AddDevice {
            device_certificate: me.encoded.clone().into(),
            token_hash: me.token.hash().to_vec().into(),
        }];
        for (_, frame) in linked::all(self.tx)? {
            certified.push(read(&frame)?);
        }
        Ok(certified)
    }

    /// A new certificate for the same key. `None`: it is not time, or this version speaks none of the device's suites.
    fn certify_again(&self, former: &v1::AddDevice) -> Result<Option<v1::AddDevice>, Fault> {
        let before = Certificate::verify(&former.device_certificate)
            .map_err(|_| Fault::corrupt("the certificate of a device does not verify"))?;
        let Some(account_key) = &self.me()?.account_key else {
            return Ok(None);
        };
        if renewal(before.expires) > self.now {
            return Ok(None);
        }
        let suites = before.suites.iter();
        let request = CertificateRequest {
            handle: before.handle.clone(),
            device: before.device,
            signature_key: before.signature_key,
            suites: suites
                .filter_map(|suite| Suite::try_from(*suite).ok())
                .collect(),
            created: self.now,
            expires: self.now.after(CERTIFICATE_LIFETIME),
        };
        let certificate = account_key.certify(&request).ok();
        // Of a device that was linked before this one was put back the token is not known, nor needed: the directory has the device.
        let token_hash = if former.token_hash.is_empty() {
            self.rng.bytes::<TOKEN_HASH>().to_vec().into()
        } else {
            former.token_hash.clone()
        };
        Ok(certificate.map(|certificate| v1::AddDevice {
            device_certificate: certificate.into(),
            token_hash,
        }))
    }

    /// The directory has the new certificate of this device, or of one that it has linked.
    pub(super) fn certificate_renewed(&mut self, renewed: &v1::AddDevice) -> Result<(), Fault> {
        let Ok(certificate) = Certificate::verify(&renewed.device_certificate) else {
            return Ok(());
        };
        if certificate.renews(&self.me()?.certificate) {
            return self.take_certificate(&renewed.device_certificate);
        }
        if let Some(former) = linked::get(self.tx, &certificate.device)? {
            let kept = v1::AddDevice {
                token_hash: read(&former)?.token_hash,
                ..renewed.clone()
            };
            linked::add(self.tx, &certificate.device, &kept.encode_to_vec())?;
        }
        Ok(())
    }

    /// What the directory has of the own account: the primary device may have renewed this one's certificate, and other devices may be out of
    /// a conversation; or, on that, devices that it had linked before it was put back.
    pub(super) fn found_own_account(&mut self, account: &v1::Account) -> Result<(), Fault> {
        if self.me()?.account_key.is_some() {
            return self.know_again(account);
        }
        self.know_listed(account)?;
        let own = &self.me()?.certificate;
        let mut newest: Option<(Certificate, &bytes::Bytes)> = None;
        for encoded in &account.device_certificates {
            if let Ok(found) = Certificate::verify(encoded)
                && found.renews(newest.as_ref().map_or(own, |(newest, _)| newest))
            {
                newest = Some((found, encoded));
            }
        }
        match newest {
            Some((_, encoded)) => self.take_certificate(encoded),
            None => Ok(()),
        }
    }

    /// This device has a newer certificate: the directory's key packages carry it at once, its leaves with their next update.
    fn take_certificate(&mut self, encoded: &[u8]) -> Result<(), Fault> {
        setting::put(self.tx, Setting::Certificate, encoded)?;
        *self.identity = Identity::load(self.tx)?;
        let me = self.me()?;
        if let (Some(account_key), Some(frame)) = (
            &me.account_key,
            setting::get(self.tx, Setting::Registration)?,
        ) {
            // A server that has lost the account is shown what it takes today.
            let former = v1::Register::decode(frame.as_slice())
                .map_err(|_| Fault::corrupt("the registration does not read"))?;
            let register = account_key.register_again(former, encoded, &me.token);
            setting::put(self.tx, Setting::Registration, &register.encode_to_vec())?;
        }
        self.reschedule = true;
        self.replace_packages()
    }
}

/// Bytes of a token's hash.
const TOKEN_HASH: usize = 32;

/// When a certificate that ends then is to be renewed.
fn renewal(end: Timestamp) -> Timestamp {
    end.before(CERTIFICATE_RENEWAL)
}

/// The request by which a device was linked.
pub(super) fn read(frame: &[u8]) -> Result<v1::AddDevice, Fault> {
    v1::AddDevice::decode(frame)
        .map_err(|_| Fault::corrupt("the request for a device does not read"))
}

/// When the certificate ends by which a device was linked. It is this device's own work, and is not verified again.
fn end_of(frame: &[u8]) -> Result<Timestamp, Fault> {
    let unreadable = |_| Fault::corrupt("the certificate of a device does not read");
    let signed =
        v1::DeviceCertificate::decode(read(frame)?.device_certificate).map_err(unreadable)?;
    let body = v1::DeviceCertificateBody::decode(signed.body).map_err(unreadable)?;
    Ok(Timestamp(body.expires_ms))
}
