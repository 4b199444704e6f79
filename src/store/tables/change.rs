//! Every change of tables and rows as a value, made in one job.

use super::rows::Work;
use super::{RowTest, Stop, folders, forms, operations, require, told};
use crate::id::RowId;
use crate::model::table::{Fields, Folder, Row, Table, TableForm, TableLimits, TableProblem};
use crate::store::{Store, StoreError};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A change, and under which conditions.
pub struct TableWrite {
    /// What to change.
    pub change: TableChange,
    /// Changes with one key are made once: a second one changes nothing and gives the first one's result.
    pub once: Option<String>,
    /// What is allowed.
    pub limits: TableLimits,
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// What to change. Tables are named by id or name.
pub enum TableChange {
    /// A new table.
    Create {
        /// With a name.
        form: TableForm,
        /// Whether a table of this name that there is already will do.
        or_find: bool,
    },
    /// A table's own fields.
    Edit {
        /// The table.
        table: String,
        /// What was said.
        form: TableForm,
    },
    /// A folder of this name.
    EnsureFolder {
        /// Its name.
        name: String,
    },
    /// One row.
    Insert {
        /// The table.
        table: String,
        /// Its fields.
        data: Fields,
    },
    /// Several rows, all or none.
    InsertMany {
        /// The table.
        table: String,
        /// Their fields.
        rows: Vec<Fields>,
    },
    /// Fields of rows; a null takes a field away.
    Update {
        /// The table.
        table: String,
        /// Which rows.
        which: RowChoice,
        /// Their new fields; others stay.
        data: Fields,
    },
    /// The row that has a value in a column, made where there is none.
    Upsert {
        /// The table.
        table: String,
        /// The column; from now on it is indexed.
        column: String,
        /// The value; without one, the row's own.
        value: Option<Value>,
        /// Its fields; others stay.
        data: Fields,
    },
    /// Several rows, each as [`TableChange::Upsert`], all or none.
    UpsertMany {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Their fields.
        rows: Vec<Fields>,
    },
    /// Rows away.
    Delete {
        /// The table.
        table: String,
        /// Which rows.
        which: RowChoice,
        /// How many at most.
        limit: u32,
    },
}

/// Which rows.
pub enum RowChoice {
    /// The one with this id.
    Id(String),
    /// Those with this value in this column, which is indexed from now on.
    Key {
        /// The column.
        column: String,
        /// The value.
        value: Value,
    },
    /// Those among these (row numbers) that pass the test when they are written.
    Found {
        /// Row numbers.
        sequences: Vec<i64>,
        /// The test.
        test: RowTest,
        /// Whether there were more.
        has_more: bool,
    },
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Changed {
    /// A table.
    Table {
        /// As it is now.
        table: Box<Table>,
        /// Whether it is new.
        created: bool,
    },
    /// A folder.
    Folder {
        /// As it is now.
        folder: Folder,
        /// Whether it is new.
        created: bool,
    },
    /// One row.
    Row {
        /// As it is now.
        row: Row,
        /// Whether it is new.
        created: bool,
    },
    /// Several rows.
    Rows {
        /// New ones.
        inserted: u64,
        /// Changed ones.
        updated: u64,
        /// All of them, in the order in which they were written.
        ids: Vec<RowId>,
    },
    /// Rows are gone.
    Removed {
        /// How many.
        count: u64,
        /// Whether more are left that were meant.
        has_more: bool,
    },
}

impl Store {
    /// Makes a change, whole or not at all.
    pub async fn change_tables(
        &self,
        write: TableWrite,
    ) -> Result<Result<Changed, TableProblem>, StoreError> {
        self.write(move |connection| {
            if let Some(key) = &write.once
                && let Some(known) = operations::known(connection, key)?
            {
                return Ok(Ok(known));
            }
            let (once, now_ms) = (write.once.clone(), write.now_ms);
            let outcome = told(whole(connection, || make(connection, write)))?;
            if let (Ok(changed), Some(key)) = (&outcome, once) {
                operations::record(connection, &key, changed, now_ms)?;
            }
            Ok(outcome)
        })
        .await
    }
}

/// Undoes what a refused change has done so far; the job itself goes on and tells why.
fn whole<T>(connection: &Connection, work: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    let run = |sql: &'static str| connection.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT table_change")?;
    let outcome = work();
    match outcome {
        // The job is undone as a whole.
        Err(Stop::Store(_)) => return outcome,
        Err(Stop::Refused(_)) => {
            run("ROLLBACK TO table_change")?;
        }
        Ok(_) => {}
    }
    run("RELEASE table_change")?;
    outcome
}

fn make(connection: &Connection, write: TableWrite) -> Result<Changed, Stop> {
    let (limits, now_ms) = (write.limits, write.now_ms);
    let work = |table: &str| -> Result<Work<'_>, Stop> {
        Ok(Work::on(
            connection,
            require(connection, table)?,
            limits,
            now_ms,
        ))
    };
    match write.change {
        TableChange::Create { form, or_find } => {
            forms::create(connection, form, or_find, &limits, now_ms)
        }
        TableChange::Edit { table, form } => {
            let table = require(connection, &table)?;
            forms::edit(connection, &table, form, &limits, now_ms)
        }
        TableChange::EnsureFolder { name } => {
            let (_, folder, created) = folders::ensure(connection, &name, &limits, now_ms)?;
            Ok(Changed::Folder { folder, created })
        }
        TableChange::Insert { table, data } => {
            let mut work = work(&table)?;
            let row = work.insert(data, "data")?;
            work.finish()?;
            Ok(Changed::Row { row, created: true })
        }
        TableChange::InsertMany { table, rows } => work(&table)?.insert_many(rows),
        TableChange::Update { table, which, data } => work(&table)?.update_chosen(which, &data),
        TableChange::Upsert {
            table,
            column,
            value,
            data,
        } => {
            let mut work = work(&table)?;
            work.ensure_key(&column, "matchKey")?;
            let (row, created) = work.upsert(&column, value, data, "data")?;
            work.finish()?;
            Ok(Changed::Row { row, created })
        }
        TableChange::UpsertMany {
            table,
            column,
            rows,
        } => work(&table)?.upsert_many(&column, rows),
        TableChange::Delete {
            table,
            which,
            limit,
        } => work(&table)?.remove_chosen(which, limit),
    }
}
