//! `validationRules`: what the output has to fit, field by field.
//! Promise: every misfit is named, up to [`MAX_SHOWN`] of them.
//!
//! A rule is `{"field": "customer.email", "rule": "email"}`, where it needs one with a `value`, and where people shall read
//! something else with a `message`. But for `required`, a rule says nothing of a value that is absent or null.

use super::super::field::{self, Fields};
use super::mapping::read_path;
use crate::clock;
use crate::model::plan::Problems;
use crate::model::run::StepError;
use regex::RegexBuilder;
use serde_json::Value;

const KNOWN: [&str; 5] = ["field", "id", "message", "rule", "value"];
/// How many misfits an error names.
const MAX_SHOWN: usize = 20;
/// How much a regular expression may take when compiled, in bytes.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// Whether a value fits, with the rule's `value`.
type Fits = fn(&Value, &Value) -> bool;

/// What a rule's `value` has to be.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Nothing,
    Number,
    Pattern,
    List,
}

/// Every rule: its name, what its `value` is, whether a value fits, and the words that follow the field's name.
const RULES: [(&str, Needs, Fits, &str); 16] = [
    ("required", Needs::Nothing, is_there, "is missing"),
    (
        "string",
        Needs::Nothing,
        |value, _| value.is_string(),
        "is not a text",
    ),
    (
        "number",
        Needs::Nothing,
        |value, _| value.is_number(),
        "is not a number",
    ),
    (
        "integer",
        Needs::Nothing,
        is_integer,
        "is not a whole number",
    ),
    (
        "boolean",
        Needs::Nothing,
        |value, _| value.is_boolean(),
        "is not true or false",
    ),
    (
        "array",
        Needs::Nothing,
        |value, _| value.is_array(),
        "is not an array",
    ),
    (
        "object",
        Needs::Nothing,
        |value, _| value.is_object(),
        "is not an object",
    ),
    (
        "email",
        Needs::Nothing,
        is_email,
        "is not an e-mail address",
    ),
    ("url", Needs::Nothing, is_url, "is not an http or https URL"),
    (
        "date",
        Needs::Nothing,
        is_date,
        "is not a date such as `2024-01-15`",
    ),
    (
        "pattern",
        Needs::Pattern,
        fits_pattern,
        "does not fit the pattern",
    ),
    (
        "min",
        Needs::Number,
        |value, least| compare(value, least, |a, b| a >= b),
        "is less than",
    ),
    (
        "max",
        Needs::Number,
        |value, most| compare(value, most, |a, b| a <= b),
        "is more than",
    ),
    (
        "minlength",
        Needs::Number,
        |value, least| has_length(value, least, |a, b| a >= b),
        "is shorter than",
    ),
    (
        "maxlength",
        Needs::Number,
        |value, most| has_length(value, most, |a, b| a <= b),
        "is longer than",
    ),
    ("enum", Needs::List, is_one_of, "is none of"),
];

pub(super) fn check_rule(fields: &Fields, problems: &mut Problems<'_>) {
    field::check_names(fields, &KNOWN, problems);
    let path = fields.get("field");
    if !path.is_some_and(field::has_template)
        && let Err(message) = read_path(fields, "field")
    {
        problems.add("field", message);
    }
    if fields.get("rule").is_some_and(field::has_template) {
        return;
    }
    let needs = match find(fields) {
        Ok((_, needs, ..)) => *needs,
        Err(message) => return problems.add("rule", message),
    };
    let value = fields.get("value").unwrap_or(&Value::Null);
    if !field::has_template(value)
        && let Err(message) = check_value(value, needs)
    {
        problems.add("value", message);
    }
}

fn find(fields: &Fields) -> Result<&'static (&'static str, Needs, Fits, &'static str), String> {
    let name = fields
        .get("rule")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let wanted = name.to_lowercase().replace(['_', '-'], "");
    RULES
        .iter()
        .find(|(known, ..)| *known == wanted)
        .ok_or_else(|| {
            let known: Vec<_> = RULES.iter().map(|(known, ..)| *known).collect();
            let name = field::cut(name, 40);
            format!("`{name}` is not a rule; there are {}", known.join(", "))
        })
}

