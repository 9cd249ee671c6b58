//! `invitation.json`: what stands in an invitation link, and the sealed requests of those who open it.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hkdf::Hkdf;
use keyfold_protocol::invitation::{Invitation, JoinRequest, LinkSecret};
use keyfold_protocol::limits::MAX_INVITATION_LINK;
use keyfold_protocol::padding;
use keyfold_protocol::state::Name;
use keyfold_wire::ids::{AccountId, ConversationId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cbor::{array, bytes, map, text, uint};
use crate::people::{Given, device, person};
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Invitations {
    links: Vec<Link>,
    readable: Vec<Readable>,
    refused_links: Vec<RefusedLink>,
    requests: Vec<Request>,
    refused_requests: Vec<RefusedRequest>,
}

#[derive(Serialize, Deserialize)]
struct Link {
    secret: Hex,
    maker: Hex,
    addresses: Vec<Hex>,
    suite: u16,
    conversation: Option<Hex>,
    title: String,
    encoded: Hex,
    fragment: String,
    link_id: Hex,
}

/// Of a later version that may be read.
#[derive(Serialize, Deserialize)]
struct Readable {
    why: String,
    fragment: String,
}

#[derive(Serialize, Deserialize)]
struct RefusedLink {
    why: String,
    error: String,
    fragment: String,
}

/// What stands for a key package is opaque here: the files about key packages have some.
#[derive(Serialize, Deserialize)]
struct Request {
    secret: Hex,
    id: Hex,
    key_package: Hex,
    device: Hex,
    signature_seed: Hex,
    signed: Hex,
    signature: Hex,
    encoded: Hex,
    salt: Hex,
    key: Hex,
    nonce: Hex,
    sealed: Hex,
}

#[derive(Serialize, Deserialize)]
struct RefusedRequest {
    why: String,
    error: String,
    secret: Hex,
    salt: Hex,
    sealed: Hex,
}

const SECRET: [u8; 32] = [0x42; 32];
const SALT: [u8; 32] = [0x17; 32];
const NONCE: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const ID: [u8; 16] = [0x33; 16];
const LABEL: &[u8] = b"keyfold join request v1\0";
const KEY_LABEL: &[u8] = b"keyfold join request key v1";
const AAD: &[u8] = b"keyfold join request body v1\0";
const KEY_PACKAGE: &[u8] = b"an MLSMessage with a key package";

impl Topic for Invitations {
    fn generate() -> Self {
        Self {
            links: vec![link(None, 1), link(Some([0x55; 16]), 8)],
            readable: readable(),
            refused_links: refused_links(),
            requests: vec![request()],
            refused_requests: refused_requests(),
        }
    }

    fn check(&self) {
        for one in &self.links {
            one.check();
        }
        for one in &self.readable {
            Invitation::read(&one.fragment).expect(&one.why);
        }
        for one in &self.refused_links {
            refused(&one.why, Invitation::read(&one.fragment), &one.error);
        }
        for one in &self.requests {
            one.check();
        }
        for one in &self.refused_requests {
            let secret = LinkSecret::new(one.secret.array());
            let opened = JoinRequest::open(&secret, &one.salt, &one.sealed);
            refused(&one.why, opened, &one.error);
        }
    }
}

impl Link {
    fn invitation(&self) -> Invitation {
        Invitation {
            secret: LinkSecret::new(self.secret.array()),
            maker: AccountId::new(self.maker.array()),
            addresses: self.addresses.iter().map(|one| one.to_vec()).collect(),
            suite: self.suite,
            conversation: self
                .conversation
                .as_ref()
                .map(|id| ConversationId::new(id.array())),
            title: Name::new(&self.title).unwrap(),
        }
    }

    fn check(&self) {
        let made = self.invitation();
        assert_eq!(made.fragment().as_str(), self.fragment);
        assert_eq!(made.secret.link_id(), *self.link_id);
        let read = Invitation::read(&self.fragment).unwrap();
        let same = Invitation::decode(&self.encoded).unwrap();
        for one in [read, same] {
            assert_eq!(one.secret.to_secret_bytes().as_slice(), &*self.secret);
            assert_eq!(one.maker, made.maker);
            assert_eq!(one.addresses, made.addresses);
            assert_eq!(one.suite, self.suite);
            assert_eq!(one.conversation, made.conversation);
            assert_eq!(one.title.as_str(), self.title);
        }
    }
}

impl Request {
    fn check(&self) {
        let secret = LinkSecret::new(self.secret.array());
        let keys = device(
            keyfold_wire::ids::DeviceId::new(self.device.array()),
            &self.signature_seed,
        );
        assert_eq!(keys.sign(&self.signed), *self.signature);
        let made = JoinRequest::make(&secret, self.id.array(), self.key_package.to_vec(), &keys);
        assert_eq!(made.signature(), &*self.signature);
        assert_eq!(made.encode(), *self.encoded);
        let given = [&*self.salt, &*self.nonce].concat();
        let sealed = made.seal(&secret, &mut Given(&given)).unwrap();
        assert_eq!(sealed.salt, *self.salt);
        assert_eq!(sealed.sealed, *self.sealed);
        assert_eq!(seal(&self.key.array(), &self.encoded), *self.sealed);
        let opened = JoinRequest::open(&secret, &self.salt, &self.sealed);
        assert_eq!(opened, Ok(made));
    }
}

fn derived(salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let hkdf = Hkdf::<Sha256>::new(Some(salt), &SECRET);
    hkdf.expand(info, &mut key).unwrap();
    key
}

fn addresses(count: u8) -> Vec<Vec<u8>> {
    (1..=count).map(|number| vec![number; 56]).collect()
}

fn entries(conversation: Option<[u8; 16]>, count: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
    let addresses: Vec<Vec<u8>> = addresses(count).iter().map(|one| bytes(one)).collect();
    let mut entries = vec![
        (uint(0), uint(1)),
        (uint(1), bytes(&SECRET)),
        (uint(2), bytes(&[0x0A; 32])),
        (uint(3), array(&addresses)),
        (uint(4), uint(0x4F)),
    ];
    entries.extend(conversation.map(|id| (uint(5), bytes(&id))));
    entries.push((uint(6), text("climbing")));
    entries
}

fn fragment_of(encoded: &[u8]) -> String {
    let sum = Sha256::digest([b"keyfold invitation link v1\0", encoded].concat());
    base64url(&[encoded, &sum[..4]].concat())
}

/// RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut written = String::new();
    for part in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..part.len()].copy_from_slice(part);
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..=part.len() {
            let index = number >> (18 - 6 * place) & 63;
            written.push(LETTERS[index as usize].into());
        }
    }
    written
}

