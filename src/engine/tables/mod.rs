//! Data tables as steps and clients use them: filters and orders read, limits known, the time told.
//! May not know steps, requests or SQL. Promise: a change is whole or nothing, and with an operation key made once.

mod filter;
#[cfg(test)]
mod tests;

pub(crate) use filter::Filter;

use crate::clock::Clock;
use crate::model::table::{
    Folder, MAX_ROWS_AT_ONCE, Row, RowOrder, Table, TableLimits, TableProblem, canonical,
    key_value, read_order,
};
use crate::store::{
    Changed, RowChoice, RowQuery, RowTest, RowsFound, Store, StoreError, TableChange, TableFilter,
    TableWrite,
};
use serde_json::Value;
use std::sync::Arc;

/// How many rows may be passed over where they are ordered by a column.
const MAX_ORDERED_OFFSET: u64 = 10_000;

/// Why a table was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// What was asked for, or what the table holds, does not allow it.
    #[error(transparent)]
    Problem(#[from] TableProblem),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A handle to all tables; clones share it.
#[derive(Clone)]
pub struct Tables(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Clock,
    limits: TableLimits,
    max_page_bytes: usize,
}

/// Which rows are wanted.
#[derive(Debug, Default)]
pub struct RowsWanted<'a> {
    /// The table, by id or name.
    pub table: &'a str,
    /// A filter; null for none.
    pub filter: Option<&'a Value>,
    /// A column, and the value that rows have there.
    pub key: Option<(&'a str, &'a Value)>,
    /// An order; null for the newest first.
    pub sort: Option<&'a Value>,
    /// Only rows behind this row number; not where they are ordered by a column.
    pub after: Option<i64>,
    /// So many are passed over.
    pub offset: u64,
    /// So many are given at most, up to [`MAX_ROWS_AT_ONCE`].
    pub limit: u32,
}

impl Tables {
    /// Over this store. Pages of rows are no longer than about `max_page_bytes` of JSON.
    pub fn new(store: Store, clock: Clock, limits: TableLimits, max_page_bytes: usize) -> Tables {
        Tables(Arc::new(Shared {
            store,
            clock,
            limits,
            max_page_bytes,
        }))
    }

    /// A table by its id or name.
    pub fn table(&self, id_or_name: &str) -> Result<Table, TableError> {
        let table = self.0.store.data_table(id_or_name)?;
        table.ok_or_else(|| TableProblem::not_found("table", id_or_name).into())
    }

    /// A page of tables, newest first.
    pub async fn list(
        &self,
        filter: TableFilter,
        before: Option<i64>,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<Table>, TableError> {
        let tables = self.0.store.list_data_tables(filter, before, offset, limit);
        Ok(tables.await?)
    }

    /// Every folder, oldest first.
    pub async fn folders(&self) -> Result<Vec<Folder>, TableError> {
        Ok(self.0.store.data_folders().await?)
    }

    /// Removes a folder in which no table lies.
    pub async fn remove_folder(&self, folder: &str) -> Result<(), TableError> {
        Ok(self.0.store.remove_data_folder(folder.to_owned()).await??)
    }

    /// A row, if there is one with this id.
    pub fn row(&self, table: &str, id: &str) -> Result<Option<Row>, TableError> {
        Ok(self.0.store.data_row(&self.table(table)?, id)?)
    }

    /// Changes a table or its rows. With an operation key the change is made once, however often it is asked for.
    pub async fn change(
        &self,
        change: TableChange,
        once: Option<String>,
    ) -> Result<Changed, TableError> {
        let write = TableWrite {
            change,
            once,
            limits: self.0.limits,
            now_ms: self.0.clock.now_ms(),
        };
        Ok(self.0.store.change_tables(write).await??)
    }

    /// Removes a table with its rows.
    pub async fn remove(&self, table: &str) -> Result<(), TableError> {
        Ok(self.0.store.remove_data_table(table.to_owned()).await??)
    }

    /// Finds rows.
    pub async fn find(&self, wanted: RowsWanted<'_>) -> Result<RowsFound, TableError> {
        if !(1..=MAX_ROWS_AT_ONCE).contains(&wanted.limit) {
            let message = format!("{} is not between 1 and {MAX_ROWS_AT_ONCE}", wanted.limit);
            return Err(TableProblem::at("limit", message).into());
        }
        let query = self.query(&wanted)?;
        Ok(self.0.store.find_rows(query).await?)
    }

    /// The rows that a filter means, for a change. A filter that every row passes is refused: it is too easily written by
    /// a template that turned out empty.
    pub async fn chosen(
        &self,
        table: &str,
        filter: &Value,
        limit: u32,
    ) -> Result<RowChoice, TableError> {
        let read = read_filter(&self.table(table)?, filter)?;
        if read.is_empty() {
            let message = "it has no condition; to mean every row, say `{\"field\": \"$id\", \"operator\": \"exists\"}`";
            return Err(TableProblem::at("filter", message).into());
        }
        let wanted = RowsWanted {
            table,
            filter: Some(filter),
            sort: Some(&Value::from("oldest")),
            limit,
            ..RowsWanted::default()
        };
        let query = self.query(&wanted)?;
        let Some(test) = query.test.clone() else {
            return Err(TableProblem::at("filter", "it has no condition").into());
        };
        let (sequences, has_more) = self.0.store.find_row_numbers(query).await?;
        Ok(RowChoice::Found {
            sequences,
            test,
            has_more,
        })
    }

    fn query(&self, wanted: &RowsWanted<'_>) -> Result<RowQuery, TableError> {
        let table = self.table(wanted.table)?;
        let mut filter = read_filter(&table, wanted.filter.unwrap_or(&Value::Null))?;
        let order = read_order(&table, wanted.sort.unwrap_or(&Value::Null))
            .map_err(|message| TableProblem::at("sort", message))?;
        let is_by_column = matches!(order, RowOrder::Column { .. });
        if is_by_column && wanted.after.is_some() {
            let message = "rows that are ordered by a column are paged with `offset`";
            return Err(TableProblem::at("cursor", message).into());
        }
        if is_by_column && wanted.offset > MAX_ORDERED_OFFSET {
            let message = format!(
                "{} is more than {MAX_ORDERED_OFFSET}, which is the most where rows are ordered by a column",
                wanted.offset
            );
            return Err(TableProblem::at("offset", message).into());
        }
        let mut test: Option<RowTest> = None;
        let mut key = filter.key.take();
        if let Some((column, value)) = wanted.key {
            if let Some(message) = table.unknown_column(column) {
                return Err(TableProblem::at("matchKey", message).into());
            }
            let value = key_value(table.kind(column), value)
                .map_err(|message| TableProblem::at("matchValue", message))?;
            let (name, text) = (column.to_owned(), canonical(&value));
            test = Some(Arc::new(move |row: &Row| {
                row.data
                    .get(&name)
                    .is_some_and(|own| canonical(own) == text)
            }) as _);
            if table.has_key(column) {
                key = Some((column.to_owned(), value));
            }
        }
        let test = match (test, filter.into_test()) {
            (Some(first), Some(second)) => {
                Some(Arc::new(move |row: &Row| first(row) && second(row)) as _)
            }
            (first, second) => first.or(second),
        };
        Ok(RowQuery {
            table,
            test,
            key,
            order,
            after: wanted.after,
            offset: wanted.offset,
            limit: wanted.limit,
            max_bytes: self.0.max_page_bytes,
        })
    }
}

fn read_filter(table: &Table, filter: &Value) -> Result<Filter, TableProblem> {
    Filter::read(table, filter).map_err(TableProblem::invalid)
}
