//! Keys, certificates, recovery keys, links and safety numbers, through the front door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod people;

use keyfold_protocol::identity::{
    AccountKey, DeviceKeys, DeviceToken, IssueError, LinkError, LinkRequest, Person as Side,
    RecoveryKey, RecoveryKeyError, Registration, SafetyNumber, ScanError, WrongSecretLength,
};
use keyfold_protocol::limits::CERTIFICATE_VALIDITY;
use keyfold_protocol::suite::{Suite, UnknownSuite};
use keyfold_wire::certificate::{
    Certificate, CertificateError, account_id, verify, verify_registration,
};
use keyfold_wire::ids::{AccountId, Timestamp};
use keyfold_wire::limits::{MAX_HANDLE, MAX_INVITATION, MAX_SUITES};
use people::{request, rng};
use proptest::prelude::*;

#[test]
fn a_certificate_verifies_and_says_what_was_asked_for() {
    let mut rng = rng(1);
    let (key, device) = (
        AccountKey::generate(&mut rng),
        DeviceKeys::generate(&mut rng),
    );
    let mut asked = request("ada", &device, &Suite::ALL);
    asked.expires = asked.created.after(CERTIFICATE_VALIDITY);
    let certificate = Certificate::verify(&key.certify(&asked).unwrap()).unwrap();
    assert_eq!(certificate.account, key.account());
    assert_eq!(certificate.account_key, key.public());
    assert_eq!(certificate.handle, "ada");
    assert_eq!(certificate.device, device.device());
    assert_eq!(certificate.signature_key, device.public());
    assert_eq!(certificate.suites, [0x004F, 0x0001]);
    assert!(certificate.is_valid_at(Timestamp(1_000)));
    assert!(!certificate.is_valid_at(Timestamp(1_000).after(2 * CERTIFICATE_VALIDITY)));
}

#[test]
fn a_certificate_is_issued_at_its_limits_and_not_past_them() {
    let mut rng = rng(2);
    let (key, device) = (
        AccountKey::generate(&mut rng),
        DeviceKeys::generate(&mut rng),
    );
    let mut asked = request(
        &"a".repeat(MAX_HANDLE),
        &device,
        &[Suite::Hybrid; MAX_SUITES],
    );
    assert!(Certificate::verify(&key.certify(&asked).unwrap()).is_ok());
    asked.suites.push(Suite::Hybrid);
    assert_eq!(key.certify(&asked), Err(IssueError::Suites));
    asked.suites.clear();
    assert_eq!(key.certify(&asked), Err(IssueError::Suites));
    asked.suites.push(Suite::Hybrid);
    asked.handle.push('a');
    assert_eq!(key.certify(&asked), Err(IssueError::HandleTooLong));
    asked.handle.pop();
    asked.expires = asked.created;
    assert_eq!(key.certify(&asked), Err(IssueError::Dates));
}

#[test]
fn a_registration_verifies_and_no_field_of_it_can_be_swapped() {
    let mut rng = rng(3);
    let (key, device) = (
        AccountKey::generate(&mut rng),
        DeviceKeys::generate(&mut rng),
    );
    let (recovery, token) = (
        RecoveryKey::generate(&mut rng),
        DeviceToken::generate(&mut rng),
    );
    let certificate = request("ada", &device, &Suite::ALL);
    let make = |invitation: &str| {
        key.register(&Registration {
            certificate: &certificate,
            recovery: &recovery,
            token: &token,
            invitation,
        })
    };
    let register = make("welcome").unwrap();
    assert_eq!(
        verify_registration(&register).unwrap().account,
        key.account()
    );
    assert_eq!(register.recovery_key, recovery.public().as_slice());
    assert_eq!(register.token_hash, token.hash().as_slice());
    assert!(
        make("welcome").unwrap() == register,
        "sent again, it is the same"
    );

    let mut stolen = register.clone();
    stolen.recovery_key = RecoveryKey::generate(&mut rng).public().to_vec().into();
    assert_eq!(verify_registration(&stolen), Err(CertificateError::Forged));
    let mut renamed = register;
    renamed.handle = "bo".into();
    assert_eq!(verify_registration(&renamed), Err(CertificateError::Forged));

    assert!(make(&"i".repeat(MAX_INVITATION)).is_ok());
    assert_eq!(
        make(&"i".repeat(MAX_INVITATION + 1)).err(),
        Some(IssueError::InvitationTooLong)
    );
}

