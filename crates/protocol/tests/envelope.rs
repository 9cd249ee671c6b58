//! What is handed to the server and checked on its way back: envelopes, padding, rosters, split welcomes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod people;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use keyfold_protocol::envelope::{EnvelopeError, EnvelopeKey, open, seal, sealed_length};
use keyfold_protocol::padding::{PaddingError, pad, padded_length, padme, unpad};
use keyfold_protocol::roster::{Roster, RosterMismatch};
use keyfold_protocol::suite::Suite;
use keyfold_protocol::welcome::{WelcomeError, key_package_ref, rebuild, split, suite_number};
use keyfold_wire::ids::{Epoch, MessageId};
use keyfold_wire::limits::{
    MAX_COMMIT_BODY, MAX_GROUP_INFO, MAX_ROSTER, MAX_SEND_BODY, MAX_WELCOME_SECRETS,
};
use keyfold_wire::roster::{self, RosterKey};
use keyfold_wire::v1;
use people::{Person, rng};
use proptest::prelude::*;
use tls_codec::{Serialize as _, VLByteSlice};

const EPOCH: Epoch = Epoch(7);
const ID: MessageId = MessageId::new([5; 16]);

fn key() -> EnvelopeKey {
    EnvelopeKey::new([3; 32])
}

#[test]
fn padme_gives_the_sizes_of_the_paper() {
    let known = [
        (0, 0),
        (1, 1),
        (2, 2),
        (8, 8),
        (9, 10),
        (10, 10),
        (11, 12),
        (17, 18),
        (33, 36),
        (100, 104),
        (128, 128),
        (129, 144),
        (200, 208),
        (1_000, 1_024),
        (1_025, 1_088),
        (10_000, 10_240),
        (1_000_000, 1_015_808),
    ];
    for (length, size) in known {
        assert_eq!(padme(length), size, "{length}");
    }
}

