//! Safety numbers: 60 digits and a QR code by which two people check that nobody stands between them.
//!
//! The construction is Signal's numeric fingerprint (`libsignal`, `NumericFingerprintGenerator`): for each side
//! `h = SHA-512(version (u16 BE) || key || stable id || key)`, then 5,199 times `h = SHA-512(h || key)`; the first 30 bytes
//! are six numbers of five bytes (BE), each modulo 100,000 shown with five digits. The smaller of both sides' 30 digits
//! comes first, so both see the same. Keyfold's key is the raw account key, its stable id the account id, its version 1.

use keyfold_wire::ids::{AccountId, from_hex};
use sha2::{Digest as _, Sha512};

const VERSION: u16 = 1;
const ITERATIONS: usize = 5_200;
const HALF: usize = 30;
const GROUP: usize = 5;
const QR_PREFIX: &str = "KEYFOLD:SAFETY:";
const QR_VERSION: &str = "1";

/// One side: an account and the key that it speaks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: AccountId,
    /// Its account key, public half.
    pub account_key: [u8; 32],
}

/// One side's half: 30 digits, and the bytes that a QR code carries.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 64]);

/// What two people compare. Equal on both sides when each has the other's true key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    ours: Fingerprint,
    theirs: Fingerprint,
}

/// Why a scanned code does not confirm a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Some other code.
    #[error(
        "this is not a safety number: scan the code that the other person's verify screen shows"
    )]
    Other,
    /// Of a later version.
    #[error("the other person's Keyfold is newer: update yours, then scan again")]
    NewerVersion,
    /// The keys differ.
    #[error(
        "the safety numbers differ: somebody may be reading along, or one of you compares with another account"
    )]
    Different,
}

impl Person {
    /// This side's half.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash: [u8; 64] = Sha512::new()
            .chain_update(VERSION.to_be_bytes())
            .chain_update(self.account_key)
            .chain_update(self.account.as_bytes())
            .chain_update(self.account_key)
            .finalize()
            .into();
        for _ in 1..ITERATIONS {
            hash = Sha512::new()
                .chain_update(hash)
                .chain_update(self.account_key)
                .finalize()
                .into();
        }
        Fingerprint(hash)
    }
}

impl Fingerprint {
    fn digits(&self) -> String {
        let groups = self.0.chunks_exact(GROUP).take(HALF / GROUP);
        groups.fold(String::with_capacity(HALF), |digits, chunk| {
            let number = chunk
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            digits + &format!("{:05}", number % 100_000)
        })
    }

    /// What the QR code carries of it: the first 32 bytes.
    fn scanned(&self) -> &[u8] {
        self.0.get(..32).unwrap_or_default()
    }
}

/// Six groups of five digits.
impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&grouped(&self.digits()))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl SafetyNumber {
    /// The safety number of oneself and another person.
    pub fn new(ours: &Person, theirs: &Person) -> Self {
        Self {
            ours: ours.fingerprint(),
            theirs: theirs.fingerprint(),
        }
    }

    /// What the QR code on our screen says: `KEYFOLD:SAFETY:1:<ours>:<theirs>`, 32 bytes each in upper-case hexadecimal, all
    /// in the alphabet of the compact alphanumeric mode.
    pub fn qr(&self) -> String {
        format!(
            "{QR_PREFIX}{QR_VERSION}:{}:{}",
            hex(self.ours.scanned()),
            hex(self.theirs.scanned())
        )
    }

    /// Judges the code scanned from the other person's screen: theirs must be ours, ours theirs.
    ///
    /// # Errors
    /// [`ScanError`] when it is something else, or does not fit.
    pub fn check_scan(&self, scanned: &str) -> Result<(), ScanError> {
        let fields = scanned
            .trim()
            .strip_prefix(QR_PREFIX)
            .ok_or(ScanError::Other)?;
        let (version, halves) = fields.split_once(':').ok_or(ScanError::Other)?;
        if version != QR_VERSION {
            return Err(ScanError::NewerVersion);
        }
        let (shown, wanted) = halves.split_once(':').ok_or(ScanError::Other)?;
        let (shown, wanted) = (half(shown)?, half(wanted)?);
        if shown == self.theirs.scanned() && wanted == self.ours.scanned() {
            Ok(())
        } else {
            Err(ScanError::Different)
        }
    }
}

/// Twelve groups of five digits.
impl std::fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ours, theirs) = (self.ours.digits(), self.theirs.digits());
        let both = if ours <= theirs {
            ours + &theirs
        } else {
            theirs + &ours
        };
        f.write_str(&grouped(&both))
    }
}

fn half(text: &str) -> Result<Vec<u8>, ScanError> {
    from_hex(text)
        .filter(|bytes| bytes.len() == 32)
        .ok_or(ScanError::Other)
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / GROUP);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place.is_multiple_of(GROUP) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |text, byte| {
            text + &format!("{byte:02X}")
        })
}
