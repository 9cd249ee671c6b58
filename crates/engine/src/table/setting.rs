//! What this device is: one named value a row.

use rusqlite::{Connection, OptionalExtension as _};
use zeroize::Zeroizing;

use crate::Fault;

/// The names in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// The account key's secret bytes; on primary devices only.
    AccountKey,
    /// The device's secret bytes.
    DeviceKeys,
    /// The device's token.
    Token,
    /// The token that is to take its place, until the server has answered; then the one whose place it took, which a server that
    /// was put back to an earlier state may know alone.
    OtherToken,
    /// The encoded certificate.
    Certificate,
    /// The registration frame.
    Registration,
    /// It has been sent again, to a server that does not know this device any more.
    RegisteringAgain,
    /// The server has answered.
    Registered,
    /// Since when the server has not known this device (Unix time in milliseconds, u64 big endian); nothing while it does.
    UnknownSince,
    /// The devices of this account that this one has removed, or, where it can't, has seen taken out by another one, the newest last, 16 bytes each.
    RemovedDevices,
    /// The devices of this account that the directory has listed last beside this one, which has linked none, 16 bytes each.
    ListedDevices,
    /// When certificates that come to their end were last seen to (Unix time in milliseconds, u64 big endian).
    CertificatesSeen,
    /// When all key packages are to be replaced (Unix time in milliseconds, u64 big endian).
    ReplacementDue,
    /// What the server calls this device's mailbox.
    Mailbox,
    /// When it was last noticed that the server was put back (Unix time in milliseconds, u64 big endian).
    ServerPutBack,
    /// The recovery key's digits, until they have been kept elsewhere.
    Recovery,
    /// By which rules the index of words was made (see `step::index`).
    SearchRules,
    /// The secret that replace keys of signals come from.
    SignalSecret,
    /// The counter of the last own signal (u64, big endian).
    SignalCounter,
    /// What others may see, see `step::privacy`.
    Privacy,
    /// Whether what strangers begin waits to be accepted (1 byte; 0: it does not).
    AskFirst,
}

impl Setting {
    const fn name(self) -> &'static str {
        match self {
            Self::AccountKey => "account_key",
            Self::DeviceKeys => "device_keys",
            Self::Token => "token",
            Self::OtherToken => "other_token",
            Self::Certificate => "certificate",
            Self::CertificatesSeen => "certificates_seen",
            Self::UnknownSince => "unknown_since",
            Self::RemovedDevices => "removed_devices",
            Self::ListedDevices => "listed_devices",
            Self::Registration => "registration",
            Self::RegisteringAgain => "registering_again",
            Self::Registered => "registered",
            Self::Mailbox => "mailbox",
            Self::ServerPutBack => "server_put_back",
            Self::Recovery => "recovery",
            Self::ReplacementDue => "replacement_due",
            Self::SearchRules => "search_rules",
            Self::SignalSecret => "signal_secret",
            Self::SignalCounter => "signal_counter",
            Self::Privacy => "privacy",
            Self::AskFirst => "ask_first",
        }
    }
}

/// The value, if there is one.
pub(crate) fn get(tx: &Connection, setting: Setting) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let value = tx
        .prepare_cached("SELECT value FROM setting WHERE name = ?1")?
        .query_row([setting.name()], |row| row.get(0))
        .optional()?;
    Ok(value.map(Zeroizing::new))
}

/// Sets the value.
pub(crate) fn put(tx: &Connection, setting: Setting, value: &[u8]) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)")?
        .execute((setting.name(), value))?;
    Ok(())
}

/// Removes the value.
pub(crate) fn remove(tx: &Connection, setting: Setting) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM setting WHERE name = ?1")?
        .execute([setting.name()])?;
    Ok(())
}