#[test]
fn stored_keys_come_back_and_damaged_ones_do_not() {
    let mut rng = rng(4);
    let (key, device, token) = (
        AccountKey::generate(&mut rng),
        DeviceKeys::generate(&mut rng),
        DeviceToken::generate(&mut rng),
    );
    assert_eq!(
        AccountKey::from_secret_bytes(key.to_secret_bytes().as_slice())
            .unwrap()
            .public(),
        key.public()
    );
    let back = DeviceKeys::from_secret_bytes(device.to_secret_bytes().as_slice()).unwrap();
    assert_eq!(
        (back.device(), back.public()),
        (device.device(), device.public())
    );
    assert_eq!(
        DeviceToken::from_secret_bytes(token.to_secret_bytes().as_slice())
            .unwrap()
            .hash(),
        token.hash()
    );
    assert_eq!(
        AccountKey::from_secret_bytes(&[0; 31]).err(),
        Some(WrongSecretLength(31))
    );
    assert_eq!(
        DeviceKeys::from_secret_bytes(&[0; 47]).err(),
        Some(WrongSecretLength(47))
    );
    assert_eq!(
        DeviceKeys::from_secret_bytes(&[0; 15]).err(),
        Some(WrongSecretLength(15))
    );
    assert_eq!(
        DeviceToken::from_secret_bytes(&[0; 33]).err(),
        Some(WrongSecretLength(33))
    );
}

#[test]
fn a_device_signs_with_its_certified_key() {
    let device = DeviceKeys::generate(&mut rng(5));
    let signature = device.sign(b"label");
    assert_eq!(verify(&device.public(), b"label", &signature), Ok(()));
    assert_eq!(
        verify(&device.public(), b"other", &signature),
        Err(CertificateError::Forged)
    );
}

#[test]
fn secrets_never_print() {
    let mut rng = rng(6);
    let device = DeviceKeys::generate(&mut rng);
    let seed = device.seed();
    let printed = format!(
        "{:?} {:?} {:?} {device:?}",
        AccountKey::generate(&mut rng),
        RecoveryKey::generate(&mut rng),
        DeviceToken::generate(&mut rng),
    );
    assert!(
        printed.starts_with("<secret> <secret> <secret> DeviceKeys { device: DeviceId("),
        "{printed}"
    );
    assert!(!printed.contains(&format!("{seed:?}")));
}

const KNOWN: &str =
    "1234 5678 9012 3456 7890 1234 5678 9012 3456 7890 1234 5678 9012 3456 7890 1269";

#[test]
fn a_recovery_key_is_what_the_documents_say() {
    let key = RecoveryKey::parse(KNOWN).unwrap();
    assert_eq!(key.to_secret_text().as_str(), KNOWN);
    // An id of the same length prints the bytes in hexadecimal.
    let public = AccountId::new(key.public()).to_string();
    assert_eq!(public, KNOWN_PUBLIC);
    assert_eq!(
        verify(&key.public(), b"rotate", &key.sign(b"rotate")),
        Ok(())
    );
}

