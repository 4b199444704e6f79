//! `humanInputAgentflow`: waits until somebody says yes or no.
//! Promise: what is asked is what clients of Flowise show: a question with two buttons.

use super::{Handed, took};
use crate::engine::step::{Done, Question};
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use serde_json::{Value, json};

/// The ways of a yes and of a no.
const PROCEED: u32 = 0;
const REJECT: u32 = 1;

pub(super) fn question(config: &Value) -> Result<Question, StepError> {
    let node = Handed::read(config)?;
    Ok(Question {
        request: json!({
            "id": node.id,
            "mapping": { "approve": "Proceed", "reject": "Reject" },
            "elements": [
                { "type": "agentflowv2-approve-button", "label": "Proceed" },
                { "type": "agentflowv2-reject-button", "label": "Reject" },
            ],
            "data": {
                "nodeId": node.id,
                "nodeLabel": node.label,
                "input": node.text("humanInputDescription"),
            },
        }),
        timeout_ms: None,
    })
}

/// What a node comes to whose question was answered. `request` is what was asked.
pub(in crate::engine) fn answered(request: &Value, approved: bool, feedback: Option<&str>) -> Done {
    let feedback = feedback.filter(|feedback| !feedback.is_empty());
    let mut output = json!({
        "conditions": [
            { "type": "proceed", "isFulfilled": approved },
            { "type": "reject", "isFulfilled": !approved },
        ],
    });
    let mut messages = Vec::new();
    if let (Some(feedback), Some(fields)) = (feedback, output.as_object_mut()) {
        fields.insert("content".to_owned(), json!(feedback));
        messages.push(json!({ "role": "user", "content": feedback }));
    }
    let input = request.pointer("/data/input").cloned().unwrap_or_default();
    let result = NodeResult {
        input: json!({ "description": input }),
        output,
        state: None,
        messages,
    };
    took(result, Some(if approved { PROCEED } else { REJECT }))
}
