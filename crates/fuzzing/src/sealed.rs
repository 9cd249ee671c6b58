//! What lies at the server sealed: envelopes, their padding, welcomes, signals.

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::{AeadInPlace as _, Aes256Gcm, KeyInit as _};
use keyfold_protocol::envelope::{self, EnvelopeError, EnvelopeKey};
use keyfold_protocol::limits::MAX_COUNTER;
use keyfold_protocol::signal::{self, Says, SignalError, SignalKey, Spot};
use keyfold_protocol::{padding, welcome};
use keyfold_wire::ids::{Epoch, MessageId};
use keyfold_wire::limits::SIGNAL_BODY;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::papers::Papers;

const KEY: [u8; 32] = [8; 32];
const EPOCH: Epoch = Epoch(7);
const ID: MessageId = MessageId::new([1; 16]);

/// An envelope: as it comes, with any bytes inside of a right seal, and made by ourselves.
pub fn envelope(data: &[u8]) {
    let key = EnvelopeKey::new(KEY);
    assert_eq!(
        envelope::open(&key, EPOCH, ID, data),
        Err(EnvelopeError::Unreadable)
    );
    let opened = envelope::open(&key, EPOCH, ID, &sealed(data));
    assert_eq!(opened.ok().as_deref(), padding::unpad(data).ok());
    let mut rng = StdRng::seed_from_u64(1);
    let body = envelope::seal(&key, EPOCH, ID, data, &mut rng).unwrap();
    assert_eq!(body.len(), envelope::sealed_length(data.len()));
    assert_eq!(envelope::open(&key, EPOCH, ID, &body).as_deref(), Ok(data));
    assert!(envelope::open(&key, EPOCH.next(), ID, &body).is_err());
    assert!(envelope::open(&key, EPOCH, MessageId::new([2; 16]), &body).is_err());
}

/// Any bytes under the key of the epoch, without the padding that an honest sender makes.
fn sealed(padded: &[u8]) -> Vec<u8> {
    let nonce = [9; 12];
    let associated = [
        b"keyfold envelope v1\0".as_slice(),
        &EPOCH.0.to_be_bytes(),
        ID.as_bytes(),
    ]
    .concat();
    let mut body = padded.to_vec();
    let tag = Aes256Gcm::new((&KEY).into())
        .encrypt_in_place_detached(GenericArray::from_slice(&nonce), &associated, &mut body)
        .unwrap();
    [nonce.as_slice(), &body, &tag].concat()
}

/// Padding: there is one way to pad, and it costs little.
pub fn padding(data: &[u8]) {
    if let Ok(content) = padding::unpad(data) {
        assert_eq!(padding::pad(content).as_deref(), Ok(data));
    }
    let padded = padding::pad(data).unwrap();
    assert_eq!(padding::unpad(&padded), Ok(data));
    assert_eq!(padded.len(), padding::padded_length(data.len()));
    let bare = data.len() + 4;
    assert!(
        padded.len() >= bare && padded.len() - bare <= bare / 8,
        "at most an eighth"
    );
}

/// A welcome: a whole one that is split, and two parts that are put together.
pub fn welcome(data: &[u8]) {
    if let Ok(split) = welcome::split(data) {
        for joiner in &split.joiners {
            let rebuilt = welcome::rebuild(&joiner.secrets, &split.group_info);
            let again = welcome::split(&rebuilt.expect("its parts fit")).expect("it is one");
            assert_eq!(again.group_info, split.group_info);
            assert_eq!(again.joiners, std::slice::from_ref(joiner));
            let reference = welcome::key_package_ref(&joiner.secrets);
            assert_eq!(reference, Ok(joiner.key_package_ref.clone()));
        }
    }
    let Some((length, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    let Some((secrets, group_info)) = rest.split_at_checked(length) else {
        return;
    };
    let suite = welcome::suite_number(secrets);
    if let Ok(rebuilt) = welcome::rebuild(secrets, group_info) {
        assert!(suite.is_ok());
        let split = welcome::split(&rebuilt).expect("what is rebuilt can be split");
        assert_eq!(split.joiners.len(), 1);
        assert_eq!(split.joiners[0].secrets, secrets);
        assert_eq!(split.group_info, group_info);
    }
}

/// A signal: as it comes, with anything signed and anything at all inside of a right seal. What is read is what was signed.
pub fn signal(data: &[u8]) {
    let key = SignalKey::new(KEY);
    assert_eq!(
        signal::open(&key, EPOCH, data),
        Err(SignalError::Unreadable)
    );
    let _ = signal::Unverified::read(data);
    let ada = Papers::adas();
    let spot = Spot {
        group_id: b"group",
        epoch: EPOCH,
    };
    let signature = ada.keys.sign(&signal::signing_input(spot, data));
    let mut rng = StdRng::seed_from_u64(1);
    let Ok(body) = signal::seal_signed(&key, EPOCH, data, &signature, &mut rng) else {
        assert!(data.len() > 300, "there is room for more");
        return;
    };
    assert_eq!(body.len(), SIGNAL_BODY);
    let opened = signal::open(&key, EPOCH, &body);
    let read = signal::Signal::decode(data);
    assert_eq!(opened.is_ok(), read.is_ok());
    let (Ok(opened), Ok(read)) = (opened, read) else {
        return;
    };
    let verified = opened.verify(spot, &ada.leaf());
    assert_eq!(verified.is_ok(), read.device == ada.keys.device());
    assert!(read.counter <= MAX_COUNTER);
    if read.says != Says::Unknown {
        assert_eq!(signal::Signal::decode(&read.encode()), Ok(read));
    }
}
