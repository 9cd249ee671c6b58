//! A device on its way into an account and out of it: link requests at their limits, an account known again, a device removed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::identity::{
    AccountKey, DeviceKeys, DeviceToken, LinkError, LinkRequest, RecoveryKey, Registration,
};
use keyfold_protocol::limits::MAX_LINK_REQUEST;
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::{CertificateError, removal_input, verify, verify_registration};
use keyfold_wire::ids::{DeviceId, Timestamp};
use keyfold_wire::limits::MAX_SUITES;
use minicbor::Encoder;
use people::{request, rng};

/// What a new device shows, as any version may write it.
struct Shown {
    keys: DeviceKeys,
    token_hash: [u8; 32],
    suites: Vec<u16>,
    /// How many entries the map says that it has.
    entries: u64,
    /// Behind the entries that this version knows.
    more: Vec<u8>,
}

impl Shown {
    fn of_suites(suites: &[u16]) -> Self {
        let mut rng = rng(1);
        Self {
            keys: DeviceKeys::generate(&mut rng),
            token_hash: DeviceToken::generate(&mut rng).hash(),
            suites: suites.to_vec(),
            entries: 6,
            more: Vec::new(),
        }
    }

    /// Over label, device, key, hash of the token, and each suite.
    fn signature(&self) -> [u8; 64] {
        let mut input = b"keyfold device link v1\0".to_vec();
        input.extend_from_slice(self.keys.device().as_bytes());
        input.extend(self.keys.public());
        input.extend(self.token_hash);
        input.extend(self.suites.iter().flat_map(|suite| suite.to_be_bytes()));
        self.keys.sign(&input)
    }

    fn encoded(&self) -> Vec<u8> {
        let mut e = Encoder::new(Vec::new());
        let written = (|| {
            e.map(self.entries)?.u8(0)?.u8(1)?;
            e.u8(1)?.bytes(self.keys.device().as_bytes())?;
            e.u8(2)?.bytes(&self.keys.public())?;
            e.u8(3)?.encode(&self.suites)?;
            e.u8(4)?.bytes(&self.token_hash)?;
            e.u8(5)?.bytes(&self.signature())?.ok()
        })();
        assert!(written.is_ok());
        [e.into_writer(), self.more.clone()].concat()
    }

    fn verified(&self) -> Result<LinkRequest, LinkError> {
        LinkRequest::verify(&self.encoded())
    }
}

#[test]
fn a_device_shows_the_documented_bytes() {
    let mut rng = rng(1);
    let (keys, token) = (
        DeviceKeys::generate(&mut rng),
        DeviceToken::generate(&mut rng),
    );
    let shown = Shown::of_suites(&[0x004F, 0x0001]);
    let encoded = LinkRequest::encode(&keys, &Suite::ALL, &token);
    assert_eq!(shown.encoded(), encoded);
    assert_eq!(shown.verified().unwrap().suites, Suite::ALL);
}

#[test]
fn a_link_request_keeps_its_limits() {
    let suites = |count: usize| Shown::of_suites(&vec![0x0001; count]).verified();
    assert_eq!(suites(MAX_SUITES).unwrap().suites.len(), MAX_SUITES);
    assert_eq!(suites(MAX_SUITES + 1), Err(LinkError::Malformed));
    assert_eq!(suites(MAX_SUITES + 2), Err(LinkError::Malformed));

    let of_length = |length: usize| {
        let mut shown = Shown::of_suites(&[0x0001]);
        let value = length - shown.encoded().len() - 4;
        shown.entries += 1;
        shown.more = [6, 0x59].to_vec();
        shown
            .more
            .extend(u16::try_from(value).unwrap().to_be_bytes());
        shown.more.resize(4 + value, 7);
        assert_eq!(shown.encoded().len(), length);
        shown.verified().map(|_| ())
    };
    assert_eq!(of_length(MAX_LINK_REQUEST), Ok(()));
    for past in [MAX_LINK_REQUEST + 1, MAX_LINK_REQUEST + 2] {
        assert_eq!(of_length(past), Err(LinkError::Malformed), "{past}");
    }
}

#[test]
fn a_link_request_has_as_many_entries_as_it_says() {
    for entries in [1, 5, 7] {
        let shown = Shown {
            entries,
            ..Shown::of_suites(&[0x0001])
        };
        assert_eq!(shown.verified(), Err(LinkError::Malformed), "{entries}");
    }
}

#[test]
fn a_link_request_says_its_version_first_and_a_later_one_may_say_nothing_else_that_is_known() {
    assert_eq!(
        LinkRequest::verify(b"\xa1\0\x02"),
        Err(LinkError::NewerVersion)
    );
    assert_eq!(LinkRequest::verify(b"\xa0"), Err(LinkError::Malformed));
    let mut empty = Shown::of_suites(&[0x0001]);
    assert!(empty.verified().is_ok());
    empty.entries = 0;
    let read = empty.verified();
    assert_eq!(
        read,
        Err(LinkError::Malformed),
        "a map that says that it is empty"
    );
}

#[test]
fn a_server_that_forgot_an_account_gets_its_registration_with_what_the_device_has_today() {
    let mut rng = rng(2);
    let (key, keys, recovery) = (
        AccountKey::generate(&mut rng),
        DeviceKeys::generate(&mut rng),
        RecoveryKey::generate(&mut rng),
    );
    let [first, today] = [(); 2].map(|()| DeviceToken::generate(&mut rng));
    let mut certificate = request("ada", &keys, &Suite::ALL);
    let former = key.register(&Registration {
        certificate: &certificate,
        recovery: &recovery,
        token: &first,
        invitation: "welcome",
    });
    let former = former.unwrap();
    certificate.created = Timestamp(certificate.created.0 + 1);
    let renewed = key.certify(&certificate).unwrap();
    let again = key.register_again(former.clone(), &renewed, &today);

    let verified = verify_registration(&again).unwrap();
    assert_eq!(verified.created, certificate.created);
    assert_eq!(again.device_certificate, renewed);
    assert_eq!(again.token_hash, today.hash().as_slice());
    assert_eq!(again.account_key, key.public().as_slice());
    assert_eq!(again.recovery_key, recovery.public().as_slice());
    assert_eq!(
        (again.handle.as_str(), again.invitation.as_str()),
        ("ada", "welcome")
    );

    let mut with_the_former_token = again;
    with_the_former_token.token_hash = former.token_hash;
    let forged = verify_registration(&with_the_former_token);
    assert_eq!(forged, Err(CertificateError::Forged));
}

#[test]
fn a_removal_names_one_device_and_only_the_account_can_have_signed_it() {
    let key = AccountKey::generate(&mut rng(3));
    let [lost, kept] = [[1; 16], [2; 16]].map(DeviceId::new);
    let removal = key.remove(lost);
    assert_eq!(removal.device, lost.as_bytes().as_slice());
    let signed = |device: &DeviceId| {
        let input = removal_input(&key.account(), device);
        verify(&key.public(), &input, &removal.signature)
    };
    assert_eq!(signed(&lost), Ok(()));
    assert_eq!(signed(&kept), Err(CertificateError::Forged));
}
