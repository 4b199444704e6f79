//! Where a page of a list goes on: the row number behind a cursor. May not know what is listed. Promise: a cursor whose row
//! is gone by now goes on with what is older.

use super::StoreError;
use crate::model::page::Cursor;
use rusqlite::{Connection, OptionalExtension as _};

/// The row number that the page ends before. `known` finds a row by its id, `older` the newest row before a moment and id.
pub(super) fn before(
    connection: &Connection,
    known: &'static str,
    older: &'static str,
    after: Option<&Cursor>,
) -> Result<i64, StoreError> {
    let Some(cursor) = after else {
        return Ok(i64::MAX);
    };
    let found = connection
        .prepare_cached(known)?
        .query_row([&cursor.id], |row| row.get(0))
        .optional()?;
    match found {
        Some(sequence) => Ok(sequence),
        None => Ok(connection
            .prepare_cached(older)?
            .query_row((cursor.ts, &cursor.id), |row| row.get::<_, Option<i64>>(0))?
            .map_or(0, |sequence| sequence + 1)),
    }
}
