//! Conversions of arrays and objects.
//!
//! | name | a value becomes |
//! |---|---|
//! | `length` (`count`) | characters of a text, elements of an array, fields of an object |
//! | `first`, `last` | an element of an array, or a character of a text; null when there is none |
//! | `join` | the elements as one text, with `separator` (`,`) between them |
//! | `unique` | an array without what it held before |
//! | `sort` | an array in order: numbers by size, texts letter by letter; `by` a field, `descending` |
//! | `reverse` | an array or a text from its end |
//! | `flatten` | an array with the elements of its arrays, `depth` (1) levels deep |
//! | `keys`, `values` | the names or the values of an object's fields |
//! | `sum`, `avg`, `min`, `max` | a number out of the elements of an array; with none, `sum` is 0 and the others are null |

use super::super::super::field::{self, Fields};
use super::number::{as_float, number, of_float};
use super::{
    Conversion, Form, MAX_MADE_BYTES, flag_option, list_of, may, plain, text_of, text_option,
    too_long, whole_option, with,
};
use serde_json::{Number, Value};
use std::cmp::Ordering;
use std::collections::HashSet;

pub(super) const CONVERSIONS: &[Conversion] = &[
    plain(&["length", "count", "size"], length),
    plain(&["first"], |value, _| end(value, false)),
    plain(&["last"], |value, _| end(value, true)),
    with(&["join"], &[may("separator", Form::Text)], join),
    plain(&["unique", "distinct"], unique),
    with(
        &["sort"],
        &[may("by", Form::Text), may("descending", Form::Flag)],
        sort,
    ),
    plain(&["reverse"], |value, _| match value {
        Value::String(text) => Ok(text.chars().rev().collect::<String>().into()),
        value => Ok(list_of(value)?.iter().rev().cloned().collect()),
    }),
    with(
        &["flatten", "flat"],
        &[may("depth", Form::Number(1.0, 64.0))],
        |value, options| {
            let mut flat = Vec::new();
            flatten(
                list_of(value)?,
                whole_option(options, "depth", 1),
                &mut flat,
            );
            Ok(Value::Array(flat))
        },
    ),
    plain(&["keys"], |value, _| {
        let fields = fields_of(value)?;
        Ok(fields.keys().map(String::as_str).collect())
    }),
    plain(&["values"], |value, _| {
        Ok(fields_of(value)?.values().cloned().collect())
    }),
    plain(&["sum"], |value, _| sum(&numbers(value)?)),
    plain(&["avg", "average", "mean"], |value, _| {
        let numbers = numbers(value)?;
        let total: f64 = numbers.iter().map(as_float).sum();
        Ok(match numbers.len() {
            0 => Value::Null,
            count => of_float(total / count as f64),
        })
    }),
    plain(&["min", "minimum"], |value, _| {
        extreme(value, Ordering::Less)
    }),
    plain(&["max", "maximum"], |value, _| {
        extreme(value, Ordering::Greater)
    }),
];

fn fields_of(value: &Value) -> Result<&Fields, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{} is not an object", field::shown(value)))
}

fn length(value: &Value, _: &Fields) -> Result<Value, String> {
    match value {
        Value::String(text) => Ok(text.chars().count().into()),
        Value::Array(elements) => Ok(elements.len().into()),
        Value::Object(fields) => Ok(fields.len().into()),
        _ => Err(format!("{} has no length", field::shown(value))),
    }
}

fn end(value: &Value, is_last: bool) -> Result<Value, String> {
    if let Value::String(text) = value {
        let mut letters = text.chars();
        let letter = if is_last {
            letters.next_back()
        } else {
            letters.next()
        };
        return Ok(letter.map_or(Value::Null, |letter| letter.to_string().into()));
    }
    let elements = list_of(value)?;
    let element = if is_last {
        elements.last()
    } else {
        elements.first()
    };
    Ok(element.cloned().unwrap_or_default())
}

fn join(value: &Value, options: &Fields) -> Result<Value, String> {
    let separator = text_option(options, "separator", ",");
    let mut joined = String::new();
    for (index, element) in list_of(value)?.iter().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        if !element.is_null() {
            joined.push_str(&text_of(element)?);
        }
        if joined.len() > MAX_MADE_BYTES {
            return Err(too_long());
        }
    }
    Ok(joined.into())
}

fn unique(value: &Value, _: &Fields) -> Result<Value, String> {
    let mut seen = HashSet::new();
    let elements = list_of(value)?.iter();
    // 1 and 1.0 are the same number.
    let key = |element: &Value| match element.as_f64() {
        Some(number) => number.to_string(),
        None => element.to_string(),
    };
    Ok(elements
        .filter(|element| seen.insert(key(element)))
        .cloned()
        .collect())
}

fn sort(value: &Value, options: &Fields) -> Result<Value, String> {
    let by = text_option(options, "by", "");
    let key = |element: &Value| {
        if by.is_empty() {
            element.clone()
        } else {
            element.get(by).cloned().unwrap_or_default()
        }
    };
    let mut keyed: Vec<(Value, &Value)> = list_of(value)?
        .iter()
        .map(|element| (key(element), element))
        .collect();
    if let Some((odd, _)) = keyed
        .iter()
        .find(|(key, _)| key.is_array() || key.is_object())
    {
        return Err(format!(
            "{} has no place in an order; name a field of it with `by`",
            field::shown(odd)
        ));
    }
    let is_descending = flag_option(options, "descending", false);
    keyed.sort_by(|(one, _), (other, _)| {
        let order = ordered(one, other);
        if is_descending {
            order.reverse()
        } else {
            order
        }
    });
    Ok(keyed
        .into_iter()
        .map(|(_, element)| element.clone())
        .collect())
}

/// The order of plain values: null, false, true, numbers, texts.
fn ordered(one: &Value, other: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        _ => 3,
    };
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => compared(one, other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        _ => rank(one).cmp(&rank(other)),
    }
}

fn compared(one: &Number, other: &Number) -> Ordering {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => as_float(one).total_cmp(&as_float(other)),
    }
}

fn flatten(elements: &[Value], depth: usize, flat: &mut Vec<Value>) {
    for element in elements {
        match (element, depth.checked_sub(1)) {
            (Value::Array(inner), Some(depth)) => flatten(inner, depth, flat),
            (element, _) => flat.push(element.clone()),
        }
    }
}

/// The elements as numbers; nulls do not count.
fn numbers(value: &Value) -> Result<Vec<Number>, String> {
    let elements = list_of(value)?.iter().filter(|element| !element.is_null());
    elements.map(number).collect()
}

fn sum(numbers: &[Number]) -> Result<Value, String> {
    let whole = numbers
        .iter()
        .try_fold(0_i64, |sum, number| sum.checked_add(number.as_i64()?));
    match whole {
        Some(whole) => Ok(whole.into()),
        None => {
            let total: f64 = numbers.iter().map(as_float).sum();
            if total.is_finite() {
                Ok(of_float(total))
            } else {
                Err("the sum is no number any more".to_owned())
            }
        }
    }
}

fn extreme(value: &Value, wanted: Ordering) -> Result<Value, String> {
    let numbers = numbers(value)?.into_iter();
    let found = numbers.reduce(|best, next| {
        if compared(&next, &best) == wanted {
            next
        } else {
            best
        }
    });
    Ok(found.map_or(Value::Null, Value::Number))
}
