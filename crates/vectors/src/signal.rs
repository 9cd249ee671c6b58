//! `signal.json`: what a device says, signed and sealed under an epoch's signal key, and its replace keys.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use keyfold_protocol::content::ContentId;
use keyfold_protocol::limits::MAX_COUNTER;
use keyfold_protocol::signal::{
    Cursors, Kind, Says, Signal, SignalKey, SignalSecret, Spot, open, seal, seal_signed,
    signing_input,
};
use keyfold_wire::ids::{ConversationId, Epoch, Timestamp};
use keyfold_wire::limits::SIGNAL_BODY;
use serde::{Deserialize, Serialize};

use crate::people::{Given, Person, leaf, person};
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Signals {
    valid: Vec<Valid>,
    readable: Vec<Readable>,
    refused: Vec<Refused>,
    replace_keys: Vec<ReplaceKey>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    what: String,
    device_keys: Hex,
    group_id: Hex,
    epoch: u64,
    counter: u64,
    expires: u64,
    encoded: Hex,
    signed: Hex,
    signature: Hex,
    key: Hex,
    nonce: Hex,
    body: Hex,
}

/// Of a later version.
#[derive(Serialize, Deserialize)]
struct Readable {
    what: String,
    encoded: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    key: Hex,
    epoch: u64,
    body: Hex,
}

#[derive(Serialize, Deserialize)]
struct ReplaceKey {
    secret: Hex,
    conversation: Hex,
    kind: u8,
    replace_key: Hex,
}

const KEY: [u8; 32] = [0x51; 32];
const NONCE: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const GROUP: &[u8] = b"an MLS group id";
const EPOCH: u64 = 9;
const NOW: u64 = 1_790_000_000_000;

fn ada() -> Person {
    person(1, "ada")
}

fn id(byte: u8) -> ContentId {
    let mut bytes = [byte; 32];
    bytes[0] = 1;
    ContentId::from_bytes(bytes).unwrap()
}

fn said() -> [(&'static str, Says); 7] {
    let both = Cursors {
        delivered: Some(id(2)),
        read: Some(id(3)),
    };
    [
        ("presence", Says::Presence(Some(Timestamp(NOW)))),
        ("presence that is taken back", Says::Presence(None)),
        ("typing", Says::Typing(true)),
        ("typing that has stopped", Says::Typing(false)),
        ("how far somebody has come", Says::Receipt(both)),
        ("nothing has come yet", Says::Receipt(Cursors::default())),
        ("who has read a message", Says::ReadBy(id(2))),
    ]
}

impl Topic for Signals {
    fn generate() -> Self {
        let numbered = (NOW..).zip(said());
        Self {
            valid: numbered
                .map(|(counter, (what, says))| valid(what, counter, says))
                .collect(),
            readable: readable(),
            refused: refusals(),
            replace_keys: replace_keys(),
        }
    }

    fn check(&self) {
        let leaf = leaf(&ada().certificate, b"address");
        for (one, (what, says)) in self.valid.iter().zip(said()) {
            assert_eq!(one.what, what);
            let key = SignalKey::new(one.key.array());
            let spot = Spot {
                group_id: &one.group_id,
                epoch: Epoch(one.epoch),
            };
            let opened = open(&key, spot.epoch, &one.body).unwrap();
            let signal = opened.clone().verify(spot, &leaf).unwrap();
            assert_eq!((signal.says, signal.counter), (says, one.counter));
            assert_eq!(signal.expires, Timestamp(one.expires));
            assert_eq!(signal.encode(), *one.encoded);
            assert_eq!(signing_input(spot, &one.encoded), *one.signed);
            let elsewhere = Spot {
                group_id: b"another group",
                ..spot
            };
            refused(what, opened.verify(elsewhere, &leaf), "signature");
            let keys = ada().device;
            let sealed = seal(&key, spot, &signal, &keys, &mut Given(&one.nonce)).unwrap();
            assert_eq!(sealed, *one.body);
            assert_eq!(sealed.len(), SIGNAL_BODY);
        }
        for one in &self.readable {
            let signal = Signal::decode(&one.encoded).unwrap();
            assert_eq!(signal.says, Says::Unknown, "{}", one.what);
        }
        for one in &self.refused {
            let key = SignalKey::new(one.key.array());
            refused(
                &one.why,
                open(&key, Epoch(one.epoch), &one.body),
                &one.error,
            );
        }
        for (one, kind) in self.replace_keys.iter().zip(Kind::ALL) {
            assert_eq!(one.kind, kind.number());
            let secret = SignalSecret::new(one.secret.array());
            let conversation = ConversationId::new(one.conversation.array());
            let made = secret.replace_key(conversation, kind);
            assert_eq!(made.as_slice(), &*one.replace_key.0);
        }
    }
}

fn valid(what: &str, counter: u64, says: Says) -> Valid {
    let keys = ada().device;
    let signal = Signal {
        device: keys.device(),
        counter,
        expires: Timestamp(NOW + 10_000),
        says,
    };
    let spot = Spot {
        group_id: GROUP,
        epoch: Epoch(EPOCH),
    };
    let encoded = signal.encode();
    let signed = signing_input(spot, &encoded);
    let body = seal(
        &SignalKey::new(KEY),
        spot,
        &signal,
        &keys,
        &mut Given(&NONCE),
    )
    .unwrap();
    Valid {
        what: what.to_owned(),
        device_keys: keys.to_secret_bytes().to_vec().into(),
        group_id: GROUP.into(),
        epoch: EPOCH,
        counter,
        expires: NOW + 10_000,
        signature: keys.sign(&signed).to_vec().into(),
        encoded: encoded.into(),
        signed: signed.into(),
        key: KEY.into(),
        nonce: NONCE.into(),
        body: body.into(),
    }
}

/// A signed part, but for what is said.
fn part(counter: u64, says: &[u8]) -> Vec<u8> {
    let device = ada().device.device();
    let mut encoded = vec![0x84, 0x50];
    encoded.extend(device.as_bytes());
    for number in [counter, NOW] {
        encoded.push(0x1b);
        encoded.extend(number.to_be_bytes());
    }
    encoded.extend(says);
    encoded
}

fn readable() -> Vec<Readable> {
    [
        ("a kind without anything", &[0x81, 0x04][..]),
        ("a kind with more", &[0x83, 0x18, 0x63, 0x61, 0x61, 0x80]),
    ]
    .map(|(what, says)| Readable {
        what: what.to_owned(),
        encoded: part(NOW, says).into(),
    })
    .into()
}

/// What opens and holds something else.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing is signed", Vec::new()),
        ("an array of another length", vec![0x80]),
        ("a presence without a time", part(NOW, &[0x81, 0x00])),
        ("a presence of text", part(NOW, &[0x82, 0x00, 0x61, 0x61])),
        ("typing that is a number", part(NOW, &[0x82, 0x01, 0x01])),
        ("a receipt with one cursor", part(NOW, &[0x82, 0x02, 0xf6])),
        (
            "a message id of another kind",
            part(NOW, &[&[0x82, 0x03, 0x58, 32][..], &[2; 32]].concat()),
        ),
        ("nothing is said", part(NOW, &[0x80])),
        ("an array without a length", part(NOW, &[0x9f, 0x04, 0xff])),
        (
            "a counter that is too large",
            part(MAX_COUNTER + 1, &[0x82, 0x01, 0xf5]),
        ),
        (
            "a byte behind it",
            [part(NOW, &[0x82, 0x01, 0xf5]), vec![0]].concat(),
        ),
    ]
}

