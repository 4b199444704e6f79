//! Normalizations and mapping rules: which value is read, converted, and written where.
//! May not know schemas or code. Promise: what the rules write is bounded, however often they write the same value.

use super::super::field::{self, Fields};
use super::convert::Chain;
use super::failed;
use crate::engine::step::path::{self, Path};
use crate::model::plan::Problems;
use crate::model::run::StepError;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// How much all rules together may write, in bytes as [`weight`] counts them.
const MAX_WRITTEN_BYTES: usize = 16 * 1024 * 1024;
const KNOWN_IN_RULE: [&str; 6] = [
    "customTransform",
    "default",
    "id",
    "source",
    "target",
    "transform",
];
const KNOWN_IN_NORMALIZATION: [&str; 4] = ["default", "field", "id", "transform"];

pub(super) fn check_rule(fields: &Fields, problems: &mut Problems<'_>) {
    field::check_names(fields, &KNOWN_IN_RULE, problems);
    if field::present(fields, "customTransform").is_some_and(|value| value.as_str() != Some("")) {
        problems.add(
            "customTransform",
            "a transformation in plain language is not available; name one in `transform`, or write JavaScript in `script`",
        );
    }
    check_fields(fields, &["source", "target", "transform"], problems);
}

pub(super) fn check_normalization(fields: &Fields, problems: &mut Problems<'_>) {
    field::check_names(fields, &KNOWN_IN_NORMALIZATION, problems);
    check_fields(fields, &["field", "transform"], problems);
}

fn check_fields(fields: &Fields, names: &[&str], problems: &mut Problems<'_>) {
    for name in names {
        let is_template = fields.get(*name).is_some_and(field::has_template);
        if !is_template && let Err(message) = check_field(fields, name) {
            problems.add(name, message);
        }
    }
}

fn check_field(rule: &Fields, name: &str) -> Result<(), String> {
    match name {
        "source" => read_path(rule, name).map(|_| ()),
        "transform" => Chain::read(rule.get(name), &Fields::new()).map(|_| ()),
        "target" => read_path(rule, name)?.check_writable(),
        _ => check_replaceable(&read_path(rule, name)?),
    }
}

/// A field that is changed in place may be the value as a whole.
fn check_replaceable(path: &Path) -> Result<(), String> {
    if path.is_whole() {
        return Ok(());
    }
    path.check_indexes()
}

/// The path in the field `name` of a rule.
pub(super) fn read_path(rule: &Fields, name: &str) -> Result<Path, String> {
    match field::present(rule, name) {
        Some(Value::String(text)) => Path::parse(text),
        Some(other) => Err(format!("{} is not a path", field::shown(other))),
        None => Err(format!(
            "`{name}` is missing: a path such as `customer.name`"
        )),
    }
}

/// A rule as it was read.
struct Rule<'a> {
    source: Path,
    target: Path,
    chain: Chain<'a>,
    default: Option<&'a Value>,
}

/// What the rules write, counted.
struct Budget {
    elements: usize,
    bytes: usize,
}

impl Budget {
    fn write(&mut self, path: &Path, output: &mut Value, value: Value) -> Result<(), String> {
        self.bytes = self
            .bytes
            .checked_sub(weight(&value))
            .ok_or_else(|| format!("the rules write more than {MAX_WRITTEN_BYTES} bytes"))?;
        path.write(output, value, &mut self.elements)
    }
}

/// What the rules make of `source`.
pub(super) fn transform(
    source: &Value,
    normalizations: &[Value],
    rules: &[Value],
    is_strict: bool,
) -> Result<Value, StepError> {
    if rules.is_empty() && normalizations.is_empty() {
        return Ok(source.clone());
    }
    // Text around templates makes JSON text of a value; the rules are meant for what it says.
    let parsed = source
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .filter(|value| value.is_object() || value.is_array());
    let source = parsed.as_ref().unwrap_or(source);
    let mut budget = Budget {
        elements: path::MAX_MADE_ELEMENTS,
        bytes: MAX_WRITTEN_BYTES,
    };
    let none = Fields::new();
    let source = normalized(source, normalizations, is_strict, &mut budget)?;
    if rules.is_empty() {
        return Ok(source.into_owned());
    }
    let mut output = Value::Object(Map::new());
    for (index, rule) in rules.iter().enumerate() {
        let place = |message: String| format!("`mappingRules[{index}]`: {message}");
        let rule = read_rule(rule, &none).map_err(|message| field::config_error(place(message)))?;
        let value = rule.value(&source, is_strict);
        if let Some(value) = value.map_err(|message| failed(place(message)))? {
            budget
                .write(&rule.target, &mut output, value)
                .map_err(|message| failed(place(message)))?;
        }
    }
    Ok(output)
}

fn normalized<'a>(
    source: &'a Value,
    normalizations: &[Value],
    is_strict: bool,
    budget: &mut Budget,
) -> Result<Cow<'a, Value>, StepError> {
    let mut source = Cow::Borrowed(source);
    let none = Fields::new();
    for (index, rule) in normalizations.iter().enumerate() {
        let place = |message: String| format!("`normalizations[{index}]`: {message}");
        let rule = read_normalization(rule, &none)
            .map_err(|message| field::config_error(place(message)))?;
        let value = rule.value(&source, is_strict);
        if let Some(value) = value.map_err(|message| failed(place(message)))? {
            budget
                .write(&rule.target, source.to_mut(), value)
                .map_err(|message| failed(place(message)))?;
        }
    }
    Ok(source)
}

fn read_rule<'a>(rule: &'a Value, none: &'a Fields) -> Result<Rule<'a>, String> {
    let fields = rule.as_object().ok_or("a rule is not an object")?;
    let target = read_path(fields, "target")?;
    target.check_writable()?;
    Ok(Rule {
        source: read_path(fields, "source")?,
        target,
        chain: Chain::read(fields.get("transform"), none)?,
        default: fields.get("default"),
    })
}

fn read_normalization<'a>(rule: &'a Value, none: &'a Fields) -> Result<Rule<'a>, String> {
    let fields = rule.as_object().ok_or("a rule is not an object")?;
    let target = read_path(fields, "field")?;
    check_replaceable(&target)?;
    Ok(Rule {
        source: target.clone(),
        target,
        chain: Chain::read(fields.get("transform"), none)?,
        default: fields.get("default"),
    })
}

impl Rule<'_> {
    /// What the rule writes; `None` when the target is left out.
    fn value(&self, source: &Value, is_strict: bool) -> Result<Option<Value>, String> {
        let found = self.source.read(source);
        let found = match found.as_deref() {
            None if !self.chain.is_direct() && self.chain.takes_null() => {
                self.chain.apply(&Value::Null)
            }
            None => Err("the path leads to nothing".to_owned()),
            Some(Value::Null) if self.default.is_none() && self.chain.takes_null() => {
                self.chain.apply(&Value::Null)
            }
            Some(Value::Null) => Err("the path leads to null".to_owned()),
            Some(value) => self.chain.apply(value),
        };
        match (found, self.default) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(_), Some(default)) => Ok(Some(default.clone())),
            (Err(message), None) if is_strict => Err(message),
            (Err(_), None) => Ok(None),
        }
    }
}

/// About how much memory `value` takes, in bytes.
fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + weight(value))
            .sum(),
    };
    size_of::<Value>() + inside
}
