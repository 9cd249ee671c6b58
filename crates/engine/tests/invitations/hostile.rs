//! Requests that are none, are somebody else's, come twice, or come in numbers.

use keyfold_engine::limits::{MAX_JOIN_REQUESTS, MAX_REJECTED};
use keyfold_protocol::group::{Use, make};
use keyfold_protocol::identity::{AccountKey, CertificateRequest};
use keyfold_protocol::invitation::{Invitation as Link, JoinRequest, SealedRequest};
use keyfold_protocol::state::{ConversationState, Name};
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::AccountId;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use rand::Rng as _;

use super::*;
use crate::town::copied::Copied;

/// Brings something to the address in a link, as anybody can who has it.
fn brings(town: &mut Town, link: &Link, request: SealedRequest) {
    let address = bytes::Bytes::copy_from_slice(&link.addresses[0]);
    let mut random = || bytes::Bytes::copy_from_slice(&town.rng.random::<[u8; 32]>());
    let create = v1::Create {
        handle: random(),
        epoch: 1,
        roster: vec![address.clone()],
        roster_key: random(),
        message_id: random().slice(..16),
        welcomes: vec![v1::WelcomeItem {
            address,
            secrets: request.salt.to_vec().into(),
        }],
        group_info: request.sealed.into(),
    };
    town.asks(Body::Create(create)).unwrap();
    town.settles();
}

fn sealed(town: &mut Town, link: &Link, asked: &JoinRequest) -> SealedRequest {
    asked.seal(&link.secret, &mut town.rng).unwrap()
}

fn noise(town: &mut Town, bytes: usize) -> SealedRequest {
    SealedRequest {
        salt: town.rng.random(),
        sealed: vec![town.rng.random(); bytes],
    }
}

/// A key package of somebody's device, made outside of their engine.
fn package(somebody: &mut Copied) -> Vec<u8> {
    let made = somebody
        .with(|mls, device| make(mls, device, Suite::Hybrid, b"an address", Use::Once).unwrap());
    made.message
}

/// One that lies at the directory.
fn fetched(town: &mut Town, account: AccountId) -> Vec<u8> {
    let fetch = v1::FetchKeyPackages {
        account: account.to_wire(),
        suite: u32::from(Suite::Hybrid.number()),
    };
    let Ok(Content::KeyPackages(found)) = town.asks(Body::FetchKeyPackages(fetch)) else {
        panic!("no key packages");
    };
    found.devices[0].key_package.to_vec()
}

struct Scene {
    town: Town,
    ada: Who,
    bo: Who,
    hut: ConversationId,
    link: Link,
    mallory: Copied,
}

