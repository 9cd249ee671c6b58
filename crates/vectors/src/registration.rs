//! `registration.json`: the request that makes an account.

use keyfold_protocol::identity::{
    AccountKey, CertificateRequest, DeviceToken, RecoveryKey, Registration,
};
use keyfold_protocol::suite::Suite;
use keyfold_wire::certificate::{Certificate, registration_input, verify, verify_registration};
use keyfold_wire::{Message as _, v1};
use serde::{Deserialize, Serialize};

use crate::people::{Person, person};
use crate::{Hex, Topic, refused};

#[derive(Serialize, Deserialize)]
pub(crate) struct Registrations {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    account_key_seed: Hex,
    recovery_key: String,
    device_certificate: Hex,
    token: Hex,
    token_hash: Hex,
    invitation: String,
    signed: Hex,
    signature: Hex,
    register: Hex,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
    error: String,
    register: Hex,
}

/// `1234567890` six times, `12`, and the check digits `69`.
const RECOVERY_KEY: &str =
    "1234 5678 9012 3456 7890 1234 5678 9012 3456 7890 1234 5678 9012 3456 7890 1269";

impl Topic for Registrations {
    fn generate() -> Self {
        let ada = person(0x10, "ada");
        Self {
            valid: ["", "WELCOME-2027"].map(|code| valid(&ada, code)).into(),
            refused: refusals(&ada),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            let account = AccountKey::from_secret_bytes(&one.account_key_seed).unwrap();
            let read = Certificate::verify(&one.device_certificate).unwrap();
            let request = CertificateRequest {
                handle: read.handle,
                device: read.device,
                signature_key: read.signature_key,
                suites: read
                    .suites
                    .iter()
                    .map(|suite| Suite::try_from(*suite).unwrap())
                    .collect(),
                created: read.created,
                expires: read.expires,
            };
            let register = register(
                &account,
                &request,
                &one.recovery_key,
                &one.token,
                &one.invitation,
            );
            assert_eq!(register.encode_to_vec(), *one.register);
            let register = v1::Register::decode(one.register.as_ref()).unwrap();
            assert_eq!(register.token_hash, *one.token_hash);
            assert_eq!(register.device_certificate, *one.device_certificate);
            assert_eq!(registration_input(&register), *one.signed);
            verify(&account.public(), &one.signed, &one.signature).unwrap();
            verify_registration(&register).unwrap();
        }
        for one in &self.refused {
            let register = v1::Register::decode(one.register.as_ref()).unwrap();
            refused(&one.why, verify_registration(&register), &one.error);
        }
    }
}

fn register(
    account: &AccountKey,
    certificate: &CertificateRequest,
    recovery: &str,
    token: &[u8],
    invitation: &str,
) -> v1::Register {
    let registration = Registration {
        certificate,
        recovery: &RecoveryKey::parse(recovery).unwrap(),
        token: &DeviceToken::from_secret_bytes(token).unwrap(),
        invitation,
    };
    account.register(&registration).unwrap()
}

fn valid(ada: &Person, invitation: &str) -> Valid {
    let token = [0x77; 32];
    let register = register(&ada.account, &ada.request, RECOVERY_KEY, &token, invitation);
    Valid {
        account_key_seed: ada.account.to_secret_bytes().as_slice().into(),
        recovery_key: RECOVERY_KEY.to_owned(),
        device_certificate: (&ada.certificate).into(),
        token: token.into(),
        token_hash: (&register.token_hash).into(),
        invitation: invitation.to_owned(),
        signed: registration_input(&register).into(),
        signature: (&register.signature).into(),
        register: register.encode_to_vec().into(),
    }
}

fn refusals(ada: &Person) -> Vec<Refused> {
    let bo = person(0x20, "bo");
    let good = || register(&ada.account, &ada.request, RECOVERY_KEY, &[0x77; 32], "");
    let case = |why: &str, error: &str, change: &dyn Fn(&mut v1::Register)| {
        let mut register = good();
        change(&mut register);
        Refused {
            why: why.to_owned(),
            error: error.to_owned(),
            register: register.encode_to_vec().into(),
        }
    };
    vec![
        case("another handle than was signed", "forged", &|one| {
            one.handle = "adah".to_owned();
        }),
        case("another invitation than was signed", "forged", &|one| {
            one.invitation = "X".to_owned();
        }),
        case("another token than was signed", "forged", &|one| {
            one.token_hash = vec![0; 32].into();
        }),
        case("another recovery key than was signed", "forged", &|one| {
            one.recovery_key = vec![0; 32].into();
        }),
        case("a token hash of 31 bytes", "malformed", &|one| {
            one.token_hash.truncate(31);
        }),
        case("a recovery key of 31 bytes", "malformed", &|one| {
            one.recovery_key.truncate(31);
        }),
        case(
            "the certificate is another account's",
            "wrong_account",
            &|one| {
                one.device_certificate = bo.certificate.clone().into();
            },
        ),
        case("without a certificate", "malformed", &|one| {
            one.device_certificate.clear();
        }),
        case("without a signature", "malformed", &|one| {
            one.signature.clear();
        }),
    ]
}
