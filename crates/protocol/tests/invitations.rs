//! Invitation links and requests, as whoever makes or opens one meets them. What is refused, case by case, is in `vectors/invitation.json`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use keyfold_protocol::identity::DeviceKeys;
use keyfold_protocol::invitation::{Invitation, JoinRequest, LinkError, LinkSecret, RequestError};
use keyfold_protocol::limits::{MAX_INVITATION_LINK, MAX_JOIN_REQUEST, MAX_MAKERS, MAX_NAME};
use keyfold_protocol::state::Name;
use keyfold_wire::ids::{AccountId, ConversationId};
use keyfold_wire::limits::{MAX_ADDRESS, MAX_KEY_PACKAGE};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

fn largest() -> Invitation {
    let address = |number: usize| vec![u8::try_from(number).unwrap(); MAX_ADDRESS];
    Invitation {
        secret: LinkSecret::new([7; 32]),
        maker: AccountId::new([8; 32]),
        addresses: (0..MAX_MAKERS).map(address).collect(),
        suite: 0x4F,
        conversation: Some(ConversationId::new([9; 16])),
        title: Name::new(&"n".repeat(MAX_NAME)).unwrap(),
    }
}

#[test]
fn the_largest_link_fits_and_reads_back() {
    let fragment = largest().fragment();
    assert!(fragment.len() <= MAX_INVITATION_LINK, "{}", fragment.len());
    let read = Invitation::read(&fragment).unwrap();
    assert_eq!(read.addresses.len(), MAX_MAKERS);
    assert_eq!(read.fragment(), fragment);
    let too_long = "A".repeat(MAX_INVITATION_LINK + 1);
    assert_eq!(Invitation::read(&too_long).err(), Some(LinkError::TooLong));
}

#[test]
fn a_link_that_was_cut_or_mistyped_anywhere_is_none() {
    let fragment = largest().fragment();
    for length in 0..fragment.len() {
        let cut = Invitation::read(&fragment[..length]);
        assert!(cut.is_err(), "cut after {length}");
    }
    for place in 0..fragment.len() {
        let mut typed = fragment.as_bytes().to_vec();
        typed[place] = if typed[place] == b'A' { b'B' } else { b'A' };
        let typed = String::from_utf8(typed).unwrap();
        let read = Invitation::read(&typed);
        assert_eq!(read.err(), Some(LinkError::Malformed), "at {place}");
    }
}

#[test]
fn the_largest_request_fits_and_a_larger_one_does_not() {
    let mut rng = StdRng::seed_from_u64(1);
    let keys = DeviceKeys::generate(&mut rng);
    let secret = LinkSecret::generate(&mut rng);
    let asked = JoinRequest::make(&secret, [1; 16], vec![2; MAX_KEY_PACKAGE], &keys);
    let sealed = asked.seal(&secret, &mut rng).unwrap();
    assert!(sealed.sealed.len() <= MAX_JOIN_REQUEST);
    let opened = JoinRequest::open(&secret, &sealed.salt, &sealed.sealed);
    assert_eq!(opened.as_ref(), Ok(&asked));
    let too_large = JoinRequest::make(&secret, [1; 16], vec![2; MAX_JOIN_REQUEST], &keys);
    let refused = too_large.seal(&secret, &mut rng);
    assert_eq!(refused, Err(RequestError::TooLarge));
    let mut more = sealed.sealed.clone();
    more.resize(MAX_JOIN_REQUEST + 1, 0);
    let unread = JoinRequest::open(&secret, &sealed.salt, &more);
    assert_eq!(unread, Err(RequestError::Unreadable));
}

#[test]
fn nothing_of_a_secret_is_printed_and_two_requests_have_two_keys() {
    let mut rng = StdRng::seed_from_u64(2);
    let secret = LinkSecret::new([0x5A; 32]);
    assert_eq!(format!("{secret:?}"), "<secret>");
    assert_eq!(format!("{:?}", largest()), "<secret>");
    let keys = DeviceKeys::generate(&mut rng);
    let asked = JoinRequest::make(&secret, [1; 16], vec![2; 100], &keys);
    let one = asked.seal(&secret, &mut rng).unwrap();
    let other = asked.seal(&secret, &mut rng).unwrap();
    assert_ne!(one.salt, other.salt);
    let mixed = JoinRequest::open(&secret, &one.salt, &other.sealed);
    assert_eq!(mixed, Err(RequestError::Unreadable));
}
