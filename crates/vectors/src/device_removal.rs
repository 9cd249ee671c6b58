//! `device-removal.json`: the account key's word that a device goes.

use keyfold_protocol::identity::AccountKey;
use keyfold_wire::certificate::{removal_input, verify};
use keyfold_wire::ids::{AccountId, DeviceId};
use keyfold_wire::{Message as _, v1};
use serde::{Deserialize, Serialize};

use crate::people::person;
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Removals {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    account_key_seed: Hex,
    account_key: Hex,
    account: Hex,
    device: Hex,
    signed: Hex,
    signature: Hex,
    remove_device: Hex,
}

/// `remove_device`, sent by a device of this account.
#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    account_key: Hex,
    account: Hex,
    remove_device: Hex,
}

impl Topic for Removals {
    fn generate() -> Self {
        let (ada, bo) = (person(0x10, "ada"), person(0x20, "bo"));
        let device = DeviceId::new([0xdd; 16]);
        let remove = ada.account.remove(device);
        let valid = Valid {
            account_key_seed: ada.account.to_secret_bytes().as_slice().into(),
            account_key: ada.account.public().into(),
            account: ada.account.account().as_bytes().into(),
            device: device.as_bytes().into(),
            signed: removal_input(&ada.account.account(), &device).into(),
            signature: (&remove.signature).into(),
            remove_device: remove.encode_to_vec().into(),
        };
        let case = |why: &str, error: &str, remove: v1::RemoveDevice| Refused {
            why: why.to_owned(),
            error: error.to_owned(),
            account_key: ada.account.public().into(),
            account: ada.account.account().as_bytes().into(),
            remove_device: remove.encode_to_vec().into(),
        };
        let other = v1::RemoveDevice {
            device: vec![0xde; 16].into(),
            ..remove.clone()
        };
        let short = v1::RemoveDevice {
            signature: remove.signature.slice(..63),
            ..remove
        };
        Self {
            valid: vec![valid],
            refused: vec![
                case("signed for another device", "forged", other),
                case(
                    "signed by another account",
                    "forged",
                    bo.account.remove(device),
                ),
                case("a signature of 63 bytes", "malformed", short),
            ],
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let account = AccountKey::from_secret_bytes(&one.account_key_seed).unwrap();
            let device = DeviceId::new(one.device.array());
            assert_eq!(account.remove(device).encode_to_vec(), *one.remove_device);
            let input = removal_input(&AccountId::new(one.account.array()), &device);
            assert_eq!(input, *one.signed);
            verify(&one.account_key.array(), &input, &one.signature).unwrap();
        }
        for one in &self.refused {
            let remove = v1::RemoveDevice::decode(one.remove_device.as_ref()).unwrap();
            let device = DeviceId::try_from(remove.device.as_ref()).unwrap();
            let input = removal_input(&AccountId::new(one.account.array()), &device);
            let judged = verify(&one.account_key.array(), &input, &remove.signature);
            refused(&one.why, judged, &one.error);
        }
    }
}
