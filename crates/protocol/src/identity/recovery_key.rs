//! The recovery key: 64 decimal digits that a person writes down, shown in 16 groups of 4.
//!
//! 62 digits are random (205 bits); the last two are check digits as in ISO 7064 MOD 97-10 (known from IBANs): the
//! whole number modulo 97 is 1. So every single wrong digit and every swap of two neighbours is noticed. The Ed25519 seed is
//! HKDF-SHA256 (RFC 5869) of the 64 ASCII digits, salt `"keyfold recovery key v1"`, info `"signing"`.

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::signing::Secret;

const DIGITS: usize = 64;
const RANDOM: usize = DIGITS - 2;
const GROUP: usize = 4;
const SALT: &[u8] = b"keyfold recovery key v1";
const SIGNING: &[u8] = b"signing";

/// The key that revokes, rotates and restores when all devices are lost. Not `Clone`; prints as `<secret>`.
pub struct RecoveryKey(Zeroizing<[u8; DIGITS]>);

/// What a person typed is not a recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryKeyError {
    /// Something else than digits, spaces and hyphens.
    #[error("a recovery key has digits only: look for a letter typed as a digit")]
    NotDigits,
    /// Too few or too many digits.
    #[error(
        "a recovery key has {DIGITS} digits, this has {0}: look for a group left out or typed twice"
    )]
    Length(usize),
    /// The check digits do not fit.
    #[error(
        "there is a typing error in this recovery key: compare it group by group with what you wrote down"
    )]
    Check,
}

impl RecoveryKey {
    /// A new one, every digit equally likely.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut digits = Zeroizing::new([b'0'; DIGITS]);
        for digit in digits.iter_mut().take(RANDOM) {
            *digit = b'0' + random_digit(rng);
        }
        // With 00 for the check digits the remainder is r; 98 - r makes the whole 1 modulo 97.
        let check = 98 - modulo_97(digits.as_slice());
        if let Some([tens, ones]) = digits.last_chunk_mut::<2>() {
            *tens = b'0' + check / 10;
            *ones = b'0' + check % 10;
        }
        Self(digits)
    }

    /// Reads what a person typed; spaces, line ends and hyphens count for nothing.
    ///
    /// # Errors
    /// [`RecoveryKeyError`], which says what kind of mistake it is.
    pub fn parse(text: &str) -> Result<Self, RecoveryKeyError> {
        let mut digits = Zeroizing::new([b'0'; DIGITS]);
        let mut count = 0_usize;
        for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let digit = u8::try_from(character)
                .ok()
                .filter(u8::is_ascii_digit)
                .ok_or(RecoveryKeyError::NotDigits)?;
            if let Some(place) = digits.get_mut(count) {
                *place = digit;
            }
            count += 1;
        }
        if count != DIGITS {
            return Err(RecoveryKeyError::Length(count));
        }
        if modulo_97(digits.as_slice()) != 1 {
            return Err(RecoveryKeyError::Check);
        }
        Ok(Self(digits))
    }

    /// How it is shown once to its owner: 16 groups of 4 digits with spaces between.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(DIGITS + DIGITS / GROUP));
        for (place, digit) in self.0.iter().enumerate() {
            if place > 0 && place.is_multiple_of(GROUP) {
                text.push(' ');
            }
            text.push(char::from(*digit));
        }
        text
    }

    /// The public half, which registration binds to the account.
    pub fn public(&self) -> [u8; 32] {
        self.signing().public()
    }

    /// Signs a labelled input.
    pub fn sign(&self, input: &[u8]) -> [u8; 64] {
        self.signing().sign(input)
    }

    fn signing(&self) -> Secret {
        let mut seed = Zeroizing::new([0; 32]);
        let derived =
            Hkdf::<Sha256>::new(Some(SALT), self.0.as_slice()).expand(SIGNING, seed.as_mut_slice());
        debug_assert!(derived.is_ok(), "HKDF-SHA256 gives up to 8,160 bytes");
        Secret::from_seed(&seed)
    }
}

impl std::fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// A digit from 0 to 9; bytes over 249 are drawn again, so that none is more likely than another.
fn random_digit(rng: &mut dyn CryptoRng) -> u8 {
    loop {
        let mut byte = [0];
        rng.fill_bytes(&mut byte);
        if let [value @ ..250] = byte {
            return value % 10;
        }
    }
}

fn modulo_97(digits: &[u8]) -> u8 {
    let remainder = digits.iter().fold(0_u16, |rest, digit| {
        (rest * 10 + u16::from(digit.wrapping_sub(b'0'))) % 97
    });
    u8::try_from(remainder).unwrap_or(u8::MAX)
}
