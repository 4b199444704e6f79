//! When two values are the same key, and which values an index can look up.

use super::{ColumnType, date_ms};
use crate::model::plan::shown;
use serde_json::Value;

/// From here on a floating-point number stands for several whole ones.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A text that is the same for two values exactly if they are the same in type and contents; 1 and 1.0 are.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => {
            let whole = number
                .as_f64()
                .filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT);
            text.push_str(&match whole {
                Some(float) => (float as i64).to_string(),
                None => number.to_string(),
            });
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (name, field) in fields {
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                write_canonical(field, text);
                text.push(',');
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// The value to look for in a column, when `value` was given as the key: text that means a number, true or false becomes
/// one where the column holds such. The error is a sentence.
pub fn key_value(kind: Option<ColumnType>, value: &Value) -> Result<Value, String> {
    let is_empty = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
    if is_empty {
        return Err("the key is empty: a value is needed by which the row is known".into());
    }
    let fitting = match (kind, value) {
        (None | Some(ColumnType::Json), _)
        | (Some(ColumnType::Text), Value::String(_))
        | (Some(ColumnType::Number), Value::Number(_))
        | (Some(ColumnType::Boolean), Value::Bool(_)) => Some(value.clone()),
        (Some(ColumnType::Text), Value::Number(_) | Value::Bool(_)) => {
            Some(Value::String(value.to_string()))
        }
        (Some(ColumnType::Number), Value::String(text)) => text
            .trim()
            .parse::<serde_json::Number>()
            .ok()
            .map(Value::Number),
        (Some(ColumnType::Boolean), Value::String(text)) => match text.trim() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        (Some(ColumnType::Date), Value::String(text)) => date_ms(text).map(|_| value.clone()),
        _ => None,
    };
    fitting.ok_or_else(|| {
        let kind = kind.map_or("value", ColumnType::as_str);
        format!("{} is not a {kind}, which the column holds", shown(value))
    })
}

/// Refuses the key of a row that was looked for under another one: it would not be found again, and added each time.
pub fn require_same_key(own: &Value, sought: &Value) -> Result<(), String> {
    if canonical(own) == canonical(sought) {
        return Ok(());
    }
    Err(format!(
        "it is {}, and `matchValue` is {}: the row would not be found under that again",
        shown(own),
        shown(sought)
    ))
}

/// The value by which an index finds every row whose field equals `right` as conditions see it (a number also equals a
/// text that holds it); `None` where only looking at all rows does.
pub fn index_value(kind: Option<ColumnType>, right: &Value) -> Option<Value> {
    let value = key_value(kind, right).ok()?;
    match (kind, &value) {
        (Some(ColumnType::Number), Value::Number(number)) => {
            number.as_f64().filter(|float| float.abs() < EXACT)?;
            Some(value)
        }
        (Some(ColumnType::Boolean), Value::Bool(_)) => Some(value),
        // Every value of these columns is a text, but `5` equals the texts `5`, `5.0` and ` 5`.
        (Some(ColumnType::Text | ColumnType::Date), Value::String(_)) if right.is_string() => {
            Some(value)
        }
        // The field may hold anything; a text equals something else only if it could be read as that.
        (None | Some(ColumnType::Json), Value::String(text)) => {
            let word = text.trim();
            let is_other = word.parse::<f64>().is_ok()
                || word.eq_ignore_ascii_case("true")
                || word.eq_ignore_ascii_case("false");
            (!is_other).then_some(value)
        }
        _ => None,
    }
}
