//! Whatever bytes come, of whatever kind of request: nothing in the database changes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod core_town;

use std::path::Path;

use bytes::Bytes;
use core_town::{Group, Person, Town};
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_server::store::sqlite::SqliteStore;
use keyfold_wire::frame::decode_client;
use keyfold_wire::v1::{self, client_frame::Request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// Rows of every table, as text.
fn dump(path: &Path) -> String {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap();
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(names.len() > 8);
    let mut dump = String::new();
    for name in names {
        let mut statement = db.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values = (0..columns).map(|column| {
                format!(
                    "{:?}",
                    row.get::<_, rusqlite::types::Value>(column).unwrap()
                )
            });
            dump.extend([
                name.clone(),
                values.collect::<Vec<_>>().join("|"),
                "\n".to_owned(),
            ]);
        }
    }
    dump
}

struct Scene {
    town: Town<SqliteStore>,
    ada: Person<SqliteStore>,
    group: Group,
}

impl Scene {
    async fn new(path: &Path) -> Self {
        let town = Town::new(SqliteStore::open(path).unwrap());
        let ada = town.person("ada").await;
        ada.publishes(&[(1, false), (2, true)]).await.unwrap();
        let group = Group::of("climbing", &[&ada]).await;
        group.says(&town, "hello").await.unwrap();
        Self { town, ada, group }
    }

    /// Whether it was refused; whichever socket it comes on.
    async fn throw(&self, request: Request) -> bool {
        let anonymous = match AnonymousRequest::parse(request.clone()) {
            Ok(anonymous) => self.town.core.anonymous(anonymous).await.is_err(),
            Err(_) => true,
        };
        let device = match request {
            Request::Hello(hello) => self.town.core.hello(hello).await.is_err(),
            Request::Register(register) => self.town.core.register(register).await.is_err(),
            request => match DeviceRequest::parse(request) {
                Ok(request) => self
                    .town
                    .core
                    .device_request(&self.ada.device, request)
                    .await
                    .is_err(),
                Err(_) => true,
            },
        };
        anonymous && device
    }
}

fn some_bytes(group: &Group) -> impl Strategy<Value = Bytes> + use<> {
    let (handle, key, address) = (group.handle.clone(), group.key(1), group.roster[0].clone());
    prop_oneof![
        Just(Bytes::new()),
        vec(any::<u8>(), 0..80).prop_map(Bytes::from),
        vec(any::<u8>(), 16).prop_map(Bytes::from),
        vec(any::<u8>(), 32).prop_map(Bytes::from),
        Just(handle),
        Just(key),
        Just(address),
    ]
}

type Parts = (u8, Vec<Bytes>, Vec<Bytes>, u64, bool);

/// Requests of every kind whose parts are random, or right but in the wrong place.
fn garbage(group: &Group) -> impl Strategy<Value = Parts> + use<> {
    let parts = vec(some_bytes(group), 8);
    let lists = vec(some_bytes(group), 0..3);
    (0..12_u8, parts, lists, any::<u64>(), any::<bool>())
}

fn request(all: Parts) -> Request {
    let (kind, parts, _, number, flag) = &all;
    let (number, flag) = (*number, *flag);
    let part = |index: usize| parts[index].clone();
    match kind {
        0 => Request::Hello(v1::Hello {
            token: part(0),
            after: number,
        }),
        1 => Request::Register(v1::Register {
            handle: String::from_utf8_lossy(&part(0)).into(),
            account_key: part(1),
            recovery_key: part(2),
            device_certificate: part(3),
            token_hash: part(4),
            invitation: String::new(),
            signature: part(5),
        }),
        2 => Request::AddDevice(v1::AddDevice {
            device_certificate: part(0),
            token_hash: part(1),
        }),
        3 => Request::RemoveDevice(v1::RemoveDevice {
            device: part(0),
            signature: part(1),
        }),
        4 => Request::RevokeAddresses(v1::RevokeAddresses {
            serials: vec![number | 1 << 60],
        }),
        5 => Request::PublishKeyPackages(v1::PublishKeyPackages {
            key_packages: vec![v1::KeyPackage {
                suite: 1 << 16,
                data: part(0),
                last_resort: flag,
            }],
            replace: flag,
        }),
        6 => Request::FetchKeyPackages(v1::FetchKeyPackages {
            account: part(0),
            suite: 1,
        }),
        7 => Request::Lookup(v1::Lookup {
            by: Some(v1::lookup::By::Account(part(0))),
        }),
        // Any 32 bytes are a token's hash: only other lengths are garbage.
        8 => Request::ReplaceToken(v1::ReplaceToken {
            token_hash: [part(0), part(1), Bytes::from_static(&[0; 33])]
                .concat()
                .into(),
        }),
        _ => in_a_conversation(all),
    }
}

