//! Making tables, and editing what is said of them. Rows that are there stay as they are, whatever columns become.

use super::{Changed, Stop, find, folders, keys};
use crate::id::TableId;
use crate::model::table::{Table, TableForm, TableLimits, TableProblem, check_shape};
use crate::store::{StoreError, column};
use rusqlite::Connection;

pub(super) fn create(
    connection: &Connection,
    form: TableForm,
    or_find: bool,
    limits: &TableLimits,
    now_ms: i64,
) -> Result<Changed, Stop> {
    let Some(name) = form.name.clone() else {
        return Err(TableProblem::at("name", "it is missing: what the table is called").into());
    };
    if let Some(table) = find(connection, &name)?.filter(|_| or_find) {
        return Ok(changed(table, false));
    }
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM data_table")?
        .query_row([], |row| row.get(0))?;
    if u64::try_from(count).unwrap_or_default() >= limits.max_tables {
        return Err(TableProblem::Conflict(format!(
            "there are {count} tables already, as many as the setting `max_tables` allows"
        ))
        .into());
    }
    require_free(connection, &name)?;
    let id = TableId::generate();
    connection
        .prepare_cached(
            "INSERT INTO data_table
                (id, name, columns, unique_columns, indexed_columns, row_count, created_at_ms, updated_at_ms)
             VALUES (?1, ?2, '[]', '[]', '[]', 0, ?3, ?3)",
        )?
        .execute((id.as_str(), &name, now_ms))?;
    let table = Table {
        sequence: connection.last_insert_rowid(),
        id,
        name,
        description: None,
        folder: None,
        columns: Vec::new(),
        unique: Vec::new(),
        indexed: Vec::new(),
        max_rows: None,
        row_count: 0,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
    };
    save(connection, &table, form, limits, now_ms).map(|table| changed(table, true))
}

pub(super) fn edit(
    connection: &Connection,
    table: &Table,
    form: TableForm,
    limits: &TableLimits,
    now_ms: i64,
) -> Result<Changed, Stop> {
    if let Some(name) = form.name.as_ref().filter(|name| **name != table.name) {
        require_free(connection, name)?;
    }
    save(connection, table, form, limits, now_ms).map(|table| changed(table, false))
}

fn changed(table: Table, created: bool) -> Changed {
    Changed::Table {
        table: Box::new(table),
        created,
    }
}

fn require_free(connection: &Connection, name: &str) -> Result<(), Stop> {
    match find(connection, name)? {
        None => Ok(()),
        Some(other) => Err(TableProblem::Conflict(format!(
            "there is a table `{name}` already ({})",
            other.id
        ))
        .into()),
    }
}

/// Writes what was said over the table; what was not said stays.
fn save(
    connection: &Connection,
    before: &Table,
    form: TableForm,
    limits: &TableLimits,
    now_ms: i64,
) -> Result<Table, Stop> {
    let mut table = before.clone();
    if let Some(name) = form.name {
        table.name = name;
    }
    if let Some(description) = form.description {
        table.description = description;
    }
    if let Some(columns) = form.columns {
        table.columns = columns;
    }
    if let Some(unique) = form.unique {
        table.unique = unique;
    }
    if let Some(indexed) = form.indexed {
        table.indexed = indexed;
    }
    if let Some(max_rows) = form.max_rows {
        table.max_rows = max_rows;
    }
    let mut found = Vec::new();
    check_shape(&table, limits, &mut found);
    if !found.is_empty() {
        return Err(TableProblem::invalid(found).into());
    }
    match form.folder {
        None => {}
        Some(None) => {
            table.folder = None;
            place(connection, table.sequence, None)?;
        }
        Some(Some(choice)) => {
            let (sequence, folder) = folders::chosen(connection, &choice, limits, now_ms)?;
            table.folder = Some(folder);
            place(connection, table.sequence, Some(sequence))?;
        }
    }
    table.updated_at_ms = now_ms;
    write(connection, &table)?;
    keys::follow(connection, before, &table)?;
    Ok(table)
}

fn place(connection: &Connection, table: i64, folder: Option<i64>) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE data_table SET folder = ?2 WHERE sequence = ?1")?
        .execute((table, folder))?;
    Ok(())
}

/// Writes a table's own fields, but for its folder and the number of its rows.
pub(super) fn write(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE data_table SET name = ?2, description = ?3, columns = ?4, unique_columns = ?5,
                indexed_columns = ?6, max_rows = ?7, updated_at_ms = ?8
             WHERE sequence = ?1",
        )?
        .execute((
            table.sequence,
            &table.name,
            &table.description,
            column::to_json(&table.columns)?,
            column::to_json(&table.unique)?,
            column::to_json(&table.indexed)?,
            table
                .max_rows
                .map(|rows| i64::try_from(rows).unwrap_or(i64::MAX)),
            table.updated_at_ms,
        ))?;
    Ok(())
}
