//! The database key: 256 random bits, sealed under a passphrase (Argon2id, RFC 9106; AES-256-GCM) or in the keychain.
//!
//! The key file stores the parameters of the derivation, so that they can rise later. They need no seal of their own:
//! other parameters derive another key, under which the sealed one does not open.

use std::path::Path;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use argon2::{Algorithm, Argon2, Params, Version};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::folder::Folder;
use super::{ProfileError, keychain};
use crate::limits::{
    ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_MOST_LANES, ARGON2_MOST_MEMORY_KIB, ARGON2_MOST_PASSES,
    ARGON2_PASSES, MAX_PASSPHRASE,
};

pub(super) const FILE: &str = "key";

/// What the seal is bound to beside its key.
const LABEL: &[u8] = b"keyfold profile key v1";

/// The key of a profile's database.
pub struct DatabaseKey(Zeroizing<[u8; 32]>);

/// What a person types to open a profile.
pub struct Passphrase(Zeroizing<String>);

/// What a profile's key is kept under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// A passphrase.
    Passphrase,
    /// The system's keychain.
    Keychain,
}

#[derive(Serialize, Deserialize)]
pub(super) struct KeyFile {
    version: u32,
    key: Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Passphrase {
        argon2id: Cost,
        salt: Hex,
        nonce: Hex,
        sealed: Hex,
    },
    Keychain {
        entry: String,
    },
}

/// Argon2id's parameters.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Bytes as hexadecimal text.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hex(Vec<u8>);

impl Clone for Hex {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl TryFrom<String> for Hex {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        keyfold_wire::ids::from_hex(&text)
            .map(Self)
            .ok_or("not hexadecimal")
    }
}

