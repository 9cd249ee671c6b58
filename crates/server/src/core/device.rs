//! Requests of devices: registering, showing a token, key packages, addresses, the account's other devices.

use bytes::Bytes;
use keyfold_wire::certificate::{self, Certificate, verify_registration};
use keyfold_wire::ids::{DeviceId, MailboxId, Sequence};
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{Message as _, limits, v1};
use sha2::{Digest as _, Sha256};

use super::{Core, Device, Registration, invitation_hash};
use crate::clock::Clock;
use crate::directory::Handle;
use crate::refusal::Refusal;
use crate::request::{AddDevice, DeviceRequest};
use crate::seal::{Target, random};
use crate::store::operation::{Admission, NewAccount, NewDevice};
use crate::store::{Operation, Outcome, Store};

impl<S: Store, C: Clock> Core<S, C> {
    /// A new account with its first device. The same bytes again get the same answer.
    ///
    /// # Errors
    /// [`Refusal::CertificateInvalid`], [`Refusal::HandleInvalid`], [`Refusal::HandleTaken`],
    /// [`Refusal::RegistrationClosed`], [`Refusal::InvitationInvalid`]; [`Refusal::Conflict`] when the account exists
    /// with other bytes; [`Refusal::Unauthenticated`] when its first device was removed since, or has replaced its
    /// token; [`Refusal::TooLarge`], [`Refusal::Unavailable`], [`Refusal::Busy`].
    pub async fn register(&self, message: v1::Register) -> Result<(Device, v1::Greeting), Refusal> {
        let account = self.new_account(message)?;
        match self.store(Operation::Register(Box::new(account))).await? {
            Outcome::Device(device) => {
                let greeting = self.greeting(device.mailbox, Sequence(0)).await?;
                self.vouched.came(device.mailbox);
                Ok((device, greeting))
            }
            _ => Err(Refusal::Unavailable),
        }
    }

    fn new_account(&self, message: v1::Register) -> Result<NewAccount, Refusal> {
        let is_too_large = message.handle.len() > limits::MAX_HANDLE
            || message.invitation.len() > limits::MAX_INVITATION;
        if is_too_large {
            return Err(Refusal::TooLarge);
        }
        let certificate = verify_registration(&message).map_err(|_| Refusal::CertificateInvalid)?;
        let handle = Handle::parse(&message.handle)?;
        if certificate.handle != handle.normal() || !certificate.is_valid_at(self.clock.now()) {
            return Err(Refusal::CertificateInvalid);
        }
        Ok(NewAccount {
            account: certificate.account,
            handle,
            account_key: certificate.account_key,
            recovery_key: fixed(&message.recovery_key)?,
            digest: Sha256::digest(message.encode_to_vec()).into(),
            admission: self.admission(&message.invitation),
            device: NewDevice {
                id: certificate.device,
                token_hash: fixed(&message.token_hash)?,
                certificate: message.device_certificate,
                mailbox: fresh_mailbox()?,
            },
        })
    }

    fn admission(&self, invitation: &str) -> Admission {
        match self.settings.registration {
            Registration::Open => Admission::Free,
            Registration::Invite => Admission::Invited(invitation_hash(invitation)),
            Registration::Closed => Admission::Refused(Refusal::RegistrationClosed),
        }
    }

    /// A device shows its token, and says how far it has come.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`], [`Refusal::Malformed`], [`Refusal::Unavailable`].
    pub async fn hello(&self, message: v1::Hello) -> Result<(Device, v1::Greeting), Refusal> {
        if message.token.len() != 32 {
            return Err(Refusal::Malformed);
        }
        let token_hash = Sha256::digest(&message.token).into();
        let device = self
            .store
            .device(token_hash)
            .await?
            .ok_or(Refusal::Unauthenticated)?;
        let position = Sequence(message.after);
        let greeting = self.greeting(device.mailbox, position).await?;
        // Where either has fallen back, key packages that lie here may have been used, or be known to nobody.
        if greeting.known == message.after && greeting.acknowledged <= message.after {
            self.vouched.came(device.mailbox);
        } else {
            self.vouched.fell_back(device.mailbox);
        }
        // Where the server has fallen back, the rest of what the device says of itself says nothing about what is still to come.
        if greeting.known > greeting.acknowledged {
            self.acknowledge(&device, Sequence(greeting.known));
        }
        Ok((device, greeting))
    }

    async fn greeting(
        &self,
        mailbox: MailboxId,
        position: Sequence,
    ) -> Result<v1::Greeting, Refusal> {
        let state = self
            .store
            .mailbox(mailbox, position)
            .await?
            .ok_or(Refusal::Unauthenticated)?;
        Ok(v1::Greeting {
            acknowledged: state.acknowledged.0,
            known: state.known.0,
            expired: state.expired.0,
            mailbox: name_of(mailbox),
            now_ms: self.clock.now().0,
            supply: Some(state.supply),
        })
    }

