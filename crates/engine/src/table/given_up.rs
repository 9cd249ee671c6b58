//! Places of a conversation that this device does not follow: whoever says that it is there is told.

use keyfold_protocol::state::Place;
use rusqlite::Connection;

use super::conversation::Row;
use super::to_sql;
use crate::Fault;
use crate::limits::MAX_GIVEN_UP;

/// Remembers a place. The oldest of too many are forgotten.
pub(crate) fn add(tx: &Connection, conversation: Row, place: Place) -> Result<(), Fault> {
    remove(tx, conversation, place)?;
    tx.prepare_cached("INSERT INTO given_up (conversation, moves, handle) VALUES (?1, ?2, ?3)")?
        .execute((
            conversation.0,
            to_sql(place.moves)?,
            place.handle.as_bytes().as_slice(),
        ))?;
    tx.prepare_cached(
        "DELETE FROM given_up WHERE conversation = ?1 AND id IN
         (SELECT id FROM given_up WHERE conversation = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute((conversation.0, MAX_GIVEN_UP))?;
    Ok(())
}

/// Whether this device does not follow to there.
pub(crate) fn has(tx: &Connection, conversation: Row, place: Place) -> Result<bool, Fault> {
    tx.prepare_cached(
        "SELECT 1 FROM given_up WHERE conversation = ?1 AND handle = ?2 AND moves = ?3",
    )?
    .exists((
        conversation.0,
        place.handle.as_bytes().as_slice(),
        to_sql(place.moves)?,
    ))
    .map_err(Fault::from)
}

/// This device is there now.
pub(crate) fn remove(tx: &Connection, conversation: Row, place: Place) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM given_up WHERE conversation = ?1 AND handle = ?2")?
        .execute((conversation.0, place.handle.as_bytes().as_slice()))?;
    Ok(())
}

/// This device is not in the conversation any more: what it did not follow to others may.
pub(crate) fn forget(tx: &Connection, conversation: Row) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM given_up WHERE conversation = ?1")?
        .execute([conversation.0])?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use keyfold_protocol::state::Place;
    use keyfold_wire::ids::ConversationHandle;
    use rusqlite::Connection;

    use super::super::conversation::Row;
    use super::{add, has, remove};
    use crate::limits::MAX_GIVEN_UP;

    const ROW: Row = Row(1);

    fn table() -> Connection {
        let table = Connection::open_in_memory().unwrap();
        table
            .execute_batch(super::super::SCHEMA_4)
            .map(|()| table)
            .unwrap()
    }

    fn place(number: u32) -> Place {
        let mut handle = [0; 32];
        handle[28..].copy_from_slice(&number.to_be_bytes());
        Place {
            moves: number.into(),
            handle: ConversationHandle::new(handle),
        }
    }

    fn known(table: &Connection, row: Row) -> Vec<u32> {
        let numbers = 0..=MAX_GIVEN_UP;
        numbers
            .filter(|number| has(table, row, place(*number)).unwrap())
            .collect()
    }

    #[test]
    fn the_newest_are_remembered_and_no_more() {
        let table = table();
        add(&table, Row(2), place(0)).unwrap();
        for number in 0..MAX_GIVEN_UP {
            add(&table, ROW, place(number)).unwrap();
        }
        let all: Vec<u32> = (0..MAX_GIVEN_UP).collect();
        assert_eq!(known(&table, ROW), all);
        add(&table, ROW, place(0)).unwrap();
        assert_eq!(known(&table, ROW), all);
        add(&table, ROW, place(MAX_GIVEN_UP)).unwrap();
        let newest: Vec<u32> = (0..=MAX_GIVEN_UP).filter(|number| *number != 1).collect();
        assert_eq!(known(&table, ROW), newest);
        assert_eq!(known(&table, Row(2)), [0]);
    }

    #[test]
    fn a_place_is_another_after_another_number_of_moves() {
        let table = table();
        add(&table, ROW, place(7)).unwrap();
        let moved = Place {
            moves: 8,
            ..place(7)
        };
        assert!(!has(&table, ROW, moved).unwrap());
        remove(&table, ROW, place(7)).unwrap();
        assert!(!has(&table, ROW, place(7)).unwrap());
    }
}
