//! Devices that this one has added to its account, with the request that did it.

use keyfold_wire::ids::DeviceId;
use rusqlite::{Connection, OptionalExtension as _};

use super::id;
use crate::Fault;

/// Remembers one.
pub(crate) fn add(tx: &Connection, device: &DeviceId, frame: &[u8]) -> Result<(), Fault> {
    tx.prepare_cached("INSERT OR REPLACE INTO linked VALUES (?1, ?2)")?
        .execute((device.as_ref(), frame))?;
    Ok(())
}

/// All of them.
pub(crate) fn all(tx: &Connection) -> Result<Vec<(DeviceId, Vec<u8>)>, Fault> {
    let mut statement = tx.prepare_cached("SELECT device, frame FROM linked ORDER BY device")?;
    let mut rows = statement.query([])?;
    let mut devices = Vec::new();
    while let Some(row) = rows.next()? {
        let device: Vec<u8> = row.get(0)?;
        devices.push((id(&device)?, row.get(1)?));
    }
    Ok(devices)
}

/// The request that added it.
pub(crate) fn get(tx: &Connection, device: &DeviceId) -> Result<Option<Vec<u8>>, Fault> {
    Ok(tx
        .prepare_cached("SELECT frame FROM linked WHERE device = ?1")?
        .query_row([device.as_ref()], |row| row.get(0))
        .optional()?)
}

/// Whether this device has added that one.
pub(crate) fn has(tx: &Connection, device: &DeviceId) -> Result<bool, Fault> {
    Ok(get(tx, device)?.is_some())
}

/// It was removed from the account.
pub(crate) fn remove(tx: &Connection, device: &DeviceId) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM linked WHERE device = ?1")?
        .execute([device.as_ref()])?;
    Ok(())
}
