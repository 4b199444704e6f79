//! `transform`: makes one value out of another, by mapping rules.
//! May not know where values come from (templates are rendered before). Promise: no code is run, the result depends on
//! the configuration alone, and its size is bounded.
//!
//! Without `mappingRules` the output is `sourceData` itself. With them it is a new object: each rule reads `source`,
//! converts what it found, and writes it to `target`. A value that is not there, or that cannot be converted, becomes the
//! rule's `default`; without one the step fails when `strict` is set, else the target is left out. A null that is there
//! and may be handed on as it is stays null, unless there is a `default`. A `targetSchema` is a JSON Schema that the output must fit.

mod convert;
mod path;

use super::field::{self, Fields};
use super::{Behaviour, Done, StepType};
use crate::engine::schema::Schema;
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use path::Path;
use serde_json::{Map, Value};

/// How many mapping rules a step may have.
const MAX_RULES: usize = 500;
/// How much all rules together may write, in bytes as [`weight`] counts them.
const MAX_WRITTEN_BYTES: usize = 16 * 1024 * 1024;
const KNOWN: [&str; 5] = [
    "action",
    "mappingRules",
    "sourceData",
    "strict",
    "targetSchema",
];
const KNOWN_IN_RULE: [&str; 6] = [
    "customTransform",
    "default",
    "id",
    "source",
    "target",
    "transform",
];
const ACTIONS: [&str; 5] = ["transform", "map", "normalize", "validate", "enrich"];

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "transform",
        description: "Makes a new value out of others by mapping rules.",
        kind: Kind::Pure,
        raw: &[],
        check,
    },
    behaviour: Behaviour::Pure(run),
};

/// A mapping rule as it was read.
struct Rule<'a> {
    source: Path,
    target: Path,
    convert: convert::Convert,
    is_direct: bool,
    default: Option<&'a Value>,
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    for code in ["script", "code"] {
        if field::present(config, code).is_some() {
            problems.add(
                code,
                "JavaScript is not available in this version; use `sourceData` and `mappingRules`",
            );
            return;
        }
    }
    field::check_names(config, &KNOWN, problems);
    field::check_word(config, "action", &ACTIONS, problems);
    field::check_flag(config, "strict", problems);
    if field::present(config, "sourceData").is_none() {
        problems.add(
            "sourceData",
            "`sourceData` is missing: the value to transform",
        );
    }
    for name in ["normalizations", "validationRules"] {
        if field::present(config, name)
            .is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
        {
            problems.add(
                name,
                format!("`{name}` is not available in this version; use `mappingRules` or `targetSchema`"),
            );
        }
    }
    if let Some(schema) = field::present(config, "targetSchema")
        && let Err(message) = validator(schema)
    {
        problems.add("targetSchema", message);
    }
    let rules = match rules(config) {
        Ok(rules) => rules,
        Err(message) => return problems.add("mappingRules", message),
    };
    for (index, rule) in rules.iter().enumerate() {
        check_rule(rule, &format!("mappingRules[{index}]"), problems);
    }
}

fn check_rule(rule: &Value, place: &str, problems: &mut Problems<'_>) {
    let Some(fields) = rule.as_object() else {
        let shown = field::shown(rule);
        return problems.add(
            place,
            format!("{shown} is not a rule with `source` and `target`"),
        );
    };
    let mut found = Vec::new();
    let mut inner = Problems {
        place: format!("{}.{place}", problems.place),
        found: &mut found,
    };
    field::check_names(fields, &KNOWN_IN_RULE, &mut inner);
    if field::present(fields, "customTransform").is_some_and(|value| value.as_str() != Some("")) {
        inner.add(
            "customTransform",
            "a transformation in plain language is not available in this version; name one in `transform`",
        );
    }
    for name in ["source", "target", "transform"] {
        let is_template = fields.get(name).is_some_and(field::has_template);
        if !is_template && let Err(message) = read_field(fields, name) {
            inner.add(name, message);
        }
    }
    problems.found.append(&mut found);
}

/// Whether the field `name` of a rule can be read.
fn read_field(rule: &Fields, name: &str) -> Result<(), String> {
    match name {
        "source" => read_path(rule, name).map(|_| ()),
        "target" => read_path(rule, name)?.check_writable(),
        _ => read_transform(rule).map(|_| ()),
    }
}

fn read_path(rule: &Fields, name: &str) -> Result<Path, String> {
    match field::present(rule, name) {
        Some(Value::String(text)) => Path::parse(text),
        Some(other) => Err(format!("{} is not a path", field::shown(other))),
        None => Err(format!(
            "`{name}` is missing: a path such as `customer.name`"
        )),
    }
}

