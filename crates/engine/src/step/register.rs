//! Registration, and the greeting of the mailbox socket.

use keyfold_protocol::identity::{
    AccountKey, CertificateRequest, DeviceKeys, DeviceToken, RecoveryKey, Registration,
};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1::RefusalCode;
use keyfold_wire::{Message as _, v1};

use super::Step;
use super::command::{Answered, normal_form};
use crate::Fault;
use crate::clock::Told;
use crate::command::{Answer, Complaint};
use crate::identity::Identity;
use crate::limits::CERTIFICATE_LIFETIME;
use crate::outcome::{Event, Failure};
use crate::table::contact;
use crate::table::setting::{self, Setting};
use crate::view::Contact;

impl Step<'_> {
    /// Makes an account with this device as its first. The server hears of it when the mailbox socket opens.
    pub(super) fn register(
        &mut self,
        handle: &str,
        invitation: &str,
        suites: &[Suite],
    ) -> Result<Answered, Fault> {
        if self.identity.is_some() {
            return Ok(Err(Complaint::AlreadyRegistered));
        }
        let normal = normal_form(handle);
        if normal.is_empty() {
            return Ok(Err(Complaint::Handle(handle.chars().take(40).collect())));
        }
        let account_key = self.rng.with(|rng| AccountKey::generate(rng));
        let recovery = self.rng.with(|rng| RecoveryKey::generate(rng));
        let keys = self.rng.with(|rng| DeviceKeys::generate(rng));
        let token = self.rng.with(|rng| DeviceToken::generate(rng));
        let request = CertificateRequest {
            handle: normal,
            device: keys.device(),
            signature_key: keys.public(),
            suites: suites.to_vec(),
            created: self.now,
            expires: self.now.after(CERTIFICATE_LIFETIME),
        };
        let registration = Registration {
            certificate: &request,
            recovery: &recovery,
            token: &token,
            invitation,
        };
        let register = match account_key.register(&registration) {
            Ok(register) => register,
            Err(error) => return Ok(Err(Complaint::Handle(error.to_string()))),
        };
        let account = account_key.to_secret_bytes();
        setting::put(self.tx, Setting::AccountKey, account.as_slice())?;
        setting::put(
            self.tx,
            Setting::Recovery,
            recovery.to_secret_text().as_bytes(),
        )?;
        setting::put(self.tx, Setting::Registration, &register.encode_to_vec())?;
        self.keep_device(&keys, &token, &register.device_certificate)?;
        Ok(Ok(Answer::Taken))
    }

    /// Writes down what this device is, and reads it again.
    pub(super) fn keep_device(
        &mut self,
        keys: &DeviceKeys,
        token: &DeviceToken,
        certificate: &[u8],
    ) -> Result<(), Fault> {
        setting::put(
            self.tx,
            Setting::DeviceKeys,
            keys.to_secret_bytes().as_slice(),
        )?;
        setting::put(self.tx, Setting::Token, token.to_secret_bytes().as_slice())?;
        setting::put(self.tx, Setting::Certificate, certificate)?;
        *self.identity = Identity::load(self.tx)?;
        let certificate = self.me()?.certificate.clone();
        let own = Contact {
            account: certificate.account,
            handle: certificate.handle,
            confirmed: true,
            verified: true,
            account_key: certificate.account_key,
            name: None,
            blocked: false,
        };
        contact::put(self.tx, &own)
    }

    /// The mailbox socket was greeted.
    pub(super) fn connected(&mut self, greeting: &v1::Greeting) -> Result<(), Fault> {
        self.session.caught_up = false;
        self.session.broken_off = false;
        self.told_time(Told::Now(Timestamp(greeting.now_ms)));
        self.signals_begin(greeting.now_ms);
        let Some(identity) = self.identity.as_mut() else {
            return Ok(());
        };
        if !identity.registered {
            identity.registered = true;
            setting::put(self.tx, Setting::Registered, &[1])?;
            setting::remove(self.tx, Setting::RegisteringAgain)?;
            self.tell(Event::Registered);
        }
        self.is_known()?;
        self.compare_memories(greeting)?;
        self.restock(&greeting.supply.clone().unwrap_or_default())
    }

    /// A first device shows the server its registration again. `false`: it has none, or has been refused with it.
    fn register_again(&mut self) -> Result<bool, Fault> {
        if setting::get(self.tx, Setting::Registration)?.is_none() {
            return Ok(false);
        }
        setting::put(self.tx, Setting::RegisteringAgain, &[1])?;
        self.set_registered(false)?;
        Ok(true)
    }

    fn set_registered(&mut self, registered: bool) -> Result<(), Fault> {
        if registered {
            setting::put(self.tx, Setting::Registered, &[1])?;
        } else {
            setting::remove(self.tx, Setting::Registered)?;
        }
        *self.identity = Identity::load(self.tx)?;
        Ok(())
    }

    /// The server would not greet this device.
    pub(super) fn turned_away(&mut self, refused: &v1::Refused) -> Result<(), Fault> {
        let registered = self
            .identity
            .as_ref()
            .is_some_and(|identity| identity.registered);
        let again = setting::get(self.tx, Setting::RegisteringAgain)?.is_some();
        match refused.code() {
            RefusalCode::Busy | RefusalCode::Unavailable | RefusalCode::Unspecified => {}
            RefusalCode::Unauthenticated if registered => {
                // The answer to the request for a new token may have been lost: then the new one opens. And a server that was put
                // back to an earlier state may not know the account yet.
                let goes_on = self.try_other_token()? || self.register_again()?;
                if !goes_on {
                    self.is_unknown()?;
                }
            }
            _ if again => {
                self.set_registered(true)?;
                setting::remove(self.tx, Setting::RegisteringAgain)?;
                self.is_unknown()?;
            }
            code if !registered => {
                let failure = Failure::Server(super::reply::words(code).to_owned());
                for setting in [
                    Setting::AccountKey,
                    Setting::DeviceKeys,
                    Setting::Token,
                    Setting::Certificate,
                    Setting::Registration,
                    Setting::Recovery,
                ] {
                    setting::remove(self.tx, setting)?;
                }
                *self.identity = None;
                self.tell(Event::RegistrationRefused(failure));
            }
            _ => {}
        }
        Ok(())
    }
}
