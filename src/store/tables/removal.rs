//! Removing a table with its rows. The table is out of sight with the first commit; the rows follow in slices, so that other
//! writes go on meanwhile. What a crash leaves of it is removed at the next occasion.

use super::{Stop, StoreError, number, require, told};
use crate::model::table::TableProblem;
use crate::store::Store;
use rusqlite::Connection;

/// How many rows, and places in the index, one job removes.
const SLICE: i64 = 1_000;

impl Store {
    /// Removes a table, by id or name.
    pub async fn remove_data_table(
        &self,
        id_or_name: String,
    ) -> Result<Result<(), TableProblem>, StoreError> {
        let hidden = self
            .write(move |connection| told(hide(connection, &id_or_name)))
            .await?;
        match hidden {
            Ok(()) => self.remove_leftovers().await.map(Ok),
            Err(problem) => Ok(Err(problem)),
        }
    }

    /// Removes what is not needed any more: what is left of removed tables, and the operations of finished runs that were
    /// made before this moment (milliseconds since the Unix epoch).
    pub async fn sweep_tables(&self, before_ms: i64) -> Result<(), StoreError> {
        self.remove_leftovers().await?;
        self.forget_operations_before(before_ms).await
    }

    /// Removes what is left of tables that were removed.
    pub(super) async fn remove_leftovers(&self) -> Result<(), StoreError> {
        // Nearly always there is nothing, and a look costs no commit.
        while self
            .read(|connection| number(connection, HIDDEN, []))?
            .is_some()
        {
            self.write(remove_slice).await?;
        }
        Ok(())
    }
}

pub(in crate::store) const HIDDEN: &str =
    "SELECT sequence FROM data_table WHERE name IS NULL LIMIT 1";

pub(in crate::store) const REMOVE_ROWS: &str = "
    DELETE FROM data_row WHERE sequence IN
        (SELECT sequence FROM data_row WHERE data_table = ?1 LIMIT ?2)";

pub(in crate::store) const REMOVE_KEYS: &str = "
    DELETE FROM data_key WHERE (data_table, column_name, digest, row) IN
        (SELECT data_table, column_name, digest, row FROM data_key WHERE data_table = ?1 LIMIT ?2)";

fn hide(connection: &Connection, id_or_name: &str) -> Result<(), Stop> {
    let table = require(connection, id_or_name)?;
    connection
        .prepare_cached("UPDATE data_table SET name = NULL WHERE sequence = ?1")?
        .execute([table.sequence])?;
    Ok(())
}

/// Removes a slice of a hidden table, or the table when it is empty.
fn remove_slice(connection: &Connection) -> Result<(), StoreError> {
    let Some(table) = number(connection, HIDDEN, [])? else {
        return Ok(());
    };
    let rows = connection
        .prepare_cached(REMOVE_ROWS)?
        .execute((table, SLICE))?;
    let keys = connection
        .prepare_cached(REMOVE_KEYS)?
        .execute((table, SLICE))?;
    if rows == 0 && keys == 0 {
        connection
            .prepare_cached("DELETE FROM data_table WHERE sequence = ?1")?
            .execute([table])?;
    }
    Ok(())
}
