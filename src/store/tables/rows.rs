//! One row: add, change, remove it, and write its places in the index.

use super::{Stop, StoreError, forms, keys};
use crate::id::RowId;
use crate::model::plan::DefinitionProblem;
use crate::model::table::{
    Fields, MAX_KEY_COLUMNS, Row, Table, TableLimits, TableProblem, check_name, check_row,
    check_shape, key_value, require_same_key, without_nulls,
};
use crate::store::column;
use rusqlite::Connection;
use serde_json::Value;

macro_rules! row_sql {
    ($rest:literal) => {
        concat!(
            "SELECT r.sequence, r.id, r.created_at_ms, r.updated_at_ms, r.body FROM ",
            $rest
        )
    };
}
pub(super) use row_sql;

pub(in crate::store) const ROW_BY_ID: &str =
    row_sql!("data_row r WHERE r.id = ?2 AND r.data_table = ?1");
pub(in crate::store) const ROW_BY_SEQUENCE: &str =
    row_sql!("data_row r WHERE r.sequence = ?2 AND r.data_table = ?1");
pub(in crate::store) const FROM_OLDEST: &str = row_sql!(
    "data_row r INDEXED BY data_row_by_table WHERE r.data_table = ?1 AND r.sequence > ?2 ORDER BY r.sequence"
);

/// Reads what [`row_sql`] selects.
pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    Ok(Row {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        created_at_ms: row.get(2)?,
        updated_at_ms: row.get(3)?,
        data: column::json(row, 4)?,
    })
}

/// A row of a table by its id.
pub(super) fn by_id(
    connection: &Connection,
    table: i64,
    id: &str,
) -> Result<Option<Row>, StoreError> {
    connection
        .prepare_cached(ROW_BY_ID)?
        .query_and_then((table, id), read)?
        .next()
        .transpose()
}

/// A row of a table by its number.
pub(super) fn by_sequence(
    connection: &Connection,
    table: i64,
    sequence: i64,
) -> Result<Option<Row>, StoreError> {
    connection
        .prepare_cached(ROW_BY_SEQUENCE)?
        .query_and_then((table, sequence), read)?
        .next()
        .transpose()
}

/// Work on the rows of one table within a job.
pub(super) struct Work<'a> {
    pub(super) connection: &'a Connection,
    pub(super) table: Table,
    pub(super) limits: TableLimits,
    now_ms: i64,
    /// How many rows the table had when the work began.
    began_with: u64,
}

