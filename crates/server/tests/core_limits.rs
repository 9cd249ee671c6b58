//! Every limit of a request: at it the request is read, one past it is refused, before anything else looks at it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use bytes::Bytes;
use keyfold_server::Refusal;
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_wire::limits;
use keyfold_wire::v1::{self, client_frame::Request};

fn bytes(count: usize) -> Bytes {
    vec![1; count].into()
}

fn anonymous(request: Request) -> Option<Refusal> {
    AnonymousRequest::parse(request).err()
}

fn device(request: Request) -> Option<Refusal> {
    DeviceRequest::parse(request).err()
}

fn send() -> v1::Send {
    v1::Send {
        handle: bytes(32),
        epoch: 1,
        roster_key: bytes(32),
        message_id: bytes(16),
        body: bytes(1),
    }
}

fn create() -> v1::Create {
    v1::Create {
        handle: bytes(32),
        epoch: 1,
        roster: vec![bytes(1)],
        roster_key: bytes(32),
        message_id: bytes(16),
        welcomes: Vec::new(),
        group_info: Bytes::new(),
    }
}

fn commit() -> v1::Commit {
    v1::Commit {
        handle: bytes(32),
        epoch: 1,
        roster_key: bytes(32),
        message_id: bytes(16),
        body: bytes(1),
        next_roster: vec![bytes(1)],
        next_roster_key: bytes(32),
        welcomes: Vec::new(),
        group_info: Bytes::new(),
        removes: false,
    }
}

fn welcomes(count: usize, secrets: usize) -> Vec<v1::WelcomeItem> {
    vec![
        v1::WelcomeItem {
            address: bytes(1),
            secrets: bytes(secrets)
        };
        count
    ]
}

/// Asserts that `make` gives a request that is read at `limit` and too large one past it.
fn bounded(limit: usize, make: impl Fn(usize) -> Request, parse: fn(Request) -> Option<Refusal>) {
    assert_eq!(parse(make(limit)), None, "at {limit}");
    assert_eq!(
        parse(make(limit + 1)),
        Some(Refusal::TooLarge),
        "one past {limit}"
    );
}

#[test]
fn bodies_and_lists_of_conversations() {
    let body = |size| {
        Request::Send(v1::Send {
            body: bytes(size),
            ..send()
        })
    };
    bounded(limits::MAX_SEND_BODY, body, anonymous);
    let body = |size| {
        Request::Commit(v1::Commit {
            body: bytes(size),
            ..commit()
        })
    };
    bounded(limits::MAX_COMMIT_BODY, body, anonymous);
    let roster = |count| {
        Request::Create(v1::Create {
            roster: vec![bytes(1); count],
            ..create()
        })
    };
    bounded(limits::MAX_ROSTER, roster, anonymous);
    let roster = |count| {
        Request::Commit(v1::Commit {
            next_roster: vec![bytes(1); count],
            ..commit()
        })
    };
    bounded(limits::MAX_ROSTER, roster, anonymous);
    let address = |size| {
        Request::Create(v1::Create {
            roster: vec![bytes(size)],
            ..create()
        })
    };
    bounded(limits::MAX_ADDRESS, address, anonymous);
}

#[test]
fn welcomes_of_conversations() {
    let with = |welcomes, group_info| {
        Request::Create(v1::Create {
            welcomes,
            group_info: bytes(group_info),
            ..create()
        })
    };
    bounded(
        limits::MAX_ROSTER,
        |count| with(welcomes(count, 1), 1),
        anonymous,
    );
    bounded(
        limits::MAX_WELCOME_SECRETS,
        |size| with(welcomes(1, size), 1),
        anonymous,
    );
    bounded(
        limits::MAX_GROUP_INFO,
        |size| with(welcomes(1, 1), size),
        anonymous,
    );
    assert_eq!(
        anonymous(with(welcomes(1, 1), 0)),
        Some(Refusal::Malformed),
        "nothing to share"
    );
    assert_eq!(
        anonymous(with(Vec::new(), 1)),
        Some(Refusal::Malformed),
        "nobody to share it"
    );
    assert_eq!(
        anonymous(with(welcomes(1, 0), 1)),
        Some(Refusal::Malformed),
        "nothing for one"
    );
}

#[test]
fn what_devices_ask_for() {
    let take = |count| {
        Request::TakeAddresses(v1::TakeAddresses {
            count: u32::try_from(count).unwrap(),
        })
    };
    bounded(limits::MAX_ADDRESSES_AT_ONCE, take, device);
    let revoke = |count| {
        Request::RevokeAddresses(v1::RevokeAddresses {
            serials: vec![1; count],
        })
    };
    bounded(limits::MAX_REVOKED_AT_ONCE, revoke, device);
    let publish = |count, size| {
        let package = v1::KeyPackage {
            suite: 1,
            data: bytes(size),
            last_resort: false,
        };
        let key_packages = vec![package; count];
        Request::PublishKeyPackages(v1::PublishKeyPackages {
            key_packages,
            replace: false,
        })
    };
    bounded(
        limits::MAX_KEY_PACKAGES_AT_ONCE,
        |count| publish(count, 1),
        device,
    );
    bounded(limits::MAX_KEY_PACKAGE, |size| publish(1, size), device);
    let lookup = |size| {
        let by = Some(v1::lookup::By::Handle("a".repeat(size)));
        Request::Lookup(v1::Lookup { by })
    };
    bounded(limits::MAX_HANDLE, lookup, anonymous);
}

