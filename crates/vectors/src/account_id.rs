//! `account-id.json`: from an account's first key to its id.

use keyfold_wire::certificate::account_id;
use serde::{Deserialize, Serialize};

use crate::people::person;
use crate::{Hex, Topic};

#[derive(Serialize, Deserialize)]
pub(crate) struct AccountIds {
    valid: Vec<Valid>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    account_key: Hex,
    account: Hex,
}

impl Topic for AccountIds {
    fn generate() -> Self {
        let keys = [[0; 32], [1; 32], person(0x10, "ada").account.public()];
        let valid = keys.map(|key| Valid {
            account_key: key.into(),
            account: account_id(&key).as_bytes().into(),
        });
        Self {
            valid: valid.into(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let account = account_id(&one.account_key.array());
            assert_eq!(account.as_ref(), &*one.account);
        }
    }
}
