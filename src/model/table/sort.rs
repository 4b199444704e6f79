//! The order of rows, and the value of a field.

use super::{ColumnType, Fields, Table, date_ms};
use crate::model::plan::shown;
use serde_json::Value;
use std::cmp::Ordering;

/// Texts are ordered by so many characters.
const SORTED_CHARS: usize = 256;

/// The order in which rows are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOrder {
    /// By creation, newest first.
    Newest,
    /// By creation, oldest first.
    Oldest,
    /// By a column's values; among equal ones newest first.
    Column {
        /// The column.
        name: String,
        /// Whether the largest value comes first.
        descending: bool,
    },
}

/// A value among others by which rows are ordered: nothing, false, true, numbers, texts. Dates count as numbers.
#[derive(Debug, Clone)]
pub enum SortValue {
    /// Absent, or an array or object.
    Nothing,
    /// True or false.
    Flag(bool),
    /// A number, or a date in milliseconds since the Unix epoch.
    Number(f64),
    /// The first 256 characters of a text.
    Text(String),
}

impl SortValue {
    /// The value of a field of this type.
    pub fn of(kind: Option<ColumnType>, value: Option<&Value>) -> SortValue {
        match value {
            Some(Value::Bool(flag)) => SortValue::Flag(*flag),
            Some(Value::Number(number)) => SortValue::Number(number.as_f64().unwrap_or(f64::MAX)),
            Some(Value::String(text)) => {
                let date = date_ms(text).filter(|_| kind == Some(ColumnType::Date));
                match date {
                    Some(ms) => SortValue::Number(ms as f64),
                    None => SortValue::Text(text.chars().take(SORTED_CHARS).collect()),
                }
            }
            _ => SortValue::Nothing,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            SortValue::Nothing => 0,
            SortValue::Flag(_) => 1,
            SortValue::Number(_) => 2,
            SortValue::Text(_) => 3,
        }
    }
}

impl Ord for SortValue {
    fn cmp(&self, other: &SortValue) -> Ordering {
        match (self, other) {
            (SortValue::Flag(a), SortValue::Flag(b)) => a.cmp(b),
            (SortValue::Number(a), SortValue::Number(b)) => a.total_cmp(b),
            (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for SortValue {
    fn partial_cmp(&self, other: &SortValue) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortValue {
    fn eq(&self, other: &SortValue) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortValue {}

/// Reads an order: `newest`, `oldest`, a column's name, the same with a `-` before it for the largest first, or
/// `{"column": …, "direction": "asc"|"desc"}`. The error is a sentence.
pub fn read_order(table: &Table, value: &Value) -> Result<RowOrder, String> {
    let (name, descending) = match value {
        Value::Null => return Ok(RowOrder::Newest),
        Value::String(text) => match text.trim() {
            "" | "newest" => return Ok(RowOrder::Newest),
            "oldest" => return Ok(RowOrder::Oldest),
            name => match name.strip_prefix('-') {
                Some(rest) if table.column(name).is_none() => (rest.to_owned(), true),
                _ => (name.to_owned(), false),
            },
        },
        Value::Object(fields) => {
            let Some(Value::String(name)) = fields.get("column").or(fields.get("field")) else {
                return Err("`column` is missing: the name of a column".into());
            };
            let direction = fields.get("direction").unwrap_or(&Value::Null);
            let descending = match direction.as_str().map(str::to_ascii_lowercase).as_deref() {
                None if direction.is_null() => false,
                Some("asc") => false,
                Some("desc") => true,
                _ => return Err(format!("{} is neither `asc` nor `desc`", shown(direction))),
            };
            (name.clone(), descending)
        }
        other => {
            return Err(format!(
                "{} is no order: `newest`, `oldest`, a column's name, or the same with a `-` before it",
                shown(other)
            ));
        }
    };
    if let Some(message) = table.unknown_column(&name) {
        return Err(message);
    }
    if table.kind(&name) == Some(ColumnType::Json) {
        return Err(format!("`{name}` holds JSON, which has no order"));
    }
    Ok(RowOrder::Column { name, descending })
}

/// The value of `field` in a row: the field of exactly this name, else by the part before the first dot and so on.
pub fn value_at<'a>(data: &'a Fields, field: &str) -> Option<&'a Value> {
    if let Some(value) = data.get(field) {
        return Some(value);
    }
    let (first, rest) = field.split_once('.')?;
    match data.get(first)? {
        Value::Object(fields) => value_at(fields, rest),
        Value::Array(items) => element_at(items, rest),
        _ => None,
    }
}

fn element_at<'a>(items: &'a [Value], path: &str) -> Option<&'a Value> {
    let (index, rest) = match path.split_once('.') {
        Some((index, rest)) => (index, Some(rest)),
        None => (path, None),
    };
    let item = items.get(index.parse::<usize>().ok()?)?;
    match (rest, item) {
        (None, item) => Some(item),
        (Some(rest), Value::Object(fields)) => value_at(fields, rest),
        (Some(rest), Value::Array(items)) => element_at(items, rest),
        _ => None,
    }
}
