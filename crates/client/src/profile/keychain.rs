//! The database key in the system's keychain: Keychain Services, Credential Manager, or the Secret Service.
//!
//! Each call runs on a thread of its own, since the Secret Service's client blocks and must not meet an async runtime.

use keyring::{Entry, Error};
use zeroize::Zeroizing;

use super::ProfileError;
use super::key::DatabaseKey;

/// What the entries are filed under.
const SERVICE: &str = "keyfold";

/// Stores a key under a new name.
pub(super) fn store(entry: &str, key: &DatabaseKey) -> Result<(), ProfileError> {
    let secret = Zeroizing::new(*key.as_bytes());
    call(entry, move |entry| entry.set_secret(secret.as_slice()))
}

/// Loads the key with this name.
pub(super) fn load(entry: &str) -> Result<DatabaseKey, ProfileError> {
    let secret = Zeroizing::new(call(entry, Entry::get_secret)?);
    DatabaseKey::from_slice(&secret).ok_or(ProfileError::KeychainEntryGone)
}

fn call<T: Send + 'static>(
    entry: &str,
    act: impl FnOnce(&Entry) -> keyring::Result<T> + Send + 'static,
) -> Result<T, ProfileError> {
    let name = entry.to_owned();
    let done =
        std::thread::spawn(move || Entry::new(SERVICE, &name).and_then(|entry| act(&entry))).join();
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Error::NoEntry)) => Err(ProfileError::KeychainEntryGone),
        Ok(Err(Error::NoDefaultStore)) => Err(ProfileError::Keychain(no_service())),
        Ok(Err(error)) => Err(ProfileError::Keychain(error.to_string())),
        Err(_) => Err(ProfileError::Keychain("it failed unexpectedly".to_owned())),
    }
}

fn no_service() -> String {
    match Entry::store_status() {
        Ok(()) => "there is none".to_owned(),
        Err(error) => error.to_string(),
    }
}
