//! `startAgentflow`: what the flow begins with, and its first state.

use super::{Handed, done};
use crate::engine::step::Done;
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use serde_json::{Map, Value, json};

pub(super) fn run(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let input = match node.text("startInputType") {
        "formInput" => json!({ "form": node.told("form") }),
        "webhookTrigger" => {
            json!({ "question": node.told("question"), "webhook": node.told("webhook") })
        }
        "scheduleInput" => {
            let asked = node.told_text("question");
            let default = node.text("scheduleDefaultInput");
            json!({ "question": if asked.is_empty() { default } else { asked } })
        }
        _ => json!({ "question": node.told("question") }),
    };
    let mut state = Map::new();
    for pair in node.list("startState") {
        let key = pair.get("key").and_then(Value::as_str).unwrap_or_default();
        if !key.is_empty() {
            let value = pair.get("value").cloned().unwrap_or_default();
            state.insert(key.to_owned(), value);
        }
    }
    if let Some(left) = node.told("state").as_object() {
        state.extend(left.clone());
    }
    Ok(done(NodeResult {
        output: input.clone(),
        input,
        state: (!state.is_empty()).then_some(state),
        messages: Vec::new(),
    }))
}
