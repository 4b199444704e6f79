//! What a mapping rule may do to a value on its way.
//! May not know paths or rules. Promise: every conversion answers for every value, with a sentence where it has none.
//!
//! | name | a value becomes |
//! |---|---|
//! | `direct` | what it is |
//! | `capitalize` | text with its first letter in upper case |
//! | `uppercase`, `lowercase`, `trim` | text |
//! | `string` | text; arrays and objects as JSON |
//! | `number` | a number: from text that holds one, true 1, false 0 |
//! | `boolean` | from true, yes, on, 1 and false, no, off, 0 in any letter case, and from numbers (0 is false) |
//! | `length` | characters of a text, elements of an array, fields of an object |
//! | `json` | text is read as JSON; anything else is written as JSON |
//! | `date` | ISO 8601 in UTC: from a date, a date and time with zone, or Unix seconds or milliseconds |

use super::super::field;
use crate::clock;
use serde_json::{Number, Value};

/// Unix times up to here are seconds (the year 5138), above it milliseconds (since 1973).
const LARGEST_UNIX_SECONDS: f64 = 1e11;

/// A conversion.
pub(super) type Convert = fn(&Value) -> Result<Value, String>;

/// Every conversion by its names in lower case; the first of a function's names is the documented one.
const CONVERSIONS: [(&str, Convert); 20] = [
    ("direct", |value| Ok(value.clone())),
    ("capitalize", capitalize),
    ("uppercase", |value| {
        text(value).map(|text| text.to_uppercase().into())
    }),
    ("upper", |value| {
        text(value).map(|text| text.to_uppercase().into())
    }),
    ("touppercase", |value| {
        text(value).map(|text| text.to_uppercase().into())
    }),
    ("lowercase", |value| {
        text(value).map(|text| text.to_lowercase().into())
    }),
    ("lower", |value| {
        text(value).map(|text| text.to_lowercase().into())
    }),
    ("tolowercase", |value| {
        text(value).map(|text| text.to_lowercase().into())
    }),
    ("trim", |value| text(value).map(|text| text.trim().into())),
    ("string", string),
    ("tostring", string),
    ("number", number),
    ("tonumber", number),
    ("boolean", boolean),
    ("bool", boolean),
    ("toboolean", boolean),
    ("length", length),
    ("count", length),
    ("json", json),
    ("date", date),
];

/// The names that messages list.
const DOCUMENTED: [&str; 11] = [
    "direct",
    "capitalize",
    "uppercase",
    "lowercase",
    "trim",
    "string",
    "number",
    "boolean",
    "length",
    "json",
    "date",
];

/// The conversion called `name`, in any letter case; the error names the nearest.
pub(super) fn find(name: &str) -> Result<Convert, String> {
    let wanted = name.trim().to_lowercase().replace(['_', '-'], "");
    if let Some((_, convert)) = CONVERSIONS.iter().find(|(known, _)| *known == wanted) {
        return Ok(*convert);
    }
    let near = DOCUMENTED
        .iter()
        .map(|known| (strsim::osa_distance(known, &wanted), known))
        .min()
        .map_or(String::new(), |(_, known)| {
            format!("; the nearest is `{known}`")
        });
    Err(format!(
        "`{}` is not a transform; there are {}{near}",
        field::cut(name, 40),
        DOCUMENTED.join(", ")
    ))
}

fn text(value: &Value) -> Result<String, String> {
    field::scalar_text(value).ok_or_else(|| format!("{} is not a text", field::shown(value)))
}

fn capitalize(value: &Value) -> Result<Value, String> {
    let text = text(value)?;
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    Ok((first + letters.as_str()).into())
}

fn string(value: &Value) -> Result<Value, String> {
    match value {
        Value::Null => text(value).map(Value::from),
        _ => Ok(field::scalar_text(value)
            .unwrap_or_else(|| value.to_string())
            .into()),
    }
}

fn number(value: &Value) -> Result<Value, String> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::Bool(flag) => Some(u8::from(*flag).into()),
        Value::String(text) => {
            let text = text.trim();
            let whole = text.parse::<i64>().ok().map(Number::from);
            whole
                .or_else(|| text.parse::<u64>().ok().map(Number::from))
                .or_else(|| field::as_number(value).and_then(Number::from_f64))
        }
        _ => None,
    };
    number
        .map(Value::Number)
        .ok_or_else(|| format!("{} is not a number", field::shown(value)))
}

