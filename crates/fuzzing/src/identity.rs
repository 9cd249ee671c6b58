//! What people carry from one device to another: recovery keys, safety numbers, link requests.

use std::sync::OnceLock;

use keyfold_protocol::identity::{LinkRequest, Person, RecoveryKey, SafetyNumber};
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::Timestamp;

use crate::papers::{NOW, Papers};

/// A recovery key as somebody typed it.
pub fn recovery_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(key) = RecoveryKey::parse(text) else {
        return;
    };
    let shown = key.to_secret_text();
    assert_eq!(shown.len(), 64 + 15);
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    assert_eq!(digits(&shown), digits(text));
    let again = RecoveryKey::parse(&shown).expect("it reads what it shows");
    assert_eq!(again.public(), key.public());
    assert_eq!(format!("{key:?}"), "<secret>");
}

pub(crate) fn numbers() -> &'static (SafetyNumber, SafetyNumber) {
    static NUMBERS: OnceLock<(SafetyNumber, SafetyNumber)> = OnceLock::new();
    NUMBERS.get_or_init(|| {
        let person = |papers: &Papers| Person {
            account: papers.account.account(),
            account_key: papers.account.public(),
        };
        let (ada, bo) = (person(Papers::adas()), person(&Papers::of("bo", 2)));
        (SafetyNumber::new(&ada, &bo), SafetyNumber::new(&bo, &ada))
    })
}

/// A code that a camera read off the other person's screen.
pub fn safety_number(data: &[u8]) {
    let Ok(scanned) = std::str::from_utf8(data) else {
        return;
    };
    let (ours, theirs) = numbers();
    if ours.check_scan(scanned).is_ok() {
        assert_eq!(scanned.trim().to_uppercase(), theirs.qr());
    }
    assert!(ours.check_scan(&theirs.qr()).is_ok());
}

/// A new device's request to be linked.
pub fn link_request(data: &[u8]) {
    let Ok(request) = LinkRequest::verify(data) else {
        return;
    };
    let ada = Papers::adas();
    let expires = Timestamp(NOW.0 + 1);
    let Ok(add) = request.accept(&ada.account, "ada", NOW, expires) else {
        assert!(request.suites.is_empty());
        return;
    };
    let certificate = Certificate::verify(&add.device_certificate).expect("a certificate");
    assert_eq!(certificate.device, request.device);
    assert_eq!(certificate.signature_key, request.signature_key);
}
