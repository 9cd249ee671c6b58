//! What a server reads beside frames: handles, addresses, rosters at rest, and what stands around a WebSocket.

use std::net::IpAddr;

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::{AeadInPlace as _, Aes256Gcm, KeyInit as _};
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use keyfold_server::directory::{Handle, MAX_LETTERS, MIN_LETTERS};
use keyfold_server::network::Network;
use keyfold_server::seal::{AddressKey, Target, open_roster, seal_roster};
use keyfold_wire::handle::normal_form;
use keyfold_wire::ids::{MailboxId, Serial};
use keyfold_wire::roster::RosterKey;

use crate::boundary::Boundary;
use crate::peer::{Forwarding, Peer};

/// A handle as typed: what is permitted has one form, the same at devices and servers.
pub fn handle(data: &[u8]) {
    let Ok(typed) = std::str::from_utf8(data) else {
        return;
    };
    let form = normal_form(typed);
    assert_eq!(normal_form(&form), form, "the form of a form");
    let Ok(handle) = Handle::parse(typed) else {
        return;
    };
    assert_eq!(handle.normal(), form, "devices and servers make it alike");
    let letters = handle.normal().chars().count();
    assert!((MIN_LETTERS..=MAX_LETTERS).contains(&letters));
    assert!(
        !handle
            .normal()
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control())
    );
    let again = Handle::parse(handle.normal()).expect("its form is permitted");
    assert!(again == handle, "and means the same");
}

/// A delivery address: only what this server made leads anywhere.
pub fn address(data: &[u8]) {
    let key = AddressKey::new(1, &[42; 32]);
    assert_eq!(key.open(data), None, "nobody else can make one");
    let mut bytes = data.iter().copied().chain(std::iter::repeat(0));
    let mut next = || bytes.next().unwrap_or_default();
    let target = Target {
        mailbox: MailboxId::new(std::array::from_fn(|_| next())),
        serial: Serial(u64::from_be_bytes(std::array::from_fn(|_| next()))),
    };
    let (at, bits) = (next(), next());
    let made = key.seal(target).unwrap();
    assert_eq!(key.open(&made), Some(target));
    if bits != 0 {
        let mut changed = made.to_vec();
        let at = usize::from(at) % changed.len();
        changed[at] ^= bits;
        assert_eq!(key.open(&changed), None);
    }
}

const ROSTER_KEY: [u8; 32] = [4; 32];

/// A roster at rest: as it lies there, and with any bytes inside of a right seal.
pub fn sealed_roster(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let key = RosterKey::new(ROSTER_KEY);
    if mode % 2 == 0 {
        let opened = open_roster(&key, rest, |_| panic!("an address out of nothing"));
        assert!(opened.is_err());
        return;
    }
    let mut addresses = Vec::new();
    let each = |address: &[u8]| addresses.push(Bytes::copy_from_slice(address));
    if open_roster(&key, &sealed(rest), each).is_ok() {
        let made = seal_roster(&key, &addresses).unwrap();
        let mut again = Vec::new();
        let each = |address: &[u8]| again.push(Bytes::copy_from_slice(address));
        open_roster(&key, &made, each).expect("what was sealed opens");
        assert_eq!(again, addresses);
    }
}

/// As a server seals a roster, with any plaintext.
fn sealed(plain: &[u8]) -> Vec<u8> {
    let nonce = [9; 12];
    let mut body = plain.to_vec();
    let tag = Aes256Gcm::new((&ROSTER_KEY).into())
        .encrypt_in_place_detached(
            GenericArray::from_slice(&nonce),
            b"keyfold server roster v1",
            &mut body,
        )
        .unwrap();
    [nonce.as_slice(), &body, &tag].concat()
}

/// The header by which a proxy says whom it forwards.
pub fn forwarded(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value);
        }
    }
    let peer: IpAddr = [192, 0, 2, 9].into();
    let direct = Forwarding::Direct.network(Peer(peer), &headers);
    assert_eq!(direct, Network::from(peer), "nobody else is believed");
    let _ = Forwarding::LastHop.network(Peer(peer), &headers);
}

/// Where WebSocket messages end, followed in pieces of any size.
pub fn frame_boundary(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let (mut whole, mut pieces) = (Boundary::default(), Boundary::default());
    whole.follow(bytes);
    for piece in bytes.chunks(usize::from(*size).max(1)) {
        pieces.follow(piece);
    }
    assert_eq!(whole.is_between_messages(), pieces.is_between_messages());
}