#[test]
fn a_recovery_key_is_read_as_people_type_it() {
    let key = RecoveryKey::generate(&mut rng(7));
    let shown = key.to_secret_text();
    assert_eq!(shown.split(' ').map(str::len).collect::<Vec<_>>(), [4; 16]);
    for typed in [
        shown.replace(' ', ""),
        shown.replace(' ', "-"),
        format!("\n {} \t", shown.replace(' ', "\n")),
    ] {
        assert_eq!(RecoveryKey::parse(&typed).unwrap().public(), key.public());
    }
    assert_eq!(
        RecoveryKey::parse("").err(),
        Some(RecoveryKeyError::Length(0))
    );
    assert_eq!(
        RecoveryKey::parse(&shown[1..]).err(),
        Some(RecoveryKeyError::Length(63))
    );
    assert_eq!(
        RecoveryKey::parse(&format!("{}1", shown.as_str())).err(),
        Some(RecoveryKeyError::Length(65))
    );
    assert_eq!(
        RecoveryKey::parse(&shown.replacen(' ', "O", 1)).err(),
        Some(RecoveryKeyError::NotDigits)
    );
    assert_eq!(
        RecoveryKey::parse(&"٣".repeat(64)).err(),
        Some(RecoveryKeyError::NotDigits)
    );
}

proptest! {
    #[test]
    fn a_wrong_digit_or_a_swap_of_neighbours_is_noticed(seed: u64, place in 0..64_usize, by in 1..10_u8) {
        let key = RecoveryKey::generate(&mut rng(seed));
        let digits = key.to_secret_text().replace(' ', "").into_bytes();
        let mut wrong = digits.clone();
        wrong[place] = b'0' + (wrong[place] - b'0' + by) % 10;
        let wrong = String::from_utf8(wrong).unwrap();
        prop_assert_eq!(RecoveryKey::parse(&wrong).err(), Some(RecoveryKeyError::Check));
        let mut swapped = digits.clone();
        swapped.swap(place, (place + 1).min(63));
        let noticed = RecoveryKey::parse(std::str::from_utf8(&swapped).unwrap()).is_err();
        prop_assert_eq!(noticed, swapped != digits);
    }

    #[test]
    fn random_bytes_are_no_link_request(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(LinkRequest::verify(&bytes).is_err());
    }
}

#[test]
fn a_new_device_is_certified_by_its_request() {
    let mut rng = rng(8);
    let (key, device, token) = (
        AccountKey::generate(&mut rng),
        DeviceKeys::generate(&mut rng),
        DeviceToken::generate(&mut rng),
    );
    let shown = LinkRequest::encode(&device, &[Suite::Classic], &token);
    let add = LinkRequest::verify(&shown)
        .unwrap()
        .accept(&key, "ada", Timestamp(1), Timestamp(2))
        .unwrap();
    let certificate = Certificate::verify(&add.device_certificate).unwrap();
    assert_eq!(
        (certificate.device, certificate.signature_key),
        (device.device(), device.public())
    );
    assert_eq!(certificate.suites, [Suite::Classic.number()]);
    assert_eq!(add.token_hash, token.hash().as_slice());
}

#[test]
fn a_link_request_cannot_be_changed_on_its_way() {
    let mut rng = rng(9);
    let (device, token) = (
        DeviceKeys::generate(&mut rng),
        DeviceToken::generate(&mut rng),
    );
    let shown = LinkRequest::encode(&device, &Suite::ALL, &token);
    for place in 0..shown.len() {
        let mut changed = shown.clone();
        changed[place] ^= 1;
        assert!(LinkRequest::verify(&changed).is_err(), "byte {place}");
        assert!(
            LinkRequest::verify(&shown[..place]).is_err(),
            "cut at {place}"
        );
    }
    let mut later = shown.clone();
    later[2] = 2;
    assert_eq!(LinkRequest::verify(&later), Err(LinkError::NewerVersion));
    let mut extended = shown;
    extended[0] += 1;
    extended.extend([6, 0x61, b'x']);
    assert!(
        LinkRequest::verify(&extended).is_ok(),
        "a later version may add to it"
    );
    extended.resize(1_025, 0);
    assert_eq!(LinkRequest::verify(&extended), Err(LinkError::Malformed));
}

fn side(byte: u8) -> Side {
    let account_key = [byte; 32];
    Side {
        account: account_id(&account_key),
        account_key,
    }
}

