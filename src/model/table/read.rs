//! Reads tables and rows out of JSON: bodies of requests, and configurations of steps.

use super::check::check_name;
use super::{Column, ColumnType, Fields, MAX_ROWS_AT_ONCE};
use crate::model::plan::{DefinitionProblem, add_problem, enough_problems, hint, shown};
use serde_json::Value;

/// The longest description, in characters.
const MAX_TEXT_CHARS: usize = 10_000;
const COLUMN_FIELDS: [&str; 3] = ["name", "type", "required"];

/// What was said of a table. What was not said is `None`; an inner `None` was sent as null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableForm {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// Its columns.
    pub columns: Option<Vec<Column>>,
    /// Unique columns.
    pub unique: Option<Vec<String>>,
    /// Indexed columns.
    pub indexed: Option<Vec<String>>,
    /// How many rows it may have.
    pub max_rows: Option<Option<u64>>,
    /// Where it lies.
    pub folder: Option<Option<FolderChoice>>,
}

/// A folder, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderChoice {
    /// One that there is, by its id.
    Id(String),
    /// By its name; made where there is none.
    Name(String),
}

/// Reads a table's fields. Empty strings in optional fields count as not said, since that is what an unset template gives.
pub fn read_form(fields: &Fields, found: &mut Vec<DefinitionProblem>) -> TableForm {
    let mut form = TableForm::default();
    match fields.get("name") {
        None | Some(Value::Null) => {}
        Some(value) => form.name = name(value, "name", found),
    }
    match fields.get("description") {
        None => {}
        Some(Value::Null) => form.description = Some(None),
        Some(Value::String(text)) if text.chars().count() <= MAX_TEXT_CHARS => {
            form.description = Some((!text.is_empty()).then(|| text.clone()));
        }
        Some(other) => {
            let message = format!(
                "{} is not a string of at most {MAX_TEXT_CHARS} characters",
                shown(other)
            );
            add_problem(found, "description", message);
        }
    }
    form.columns = said(fields, "columns").map(|value| columns(value, found));
    form.unique = said(fields, "uniqueColumns").map(|value| names(value, "uniqueColumns", found));
    form.indexed =
        said(fields, "indexedColumns").map(|value| names(value, "indexedColumns", found));
    form.max_rows = match fields.get("maxRows") {
        Some(Value::Null) => Some(None),
        _ => said(fields, "maxRows").map(|value| max_rows(value, found)),
    };
    form.folder = folder(fields, found);
    form
}

/// The value of a field, unless it is absent, null or an empty string.
fn said<'a>(fields: &'a Fields, field: &str) -> Option<&'a Value> {
    fields
        .get(field)
        .filter(|value| !value.is_null() && value.as_str() != Some(""))
}

fn name(value: &Value, place: &str, found: &mut Vec<DefinitionProblem>) -> Option<String> {
    let Some(name) = value.as_str() else {
        add_problem(found, place, format!("{} is not a string", shown(value)));
        return None;
    };
    if let Err(message) = check_name(name) {
        add_problem(found, place, message);
        return None;
    }
    if place == "name" && name.starts_with("tbl_") {
        add_problem(
            found,
            place,
            "names of tables do not begin with `tbl_`, as ids do",
        );
        return None;
    }
    Some(name.to_owned())
}

fn columns(value: &Value, found: &mut Vec<DefinitionProblem>) -> Vec<Column> {
    let Value::Array(items) = value else {
        let message = format!(
            "{} is not an array of columns such as `{{\"name\": \"email\", \"type\": \"text\"}}`",
            shown(value)
        );
        add_problem(found, "columns", message);
        return Vec::new();
    };
    let mut columns = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if enough_problems(found) {
            break;
        }
        columns.extend(column(item, &format!("columns[{index}]"), found));
    }
    columns
}