fn read_transform(rule: &Fields) -> Result<&str, String> {
    match field::present(rule, "transform") {
        None => Ok("direct"),
        Some(Value::String(name)) if name.is_empty() => Ok("direct"),
        Some(Value::String(name)) => convert::find(name).map(|_| name.as_str()),
        Some(other) => Err(format!(
            "{} is not the name of a transform",
            field::shown(other)
        )),
    }
}

/// The rules as they are written; none when the field is absent.
fn rules(config: &Fields) -> Result<&[Value], String> {
    match field::present(config, "mappingRules") {
        None => Ok(&[]),
        Some(Value::Array(rules)) if rules.len() > MAX_RULES => {
            Err(format!("{} rules are more than {MAX_RULES}", rules.len()))
        }
        Some(Value::Array(rules)) => Ok(rules),
        Some(other) => Err(format!("{} is not an array of rules", field::shown(other))),
    }
}

fn run(config: &Value) -> Result<Done, StepError> {
    let config = field::fields(config)?;
    let source = field::present(config, "sourceData").unwrap_or(&Value::Null);
    let rules = rules(config).map_err(field::config_error)?;
    let output = if rules.is_empty() {
        source.clone()
    } else {
        map(source, rules, field::flag(config, "strict", false)?)?
    };
    if let Some(schema) = field::present(config, "targetSchema") {
        let validator = validator(schema).map_err(field::config_error)?;
        if let Err(misfits) = validator.check(&output) {
            let misfit = misfits.into_iter().next();
            let (place, message) =
                misfit.map_or_else(Default::default, |misfit| (misfit.pointer, misfit.message));
            let message = field::cut(&message, 200);
            return Err(failed(format!(
                "the output does not fit `targetSchema` at `{place}`: {message}"
            )));
        }
    }
    Ok(Done { output, way: None })
}

fn map(source: &Value, rules: &[Value], is_strict: bool) -> Result<Value, StepError> {
    // Text around templates makes JSON text of a value; the rules are meant for what it says.
    let parsed = source
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .filter(|value| value.is_object() || value.is_array());
    let source = parsed.as_ref().unwrap_or(source);
    let mut output = Value::Object(Map::new());
    let mut elements_left = path::MAX_MADE_ELEMENTS;
    let mut bytes_left = MAX_WRITTEN_BYTES;
    for (index, rule) in rules.iter().enumerate() {
        let place = |message: String| format!("`mappingRules[{index}]`: {message}");
        let rule = read_rule(rule).map_err(|message| field::config_error(place(message)))?;
        let Some(value) = rule
            .value(source, is_strict)
            .map_err(|m| failed(place(m)))?
        else {
            continue;
        };
        bytes_left = bytes_left.checked_sub(weight(&value)).ok_or_else(|| {
            failed(place(format!(
                "the rules write more than {MAX_WRITTEN_BYTES} bytes"
            )))
        })?;
        rule.target
            .write(&mut output, value, &mut elements_left)
            .map_err(|message| failed(place(message)))?;
    }
    Ok(output)
}

fn read_rule(rule: &Value) -> Result<Rule<'_>, String> {
    let fields = rule.as_object().ok_or("a rule is not an object")?;
    let target = read_path(fields, "target")?;
    target.check_writable()?;
    let transform = read_transform(fields)?;
    Ok(Rule {
        source: read_path(fields, "source")?,
        target,
        convert: convert::find(transform)?,
        is_direct: transform.eq_ignore_ascii_case("direct"),
        default: fields.get("default"),
    })
}

impl Rule<'_> {
    /// What the rule writes; `None` when the target is left out.
    fn value(&self, source: &Value, is_strict: bool) -> Result<Option<Value>, String> {
        let found = match self.source.read(source) {
            None => Err("`source` leads to nothing".to_owned()),
            Some(Value::Null) if self.is_direct && self.default.is_none() => Ok(Value::Null),
            Some(Value::Null) => Err("`source` leads to null".to_owned()),
            Some(value) => (self.convert)(value),
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

fn validator(schema: &Value) -> Result<Schema, String> {
    if !schema.is_object() {
        return Err(format!("{} is not a JSON Schema", field::shown(schema)));
    }
    Schema::compile(schema)
        .map_err(|error| format!("not a JSON Schema: {}", field::cut(&error, 200)))
}

fn failed(message: String) -> StepError {
    StepError::fatal("TRANSFORM", message)
}

#[cfg(test)]
mod tests;
