//! What a step of a flow is handed: its inputs with their texts filled in, and what its kind needs to know of the run.
//! Promise: what a caller puts in the place of an input is never read as a template, so it names no variable and no node.
//!
//! `{"id", "label", "name", "inputs", …}`; of nodes that ask a model also what was said, of functions the flow's `flow` and
//! `variables`, of loops how often they have gone back.

use super::sight::{Sight, state};
use super::text::Text;
use super::{FlowStep, NodeKind};
use crate::model::plan::Node;
use serde_json::{Map, Value, json};

/// What nobody who asks a flow may replace, whatever its owner allows: what it runs, and which other flows it reaches.
const NOT_REPLACED: [&str; 4] = [
    "customFunctionJavascriptFunction",
    "executeFlowSelectedFlow",
    "agentTools",
    "loopBackToNode",
];

/// What the step is handed; the error says which input cannot be filled in.
pub fn handed(node: &Node, step: &FlowStep, sight: &Sight<'_>) -> Result<Value, String> {
    let mut fields = Map::new();
    let label = node.name.as_deref().unwrap_or(&node.id);
    fields.insert("id".to_owned(), json!(node.id));
    fields.insert("label".to_owned(), json!(label));
    fields.insert("name".to_owned(), json!(step.known.name));
    fields.insert(
        "inputs".to_owned(),
        Value::Object(inputs(node, step, sight)?),
    );
    let more = match step.known.kind {
        NodeKind::Start => start(sight),
        kind if kind.asks_model() => asked(step, sight),
        NodeKind::CustomFunction => function(sight),
        NodeKind::ExecuteFlow => execution(sight),
        NodeKind::HumanInput => json!({ "question": given(sight, "question") }),
        NodeKind::Loop => json!({ "visits": sight.run.visits(sight.plan, sight.step) }),
        _ => Value::Null,
    };
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Ok(Value::Object(fields))
}

fn inputs(node: &Node, step: &FlowStep, sight: &Sight<'_>) -> Result<Map<String, Value>, String> {
    let overrides = sight.input.get("overrides");
    let of = |id: &str| overrides?.get(id)?.as_object();
    let resolve = |reference: &_| sight.resolve(reference);
    let render = |name: &str, text: &Text| {
        let rendered = text.render(&resolve);
        rendered.map_err(|error| format!("`{name}` of `{}`: {error}", node.id))
    };
    let mut inputs = Map::new();
    for (name, text) in &step.inputs {
        let mut value = render(name, text)?;
        // The parts of a chain are nodes of their own.
        let part = value
            .get("id")
            .and_then(Value::as_str)
            .and_then(of)
            .cloned();
        if let (NodeKind::Chain, Some(part)) = (step.known.kind, part)
            && let Some(inputs) = value.get_mut("inputs").and_then(Value::as_object_mut)
        {
            inputs.extend(part);
        }
        inputs.insert(name.clone(), value);
    }
    let replaced = of(&node.id).into_iter().flatten();
    for (name, value) in replaced.filter(|(name, _)| !NOT_REPLACED.contains(&name.as_str())) {
        inputs.insert(name.clone(), joined(inputs.get(name), value.clone()));
    }
    Ok(inputs)
}

/// A list is added to a list; anything else takes the place of what was there.
fn joined(before: Option<&Value>, value: Value) -> Value {
    match (before, value) {
        (Some(Value::Array(before)), Value::Array(more)) => {
            let new = more.into_iter().filter(|item| !before.contains(item));
            Value::Array(
                before
                    .iter()
                    .cloned()
                    .chain(new.collect::<Vec<_>>())
                    .collect(),
            )
        }
        (_, value) => value,
    }
}

fn given<'a>(sight: &Sight<'a>, name: &str) -> &'a Value {
    static NULL: Value = Value::Null;
    sight.input.get(name).unwrap_or(&NULL)
}

fn start(sight: &Sight<'_>) -> Value {
    json!({
        "question": given(sight, "question"),
        "form": given(sight, "form"),
        "webhook": given(sight, "webhook"),
        "state": given(sight, "state"),
    })
}

fn asked(step: &FlowStep, sight: &Sight<'_>) -> Value {
    json!({
        "question": given(sight, "question"),
        "history": given(sight, "history"),
        "past": given(sight, "past"),
        "images": given(sight, "images"),
        "fileAttachment": given(sight, "fileAttachment"),
        "messages": sight.messages().cloned().collect::<Vec<_>>(),
        "isFirst": sight.is_first_model(),
        "isLast": step.is_last,
        "flow": flow(sight),
        "nowMs": sight.now_ms,
    })
}

fn function(sight: &Sight<'_>) -> Value {
    json!({
        "question": given(sight, "question"),
        "flow": flow(sight),
        "variables": given(sight, "variables"),
    })
}

fn execution(sight: &Sight<'_>) -> Value {
    json!({ "flow": flow(sight) })
}

/// `$flow`, as functions see it.
fn flow(sight: &Sight<'_>) -> Value {
    json!({
        "chatflowId": given(sight, "chatflowId"),
        "chatId": given(sight, "chatId"),
        "sessionId": given(sight, "sessionId"),
        "input": given(sight, "question"),
        "state": sight.state(),
    })
}

/// The flow's state after a step, where it changes it. `own` of `sight` is what the step came to.
pub fn updated(step: &FlowStep, sight: &Sight<'_>) -> Result<Option<Map<String, Value>>, String> {
    let Some(updates) = &step.updates else {
        return Ok(None);
    };
    let Value::Array(updates) = updates.render(&|reference| sight.resolve(reference))? else {
        return Ok(None);
    };
    let mut now = state(sight.run);
    let mut is_changed = false;
    for update in &updates {
        let key = update
            .get("key")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !key.is_empty() {
            let value = update.get("value").cloned().unwrap_or_default();
            now.insert(key.to_owned(), value);
            is_changed = true;
        }
    }
    Ok(is_changed.then_some(now))
}
