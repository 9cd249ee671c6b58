//! What both sides read of each other: frames, certificates, registrations, ids.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use bytes::Bytes;
use keyfold_protocol::content::ContentId;
use keyfold_protocol::group::{CheckedKeyPackage, Crypto};
use keyfold_protocol::roster::{Roster, RosterMismatch};
use keyfold_protocol::welcome;
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_wire::certificate::{Certificate, account_id, verify_registration};
use keyfold_wire::frame::{decode_client, decode_server, encode_client, encode_server};
use keyfold_wire::ids::{
    AccountId, ConversationHandle, ConversationId, DeviceId, MailboxId, MessageId, from_hex,
};
use keyfold_wire::roster::RosterKey;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{Message as _, limits, v1};

use crate::papers::{NOW, Papers};

/// A frame from a device, up to the typed request that the server's core takes.
pub fn client_frame(data: &[u8]) {
    let Ok(frame) = decode_client(Bytes::copy_from_slice(data)) else {
        return;
    };
    let Some(request) = frame.request else { return };
    let encoded = encode_client(frame.id, request.clone());
    let again = decode_client(encoded).expect("what was written can be read");
    assert!(again.request.as_ref() == Some(&request));
    assert_eq!(again.id, frame.id);
    let device = DeviceRequest::parse(request.clone());
    let anonymous = AnonymousRequest::parse(request.clone());
    assert!(
        device.is_err() || anonymous.is_err(),
        "a request belongs on one socket"
    );
    if let Ok(anonymous) = anonymous {
        is_within_limits(&anonymous);
    }
    if let v1::client_frame::Request::Register(register) = &request {
        let _ = verify_registration(register);
    }
}

fn is_within_limits(request: &AnonymousRequest) {
    let addresses = |roster: &[Bytes]| {
        assert!((1..=limits::MAX_ROSTER).contains(&roster.len()));
        let is_one = |address: &Bytes| (1..=limits::MAX_ADDRESS).contains(&address.len());
        assert!(roster.iter().all(is_one));
    };
    match request {
        AnonymousRequest::Send(send) => {
            assert!((1..=limits::MAX_SEND_BODY).contains(&send.body.len()));
        }
        AnonymousRequest::Commit(commit) => {
            assert!((1..=limits::MAX_COMMIT_BODY).contains(&commit.body.len()));
            assert!(commit.epoch < commit.epoch.next(), "there is a next epoch");
            addresses(&commit.next_roster);
            assert_eq!(commit.welcomes.is_empty(), commit.group_info.is_empty());
        }
        AnonymousRequest::Create(create) => {
            addresses(&create.roster);
            assert!(create.group_info.len() <= limits::MAX_GROUP_INFO);
            assert_eq!(create.welcomes.is_empty(), create.group_info.is_empty());
        }
        AnonymousRequest::Signal(signal) => {
            assert_eq!(signal.body.len(), limits::SIGNAL_BODY);
        }
        AnonymousRequest::LookupHandle(handle) => assert!(handle.len() <= limits::MAX_HANDLE),
        AnonymousRequest::LookupAccount(_)
        | AnonymousRequest::FetchKeyPackages { .. }
        | AnonymousRequest::Probe(_) => {}
    }
}

/// A frame from a server, and what a device reads out of it.
pub fn server_frame(data: &[u8]) {
    let Ok(frame) = decode_server(Bytes::copy_from_slice(data)) else {
        return;
    };
    let Some(content) = frame.content else { return };
    let again = decode_server(encode_server(frame.id, content.clone()));
    assert!(again.expect("it can be read").content == Some(content.clone()));
    match content {
        Content::Deliveries(deliveries) => deliveries.items.iter().for_each(item),
        Content::Account(account) => {
            for certificate in &account.device_certificates {
                let _ = Certificate::verify(certificate);
            }
        }
        Content::KeyPackages(packages) => {
            let crypto = Crypto::default();
            for package in packages.devices.iter().take(4) {
                let _ = CheckedKeyPackage::check(&crypto, &package.key_package, NOW);
            }
        }
        _ => {}
    }
}

fn item(item: &v1::Item) {
    match &item.content {
        Some(v1::item::Content::Message(message)) => {
            let _ = MessageId::try_from(&*message.message_id);
            let roster = Roster::of(&[Papers::adas().leaf()]);
            let key = RosterKey::new([3; 32]);
            let checked = roster.check(&key, message.commit.as_ref());
            assert_eq!(
                message.commit.is_none(),
                checked == Err(RosterMismatch::Missing)
            );
        }
        Some(v1::item::Content::Welcome(welcome)) => {
            let _ = welcome::rebuild(&welcome.secrets, &welcome.group_info);
        }
        None => {}
    }
}

/// A device certificate: as it comes, and with a right signature on any body.
pub fn certificate(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let encoded = if mode % 2 == 0 {
        rest.to_vec()
    } else {
        Papers::adas().certify_bytes(rest)
    };
    let Ok(certificate) = Certificate::verify(&encoded) else {
        return;
    };
    assert!(encoded.len() <= limits::MAX_CERTIFICATE);
    assert_eq!(account_id(&certificate.account_key), certificate.account);
    assert!(certificate.handle.len() <= limits::MAX_HANDLE);
    assert!(certificate.suites.len() <= limits::MAX_SUITES);
    assert_eq!(
        certificate.account_key,
        Papers::adas().account.public(),
        "nobody else has signed anything"
    );
    let _ = certificate.is_valid_at(NOW);
}

/// A registration: as it comes, and with a right signature on any fields.
pub fn registration(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let Ok(mut register) = v1::Register::decode(rest) else {
        return;
    };
    if mode % 2 == 1 {
        Papers::adas().sign(&mut register);
    }
    let Ok(certificate) = verify_registration(&register) else {
        return;
    };
    assert_eq!(register.account_key, certificate.account_key.as_slice());
    assert_eq!(certificate.account_key, Papers::adas().account.public());
    assert_eq!(register.token_hash.len(), 32);
    assert_eq!(register.recovery_key.len(), 32);
}

/// Ids and codes that people and scripts type: hexadecimal of every length.
pub fn ids(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    reads_what_it_writes::<AccountId>(text);
    reads_what_it_writes::<DeviceId>(text);
    reads_what_it_writes::<ConversationHandle>(text);
    reads_what_it_writes::<ConversationId>(text);
    reads_what_it_writes::<MailboxId>(text);
    reads_what_it_writes::<MessageId>(text);
    reads_what_it_writes::<ContentId>(text);
    if let Some(bytes) = from_hex(text) {
        assert_eq!(bytes.len() * 2, text.len());
    }
}

fn reads_what_it_writes<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        let written = id.to_string();
        assert_eq!(written, text.to_lowercase());
        assert_eq!(written.parse::<T>().ok(), Some(id));
    }
}