fn report() -> v1::Report {
    v1::Report {
        id: bytes(16),
        account: bytes(32),
        about: String::new(),
        messages: vec![reported(0)],
    }
}

/// A message of so many bytes.
fn reported(length: usize) -> v1::ReportedMessage {
    v1::ReportedMessage {
        sender: bytes(32),
        at_ms: 1,
        text: "x".repeat(length),
    }
}

#[test]
fn what_is_reported() {
    use keyfold_wire::Message as _;
    let messages = |count| {
        Request::Report(v1::Report {
            messages: vec![reported(1); count],
            ..report()
        })
    };
    bounded(limits::MAX_REPORTED, messages, device);
    let about = |length| {
        Request::Report(v1::Report {
            about: "x".repeat(length),
            ..report()
        })
    };
    bounded(limits::MAX_REPORT_ABOUT, about, device);
    // Lengths of this size are written with as many bytes each.
    let around = {
        let messages = vec![reported(100_000)];
        let whole = v1::Report {
            messages,
            ..report()
        };
        whole.encoded_len() - 100_000
    };
    let whole = |length: usize| {
        let messages = vec![reported(length - around)];
        Request::Report(v1::Report {
            messages,
            ..report()
        })
    };
    bounded(limits::MAX_REPORT, whole, device);
    for request in [
        v1::Report {
            id: bytes(15),
            ..report()
        },
        v1::Report {
            account: bytes(31),
            ..report()
        },
        v1::Report {
            messages: vec![v1::ReportedMessage {
                sender: bytes(33),
                ..reported(1)
            }],
            ..report()
        },
    ] {
        let refused = device(Request::Report(request));
        assert_eq!(refused, Some(Refusal::Malformed));
    }
    let socket = anonymous(Request::Report(report()));
    assert_eq!(socket, Some(Refusal::WrongSocket));
}

#[test]
fn lengths_are_exact() {
    for length in [0, 15, 17, 31, 33] {
        let wrong = bytes(length);
        let requests = [
            Request::Send(v1::Send {
                handle: wrong.clone(),
                ..send()
            }),
            Request::Send(v1::Send {
                roster_key: wrong.clone(),
                ..send()
            }),
            Request::Send(v1::Send {
                message_id: wrong.clone(),
                ..send()
            }),
            Request::Commit(v1::Commit {
                next_roster_key: wrong.clone(),
                ..commit()
            }),
            Request::Create(v1::Create {
                handle: wrong.clone(),
                ..create()
            }),
            Request::FetchKeyPackages(v1::FetchKeyPackages {
                account: wrong.clone(),
                suite: 1,
            }),
        ];
        for request in requests {
            assert_eq!(anonymous(request), Some(Refusal::Malformed), "{length}");
        }
        let remove = v1::RemoveDevice {
            device: wrong,
            signature: Bytes::new(),
        };
        assert_eq!(
            device(Request::RemoveDevice(remove)),
            Some(Refusal::Malformed)
        );
        let replace = v1::ReplaceToken {
            token_hash: bytes(length),
        };
        assert_eq!(
            device(Request::ReplaceToken(replace)),
            Some(Refusal::Malformed)
        );
    }
}

#[test]
fn what_must_not_be_empty_or_out_of_range() {
    let requests = [
        Request::Send(v1::Send {
            body: Bytes::new(),
            ..send()
        }),
        Request::Create(v1::Create {
            roster: Vec::new(),
            ..create()
        }),
        Request::Commit(v1::Commit {
            next_roster: Vec::new(),
            ..commit()
        }),
        Request::Commit(v1::Commit {
            epoch: u64::MAX,
            ..commit()
        }),
        Request::Lookup(v1::Lookup { by: None }),
        Request::FetchKeyPackages(v1::FetchKeyPackages {
            account: bytes(32),
            suite: 65_536,
        }),
    ];
    for request in requests {
        assert_eq!(anonymous(request), Some(Refusal::Malformed));
    }
}

#[test]
fn a_request_on_the_wrong_socket_is_told_so() {
    assert_eq!(device(Request::Send(send())), Some(Refusal::WrongSocket));
    let take = Request::TakeAddresses(v1::TakeAddresses { count: 1 });
    assert_eq!(anonymous(take), Some(Refusal::WrongSocket));
    let hello = Request::Hello(v1::Hello {
        token: bytes(32),
        after: 0,
    });
    assert_eq!(anonymous(hello), Some(Refusal::WrongSocket));
}