fn scene(seed: u64, terms: Terms) -> Scene {
    let mut town = Town::on_disk(seed);
    let [ada, bo, mallory] = town.people(["ada", "bo", "mallory"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, terms, Some(hut));
    town.goes_offline(mallory);
    Scene {
        mallory: Copied::of(&town.people[mallory.0]),
        link: Link::read(&link).unwrap(),
        town,
        ada,
        bo,
        hut,
    }
}

impl Scene {
    fn useless(&self) -> u64 {
        invitations(&self.town, self.ada)[0].useless
    }

    fn nobody_came(&self) {
        assert_eq!(self.town.members(self.ada, self.hut), ["ada", "zoe"]);
        assert!(requests(&self.town, self.ada).is_empty());
    }
}

#[test]
fn nobody_has_somebody_else_let_in() {
    let mut scene = scene(30, ANYBODY);
    let account = scene.town.me(scene.bo).account;
    let of_bo = fetched(&mut scene.town, account);
    let asked = JoinRequest::make(&scene.link.secret, [1; 16], of_bo, &scene.mallory.keys);
    let asked = sealed(&mut scene.town, &scene.link, &asked);
    brings(&mut scene.town, &scene.link, asked);
    assert_eq!(scene.useless(), 1);
    scene.nobody_came();
}

#[test]
fn a_request_for_one_link_is_none_for_another() {
    let mut scene = scene(31, ANYBODY);
    // Bo asks by a link of Mallory's, who hands that on.
    let own = Link {
        secret: keyfold_protocol::invitation::LinkSecret::new([9; 32]),
        ..Link::read(&scene.link.fragment()).unwrap()
    };
    let bo = &mut Copied::of(&scene.town.people[scene.bo.0]);
    let shown = package(bo);
    let asked = JoinRequest::make(&own.secret, [1; 16], shown, &bo.keys);
    let handed_on = sealed(&mut scene.town, &scene.link, &asked);
    brings(&mut scene.town, &scene.link, handed_on);
    assert_eq!(scene.useless(), 1);
    let with_its_own = sealed(&mut scene.town, &own, &asked);
    brings(&mut scene.town, &scene.link, with_its_own);
    assert_eq!(scene.useless(), 2);
    scene.nobody_came();
}

#[test]
fn changed_bytes_noise_and_megabytes_are_counted_and_forgotten() {
    let mut scene = scene(32, ANYBODY);
    let shown = package(&mut scene.mallory);
    let asked = JoinRequest::make(&scene.link.secret, [1; 16], shown, &scene.mallory.keys);
    let right = sealed(&mut scene.town, &scene.link, &asked);
    for place in [0, 20, right.sealed.len() - 1] {
        let mut changed = right.clone();
        changed.sealed[place] ^= 1;
        brings(&mut scene.town, &scene.link, changed);
    }
    let mut other_salt = right.clone();
    other_salt.salt[0] ^= 1;
    brings(&mut scene.town, &scene.link, other_salt);
    let large = noise(&mut scene.town, 5 * 1024 * 1024);
    brings(&mut scene.town, &scene.link, large);
    assert_eq!(scene.useless(), 5);
    scene.nobody_came();
}

#[test]
fn a_flood_ends_the_link_past_a_limit() {
    let mut scene = scene(33, ANYBODY);
    for _ in 0..MAX_REJECTED {
        let some = noise(&mut scene.town, 40);
        brings(&mut scene.town, &scene.link, some);
    }
    assert_eq!(invitations(&scene.town, scene.ada)[0].ended, None);
    let fragment = scene.link.fragment().to_string();
    opens(&mut scene.town, scene.bo, &fragment).unwrap();
    scene.town.settles();
    assert_eq!(
        scene.town.members(scene.ada, scene.hut).len(),
        3,
        "bo is in"
    );
    let last = noise(&mut scene.town, 40);
    brings(&mut scene.town, &scene.link, last);
    let ended = invitations(&scene.town, scene.ada)[0].ended;
    assert_eq!(ended, Some(Ended::Flooded));
}

#[test]
fn what_comes_twice_counts_once() {
    let mut scene = scene(34, APPROVED);
    let fragment = scene.link.fragment().to_string();
    opens(&mut scene.town, scene.bo, &fragment).unwrap();
    scene.town.settles();
    let items = scene.town.people[scene.ada.0].recorded.iter();
    let mut welcomes = items.filter_map(|item| match &item.content {
        Some(v1::item::Content::Welcome(welcome)) => Some(welcome.clone()),
        _ => None,
    });
    let request = welcomes.next_back().unwrap();
    let again = SealedRequest {
        salt: (*request.secrets).try_into().unwrap(),
        sealed: request.group_info.to_vec(),
    };
    brings(&mut scene.town, &scene.link, again.clone());
    let waiting = requests(&scene.town, scene.ada);
    assert_eq!(waiting.len(), 1);
    let request = waiting[0].id;
    let approve = Command::Approve { request };
    scene.town.does(scene.ada, approve).unwrap();
    scene.town.settles();
    scene.town.removes(scene.ada, scene.hut, &[scene.bo]);
    scene.town.settles();
    brings(&mut scene.town, &scene.link, again);
    scene.nobody_came();
    assert_eq!(scene.useless(), 0);
}

#[test]
fn nobody_comes_in_under_another_handle() {
    for terms in [ANYBODY, APPROVED] {
        let mut scene = scene(35, terms);
        let query = "SELECT value FROM setting WHERE name = 'account_key'";
        let database = &scene.mallory.database;
        let secret: Vec<u8> = database.query_row(query, [], |row| row.get(0)).unwrap();
        let of = Certificate::verify(&scene.mallory.certificate).unwrap();
        let lies = CertificateRequest {
            handle: "bo".to_owned(),
            device: of.device,
            signature_key: of.signature_key,
            suites: Suite::ALL.to_vec(),
            created: of.created,
            expires: of.expires,
        };
        let key = AccountKey::from_secret_bytes(&secret).unwrap();
        scene.mallory.certificate = key.certify(&lies).unwrap();
        let shown = package(&mut scene.mallory);
        let asked = JoinRequest::make(&scene.link.secret, [1; 16], shown, &scene.mallory.keys);
        let asked = sealed(&mut scene.town, &scene.link, &asked);
        brings(&mut scene.town, &scene.link, asked);
        if terms.approval {
            let waiting = requests(&scene.town, scene.ada);
            assert_eq!(waiting[0].who.handle, "mallory", "as the directory says");
            let request = waiting[0].id;
            let approve = Command::Approve { request };
            scene.town.does(scene.ada, approve).unwrap();
            scene.town.settles();
        }
        scene.nobody_came();
    }
}

/// Somebody asks whom no server knows.
fn asks_of_nobody(scene: &mut Scene, number: usize) {
    let key = AccountKey::generate(&mut scene.town.rng);
    let keys = keyfold_protocol::identity::DeviceKeys::generate(&mut scene.town.rng);
    let now = scene.town.now();
    let made_up = CertificateRequest {
        handle: format!("nobody{number}"),
        device: keys.device(),
        signature_key: keys.public(),
        suites: Suite::ALL.to_vec(),
        created: now,
        expires: now.after(DAY),
    };
    scene.mallory.certificate = key.certify(&made_up).unwrap();
    scene.mallory.keys = keys;
    let shown = package(&mut scene.mallory);
    let id = scene.town.rng.random();
    let asked = JoinRequest::make(&scene.link.secret, id, shown, &scene.mallory.keys);
    let asked = sealed(&mut scene.town, &scene.link, &asked);
    brings(&mut scene.town, &scene.link, asked);
}

#[test]
fn so_many_wait_and_no_more() {
    let mut scene = scene(36, APPROVED);
    for number in 0..=MAX_JOIN_REQUESTS {
        asks_of_nobody(&mut scene, number);
        let waiting = requests(&scene.town, scene.ada);
        assert_eq!(waiting.len(), (number + 1).min(MAX_JOIN_REQUESTS));
        assert!(waiting.iter().all(|one| !one.who.confirmed));
    }
}

#[test]
fn whom_the_directory_does_not_know_takes_nobodys_place() {
    let mut scene = scene(
        37,
        Terms {
            uses: Some(2),
            ..ANYBODY
        },
    );
    scene.town.goes_offline(scene.ada);
    for number in 0..3 {
        asks_of_nobody(&mut scene, number);
    }
    let (bo, link) = (scene.bo, scene.link.fragment().to_string());
    opens(&mut scene.town, bo, &link).unwrap();
    scene.town.settles();
    scene.town.comes_back(scene.ada);
    scene.town.settles();
    assert!(requests(&scene.town, scene.ada).is_empty());
    assert_eq!(
        scene.town.members(scene.ada, scene.hut),
        ["ada", "bo", "zoe"]
    );
    assert_eq!(invitations(&scene.town, scene.ada)[0].ended, None);
}

#[test]
fn a_strangers_group_of_the_same_id_is_not_what_was_asked_for() {
    let mut town = Town::on_disk(38);
    let [ada, bo, mallory] = town.people(["ada", "bo", "mallory"]);
    let hut = founds(&mut town, ada);
    let link = invites(&mut town, ada, APPROVED, Some(hut));
    let own = town.creates_group(mallory, "own", &[ada]);
    town.does(bo, Command::AskFirst { wanted: true }).unwrap();
    opens(&mut town, bo, &link).unwrap();
    town.settles();
    let (of_bo, of_mallory) = (town.me(bo).account, town.me(mallory).account);
    let shown = fetched(&mut town, of_bo);
    let now = town.now();
    let mut copied = Copied::of(&town.people[mallory.0]);
    let (from, handle) = (copied.group(own), copied.handle());
    let state = ConversationState::group(hut, handle, Name::new("hut").unwrap(), of_mallory);
    let package = copied.checks(&shown, now);
    let create = copied.creates(&from, state, vec![package], |_| ());
    town.asks(Body::Create(create)).unwrap();
    town.settles();
    assert_eq!(opened(&town, bo), [OpenedState::Waiting]);
    let there = town.people[bo.0].engine.conversation(hut).unwrap().unwrap();
    assert_eq!(
        there.request.map(|by| by.handle).as_deref(),
        Some("mallory")
    );
}
