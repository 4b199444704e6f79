//! Data tables: rows of JSON in one table, whatever columns their users give them.
//! May not know filters (they are handed in as functions), nor who asks. Promises: no name or value of a user is ever a part
//! of an SQL text; a change is whole or nothing; a change with an operation key is made once, and made again gives its first
//! result; keys (unique and indexed columns) are looked up, never searched for.

mod change;
mod folders;
mod forms;
mod keys;
mod list;
mod operations;
mod removal;
mod row_sets;
mod rows;
mod scan;
#[cfg(test)]
mod tests;

pub use change::{Changed, RowChoice, TableChange, TableWrite};
pub use list::TableFilter;
pub use scan::{RowQuery, RowTest, RowsFound};

#[cfg(test)]
pub(super) mod sql {
    //! What `plans` looks at.
    pub(in crate::store) use super::folders::LIST as FOLDERS;
    pub(in crate::store) use super::keys::{FORGET_KEY, ROWS_OF_KEY};
    pub(in crate::store) use super::list::TABLES;
    pub(in crate::store) use super::operations::{FORGET, KNOWN};
    pub(in crate::store) use super::removal::{HIDDEN, REMOVE_KEYS, REMOVE_ROWS};
    pub(in crate::store) use super::rows::{FROM_OLDEST, ROW_BY_ID, ROW_BY_SEQUENCE};
    pub(in crate::store) use super::scan::{NEWEST, NEWEST_OF_KEY, OLDEST_OF_KEY};
    pub(in crate::store) use super::{TABLE_BY_ID, TABLE_BY_NAME};
}

use super::{Store, StoreError, column};
use crate::model::table::{Folder, Row, Table, TableProblem};
use rusqlite::{Connection, OptionalExtension as _};

/// Why a job on tables ends early.
#[derive(Debug)]
enum Stop {
    /// The job is refused and undone.
    Refused(TableProblem),
    /// The store.
    Store(StoreError),
}

impl From<TableProblem> for Stop {
    fn from(problem: TableProblem) -> Stop {
        Stop::Refused(problem)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Stop {
        Stop::Store(error.into())
    }
}

/// A refusal as an answer, everything else as an error.
fn told<T>(outcome: Result<T, Stop>) -> Result<Result<T, TableProblem>, StoreError> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Refused(problem)) => Ok(Err(problem)),
        Err(Stop::Store(error)) => Err(error),
    }
}

impl Store {
    /// A table by its id or its name. A point read.
    pub fn data_table(&self, id_or_name: &str) -> Result<Option<Table>, StoreError> {
        self.read(|connection| find(connection, id_or_name))
    }

    /// A row of a table. A point read.
    pub fn data_row(&self, table: &Table, id: &str) -> Result<Option<Row>, StoreError> {
        self.read(|connection| rows::by_id(connection, table.sequence, id))
    }
}

macro_rules! table_sql {
    ($condition:literal) => {
        concat!(
            "SELECT t.sequence, t.id, t.name, t.description, f.id, f.name, t.columns, t.unique_columns,
                t.indexed_columns, t.max_rows, t.row_count, t.created_at_ms, t.updated_at_ms
             FROM data_table t LEFT JOIN data_folder f ON f.sequence = t.folder
             WHERE t.name IS NOT NULL AND ",
            $condition
        )
    };
}
use table_sql;

pub(in crate::store) const TABLE_BY_ID: &str = table_sql!("t.id = ?1");
pub(in crate::store) const TABLE_BY_NAME: &str = table_sql!("t.name = ?1");

/// A table by its id or name, also within a job. Names never look like ids.
fn find(connection: &Connection, id_or_name: &str) -> Result<Option<Table>, StoreError> {
    let sql = if id_or_name.starts_with("tbl_") {
        TABLE_BY_ID
    } else {
        TABLE_BY_NAME
    };
    connection
        .prepare_cached(sql)?
        .query_and_then([id_or_name], table_row)?
        .next()
        .transpose()
}

fn require(connection: &Connection, id_or_name: &str) -> Result<Table, Stop> {
    find(connection, id_or_name)?.ok_or_else(|| TableProblem::not_found("table", id_or_name).into())
}

fn table_row(row: &rusqlite::Row<'_>) -> Result<Table, StoreError> {
    let folder = match column::optional_id(row, 4)? {
        Some(id) => Some(Folder {
            id,
            name: row.get(5)?,
        }),
        None => None,
    };
    Ok(Table {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        folder,
        columns: column::json(row, 6)?,
        unique: column::json(row, 7)?,
        indexed: column::json(row, 8)?,
        max_rows: row
            .get::<_, Option<i64>>(9)?
            .and_then(|rows| u64::try_from(rows).ok()),
        row_count: column::unsigned(row, 10)?,
        created_at_ms: row.get(11)?,
        updated_at_ms: row.get(12)?,
    })
}

/// One number, or none.
fn number(
    connection: &Connection,
    sql: &'static str,
    parameters: impl rusqlite::Params,
) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached(sql)?
        .query_row(parameters, |row| row.get(0))
        .optional()?)
}