fn in_a_conversation((kind, parts, list, number, flag): Parts) -> Request {
    let part = |index: usize| parts[index].clone();
    // A right key, handle and epoch together would make a right request.
    let epoch = number | 2;
    let welcome = |bytes: &Bytes| v1::WelcomeItem {
        address: bytes.clone(),
        secrets: part(7),
    };
    match kind {
        9 => Request::Create(v1::Create {
            handle: part(0),
            epoch,
            // Never right as a whole: one address that no server made.
            roster: [list.as_slice(), &[part(6).slice(..part(6).len() / 2)]].concat(),
            roster_key: part(1),
            message_id: part(2),
            welcomes: list.iter().map(welcome).collect(),
            group_info: part(3),
        }),
        10 => Request::Send(v1::Send {
            handle: part(0),
            epoch,
            roster_key: part(1),
            message_id: part(2),
            body: part(3),
        }),
        _ => Request::Commit(v1::Commit {
            handle: part(0),
            epoch: number,
            roster_key: part(1),
            message_id: part(2),
            body: part(3),
            next_roster: [list.as_slice(), &[part(6).slice(..part(6).len() / 2)]].concat(),
            next_roster_key: part(4),
            welcomes: list.iter().map(welcome).collect(),
            group_info: part(5),
            removes: flag,
        }),
    }
}

#[tokio::test]
async fn garbage_of_every_kind_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyfold.sqlite");
    let scene = Scene::new(&path).await;
    let before = dump(&path);
    assert!(before.contains("ada"), "the dump sees what is there");
    let strategy = garbage(&scene.group);
    let mut runner = TestRunner::deterministic();
    let mut refused = [0_u32; 2];
    for _ in 0..4_000 {
        let request = request(strategy.new_tree(&mut runner).unwrap().current());
        let harmless = matches!(request, Request::RevokeAddresses(_) | Request::Lookup(_));
        let was_refused = scene.throw(request).await;
        assert!(was_refused || harmless);
        refused[usize::from(was_refused)] += 1;
    }
    assert!(
        refused[1] > 2_000,
        "most of it is refused, and some is harmless: {refused:?}"
    );
    assert_eq!(dump(&path), before);
    assert!(scene.group.says(&scene.town, "still here").await.is_ok());
    assert_ne!(dump(&path), before, "what is right does change something");
}

#[tokio::test]
async fn random_and_broken_frames_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyfold.sqlite");
    let scene = Scene::new(&path).await;
    let before = dump(&path);
    let right = keyfold_wire::frame::encode_client(1, Request::Send(scene.group.send("right")));
    let mut runner = TestRunner::deterministic();
    let random = vec(any::<u8>(), 0..200);
    // From the handle to the roster key: a flip in an id or in the body would make another right request.
    let find = |part: &[u8]| {
        right
            .windows(part.len())
            .position(|window| window == part)
            .unwrap()
    };
    let flips = (
        find(&scene.group.handle) - 2..find(&scene.group.key(1)) + 32,
        1..=255_u8,
    );
    let mut read = 0;
    for round in 0..4_000 {
        let bytes = if round % 2 == 0 {
            random.new_tree(&mut runner).unwrap().current()
        } else {
            let (at, flip) = flips.new_tree(&mut runner).unwrap().current();
            let mut broken = right.to_vec();
            broken[at] ^= flip;
            broken
        };
        let Ok(v1::ClientFrame {
            request: Some(request),
            ..
        }) = decode_client(bytes.into())
        else {
            continue;
        };
        read += 1;
        scene.throw(request).await;
    }
    assert!(read > 1_000, "many of them can be read as frames: {read}");
    assert_eq!(dump(&path), before);
}
