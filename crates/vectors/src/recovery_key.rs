//! `recovery-key.json`: 64 digits, what is taken for them, and the key that comes of them.

use hkdf::Hkdf;
use keyfold_protocol::identity::RecoveryKey;
use keyfold_wire::certificate::verify;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct RecoveryKeys {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    typed: String,
    shown: String,
    seed: Hex,
    public_key: Hex,
    message: Hex,
    signature: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    typed: String,
}

const DIGITS: &str = "1234567890123456789012345678901234567890123456789012345678901269";

impl Topic for RecoveryKeys {
    fn generate() -> Self {
        let zeros = format!("{}01", "0".repeat(62));
        let grouped = RecoveryKey::parse(DIGITS)
            .unwrap()
            .to_secret_text()
            .to_string();
        let hyphens = grouped.replace(' ', "-") + "\n";
        let typed = [DIGITS, &grouped, &hyphens, &zeros];
        Self {
            valid: typed.map(valid).into(),
            refused: refusals(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let key = RecoveryKey::parse(&one.typed).unwrap();
            assert_eq!(*key.to_secret_text(), one.shown);
            assert_eq!(key.public(), *one.public_key);
            assert_eq!(key.sign(&one.message), *one.signature);
            verify(&one.public_key.array(), &one.message, &one.signature).unwrap();
            assert_eq!(seed(&one.shown), *one.seed);
            let signing = ed25519_dalek::SigningKey::from_bytes(&one.seed.array());
            assert_eq!(
                signing.verifying_key().as_bytes().as_slice(),
                &*one.public_key
            );
        }
        for one in &self.refused {
            refused(&one.why, RecoveryKey::parse(&one.typed), &one.error);
        }
    }
}

/// As `docs/protocol/identity.md` has it; the product keeps it to itself.
fn seed(shown: &str) -> [u8; 32] {
    let digits = shown.replace(' ', "");
    let mut seed = [0; 32];
    Hkdf::<Sha256>::new(Some(b"keyfold recovery key v1"), digits.as_bytes())
        .expand(b"signing", &mut seed)
        .unwrap();
    seed
}

fn valid(typed: &str) -> Valid {
    let key = RecoveryKey::parse(typed).unwrap();
    let message = b"anything";
    Valid {
        typed: typed.to_owned(),
        shown: key.to_secret_text().to_string(),
        seed: seed(&key.to_secret_text()).into(),
        public_key: key.public().into(),
        message: message.into(),
        signature: key.sign(message).into(),
    }
}

fn refusals() -> Vec<Refused> {
    let case = |why: &str, error: &str, typed: String| Refused {
        why: why.to_owned(),
        error: error.to_owned(),
        typed,
    };
    vec![
        case("63 digits", "length", DIGITS[1..].to_owned()),
        case("65 digits", "length", format!("{DIGITS}0")),
        case("nothing", "length", String::new()),
        case("a letter", "not_digits", DIGITS.replacen('0', "O", 1)),
        case(
            "a digit of another script",
            "not_digits",
            DIGITS.replacen('1', "١", 1),
        ),
        case("a wrong digit", "check", DIGITS.replacen('3', "4", 1)),
        case(
            "two neighbours are swapped",
            "check",
            DIGITS.replacen("34", "43", 1),
        ),
        case(
            "wrong check digits",
            "check",
            format!("{}70", &DIGITS[..62]),
        ),
    ]
}
