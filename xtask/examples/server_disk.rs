//! Prints what a copied server database holds: each table, how many rows, and how the last row looks, as JSON lines.
//!
//! Built and run by `cargo xtask try`. An example and not a part of xtask, so that xtask itself needs no SQLite.

#![allow(clippy::print_stdout)]

use anyhow::{Context as _, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Value, json};

/// Bytes of a value that are shown.
const SHOWN: usize = 10;

fn main() -> Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .context("usage: server_disk DATABASE")?;
    let database = Connection::open(path)?;
    for table in tables(&database)? {
        println!("{}", describe(&database, &table)?);
    }
    Ok(())
}

/// The names of all tables, SQLite's own left out.
fn tables(database: &Connection) -> Result<Vec<String>> {
    let mut query = database.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    let names = query.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// One table: its name, its rows and its last row.
fn describe(database: &Connection, table: &str) -> Result<Value> {
    let rows: i64 =
        database.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| {
            row.get(0)
        })?;
    let mut query = database.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
    let mut found = query.query([])?;
    let mut sample = Vec::new();
    while let Some(row) = found.next()? {
        sample = cells(row, &columns)?;
    }
    Ok(json!({"name": table, "rows": rows, "sample": sample}))
}

fn cells(row: &Row<'_>, columns: &[String]) -> Result<Vec<Value>> {
    let mut cells = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let (bytes, shown) = match row.get_ref(at)? {
            ValueRef::Null => (0, "nothing".to_owned()),
            ValueRef::Integer(number) => (8, number.to_string()),
            ValueRef::Real(number) => (8, number.to_string()),
            ValueRef::Text(text) => (text.len(), format!("\"{}\"", String::from_utf8_lossy(text))),
            ValueRef::Blob(blob) => (blob.len(), hex(blob)),
        };
        cells.push(json!({"column": column, "bytes": bytes, "shown": shown}));
    }
    Ok(cells)
}

/// The first bytes in hexadecimal.
fn hex(blob: &[u8]) -> String {
    let shown: Vec<_> = blob
        .iter()
        .take(SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let more = if blob.len() > SHOWN { "…" } else { "" };
    format!("{}{more}", shown.concat())
}
