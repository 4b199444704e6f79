//! What names, columns and rows may be.

use super::{ColumnType, Fields, MAX_KEY_COLUMNS, Table, TableLimits};
use crate::clock::parse_iso;
use crate::model::json::is_deeper;
use crate::model::plan::{DefinitionProblem, add_problem, enough_problems, shown};
use serde_json::Value;

/// The longest name of a table, folder or column, in characters.
pub const MAX_NAME_CHARS: usize = 100;
/// How deep a row may be nested.
const MAX_LEVELS: usize = 32;

/// What is wrong with the name of a table, folder or column. Names that begin with `$` are a row's own fields in filters.
pub fn check_name(name: &str) -> Result<(), String> {
    let chars = name.chars().count();
    if name.trim().is_empty() || chars > MAX_NAME_CHARS {
        return Err(format!(
            "a name has 1 to {MAX_NAME_CHARS} characters, and not only spaces"
        ));
    }
    if name.chars().any(char::is_control) {
        return Err("a name has no control characters".into());
    }
    if name.starts_with('$') {
        return Err(format!("`{name}` begins with `$`, which names do not"));
    }
    Ok(())
}

/// Whether columns and keys fit each other and the limits.
pub fn check_shape(table: &Table, limits: &TableLimits, found: &mut Vec<DefinitionProblem>) {
    if table.columns.len() > limits.max_columns {
        let message = format!(
            "{} columns, more than {} (setting `max_table_columns`)",
            table.columns.len(),
            limits.max_columns
        );
        add_problem(found, "columns", message);
    }
    for (index, column) in table.columns.iter().enumerate() {
        let is_first = table
            .column(&column.name)
            .is_some_and(|first| std::ptr::eq(first, column));
        if !is_first {
            let message = format!("there are two columns `{}`", column.name);
            add_problem(found, format!("columns[{index}].name"), message);
        }
    }
    for (place, names) in [
        ("uniqueColumns", &table.unique),
        ("indexedColumns", &table.indexed),
    ] {
        for (index, name) in names.iter().enumerate() {
            if let Some(message) = table.unknown_column(name) {
                add_problem(found, format!("{place}[{index}]"), message);
            }
        }
    }
    let keys = table.keys().count();
    if keys > MAX_KEY_COLUMNS {
        let message = format!("{keys} columns are unique or indexed, more than {MAX_KEY_COLUMNS}");
        add_problem(found, "indexedColumns", message);
    }
    if let Some(max_rows) = table.max_rows.filter(|rows| *rows > limits.max_rows) {
        let message = format!(
            "{max_rows} rows are more than {} (setting `max_table_rows`)",
            limits.max_rows
        );
        add_problem(found, "maxRows", message);
    }
}

/// A row's fields without those that are null: absent and null are one.
pub fn without_nulls(mut data: Fields) -> Fields {
    data.retain(|_, value| !value.is_null());
    data
}

/// Adds everything that is wrong with a row (without nulls); places begin with `place`.
pub fn check_row(
    table: &Table,
    data: &Fields,
    place: &str,
    limits: &TableLimits,
    found: &mut Vec<DefinitionProblem>,
) {
    for column in table.columns.iter().filter(|column| column.required) {
        if !data.contains_key(&column.name) {
            let message = format!("it is required: a {}", column.kind.as_str());
            add_problem(found, format!("{place}.{}", column.name), message);
        }
    }
    check_fields(table, data, place, limits, found);
}

/// As [`check_row`], for fields that are written over a row: required ones may be absent.
pub fn check_fields(
    table: &Table,
    data: &Fields,
    place: &str,
    limits: &TableLimits,
    found: &mut Vec<DefinitionProblem>,
) {
    if data.len() > limits.max_columns {
        let message = format!(
            "{} fields, more than {} (setting `max_table_columns`)",
            data.len(),
            limits.max_columns
        );
        add_problem(found, place, message);
        return;
    }
    for (name, value) in data {
        if enough_problems(found) {
            return;
        }
        if let Err(message) = check_field(table, name, value) {
            let name: String = name.chars().take(MAX_NAME_CHARS).collect();
            add_problem(found, format!("{place}.{name}"), message);
        }
    }
}

fn check_field(table: &Table, name: &str, value: &Value) -> Result<(), String> {
    if let Some(message) = table.unknown_column(name) {
        return Err(message);
    }
    if is_deeper(value, MAX_LEVELS) {
        return Err(format!("it is nested deeper than {MAX_LEVELS} levels"));
    }
    let Some(kind) = table.kind(name) else {
        return check_name(name);
    };
    let (fits, wanted) = match kind {
        ColumnType::Text => (value.is_string(), "a string"),
        ColumnType::Number => (value.is_number(), "a number"),
        ColumnType::Boolean => (value.is_boolean(), "true or false"),
        ColumnType::Date => (
            value.as_str().and_then(date_ms).is_some(),
            "a date such as `2024-01-15` or `2024-01-15T10:00:00Z`",
        ),
        ColumnType::Json => (true, ""),
    };
    if fits {
        Ok(())
    } else {
        Err(format!("{} is not {wanted}", shown(value)))
    }
}

/// A date in milliseconds since the Unix epoch: a day (which begins at midnight UTC), or ISO 8601 with time and zone.
pub fn date_ms(text: &str) -> Option<i64> {
    if text.len() == 10 {
        return parse_iso(&format!("{text}T00:00:00Z"));
    }
    parse_iso(text)
}
