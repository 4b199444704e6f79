//! `iterator:list` and `iterator:collect`: what comes after the one is run for each item, up to the other.
//! May not know what is inside of an iteration.

use super::Handed;
use crate::engine::step::field;
use crate::engine::step::{Done, Round};
use crate::model::run::StepError;
use serde_json::{Value, json};

/// The items: what comes in at `list`, else the parameter `list` or `items`. A text is read as JSON.
pub(super) fn round(config: &Value) -> Result<Round, StepError> {
    let node = Handed::read(config)?;
    let given = node.value("list").or_else(|| node.value("items"));
    let items = match given {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|_| node.error("NOT_A_LIST", "the text at `list` is no JSON array"))?,
        Some(other) => {
            let message = format!("{} at `list` is not a list", field::shown(other));
            return Err(node.error("NOT_A_LIST", &message));
        }
    };
    Ok(Round {
        count: u32::try_from(items.len()).unwrap_or(u32::MAX),
        items: Some(items),
        timeout_ms: None,
    })
}

/// What the iterations came to, in the order of the items.
pub(super) fn collect(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let list = match node.inputs.get("item") {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(other) => vec![other.clone()],
    };
    Ok(Done {
        output: json!({ "list": list }),
        way: None,
    })
}
