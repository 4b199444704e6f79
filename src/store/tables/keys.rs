//! The index of key columns: under which values rows are found. Written in the same job as the rows.

use super::Stop;
use super::rows::FROM_OLDEST;
use crate::model::table::{Fields, Table, TableProblem, canonical};
use crate::store::{StoreError, column};
use rusqlite::Connection;
use serde_json::Value;

pub(in crate::store) const ROWS_OF_KEY: &str = "
    SELECT row FROM data_key
    WHERE data_table = ?1 AND column_name = ?2 AND digest = ?3 ORDER BY row LIMIT ?4";

pub(in crate::store) const FORGET_KEY: &str =
    "DELETE FROM data_key WHERE data_table = ?1 AND column_name = ?2";

/// What stands in the index for a value. Values that are the same, and no others, have the same.
pub(super) fn digest(value: &Value) -> [u8; 32] {
    *blake3::hash(canonical(value).as_bytes()).as_bytes()
}

/// The row numbers of at most so many rows that have this value in a key column, oldest first.
pub(super) fn rows_of(
    connection: &Connection,
    table: &Table,
    column: &str,
    value: &Value,
    limit: u32,
) -> Result<Vec<i64>, StoreError> {
    Ok(connection
        .prepare_cached(ROWS_OF_KEY)?
        .query_map((table.sequence, column, digest(value), limit), |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?)
}

/// Brings a row's places in the index from its old fields to its new ones. `place` is where the row's fields stand.
pub(super) fn move_row(
    connection: &Connection,
    table: &Table,
    row: i64,
    old: &Fields,
    new: &Fields,
    place: &str,
) -> Result<(), Stop> {
    for (name, is_unique) in table.keys() {
        let (before, after) = (old.get(name).map(digest), new.get(name).map(digest));
        if before == after {
            continue;
        }
        if let Some(digest) = before {
            connection
                .prepare_cached(
                    "DELETE FROM data_key
                     WHERE data_table = ?1 AND column_name = ?2 AND digest = ?3 AND row = ?4",
                )?
                .execute((table.sequence, name, digest, row))?;
        }
        if let (Some(digest), Some(value)) = (after, new.get(name)) {
            if is_unique && let Some(other) = rows_of(connection, table, name, value, 1)?.first() {
                return Err(taken(connection, *other, name, place)?.into());
            }
            insert(connection, table.sequence, name, digest, row)?;
        }
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    table: i64,
    name: &str,
    digest: [u8; 32],
    row: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO data_key (data_table, column_name, digest, row) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((table, name, digest, row))?;
    Ok(())
}

fn taken(
    connection: &Connection,
    other: i64,
    name: &str,
    place: &str,
) -> Result<TableProblem, StoreError> {
    let id: String = connection
        .prepare_cached("SELECT id FROM data_row WHERE sequence = ?1")?
        .query_row([other], |row| row.get(0))?;
    Ok(TableProblem::Conflict(format!(
        "{place}.{name}: the column is unique, and the row {id} has this value already"
    )))
}

/// Brings the index from a table's former key columns to its new ones.
pub(super) fn follow(connection: &Connection, before: &Table, after: &Table) -> Result<(), Stop> {
    for (name, _) in before.keys().filter(|(name, _)| !after.has_key(name)) {
        connection
            .prepare_cached(FORGET_KEY)?
            .execute((after.sequence, name))?;
    }
    for (name, is_unique) in after.keys() {
        let was = before.keys().find(|(known, _)| *known == name);
        match was {
            Some((_, was_unique)) if was_unique || !is_unique => {}
            // The index is there already, but values may come twice.
            Some(_) => {
                connection
                    .prepare_cached(FORGET_KEY)?
                    .execute((after.sequence, name))?;
                fill(connection, after, name, is_unique)?;
            }
            None => fill(connection, after, name, is_unique)?,
        }
    }
    Ok(())
}

/// Adds every row of the table to the index of one column.
fn fill(connection: &Connection, table: &Table, name: &str, is_unique: bool) -> Result<(), Stop> {
    if table.row_count == 0 {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(FROM_OLDEST)?;
    let mut rows = statement.query((table.sequence, 0))?;
    while let Some(row) = rows.next()? {
        let sequence: i64 = row.get(0)?;
        let data: Fields = column::json(row, 4)?;
        let Some(value) = data.get(name) else {
            continue;
        };
        if is_unique && let Some(other) = rows_of(connection, table, name, value, 1)?.first() {
            return Err(taken(connection, *other, name, "rows")?.into());
        }
        insert(connection, table.sequence, name, digest(value), sequence)?;
    }
    Ok(())
}
