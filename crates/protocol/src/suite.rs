//! The MLS cipher suites that Keyfold speaks, and the rule against falling back to the weaker one.

use keyfold_wire::certificate::Certificate;
use serde::{Deserialize, Serialize};

/// A cipher suite (RFC 9420 section 17.1; draft-ietf-mls-pq-ciphersuites for the hybrid one).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(try_from = "u16", into = "u16")]
pub enum Suite {
    /// `MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519`: recorded traffic stays closed to a later quantum computer.
    #[default]
    Hybrid,
    /// `MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519`: mandatory in RFC 9420, for devices that speak nothing else.
    Classic,
}

/// A suite number that this version does not speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this version of Keyfold does not speak the cipher suite {0:#06x}: a newer one may")]
pub struct UnknownSuite(pub u16);

impl Suite {
    /// All of them, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Hybrid, Self::Classic];

    /// Its number in the MLS registry.
    pub const fn number(self) -> u16 {
        match self {
            Self::Hybrid => 0x004F,
            Self::Classic => 0x0001,
        }
    }

    /// Whether a device with this certificate speaks it.
    pub fn is_spoken_by(self, certificate: &Certificate) -> bool {
        certificate.suites.contains(&self.number())
    }

    /// The best suite that all of them speak. `None`: they have none in common.
    pub fn for_all(certificates: &[&Certificate]) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| {
            certificates
                .iter()
                .all(|certificate| suite.is_spoken_by(certificate))
        })
    }
}

impl TryFrom<u16> for Suite {
    type Error = UnknownSuite;

    fn try_from(number: u16) -> Result<Self, UnknownSuite> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.number() == number)
            .ok_or(UnknownSuite(number))
    }
}

impl From<Suite> for u16 {
    fn from(suite: Suite) -> Self {
        suite.number()
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hybrid => "hybrid",
            Self::Classic => "classic",
        })
    }
}
