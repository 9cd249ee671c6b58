//! The people of the files, with keys that anybody may know, and randomness that is given.

use keyfold_protocol::identity::{AccountKey, CertificateRequest, DeviceKeys};
use keyfold_protocol::rules::{LeafIndex, LeafView};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{DeviceId, Timestamp};
use rand_core::{CryptoRng, RngCore};

/// When everything in the files happens: 15 January 2027, 08:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A year later, a device's certificate ends.
pub(crate) const LATER: Timestamp = Timestamp(1_800_000_000_000 + 365 * 24 * 60 * 60 * 1_000);

/// Somebody with one device: `name` makes all keys.
pub(crate) struct Person {
    /// The account's key.
    pub(crate) account: AccountKey,
    /// The device's keys.
    pub(crate) device: DeviceKeys,
    /// What is certified of it.
    pub(crate) request: CertificateRequest,
    /// The device's certificate.
    pub(crate) certificate: Vec<u8>,
}

/// A person whose account key's seed is 32 times this number, device id 16 times the next and device seed 32 times the one after.
pub(crate) fn person(number: u8, handle: &str) -> Person {
    person_speaking(number, handle, &Suite::ALL)
}

/// The same, with a device that speaks these suites.
pub(crate) fn person_speaking(number: u8, handle: &str, suites: &[Suite]) -> Person {
    let account = AccountKey::from_secret_bytes(&[number; 32]).unwrap();
    let device =
        DeviceKeys::from_secret_bytes(&[[number + 1; 16].as_slice(), &[number + 2; 32]].concat())
            .unwrap();
    let request = CertificateRequest {
        handle: handle.to_owned(),
        device: device.device(),
        signature_key: device.public(),
        suites: suites.to_vec(),
        created: NOW,
        expires: LATER,
    };
    let certificate = account.certify(&request).unwrap();
    Person {
        account,
        device,
        request,
        certificate,
    }
}

/// The device with this id and seed.
pub(crate) fn device(id: DeviceId, seed: &[u8]) -> DeviceKeys {
    DeviceKeys::from_secret_bytes(&[id.as_bytes().as_slice(), seed].concat()).unwrap()
}

/// The first leaf of a group, with this certificate and address.
pub(crate) fn leaf(certificate: &[u8], address: &[u8]) -> LeafView {
    let key = keyfold_wire::certificate::Certificate::verify(certificate)
        .unwrap()
        .signature_key;
    LeafView::verify(LeafIndex(0), certificate, &key, Some(address)).unwrap()
}

/// Randomness that is these bytes, and then an end.
pub(crate) struct Given<'a>(pub(crate) &'a [u8]);

impl RngCore for Given<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        let (taken, rest) = self.0.split_at(bytes.len());
        bytes.copy_from_slice(taken);
        self.0 = rest;
    }
}

impl CryptoRng for Given<'_> {}