fn link(conversation: Option<[u8; 16]>, count: u8) -> Link {
    let encoded = map(&entries(conversation, count));
    Link {
        secret: SECRET.into(),
        maker: [0x0A; 32].into(),
        addresses: addresses(count).into_iter().map(Hex::from).collect(),
        suite: 0x4F,
        conversation: conversation.map(Hex::from),
        title: "climbing".to_owned(),
        fragment: fragment_of(&encoded),
        encoded: encoded.into(),
        link_id: derived(&[], b"keyfold invitation id v1").into(),
    }
}

fn readable() -> Vec<Readable> {
    let mut longer = entries(None, 1);
    longer.push((uint(7), text("of a later version")));
    vec![Readable {
        why: "further entries are passed over".to_owned(),
        fragment: fragment_of(&map(&longer)),
    }]
}

fn refused_links() -> Vec<RefusedLink> {
    let case = |why: &str, error: &str, fragment: String| RefusedLink {
        why: why.to_owned(),
        error: error.to_owned(),
        fragment,
    };
    let malformed = |why: &str, encoded: Vec<u8>| case(why, "malformed", fragment_of(&encoded));
    let with = |place: usize, value: Vec<u8>| {
        let mut entries = entries(None, 1);
        entries[place].1 = value;
        map(&entries)
    };
    let without = |place: usize| {
        let mut entries = entries(None, 1);
        entries.remove(place);
        map(&entries)
    };
    let good = map(&entries(None, 1));
    let mut swapped = entries(None, 1);
    swapped.swap(1, 2);
    let address = || bytes(&[1; 56]);
    let nine: Vec<Vec<u8>> = addresses(9).iter().map(|one| bytes(one)).collect();
    let sum = Sha256::digest([b"keyfold invitation link v1\0".as_slice(), &good].concat());
    let wrong_sum = [good.as_slice(), &[sum[0] ^ 1], &sum[1..4]].concat();
    let mut cases = vec![
        case("nothing", "malformed", String::new()),
        case(
            "padded base64",
            "malformed",
            format!("{}=", fragment_of(&good)),
        ),
        case("a wrong checksum", "malformed", base64url(&wrong_sum)),
        case(
            "of a later version",
            "newer_version",
            fragment_of(&with(0, uint(2))),
        ),
        case(
            "over 2,048 characters",
            "too_long",
            "A".repeat(MAX_INVITATION_LINK + 1),
        ),
        malformed("a secret of 31 bytes", with(1, bytes(&[0x42; 31]))),
        malformed("no address", with(3, array(&[]))),
        malformed("nine addresses", with(3, array(&nine))),
        malformed("an empty address", with(3, array(&[bytes(&[])]))),
        malformed(
            "an address of 129 bytes",
            with(3, array(&[bytes(&[1; 129])])),
        ),
        malformed("an address twice", with(3, array(&[address(), address()]))),
        malformed(
            "a title that turns the line around",
            with(5, text("ab\u{202e}cd")),
        ),
        malformed("a title of 257 bytes", with(5, text(&"x".repeat(257)))),
        malformed("entries in another order", map(&swapped)),
        malformed("a byte behind the map", [good.as_slice(), &[0]].concat()),
    ];
    let names = ["secret", "maker", "addresses", "suite", "title"];
    for (place, name) in (1..).zip(names) {
        cases.push(malformed(&format!("no {name}"), without(place)));
    }
    cases
}

