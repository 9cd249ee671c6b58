//! People with one device each, and conversations between them. Nothing is really encrypted: the server cannot tell.

use ed25519_dalek::{Signer as _, SigningKey};
use keyfold_wire::Message as _;
use keyfold_wire::certificate::{account_id, certificate_input, registration_input};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, Deliveries, Greeting, Item, item};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use super::{Server, Socket};

pub struct Person {
    pub handle: String,
    account_key: SigningKey,
    device: [u8; 16],
    pub token: [u8; 32],
}

/// One at the server, and the addresses in it.
#[derive(Clone)]
pub struct Conversation {
    pub handle: [u8; 32],
    pub roster_key: [u8; 32],
    pub roster: Vec<v1::Address>,
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

impl Person {
    pub fn new(handle: &str) -> Self {
        Self {
            handle: handle.to_owned(),
            account_key: SigningKey::from_bytes(&random()),
            device: random(),
            token: random(),
        }
    }

    pub fn account(&self) -> Vec<u8> {
        account_id(self.account_key.verifying_key().as_bytes()).to_vec()
    }

    fn certificate(&self) -> Vec<u8> {
        let now = u64::try_from(
            std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .unwrap()
                .as_millis(),
        )
        .unwrap();
        let key = self.account_key.verifying_key();
        let body = v1::DeviceCertificateBody {
            account: self.account().into(),
            account_key: key.as_bytes().to_vec().into(),
            handle: self.handle.clone(),
            device: self.device.to_vec().into(),
            signature_key: SigningKey::from_bytes(&random())
                .verifying_key()
                .as_bytes()
                .to_vec()
                .into(),
            suites: vec![0x004f, 0x0001],
            created_ms: now,
            expires_ms: now + 365 * 24 * 60 * 60 * 1_000,
        }
        .encode_to_vec();
        let signature = self
            .account_key
            .sign(&certificate_input(&body))
            .to_bytes()
            .to_vec();
        v1::DeviceCertificate {
            body: body.into(),
            signature: signature.into(),
        }
        .encode_to_vec()
    }

    pub fn registration(&self, invitation: &str) -> v1::Register {
        let mut register = v1::Register {
            handle: self.handle.clone(),
            account_key: self.account_key.verifying_key().as_bytes().to_vec().into(),
            recovery_key: SigningKey::from_bytes(&random())
                .verifying_key()
                .as_bytes()
                .to_vec()
                .into(),
            device_certificate: self.certificate().into(),
            token_hash: Sha256::digest(self.token).to_vec().into(),
            invitation: invitation.to_owned(),
            signature: bytes::Bytes::new(),
        };
        register.signature = self
            .account_key
            .sign(&registration_input(&register))
            .to_bytes()
            .to_vec()
            .into();
        register
    }

    pub fn hello(&self, after: u64) -> Request {
        Request::Hello(v1::Hello {
            token: self.token.to_vec().into(),
            after,
        })
    }

    /// Registers; the mailbox socket stays open, past its first (empty) push.
    pub async fn registers(&self, server: &Server) -> Socket {
        let mut socket = server.mailbox().await;
        let content = socket.ask(Request::Register(self.registration(""))).await;
        assert!(matches!(content, Content::Greeting(_)), "not greeted");
        let first = deliveries(&mut socket).await;
        assert!(first.items.is_empty() && first.caught_up);
        socket
    }

    /// Comes back.
    pub async fn returns(&self, server: &Server, after: u64) -> (Socket, Greeting) {
        let mut socket = server.mailbox().await;
        match socket.ask(self.hello(after)).await {
            Content::Greeting(greeting) => (socket, greeting),
            Content::Refused(refused) => panic!("refused: {:?}", refused.code().as_str_name()),
            _ => panic!("not greeted"),
        }
    }
}

/// A fresh address of the mailbox on this socket.
pub async fn address(socket: &mut Socket) -> v1::Address {
    match socket
        .ask(Request::TakeAddresses(v1::TakeAddresses { count: 1 }))
        .await
    {
        Content::Addresses(addresses) => addresses.addresses.into_iter().next().unwrap(),
        _ => panic!("no address"),
    }
}

/// The next push of items.
pub async fn deliveries(socket: &mut Socket) -> Deliveries {
    loop {
        let frame = socket.next().await;
        match frame.content {
            Some(Content::Deliveries(deliveries)) => {
                assert_eq!(frame.id, 0, "pushed, not asked for");
                return deliveries;
            }
            Some(Content::Supply(_) | Content::Signals(_)) => {}
            _ => panic!("something else came"),
        }
    }
}

/// So many items, in however many pushes.
pub async fn items(socket: &mut Socket, count: usize) -> Vec<Item> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(deliveries(socket).await.items);
    }
    assert_eq!(all.len(), count, "more came than was sent");
    assert!(
        all.windows(2)
            .all(|pair| pair[0].sequence < pair[1].sequence),
        "out of order"
    );
    all
}

pub fn text(item: &Item) -> String {
    match &item.content {
        Some(item::Content::Message(message)) => String::from_utf8(message.body.to_vec()).unwrap(),
        _ => panic!("not a message"),
    }
}

pub async fn acknowledge(socket: &mut Socket, sequence: u64) {
    socket
        .send(Request::Acknowledge(v1::Acknowledge { sequence }))
        .await;
}

impl Conversation {
    /// With these members' sockets.
    pub async fn of(anonymous: &mut Socket, members: &mut [&mut Socket]) -> Self {
        let mut roster = Vec::new();
        for member in members {
            roster.push(address(member).await);
        }
        let conversation = Self {
            handle: random(),
            roster_key: random(),
            roster,
        };
        let answer = anonymous.ask(conversation.create()).await;
        assert!(matches!(answer, Content::Accepted(_)), "not accepted");
        conversation
    }

    pub fn create(&self) -> Request {
        Request::Create(v1::Create {
            handle: self.handle.to_vec().into(),
            epoch: 1,
            roster: self
                .roster
                .iter()
                .map(|address| address.address.clone())
                .collect(),
            roster_key: self.roster_key.to_vec().into(),
            message_id: random::<16>().to_vec().into(),
            welcomes: Vec::new(),
            group_info: bytes::Bytes::new(),
        })
    }

    pub fn message(&self, body: &str) -> Request {
        self.message_with_id(body, random())
    }

    pub fn message_with_id(&self, body: &str, id: [u8; 16]) -> Request {
        Request::Send(v1::Send {
            handle: self.handle.to_vec().into(),
            epoch: 1,
            roster_key: self.roster_key.to_vec().into(),
            message_id: id.to_vec().into(),
            body: body.as_bytes().to_vec().into(),
        })
    }
}
