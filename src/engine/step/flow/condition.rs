//! `conditionAgentflow`: the first condition that holds chooses the way; where none does, the way after the last one.

use super::{Handed, error, took};
use crate::engine::step::Done;
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use regex::RegexBuilder;
use serde_json::{Value, json};

/// The longest regular expression, in bytes, and the most memory that it may take.
const MAX_PATTERN_BYTES: usize = 1_000;
const MAX_PATTERN_MEMORY_BYTES: usize = 1 << 20;

pub(super) fn run(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let conditions = node.list("conditions");
    let mut found = None;
    for (index, condition) in conditions.iter().enumerate() {
        if holds(condition)? {
            found = Some(index);
            break;
        }
    }
    let way = found.unwrap_or(conditions.len());
    let mut shown: Vec<Value> = conditions.to_vec();
    shown.push(json!({ "type": "string", "value1": "", "operation": "equal", "value2": "" }));
    for (index, condition) in shown.iter_mut().enumerate() {
        if let Some(fields) = condition.as_object_mut() {
            fields.insert("isFulfilled".to_owned(), Value::Bool(index == way));
        }
    }
    if found.is_some() {
        shown.pop();
    }
    let result = NodeResult {
        input: json!({ "conditions": conditions }),
        ..NodeResult::of(json!({ "conditions": shown }))
    };
    Ok(took(result, u32::try_from(way).ok()))
}

fn holds(condition: &Value) -> Result<bool, StepError> {
    let part = |name: &str| condition.get(name).unwrap_or(&Value::Null);
    let operation = part("operation").as_str().unwrap_or_default();
    let (one, other) = (part("value1"), part("value2"));
    let held = match part("type").as_str().unwrap_or("string") {
        "number" => of_numbers(operation, one, other),
        "boolean" => match operation {
            "equal" => Some(truth(one) == truth(other)),
            "notEqual" => Some(truth(one) != truth(other)),
            _ => None,
        },
        _ => of_texts(operation, &plain(one), &plain(other))?,
    };
    held.ok_or_else(|| error(format!("there is no operation `{operation}` of conditions")))
}

fn of_texts(operation: &str, one: &str, other: &str) -> Result<Option<bool>, StepError> {
    Ok(Some(match operation {
        "contains" => one.contains(other),
        "notContains" => !one.contains(other),
        "startsWith" => one.starts_with(other),
        "endsWith" => one.ends_with(other),
        "equal" => one == other,
        "notEqual" => one != other,
        "isEmpty" => one.is_empty(),
        "notEmpty" => !one.is_empty(),
        "regex" => matches(one, other)?,
        _ => return Ok(None),
    }))
}

fn matches(text: &str, pattern: &str) -> Result<bool, StepError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        let length = pattern.len();
        return Err(error(format!(
            "the regular expression has {length} bytes, more than {MAX_PATTERN_BYTES}"
        )));
    }
    let compiled = RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_MEMORY_BYTES)
        .build()
        .map_err(|problem| error(format!("`{pattern}` is no regular expression: {problem}")))?;
    Ok(compiled.is_match(text))
}

fn of_numbers(operation: &str, one: &Value, other: &Value) -> Option<bool> {
    let (first, second) = (number(one), number(other));
    Some(match operation {
        "smaller" => first < second,
        "smallerEqual" => first <= second,
        "equal" => first == second,
        "notEqual" => first != second,
        "larger" => first > second,
        "largerEqual" => first >= second,
        "isEmpty" => plain(one).is_empty(),
        "notEmpty" => !plain(one).is_empty(),
        _ => return None,
    })
}

/// What is no number counts as 0.
fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        other => plain(other).trim().parse().unwrap_or_default(),
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(is_true) => *is_true,
        other => plain(other).eq_ignore_ascii_case("true"),
    }
}

/// A text without the marks of Markdown that the editor puts into it.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let text = text.trim();
    let inside = ["**", "__", "`", "*", "_"].iter().find_map(|mark| {
        let inside = text.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inside.is_empty()).then_some(inside)
    });
    inside.unwrap_or(text).replace("\\_", "_")
}