impl<'a> Work<'a> {
    pub(super) fn on(
        connection: &'a Connection,
        table: Table,
        limits: TableLimits,
        now_ms: i64,
    ) -> Work<'a> {
        Work {
            connection,
            began_with: table.row_count,
            table,
            limits,
            now_ms,
        }
    }

    /// Records how many rows there are now.
    pub(super) fn finish(self) -> Result<(), Stop> {
        if self.table.row_count != self.began_with {
            self.connection
                .prepare_cached("UPDATE data_table SET row_count = ?2 WHERE sequence = ?1")?
                .execute((
                    self.table.sequence,
                    i64::try_from(self.table.row_count).unwrap_or(i64::MAX),
                ))?;
        }
        Ok(())
    }

    /// Adds a row; `place` is where its fields stand.
    pub(super) fn insert(&mut self, data: Fields, place: &str) -> Result<Row, Stop> {
        let data = without_nulls(data);
        let body = self.checked(&data, place)?;
        let allowed = self.limits.max_rows;
        let max_rows = self.table.max_rows.map_or(allowed, |own| own.min(allowed));
        if self.table.row_count >= max_rows {
            return Err(TableProblem::Conflict(format!(
                "the table `{}` is full: it has {} rows and may have {max_rows} (its `maxRows`, and the setting `max_table_rows`)",
                self.table.name, self.table.row_count
            ))
            .into());
        }
        let id = RowId::generate();
        self.connection
            .prepare_cached(
                "INSERT INTO data_row (id, data_table, created_at_ms, updated_at_ms, body)
                 VALUES (?1, ?2, ?3, ?3, ?4)",
            )?
            .execute((id.as_str(), self.table.sequence, self.now_ms, body))?;
        let row = Row {
            sequence: self.connection.last_insert_rowid(),
            id,
            data,
            created_at_ms: self.now_ms,
            updated_at_ms: self.now_ms,
        };
        let nothing = Fields::new();
        keys::move_row(
            self.connection,
            &self.table,
            row.sequence,
            &nothing,
            &row.data,
            place,
        )?;
        self.table.row_count += 1;
        Ok(row)
    }

    /// The JSON of a row that the table allows.
    fn checked(&self, data: &Fields, place: &str) -> Result<String, Stop> {
        let mut found = Vec::new();
        check_row(&self.table, data, place, &self.limits, &mut found);
        let body = column::to_json(data)?;
        if body.len() > self.limits.max_row_bytes {
            found.push(DefinitionProblem {
                place: place.to_owned(),
                message: format!(
                    "the row has {} bytes, more than {} (setting `max_row_bytes`)",
                    body.len(),
                    self.limits.max_row_bytes
                ),
            });
        }
        if found.is_empty() {
            Ok(body)
        } else {
            Err(TableProblem::invalid(found).into())
        }
    }

    /// Writes `data` over a row.
    pub(super) fn update(&self, mut row: Row, data: &Fields, place: &str) -> Result<Row, Stop> {
        let old = row.data.clone();
        row.data.extend(data.clone());
        row.data = without_nulls(row.data);
        row.updated_at_ms = self.now_ms;
        let body = self.checked(&row.data, place)?;
        self.connection
            .prepare_cached(
                "UPDATE data_row SET body = ?2, updated_at_ms = ?3 WHERE sequence = ?1",
            )?
            .execute((row.sequence, body, self.now_ms))?;
        keys::move_row(
            self.connection,
            &self.table,
            row.sequence,
            &old,
            &row.data,
            place,
        )?;
        Ok(row)
    }

    pub(super) fn remove(&mut self, row: &Row) -> Result<(), Stop> {
        let nothing = Fields::new();
        keys::move_row(
            self.connection,
            &self.table,
            row.sequence,
            &row.data,
            &nothing,
            "",
        )?;
        self.connection
            .prepare_cached("DELETE FROM data_row WHERE sequence = ?1")?
            .execute([row.sequence])?;
        self.table.row_count = self.table.row_count.saturating_sub(1);
        Ok(())
    }

    /// Makes a column one by whose values rows are found; `place` is where it was named.
    pub(super) fn ensure_key(&mut self, name: &str, place: &str) -> Result<(), Stop> {
        if self.table.has_key(name) {
            return Ok(());
        }
        check_name(name).map_err(|message| TableProblem::at(place, message))?;
        let mut wider = self.table.clone();
        wider.indexed.push(name.to_owned());
        if wider.keys().count() > MAX_KEY_COLUMNS {
            return Err(TableProblem::Conflict(format!(
                "{place}: the table `{}` has {MAX_KEY_COLUMNS} unique or indexed columns already; take one of them as the key",
                self.table.name
            ))
            .into());
        }
        let mut found = Vec::new();
        check_shape(&wider, &self.limits, &mut found);
        if let Some(problem) = found.into_iter().next_back() {
            return Err(TableProblem::at(place, problem.message).into());
        }
        forms::write(self.connection, &wider)?;
        keys::follow(self.connection, &self.table, &wider)?;
        self.table = wider;
        Ok(())
    }

    /// The value to look for in a key column.
    pub(super) fn sought(&self, column: &str, value: &Value, place: &str) -> Result<Value, Stop> {
        key_value(self.table.kind(column), value)
            .map_err(|message| TableProblem::at(place, message).into())
    }

    /// Changes the row with this key, or adds it. The column is a key already.
    pub(super) fn upsert(
        &mut self,
        column: &str,
        value: Option<Value>,
        mut data: Fields,
        place: &str,
    ) -> Result<(Row, bool), Stop> {
        let own = data.get(column).filter(|own| !own.is_null()).cloned();
        let value_place = match value {
            Some(_) => "matchValue".to_owned(),
            None => format!("{place}.{column}"),
        };
        let value = value.or_else(|| own.clone()).unwrap_or(Value::Null);
        let value = self.sought(column, &value, &value_place)?;
        if let Some(own) = &own {
            let own_place = format!("{place}.{column}");
            let own = self.sought(column, own, &own_place)?;
            require_same_key(&own, &value)
                .map_err(|message| TableProblem::at(own_place, message))?;
        }
        let found = keys::rows_of(self.connection, &self.table, column, &value, 2)?;
        match found.as_slice() {
            [] => {
                if own.is_none() {
                    data.insert(column.to_owned(), value);
                }
                self.insert(data, place).map(|row| (row, true))
            }
            [one] => {
                let row = by_sequence(self.connection, self.table.sequence, *one)?
                    .ok_or_else(|| StoreError::Database("a key leads to no row".into()))?;
                self.update(row, &data, place).map(|row| (row, false))
            }
            _ => Err(TableProblem::Conflict(format!(
                "{value_place}: several rows have this value in `{column}`; make the column unique, or update them by a filter"
            ))
            .into()),
        }
    }
}
