//! Message secrets as they lie in a database, read without the library that wrote them: `MessagePack`, arrays throughout.

use rusqlite::Connection;

/// Rows of `mls` that hold message secrets.
const MESSAGE_SECRETS: i64 = 9;

/// What opens the sender data of one epoch's messages.
pub(crate) struct MessageSecrets {
    pub(crate) group_id: Vec<u8>,
    pub(crate) epoch: u64,
    pub(crate) sender_data_secret: Vec<u8>,
}

/// A `MessagePack` value, as far as it is needed here.
enum Value {
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Other,
}

/// The secrets of all epochs that a database holds.
pub(crate) fn all_in(database: &Connection) -> Vec<MessageSecrets> {
    let mut rows = database
        .prepare("SELECT value FROM mls WHERE kind = ?1")
        .unwrap();
    let rows = rows
        .query_map([MESSAGE_SECRETS], |row| row.get::<_, Vec<u8>>(0))
        .unwrap();
    rows.flat_map(|row| of_store(&row.unwrap())).collect()
}

/// `[max epochs, [[epoch, secrets, leaves], ...], secrets]`.
fn of_store(encoded: &[u8]) -> Vec<MessageSecrets> {
    let store = Reader(encoded).value();
    let Some(Value::Array(parts)) = store else {
        return Vec::new();
    };
    let mut found: Vec<MessageSecrets> = parts.get(2).and_then(of_epoch).into_iter().collect();
    if let Some(Value::Array(past)) = parts.get(1) {
        for epoch in past {
            if let Value::Array(parts) = epoch {
                found.extend(parts.get(1).and_then(of_epoch));
            }
        }
    }
    found
}

/// `[sender data secret, membership key, confirmation key, group context, ...]`.
fn of_epoch(value: &Value) -> Option<MessageSecrets> {
    let Value::Array(parts) = value else {
        return None;
    };
    let sender_data_secret = first_bytes(parts.first()?)?.to_vec();
    let context = first_bytes(parts.get(3)?)?;
    // GroupContext (RFC 9420 section 8.1): version, cipher suite, group id, epoch.
    let (group_id, rest) = vector(context.get(4..)?)?;
    let epoch = u64::from_be_bytes(*rest.first_chunk()?);
    Some(MessageSecrets {
        group_id: group_id.to_vec(),
        epoch,
        sender_data_secret,
    })
}

fn first_bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::Array(parts) => parts.iter().find_map(first_bytes),
        Value::Other => None,
    }
}

/// A vector with its length in front (RFC 9420 section 2.1.2), and what comes behind it.
pub(crate) fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = *bytes.first()?;
    let (length, head) = match first >> 6 {
        0 => (usize::from(first), 1),
        1 => (
            usize::from(first & 0x3F) << 8 | usize::from(*bytes.get(1)?),
            2,
        ),
        2 => {
            let word = u32::from_be_bytes(*bytes.first_chunk()?);
            ((word & 0x3FFF_FFFF) as usize, 4)
        }
        _ => return None,
    };
    bytes.get(head..)?.split_at_checked(length)
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, size: usize) -> Option<usize> {
        let bytes = self.take(size)?;
        Some(
            bytes
                .iter()
                .fold(0, |all, byte| all << 8 | usize::from(*byte)),
        )
    }

    fn values(&mut self, count: usize) -> Option<Value> {
        (0..count)
            .map(|_| self.value())
            .collect::<Option<_>>()
            .map(Value::Array)
    }

    fn bytes(&mut self, size: usize) -> Option<Value> {
        let length = self.number(size)?;
        self.take(length).map(|bytes| Value::Bytes(bytes.to_vec()))
    }

    fn skip(&mut self, count: usize) -> Option<Value> {
        self.take(count).map(|_| Value::Other)
    }

    fn value(&mut self) -> Option<Value> {
        let kind = *self.take(1)?.first()?;
        match kind {
            0x00..=0x7F | 0xC0 | 0xC2 | 0xC3 | 0xE0..=0xFF => Some(Value::Other),
            0x80..=0x8F => self.values(usize::from(kind & 15) * 2),
            0x90..=0x9F => self.values(usize::from(kind & 15)),
            0xA0..=0xBF => self.skip(usize::from(kind & 31)),
            0xC4 => self.bytes(1),
            0xC5 => self.bytes(2),
            0xC6 => self.bytes(4),
            0xCC | 0xD0 => self.skip(1),
            0xCD | 0xD1 => self.skip(2),
            0xCA | 0xCE | 0xD2 => self.skip(4),
            0xCB | 0xCF | 0xD3 => self.skip(8),
            0xD9 => self.number(1).and_then(|length| self.skip(length)),
            0xDA => self.number(2).and_then(|length| self.skip(length)),
            0xDC => self.number(2).and_then(|count| self.values(count)),
            0xDD => self.number(4).and_then(|count| self.values(count)),
            0xDE => self.number(2).and_then(|count| self.values(count * 2)),
            _ => None,
        }
    }
}