fn column(item: &Value, place: &str, found: &mut Vec<DefinitionProblem>) -> Option<Column> {
    let Value::Object(fields) = item else {
        let message = format!("{} is not an object with `name` and `type`", shown(item));
        add_problem(found, place, message);
        return None;
    };
    for field in fields
        .keys()
        .filter(|field| !COLUMN_FIELDS.contains(&field.as_str()))
    {
        let near = hint(field, COLUMN_FIELDS.into_iter());
        if !near.is_empty() {
            add_problem(
                found,
                format!("{place}.{field}"),
                format!("unknown field{near}"),
            );
        }
    }
    let mut named = None;
    match fields.get("name") {
        Some(value) => named = name(value, &format!("{place}.name"), found),
        None => add_problem(found, format!("{place}.name"), "it is missing"),
    }
    let kind = match fields.get("type") {
        None | Some(Value::Null) => Some(ColumnType::Text),
        Some(word) => word.as_str().and_then(ColumnType::parse).or_else(|| {
            let words: Vec<_> = ColumnType::ALL.iter().map(|kind| kind.as_str()).collect();
            let message = format!("{} is none of {}", shown(word), words.join(", "));
            add_problem(found, format!("{place}.type"), message);
            None
        }),
    };
    let required = match fields.get("required") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(required)) => *required,
        Some(other) => {
            let message = format!("{} is neither true nor false", shown(other));
            add_problem(found, format!("{place}.required"), message);
            false
        }
    };
    Some(Column {
        name: named?,
        kind: kind?,
        required,
    })
}

fn names(value: &Value, place: &str, found: &mut Vec<DefinitionProblem>) -> Vec<String> {
    let Value::Array(items) = value else {
        add_problem(
            found,
            place,
            format!("{} is not an array of names", shown(value)),
        );
        return Vec::new();
    };
    let mut known = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if enough_problems(found) {
            break;
        }
        known.extend(name(item, &format!("{place}[{index}]"), found));
    }
    known.sort();
    known.dedup();
    known
}

fn max_rows(value: &Value, found: &mut Vec<DefinitionProblem>) -> Option<u64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    };
    let number = number.filter(|number| *number > 0);
    if number.is_none() {
        add_problem(
            found,
            "maxRows",
            format!("{} is not a whole number from 1", shown(value)),
        );
    }
    number
}

fn folder(fields: &Fields, found: &mut Vec<DefinitionProblem>) -> Option<Option<FolderChoice>> {
    if let Some(value) = said(fields, "folderId") {
        let Some(id) = value.as_str() else {
            add_problem(found, "folderId", format!("{} is not an id", shown(value)));
            return None;
        };
        return Some(Some(FolderChoice::Id(id.to_owned())));
    }
    if let Some(value) = said(fields, "folderName") {
        return name(value, "folderName", found).map(|name| Some(FolderChoice::Name(name)));
    }
    let is_null = |field| fields.get(field).is_some_and(Value::is_null);
    (is_null("folderId") || is_null("folderName")).then_some(None)
}

/// Reads the fields of one row.
pub fn read_fields(value: &Value, place: &str, found: &mut Vec<DefinitionProblem>) -> Fields {
    match value {
        Value::Object(fields) => fields.clone(),
        other => {
            let message = format!("{} is not an object with the row's fields", shown(other));
            add_problem(found, place, message);
            Fields::new()
        }
    }
}

/// Reads the fields of several rows.
pub fn read_rows(value: &Value, place: &str, found: &mut Vec<DefinitionProblem>) -> Vec<Fields> {
    let Value::Array(items) = value else {
        add_problem(
            found,
            place,
            format!("{} is not an array of rows", shown(value)),
        );
        return Vec::new();
    };
    if items.len() > MAX_ROWS_AT_ONCE as usize {
        let message = format!(
            "{} rows at once are more than {MAX_ROWS_AT_ONCE}",
            items.len()
        );
        add_problem(found, place, message);
        return Vec::new();
    }
    let mut rows = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if enough_problems(found) {
            break;
        }
        rows.push(read_fields(item, &format!("{place}[{index}]"), found));
    }
    rows
}
