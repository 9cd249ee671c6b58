//! Writing messages: encoded once, with their id.

use keyfold_wire::limits::MAX_TEXT;
use rand_core::CryptoRng;

use super::mimi::{Disposition, Extension, Key, Mimi, Part};
use super::{Author, ContentError, ContentId, EXTENSION_COUNTER, EXTENSION_LEAVE, MARKDOWN};
use crate::cbor;
use crate::leave::LeaveProof;

/// A message to be encrypted: its bytes, which are kept until the server has accepted it, and its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// Its id, however often it is encrypted anew.
    pub id: ContentId,
    /// The encoded content: the plaintext of the MLS application message.
    pub encoded: Vec<u8>,
}

/// A text in the small Markdown subset of MIMI. `counter` counts this device's messages in the conversation, from 1.
///
/// # Errors
/// [`ContentError::Empty`] without any text, [`ContentError::TextTooLong`] over `MAX_TEXT`.
pub fn text(
    author: &Author,
    counter: u64,
    text: &str,
    rng: &mut dyn CryptoRng,
) -> Result<Composed, ContentError> {
    if text.is_empty() {
        return Err(ContentError::Empty);
    }
    if text.len() > MAX_TEXT {
        return Err(ContentError::TextTooLong);
    }
    let part = Part::Single {
        disposition: Disposition::RENDER,
        media_type: MARKDOWN.to_owned(),
        content: text.as_bytes().to_vec(),
    };
    Ok(compose(author, vec![counting(counter)], part, rng))
}

/// The message by which an account leaves: no part, and the proof that whoever removes it shows to all.
pub fn leaving(
    author: &Author,
    counter: u64,
    proof: &LeaveProof,
    rng: &mut dyn CryptoRng,
) -> Composed {
    let leave = Extension {
        key: Key::text(EXTENSION_LEAVE),
        value: cbor::encode(|e| e.bytes(proof.signature())?.ok()),
    };
    compose(author, vec![counting(counter), leave], Part::Null, rng)
}

fn counting(counter: u64) -> Extension {
    Extension {
        key: Key::text(EXTENSION_COUNTER),
        value: cbor::encode(|e| e.u64(counter)?.ok()),
    }
}

fn compose(
    author: &Author,
    extensions: Vec<Extension>,
    part: Part,
    rng: &mut dyn CryptoRng,
) -> Composed {
    let mut salt = [0; 16];
    rng.fill_bytes(&mut salt);
    let encoded = Mimi {
        salt,
        replaces: None,
        topic: Vec::new(),
        expires: None,
        in_reply_to: None,
        extensions,
        part,
        later_fields: false,
    }
    .encode();
    Composed {
        id: ContentId::of(author, &encoded, &salt),
        encoded,
    }
}
