//! `utility:json_multi_extract`: takes values out of JSON by paths, each to a port of its own.
//! May not know what made the JSON. Promise: a path that leads nowhere gives an empty text and is named in the output's
//! `_warnings.missingPaths`; models that wrap their JSON in a code fence or in `{"text": …}` are understood.

use super::Handed;
use crate::engine::step::path::Path;
use crate::engine::step::{Done, field};
use crate::model::run::StepError;
use serde_json::{Map, Value, json};

/// The most paths of one node.
const MAX_PATHS: usize = 200;

/// `paths`: an object, or the JSON text of one, of output name to path; `wrap`: `{keys, prefix, suffix}` puts texts around
/// the values of some of them.
pub(super) fn run(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let paths = paths(&node)?;
    let source = node.value("json").map(unwrapped).unwrap_or_default();
    let mut output = Map::new();
    let mut missing = Vec::new();
    for (name, path) in &paths {
        let path = path
            .as_str()
            .ok_or_else(|| format!("the path of `{}` is no text", field::cut(name, 40)))
            .and_then(Path::parse)
            .map_err(|message| node.error("CONFIG", &format!("`paths`: {message}")))?;
        let found = path.read(&source).map(std::borrow::Cow::into_owned);
        if found.is_none() {
            missing.push(name.as_str());
        }
        output.insert(name.clone(), found.unwrap_or_else(|| Value::from("")));
    }
    wrap(&node, &mut output);
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

fn wrap(node: &Handed<'_>, output: &mut Map<String, Value>) {
    let Some(wrap) = node.params.get("wrap") else {
        return;
    };
    let text = |name: &str| wrap.get(name).and_then(Value::as_str).unwrap_or_default();
    let keys = wrap.get("keys").and_then(Value::as_array);
    for key in keys.into_iter().flatten().filter_map(Value::as_str) {
        if let Some(value) = output.get_mut(key) {
            let inner = field::scalar_text(value).unwrap_or_else(|| value.to_string());
            *value = Value::from(format!("{}{inner}{}", text("prefix"), text("suffix")));
        }
    }
}