fn boolean(value: &Value) -> Result<Value, String> {
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    flag.map(Value::Bool)
        .ok_or_else(|| format!("{} is neither true nor false", field::shown(value)))
}

fn length(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => Ok(text.chars().count().into()),
        Value::Array(elements) => Ok(elements.len().into()),
        Value::Object(fields) => Ok(fields.len().into()),
        _ => Err(format!("{} has no length", field::shown(value))),
    }
}

fn json(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|error| format!("{} is not JSON: {error}", field::shown(value))),
        other => Ok(other.to_string().into()),
    }
}

fn date(value: &Value) -> Result<Value, String> {
    let unix_ms = match value {
        Value::Number(_) => field::as_number(value).map(|time| {
            let is_seconds = time.abs() <= LARGEST_UNIX_SECONDS;
            (if is_seconds { time * 1_000.0 } else { time }) as i64
        }),
        Value::String(text) => {
            let text = text.trim();
            clock::parse_iso(text).or_else(|| clock::parse_iso(&format!("{text}T00:00:00Z")))
        }
        _ => None,
    };
    unix_ms
        .map(|unix_ms| clock::iso_utc(unix_ms).into())
        .ok_or_else(|| {
            let shown = field::shown(value);
            format!("{shown} is not a date; `2024-01-15`, `2024-01-15T10:00:00Z` or a Unix time is")
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn conversions_answer_for_every_value() {
        for (name, from, to) in [
            ("direct", json!([1]), Some(json!([1]))),
            ("capitalize", json!("ärger groß"), Some(json!("Ärger groß"))),
            ("capitalize", json!(""), Some(json!(""))),
            ("Upper_Case", json!("aß"), Some(json!("ASS"))),
            ("uppercase", json!(5), Some(json!("5"))),
            ("uppercase", json!([5]), None),
            ("toLowerCase", json!("ÄB"), Some(json!("äb"))),
            ("trim", json!("  a "), Some(json!("a"))),
            ("trim", Value::Null, None),
            ("string", json!({"a": 1}), Some(json!("{\"a\":1}"))),
            ("string", json!(1.5), Some(json!("1.5"))),
            ("string", Value::Null, None),
            ("number", json!(" 42 "), Some(json!(42))),
            (
                "number",
                json!("18446744073709551615"),
                Some(json!(u64::MAX)),
            ),
            ("number", json!("-1.5e3"), Some(json!(-1500.0))),
            ("number", json!(true), Some(json!(1))),
            ("number", json!("inf"), None),
            ("number", json!("1e999"), None),
            ("number", json!("12 apples"), None),
            ("boolean", json!("Yes"), Some(json!(true))),
            ("boolean", json!(0), Some(json!(false))),
            ("boolean", json!("perhaps"), None),
            ("length", json!("äöü"), Some(json!(3))),
            ("length", json!({"a": 1}), Some(json!(1))),
            ("length", json!(5), None),
            ("json", json!("[1]"), Some(json!([1]))),
            ("json", json!([1]), Some(json!("[1]"))),
            ("json", json!("{"), None),
            (
                "date",
                json!("2024-01-15"),
                Some(json!("2024-01-15T00:00:00.000Z")),
            ),
            (
                "date",
                json!("2024-01-15T11:00:00+01:00"),
                Some(json!("2024-01-15T10:00:00.000Z")),
            ),
            (
                "date",
                json!(1_705_312_800),
                Some(json!("2024-01-15T10:00:00.000Z")),
            ),
            (
                "date",
                json!(1_705_312_800_000_i64),
                Some(json!("2024-01-15T10:00:00.000Z")),
            ),
            ("date", json!("15.1.2024"), None),
        ] {
            let convert = find(name).expect(name);
            assert_eq!(convert(&from).ok(), to, "{name} {from}");
        }
    }

    #[test]
    fn an_unknown_transform_names_the_nearest() {
        for (name, near) in [
            ("capitalise", "capitalize"),
            ("lowrcase", "lowercase"),
            ("", "date"),
        ] {
            let message = find(name).expect_err(name);
            assert!(
                message.contains(&format!("nearest is `{near}`")),
                "{message}"
            );
        }
        for documented in DOCUMENTED {
            assert!(find(documented).is_ok(), "{documented}");
        }
    }
}
