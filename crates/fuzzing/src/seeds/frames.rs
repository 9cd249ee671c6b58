//! A frame of each kind, both ways.

use bytes::Bytes;
use keyfold_wire::frame::{encode_client, encode_server};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;

use super::{Seed, seed};
use crate::club;
use crate::papers::Papers;

fn part(byte: u8, length: usize) -> Bytes {
    vec![byte; length].into()
}

/// Requests.
pub(super) fn to_server() -> Vec<Seed> {
    let requests = [mailbox(), anonymous()].concat();
    let of = |(name, request)| seed("client_frame", name, encode_client(5, request));
    requests.into_iter().map(of).collect()
}

fn mailbox() -> Vec<(&'static str, Request)> {
    let ada = Papers::adas();
    let package = v1::KeyPackage {
        suite: 1,
        data: part(3, 40),
        last_resort: true,
    };
    let publish = v1::PublishKeyPackages {
        key_packages: vec![package],
        replace: true,
    };
    let hello = v1::Hello {
        token: part(1, 32),
        after: 7,
    };
    let add = v1::AddDevice {
        device_certificate: ada.certificate.clone().into(),
        token_hash: part(4, 32),
    };
    let acknowledge = v1::Acknowledge { sequence: 9 };
    let take = v1::TakeAddresses { count: 64 };
    let revoke = v1::RevokeAddresses {
        serials: vec![1, 300],
    };
    let remove = ada.account.remove(ada.keys.device());
    vec![
        ("hello", Request::Hello(hello)),
        ("register", Request::Register(ada.registration())),
        ("acknowledge", Request::Acknowledge(acknowledge)),
        (
            "acknowledge-signals",
            Request::AcknowledgeSignals(v1::AcknowledgeSignals { number: 9 }),
        ),
        (
            "signal",
            Request::Signal(v1::Signal {
                handle: part(5, 32),
                epoch: 7,
                roster_key: part(6, 32),
                replace_key: part(7, 32),
                body: part(8, 512),
            }),
        ),
        ("publish", Request::PublishKeyPackages(publish)),
        ("take", Request::TakeAddresses(take)),
        ("revoke", Request::RevokeAddresses(revoke)),
        ("add-device", Request::AddDevice(add)),
        ("remove-device", Request::RemoveDevice(remove)),
    ]
}

fn anonymous() -> Vec<(&'static str, Request)> {
    let handle = v1::lookup::By::Handle("ada".to_owned());
    let account = v1::lookup::By::Account(part(5, 32));
    let fetch = v1::FetchKeyPackages {
        account: part(5, 32),
        suite: 0x4f,
    };
    let send = v1::Send {
        handle: part(6, 32),
        epoch: 1,
        roster_key: part(7, 32),
        message_id: part(8, 16),
        body: part(9, 80),
    };
    let lookup = |by| Request::Lookup(v1::Lookup { by: Some(by) });
    vec![
        ("lookup", lookup(handle)),
        ("lookup-account", lookup(account)),
        ("fetch", Request::FetchKeyPackages(fetch)),
        ("create", Request::Create(create())),
        ("send", Request::Send(send)),
        ("commit", Request::Commit(commit())),
    ]
}

fn welcomes() -> Vec<v1::WelcomeItem> {
    vec![v1::WelcomeItem {
        address: part(1, 60),
        secrets: part(2, 100),
    }]
}

fn create() -> v1::Create {
    v1::Create {
        handle: part(6, 32),
        epoch: 1,
        roster: vec![part(1, 60), part(2, 60)],
        roster_key: part(7, 32),
        message_id: part(8, 16),
        welcomes: welcomes(),
        group_info: part(9, 80),
    }
}

fn commit() -> v1::Commit {
    v1::Commit {
        handle: part(6, 32),
        epoch: 1,
        roster_key: part(7, 32),
        message_id: part(8, 16),
        body: part(9, 80),
        next_roster: vec![part(1, 60)],
        next_roster_key: part(7, 32),
        welcomes: welcomes(),
        group_info: part(9, 80),
        removes: true,
    }
}

/// Answers, and what comes unasked.
pub(super) fn to_device() -> Vec<Seed> {
    let contents = [answers(), unasked()].concat();
    let of = |(name, content)| seed("server_frame", name, encode_server(5, content));
    contents.into_iter().map(of).collect()
}

fn supply() -> v1::Supply {
    v1::Supply {
        suites: vec![v1::SuiteSupply {
            suite: 0x4f,
            one_time: 20,
            last_resort: true,
        }],
    }
}

fn answers() -> Vec<(&'static str, Content)> {
    let ada = Papers::adas();
    let (packages, ..) = club::samples();
    let refused = v1::Refused {
        code: 7,
        epoch: 3,
        retry_after_ms: 9,
    };
    let greeting = v1::Greeting {
        acknowledged: 3,
        known: 9,
        now_ms: 1_790_000_000_000,
        supply: Some(supply()),
        expired: 2,
        mailbox: vec![7; 16].into(),
    };
    let address = v1::Address {
        serial: 4,
        address: part(5, 60),
    };
    let addresses = v1::Addresses {
        addresses: vec![address],
    };
    let account = v1::Account {
        account: ada.account.account().to_wire(),
        handle: "ada".to_owned(),
        account_key: Bytes::copy_from_slice(&ada.account.public()),
        device_certificates: vec![ada.certificate.clone().into()],
    };
    let package = v1::DeviceKeyPackage {
        device: ada.keys.device().to_wire(),
        key_package: packages[0].clone().into(),
        last_resort: false,
    };
    let packages = v1::KeyPackages {
        devices: vec![package],
    };
    vec![
        ("refused", Content::Refused(refused)),
        ("greeting", Content::Greeting(greeting)),
        ("done", Content::Done(v1::Done { now_ms: 1 })),
        ("addresses", Content::Addresses(addresses)),
        ("account", Content::Account(account)),
        ("key-packages", Content::KeyPackages(packages)),
        (
            "accepted",
            Content::Accepted(v1::Accepted {
                received_ms: 5,
                unreachable: vec![vec![7; 62].into()],
            }),
        ),
    ]
}

fn unasked() -> Vec<(&'static str, Content)> {
    let (.., split) = club::samples();
    let message = v1::Message {
        message_id: part(1, 16),
        epoch: 4,
        body: part(2, 60),
        commit: Some(v1::CommitCheck {
            roster_hash: part(3, 32),
            roster_key_hash: part(4, 32),
        }),
    };
    let welcome = v1::Welcome {
        secrets: split.joiners[0].secrets.clone().into(),
        group_info: split.group_info.into(),
    };
    let contents = [
        v1::item::Content::Message(message),
        v1::item::Content::Welcome(welcome),
    ];
    let item = |(sequence, content)| v1::Item {
        sequence,
        serial: 3,
        received_ms: 1_790_000_000_000,
        content: Some(content),
    };
    let deliveries = v1::Deliveries {
        items: (1..).zip(contents).map(item).collect(),
        caught_up: true,
    };
    vec![
        ("deliveries", Content::Deliveries(deliveries)),
        ("supply", Content::Supply(supply())),
        (
            "signals",
            Content::Signals(v1::Signals {
                signals: vec![v1::WaitingSignal {
                    number: 1,
                    serial: 3,
                    body: part(7, 512),
                }],
            }),
        ),
    ]
}