#[test]
fn both_sides_see_one_safety_number() {
    let (ada, bo) = (side(1), side(2));
    let number = SafetyNumber::new(&ada, &bo).to_string();
    assert_eq!(number, SafetyNumber::new(&bo, &ada).to_string());
    assert_eq!(number, KNOWN_NUMBER);
    assert_ne!(number, SafetyNumber::new(&ada, &side(3)).to_string());
    let moved = Side {
        account: AccountId::new([9; 32]),
        ..bo
    };
    assert_ne!(number, SafetyNumber::new(&ada, &moved).to_string());
    let own = ada.fingerprint().to_string();
    assert_eq!(own.split(' ').map(str::len).collect::<Vec<_>>(), [5; 6]);
    assert!(number.contains(&own));
}

#[test]
fn a_scanned_code_confirms_the_person_who_shows_it_and_nobody_else() {
    let (ada, bo, cy) = (side(1), side(2), side(3));
    let (adas, bos) = (SafetyNumber::new(&ada, &bo), SafetyNumber::new(&bo, &ada));
    assert_eq!(adas.check_scan(&bos.qr()), Ok(()));
    assert_eq!(bos.check_scan(&adas.qr()), Ok(()));
    assert_eq!(
        adas.check_scan(&adas.qr()),
        Err(ScanError::Different),
        "one's own code"
    );
    assert_eq!(
        adas.check_scan(&SafetyNumber::new(&cy, &ada).qr()),
        Err(ScanError::Different)
    );
    assert_eq!(
        adas.check_scan(&SafetyNumber::new(&bo, &cy).qr()),
        Err(ScanError::Different)
    );
    let alphanumeric = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || c == ':';
    assert!(adas.qr().chars().all(alphanumeric));
    for (code, error) in [
        ("https://example.org", ScanError::Other),
        ("KEYFOLD:SAFETY:1:00:00", ScanError::Other),
        ("KEYFOLD:SAFETY:1", ScanError::Other),
        ("KEYFOLD:SAFETY:2:whatever", ScanError::NewerVersion),
    ] {
        assert_eq!(adas.check_scan(code), Err(error));
    }
}

#[test]
fn suites_have_their_numbers_and_the_best_common_one_is_found() {
    assert_eq!(Suite::default(), Suite::Hybrid);
    assert_eq!(Suite::try_from(0x004F), Ok(Suite::Hybrid));
    assert_eq!(Suite::try_from(0x0001), Ok(Suite::Classic));
    assert_eq!(Suite::try_from(0x0002), Err(UnknownSuite(2)));
    let mut rng = rng(10);
    let key = AccountKey::generate(&mut rng);
    let mut certificate = |suites: &[Suite]| {
        let device = DeviceKeys::generate(&mut rng);
        Certificate::verify(&key.certify(&request("ada", &device, suites)).unwrap()).unwrap()
    };
    let (new, old, odd) = (
        certificate(&Suite::ALL),
        certificate(&[Suite::Classic]),
        certificate(&[Suite::Hybrid]),
    );
    assert_eq!(Suite::for_all(&[&new, &odd]), Some(Suite::Hybrid));
    assert_eq!(Suite::for_all(&[&new, &old]), Some(Suite::Classic));
    assert_eq!(Suite::for_all(&[&odd, &old]), None);
}

const KNOWN_PUBLIC: &str = "c58c9820322cbbbaeee829d099fa0198474c3efa0e89da0c82e66eb3148c920a";
const KNOWN_NUMBER: &str =
    "20571 57042 36569 07955 04668 59143 74259 09549 91727 04337 58278 17087";

#[test]
fn a_token_is_known_to_the_server_by_its_sha_256() {
    let token = DeviceToken::from_secret_bytes(&[0; 32]).unwrap();
    // SHA-256 of 32 zeros.
    let known = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";
    let hash = AccountId::new(token.hash());
    assert_eq!(hash.to_string(), known);
    assert_eq!(*token.to_secret_bytes(), [0; 32]);
    assert_eq!(
        DeviceToken::from_secret_bytes(&[0; 31]).err(),
        Some(WrongSecretLength(31))
    );
}

#[test]
fn a_certificate_lasts_a_year() {
    assert_eq!(CERTIFICATE_VALIDITY.as_secs(), 31_536_000);
}
