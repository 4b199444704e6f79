//! `iterationAgentflow`: what it goes over, and what that came to.

use super::{Handed, error};
use crate::engine::step::Round;
use crate::model::flow::passed::{NodeResult, content};
use crate::model::run::StepError;
use serde_json::{Value, json};

/// How deep a list may be nested that is not JSON.
const MAX_LEVELS: usize = 64;

/// The items: a list, or the JSON or JSON5 of one.
pub(super) fn round(config: &Value) -> Result<Round, StepError> {
    let node = Handed::read(config)?;
    let items = match node.input("iterationInput") {
        Some(Value::Array(items)) => Some(items.clone()),
        Some(Value::String(text)) => read(text.trim()),
        _ => None,
    };
    let items = items.ok_or_else(|| error("Invalid input array"))?;
    Ok(Round {
        count: u32::try_from(items.len()).unwrap_or(u32::MAX),
        items: Some(items),
        timeout_ms: None,
    })
}

/// A list as people and models write it: JSON, or JSON5 with its single quotes and trailing commas.
fn read(text: &str) -> Option<Vec<Value>> {
    if let Ok(items) = serde_json::from_str(text) {
        return Some(items);
    }
    // Its reader goes as deep as the text does.
    let mut level = 0_usize;
    for letter in text.bytes() {
        match letter {
            b'[' | b'{' => level += 1,
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
        if level > MAX_LEVELS {
            return None;
        }
    }
    json5::from_str(text).ok()
}

/// What the iterations came to: a text for each item, also for one that failed.
pub(in crate::engine) fn collected(output: &Value) -> Value {
    let list = |name: &str| output.get(name).and_then(Value::as_array);
    let mut results: Vec<Value> = list("results")
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .enumerate()
        .map(|(index, result)| {
            // The others had taken the room already.
            if result.get("truncated") == Some(&Value::Bool(true)) {
                return failed(index, "what it came to is too much beside the others");
            }
            content(result).map_or_else(
                || result.get("output").cloned().unwrap_or_default(),
                Value::String,
            )
        })
        .collect();
    for failure in list("errors").map_or(&[][..], Vec::as_slice) {
        let index = failure.get("index").and_then(Value::as_u64);
        let message = failure.get("message").and_then(Value::as_str);
        if let Some(index) = index.and_then(|index| usize::try_from(index).ok())
            && let Some(result) = results.get_mut(index)
        {
            *result = failed(index, message.unwrap_or_default());
        }
    }
    let lines: Vec<String> = results
        .iter()
        .map(|result| match result {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    let output = json!({ "iterationResults": results, "content": lines.join("\n") });
    NodeResult::of(output).into_value()
}

fn failed(index: usize, message: &str) -> Value {
    Value::String(format!("Error in iteration {}: {message}", index + 1))
}
