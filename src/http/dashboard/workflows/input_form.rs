//! A form made of an input schema, and the input that it comes to when it is sent. May not know runs; whether an input fits
//! is the engine's to say. Promise: what cannot be a field of its own is JSON in a field, so that every input can be given.

use super::super::form::Form;
use super::super::written::written_bytes;
use crate::model::plan::DefinitionProblem;
use serde_json::{Map, Value};

/// A schema with more properties is one field of JSON.
const MAX_FIELDS: usize = 50;
/// A form that takes more room than this is one field of JSON.
const MAX_FORM_BYTES: usize = 48 << 10;
/// A choice of more values is written, and not chosen.
const MAX_CHOICES: usize = 100;
/// A text is cut after so many characters.
const MAX_HINT_CHARS: usize = 300;
/// What the whole input is called where it is one field.
const WHOLE: &str = "input";

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Date,
    Number,
    Integer,
    /// One of a list of values, each written as JSON: those of an `enum`, `true` and `false`.
    Choice,
    Json,
}

/// A field.
pub(super) struct InputField {
    /// The name that is sent: `field-` and the property's; `input` for the input as a whole.
    pub(super) name: String,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
    /// The values to choose from: what is sent, and what is read.
    pub(super) choices: Vec<(String, String)>,
    /// What stands in it.
    pub(super) value: String,
    /// What is wrong with it.
    pub(super) mistakes: Vec<String>,
}

/// The fields for a schema.
pub(super) fn fields(schema: &Value) -> Vec<InputField> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.filter(|all| !all.is_empty() && all.len() <= MAX_FIELDS);
    let Some(properties) = properties else {
        return vec![whole()];
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)))
    };
    let fields: Vec<InputField> = properties
        .iter()
        .map(|(name, property)| field(name, property, is_required(name)))
        .collect();
    let bytes: usize = fields.iter().map(field_bytes).sum();
    if bytes > MAX_FORM_BYTES {
        return vec![whole()];
    }
    fields
}

/// How much room a field takes on the page, in bytes of HTML, what is written twice counted twice.
fn field_bytes(field: &InputField) -> usize {
    let choices = field.choices.iter();
    let choices = choices.map(|(value, read)| 40 + written_bytes(value) + written_bytes(read));
    let texts = [&field.name, &field.label, &field.hint, &field.value];
    let texts = texts.into_iter().map(|text| 2 * written_bytes(text));
    200 + texts.sum::<usize>() + choices.sum::<usize>()
}

/// The input as one field of JSON.
fn whole() -> InputField {
    InputField {
        name: WHOLE.to_owned(),
        label: "Input".to_owned(),
        hint: "A JSON object.".to_owned(),
        kind: Kind::Json,
        is_required: false,
        choices: Vec::new(),
        value: "{}".to_owned(),
        mistakes: Vec::new(),
    }
}

fn field(name: &str, property: &Value, is_required: bool) -> InputField {
    let (kind, choices) = kind(property);
    let cut = |text: &str| text.chars().take(MAX_HINT_CHARS).collect::<String>();
    let hint = property.get("description").and_then(Value::as_str);
    let title = property.get("title").and_then(Value::as_str);
    let default = property.get("default").filter(|value| !value.is_null());
    let value = default.map(|default| match (kind, default) {
        (Kind::Text | Kind::Date, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    });
    InputField {
        name: format!("field-{name}"),
        label: cut(title.filter(|title| !title.is_empty()).unwrap_or(name)),
        hint: cut(hint.unwrap_or_default()),
        kind,
        is_required,
        choices,
        value: value.unwrap_or_default(),
        mistakes: Vec::new(),
    }
}

fn kind(property: &Value) -> (Kind, Vec<(String, String)>) {
    let choice = |value: &Value| {
        let read = value.as_str().map(str::to_owned);
        (value.to_string(), read.unwrap_or_else(|| value.to_string()))
    };
    if let Some(values) = property.get("enum").and_then(Value::as_array)
        && values.len() <= MAX_CHOICES
    {
        return (Kind::Choice, values.iter().map(choice).collect());
    }
    let format = property.get("format").and_then(Value::as_str);
    let kind = match property.get("type").and_then(Value::as_str) {
        Some("string") if format == Some("date") => Kind::Date,
        Some("string") => Kind::Text,
        Some("number") => Kind::Number,
        Some("integer") => Kind::Integer,
        Some("boolean") => {
            let both = [Value::Bool(true), Value::Bool(false)];
            return (Kind::Choice, both.iter().map(choice).collect());
        }
        _ => Kind::Json,
    };
    (kind, Vec::new())
}

/// The input that a form comes to. `None` where a field cannot be read; what is wrong stands there. Fields keep what was
/// written.
pub(super) fn filled_in(fields: &mut [InputField], form: &Form) -> Option<Value> {
    let mut input = Map::new();
    let mut is_read = true;
    for field in fields {
        let written = form.all(&field.name).next().unwrap_or_default();
        field.value = written.replace("\r\n", "\n");
        match read(field) {
            Ok(Some(Value::Object(whole))) if field.name == WHOLE => return Some(whole.into()),
            Ok(_) if field.name == WHOLE => {
                field.mistakes.push("It is no JSON object.".to_owned());
                return None;
            }
            Ok(Some(value)) => {
                let property = field.name.strip_prefix("field-").unwrap_or_default();
                input.insert(property.to_owned(), value);
            }
            Ok(None) if field.is_required && field.kind != Kind::Text => {
                field.mistakes.push("It is missing.".to_owned());
                is_read = false;
            }
            Ok(None) => {}
            Err(mistake) => {
                field.mistakes.push(mistake);
                is_read = false;
            }
        }
    }
    is_read.then_some(Value::Object(input))
}

/// What a field says; `None` for nothing.
fn read(field: &InputField) -> Result<Option<Value>, String> {
    let text = field.value.trim();
    match field.kind {
        // An empty text is a text where there must be one.
        Kind::Text if field.value.is_empty() && !field.is_required => Ok(None),
        Kind::Text => Ok(Some(Value::from(field.value.as_str()))),
        _ if text.is_empty() => Ok(None),
        Kind::Date => Ok(Some(Value::from(text))),
        Kind::Number | Kind::Integer | Kind::Choice | Kind::Json => {
            let value: Value = serde_json::from_str(text).map_err(|error| match field.kind {
                Kind::Number | Kind::Integer => "It is no number.".to_owned(),
                _ => format!("It is no JSON: {error}."),
            })?;
            match field.kind {
                Kind::Number | Kind::Integer if !value.is_number() => {
                    Err("It is no number.".to_owned())
                }
                _ => Ok(Some(value)),
            }
        }
    }
}

/// Puts each problem to its field; gives those that belong to none.
pub(super) fn told(
    fields: &mut [InputField],
    problems: Vec<DefinitionProblem>,
) -> Vec<DefinitionProblem> {
    let mut others = Vec::new();
    for problem in problems {
        let below = problem.place.strip_prefix("input.").unwrap_or_default();
        let found = fields.iter_mut().find(|field| {
            let property = field.name.strip_prefix("field-");
            property.is_some_and(|property| {
                let rest = below.strip_prefix(property);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        });
        match found {
            Some(field) => field.mistakes.push(problem.message),
            None => others.push(problem),
        }
    }
    others
}
