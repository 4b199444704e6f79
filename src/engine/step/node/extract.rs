//! `utility:json_multi_extract`: takes values out of JSON by paths, each to a port of its own.
//! May not know what made the JSON. Promise: a path that leads nowhere gives an empty text and is named in the output's
//! `_warnings.missingPaths`; models that wrap their JSON in a code fence or in `{"text": …}` are understood.

use super::Handed;
use super::output::Fields as Output;
use crate::engine::step::path::Path;
use crate::engine::step::{Done, field};
use crate::model::json::json_bytes;
use crate::model::run::StepError;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashSet;

/// The most paths of one node.
const MAX_PATHS: usize = 200;

/// `paths`: an object, or the JSON text of one, of output name to path; `wrap`: `{keys, prefix, suffix}` puts texts around
/// the values of some of them.
pub(super) fn run(config: &Value, max_bytes: usize) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let paths = paths(&node)?;
    let source = node.value("json").map(unwrapped).unwrap_or_default();
    let wrapping = Wrapping::of(&node);
    let mut output = Output::new(max_bytes)?;
    let mut missing = Vec::new();
    for (name, path) in &paths {
        let path = path
            .as_str()
            .ok_or_else(|| format!("the path of `{}` is no text", field::cut(name, 40)))
            .and_then(Path::parse)
            .map_err(|message| node.error("CONFIG", &format!("`paths`: {message}")))?;
        let found = path.read(&source).unwrap_or_else(|| {
            missing.push(name.as_str());
            Cow::Owned(Value::from(""))
        });
        if wrapping.keys.contains(name.as_str()) {
            let bytes = json_bytes(&found).saturating_add(wrapping.bytes());
            output.put_text(name, bytes, || wrapping.around(&found))?;
        } else {
            output.put(name, &found)?;
        }
    }
    let mut output = output.done();
    if !missing.is_empty() {
        output.insert("_warnings".to_owned(), json!({ "missingPaths": missing }));
    }
    Ok(Done {
        output: Value::Object(output),
        way: None,
    })
}

fn paths(node: &Handed<'_>) -> Result<Map<String, Value>, StepError> {
    let wrong = |why: &str| node.error("CONFIG", &format!("`paths`: {why}"));
    let paths = match field::present(node.params, "paths") {
        None => return Err(wrong("it is missing: an object of output name to path")),
        Some(Value::Object(paths)) => paths.clone(),
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|error| wrong(&format!("the text is no JSON object: {error}")))?,
        Some(other) => return Err(wrong(&format!("{} is no object", field::shown(other)))),
    };
    if paths.len() > MAX_PATHS {
        return Err(wrong(&format!("there are more than {MAX_PATHS}")));
    }
    Ok(paths)
}

/// The JSON that is meant: a text is read, without a code fence around it; `{"text": …}` is what is in it.
fn unwrapped(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(without_fence(text))
            .map_or_else(|_| value.clone(), |read: Value| unwrapped_object(read)),
        other => unwrapped_object(other.clone()),
    }
}

fn unwrapped_object(value: Value) -> Value {
    match value.get("text") {
        Some(Value::String(text)) if value.as_object().is_some_and(|fields| fields.len() == 1) => {
            serde_json::from_str(without_fence(text)).unwrap_or(value)
        }
        _ => value,
    }
}

/// A text without the three backticks around it, and the language behind the first ones.
fn without_fence(text: &str) -> &str {
    let trimmed = text.trim();
    let inner = trimmed
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"));
    match inner {
        Some(inner) => inner
            .split_once('\n')
            .map_or(inner, |(_, code)| code)
            .trim(),
        None => trimmed,
    }
}

/// What is put around some of the values.
struct Wrapping<'a> {
    /// The names of the outputs that are wrapped.
    keys: HashSet<&'a str>,
    prefix: &'a str,
    suffix: &'a str,
}

impl<'a> Wrapping<'a> {
    fn of(node: &Handed<'a>) -> Wrapping<'a> {
        let field = |name: &str| node.params.get("wrap").and_then(|wrap| wrap.get(name));
        let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default();
        let keys = field("keys").and_then(Value::as_array);
        Wrapping {
            keys: keys
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
            prefix: text("prefix"),
            suffix: text("suffix"),
        }
    }

    fn bytes(&self) -> usize {
        self.prefix.len().saturating_add(self.suffix.len())
    }

    fn around(&self, value: &Value) -> String {
        let inner = field::scalar_text(value).unwrap_or_else(|| value.to_string());
        format!("{}{inner}{}", self.prefix, self.suffix)
    }
}
