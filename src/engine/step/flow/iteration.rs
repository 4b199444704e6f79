//! `iterationAgentflow`: what it goes over, and what that came to.

use super::{Handed, error};
use crate::engine::step::Round;
use crate::model::flow::passed::{NodeResult, content};
use crate::model::run::StepError;
use serde_json::{Value, json};

/// The items: a list, or the JSON of one.
pub(super) fn round(config: &Value) -> Result<Round, StepError> {
    let node = Handed::read(config)?;
    let items = match node.input("iterationInput") {
        Some(Value::Array(items)) => Some(items.clone()),
        Some(Value::String(text)) => match serde_json::from_str(text.trim()) {
            Ok(Value::Array(items)) => Some(items),
            _ => None,
        },
        _ => None,
    };
    let items = items.ok_or_else(|| error("Invalid input array"))?;
    Ok(Round {
        count: u32::try_from(items.len()).unwrap_or(u32::MAX),
        items: Some(items),
        timeout_ms: None,
    })
}

/// What the iterations came to: a text for each item, also for one that failed.
pub(in crate::engine) fn collected(output: &Value) -> Value {
    let list = |name: &str| output.get(name).and_then(Value::as_array);
    let mut results: Vec<Value> = list("results")
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|result| {
            content(result).map_or_else(
                || result.get("output").cloned().unwrap_or_default(),
                Value::String,
            )
        })
        .collect();
    for failure in list("errors").map_or(&[][..], Vec::as_slice) {
        let index = failure.get("index").and_then(Value::as_u64);
        let place = index.and_then(|index| usize::try_from(index).ok());
        let message = failure.get("message").and_then(Value::as_str);
        if let (Some(index), Some(result)) = (index, place.and_then(|place| results.get_mut(place)))
        {
            let message = message.unwrap_or_default();
            *result = Value::String(format!("Error in iteration {}: {message}", index + 1));
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