impl From<Hex> for String {
    fn from(hex: Hex) -> Self {
        to_hex(&hex.0)
    }
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl DatabaseKey {
    /// A new one.
    pub(super) fn random() -> Result<Self, ProfileError> {
        let mut bytes = Zeroizing::new([0; 32]);
        fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Passphrase {
    /// A passphrase as typed.
    ///
    /// # Errors
    /// [`ProfileError::PassphraseSize`] when it is empty or over the limit.
    pub fn new(text: Zeroizing<String>) -> Result<Self, ProfileError> {
        if text.is_empty() || text.len() > MAX_PASSPHRASE {
            return Err(ProfileError::PassphraseSize);
        }
        Ok(Self(text))
    }

    /// Reads a file that holds nothing else; one line break at its end does not count.
    ///
    /// # Errors
    /// [`ProfileError::Disk`], [`ProfileError::PassphraseSize`].
    pub fn from_file(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| ProfileError::Disk {
                path: path.to_owned(),
                error,
            })?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Self::new(Zeroizing::new(line.to_owned()))
    }
}

impl std::fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl KeyFile {
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>, ProfileError> {
        let Some(bytes) = folder.read(FILE)? else {
            return Ok(None);
        };
        let damaged = |why: String| ProfileError::Damaged {
            path: folder.file(FILE),
            why,
        };
        let file: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        match file.version {
            1 => Ok(Some(file)),
            newer => Err(damaged(format!("version {newer}, made by a newer Keyfold"))),
        }
    }

    pub(super) fn write(&self, folder: &Folder) -> Result<(), ProfileError> {
        let path = || folder.file(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|error| ProfileError::Disk {
            path: path(),
            error: error.into(),
        })?;
        folder.write(FILE, &text)
    }

    pub(super) fn under_passphrase(
        database: &DatabaseKey,
        passphrase: &Passphrase,
    ) -> Result<Self, ProfileError> {
        let cost = Cost {
            memory_kib: ARGON2_MEMORY_KIB,
            passes: ARGON2_PASSES,
            lanes: ARGON2_LANES,
        };
        let mut salt = vec![0; 16];
        let mut nonce = vec![0; 12];
        fill(&mut salt)?;
        fill(&mut nonce)?;
        let sealed = cost
            .derive(passphrase, &salt)
            .and_then(|key| {
                let cipher = Aes256Gcm::new_from_slice(key.as_slice()).ok()?;
                let payload = Payload {
                    msg: database.as_bytes(),
                    aad: LABEL,
                };
                cipher.encrypt(&nonce_of(&nonce)?.into(), payload).ok()
            })
            .ok_or(ProfileError::PassphraseSize)?;
        let key = Kept::Passphrase {
            argon2id: cost,
            salt: Hex(salt),
            nonce: Hex(nonce),
            sealed: Hex(sealed),
        };
        Ok(Self { version: 1, key })
    }

    pub(super) fn in_keychain(database: &DatabaseKey) -> Result<Self, ProfileError> {
        let mut name = [0; 16];
        fill(&mut name)?;
        let entry = to_hex(&name);
        keychain::store(&entry, database)?;
        Ok(Self {
            version: 1,
            key: Kept::Keychain { entry },
        })
    }

    pub(super) fn protection(&self) -> Protection {
        match self.key {
            Kept::Passphrase { .. } => Protection::Passphrase,
            Kept::Keychain { .. } => Protection::Keychain,
        }
    }

    pub(super) fn unlock(
        &self,
        folder: &Folder,
        passphrase: Option<&Passphrase>,
    ) -> Result<DatabaseKey, ProfileError> {
        let damaged = |why: &str| ProfileError::Damaged {
            path: folder.file(FILE),
            why: why.to_owned(),
        };
        match &self.key {
            Kept::Keychain { entry } => keychain::load(entry),
            Kept::Passphrase {
                argon2id,
                salt,
                nonce,
                sealed,
            } => {
                let passphrase = passphrase.ok_or(ProfileError::PassphraseNeeded)?;
                let key = argon2id
                    .checked()
                    .and_then(|cost| cost.derive(passphrase, &salt.0))
                    .ok_or_else(|| damaged("its Argon2id parameters can't be used"))?;
                let nonce =
                    nonce_of(&nonce.0).ok_or_else(|| damaged("its nonce has a wrong length"))?;
                let cipher = Aes256Gcm::new_from_slice(key.as_slice())
                    .map_err(|_| damaged("its key has a wrong length"))?;
                let opened = cipher
                    .decrypt(
                        &nonce.into(),
                        Payload {
                            msg: &sealed.0,
                            aad: LABEL,
                        },
                    )
                    .map(Zeroizing::new)
                    .map_err(|_| ProfileError::WrongPassphrase)?;
                DatabaseKey::from_slice(&opened)
                    .ok_or_else(|| damaged("its key has a wrong length"))
            }
        }
    }
}

fn nonce_of(bytes: &[u8]) -> Option<[u8; 12]> {
    bytes.try_into().ok()
}

impl Cost {
    /// Itself, unless it would exhaust the machine.
    fn checked(self) -> Option<Self> {
        let fits = self.memory_kib <= ARGON2_MOST_MEMORY_KIB
            && self.passes <= ARGON2_MOST_PASSES
            && self.lanes <= ARGON2_MOST_LANES;
        fits.then_some(self)
    }

    /// The key that this passphrase and salt lead to; `None` when Argon2id refuses the parameters.
    fn derive(self, passphrase: &Passphrase, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), salt, key.as_mut_slice())
            .ok()?;
        Some(key)
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), ProfileError> {
    OsRng
        .try_fill_bytes(bytes)
        .map_err(|error| ProfileError::Disk {
            path: "the system's random numbers".into(),
            error: std::io::Error::other(error.to_string()),
        })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    fn folder(home: &tempfile::TempDir) -> Folder {
        Folder::lock(home.path()).unwrap()
    }

    #[test]
    fn the_right_passphrase_opens_and_any_other_does_not() {
        let home = tempfile::tempdir().unwrap();
        let folder = folder(&home);
        let key = DatabaseKey::random().unwrap();
        KeyFile::under_passphrase(&key, &passphrase("correct horse"))
            .unwrap()
            .write(&folder)
            .unwrap();
        let before = folder.read(FILE).unwrap();

        let file = KeyFile::read(&folder).unwrap().unwrap();
        assert_eq!(file.protection(), Protection::Passphrase);
        let opened = file
            .unlock(&folder, Some(&passphrase("correct horse")))
            .unwrap();
        assert_eq!(opened.as_bytes(), key.as_bytes());
        for wrong in ["Correct horse", "correct horse ", "x"] {
            let refused = file.unlock(&folder, Some(&passphrase(wrong)));
            assert!(
                matches!(refused, Err(ProfileError::WrongPassphrase)),
                "{wrong}"
            );
        }
        assert!(matches!(
            file.unlock(&folder, None),
            Err(ProfileError::PassphraseNeeded)
        ));
        assert_eq!(folder.read(FILE).unwrap(), before);
    }

    #[test]
    fn the_file_holds_no_key_and_its_parameters_are_the_stated_ones() {
        let key = DatabaseKey::random().unwrap();
        let file = KeyFile::under_passphrase(&key, &passphrase("correct horse")).unwrap();
        let text = serde_json::to_string(&file).unwrap();
        assert!(!text.contains(&to_hex(key.as_bytes())));
        assert!(
            text.contains(r#""argon2id":{"memory_kib":65536,"passes":3,"lanes":4}"#),
            "{text}"
        );
        assert_eq!(format!("{key:?}{:?}", passphrase("x")), "<secret><secret>");
    }

    #[test]
    fn a_damaged_or_greedy_key_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = folder(&home);
        let key = DatabaseKey::random().unwrap();
        let file = KeyFile::under_passphrase(&key, &passphrase("p")).unwrap();
        let good = serde_json::to_string(&file).unwrap();
        for (from, to) in [
            ("{", "["),
            (r#""version":1"#, r#""version":2"#),
            (r#""memory_kib":65536"#, r#""memory_kib":1048577"#),
            (r#""passes":3"#, r#""passes":65"#),
            (r#""lanes":4"#, r#""lanes":65"#),
            (r#""passes":3"#, r#""passes":0"#),
            (r#""nonce":""#, r#""nonce":"00"#),
            (r#""salt":""#, r#""salt":"zz"#),
        ] {
            folder
                .write(FILE, good.replacen(from, to, 1).as_bytes())
                .unwrap();
            let refused = KeyFile::read(&folder).and_then(|file| {
                file.unwrap()
                    .unlock(&folder, Some(&passphrase("p")))
                    .map(drop)
            });
            assert!(
                matches!(refused, Err(ProfileError::Damaged { .. })),
                "{to}: {refused:?}"
            );
        }
    }

    #[test]
    fn the_most_costly_parameters_are_still_taken() {
        let most = Cost {
            memory_kib: ARGON2_MOST_MEMORY_KIB,
            passes: ARGON2_MOST_PASSES,
            lanes: ARGON2_MOST_LANES,
        };
        assert!(most.checked().is_some());
        assert!(
            Cost {
                memory_kib: ARGON2_MOST_MEMORY_KIB + 1,
                ..most
            }
            .checked()
            .is_none()
        );
    }

    #[test]
    fn a_passphrase_file_may_end_in_a_line_break() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("p");
        for text in ["open sesame", "open sesame\n", "open sesame\r\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                Passphrase::from_file(&path).unwrap().0.as_str(),
                "open sesame"
            );
        }
        for (text, fits) in [
            (String::new(), false),
            ("\n".to_owned(), false),
            ("p".repeat(MAX_PASSPHRASE), true),
            ("p".repeat(MAX_PASSPHRASE + 1), false),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(
                Passphrase::from_file(&path).is_ok(),
                fits,
                "{} bytes",
                text.len()
            );
        }
    }
}
