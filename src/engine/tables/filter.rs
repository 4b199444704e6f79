//! Filters of rows: `{"status": "open"}` (all of them equal), or a list of `{"field", "operator", "value"}` (all of them hold)
//! with the operators of conditions.
//! May not know SQL: a filter is evaluated here, row by row. Promise: a filter either is understood or told with every
//! mistake; a row whose value cannot be compared is not meant.

use crate::clock::iso_utc;
use crate::engine::step::condition::operator::{Operator, Prepared};
use crate::model::plan::DefinitionProblem;
use crate::model::table::{ColumnType, MAX_NAME_CHARS, Row, Table, date_ms, index_value, value_at};
use crate::store::RowTest;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// How many conditions a filter has at most.
const MAX_CONDITIONS: usize = 50;
/// The longest path to a value, in characters.
const MAX_FIELD_CHARS: usize = 2 * MAX_NAME_CHARS;
const NOTHING: Value = Value::Null;

/// What a row has to be.
#[derive(Debug)]
pub(crate) struct Filter {
    conditions: Vec<Condition>,
    /// A key column and a value that every row that passes has there.
    pub(super) key: Option<(String, Value)>,
}

#[derive(Debug)]
struct Condition {
    field: Field,
    is_date: bool,
    test: Prepared,
}

#[derive(Debug)]
enum Field {
    Id,
    CreatedAt,
    UpdatedAt,
    Column(String),
}

/// A condition as it was written: its place, its field, its operator and its value.
struct Written<'a> {
    place: String,
    field: &'a str,
    operator: Result<Operator, String>,
    value: &'a Value,
}

impl Filter {
    /// Reads a filter for this table; null and an empty string are no filter. Every mistake with its place below `filter`.
    pub(crate) fn read(table: &Table, value: &Value) -> Result<Filter, Vec<DefinitionProblem>> {
        let mut filter = Filter {
            conditions: Vec::new(),
            key: None,
        };
        let mut found = Vec::new();
        for written in written(value, &mut found) {
            filter.add(table, written, &mut found);
        }
        if found.is_empty() {
            Ok(filter)
        } else {
            Err(found)
        }
    }

    /// Finds what is wrong with a filter whatever the table, as far as it is written out.
    pub(crate) fn check(value: &Value) -> Vec<DefinitionProblem> {
        let mut found = Vec::new();
        for written in written(value, &mut found) {
            if let Err(message) = written.operator {
                add(&mut found, format!("{}.operator", written.place), message);
            }
        }
        found
    }

    /// Whether every row passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The filter as a test of rows; `None` where every row passes.
    pub(super) fn into_test(self) -> Option<RowTest> {
        if self.is_empty() {
            return None;
        }
        let conditions = self.conditions;
        Some(Arc::new(move |row: &Row| {
            conditions.iter().all(|condition| condition.holds(row))
        }))
    }

    fn add(&mut self, table: &Table, written: Written<'_>, found: &mut Vec<DefinitionProblem>) {
        let (field, kind) = match field(table, written.field) {
            Ok(field) => field,
            Err(message) => return add(found, written.place, message),
        };
        let operator = match written.operator {
            Ok(operator) => operator,
            Err(message) => return add(found, format!("{}.operator", written.place), message),
        };
        let test = match Prepared::new(operator, written.value.clone()) {
            Ok(test) => test,
            Err(message) => return add(found, format!("{}.value", written.place), message),
        };
        let is_date = kind == Some(ColumnType::Date) && test.is_order();
        let test = match (is_date, moment(written.value)) {
            // The same operator took the value before.
            (true, Cow::Owned(moment)) => Prepared::new(operator, moment).unwrap_or(test),
            _ => test,
        };
        if let (Field::Column(name), Some(right)) = (&field, test.equals())
            && self.key.is_none()
            && table.has_key(name)
        {
            self.key = index_value(kind, right).map(|value| (name.clone(), value));
        }
        self.conditions.push(Condition {
            field,
            is_date,
            test,
        });
    }
}

impl Condition {
    fn holds(&self, row: &Row) -> bool {
        let value = match &self.field {
            Field::Id => Cow::Owned(Value::from(row.id.as_str())),
            Field::CreatedAt => Cow::Owned(Value::from(iso_utc(row.created_at_ms))),
            Field::UpdatedAt => Cow::Owned(Value::from(iso_utc(row.updated_at_ms))),
            Field::Column(name) => Cow::Borrowed(value_at(&row.data, name).unwrap_or(&NOTHING)),
        };
        let holds = if self.is_date {
            self.test.holds(&moment(&value))
        } else {
            self.test.holds(&value)
        };
        holds.unwrap_or(false)
    }
}

