//! What this device is, read from its settings and kept in memory while the database is open.

use keyfold_protocol::identity::{AccountKey, DeviceKeys, DeviceToken};
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, DeviceId};
use rusqlite::Connection;

use crate::Fault;
use crate::table::setting::{self, Setting};

/// Keys, token and certificate of this device.
pub(crate) struct Identity {
    pub(crate) keys: DeviceKeys,
    pub(crate) token: DeviceToken,
    pub(crate) account_key: Option<AccountKey>,
    pub(crate) certificate: Certificate,
    pub(crate) encoded: Vec<u8>,
    pub(crate) registered: bool,
}

impl Identity {
    /// Reads it. `None`: this device has no account yet.
    pub(crate) fn load(tx: &Connection) -> Result<Option<Self>, Fault> {
        let (Some(keys), Some(token), Some(encoded)) = (
            setting::get(tx, Setting::DeviceKeys)?,
            setting::get(tx, Setting::Token)?,
            setting::get(tx, Setting::Certificate)?,
        ) else {
            return Ok(None);
        };
        let unreadable = |_| Fault::corrupt("the device's keys do not read");
        let account_key = setting::get(tx, Setting::AccountKey)?
            .map(|bytes| AccountKey::from_secret_bytes(&bytes))
            .transpose()
            .map_err(unreadable)?;
        Ok(Some(Self {
            keys: DeviceKeys::from_secret_bytes(&keys).map_err(unreadable)?,
            token: DeviceToken::from_secret_bytes(&token).map_err(unreadable)?,
            account_key,
            certificate: Certificate::verify(&encoded)
                .map_err(|_| Fault::corrupt("the device's certificate does not verify"))?,
            encoded: encoded.to_vec(),
            registered: setting::get(tx, Setting::Registered)?.is_some(),
        }))
    }

    /// The account.
    pub(crate) const fn account(&self) -> AccountId {
        self.certificate.account
    }

    /// The device.
    pub(crate) const fn device(&self) -> DeviceId {
        self.certificate.device
    }

    /// The suites that the certificate lists and this version speaks, most wanted first.
    pub(crate) fn suites(&self) -> Vec<Suite> {
        self.certificate
            .suites
            .iter()
            .filter_map(|number| Suite::try_from(*number).ok())
            .collect()
    }
}
