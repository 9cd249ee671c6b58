//! Signed requests (RFC 8555 section 6.2; RFC 7515 with ES256) and keys (RFC 7517, RFC 7638).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Problem, malformed};

/// An account's public key: the coordinates, in base64url form.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    x: String,
    y: String,
}

/// Who says to have signed.
pub(super) enum Signer {
    Key(Key),
    Account(String),
}

/// A request whose signature is not yet verified.
pub(super) struct Signed {
    pub(super) signer: Signer,
    pub(super) nonce: String,
    pub(super) payload: Vec<u8>,
    input: String,
    signature: Vec<u8>,
}

impl Signed {
    /// One that was made for this URL.
    pub(super) fn parse(body: &[u8], url: &str) -> Result<Self, Problem> {
        let body: Value = serde_json::from_slice(body).map_err(|_| malformed("not JSON"))?;
        let protected: Value = serde_json::from_slice(&decoded(&body["protected"])?)
            .map_err(|_| malformed("no header"))?;
        if protected["url"] != url {
            return Err(("unauthorized", "signed for another URL".to_owned()));
        }
        if protected["alg"] != "ES256" {
            return Err(("badSignatureAlgorithm", "ES256, please".to_owned()));
        }
        let signer = match (&protected["jwk"], &protected["kid"]) {
            (Value::Object(_), Value::Null) => Signer::Key(Key::parse(&protected["jwk"])?),
            (Value::Null, Value::String(account)) => Signer::Account(account.clone()),
            _ => return Err(malformed("either a key or an account")),
        };
        Ok(Self {
            signer,
            nonce: text(&protected["nonce"])?.to_owned(),
            payload: decoded(&body["payload"])?,
            input: format!("{}.{}", text(&body["protected"])?, text(&body["payload"])?),
            signature: decoded(&body["signature"])?,
        })
    }

    pub(super) fn verify(&self, key: &Key) -> Result<(), Problem> {
        let mut point = vec![4];
        point.extend(BASE64.decode(&key.x).unwrap());
        point.extend(BASE64.decode(&key.y).unwrap());
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(self.input.as_bytes(), &self.signature)
            .map_err(|_| malformed("the signature is wrong"))
    }
}

impl Key {
    fn parse(jwk: &Value) -> Result<Self, Problem> {
        if jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
            return Err(("badPublicKey", "P-256, please".to_owned()));
        }
        decoded(&jwk["x"])?;
        decoded(&jwk["y"])?;
        Ok(Self {
            x: text(&jwk["x"])?.to_owned(),
            y: text(&jwk["y"])?.to_owned(),
        })
    }

    /// What proves control of a name: the hash of the key authorization for this token (RFC 8555 section 8.1).
    pub(super) fn authorization(&self, token: &str) -> [u8; 32] {
        let Self { x, y } = self;
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let thumbprint = BASE64.encode(Sha256::digest(jwk));
        Sha256::digest(format!("{token}.{thumbprint}")).into()
    }
}

fn text(value: &Value) -> Result<&str, Problem> {
    value.as_str().ok_or_else(|| malformed("not a string"))
}

fn decoded(value: &Value) -> Result<Vec<u8>, Problem> {
    BASE64
        .decode(text(value)?)
        .map_err(|_| malformed("not base64url"))
}