fn refusals() -> Vec<Refused> {
    let good = valid("", NOW, Says::Typing(true)).body.0;
    let case = |why: &str, error: &str, body: Vec<u8>| Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        key: KEY.into(),
        epoch: EPOCH,
        body: body.into(),
    };
    let unreadable = |why: &str, body: Vec<u8>| case(why, "unreadable", body);
    let flipped = |place: usize| {
        let mut body = good.clone();
        body[place] ^= 0x80;
        body
    };
    let mut all = vec![
        Refused {
            key: [0; 32].into(),
            ..unreadable("another key", good.clone())
        },
        Refused {
            epoch: EPOCH + 1,
            ..unreadable("another epoch", good.clone())
        },
        unreadable("a bit of the nonce is another", flipped(0)),
        unreadable("a bit of what is sealed is another", flipped(12)),
        unreadable("a bit of the tag is another", flipped(SIGNAL_BODY - 1)),
        unreadable("a byte is missing", good[..SIGNAL_BODY - 1].to_vec()),
        unreadable("a byte more", [good.clone(), vec![0]].concat()),
        unreadable("nothing", Vec::new()),
    ];
    for (why, signed) in malformed() {
        let epoch = Epoch(EPOCH);
        let rng = &mut Given(&NONCE);
        let body = seal_signed(&SignalKey::new(KEY), epoch, &signed, &[7; 64], rng).unwrap();
        all.push(case(why, "malformed", body));
    }
    let plain = |bytes: &[u8]| {
        let mut plain = bytes.to_vec();
        plain.resize(SIGNAL_BODY - 28, 0);
        plain
    };
    let mut padded = plain(&[0, 0]);
    *padded.last_mut().unwrap() = 1;
    for (why, plain) in [
        ("padding that is not zero", padded),
        ("a length beyond the end", plain(&[0xff, 0xff])),
        ("no array", plain(&[0, 1, 0x01])),
    ] {
        all.push(case(why, "malformed", encrypt(&plain)));
    }
    all
}

fn encrypt(plain: &[u8]) -> Vec<u8> {
    let aad = [b"keyfold signal body v1\0".as_slice(), &EPOCH.to_be_bytes()].concat();
    let payload = Payload {
        msg: plain,
        aad: &aad,
    };
    let cipher = Aes256Gcm::new(&KEY.into());
    let sealed = cipher.encrypt(NONCE.as_slice().into(), payload).unwrap();
    [NONCE.as_slice(), &sealed].concat()
}

fn replace_keys() -> Vec<ReplaceKey> {
    let (secret, conversation) = ([0x5e; 32], [0xc0; 16]);
    Kind::ALL
        .map(|kind| ReplaceKey {
            secret: secret.into(),
            conversation: conversation.into(),
            kind: kind.number(),
            replace_key: SignalSecret::new(secret)
                .replace_key(ConversationId::new(conversation), kind)
                .into(),
        })
        .into()
}