fn signed() -> Vec<u8> {
    let link_id = derived(&[], b"keyfold invitation id v1");
    let length = u32::try_from(KEY_PACKAGE.len()).unwrap();
    [LABEL, &link_id, &ID, &length.to_be_bytes(), KEY_PACKAGE].concat()
}

fn request_entries() -> Vec<(Vec<u8>, Vec<u8>)> {
    let signature = person(0x10, "ada").device.sign(&signed());
    vec![
        (uint(0), uint(1)),
        (uint(1), bytes(&ID)),
        (uint(2), bytes(KEY_PACKAGE)),
        (uint(3), bytes(&signature)),
    ]
}

/// Sealed without regard to what it is.
fn seal(key: &[u8; 32], encoded: &[u8]) -> Vec<u8> {
    seal_padded(key, &padding::pad(encoded).unwrap())
}

fn seal_padded(key: &[u8; 32], padded: &[u8]) -> Vec<u8> {
    let payload = Payload {
        msg: padded,
        aad: AAD,
    };
    let sealed = Aes256Gcm::new(key.into())
        .encrypt(&NONCE.into(), payload)
        .unwrap();
    [NONCE.as_slice(), &sealed].concat()
}

fn request() -> Request {
    let keys = person(0x10, "ada").device;
    let key = derived(&SALT, KEY_LABEL);
    let encoded = map(&request_entries());
    Request {
        secret: SECRET.into(),
        id: ID.into(),
        key_package: KEY_PACKAGE.into(),
        device: keys.device().as_bytes().into(),
        signature_seed: keys.seed().as_slice().into(),
        signature: keys.sign(&signed()).into(),
        signed: signed().into(),
        sealed: seal(&key, &encoded).into(),
        encoded: encoded.into(),
        salt: SALT.into(),
        key: key.into(),
        nonce: NONCE.into(),
    }
}

fn refused_requests() -> Vec<RefusedRequest> {
    let key = derived(&SALT, KEY_LABEL);
    let case = |why: &str, error: &str, salt: &[u8], sealed: Vec<u8>| RefusedRequest {
        why: why.to_owned(),
        error: error.to_owned(),
        secret: SECRET.into(),
        salt: salt.into(),
        sealed: sealed.into(),
    };
    let malformed = |why: &str, encoded: &[u8]| case(why, "malformed", &SALT, seal(&key, encoded));
    let good = map(&request_entries());
    let sealed = seal(&key, &good);
    let with = |place: usize, value: Vec<u8>| {
        let mut entries = request_entries();
        entries[place].1 = value;
        map(&entries)
    };
    let mut changed = sealed.clone();
    changed[20] ^= 1;
    let mut swapped = request_entries();
    swapped.swap(1, 2);
    vec![
        case("nothing", "unreadable", &SALT, Vec::new()),
        case("a changed byte", "unreadable", &SALT, changed),
        case("another salt", "unreadable", &[0x18; 32], sealed.clone()),
        case("a salt of 31 bytes", "unreadable", &SALT[..31], sealed),
        case("no padding", "malformed", &SALT, seal_padded(&key, &good)),
        malformed("of a later version", &with(0, uint(2))),
        malformed("an id of 15 bytes", &with(1, bytes(&ID[..15]))),
        malformed("a signature of 63 bytes", &with(3, bytes(&[0; 63]))),
        malformed(
            "a key package over the limit",
            &with(2, bytes(&[0; 16 * 1024 + 1])),
        ),
        malformed("no signature", &map(&request_entries()[..3])),
        malformed("entries in another order", &map(&swapped)),
        malformed("a byte behind the map", &[good.as_slice(), &[0]].concat()),
    ]
}
