//! `MessagePack` for what `openmls` stores: compact, and all its types read back (`tests/mls_storage.rs`).

use openmls_traits::storage::{CURRENT_VERSION, Entity};
use rmp_serde::config::BytesMode;
use serde::Serialize;
use zeroize::Zeroize as _;

use crate::Fault;

/// Appends a value. Structs are written as arrays, byte vectors as bytes.
pub(super) fn encode(value: &impl Serialize, into: &mut Vec<u8>) -> Result<(), Fault> {
    let mut serializer = rmp_serde::Serializer::new(into).with_bytes(BytesMode::ForceIterables);
    value
        .serialize(&mut serializer)
        .map_err(|_| Fault::Internal("encoding MLS state"))
}

/// Reads the value at the beginning; what follows is not looked at.
pub(super) fn decode<V: Entity<CURRENT_VERSION>>(bytes: &[u8]) -> Result<V, Fault> {
    rmp_serde::from_slice(bytes).map_err(|_| unreadable())
}

/// Reads values one after the other until the end.
pub(super) fn decode_all<V: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<Vec<V>, Fault> {
    let mut deserializer = rmp_serde::Deserializer::new(bytes);
    let mut values = Vec::new();
    while !deserializer.get_ref().is_empty() {
        values.push(V::deserialize(&mut deserializer).map_err(|_| unreadable())?);
    }
    Ok(values)
}

fn unreadable() -> Fault {
    Fault::corrupt("MLS state can't be read")
}

/// A buffer for secrets that is overwritten before it is used again.
#[derive(Default)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    pub(super) fn fill(&mut self, value: &impl Serialize) -> Result<&mut Vec<u8>, Fault> {
        self.0.clear();
        encode(value, &mut self.0)?;
        Ok(&mut self.0)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
