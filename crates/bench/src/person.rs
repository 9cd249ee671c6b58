//! People on the wire: a device with an account, and conversations of two that the server cannot tell from sealed ones.

use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use keyfold_protocol::identity::{
    AccountKey, CertificateRequest, DeviceKeys, DeviceToken, RecoveryKey, Registration,
};
use keyfold_protocol::suite::Suite;
use keyfold_wire::frame::MAILBOX_PATH;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::bare::told;
use crate::socket::{Socket, There, ask, named};

/// Registers somebody; the mailbox socket stays open.
pub(crate) async fn register(there: &There, handle: &str, rng: &mut StdRng) -> Result<Socket> {
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
    let now = u64::try_from(now)?;
    let keys = DeviceKeys::generate(rng);
    let certificate = CertificateRequest {
        handle: handle.to_owned(),
        device: keys.device(),
        signature_key: keys.public(),
        suites: Suite::ALL.to_vec(),
        created: Timestamp(now),
        expires: Timestamp(now + 1_000 * 60 * 60 * 24),
    };
    let registration = AccountKey::generate(rng).register(&Registration {
        certificate: &certificate,
        recovery: &RecoveryKey::generate(rng),
        token: &DeviceToken::generate(rng),
        invitation: "",
    });
    let mut socket = there.open(MAILBOX_PATH).await?;
    match ask(&mut socket, 1, Request::Register(told(registration)?)).await? {
        Content::Greeting(_) => Ok(socket),
        other => bail!("{handle} was not registered: {}", named(Some(&other))),
    }
}

/// A conversation of two at the server.
#[derive(Clone)]
pub(crate) struct Conversation {
    handle: [u8; 32],
    roster_key: [u8; 32],
}

impl Conversation {
    /// Made over an anonymous socket.
    pub(crate) async fn of(
        members: [&mut Socket; 2],
        anonymous: &mut Socket,
        rng: &mut StdRng,
    ) -> Result<Self> {
        let conversation = Self {
            handle: rng.random(),
            roster_key: rng.random(),
        };
        let mut roster = Vec::new();
        for member in members {
            let take = Request::TakeAddresses(v1::TakeAddresses { count: 1 });
            let Content::Addresses(addresses) = ask(member, 2, take).await? else {
                bail!("no address");
            };
            let address = addresses.addresses.into_iter().next();
            roster.push(address.context("no address")?.address);
        }
        let create = Request::Create(v1::Create {
            handle: conversation.handle.to_vec().into(),
            epoch: 1,
            roster,
            roster_key: conversation.roster_key.to_vec().into(),
            message_id: rng.random::<[u8; 16]>().to_vec().into(),
            welcomes: Vec::new(),
            group_info: bytes::Bytes::new(),
        });
        match ask(anonymous, 1, create).await? {
            Content::Accepted(_) => Ok(conversation),
            other => bail!("the conversation was not made: {}", named(Some(&other))),
        }
    }

    pub(crate) fn message(&self, body: &bytes::Bytes, rng: &mut StdRng) -> Request {
        Request::Send(v1::Send {
            handle: self.handle.to_vec().into(),
            epoch: 1,
            roster_key: self.roster_key.to_vec().into(),
            message_id: rng.random::<[u8; 16]>().to_vec().into(),
            body: body.clone(),
        })
    }
}
