//! Reading and checking the fields of a step's configuration, in one way for all step types.
//! May not know any step type. Promise: before templates are rendered whatever holds one passes; a field that is surely
//! a slip of the pen is pointed out with the name that was meant.

pub(super) use crate::engine::redact::cut;
use crate::model::plan::Problems;
use crate::model::run::StepError;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// A configuration, by its fields.
pub(super) type Fields = Map<String, Value>;

/// Of a step type that keeps to `timeoutMs`, whatever its configuration.
pub(super) fn timed(_: &Fields) -> Option<&'static str> {
    None
}

/// Of a step type that does all of its work at once.
pub(super) fn done_at_once(_: &Fields) -> Option<&'static str> {
    Some("this step is done at once and cannot take too long; leave it out")
}

/// Whether `value` is a string that may become something else when its templates are rendered.
pub(super) fn has_template(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.contains("{{") || text.contains("{%"))
}

/// The value of `name`, unless it is absent or null.
pub(super) fn present<'a>(config: &'a Fields, name: &str) -> Option<&'a Value> {
    config.get(name).filter(|value| !value.is_null())
}

/// The error for a rendered configuration that cannot be used; trying again will not mend it.
pub(super) fn config_error(message: impl Into<String>) -> StepError {
    StepError::fatal("CONFIG", message)
}

/// The fields of a rendered configuration.
pub(super) fn fields(config: &Value) -> Result<&Fields, StepError> {
    config
        .as_object()
        .ok_or_else(|| config_error("the configuration is not an object"))
}

/// Points out fields that are nearly one of `known`; other unknown fields are left alone, since clients add their own.
pub(super) fn check_names(config: &Fields, known: &[&str], problems: &mut Problems<'_>) {
    for name in config.keys().filter(|name| !known.contains(&name.as_str())) {
        let word = name.to_lowercase();
        let near = known
            .iter()
            .map(|known| (strsim::osa_distance(&word, &known.to_lowercase()), known))
            .filter(|(distance, known)| *distance <= if known.len() <= 4 { 1 } else { 2 })
            .min_by_key(|(distance, _)| *distance);
        if let Some((_, near)) = near {
            problems.add(
                name,
                format!("`{name}` is not a known field; did you mean `{near}`?"),
            );
        }
    }
}

/// Points out `name` when it is set to something that is neither a template nor one of `words` (letter case aside).
pub(super) fn check_word(config: &Fields, name: &str, words: &[&str], problems: &mut Problems<'_>) {
    let Some(value) = present(config, name).filter(|value| !has_template(value)) else {
        return;
    };
    let fits = value
        .as_str()
        .is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)));
    if !fits {
        problems.add(
            name,
            format!("{} is none of {}", shown(value), words.join(", ")),
        );
    }
}

/// Points out `name` when it is set to something that is neither a template nor a number in `range`.
pub(super) fn check_number(
    config: &Fields,
    name: &str,
    range: RangeInclusive<f64>,
    problems: &mut Problems<'_>,
) {
    let Some(value) = present(config, name).filter(|value| !has_template(value)) else {
        return;
    };
    if let Err(message) = number_in(value, &range) {
        problems.add(name, message);
    }
}

/// Points out `name` when it is set to something that is neither a template nor true or false.
pub(super) fn check_flag(config: &Fields, name: &str, problems: &mut Problems<'_>) {
    let Some(value) = present(config, name).filter(|value| !has_template(value)) else {
        return;
    };
    if as_flag(value).is_none() {
        problems.add(name, format!("{} is neither true nor false", shown(value)));
    }
}

/// The number in the field `name` of a rendered configuration; `None` when it is absent, null or empty.
pub(super) fn number(
    config: &Fields,
    name: &str,
    range: RangeInclusive<f64>,
) -> Result<Option<f64>, StepError> {
    match present(config, name) {
        None => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => number_in(value, &range)
            .map(Some)
            .map_err(|message| config_error(format!("`{name}`: {message}"))),
    }
}

/// The whole number in the field `name`, as [`number`]; fractions are cut off.
pub(super) fn whole_number(
    config: &Fields,
    name: &str,
    range: RangeInclusive<f64>,
) -> Result<Option<u64>, StepError> {
    // In every caller's range, so the conversion neither saturates nor loses more than the fraction.
    number(config, name, range).map(|found| found.map(|value| value as u64))
}

/// The flag in the field `name` of a rendered configuration.
pub(super) fn flag(config: &Fields, name: &str, default: bool) -> Result<bool, StepError> {
    match present(config, name) {
        None => Ok(default),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(default),
        Some(value) => as_flag(value).ok_or_else(|| {
            let shown = shown(value);
            config_error(format!("`{name}`: {shown} is neither true nor false"))
        }),
    }
}

/// `value` as a number: a number, or a string that holds one.
pub(super) fn as_number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse_number(text),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// A decimal number as people and programs write it; not `inf`, `nan` or the like.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let looks_decimal = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    looks_decimal.then(|| text.parse().ok()).flatten()
}

pub(super) fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn number_in(value: &Value, range: &RangeInclusive<f64>) -> Result<f64, String> {
    let number = as_number(value).ok_or_else(|| format!("{} is not a number", shown(value)))?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(format!(
            "{number} is not between {} and {}",
            range.start(),
            range.end()
        ))
    }
}

/// `value` as it is named in a message: its JSON text, cut at 60 characters.
pub(super) fn shown(value: &Value) -> String {
    cut(&value.to_string(), 60)
}

/// `value` as text: strings as they are, other scalars in their JSON form; arrays, objects and null have none.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Points out `name` when it is set to something that is no text.
pub(super) fn check_text(config: &Fields, name: &str, problems: &mut Problems<'_>) {
    if let Some(value) = present(config, name).filter(|value| !value.is_string()) {
        problems.add(name, format!("{} is not a text", shown(value)));
    }
}

/// The first of `names` that is set to a text which is not empty: how steps name their connection.
pub(super) fn reference<'a>(config: &'a Fields, names: &[&str]) -> Option<&'a str> {
    let texts = names.iter().filter_map(|name| config.get(*name)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

/// What `check` says of `config`: places and sentences.
#[cfg(test)]
pub(super) fn problems_of(
    check: fn(&Fields, &mut Problems<'_>),
    config: &Value,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut problems = Problems {
        place: "config".into(),
        is_new: true,
        found: &mut found,
    };
    if let Some(config) = config.as_object() {
        check(config, &mut problems);
    }
    let told = |problem: crate::model::plan::DefinitionProblem| (problem.place, problem.message);
    found.into_iter().map(told).collect()
}