/// A day as the moment at which it begins; anything else as it is.
fn moment(value: &Value) -> Cow<'_, Value> {
    let day = value.as_str().filter(|text| text.len() == 10);
    match day.and_then(date_ms) {
        Some(ms) => Cow::Owned(Value::from(iso_utc(ms))),
        None => Cow::Borrowed(value),
    }
}

/// Which field a name means, and what it holds.
fn field(table: &Table, name: &str) -> Result<(Field, Option<ColumnType>), String> {
    match name {
        "$id" => return Ok((Field::Id, Some(ColumnType::Text))),
        "$createdAt" => return Ok((Field::CreatedAt, Some(ColumnType::Date))),
        "$updatedAt" => return Ok((Field::UpdatedAt, Some(ColumnType::Date))),
        _ => {}
    }
    if name.is_empty() || name.chars().count() > MAX_FIELD_CHARS {
        return Err(format!(
            "a field's name has 1 to {MAX_FIELD_CHARS} characters"
        ));
    }
    if table.columns.is_empty() || table.column(name).is_some() {
        return Ok((Field::Column(name.to_owned()), table.kind(name)));
    }
    let first = name.split('.').next().unwrap_or_default();
    if table.kind(first) == Some(ColumnType::Json) {
        return Ok((Field::Column(name.to_owned()), Some(ColumnType::Json)));
    }
    Err(table.unknown_column(name).unwrap_or_default())
}

/// The conditions of a filter, as they are written.
fn written<'a>(value: &'a Value, found: &mut Vec<DefinitionProblem>) -> Vec<Written<'a>> {
    let written: Vec<Written<'a>> = match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        Value::Object(fields) if is_condition(fields) => condition(fields, "filter".into(), found)
            .into_iter()
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| equality(name, value, found))
            .collect(),
        Value::Array(items) => {
            let conditions = items.iter().enumerate().map(|(index, item)| {
                let place = format!("filter[{index}]");
                match item {
                    Value::Object(fields) => condition(fields, place, found),
                    other => {
                        let message = format!("{other} is no condition: an object with `field`, `operator` and `value` is");
                        add(found, place, message.chars().take(200).collect::<String>());
                        None
                    }
                }
            });
            conditions.take(MAX_CONDITIONS + 1).flatten().collect()
        }
        _ => {
            add(
                found,
                "filter".into(),
                "it is an object of fields and values, or a list of `{\"field\", \"operator\", \"value\"}`",
            );
            Vec::new()
        }
    };
    if written.len() > MAX_CONDITIONS {
        add(
            found,
            "filter".into(),
            format!("more than {MAX_CONDITIONS} conditions"),
        );
        return Vec::new();
    }
    written
}

/// A field and the value that it is equal to. Other notations have operators there, which would be equal to nothing.
fn equality<'a>(
    name: &'a str,
    value: &'a Value,
    found: &mut Vec<DefinitionProblem>,
) -> Written<'a> {
    let place = format!("filter.{name}");
    let is_operator = |word: &String| word.starts_with('$') || Operator::parse(word).is_ok();
    if let Some(fields) = value.as_object()
        && !fields.is_empty()
        && fields.keys().all(is_operator)
    {
        let message = "it is compared with the whole object; operators stand in a list: `[{\"field\", \"operator\", \"value\"}]` (`eq` for the object itself)";
        add(found, place.clone(), message);
    }
    Written {
        place,
        field: name,
        operator: Operator::parse("eq"),
        value,
    }
}

/// Whether an object is one condition, and not fields with their values.
fn is_condition(fields: &Map<String, Value>) -> bool {
    fields.contains_key("field")
        && fields.contains_key("operator")
        && fields
            .keys()
            .all(|name| ["field", "operator", "value"].contains(&name.as_str()))
}

fn condition<'a>(
    fields: &'a Map<String, Value>,
    place: String,
    found: &mut Vec<DefinitionProblem>,
) -> Option<Written<'a>> {
    let Some(Value::String(field)) = fields.get("field") else {
        add(
            found,
            format!("{place}.field"),
            "it is missing: the name of a column",
        );
        return None;
    };
    let operator = match fields.get("operator") {
        None => Operator::parse("eq"),
        Some(word) => Operator::parse(word.as_str().unwrap_or_default()),
    };
    let takes_right = operator
        .as_ref()
        .is_ok_and(|operator| operator.takes_right());
    if takes_right && !fields.contains_key("value") {
        add(
            found,
            format!("{place}.value"),
            "it is missing: what to compare with",
        );
    }
    Some(Written {
        place,
        field,
        operator,
        value: fields.get("value").unwrap_or(&NOTHING),
    })
}

fn add(found: &mut Vec<DefinitionProblem>, place: String, message: impl Into<String>) {
    found.push(DefinitionProblem {
        place,
        message: message.into(),
    });
}