fn check_value(value: &Value, needs: Needs) -> Result<(), String> {
    let shown = field::shown(value);
    match needs {
        Needs::Nothing => Ok(()),
        Needs::Number if field::as_number(value).is_some() => Ok(()),
        Needs::Number => Err(format!("{shown} is not a number, which the rule needs")),
        Needs::List if value.is_array() => Ok(()),
        Needs::List => Err(format!("{shown} is not an array of allowed values")),
        Needs::Pattern => match value.as_str() {
            Some(pattern) => compiled(pattern).map(|_| ()),
            None => Err(format!("{shown} is not a regular expression")),
        },
    }
}

/// Whether `output` fits every rule.
pub(super) fn validate(output: &Value, rules: &[Value]) -> Result<(), StepError> {
    let mut misfits = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let misfit = misfit(output, rule).map_err(|message| {
            field::config_error(format!("`validationRules[{index}]`: {message}"))
        })?;
        misfits.extend(misfit);
    }
    if misfits.is_empty() {
        return Ok(());
    }
    let count = misfits.len();
    misfits.truncate(MAX_SHOWN);
    if count > MAX_SHOWN {
        misfits.push(format!("and {} more", count - MAX_SHOWN));
    }
    Err(StepError::fatal("VALIDATION", misfits.join("; ")))
}

fn misfit(output: &Value, rule: &Value) -> Result<Option<String>, String> {
    let fields = rule.as_object().ok_or("a rule is not an object")?;
    let path = read_path(fields, "field")?;
    let (name, needs, fits, words) = find(fields)?;
    let needed = fields.get("value").unwrap_or(&Value::Null);
    check_value(needed, *needs)?;
    let found = path.read(output);
    let found = found.as_deref().unwrap_or(&Value::Null);
    if (found.is_null() && *name != "required") || fits(found, needed) {
        return Ok(None);
    }
    if let Some(Value::String(message)) = fields.get("message") {
        return Ok(Some(field::cut(message, 200)));
    }
    let place = fields.get("field").map(field::shown).unwrap_or_default();
    let needed = match needs {
        Needs::Nothing => String::new(),
        _ => format!(" {}", field::shown(needed)),
    };
    Ok(Some(format!("{place} {words}{needed}")))
}

fn is_there(value: &Value, _: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    }
}

fn is_integer(value: &Value, _: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// One `@` between a name and a host with a dot; whether it takes mail, only mail can tell.
fn is_email(value: &Value, _: &Value) -> bool {
    let parts = value.as_str().and_then(|text| text.split_once('@'));
    parts.is_some_and(|(name, host)| {
        let is_plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 254
                && !part.contains(|c: char| c.is_whitespace() || c == '@' || c == ',')
        };
        let has_dot = host
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty());
        is_plain(name) && is_plain(host) && has_dot && !host.ends_with('.')
    })
}

fn is_url(value: &Value, _: &Value) -> bool {
    let url = value.as_str().and_then(|text| url::Url::parse(text).ok());
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn is_date(value: &Value, _: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        clock::parse_iso(text).is_some() || clock::parse_iso(&format!("{text}T00:00:00Z")).is_some()
    })
}

fn fits_pattern(value: &Value, pattern: &Value) -> bool {
    let pattern = pattern.as_str().and_then(|pattern| compiled(pattern).ok());
    match (field::scalar_text(value), pattern) {
        (Some(text), Some(pattern)) => pattern.is_match(&text),
        _ => false,
    }
}

fn compiled(pattern: &str) -> Result<regex::Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| {
            let error = field::cut(&error.to_string(), 200);
            format!("it is not a regular expression: {error}")
        })
}

fn compare(value: &Value, other: &Value, holds: fn(f64, f64) -> bool) -> bool {
    let numbers = field::as_number(value).zip(field::as_number(other));
    numbers.is_some_and(|(value, other)| holds(value, other))
}

fn has_length(value: &Value, other: &Value, holds: fn(f64, f64) -> bool) -> bool {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(elements) => elements.len(),
        _ => return false,
    };
    field::as_number(other).is_some_and(|other| holds(length as f64, other))
}

fn is_one_of(value: &Value, allowed: &Value) -> bool {
    allowed
        .as_array()
        .is_some_and(|allowed| allowed.contains(value))
}
