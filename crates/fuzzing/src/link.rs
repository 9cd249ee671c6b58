//! Invitation links, and the requests of those who open them.

use keyfold_protocol::group::Crypto;
use keyfold_protocol::invitation::{Invitation, JoinRequest, LinkSecret, RequestError};
use keyfold_protocol::limits::{MAX_INVITATION_LINK, MAX_MAKERS, MAX_NAME};
use keyfold_wire::limits::{MAX_ADDRESS, MAX_KEY_PACKAGE};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::papers::NOW;

const SECRET: [u8; 32] = [0x42; 32];

/// A link: as a fragment, and as what stands in one before its checksum. What is read is written, and read alike.
pub fn invitation_link(data: &[u8]) {
    if let Ok(fragment) = std::str::from_utf8(data)
        && let Ok(link) = Invitation::read(fragment)
    {
        assert!(fragment.len() <= MAX_INVITATION_LINK);
        reads_back(&link);
    }
    if let Ok(link) = Invitation::decode(data) {
        reads_back(&link);
    }
}

fn reads_back(link: &Invitation) {
    assert!((1..=MAX_MAKERS).contains(&link.addresses.len()));
    let fits = |address: &Vec<u8>| (1..=MAX_ADDRESS).contains(&address.len());
    assert!(link.addresses.iter().all(fits));
    assert!(link.title.as_str().len() <= MAX_NAME);
    let written = link.fragment();
    let again = Invitation::read(&written).expect("what is written can be read");
    assert_eq!(again.fragment(), written);
}

/// A request: as it comes, and as what was sealed.
pub fn join_request(data: &[u8]) {
    let secret = LinkSecret::new(SECRET);
    let (salt, sealed) = data.split_at(data.len().min(32));
    assert_eq!(
        JoinRequest::open(&secret, salt, sealed),
        Err(RequestError::Unreadable)
    );
    let Ok(asked) = JoinRequest::decode(data) else {
        return;
    };
    assert!(asked.key_package.len() <= MAX_KEY_PACKAGE);
    assert_eq!(JoinRequest::decode(&asked.encode()).as_ref(), Ok(&asked));
    let mut rng = StdRng::seed_from_u64(1);
    let sealed = asked.seal(&secret, &mut rng).expect("it fits");
    let opened = JoinRequest::open(&secret, &sealed.salt, &sealed.sealed);
    assert_eq!(opened.as_ref(), Ok(&asked));
    let other = LinkSecret::new([0x43; 32]);
    assert!(JoinRequest::open(&other, &sealed.salt, &sealed.sealed).is_err());
    let crypto = Crypto::default();
    if asked.check(&crypto, &secret, NOW).is_ok() {
        assert!(asked.check(&crypto, &other, NOW).is_err());
    }
}
