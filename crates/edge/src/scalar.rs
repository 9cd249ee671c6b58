//! What fields hold: ids, bytes, numbers and instants.
//!
//! Bytes are lower-case hexadecimal: it is how ids are shown everywhere else, it can be compared by eye, and what crosses the edge
//! is short. Numbers fit those of JavaScript.

use keyfold_engine::{InvitationId, JoinRequestId, OpenedId, UploadId, view};
use keyfold_protocol::content::ContentId;
use keyfold_wire::ids::{self, Epoch, Timestamp, from_hex};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::{MAX_HITS, MAX_NUMBER, MAX_PAGE, MAX_SETTLE, PAGE, SETTLE};

/// The engine's own type and that of the edge, each from the other.
macro_rules! both_ways {
    ($name:ident, $of:ty) => {
        impl From<$name> for $of {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<$of> for $name {
            fn from(id: $of) -> Self {
                Self(id)
            }
        }
    };
}

macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident, $of:ty, $digits:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $of);

        both_ways!($name, $of);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map(Self).map_err(|_| {
                    de::Error::custom(concat!(stringify!($name), " has ", $digits, " hexadecimal digits"))
                })
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": concat!("^[0-9a-f]{", $digits, "}$"),
                    "description": concat!($($doc),*).trim(),
                })
            }
        }
    };
}

id! {
    /// A person's account.
    AccountId, ids::AccountId, 64
}
id! {
    /// A device of an account.
    DeviceId, ids::DeviceId, 32
}
id! {
    /// A conversation, the same for all its members.
    ConversationId, ids::ConversationId, 32
}
id! {
    /// A message, the same for everybody who has it (MIMI message id).
    MessageId, ContentId, 64
}

/// Bytes, in lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_hex(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom("bytes are hexadecimal digits, two for each"))
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([0-9a-f]{2})*$",
            "description": "Bytes, in lower-case hexadecimal.",
        })
    }
}

/// A count, as JavaScript can hold it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

impl From<Epoch> for Count {
    fn from(epoch: Epoch) -> Self {
        Self(epoch.0)
    }
}

impl From<usize> for Count {
    fn from(count: usize) -> Self {
        Self(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.min(MAX_NUMBER))
    }
}

impl JsonSchema for Count {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_NUMBER,
            "description": "A count. What is greater than JavaScript's greatest safe integer is written as that.",
        })
    }
}

macro_rules! number {
    ($(#[doc = $doc:literal])* $name:ident, $of:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $of);

        both_ways!($name, $of);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                i64::deserialize(deserializer).map(|number| Self($of(number)))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_NUMBER,
                    "description": concat!($($doc),*).trim(),
                })
            }
        }
    };
}

number!(
    /// An own file on its way, on this device.
    Upload,
    UploadId
);
number!(
    /// An invitation link that was made on this device.
    Invitation,
    InvitationId
);
number!(
    /// Somebody who wants to be let in by a link that was made on this device.
    Request,
    JoinRequestId
);
number!(
    /// An invitation link that was opened on this device.
    OpenedLink,
    OpenedId
);

/// An instant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Instant(pub Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Count(self.0.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if number <= MAX_NUMBER {
            return Ok(Self(Timestamp(number)));
        }
        Err(de::Error::custom(format!(
            "an instant is at most {MAX_NUMBER}, not {number}"
        )))
    }
}

impl JsonSchema for Instant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_NUMBER,
            "description": "An instant: milliseconds since the Unix epoch.",
        })
    }
}

/// Where a page of messages ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub view::Cursor);

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.0.to_parts().map(i64::to_be_bytes);
        serializer.serialize_str(&hex(parts.as_flattened()))
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = from_hex(&text).and_then(|bytes| match bytes.as_chunks() {
            (&[at, place], []) => Some([at, place].map(i64::from_be_bytes)),
            _ => None,
        });
        let cursor = parts.map(|parts| Self(view::Cursor::from_parts(parts)));
        cursor.ok_or_else(|| de::Error::custom("this is the `next` of the page before"))
    }
}

impl JsonSchema for Cursor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "Where a page of messages ended. It is handed back as it is.",
        })
    }
}

macro_rules! bounded {
    ($(#[doc = $doc:literal])* $name:ident($number:ty), $least:expr, $most:expr, $usual:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $number);

        impl Default for $name {
            fn default() -> Self {
                Self($usual)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = <$number>::deserialize(deserializer)?;
                if ($least..=$most).contains(&number) {
                    return Ok(Self(number));
                }
                Err(de::Error::custom(format!("this is between {} and {}, not {number}", $least, $most)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "integer",
                    "minimum": $least,
                    "maximum": $most,
                    "default": $usual,
                    "description": concat!($($doc),*).trim(),
                })
            }
        }
    };
}

/// [`MAX_SETTLE`] in milliseconds.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a minute in milliseconds fits"
)]
const MOST_PATIENCE: u32 = MAX_SETTLE.as_millis() as u32;

/// [`SETTLE`] in milliseconds.
#[allow(
    clippy::cast_possible_truncation,
    reason = "seconds in milliseconds fit"
)]
const USUAL_PATIENCE: u32 = SETTLE.as_millis() as u32;

bounded! {
    /// How many entries at most.
    Limit(u16), 1, MAX_PAGE, PAGE
}
bounded! {
    /// How many messages at most.
    HitLimit(u16), 1, MAX_HITS, PAGE
}
bounded! {
    /// How long to wait at most, in milliseconds.
    Patience(u32), 0, MOST_PATIENCE, USUAL_PATIENCE
}

/// A cipher suite of MLS.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// X25519 and ML-KEM-768 together: `MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519`.
    Hybrid,
    /// X25519 alone: `MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519`.
    Classic,
}

/// What a member may do.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads and writes.
    Member,
    /// Also adds and removes people, names the group, takes back anybody's messages.
    Admin,
    /// Also makes and unmakes admins.
    Owner,
}

/// What a group's rules say who may.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Add people.
    Add,
    /// Say something, edit and pin.
    Post,
    /// Change name, description and timer.
    Edit,
}

/// Who may do something in a group.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Admins and the owner.
    Admins,
    /// Every member.
    Everyone,
}

/// Which conversations are listed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// All but archived ones.
    #[default]
    All,
    /// Those with something unread, or marked so, but for archived ones.
    Unread,
    /// Groups, but for archived ones.
    Groups,
    /// One-to-one conversations, but for archived ones.
    People,
    /// Archived ones.
    Archived,
    /// Those that wait to be accepted. No other filter shows them.
    Requests,
}

macro_rules! same {
    ($ours:ident, $theirs:ty: $($variant:ident),*) => {
        impl From<$ours> for $theirs {
            fn from(ours: $ours) -> Self {
                match ours {
                    $($ours::$variant => Self::$variant),*
                }
            }
        }

        impl From<$theirs> for $ours {
            fn from(theirs: $theirs) -> Self {
                match theirs {
                    $(<$theirs>::$variant => Self::$variant),*
                }
            }
        }
    };
}

same!(Suite, keyfold_protocol::suite::Suite: Hybrid, Classic);
same!(Role, keyfold_protocol::state::Role: Member, Admin, Owner);
same!(Deed, keyfold_engine::Deed: Add, Post, Edit);
same!(Policy, keyfold_protocol::state::Policy: Admins, Everyone);
same!(Filter, view::Filter: All, Unread, Groups, People, Archived, Requests);
