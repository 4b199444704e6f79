//! `executeFlowAgentflow`: runs another flow, and takes what that answers.
//! May not know how runs are started.

use super::{Handed, error};
use crate::engine::step::ChildRequest;
use crate::model::flow::PredictionInput;
use crate::model::flow::passed::{NodeResult, content};
use crate::model::run::StepError;
use serde_json::{Value, json};

pub(super) fn request(config: &Value) -> Result<ChildRequest, StepError> {
    let node = Handed::read(config)?;
    let chosen = node.text("executeFlowSelectedFlow");
    let workflow_id = chosen.parse().map_err(|_| {
        error(format!(
            "`{chosen}` is not the id of a flow: choose one in `executeFlowSelectedFlow`"
        ))
    })?;
    let of_flow = |name: &str| {
        node.told("flow")
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if of_flow("chatflowId") == chosen {
        return Err(error("Cannot call the same agentflow!"));
    }
    let overrides = match node.input("executeFlowOverrideConfig") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Value::Null,
    };
    let session = overrides.get("sessionId").and_then(Value::as_str);
    let input = PredictionInput {
        question: node.text("executeFlowInput").to_owned(),
        chatflow_id: chosen.to_owned(),
        chat_id: of_flow("chatId").to_owned(),
        session_id: session.unwrap_or_else(|| of_flow("sessionId")).to_owned(),
        ..PredictionInput::default()
    };
    let input = serde_json::to_value(input).map_err(|error| super::error(error.to_string()))?;
    Ok(ChildRequest {
        workflow_id,
        input,
        waits: true,
        timeout_ms: None,
        idempotency_key: None,
        ports: None,
        flow: Some(config.clone()),
    })
}

/// What the node comes to: what the other run has answered, or whatever else it came to.
pub(in crate::engine) fn executed(config: &Value, result: &Value) -> Value {
    let answer = content(result).unwrap_or_else(|| match result {
        Value::String(text) => text.clone(),
        other => format!("```json\n{other:#}\n```"),
    });
    let inputs = config.get("inputs").unwrap_or(&Value::Null);
    let role = match inputs
        .get("executeFlowReturnResponseAs")
        .and_then(Value::as_str)
    {
        Some("assistantMessage") => "assistant",
        _ => "user",
    };
    let asked = inputs.get("executeFlowInput").cloned().unwrap_or_default();
    NodeResult {
        input: json!({ "messages": [{ "role": "user", "content": asked }] }),
        output: json!({ "content": answer }),
        state: None,
        messages: vec![json!({ "role": role, "content": answer })],
    }
    .into_value()
}