    /// A request of a device that has shown its token.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] when the device has been removed meanwhile, and whatever the request can meet.
    pub async fn device_request(
        &self,
        device: &Device,
        request: DeviceRequest,
    ) -> Result<Content, Refusal> {
        let mailbox = device.mailbox;
        let operation = match request {
            DeviceRequest::TakeAddresses { count } => return self.take(mailbox, count).await,
            DeviceRequest::PublishKeyPackages(publish) => {
                let replace = publish.replace;
                let packages = publish.packages;
                let publish = Operation::Publish {
                    mailbox,
                    packages,
                    replace,
                };
                self.store(publish).await?;
                if replace {
                    self.vouched.replaced(mailbox);
                }
                return Ok(self.done());
            }
            DeviceRequest::ReplaceToken { token_hash } => Operation::ReplaceToken {
                mailbox,
                token_hash,
            },
            DeviceRequest::RevokeAddresses(serials) => Operation::Revoke { mailbox, serials },
            DeviceRequest::AddDevice(add) => return self.add_device(device, *add).await,
            DeviceRequest::RemoveDevice {
                device: id,
                signature,
            } => self.removal(device, id, &signature).await?,
            DeviceRequest::Report(report) => return self.keep_report(device, *report).await,
        };
        self.store(operation).await?;
        Ok(self.done())
    }

    pub(super) fn done(&self) -> Content {
        Content::Done(v1::Done {
            now_ms: self.clock.now().0,
        })
    }

    async fn take(&self, mailbox: MailboxId, count: u32) -> Result<Content, Refusal> {
        let outcome = self
            .store(Operation::TakeSerials { mailbox, count })
            .await?;
        let Outcome::Serials(first) = outcome else {
            return Err(Refusal::Unavailable);
        };
        let address = |serial: u64| {
            let target = Target {
                mailbox,
                serial: keyfold_wire::ids::Serial(serial),
            };
            let address = self.key.seal(target).map_err(|_| Refusal::Unavailable)?;
            Ok(v1::Address { serial, address })
        };
        let addresses = (first.0..)
            .take(count as usize)
            .map(address)
            .collect::<Result<_, _>>()?;
        Ok(Content::Addresses(v1::Addresses { addresses }))
    }

    async fn removal(
        &self,
        device: &Device,
        id: DeviceId,
        signature: &[u8],
    ) -> Result<Operation, Refusal> {
        self.confirm(device.mailbox).await?;
        let account = self
            .store
            .account(device.account)
            .await?
            .ok_or(Refusal::Unauthenticated)?;
        let signed = certificate::removal_input(&account.id, &id);
        certificate::verify(&account.account_key, &signed, signature)
            .map_err(|_| Refusal::CertificateInvalid)?;
        Ok(Operation::RemoveDevice {
            account: account.id,
            device: id,
        })
    }

    async fn add_device(&self, device: &Device, add: AddDevice) -> Result<Content, Refusal> {
        self.confirm(device.mailbox).await?;
        let account = self
            .store
            .account(device.account)
            .await?
            .ok_or(Refusal::Unauthenticated)?;
        let fits = |certificate: &Certificate| {
            certificate.account == account.id
                && certificate.account_key == account.account_key
                && certificate.handle == account.handle
                && certificate.is_valid_at(self.clock.now())
        };
        if !fits(&add.certificate) {
            return Err(Refusal::CertificateInvalid);
        }
        let operation = match renewed(&account.certificates, &add) {
            Some(former) => Operation::RenewCertificate {
                account: account.id,
                device: add.certificate.device,
                former,
                certificate: add.encoded,
            },
            None => Operation::AddDevice {
                account: account.id,
                device: NewDevice {
                    id: add.certificate.device,
                    certificate: add.encoded,
                    token_hash: add.token_hash,
                    mailbox: fresh_mailbox()?,
                },
            },
        };
        self.store(operation).await?;
        Ok(self.done())
    }

    /// A removed device may still hold its socket for a moment; it may not touch the account any more.
    pub(super) async fn confirm(&self, mailbox: MailboxId) -> Result<(), Refusal> {
        self.store
            .mailbox(mailbox, Sequence(0))
            .await?
            .ok_or(Refusal::Unauthenticated)
            .map(drop)
    }
}

/// The certificate among these that this one is a newer one of. Its device keeps everything else that it has: who renews may not know
/// its token of today.
fn renewed(held: &[Bytes], add: &AddDevice) -> Option<Bytes> {
    let mut held = held.iter().filter(|held| **held != add.encoded);
    let is_older = |held: &&Bytes| {
        Certificate::verify(held).is_ok_and(|former| add.certificate.renews(&former))
    };
    held.find(is_older).cloned()
}

/// Bytes of a mailbox's name: no two of a device's mailboxes have one.
const MAILBOX_NAME: usize = 16;

/// What a device calls its mailbox: what it is called here is sealed in addresses, and nobody else's to see.
fn name_of(mailbox: MailboxId) -> Bytes {
    let hash = Sha256::new()
        .chain_update(b"keyfold mailbox v1")
        .chain_update(mailbox.as_bytes())
        .finalize();
    hash.into_iter().take(MAILBOX_NAME).collect()
}

fn fresh_mailbox() -> Result<MailboxId, Refusal> {
    random()
        .map(MailboxId::new)
        .map_err(|_| Refusal::Unavailable)
}

fn fixed(bytes: &[u8]) -> Result<[u8; 32], Refusal> {
    bytes.try_into().map_err(|_| Refusal::Malformed)
}
