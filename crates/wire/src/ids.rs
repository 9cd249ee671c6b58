//! Identifiers, counters and instants as types that cannot be mistaken for each other.
//!
//! Ids of fixed length are parsed at the edge with `try_from(&[u8])`. None of them is a secret; still `Debug` shows
//! only the first bytes, so that a log line cannot be used to follow somebody around.

use std::fmt;

/// An id, key or token did not have its fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} must have {expected} bytes, not {actual}")]
pub struct WrongLength {
    /// What was being read.
    pub name: &'static str,
    /// Its length in bytes.
    pub expected: usize,
    /// What came.
    pub actual: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Its length in bytes.
            pub const LENGTH: usize = $length;

            /// The id with these bytes.
            pub const fn new(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Its bytes, owned.
            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }

            /// Its bytes for a protobuf field.
            pub fn to_wire(self) -> bytes::Bytes {
                bytes::Bytes::copy_from_slice(&self.0)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = WrongLength;

            fn try_from(bytes: &[u8]) -> Result<Self, WrongLength> {
                let array = bytes.try_into().map_err(|_| WrongLength {
                    name: stringify!($name),
                    expected: $length,
                    actual: bytes.len(),
                })?;
                Ok(Self(array))
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// The whole id in lower-case hexadecimal.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::str::FromStr for $name {
            type Err = WrongLength;

            /// Reads what `Display` writes.
            fn from_str(text: &str) -> Result<Self, WrongLength> {
                let bytes = from_hex(text).unwrap_or_default();
                Self::try_from(bytes.as_slice())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(", stringify!($name))?;
                self.0.iter().take(3).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("..)")
            }
        }
    };
}

id! {
    /// An account: the hash of its first account key, see [`crate::certificate::account_id`].
    AccountId, 32
}
id! {
    /// A device of an account, random.
    DeviceId, 16
}
id! {
    /// A conversation at the server: the random handle that its members know. Distinct from the MLS group id.
    ConversationHandle, 32
}
id! {
    /// One request that appends, random; the server appends each at most once.
    MessageId, 16
}
id! {
    /// A mailbox at the server, random; known to the server only.
    MailboxId, 16
}
id! {
    /// A conversation as people and devices name it, random; it outlives moves to another handle or group.
    ConversationId, 16
}

/// Reads lower- or upper-case hexadecimal. `None` when it is not.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let digits = std::str::from_utf8(pair).ok()?;
            if digits.starts_with('+') {
                return None;
            }
            u8::from_str_radix(digits, 16).ok()
        })
        .collect()
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The one after it (saturating).
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The one before it; `None` before the first.
            #[must_use]
            pub const fn previous(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(value) => Some(Self(value)),
                    None => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// An epoch of a conversation (RFC 9420 section 2).
    Epoch
}
counter! {
    /// A position in one mailbox, larger than all before it; there are gaps.
    Sequence
}
counter! {
    /// The number of a delivery address within its mailbox.
    Serial
}

/// An instant: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The instant this much later (saturating).
    #[must_use]
    pub fn after(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The instant this much earlier (saturating at zero).
    #[must_use]
    pub fn before(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` it is; zero when it is not.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_what_it_writes_and_refuses_other_lengths() {
        let id = DeviceId::new([0xa7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("a7".parse::<DeviceId>().is_err());
        assert!(DeviceId::try_from([0_u8; 15].as_slice()).is_err());
        assert!(DeviceId::try_from([0_u8; 17].as_slice()).is_err());
        assert_eq!(from_hex("+7"), None);
        assert_eq!(from_hex("é"), None);
    }

    #[test]
    fn debug_does_not_show_a_whole_id() {
        assert_eq!(
            format!("{:?}", AccountId::new([1; 32])),
            "AccountId(010101..)"
        );
    }

    #[test]
    fn instants_saturate() {
        let minute = std::time::Duration::from_mins(1);
        assert_eq!(Timestamp(5).before(minute), Timestamp(0));
        assert_eq!(Timestamp(u64::MAX).after(minute), Timestamp(u64::MAX));
        assert_eq!(Timestamp(90_000).since(Timestamp(30_000)), minute);
    }
}
