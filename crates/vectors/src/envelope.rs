//! `envelope.json`: an MLS message, padded and sealed under an epoch's envelope key.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use keyfold_protocol::envelope::{EnvelopeKey, open, seal};
use keyfold_protocol::padding::pad;
use keyfold_wire::ids::{Epoch, MessageId};
use keyfold_wire::limits::MAX_COMMIT_BODY;
use serde::{Deserialize, Serialize};

use crate::people::Given;
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Envelopes {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    key: Hex,
    epoch: u64,
    message_id: Hex,
    nonce: Hex,
    mls_message: Hex,
    authenticated_data: Hex,
    padded: Hex,
    body: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    key: Hex,
    epoch: u64,
    message_id: Hex,
    body: Hex,
}

const KEY: [u8; 32] = [0x3e; 32];
const ID: [u8; 16] = [0x1d; 16];
const NONCE: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

impl Topic for Envelopes {
    fn generate() -> Self {
        let message = b"\x00\x01\x00\x02 stands for an MLSMessage";
        Self {
            valid: vec![
                valid(1, message),
                valid(u64::MAX, &[0x61; 1_000]),
                valid(7, &[]),
            ],
            refused: refusals(message),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let (epoch, id) = (Epoch(one.epoch), MessageId::new(one.message_id.array()));
            let key = EnvelopeKey::new(one.key.array());
            let body = seal(&key, epoch, id, &one.mls_message, &mut Given(&one.nonce)).unwrap();
            assert_eq!(body, *one.body);
            assert_eq!(open(&key, epoch, id, &one.body).unwrap(), *one.mls_message);
            assert_eq!(pad(&one.mls_message).unwrap(), *one.padded);
            let by_hand = encrypt(&one.nonce, &one.authenticated_data, &one.padded);
            assert_eq!(by_hand, *one.body);
        }
        for one in &self.refused {
            let (epoch, id) = (Epoch(one.epoch), MessageId::new(one.message_id.array()));
            let key = EnvelopeKey::new(one.key.array());
            refused(&one.why, open(&key, epoch, id, &one.body), &one.error);
        }
    }
}

fn aad(epoch: u64, id: &[u8]) -> Vec<u8> {
    [b"keyfold envelope v1\0", epoch.to_be_bytes().as_slice(), id].concat()
}

/// `nonce || AES-256-GCM(key, nonce, aad, padded)`.
fn encrypt(nonce: &[u8], aad: &[u8], padded: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new(&KEY.into());
    let payload = Payload { msg: padded, aad };
    let sealed = cipher.encrypt(nonce.into(), payload).unwrap();
    [nonce, &sealed].concat()
}

fn valid(epoch: u64, message: &[u8]) -> Valid {
    let key = EnvelopeKey::new(KEY);
    let body = seal(
        &key,
        Epoch(epoch),
        MessageId::new(ID),
        message,
        &mut Given(&NONCE),
    )
    .unwrap();
    Valid {
        key: KEY.into(),
        epoch,
        message_id: ID.into(),
        nonce: NONCE.into(),
        mls_message: message.into(),
        authenticated_data: aad(epoch, &ID).into(),
        padded: pad(message).unwrap().into(),
        body: body.into(),
    }
}

fn refusals(message: &[u8]) -> Vec<Refused> {
    let good = valid(1, message).body.0;
    let case = |why: &str, error: &str, body: Vec<u8>| Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        key: KEY.into(),
        epoch: 1,
        message_id: ID.into(),
        body: body.into(),
    };
    let unreadable = |why: &str, body: Vec<u8>| case(why, "unreadable", body);
    let flipped = |place: usize| {
        let mut body = good.clone();
        body[place] ^= 0x80;
        body
    };
    let aad = aad(1, &ID);
    let mut padded = pad(message).unwrap();
    padded.push(0);
    vec![
        Refused {
            key: [0; 32].into(),
            ..unreadable("another key", good.clone())
        },
        Refused {
            epoch: 2,
            ..unreadable("another epoch", good.clone())
        },
        Refused {
            message_id: [0; 16].into(),
            ..unreadable("another message id", good.clone())
        },
        unreadable("a bit of the nonce is another", flipped(0)),
        unreadable("a bit of what is sealed is another", flipped(12)),
        unreadable("a bit of the tag is another", flipped(good.len() - 1)),
        unreadable("a byte is missing", good[..good.len() - 1].to_vec()),
        unreadable("a byte more", [good.clone(), vec![0]].concat()),
        unreadable("no room for nonce and tag", good[..27].to_vec()),
        unreadable("nothing", Vec::new()),
        unreadable("sealed without padding", encrypt(&NONCE, &aad, message)),
        unreadable(
            "sealed with another padding",
            encrypt(&NONCE, &aad, &padded),
        ),
        case("over 4 MiB", "too_large", vec![0; MAX_COMMIT_BODY + 1]),
    ]
}
