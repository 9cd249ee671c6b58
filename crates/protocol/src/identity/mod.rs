//! Who is who: keys of accounts and devices, what they sign, and how two people check each other.

mod account_key;
mod certificate;
mod device_keys;
mod link;
mod recovery_key;
mod safety_number;
mod signing;
mod token;

pub use account_key::AccountKey;
pub use certificate::{CertificateRequest, IssueError, Registration};
pub use device_keys::DeviceKeys;
pub use link::{LinkError, LinkRequest};
pub use recovery_key::{RecoveryKey, RecoveryKeyError};
pub use safety_number::{Fingerprint, Person, SafetyNumber, ScanError};
pub use signing::WrongSecretLength;
pub use token::DeviceToken;