#[test]
fn content_is_padded_behind_its_length() {
    assert_eq!(pad(b"hello").unwrap(), b"\0\0\0\x05hello\0");
    assert_eq!(unpad(b"\0\0\0\x05hello\0"), Ok(b"hello".as_slice()));
    assert_eq!(unpad(&pad(b"").unwrap()), Ok(b"".as_slice()));
    let wrong: [&[u8]; 7] = [
        b"",
        b"\0\0\0",
        b"\0\0\0\x05hello",
        b"\0\0\0\x05hello\x01",
        b"\0\0\0\x05hello\0\0",
        b"\0\0\0\x07hello\0",
        b"\xff\xff\xff\xffhello\0",
    ];
    for bytes in wrong {
        assert_eq!(unpad(bytes), Err(PaddingError), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn padding_costs_at_most_an_eighth_and_hides_the_low_bits(length in 2..4_000_000_usize) {
        let size = padme(length);
        prop_assert!(size >= length && (size - length) * 8 < length);
        prop_assert_eq!(padme(size), size);
        prop_assert!(padme(length + 1) >= size);
    }

    #[test]
    fn random_bytes_open_as_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(open(&key(), EPOCH, ID, &bytes), Err(EnvelopeError::Unreadable));
        prop_assert!(rebuild(&bytes, &bytes).is_err() || unpad(&bytes).is_ok());
        let _ = split(&bytes);
        let _ = split(&[b"\0\x01\0\x03".as_slice(), &bytes].concat());
        let _ = key_package_ref(&bytes);
    }

    #[test]
    fn what_was_sealed_opens(message in proptest::collection::vec(any::<u8>(), 0..2_000), seed: u64) {
        let body = seal(&key(), EPOCH, ID, &message, &mut rng(seed)).unwrap();
        prop_assert_eq!(body.len(), sealed_length(message.len()));
        prop_assert_eq!(open(&key(), EPOCH, ID, &body).unwrap(), message);
    }

    #[test]
    fn a_mutated_welcome_splits_or_is_refused(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut message = welcome(&[(b"ref one", 30), (b"ref two", 40)], 200);
        let place = place.index(message.len());
        message[place] ^= flip;
        if let Ok(split) = split(&message) {
            for joiner in split.joiners {
                prop_assert!(rebuild(&joiner.secrets, &split.group_info).is_ok());
            }
        }
    }
}

#[test]
fn an_envelope_is_what_the_documents_say() {
    let body = seal(&key(), EPOCH, ID, b"an MLS message!", &mut rng(1)).unwrap();
    let mut aad = b"keyfold envelope v1\0\0\0\0\0\0\0\0\x07".to_vec();
    aad.extend([5; 16]);
    let padded = Aes256Gcm::new(&[3; 32].into())
        .decrypt(
            Nonce::from_slice(&body[..12]),
            Payload {
                msg: &body[12..],
                aad: &aad,
            },
        )
        .unwrap();
    assert_eq!(padded, b"\0\0\0\x0fan MLS message!\0");
    let again = seal(&key(), EPOCH, ID, b"an MLS message", &mut rng(2)).unwrap();
    assert_ne!(body[..12], again[..12], "a random nonce");
}

#[test]
fn an_envelope_opens_for_its_key_epoch_and_id_only() {
    let body = seal(&key(), EPOCH, ID, b"an MLS message", &mut rng(1)).unwrap();
    let unreadable = Err(EnvelopeError::Unreadable);
    assert_eq!(
        open(&EnvelopeKey::new([4; 32]), EPOCH, ID, &body),
        unreadable
    );
    assert_eq!(open(&key(), Epoch(8), ID, &body), unreadable);
    assert_eq!(
        open(&key(), EPOCH, MessageId::new([6; 16]), &body),
        unreadable
    );
    for place in 0..body.len() {
        let mut changed = body.clone();
        changed[place] ^= 1;
        assert_eq!(
            open(&key(), EPOCH, ID, &changed),
            unreadable,
            "byte {place}"
        );
        assert_eq!(
            open(&key(), EPOCH, ID, &body[..place]),
            unreadable,
            "cut at {place}"
        );
    }
    assert_eq!(format!("{:?}", key()), "<secret>");
}

#[test]
fn an_envelope_fits_a_commit_body_and_nothing_larger() {
    let largest = (0..MAX_COMMIT_BODY)
        .rev()
        .find(|length| sealed_length(*length) <= MAX_COMMIT_BODY)
        .unwrap();
    let body = seal(&key(), EPOCH, ID, &vec![0; largest], &mut rng(1)).unwrap();
    assert!(open(&key(), EPOCH, ID, &body).is_ok());
    assert_eq!(
        seal(&key(), EPOCH, ID, &vec![0; largest + 1], &mut rng(1)),
        Err(EnvelopeError::TooLarge)
    );
    assert_eq!(
        open(&key(), EPOCH, ID, &vec![0; MAX_COMMIT_BODY + 1]),
        Err(EnvelopeError::TooLarge)
    );
    assert_eq!(
        open(&key(), EPOCH, ID, &vec![0; MAX_COMMIT_BODY]),
        Err(EnvelopeError::Unreadable)
    );
    let content = keyfold_protocol::limits::MAX_CONTENT;
    assert!(
        sealed_length(content + 2_048) <= MAX_SEND_BODY,
        "the largest content, framed by MLS, fits a Send"
    );
}

fn roster_of_three() -> Roster {
    let mut rng = rng(1);
    let ada = Person::new("ada", &mut rng);
    let leaves: Vec<_> = [4, 0, 2]
        .map(|leaf| ada.device(leaf, &Suite::ALL, &mut rng).leaf)
        .into();
    Roster::of(&leaves)
}

#[test]
fn a_roster_is_in_leaf_order_and_checked_with_its_key() {
    let ours = roster_of_three();
    assert_eq!(ours.addresses(), [[0, 0xAD], [2, 0xAD], [4, 0xAD]]);
    let key = RosterKey::new([1; 32]);
    let opened = v1::CommitCheck {
        roster_hash: roster::hash(&[[0_u8, 0xAD], [2, 0xAD], [4, 0xAD]])
            .to_vec()
            .into(),
        roster_key_hash: roster::key_hash(&key).to_vec().into(),
    };
    assert_eq!(ours.check(&key, Some(&opened)), Ok(()));
    assert_eq!(
        ours.check(&RosterKey::new([2; 32]), Some(&opened)),
        Err(RosterMismatch::Key)
    );
    assert_eq!(ours.check(&key, None), Err(RosterMismatch::Missing));
    let mut swapped = opened.clone();
    swapped.roster_hash = roster::hash(&[[2_u8, 0xAD], [0, 0xAD], [4, 0xAD]])
        .to_vec()
        .into();
    assert_eq!(
        ours.check(&key, Some(&swapped)),
        Err(RosterMismatch::Roster)
    );
    let mut short = opened;
    short.roster_key_hash.truncate(31);
    assert_eq!(
        ours.check(&key, Some(&short)),
        Err(RosterMismatch::Malformed)
    );
}

fn opaque(bytes: &[u8]) -> Vec<u8> {
    VLByteSlice(bytes).tls_serialize_detached().unwrap()
}

fn entry(reference: &[u8], ciphertext: usize) -> Vec<u8> {
    [
        opaque(reference),
        opaque(&[8; 32]),
        opaque(&vec![9; ciphertext]),
    ]
    .concat()
}

/// A Welcome as an `MLSMessage`: joiners with their references and the length of their ciphertexts.
fn welcome(joiners: &[(&[u8], usize)], group_info: usize) -> Vec<u8> {
    let entries: Vec<u8> = joiners
        .iter()
        .flat_map(|(reference, length)| entry(reference, *length))
        .collect();
    [
        b"\0\x01\0\x03\0\x4f".to_vec(),
        opaque(&entries),
        opaque(&vec![7; group_info]),
    ]
    .concat()
}

#[test]
fn a_welcome_is_split_and_each_joiner_rebuilds_one_of_its_own() {
    let split = split(&welcome(&[(b"ref one", 20), (b"ref two", 70)], 1_000)).unwrap();
    assert_eq!(split.group_info.len(), padded_length(1_000));
    assert_eq!(split.group_info[..5], [0, 0, 3, 0xe8, 7]);
    assert_eq!(split.joiners.len(), 2);
    for (joiner, (reference, length)) in split
        .joiners
        .iter()
        .zip([(b"ref one", 20), (b"ref two", 70)])
    {
        assert_eq!(joiner.key_package_ref, reference);
        assert_eq!(
            joiner.secrets,
            [b"\0\x4f".to_vec(), entry(reference, length)].concat()
        );
        assert_eq!(key_package_ref(&joiner.secrets).unwrap(), reference);
        assert_eq!(suite_number(&joiner.secrets), Ok(0x4f));
        let rebuilt = rebuild(&joiner.secrets, &split.group_info).unwrap();
        assert_eq!(rebuilt, welcome(&[(reference.as_slice(), length)], 1_000));
    }
}

#[test]
fn what_is_no_welcome_is_refused() {
    let good = welcome(&[(b"ref", 20)], 100);
    for cut in 0..good.len() {
        assert_eq!(
            split(&good[..cut]),
            Err(WelcomeError::Malformed),
            "cut at {cut}"
        );
    }
    assert_eq!(
        split(&[good.as_slice(), b"\0"].concat()),
        Err(WelcomeError::Malformed)
    );
    assert_eq!(split(&welcome(&[], 100)), Err(WelcomeError::Malformed));
    let private_message = [b"\0\x01\0\x02".as_slice(), &good[4..]].concat();
    assert_eq!(split(&private_message), Err(WelcomeError::Malformed));
    let longer_length_than_needed = b"\0\x01\0\x03\0\x4f\x40\x01x\0";
    assert_eq!(
        split(longer_length_than_needed),
        Err(WelcomeError::Malformed)
    );

    let parts = split(&good).unwrap();
    let secrets = &parts.joiners[0].secrets;
    for cut in 0..secrets.len() {
        assert_eq!(
            rebuild(&secrets[..cut], &parts.group_info),
            Err(WelcomeError::Malformed)
        );
    }
    let two = [secrets.as_slice(), &secrets[2..]].concat();
    assert_eq!(
        rebuild(&two, &parts.group_info),
        Err(WelcomeError::Malformed),
        "one entry only"
    );
    assert_eq!(
        rebuild(secrets, &parts.group_info[1..]),
        Err(WelcomeError::Malformed)
    );
}

#[test]
fn a_welcome_keeps_its_limits() {
    let overhead = 2 + 1 + 3 + 1 + 32 + 2;
    let at = welcome(&[(b"ref", MAX_WELCOME_SECRETS - overhead)], 100);
    let secrets = &split(&at).unwrap().joiners[0].secrets;
    assert_eq!(secrets.len(), MAX_WELCOME_SECRETS);
    let past = welcome(&[(b"ref", MAX_WELCOME_SECRETS - overhead + 1)], 100);
    assert_eq!(split(&past), Err(WelcomeError::TooLarge));

    let part = |length: usize| [b"\0\x4f".to_vec(), entry(b"ref", length)].concat();
    let info = pad(&[7; 100]).unwrap();
    let at = part(MAX_WELCOME_SECRETS - overhead);
    assert_eq!(at.len(), MAX_WELCOME_SECRETS);
    assert!(rebuild(&at, &info).is_ok());
    assert_eq!(key_package_ref(&at), Ok(b"ref".to_vec()));
    let past = part(MAX_WELCOME_SECRETS - overhead + 1);
    assert_eq!(rebuild(&past, &info), Err(WelcomeError::TooLarge));
    assert_eq!(key_package_ref(&past), Err(WelcomeError::TooLarge));
    assert_eq!(suite_number(&past), Err(WelcomeError::TooLarge));

    let info = |length: usize| pad(&vec![7; length]).unwrap();
    let (at, past) = (info(MAX_GROUP_INFO - 4), info(MAX_GROUP_INFO - 3));
    assert_eq!(at.len(), MAX_GROUP_INFO);
    assert!(rebuild(&part(20), &at).is_ok());
    assert_eq!(rebuild(&part(20), &past), Err(WelcomeError::TooLarge));
    let one_more = vec![0; MAX_GROUP_INFO + 1];
    let rebuilt = rebuild(&part(20), &one_more);
    assert_eq!(rebuilt, Err(WelcomeError::TooLarge));

    let largest = (0..MAX_GROUP_INFO)
        .rev()
        .find(|length| padded_length(*length) <= MAX_GROUP_INFO)
        .unwrap();
    assert!(split(&welcome(&[(b"ref", 20)], largest)).is_ok());
    assert_eq!(
        split(&welcome(&[(b"ref", 20)], largest + 1)),
        Err(WelcomeError::TooLarge)
    );

    let crowd = |count: usize| {
        split(&welcome(&vec![(b"ref".as_slice(), 20); count], 100)).map(|split| split.joiners.len())
    };
    assert_eq!(crowd(MAX_ROSTER), Ok(MAX_ROSTER));
    assert_eq!(crowd(MAX_ROSTER + 1), Err(WelcomeError::TooLarge));
}
